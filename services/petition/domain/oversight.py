"""Around the handling: supervision, leaders, recusal, urgent reports, evaluation, new calendars."""

from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import petition as p
from schemas.intake import FeedbackGiven
from schemas.message import Actor
from services.petition.domain.desk import SUPERVISOR, Desk
from services.petition.domain.petition import Petition, S


class Oversight:
    """R-PET-11, R-PET-13, R-PET-14, R-PET-15, R-PET-19."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def _not_over_it(self, state: Petition, actor: Actor) -> Refused | None:
        if self._desk.oversees(actor, state.unit):
            return None
        return Refused(
            "NOT_A_SUPERIOR", f"only the petition office or a unit above {state.unit} may do this (XF40)"
        )

    def supervise(self, state: Petition, c: p.SupervisePetition, _: datetime) -> Decision:
        """督办, on one of the grounds of XF40."""
        if no := self._not_over_it(state, c.actor):
            return no
        if c.ground is p.SupervisionGround.NOT_EXECUTED and state.status is not S.EXECUTING:
            return Refused("NOTHING_TO_EXECUTE", "no supported opinion waits to be carried out", "ground")
        supervised = p.PetitionSupervised(
            terms=state.terms,
            unit=state.unit or "",
            ground=c.ground,
            reason=c.reason,
            recommendation=c.recommendation,
        )
        return [supervised]

    def answer(self, state: Petition, c: p.AnswerSupervision, _: datetime) -> Decision:
        """XF40: whether the recommendation is adopted."""
        if not state.supervised:
            return Refused("NOT_SUPERVISED", "there is no supervision to answer")
        return [p.SupervisionAnswered(terms=state.terms, adopted=c.adopted, note=c.note)]

    def lead(self, state: Petition, c: p.SetPetitionLeader, _: datetime) -> Decision:
        """领导包案 (R-PET-19)."""
        if no := self._not_over_it(state, c.actor):
            return no
        return [p.PetitionLeaderSet(terms=state.terms, leader=c.leader, note=c.note)]

    def recuse(self, state: Petition, c: p.RecuseOfficer, _: datetime) -> Decision:
        """R-PET-11: by oneself, or by the head of the officer's unit or who stands over that."""
        if no := self._desk.unknown_unit("unit", c.unit):
            return no
        own = (c.actor.subject, c.actor.unit) == (c.officer, c.unit)
        heads = c.actor.role == SUPERVISOR and self._desk.acts_for(c.actor, c.unit)
        if not (own or heads or self._desk.oversees(c.actor, c.unit)):
            reason = (
                f"the officer themselves, the head of {c.unit} or a unit above it decides the recusal (XF28)"
            )
            return Refused("NOT_A_SUPERIOR", reason, "unit")
        if state.is_recused(c.officer, c.unit):
            return Refused("RECUSED_ALREADY", f"{c.officer} takes no part any more", "officer")
        return [p.OfficerRecused(terms=state.terms, officer=c.officer, unit=c.unit, reason=c.reason)]

    def report_urgent(self, state: Petition, c: p.ReportUrgentPetition, _: datetime) -> Decision:
        """R-PET-15: at once, to the district's leadership, the joint conference and the petition offices above."""
        reported = p.UrgentReported(
            terms=state.without("urgent"), recipients=self._desk.offices.urgent_to, note=c.note
        )
        return [reported]

    def evaluate(self, state: Petition, c: p.EvaluatePetition, _: datetime) -> Decision:
        """R-PET-13: once there is a result, recorded by who has no part in it; the petitioner's own goes before."""
        if state.evaluated:
            return Refused("EVALUATED_ALREADY", "the petitioner's evaluation is recorded")
        if c.actor.unit in {*state.holders, state.issuer, self._desk.offices.office}:
            return Refused(
                "OWN_CASE",
                "nobody records the evaluation of their own unit's work; the hotline or the district does",
            )
        evaluated = p.PetitionEvaluated(
            terms=state.terms, office_satisfied=c.office_satisfied, unit_satisfied=c.unit_satisfied
        )
        return [evaluated]

    def feedback(self, state: Petition, e: FeedbackGiven, _: datetime) -> Decision:
        """The petitioner's own evaluation, given through their tracking code (R-PET-13)."""
        known = state.status not in {None, S.DISCIPLINE_SEALED}
        others = e.report is not None
        if not known or others or state.evaluated_by_petitioner or not e.contacted:
            return []
        return [p.PetitionEvaluated(terms=state.terms, unit_satisfied=e.satisfied)]

    def recompute(self, state: Petition, _: p.RecomputePetitionDeadlines, __: datetime) -> Decision:
        """domain.md §6: count provisional times again; nothing where none changed."""
        terms, changed = self._desk.clocks.recomputed(state)
        return [p.PetitionDeadlinesRecomputed(terms=terms, changed=changed)] if changed else []
