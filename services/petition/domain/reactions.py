"""What the router says of the case: it comes here as a petition, and leaves when it goes another way."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from chassis.decider import Decision
from schemas import petition as p
from schemas import router as r
from schemas.message import Event
from services.petition.domain.desk import Desk
from services.petition.domain.evolution import evolve
from services.petition.domain.petition import Away, Petition, S
from services.petition.domain.subjects import Subjects

TRACK: Final = "P"
_UNHEARD: Final = frozenset({None, S.DISCIPLINE_SEALED})
"""No petition, or one that the discipline body alone sees anyway (R-PET-10)."""


class Reactions:
    """One method for each event of the router."""

    def __init__(self, desk: Desk, subjects: Subjects) -> None:
        self._desk, self._subjects = desk, subjects

    def queued(self, state: Petition, e: r.TriageQueued, _: datetime) -> Decision:
        """R-LAD-04, R-HOT-14: words were added, and a human must say whether they complain of whom they name; until
        then it counts as complained of, whatever becomes of the case."""
        named = e.registered.subjects if e.registered else ()
        fresh = (unit for unit in named if unit not in state.subjects)
        suspected = tuple(dict.fromkeys((*state.suspected, *fresh)))
        if state.status in _UNHEARD or suspected == state.suspected:
            return []
        return [p.PetitionSubjectsSuspected(terms=state.terms, suspected=suspected)]

    def judged(self, state: Petition, e: r.Disposition, at: datetime) -> list[Event]:
        """A human said whom the case complains of, whomever words named before."""
        found = e.registered
        if state.status in _UNHEARD or found is None or found.judgement.by is not r.TriagedBy.HUMAN:
            return []
        cleared = p.PetitionSubjectsSuspected(terms=state.terms, suspected=())
        events: list[Event] = [cleared] if state.suspected else []
        after = evolve(state, cleared)
        if after.is_open and isinstance(e, r.CaseDispatched) and e.track == TRACK:
            return [*events, *self._subjects.added(after, found.subjects, at)]
        return [*events, *self._named(after, found.subjects)]

    def dispatched(self, state: Petition, e: r.CaseDispatched, at: datetime) -> Decision:
        """A fresh petition, or one that comes back; while it runs, the echo of our own move: only who is complained
        of may be new."""
        if e.track != TRACK:
            return self._left(state, p.Left.CONVERTED) or self._heard(state, e)
        if state.is_open:
            return self._subjects.added(state, e.subjects or (), at)
        if state.away is not None and state.away.status is not S.RECEIVED:
            return self._resumed(state, state.away, e, at)
        if state.status not in {None, S.LEFT}:
            return []
        found = e.registered
        named = e.subjects or (found.subjects if found else ())
        subjects = (*state.subjects, *(unit for unit in named if unit not in state.subjects))
        unit = self._desk.keeper(subjects) if self._desk.interested(e.unit, subjects) else e.unit
        received = p.PetitionReceived(
            terms=(self._desk.clocks.start("register", "register", at),),
            unit=unit or e.unit,
            matter=e.matter,
            place=found.place if found else None,
            kind=found.kind if found else "complain",
            subjects=subjects,
        )
        return [received] if unit else [received, *self._subjects.outside(e.unit)]

    def _resumed(self, state: Petition, away: Away, e: r.CaseDispatched, at: datetime) -> Decision:
        """R-PET-07, R-PET-09: it goes on where it was; a second petition would give a second 60 days."""
        resumed = p.PetitionResumed(terms=state.terms, unit=away.unit, stage=away.status)
        again = evolve(state, resumed)
        heard = self._heard(state, e)
        known = heard[0].subjects if heard else state.subjects
        named = (*known, *(unit for unit in state.suspected if unit not in known))  # none of them may have it
        moved = self._subjects.moved(again, named, again.terms, at)
        return [resumed, *(moved or heard)]

    def _heard(
        self, state: Petition, e: r.CaseDispatched | r.HelpersRecused
    ) -> list[p.PetitionSubjectsNamed]:
        """R-LAD-04: who is complained of is kept from it while it is away, too."""
        return self._named(state, e.subjects or ()) if state.away is not None else []

    @staticmethod
    def _named(state: Petition, subjects: Iterable[str]) -> list[p.PetitionSubjectsNamed]:
        """The same unit, or nobody, has it, and more units are complained of."""
        fresh = tuple(unit for unit in subjects if unit not in state.subjects)
        if not fresh:
            return []
        return [p.PetitionSubjectsNamed(terms=state.terms, subjects=(*state.subjects, *fresh))]

    def track_chosen(self, state: Petition, e: r.TrackChosen, _: datetime) -> Decision:
        """The resident chose another way (R-LAD-09)."""
        return [] if e.track == TRACK else self._left(state, p.Left.CONVERTED)

    def redirected(self, state: Petition, e: r.CaseRedirected, _: datetime) -> Decision:
        """The case left by a named exit that was not ours; accusation material is sealed as a whole (R-PET-10)."""
        found = e.registered
        if found is not None and found.sealed and state.status not in {None, S.DISCIPLINE_SEALED}:
            said = (*found.subjects, *(e.subjects or ()))
            named = tuple(dict.fromkeys((*state.subjects, *said)))
            return [p.PetitionSealed(unit=e.exit.authority or "", subjects=named)]
        return self._left(state, p.Left.CONVERTED)

    def helpers_recused(self, state: Petition, e: r.HelpersRecused, at: datetime) -> Decision:
        """R-LAD-04: a helper was found interested; the case stays where it is."""
        return self._subjects.added(state, e.subjects, at) if state.is_open else self._heard(state, e)

    def endangered(self, state: Petition, _: r.EmergencyTransferred, __: datetime) -> Decision:
        """R-LAD-05: danger goes first."""
        return self._left(state, p.Left.DANGER)

    def closed(self, state: Petition, _: r.CaseClosed, __: datetime) -> Decision:
        """The petitioner withdrew it."""
        return self._left(state, p.Left.WITHDRAWN)

    def _left(self, state: Petition, reason: p.Left) -> Decision:
        return [p.PetitionLeft(terms=state.terms, reason=reason)] if state.is_open else []
