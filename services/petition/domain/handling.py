"""Between acceptance and opinion: investigation, hearing, mediation, more time; answers without an opinion."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import petition as p
from schemas.mediation import MediationHandedBack
from schemas.message import Event
from schemas.procedure import HandBack
from services.petition.domain.desk import SUPERVISOR, Desk
from services.petition.domain.leaving import handed_back
from services.petition.domain.petition import Petition, S

MEDIATED_WORDS: Final = "信访事项办结。"
"""After what the mediation itself says of the agreement (XF33)."""


class Handling:
    """R-PET-06, R-PET-07, R-PET-16, R-PET-17, R-PET-20; XF29, XF31."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def investigate(self, state: Petition, c: p.InvestigatePetition, _: datetime) -> Decision:
        """Hear the petitioner, look into the facts."""
        return [p.InvestigationBegun(terms=state.terms, note=c.note)]

    def open_hearing(self, state: Petition, c: p.OpenPetitionHearing, at: datetime) -> Decision:
        """听证; in a re-review its days are not counted (XF36)."""
        hearing = self._desk.clocks.start("hearing", "hearing", at)
        pauses = state.status is S.RECHECK
        return [p.HearingOpened(terms=(*state.terms, hearing), reason=c.reason, pauses=pauses)]

    def close_hearing(self, state: Petition, c: p.ClosePetitionHearing, at: datetime) -> Decision:
        """Back to where it was."""
        terms = state.without("hearing")
        if state.paused_at is not None:
            terms = (*self._desk.clocks.resumed(state, at), *state.without("hearing", "recheck", "mark"))
        return [p.HearingClosed(terms=terms, note=c.note)]

    def mediate(self, state: Petition, c: p.MediatePetition, _: datetime) -> Decision:
        """R-PET-16: the unit stays responsible, and its 60 days run on (XF33, XF34)."""
        if not c.both_consent:
            return Refused(
                "NO_CONSENT", "both sides consent to a mediation, or there is none (XF33)", "both_consent"
            )
        if not c.within_discretion:
            return Refused(
                "NO_DISCRETION",
                "what the law leaves no discretion about is not mediated (XF33)",
                "within_discretion",
            )
        return [
            p.PetitionSentToMediation(
                unit=state.unit or "",
                matter=state.matter,
                subjects=state.subjects,
                recused=tuple(one.officer for one in state.recused),
            )
        ]

    def mediated(self, state: Petition, e: MediationHandedBack, _: datetime) -> Decision:
        """What was agreed in writing settles it; otherwise the investigation goes on. Of another unit's mediation,
        which it had before, it takes no answer."""
        if state.status is not S.MEDIATING or e.unit != state.unit:
            return []
        if e.result is not HandBack.SETTLED:
            return [p.MediationReturned(terms=state.terms, result=e.result)]
        settled = p.PetitionSettled(by_way="mediated")
        return [settled, handed_back(state.unit, HandBack.SETTLED, f"{e.explanation}{MEDIATED_WORDS}")]

    def extend(self, state: Petition, c: p.ExtendPetition, at: datetime) -> Decision:
        """R-PET-07: once, before the time is over, by the head of the responsible unit itself (XF34: 本机关)."""
        if c.actor.role != SUPERVISOR or not self._desk.is_of(c.actor, state.unit):
            return Refused("NOT_THE_HEAD", f"only the head of {state.unit} approves an extension (XF34)")
        term = state.term("opinion")
        if state.extended:
            return Refused("EXTENDED_ALREADY", "the time is extended once, by 30 days at most (XF34)")
        if state.simple:
            return Refused("SIMPLE", "a simple procedure is not extended; go on in the ordinary one first")
        if term is None or term.at <= at:
            return Refused("TOO_LATE", "the time for the opinion is over; it is extended before (XF34)")
        longer, mark = self._desk.clocks.extended(term, c.days)
        terms = (longer, mark, *state.without("opinion", "mark"))
        return [p.OpinionExtended(terms=terms, days=c.days, reason=c.reason, head=c.head, due=longer.at)]

    def leave_simple(self, state: Petition, c: p.LeaveSimpleProcedure, _: datetime) -> Decision:
        """R-PET-17: 60 days from the acceptance instead of 10 working days."""
        if not state.simple or state.accepted_at is None:
            return Refused("NOT_SIMPLE", "the petition is in the ordinary procedure already")
        ordinary = self._desk.clocks.timed("opinion", "opinion", state.accepted_at)
        return [p.SimpleProcedureLeft(terms=(*ordinary, *state.without("opinion", "mark")), reason=c.reason)]

    def answer(self, state: Petition, c: p.AnswerPetition, _: datetime) -> Decision:
        """XF29, XF31 (5): what needs no opinion is answered."""
        fitting = {
            p.Nature.SUGGESTION: ("adopted", "partly_adopted", "not_adopted"),
            p.Nature.DUTY: ("performed", "answered"),
            p.Nature.CLAIM: (),
        }[state.nature]
        if not fitting:
            return Refused("NEEDS_AN_OPINION", "a claim is answered by an opinion (XF31 (6)); issue one")
        if c.answer not in fitting:
            return Refused("WRONG_ANSWER", f"a {state.nature} is: {', '.join(fitting)}", "answer")
        events: list[Event] = [
            p.PetitionAnswered(answer=c.answer, explanation=c.explanation),
            p.PetitionSettled(by_way="answered"),
        ]
        return [*events, handed_back(state.unit, HandBack.SETTLED, c.explanation)]

    def invite(self, state: Petition, c: p.InviteThirdParty, _: datetime) -> Decision:
        """R-PET-20."""
        return [p.ThirdPartyInvited(terms=state.terms, kind=c.kind, note=c.note)]
