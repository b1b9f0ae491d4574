"""The tables of one service: aggregates, the event log, the stream position and what was parked.

Everything here joins the caller's transaction and never commits; only the runner and the command bus own
transactions. Writes are multi-row: one statement for a whole batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final
from uuid import UUID

import orjson

from chassis.database import Connection, Overtaken, insert
from chassis.transport import Move
from schemas.envelope import Envelope

START = ""
"""The stream position before the first event."""


_CHANGING: Final = ("case_id", "version", "seen", "state", "next_due_at")
_AGGREGATE: Final = (*_CHANGING, "traceparent")
_EVENT: Final = ("topic", "source", "case_id", "sequence", "type", "time", "traceparent", "data")
"""The columns in which the log and the parked events are written; an envelope has them as attributes."""
_event: Final = attrgetter(*_EVENT)
_case_number: Final = attrgetter("case_id.int")


class FenceLost(Exception):
    """The stored stream position is not where this owner started from: somebody else owns the partition now."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An aggregate as it stands in the database, `seen` and `state` still JSON text."""

    version: int
    seen: str
    """The highest sequence applied, per source."""
    state: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Row:
    """An aggregate to be written, its state already JSON text."""

    case_id: UUID
    is_new: bool
    version: int
    seen: Mapping[str, int]
    state: str
    next_due_at: datetime | None
    traceparent: str
    """The trace of the case: all that happens to it later belongs there."""


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that could not be applied, or that waits behind one of the same case."""

    envelope: Envelope
    reason: str
    behind: bool
    """True where nothing is wrong with the event itself: an earlier one of its case is parked."""


class Store:
    """The statements of one service's schema. `schema` is the service's name, one of our own constants."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self._load = (
            "SELECT case_id, version, seen::text, state::text, traceparent, age(xmin) < 0"
            f" FROM {schema}.aggregate WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE"
        )
        self._update = (
            f"UPDATE {schema}.aggregate a SET version = u.version, seen = u.seen, state = u.state,"
            " next_due_at = u.next_due_at FROM unnest($1::uuid[], $2::bigint[], $3::text[]::jsonb[],"
            " $4::text[]::jsonb[], $5::timestamptz[]) AS u(case_id, version, seen, state, next_due_at)"
            " WHERE a.case_id = u.case_id"
        )
        self._due = (
            f"SELECT case_id FROM {schema}.aggregate WHERE next_due_at <= $1 ORDER BY next_due_at LIMIT $2"
        )
        self._advance = (
            f"WITH moved AS (UPDATE {schema}.stream_position p SET position = m.stop, updated_at = now()"
            " FROM unnest($1::int[], $2::text[], $3::text[]) AS m(partition, start, stop)"
            " WHERE p.partition = m.partition AND p.position = m.start RETURNING p.partition)"
            f" SELECT ARRAY(SELECT partition FROM moved), ARRAY(SELECT DISTINCT case_id FROM {schema}.parked"
            " WHERE case_id = ANY($4::uuid[]) AND resolved_at IS NULL)"
        )
        self._park = (
            f"INSERT INTO {schema}.parked (topic, source, case_id, sequence, type, time, traceparent, data,"
            " reason, behind) SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::text[],"
            " $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::boolean[])"
            " ON CONFLICT (case_id, source, sequence) DO NOTHING RETURNING case_id, source, sequence"
        )

    async def load(
        self, connection: Connection, case_ids: Sequence[UUID], *, are_held: bool = False
    ) -> dict[UUID, Stored]:
        """Return those of the cases that are known, their rows locked in case order.

        Raises Overtaken where a transaction that began after this one has written to one of them. `are_held`: their
        locks are ours already, so that nobody can have, and what is newer was written in a savepoint of our own.
        """
        rows = await connection.fetch(self._load, case_ids)
        if not are_held and any(row[5] for row in rows):
            raise Overtaken("others were first at one of the cases")
        return {row[0]: Stored(row[1], row[2], row[3], row[4]) for row in rows}

    async def save(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write all rows in case order. Raises asyncpg.UniqueViolationError where a new case is not new."""
        ordered = sorted(rows, key=_case_number)
        fresh = [_aggregate(row) for row in ordered if row.is_new]
        await insert(connection, self.schema, "aggregate", _AGGREGATE, fresh)
        known = [_aggregate(row)[: len(_CHANGING)] for row in ordered if not row.is_new]
        if known:
            await connection.execute(self._update, *_transposed(known))

    async def append(self, connection: Connection, envelopes: Sequence[Envelope]) -> None:
        """Append events to the log in the given order."""
        await insert(connection, "chassis", "event_log", _EVENT, [_event(entry) for entry in envelopes])

    async def due(self, connection: Connection, now: datetime, limit: int) -> list[UUID]:
        """Return the cases with a timer due at `now`, the longest overdue first."""
        return [row[0] for row in await connection.fetch(self._due, now, limit)]

    async def postpone(self, connection: Connection, case_id: UUID, until: datetime) -> None:
        """Look at the timers of a case again only then, whatever its state says."""
        await connection.execute(
            f"UPDATE {self.schema}.aggregate SET next_due_at = $2 WHERE case_id = $1", case_id, until
        )

    async def overdue(self, connection: Connection, now: datetime) -> int:
        """Return how many cases have a timer due at `now`."""
        return int(
            await connection.fetchval(
                f"SELECT count(*) FROM {self.schema}.aggregate WHERE next_due_at <= $1", now
            )
        )

    async def position(self, connection: Connection, partition: int) -> str:
        """Return the stored stream position of a partition, `START` where none is stored yet."""
        await connection.execute(
            f"INSERT INTO {self.schema}.stream_position (partition, position) VALUES ($1, $2)"
            " ON CONFLICT (partition) DO NOTHING",
            partition,
            START,
        )
        return str(
            await connection.fetchval(
                f"SELECT position FROM {self.schema}.stream_position WHERE partition = $1", partition
            )
        )

    async def advance(
        self, connection: Connection, moves: Mapping[int, Move], case_ids: Sequence[UUID]
    ) -> set[UUID]:
        """Move the positions of partitions; return those of the cases that have an open parked event.

        To be called first in a transaction: the locked rows make a second owner of a partition wait, and then
        lose. Raises FenceLost where one is no longer where its move starts; then none must be moved.
        """
        starts, ends = zip(*moves.values(), strict=True)
        [(moved, parked)] = await connection.fetch(self._advance, list(moves), starts, ends, case_ids)
        for number in sorted(moves.keys() - moved):
            raise FenceLost(
                f"{self.schema}: partition {number} is no longer at position {moves[number].start!r}"
            )
        return set(parked)

    async def hold_stream(self, connection: Connection, patience_s: float) -> None:
        """Let no batch of this service be under way, in any process, until the caller's transaction ends.

        To be called first in a transaction: it waits for those that are, and new ones wait in `advance`. It is the
        table that is locked, not its rows: a statement waits for its tables before it takes its snapshot, so that
        `advance` sees what the caller has committed, while one that waited for a row would not.
        Raises LockNotAvailable where it, or any later lock of the transaction, takes longer than `patience_s`.
        """
        await connection.execute(f"SET LOCAL lock_timeout = {round(patience_s * 1000)}")
        await connection.execute(f"LOCK TABLE {self.schema}.stream_position IN SHARE ROW EXCLUSIVE MODE")

    async def park(self, connection: Connection, parked: Sequence[ParkedEvent]) -> list[ParkedEvent]:
        """Record events that were set aside; return those that were not there already, which stay as they are."""
        if not parked:
            return []
        rows = await connection.fetch(
            self._park,
            *_transposed([_event(entry.envelope) for entry in parked]),
            [entry.reason for entry in parked],
            [entry.behind for entry in parked],
        )
        new = {(row[0], row[1], row[2]) for row in rows}
        return [entry for entry in parked if key(entry.envelope) in new]

    async def parked_count(self, connection: Connection) -> int:
        """Return how many parked events are unresolved."""
        return int(
            await connection.fetchval(f"SELECT count(*) FROM {self.schema}.parked WHERE resolved_at IS NULL")
        )


def _aggregate(row: Row) -> tuple[object, ...]:
    """Return the values of `_AGGREGATE`."""
    seen = orjson.dumps(row.seen).decode()
    return (row.case_id, row.version, seen, row.state, row.next_due_at, row.traceparent)


def _transposed(rows: Sequence[tuple[object, ...]]) -> list[Sequence[object]]:
    """Return the columns of some rows, of which there is at least one."""
    return [list(column) for column in zip(*rows, strict=True)]


def key(event: Envelope) -> tuple[UUID, str, int]:
    """Return what names an event for good, in the order of the columns of its primary key."""
    return event.case_id, event.source, event.sequence
