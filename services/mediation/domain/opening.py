"""What other services say of a case: it comes to be mediated, moves, or leaves (R-MED-03); who is complained of
(R-LAD-04); that it is sealed (R-PET-10)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from schemas import router as r
from schemas.mediation import (
    MediationMoved,
    MediationOpened,
    MediationReleased,
    MediationSealed,
    MediationSubjectsSuspected,
    MediatorLeft,
    Stage,
    TerminationReason,
)
from schemas.message import Event
from schemas.petition import (
    Left,
    OfficerRecused,
    PetitionLeft,
    PetitionRegistered,
    PetitionSealed,
    PetitionSentToMediation,
    PetitionSubjectsNamed,
)
from schemas.values import Channel
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.evolution import evolve
from services.mediation.domain.state import Mediation

MEDIATION: Final = "M"
PETITION: Final = "P"
APPLIED, REFERRED, PROACTIVE = "APPLIED", "REFERRED", "PROACTIVE"
NOBODY: Final = ""
"""Who may see a sealed case whose authority is none of our units."""
RECUSED: Final = "所在单位被反映，依法回避"
"""Why a mediator left whose committee belongs to a unit that is complained of (R-LAD-04)."""

FROM_PETITION: Final = "已在信访程序中回避"
"""Why somebody has no part in the mediation who was recused from the petition (R-PET-11)."""


class Opening:
    """Reactions to the router and to petition; none of them is ever refused."""

    def __init__(self, desk: Desk, ending: Ending) -> None:
        self._desk, self._ending = desk, ending

    def queued(self, state: Mediation, e: r.TriageQueued, _: datetime) -> list[Event]:
        """R-LAD-04, R-HOT-14: words were added, and a human must say whether they complain of whom they name; until
        then it counts as complained of, whatever becomes of the case."""
        fresh = (unit for unit in _found(e) if unit not in state.subjects)
        suspected = tuple(dict.fromkeys((*state.suspected, *fresh)))
        if suspected == state.suspected:
            return []
        return [MediationSubjectsSuspected(terms=state.terms, suspected=suspected)]

    @staticmethod
    def judged(state: Mediation, e: r.Disposition) -> list[Event]:
        """A human said whom the case complains of, whomever words named before."""
        by_human = e.registered is not None and e.registered.judgement.by is r.TriagedBy.HUMAN
        if not by_human or not state.suspected:
            return []
        return [MediationSubjectsSuspected(terms=state.terms, suspected=())]

    def answered(self, state: Mediation, e: r.CaseAnswered, at: datetime) -> list[Event]:
        """A human at the queue answered it: only who is complained of is news."""
        return self._complained(state, _found(e), at)

    def dispatched(self, state: Mediation, e: r.CaseDispatched, at: datetime) -> list[Event]:
        """The case has an owner: begin, go on under another unit, or leave with the track."""
        if e.registered is not None and e.registered.sealed:
            return self._seal(state, e.unit, e.registered.subjects, at)
        named = _subjects(e)
        if e.procedure is not None or e.given_back:
            # a procedure named the unit itself, or ours is over: only who is complained of is news
            return self._complained(state, named, at)
        if e.track == MEDIATION:
            return self._to_mediate(state, e, named, at)
        known = self._complained(state, named, at)
        stays = e.track == PETITION and state.in_petition  # whose unit the petition names
        return (
            known if stays else [*known, *self._leave(_after(state, known), TerminationReason.CONVERTED, at)]
        )

    def _to_mediate(
        self, state: Mediation, e: r.CaseDispatched, named: Sequence[str], at: datetime
    ) -> list[Event]:
        if not state.is_open or state.handed_back or state.in_petition:
            return self._again(state, e, named, at)
        subjects = _with(state, named)
        if (e.unit, subjects, e.waits) == (state.unit, state.subjects, state.waits):
            return []
        moved = MediationMoved(terms=state.terms, unit=e.unit, subjects=subjects, waits=e.waits)
        return [moved, *self._without_interested(evolve(state, moved))]

    def _again(
        self, state: Mediation, e: r.CaseDispatched, named: Sequence[str], at: datetime
    ) -> list[Event]:
        """A new round: the case was never here, or is back; of a mediation within a petition it takes the place."""
        left = self._leave(state, TerminationReason.CONVERTED, at)
        known, origin = e.registered, REFERRED
        if known is not None and known.track_asked == MEDIATION:
            origin = APPLIED
        elif known is not None and known.channel is Channel.GRID:
            origin = PROACTIVE
        opened = self._opened(
            _after(state, left),
            origin=origin,
            unit=e.unit,
            matter=e.matter,
            named=named,
            at=at,
            waits=e.waits,
        )
        return [*left, *opened]

    def track_chosen(self, state: Mediation, e: r.TrackChosen, at: datetime) -> list[Event]:
        """R-LAD-09: the resident chose to mediate, or chose another way."""
        if e.track != MEDIATION:
            return self._leave(state, TerminationReason.CONVERTED, at)
        if state.is_open and not state.handed_back and not state.in_petition:
            return []  # it is mediated already
        left = self._leave(state, TerminationReason.CONVERTED, at)
        if e.unit is None:
            return left  # a dispatch follows
        known = e.registered
        opened = self._opened(
            _after(state, left),
            origin=APPLIED,
            unit=e.unit,
            matter=known.judgement.matter if known else None,
            named=known.subjects if known else (),
            at=at,
            waits=e.waits,
        )
        return [*left, *opened]

    def sent_by_petition(self, state: Mediation, e: PetitionSentToMediation, at: datetime) -> list[Event]:
        """R-PET-16: part of a petition, which stays responsible. Whatever was here before makes room, and what was
        agreed before lives on."""
        left = self._leave(state, TerminationReason.CONVERTED, at)
        opened = self._opened(
            _after(state, left),
            origin=REFERRED,
            unit=e.unit,
            matter=e.matter,
            named=e.subjects,
            at=at,
            waits=state.waits,
            in_petition=True,
            instead_of=state.unit if state.is_under_way and not state.in_petition else None,
        )
        events = [*left, *opened]
        return [*events, *self._barred(_after(state, events), e.recused)]

    def officer_recused(self, state: Mediation, e: OfficerRecused, at: datetime) -> list[Event]:
        """R-PET-11: who was recused from the petition has no part in the mediation of the same case."""
        return self._barred(state, (e.officer,))

    @staticmethod
    def _barred(state: Mediation, staff: Iterable[str]) -> list[Event]:
        return [
            MediatorLeft(terms=state.terms, mediator=code, reason=FROM_PETITION)
            for code in dict.fromkeys(staff)
            if code not in state.barred
        ]

    def petition_left(self, state: Mediation, e: PetitionLeft, at: datetime) -> list[Event]:
        """The case left the petition, and the petition's mediation is over.

        The router's news may have come before `PetitionSentToMediation`, which was on its way; this one always
        comes after it. The round that the resident had chosen, and that made room, is opened again (R-LAD-09).
        """
        if not state.in_petition or not state.is_under_way:
            return []
        reason = TerminationReason.DANGER if e.reason is Left.DANGER else TerminationReason.CONVERTED
        ended = self._leave(state, reason, at)
        if state.instead_of is None:
            return ended
        opened = self._opened(
            _after(state, ended),
            origin=APPLIED,
            unit=state.instead_of,
            matter=state.matter,
            named=(),
            at=at,
            waits=state.waits,
        )
        return [*ended, *opened]

    def registered_as_petition(self, state: Mediation, e: PetitionRegistered, at: datetime) -> list[Event]:
        """R-PET-11: whom the petition complains of."""
        return self._complained(state, e.subjects, at)

    def complained_of(self, state: Mediation, e: PetitionSubjectsNamed, at: datetime) -> list[Event]:
        """R-PET-11: further units; where the petition moves away from its unit, its mediation is over."""
        known = self._complained(state, e.subjects, at)
        after = _after(state, known)
        if e.unit is None or not after.in_petition or not after.is_under_way:
            return known
        return [*known, *self._leave(after, TerminationReason.CONVERTED, at)]

    def sealed(self, state: Mediation, e: PetitionSealed, at: datetime) -> list[Event]:
        """R-PET-10: found to be accusation material."""
        return self._seal(state, e.unit, e.subjects, at)

    def redirected(self, state: Mediation, e: r.CaseRedirected, at: datetime) -> list[Event]:
        """The case left by a named exit (R-MED-05); as accusation material to the discipline body (R-PET-10)."""
        found, named = e.registered, _subjects(e)
        if found is not None and found.sealed:
            return self._seal(state, e.exit.authority or NOBODY, named, at)
        known = self._complained(state, named, at)
        return [*known, *self._leave(_after(state, known), TerminationReason.CONVERTED, at)]

    def helpers_recused(self, state: Mediation, e: r.HelpersRecused, at: datetime) -> list[Event]:
        """R-LAD-04: a helper was found interested; nothing else moved."""
        return self._complained(state, e.subjects, at)

    def endangered(self, state: Mediation, e: r.EmergencyTransferred, at: datetime) -> list[Event]:
        """R-LAD-05: danger is never mediated."""
        known = self._complained(state, _found(e), at)
        return [*known, *self._leave(_after(state, known), TerminationReason.DANGER, at)]

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

    def _seal(self, state: Mediation, unit: str, named: Iterable[str], at: datetime) -> list[Event]:
        """Nothing goes on, no clock runs, and only `unit` sees it. A case never mediated leaves no row.

        Nor is an agreement followed up here, of whatever round: each visit would show the case to whom it is kept
        from. It binds as before, and its parties may still go to the court in their thirty days (R-MED-09).
        """
        if state.stage is None:
            return []
        ended = self._ending.terminated(state, TerminationReason.CONVERTED, at) if state.is_under_way else []
        return [*ended, MediationSealed(unit=unit, subjects=_with(state, named))]

    def _complained(self, state: Mediation, named: Iterable[str], at: datetime) -> list[Event]:
        """R-LAD-04: all units now known to be complained of. None of them mediates, nor is their committee's."""
        subjects = _with(state, named)
        if state.stage is None or subjects == state.subjects:
            return []
        moved = MediationMoved(terms=state.terms, unit=state.unit, subjects=subjects, waits=state.waits)
        after = evolve(state, moved)
        if after.in_petition and after.is_under_way and self._desk.interested(after.unit, subjects):
            return [moved, *self._leave(after, TerminationReason.CONVERTED, at)]
        return [moved, *self._without_interested(after)]

    def _without_interested(self, state: Mediation) -> list[Event]:
        """The mediators of a committee whose unit is complained of leave."""
        committee = self._desk.committee_unit(state.committee)
        if not state.is_under_way or not self._desk.interested(committee, state.subjects):
            return []
        return [
            MediatorLeft(terms=state.terms, mediator=code, reason=RECUSED)
            for code in (*state.mediators, *(seat.staff for seat in state.seats))
        ]

    def _opened(
        self,
        state: Mediation,
        *,
        origin: str,
        unit: str,
        matter: str | None,
        named: Iterable[str],
        at: datetime,
        waits: str | None,
        in_petition: bool = False,
        instead_of: str | None = None,
    ) -> list[Event]:
        known = matter or state.matter
        opened = MediationOpened.model_validate(
            {
                "terms": (
                    *state.lasting(),
                    self._desk.clocks.start("register", "mediation.register", at),
                ),
                "origin": origin,
                "unit": unit,
                "matter": known,
                "procedure": self._desk.mediators.procedure_of(known).code,
                "round": state.round + 1,
                "in_petition": in_petition,
                "instead_of": instead_of,
                "subjects": _with(state, named),
                "waits": waits,
                "opened_at": at,
                "applied_at": state.applied_at if state.asks_higher else at,
            }
        )
        return [opened]


def _subjects(e: r.CaseDispatched | r.CaseRedirected) -> tuple[str, ...]:
    """The units that a dispatch or an exit, or the judgement in it, says are complained of."""
    return (*_found(e), *(e.subjects or ()))


def _found(e: r.Disposition) -> tuple[str, ...]:
    """The units that the judgement in it says are complained of."""
    return e.registered.subjects if e.registered else ()


def _with(state: Mediation, named: Iterable[str]) -> tuple[str, ...]:
    """All units ever complained of: none is forgotten, whichever service heard of it."""
    return tuple(dict.fromkeys((*state.subjects, *named)))


def _after(state: Mediation, events: Iterable[Event]) -> Mediation:
    for event in events:
        state = evolve(state, event)
    return state
