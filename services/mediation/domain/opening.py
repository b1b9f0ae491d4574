"""What other services say of a case: it comes to be mediated, moves, or leaves (R-MED-03)."""

from datetime import datetime
from typing import Final

from schemas import router as r
from schemas.mediation import MediationMoved, MediationOpened, MediationReleased, Stage, TerminationReason
from schemas.message import Event
from schemas.petition import PetitionSentToMediation
from schemas.values import Channel
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.state import Mediation

MEDIATION: Final = "M"
APPLIED, REFERRED, PROACTIVE = "APPLIED", "REFERRED", "PROACTIVE"


class Opening:
    """Reactions to the router and to petition; none of them is ever refused."""

    def __init__(self, desk: Desk, ending: Ending) -> None:
        self._desk, self._ending = desk, ending

    def dispatched(self, state: Mediation, e: r.CaseDispatched, at: datetime) -> list[Event]:
        """The case has an owner: begin, go on under another unit, or leave with the track."""
        if e.procedure is not None:
            return []  # the unit that a procedure named itself: no news to it, and a petition's is not ours
        if not state.is_open:
            return self._open(state, e, at) if e.track == MEDIATION else []
        if e.track != MEDIATION and not state.in_petition:
            return self._leave(state, TerminationReason.CONVERTED, at)
        subjects = _subjects(state, e)
        if (e.unit, subjects) == (state.unit, state.subjects):
            return []
        return [MediationMoved(terms=state.terms, unit=e.unit, subjects=subjects)]

    def track_chosen(self, state: Mediation, e: r.TrackChosen, at: datetime) -> list[Event]:
        """R-LAD-09: the resident chose to mediate, or chose another way."""
        if e.track != MEDIATION:
            return self._leave(state, TerminationReason.CONVERTED, at)
        if e.unit is None or state.is_open:
            return []  # a dispatch follows, or it is mediated already
        known = e.registered
        return self._opened(
            state,
            origin=APPLIED,
            unit=e.unit,
            matter=known.judgement.matter if known else None,
            subjects=known.subjects if known else state.subjects,
            at=at,
        )

    def sent_by_petition(self, state: Mediation, e: PetitionSentToMediation, at: datetime) -> list[Event]:
        """R-PET-16: part of a petition, which stays responsible."""
        if state.is_open:
            return []
        return self._opened(
            state, origin=REFERRED, unit=e.unit, matter=None, subjects=state.subjects, at=at, in_petition=True
        )

    def redirected(self, state: Mediation, _: r.CaseRedirected, at: datetime) -> list[Event]:
        """The case left by a named exit (R-MED-05)."""
        return self._leave(state, TerminationReason.CONVERTED, at)

    def endangered(self, state: Mediation, _: r.EmergencyTransferred, at: datetime) -> list[Event]:
        """R-LAD-05: danger is never mediated."""
        return self._leave(state, TerminationReason.DANGER, at)

    def closed(self, state: Mediation, _: r.CaseClosed, at: datetime) -> list[Event]:
        """The resident took the case back while it was mediated."""
        return self._leave(state, TerminationReason.WITHDRAWN, at)

    def _leave(self, state: Mediation, reason: TerminationReason, at: datetime) -> list[Event]:
        """End what is under way; what was agreed already binds, and is followed up without the router."""
        if not state.is_open:
            return []
        if state.stage is Stage.FOLLOW_UP:
            return [] if state.handed_back else [MediationReleased(terms=state.terms)]
        return self._ending.terminated(state, reason, at)

    def _open(self, state: Mediation, e: r.CaseDispatched, at: datetime) -> list[Event]:
        known = e.registered
        origin = REFERRED
        if known is not None and known.track_asked == MEDIATION:
            origin = APPLIED
        elif known is not None and known.channel is Channel.GRID:
            origin = PROACTIVE
        return self._opened(
            state, origin=origin, unit=e.unit, matter=e.matter, subjects=_subjects(state, e), at=at
        )

    def _opened(
        self,
        state: Mediation,
        *,
        origin: str,
        unit: str,
        matter: str | None,
        subjects: tuple[str, ...],
        at: datetime,
        in_petition: bool = False,
    ) -> list[Event]:
        opened = MediationOpened.model_validate(
            {
                "terms": (*self._kept(state), self._desk.clocks.start("register", "mediation.register", at)),
                "origin": origin,
                "unit": unit,
                "matter": matter,
                "procedure": self._desk.mediators.procedure_of(matter).code,
                "round": state.round + 1,
                "in_petition": in_petition,
                "subjects": subjects,
                "opened_at": at,
            }
        )
        return [opened]

    @staticmethod
    def _kept(state: Mediation) -> tuple[r.Term, ...]:
        """The clocks of a confirmation that runs from an earlier round."""
        return tuple(term for term in state.terms if term.name in {"confirm", "court"})


def _subjects(state: Mediation, e: r.CaseDispatched) -> tuple[str, ...]:
    """All units now known to be complained of: those of the dispatch, of a fresh judgement, or of before."""
    if e.subjects is not None:
        return e.subjects
    return e.registered.subjects if e.registered else state.subjects
