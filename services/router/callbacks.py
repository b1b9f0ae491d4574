"""Keeps the operators' list of callbacks, and the figures of units, with each batch of changes.

A batch that dispatches fresh cases touches neither: no statement is run for it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from chassis.database import Connection
from chassis.service import Change
from schemas import router as r
from schemas.intake import CaseSubmitted
from services.router.domain.workorder import S, WorkOrder
from services.router.rates import MEASURES, counted
from services.terms import day_of

_OPENED: Final = {
    "case_id": "uuid",
    "unit": "text",
    "place": "text",
    "reason": "text",
    "matter": "text",
    "urgency": "smallint",
    "opened_at": "timestamptz",
    "track": "text",
    "due_at": "timestamptz",
    "attempts": "smallint",
    "tried_at": "timestamptz",
    "claimed_by": "text",
    "claimed_until": "timestamptz",
    "sealed": "boolean",
    "confidential": "boolean",
    "subjects": "text",
}
_KEPT: Final = tuple(_OPENED)[7:]
"""What may change while the callback waits."""


def _from(columns: Sequence[str]) -> str:
    arrays = ", ".join(f"${i}::{_OPENED[name]}[]" for i, name in enumerate(columns, 1))
    return f"unnest({arrays}) AS u({', '.join(columns)})"


def _value(name: str) -> str:
    return "string_to_array(u.subjects, ' ')" if name == "subjects" else f"u.{name}"


_OPEN: Final = (
    f"INSERT INTO router.callback ({', '.join(_OPENED)}) SELECT {', '.join(_value(name) for name in _OPENED)}"
    f" FROM {_from(tuple(_OPENED))} ON CONFLICT (case_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _OPENED)
)
_KEEP: Final = (
    "UPDATE router.callback c SET "
    + ", ".join(
        f"{name} = coalesce(u.{name}, c.{name})"
        if name in {"due_at", "tried_at"}
        else f"{name} = {_value(name)}"
        for name in _KEPT
    )
    + f" FROM {_from(('case_id', *_KEPT))} WHERE c.case_id = u.case_id"
)
"""A clock that has run out is no longer in the state: the moment by which the call was due stays."""
_LEAVE: Final = "DELETE FROM router.callback WHERE case_id = ANY($1::uuid[])"
_LEFT_BY: Final = (r.RedoOrdered, r.CaseClosed, r.CaseEscalated, r.ProcedureAdvanced, r.Disposition)
_COUNTS: Final = ", ".join(f"${n}::int[]" for n in range(3, 3 + len(MEASURES)))
_COUNT: Final = (
    f"INSERT INTO router.unit_day AS d (unit, day, {', '.join(MEASURES)})"
    f" SELECT * FROM unnest($1::text[], $2::date[], {_COUNTS})"
    " ORDER BY 1, 2 ON CONFLICT (unit, day) DO UPDATE SET "
    + ", ".join(f"{name} = d.{name} + excluded.{name}" for name in MEASURES)
)
"""In the order of the key, so that two batches that count for the same units never wait for each other."""


async def keep_callbacks(connection: Connection, changes: Sequence[Change[WorkOrder]]) -> None:
    """Write the list for a batch; joins the caller's transaction."""
    states: dict[UUID, WorkOrder] = {}
    opened: dict[UUID, tuple[str, datetime]] = {}
    tried: dict[UUID, datetime] = {}
    due: dict[UUID, datetime] = {}
    left: set[UUID] = set()
    for change in changes:
        if _is_fresh(change):
            continue
        states[change.case_id] = change.state
        for event, envelope in zip(change.events, change.envelopes, strict=True):
            if isinstance(event, r.CallbackOpened):
                opened[change.case_id] = event.reason, envelope.time
                tried.pop(change.case_id, None)
                due.pop(change.case_id, None)
            elif isinstance(event, r.CallbackRecorded) and event.report is None:
                tried[change.case_id] = envelope.time
            elif isinstance(event, _LEFT_BY):
                left.add(change.case_id)
        if (term := change.state.term("callback")) is not None:
            due[change.case_id] = term.at
    waiting = {case_id: state for case_id, state in states.items() if state.status is S.CALLBACK}
    new = [
        _row(state, *opened[case_id], tried, due) for case_id, state in waiting.items() if case_id in opened
    ]
    known = [_kept(state, tried, due) for case_id, state in waiting.items() if case_id not in opened]
    await _write(connection, _OPEN, new)
    await _write(connection, _KEEP, known)
    if gone := [case_id for case_id in left if case_id not in waiting]:
        await connection.execute(_LEAVE, gone)


def _is_fresh(change: Change[WorkOrder]) -> bool:
    """Whether the case was just taken in, and waits for no callback: nothing is to be listed or counted."""
    return isinstance(change.given, CaseSubmitted) and change.state.status is not S.CALLBACK


def _row(
    state: WorkOrder, reason: str, at: datetime, tried: dict[UUID, datetime], due: dict[UUID, datetime]
) -> tuple[object, ...]:
    case_id, track, due_at, *rest = _kept(state, tried, due)
    own = (case_id, state.unit, state.place, reason, state.matter, state.urgency, at)
    return (*own, track, due_at or at, *rest)


def _kept(state: WorkOrder, tried: dict[UUID, datetime], due: dict[UUID, datetime]) -> tuple[object, ...]:
    """The case id and the values of `_KEPT`; `due`: by when, as the batch said last."""
    claim = state.claim
    return (
        state.case_id,
        state.track,
        due.get(state.case_id),
        state.attempts,
        tried.get(state.case_id),
        claim.subject if claim else None,
        claim.until if claim else None,
        state.sealed,
        state.confidential,
        " ".join(state.subjects),
    )


async def keep_figures(connection: Connection, changes: Sequence[Change[WorkOrder]]) -> None:
    """Add what a batch counts to the figures of its units and days; joins the caller's transaction."""
    found: dict[tuple[str, date], Counter[str]] = {}
    for change in changes:
        if _is_fresh(change):
            continue
        for event, envelope in zip(change.events, change.envelopes, strict=True):
            if (count := counted(event)) is not None:
                unit, measures = count
                found.setdefault((unit, day_of(envelope.time)), Counter()).update(measures)
    await _write(
        connection,
        _COUNT,
        [(unit, day, *(count[name] for name in MEASURES)) for (unit, day), count in found.items()],
    )


async def _write(connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))
