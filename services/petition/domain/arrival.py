"""A unit that was sent a petition: it accepts, or objects and its sender decides (R-PET-03)."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import petition as p
from services.petition.domain.desk import Desk
from services.petition.domain.petition import Petition, S
from services.petition.domain.sorting import Sorting

GROUP: Final = 5
"""Petitioners from whom on it is a group's, which is no simple matter (R-PET-12, R-PET-17; DES)."""


class Arrival:
    """R-PET-02, R-PET-03, R-PET-17."""

    def __init__(self, desk: Desk, sorting: Sorting) -> None:
        self._desk, self._sorting = desk, sorting

    def object(self, state: Petition, c: p.ObjectPetition, at: datetime) -> Decision:
        """Not our remit: once, within 5 working days."""
        if state.locked:
            return Refused("LOCKED", "it was decided that this unit accepts; it objects no more (XF23, XF24)")
        term = state.term("object")
        if term is None or term.at <= at:
            return Refused("TOO_LATE", "the 5 working days to object are over; the unit accepts (XF23)")
        if c.proposed is not None and (no := self._desk.unknown_unit("proposed", c.proposed)):
            return no
        consent = self._desk.clocks.start("consent", "consent", at)
        objected = p.PetitionObjected(
            terms=(*state.without("object", "notice"), consent),
            unit=state.unit or "",
            sender=state.sender or "",
            reason=c.reason,
            proposed=c.proposed,
        )
        return [objected]

    def decide(self, state: Petition, c: p.DecidePetitionObjection, at: datetime) -> Decision:
        """The sender's consent returns it; without it, the unit keeps it."""
        if not self._desk.acts_for(c.actor, state.sender):
            return Refused("NOT_THE_SENDER", f"only {state.sender}, which sent it, may consent to its return")
        if c.consents:
            register = self._desk.clocks.start("register", "register", at)
            terms = (register, *state.only("urgent"))
            unit = state.sender or ""
        else:
            terms = (
                *self._sorting.arrival(at, simple=state.simple, may_object=False),
                *state.only("report", "urgent"),
            )
            unit = state.unit or ""
        return [p.PetitionObjectionDecided(terms=terms, consented=c.consents, unit=unit, reason=c.reason)]

    def accept(self, state: Petition, c: p.AcceptPetition, at: datetime) -> Decision:
        """受理: the time for the opinion begins."""
        direct = state.status is S.REGISTERED
        if direct and state.unit == self._desk.offices.office:
            return Refused(
                "NOT_A_HANDLING_UNIT",
                "the petition office forwards or assigns; a competent unit accepts (XF22)",
            )
        nature = c.nature or state.nature
        if state.nature is p.Nature.CLAIM and nature is not p.Nature.CLAIM:
            return Refused(
                "A_CLAIM_STAYS",
                "it is registered as a claim, which gets an opinion that can be reviewed (XF31 (6), XF35)",
                "nature",
            )
        simple = c.simple
        if state.simple and not simple and c.reason is None:
            return Refused(
                "REASON_NEEDED", "it was sent to be handled simply; say why it is not (R-PET-17)", "reason"
            )
        if simple and (no := self._not_simple(state, nature, at)):
            return no
        rule = "simple-opinion" if simple else "opinion" if nature is p.Nature.CLAIM else "answer"
        accepted = p.PetitionAccepted(
            terms=(*self._desk.clocks.timed("opinion", rule, at), *state.only("report", "urgent")),
            unit=state.unit or "",
            nature=nature,
            simple=simple,
            direct=direct,
            reason=c.reason or "",
        )
        return [accepted]

    def _not_simple(self, state: Petition, nature: p.Nature, at: datetime) -> Refused | None:
        """R-PET-17: first-time claims, within 3 working days of their receipt."""
        if nature is not p.Nature.CLAIM or state.same_as is not None:
            return Refused("NOT_SIMPLE", "only a claim made for the first time is handled simply", "simple")
        if state.urgent or state.petitioners >= GROUP:
            return Refused(
                "NOT_SIMPLE", f"a major or urgent matter, or one of {GROUP} and more, is not simple", "simple"
            )
        arrived = state.main()
        if arrived is None or self._desk.clocks.start("notice", "simple-accept", arrived.since).at <= at:
            return Refused(
                "TOO_LATE",
                "a simple procedure is accepted within 3 working days; accept it ordinarily",
                "simple",
            )
        return None
