"""What petition offices, units and petitioners do: register, forward, accept, decide, review; some too late."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from schemas import petition as p
from schemas.jurisdiction import Jurisdiction, UnitKind
from schemas.message import Actor
from schemas.petition import PetitionStatus as S
from schemas.values import Channel
from services.petition.domain import Petition
from tests.simulation.staff import Office, Plan, Planned, often

_OFFICE = Actor(subject="officer", role="petition_officer", unit="GL-PETITION")
_WORDS = "情况属实"


class PetitionStaff:
    """The petition office, the units, and the petitioner by their hand."""

    def __init__(self, jurisdiction: Jurisdiction, office: Office) -> None:
        self._office = office
        units = jurisdiction.units.items()
        self._handlers = [c for c, u in units if u.kind in {UnitKind.DEPARTMENT, UnitKind.STREET}]
        self._acts: dict[S, Callable[[Petition, datetime, Random], Plan | None]] = {
            S.RECEIVED: self._register,
            S.REGISTERED: self._sort,
            S.FORWARDED: self._accept,
            S.ASSIGNED: self._accept,
            S.OBJECTED: self._decide_objection,
            S.ACCEPTED: self._investigate,
            S.INVESTIGATING: self._work,
            S.HEARING: self._close_hearing,
            S.MEDIATING: self._while_mediated,
            S.OPINION: self._after_opinion,
            S.EXECUTING: self._execute,
            S.REVIEW: self._review,
            S.RECHECK: self._review,
            S.REVIEW_OPINION: self._after_opinion,
        }

    def plan(self, state: object, at: datetime, rng: Random) -> Planned | None:
        """What comes next for the petition."""
        assert isinstance(state, Petition)
        act = self._acts.get(state.status) if state.status else None
        plan = act(state, at, rng) if act else None
        if plan is None:
            return None
        hours, command = plan
        return Planned(self._office.open_from(at + timedelta(hours=hours)), "petition", command)

    def _actor(self, state: Petition, rng: Random) -> Actor:
        """Somebody of the unit; not always the same."""
        number = rng.randrange(20)
        return Actor(subject=f"officer-{number}", role="petition_officer", unit=state.unit)

    def _register(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        group = rng.random() < 0.1
        registered = p.RegisterPetition(
            actor=self._actor(state, rng),
            channel=Channel.VISIT if group else rng.choice(list(Channel)),
            nature=rng.choice((p.Nature.CLAIM, p.Nature.CLAIM, p.Nature.SUGGESTION, p.Nature.DUTY)),
            petitioners=12 if group else 1,
            representatives=rng.choice((3, 5, 6)) if group else None,
            identified=rng.random() < 0.9,
            urgent=rng.random() < 0.03,
            subjects=(rng.choice(self._handlers),) if rng.random() < 0.1 else (),
        )
        return (often(rng, 30), registered) if rng.random() < 0.95 else None

    def _while_mediated(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        """Mostly the mediators have it; now and then it turns out whom it complains of, or that it accuses."""
        chance = rng.random()
        if chance < 0.08:
            named = (rng.choice((state.unit or "", *self._handlers)) if chance < 0.04 else state.unit or "",)
            return often(rng, 100), p.NamePetitionSubjects(actor=_OFFICE, subjects=named, reason=_WORDS)
        return (often(rng, 100), p.SealPetition(actor=self._actor(state, rng))) if chance < 0.1 else None

    def _sort(self, state: Petition, at: datetime, rng: Random) -> Plan | None:
        actor, chance, unit = self._actor(state, rng), rng.random(), rng.choice(self._handlers)
        if chance < 0.04:
            return 40, p.RoutePetition(
                actor=actor, way=p.LegalWay.LITIGATION, exit="court", explanation=_WORDS
            )
        if chance < 0.06:
            return 20, p.SealPetition(actor=actor)
        if chance < 0.08:
            return 20, p.DeclinePetition(actor=actor, explanation=_WORDS, go_to="有权处理的机关")
        if chance < 0.12:
            return None
        if chance < 0.3:
            accepted = p.AcceptPetition(actor=actor, simple=rng.random() < 0.3)
            return often(rng, 60), accepted
        simple = rng.random() < 0.2
        if chance < 0.6:
            report_by = at + timedelta(days=50)
            return often(rng, 60), p.AssignPetition(
                actor=actor, unit=unit, reason=_WORDS, report_by=report_by, simple=simple
            )
        return often(rng, 60), p.ForwardPetition(actor=actor, unit=unit, reason=_WORDS, simple=simple)

    def _accept(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        actor, chance = self._actor(state, rng), rng.random()
        if chance < 0.12:
            return often(rng, 40), p.ObjectPetition(actor=actor, reason=_WORDS)
        if chance < 0.18:
            return None
        simple = state.simple and rng.random() < 0.8
        return often(rng, 60), p.AcceptPetition(actor=actor, simple=simple, reason=None if simple else _WORDS)

    def _decide_objection(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        actor = Actor(subject="sender", role="petition_officer", unit=state.sender)
        decided = p.DecidePetitionObjection(actor=actor, consents=rng.random() < 0.5, reason=_WORDS)
        return (often(rng, 30), decided) if rng.random() < 0.9 else None

    def _investigate(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        if rng.random() < 0.05:
            return None
        return often(rng, 50), p.InvestigatePetition(actor=self._actor(state, rng))

    def _work(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        actor, chance = self._actor(state, rng), rng.random()
        if chance < 0.06:
            return often(rng, 100), p.OpenPetitionHearing(actor=actor, reason=_WORDS)
        if chance < 0.16:
            return often(rng, 100), p.MediatePetition(actor=actor, both_consent=True, within_discretion=True)
        if chance < 0.2 and not state.extended:
            return often(rng, 300), p.ExtendPetition(actor=actor, days=30, reason=_WORDS, head="局长")
        if chance < 0.23:
            return 20, p.SupervisePetition(
                actor=_OFFICE, ground=p.SupervisionGround.SHIRKING, reason=_WORDS, recommendation=_WORDS
            )
        if chance < 0.25:
            return 20, p.NamePetitionSubjects(
                actor=_OFFICE, subjects=(rng.choice(self._handlers),), reason=_WORDS
            )
        if chance < 0.27:
            return 20, p.SetPetitionLeader(actor=_OFFICE, leader="分管副区长", note=_WORDS)
        if chance < 0.31:
            return None
        if state.nature is p.Nature.CLAIM:
            return often(rng, 400), p.IssueOpinion(
                actor=actor, outcome=rng.choice(list(p.PetitionOutcome)), legal_basis=("条例",)
            )
        answer = "adopted" if state.nature is p.Nature.SUGGESTION else "performed"
        return often(rng, 300), p.AnswerPetition(actor=actor, answer=answer, explanation=_WORDS)

    def _close_hearing(self, state: Petition, _: datetime, rng: Random) -> Plan:
        return often(rng, 100), p.ClosePetitionHearing(actor=self._actor(state, rng))

    def _after_opinion(self, state: Petition, at: datetime, rng: Random) -> Plan | None:
        """Delivered in writing; then the petitioner asks for review, or lets the time pass."""
        actor = self._actor(state, rng)
        if state.term("deliver") is not None:
            return often(rng, 50), p.DeliverOpinion(actor=actor, received_at=at)
        if rng.random() < 0.45:
            return often(rng, 250), p.RequestReview(actor=_OFFICE)
        return None

    def _execute(self, state: Petition, at: datetime, rng: Random) -> Plan | None:
        if rng.random() < 0.2:
            return often(rng, 250), p.RequestReview(actor=_OFFICE)
        reported = p.ReportExecution(actor=self._actor(state, rng), done=rng.random() < 0.8, note=_WORDS)
        return (often(rng, 200), reported) if rng.random() < 0.9 else None

    def _review(self, state: Petition, _: datetime, rng: Random) -> Plan | None:
        actor, chance = self._actor(state, rng), rng.random()
        if chance < 0.06 and state.status is S.RECHECK:
            return often(rng, 60), p.OpenPetitionHearing(actor=actor, reason=_WORDS)
        if chance < 0.12:
            return None
        return often(rng, 300), p.IssueReviewOpinion(
            actor=actor,
            confirms=rng.random() < 0.7,
            outcome=rng.choice(list(p.PetitionOutcome)),
            legal_basis=("条例",),
        )
