"""Writes the router's own tables for a batch of changes, in the transaction that commits them.

A batch of fresh cases costs at most three multi-row statements: texts, assignments, the triage queue.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from chassis.database import Connection, insert
from chassis.service import Change
from schemas.department import (
    AssignmentRole,
    DepartmentAssigned,
    DepartmentAssignmentEnded,
    DepartmentEvent,
    DepartmentReminded,
    HandlingMode,
    ReminderKind,
    TextAccess,
)
from schemas.intake import CaseSubmitted, CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.router import (
    CaseClosed,
    CaseDispatched,
    CaseRedirected,
    Disposition,
    HelpersRecused,
    ProcedureEnded,
    SettledOnSite,
    TriageCase,
    TriageQueued,
)
from services.router.callbacks import keep_callbacks, keep_figures
from services.router.card import Card
from services.router.domain.workorder import WorkOrder

_CODES: Final = "codes"
"""A column of unit codes: an array cannot be unnested whole, so it travels as text and is split."""
_SHARED: Final = {
    "sealed": "boolean",
    "confidential": "boolean",
    "status": "text",
    "track": "text",
    "sign_by": "timestamptz",
    "handle_by": "timestamptz",
    "late_at": "timestamptz",
    "yellow_at": "timestamptz",
    "overdue": "boolean",
    "watched": "boolean",
    "coordinated": "boolean",
    "subjects": _CODES,
}
"""What is the case's own and kept in all its open assignments."""


def _unnest(columns: Mapping[str, str]) -> str:
    types = ["text[]" if t == _CODES else f"{t}[]" for t in columns.values()]
    arrays = ", ".join(f"${i}::{type_}" for i, type_ in enumerate(types, 1))
    return f"unnest({arrays}) AS u({', '.join(columns)})"


def _value(name: str, type_: str) -> str:
    return f"string_to_array(u.{name}, ' ')" if type_ == _CODES else f"u.{name}"


_TEXT: Final = ("case_id", "title", "body", "address", "received_at")
_SUPPLEMENTS: Final = (
    "UPDATE router.case_text t SET supplements = t.supplements || s.added FROM (SELECT case_id,"
    " jsonb_agg(jsonb_build_object('at', now(), 'text', body, 'kept_from', string_to_array(kept_from, ' '),"
    " 'told_instead', string_to_array(told_instead, ' '), 'judged', judged) ORDER BY n) AS added"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[])"
    " WITH ORDINALITY AS u(case_id, body, kept_from, told_instead, judged, n) GROUP BY case_id) s"
    " WHERE t.case_id = s.case_id"
)
_JUDGED: Final = (
    "UPDATE router.case_text SET supplements = (SELECT jsonb_agg(said || '{\"judged\": true}' ORDER BY n)"
    " FROM jsonb_array_elements(supplements) WITH ORDINALITY AS u(said, n))"
    " WHERE case_id = ANY($1::uuid[]) AND supplements <> '[]'"
)
"""R-HOT-14: a human has looked at what was said so far, and at which office it may accuse without its name."""
_GIVEN: Final = (
    "case_id",
    "number",
    "unit",
    "role",
    "lead",
    "rung",
    "matter",
    "urgency",
    "mode",
    "place",
    "access",
    "locked",
    "dispatched_at",
    "ended_at",
    "end_reason",
)
"""What is an assignment's own; `_SHARED` follows."""
_KEEP: Final = (
    f"UPDATE router.assignment a SET {', '.join(f'{n} = {_value(n, t)}' for n, t in _SHARED.items())}"
    f" FROM {_unnest({'case_id': 'uuid', 'number': 'integer', **_SHARED})}"
    " WHERE a.case_id = u.case_id AND a.number = u.number AND num_nulls(a.ended_at) = 1"
)
"""Only the open ones; `ended_at IS NULL` would say the same, but on a table that was not analysed yet PostgreSQL
takes that for rare, and reads all open assignments for a few of them."""
_HIDE: Final = (
    "UPDATE router.assignment a SET subjects = string_to_array(u.subjects, ' '), sealed = u.sealed"
    " FROM unnest($1::uuid[], $2::text[], $3::boolean[]) AS u(case_id, subjects, sealed)"
    " WHERE a.case_id = u.case_id AND a.ended_at IS NOT NULL"
)
"""R-LAD-04, R-PET-10: who had the case earlier no longer finds it among the ended ones when they turn out to be
complained of, or it turns out to be sealed matter."""
_ENDED: Final = {"ended_at": "timestamptz", "end_reason": "text", **_SHARED}
_END: Final = (
    f"UPDATE router.assignment a SET {', '.join(f'{n} = {_value(n, t)}' for n, t in _ENDED.items())}"
    f" FROM {_unnest({'case_id': 'uuid', 'number': 'integer', **_ENDED})}"
    " WHERE a.case_id = u.case_id AND a.number = u.number"
)
"""It keeps what the case was when it ended, whatever the same batch makes of the case after that."""
_QUEUE: Final = (
    "case_id",
    "unit",
    "reason",
    "place",
    "urgency",
    "confidence",
    "candidates",
    "subjects",
    "sealed",
    "confidential",
    "queued_at",
    "due_at",
)
_UNQUEUED_BY: Final = (Disposition, CaseClosed)
"""After these a case waits in the queue no more, or anew. Nothing else takes it out, such as a reminder."""
_REQUEUE: Final = (
    "UPDATE router.triage q SET unit = u.unit, reason = u.reason, subjects = string_to_array(u.subjects, ' '),"
    " sealed = u.sealed, urgency = u.urgency,"
    " confidence = CASE WHEN u.candidates = '[]' THEN q.confidence ELSE u.confidence END,"
    " candidates = CASE WHEN u.sealed THEN '[]' WHEN u.candidates = '[]' THEN q.candidates"
    " ELSE u.candidates::jsonb END"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::int[], $7::float[],"
    " $8::text[]) AS u(case_id, unit, reason, subjects, sealed, urgency, confidence, candidates)"
    " WHERE q.case_id = u.case_id"
)
"""A case of which more became known while it waits keeps its turn. One row for each case: of several PostgreSQL
would take any."""
_NO_CANDIDATES: Final = "[]"
_UNQUEUE: Final = "DELETE FROM router.triage WHERE case_id = ANY($1::uuid[])"


@dataclass(slots=True)
class _Given:
    """A new assignment."""

    case_id: UUID
    number: int
    unit: str
    role: AssignmentRole
    lead: str | None
    rung: int | None
    matter: str | None
    urgency: int
    mode: HandlingMode
    place: str | None
    access: TextAccess
    locked: bool
    at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
    shared: tuple[object, ...] | None = None
    """The values of `_SHARED` at its end; None while it is open."""

    def row(self) -> tuple[object, ...]:
        return (
            self.case_id,
            self.number,
            self.unit,
            self.role,
            self.lead,
            self.rung,
            self.matter,
            self.urgency,
            self.mode,
            self.place,
            self.access,
            self.locked,
            self.at,
            self.ended_at,
            self.end_reason,
        )


@dataclass(frozen=True, slots=True)
class _Requeued:
    """What more became known of a case that waits, in the order of `_REQUEUE`."""

    case_id: UUID
    unit: str
    reason: str
    subjects: str
    sealed: bool
    urgency: int
    confidence: float
    candidates: str

    def after(self, earlier: "_Requeued | None") -> "_Requeued":
        """Both together, as one after the other would leave the row."""
        if earlier is None or self.candidates != _NO_CANDIDATES:
            return self
        return replace(self, confidence=earlier.confidence, candidates=earlier.candidates)


@dataclass(slots=True)
class _Said:
    """A resident's further words, in the order of `_SUPPLEMENTS`."""

    case_id: UUID
    text: str
    kept_from: str
    told_instead: str
    judged: bool = False


@dataclass(slots=True)
class _Work:
    """What a batch writes, by table."""

    states: dict[UUID, WorkOrder] = field(default_factory=dict)
    fresh: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    """Cases with an event of their own; what departments are told alone leaves the state as it was."""
    unqueued: set[UUID] = field(default_factory=set)
    texts: list[tuple[object, ...]] = field(default_factory=list)
    supplements: list[_Said] = field(default_factory=list)
    given: dict[tuple[UUID, int], _Given] = field(default_factory=dict)
    ended: dict[tuple[UUID, int], tuple[object, ...]] = field(default_factory=dict)
    judged: set[UUID] = field(default_factory=set)
    accused: set[UUID] = field(default_factory=set)
    """Cases of which other subjects became known, or that they are sealed matter."""
    queued: dict[UUID, tuple[object, ...]] = field(default_factory=dict)
    requeued: dict[UUID, _Requeued] = field(default_factory=dict)


async def project(connection: Connection, changes: Sequence[Change[WorkOrder]]) -> None:
    """Write the tables; joins the caller's transaction and never commits."""
    work = _Work()
    for change in changes:
        _collect(work, change)
    waiting = [row for case_id, row in work.queued.items() if work.states[case_id].queue is not None]
    known, left = work.changed - work.fresh, work.unqueued - work.fresh
    shared = {case_id: _shared(work.states[case_id]) for case_id in {case_id for case_id, _ in work.given}}
    assignments = [(*given.row(), *(given.shared or shared[given.case_id])) for given in work.given.values()]
    await insert(connection, "router", "case_text", _TEXT, work.texts)
    if work.judged:
        await connection.execute(_JUDGED, list(work.judged))
    await _write(connection, _SUPPLEMENTS, [astuple(said) for said in work.supplements])
    await insert(connection, "router", "assignment", (*_GIVEN, *_SHARED), assignments)
    await _write(connection, _KEEP, [row for case_id in known for row in _kept(work, case_id)])
    await _write(connection, _END, list(work.ended.values()))
    await _write(connection, _HIDE, [_hidden(case_id, work.states[case_id]) for case_id in work.accused])
    if left:
        await connection.execute(_UNQUEUE, list(left))
    await insert(connection, "router", "triage", _QUEUE, waiting)
    await _write(connection, _REQUEUE, [astuple(row) for row in work.requeued.values()])
    await keep_callbacks(connection, changes)
    await keep_figures(connection, changes)


async def _write(connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))


def _collect(work: _Work, change: Change[WorkOrder]) -> None:
    work.states[change.case_id] = change.state
    match change.given:
        case CaseSubmitted(title=title, text=text, place=place, received_at=received_at):
            if change.events:  # a submission that is known already changes nothing
                work.fresh.add(change.case_id)
                work.texts.append((change.case_id, title, text, place.address, received_at))
        case CaseSupplemented(text=text) | ReopeningAsked(reason=text):
            work.supplements.append(_Said(change.case_id, text, *_readers(change)))
        case CaseWithdrawn(reason=text) | FeedbackGiven(note=text) if text:
            work.supplements.append(_Said(change.case_id, text, *_readers(change)))
    if isinstance(change.given, TriageCase):
        work.judged.add(change.case_id)
        for said in work.supplements:
            said.judged |= said.case_id == change.case_id
        work.accused.add(change.case_id)  # what the human says of it holds for who had it before as well
    rungs: dict[int, int] = {}
    for event, envelope in zip(change.events, change.envelopes, strict=True):
        if not isinstance(event, DepartmentEvent):
            work.changed.add(change.case_id)
        waits_on = (
            isinstance(event, TriageQueued)
            and isinstance(change.given, CaseSupplemented | CaseWithdrawn | FeedbackGiven)
            and event.taken_from is None
        )
        if isinstance(event, _UNQUEUED_BY) and not waits_on:
            work.unqueued.add(change.case_id)
        if isinstance(event, TriageQueued) and not isinstance(change.given, CaseSubmitted):
            work.accused.add(change.case_id)
        if isinstance(event, CaseDispatched | CaseRedirected) and (event.subjects or _seals(event)):
            work.accused.add(change.case_id)
        if isinstance(event, ProcedureEnded | HelpersRecused) and event.subjects:
            work.accused.add(change.case_id)
        match event:
            case CaseDispatched(number=number, rung=rung):
                rungs[number] = rung
            case DepartmentAssigned():
                given = _assigned(change.case_id, event, rungs, envelope.time)
                work.given[change.case_id, given.number] = given
            case SettledOnSite():
                work.given[change.case_id, 1] = _settled(change, event, envelope.time)
            case DepartmentAssignmentEnded():
                _end(work, change, event, envelope.time)
            case TriageQueued() if waits_on:
                found = _requeued(change, event)
                work.requeued[change.case_id] = found.after(work.requeued.get(change.case_id))
            case TriageQueued():
                work.queued[change.case_id] = _queue_row(change, event, envelope.time)
                work.requeued.pop(change.case_id, None)  # that was of its turn before


def _readers(change: Change[WorkOrder]) -> tuple[str, str]:
    """R-LAD-04, R-HOT-14: the units from which a supplement is kept, since they were not told of it, and who was in
    their place."""
    told = {
        event.unit
        for event in change.events
        if isinstance(event, DepartmentReminded) and event.kind is ReminderKind.SUPPLEMENT
    }
    if not told:
        return "", ""
    holders = {seat.unit for seat in change.state.seats()}
    return " ".join(sorted(holders - told)), " ".join(sorted(told - holders))


def _seals(event: Disposition) -> bool:
    return event.registered is not None and event.registered.sealed


def _hidden(case_id: UUID, state: WorkOrder) -> tuple[object, ...]:
    return case_id, " ".join(state.subjects), state.sealed


def _number(assignment: str) -> int:
    return int(assignment.rpartition("/")[2])


def _assigned(case_id: UUID, event: DepartmentAssigned, rungs: dict[int, int], at: datetime) -> _Given:
    number = _number(event.assignment)
    return _Given(
        case_id=case_id,
        number=number,
        unit=event.unit,
        role=event.role,
        lead=event.lead,
        rung=rungs.get(number),
        matter=event.matter,
        urgency=event.urgency,
        mode=event.mode,
        place=event.grid,
        access=event.access,
        locked=event.locked,
        at=at,
    )


def _settled(change: Change[WorkOrder], event: SettledOnSite, at: datetime) -> _Given:
    """R-GRD-01: the unit that settled it on the spot holds the case, though nobody had to assign it."""
    state = change.state
    return _Given(
        case_id=change.case_id,
        number=1,
        unit=event.unit,
        role=AssignmentRole.LEAD,
        lead=event.unit,
        rung=event.rung,
        matter=state.matter,
        urgency=state.urgency,
        mode=HandlingMode.DIRECT,
        place=state.place,
        access=TextAccess.API,
        locked=False,
        at=at,
    )


def _end(work: _Work, change: Change[WorkOrder], event: DepartmentAssignmentEnded, at: datetime) -> None:
    key = change.case_id, _number(event.assignment)
    given = work.given.get(key)
    if given is None:
        work.ended[key] = (*key, at, event.reason, *_sent(change.state))
    else:
        given.ended_at, given.end_reason, given.shared = at, event.reason, _shared(change.state)


def _shared(state: WorkOrder) -> tuple[object, ...]:
    """The values of `_SHARED`."""
    card = Card.of(state)
    sign, handle = state.term("sign"), state.term("handle")
    return (
        state.sealed,
        state.confidential,
        state.status,
        state.track,
        sign.at if sign else None,
        handle.at if handle else None,
        card.late_at,
        card.yellow_at,
        card.overdue,
        card.watched,
        card.coordinated,
        state.subjects,
    )


def _kept(work: _Work, case_id: UUID) -> Iterator[tuple[object, ...]]:
    """For each assignment that the case ever had its key and the values of `_SHARED`, as `_KEEP` takes them."""
    state = work.states[case_id]
    values = _sent(state)
    for number in range(1, state.issued + 1):
        yield case_id, number, *values


def _sent(state: WorkOrder) -> tuple[object, ...]:
    """The values of `_SHARED` as they travel to be unnested."""
    *values, _ = _shared(state)
    return *values, " ".join(state.subjects)


def _queue_row(change: Change[WorkOrder], event: TriageQueued, at: datetime) -> tuple[object, ...]:
    state = change.state
    confidence, candidates = _judged(event)
    due = state.term("triage")
    return (
        change.case_id,
        event.unit,
        event.reason,
        state.place,
        state.urgency,
        confidence,
        candidates,
        state.subjects,
        state.sealed,
        state.confidential,
        at,
        due.at if due else None,
    )


def _requeued(change: Change[WorkOrder], event: TriageQueued) -> _Requeued:
    state, subjects = change.state, " ".join(change.state.subjects)
    known = (change.case_id, event.unit, event.reason, subjects, state.sealed, state.urgency)
    return _Requeued(*known, *_judged(event))


def _judged(event: TriageQueued) -> tuple[float, str]:
    """How sure triage was, and its candidates as JSON."""
    if event.registered is None:
        return 0.0, _NO_CANDIDATES
    judged = event.registered.judgement
    candidates = [{"matter": c.matter, "score": c.score} for c in judged.candidates]
    return judged.confidence, orjson.dumps(candidates).decode()
