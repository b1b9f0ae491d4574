"""The event log read in commit order: the embedded transport, and what feeds and tools read with.

Sequence order is not commit order: a transaction that took its positions first may commit last, and a cursor
on the position alone would skip its rows. So a row carries the transaction's id, readers go by
(xid, position), and only rows below the oldest transaction still running are shown.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chassis.database import Connection, Pool, Record
from chassis.store import START, Store
from chassis.telemetry import Attribute, Value
from chassis.transport import Lag, Move, Place, StreamBatch, StreamReader
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS

_COLUMNS = "xid::text, position, topic, source, case_id, sequence, type, time, traceparent"
_AFTER = (
    " FROM chassis.event_log WHERE topic = $1 AND (xid, position) > ($2::text::xid8, $3::bigint)"
    " AND xid < pg_snapshot_xmin(pg_current_snapshot())"
)
# Named with its table: `xid` alone is the selected text, in which 1000 comes before 999, and no index serves that.
_ORDER = " ORDER BY event_log.xid, position LIMIT $4"

IDLE_S = 0.05
"""The longest pause between two looks at an idle log, in seconds."""
BUSY_S = 0.005
"""The pause after the first empty look, in seconds; it doubles up to `IDLE_S`."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log, in commit order. Its text form is `<xid>-<position>`, `START` the beginning."""

    xid: str
    position: int

    def __str__(self) -> str:
        return f"{self.xid}-{self.position}"

    @property
    def order(self) -> tuple[int, int]:
        """Return what sorts positions in commit order."""
        return int(self.xid), self.position

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read the text form. Raises ValueError naming what would be right."""
        if text == START:
            return cls("0", 0)
        xid, dash, position = text.partition("-")
        if not (dash and xid.isascii() and xid.isdigit() and position.isascii() and position.isdigit()):
            raise ValueError(f"not a log position: {text!r}; it looks like 748-12, two numbers and a hyphen")
        if int(xid) >= 2**64 or int(position) >= 2**63:
            raise ValueError(f"not a log position: {text!r}; the numbers are too large")
        return cls(xid, int(position))


def envelope(row: Record, data: str) -> Envelope:
    """Build the envelope of a log row that was selected with the module's columns."""
    return Envelope(row[3], row[4], row[5], row[6], row[7], row[2], row[8], data)


_ALL_AFTER = (
    f"SELECT {_COLUMNS}, data::text FROM chassis.event_log WHERE (xid, position) > ($1::text::xid8, $2::bigint)"
    " AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY event_log.xid, position LIMIT $3"
)


TOPICS = (
    "WITH RECURSIVE t AS ((SELECT min(topic) AS topic FROM chassis.event_log) UNION ALL"
    " SELECT (SELECT min(topic) FROM chassis.event_log WHERE topic > t.topic) FROM t WHERE t.topic IS NOT NULL)"
    " SELECT topic FROM t WHERE topic IS NOT NULL"
)
"""The topics of which events stand in a log, `t.topic`: by its index, without reading them all."""


async def read_all(connection: Connection, after: Position, limit: int) -> list[tuple[Position, Envelope]]:
    """Return up to `limit` events of all topics after a position, in commit order."""
    rows = await connection.fetch(_ALL_AFTER, after.xid, after.position, limit)
    return [(Position(row[0], row[1]), envelope(row, row[9])) for row in rows]


async def read(
    connection: Connection, topic: str, after: Position, limit: int
) -> list[tuple[Position, Envelope]]:
    """Return up to `limit` events of a topic after a position, in commit order."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, data::text{_AFTER}{_ORDER}", topic, after.xid, after.position, limit
    )
    return [(Position(row[0], row[1]), envelope(row, row[9])) for row in rows]


class LogReader:
    """The embedded transport: reads the shared log of all services as the one partition 0."""

    def __init__(self, pool: Pool, store: Store, consumes: Collection[str]) -> None:
        self._pool = pool
        self._store = store
        self._types = list(consumes)
        self.origin: Mapping[Attribute, Value] = {
            "messaging.system": "caseladder",
            "messaging.destination.name": CASE_EVENTS,
            "messaging.consumer.group.name": store.schema,
        }
        self._stored: str | None = None
        self._cursor = Position.parse(START)
        self._query = (
            f"SELECT {_COLUMNS}, CASE WHEN type = ANY($5::text[]) THEN data::text END{_AFTER}{_ORDER}"
        )

    async def poll(self, max_records: int, timeout_s: float) -> StreamBatch | None:
        """Return the next records that the consumer wants. Others are passed over without a transaction."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        pause = BUSY_S
        while True:
            rows = await self._fetch(max_records)
            if rows and (batch := self._batch(rows, max_records)):
                return batch
            if len(rows) < max_records:
                if loop.time() + pause > deadline:
                    return None
                await asyncio.sleep(pause)
                pause = min(pause * 2, IDLE_S)

    async def _fetch(self, limit: int) -> list[Record]:
        async with self._pool.acquire() as connection:
            if self._stored is None:
                self._stored = await self._store.position(connection, 0)
                self._cursor = Position.parse(self._stored)
            return await connection.fetch(
                self._query, CASE_EVENTS, self._cursor.xid, self._cursor.position, limit, self._types
            )

    def _batch(self, rows: list[Record], asked: int) -> StreamBatch | None:
        self._cursor = Position(rows[-1][0], rows[-1][1])
        wanted = [row for row in rows if row[9] is not None]
        if not wanted or self._stored is None:
            return None
        return StreamBatch(
            {0: Move(self._stored, str(self._cursor))},
            records=[envelope(row, row[9]) for row in wanted],
            places=[Place(0, f"{row[0]}-{row[1]}") for row in wanted],
            more=len(rows) == asked,
        )

    def acknowledge(self, batch: StreamBatch) -> None:
        """Take the end of the batch as the stored position."""
        self._stored = batch.moves[0].end

    def rewind(self) -> None:
        """Read the stored position again at the next poll."""
        self._stored = None

    async def lag(self) -> Lag:
        """Count the events after the cursor (to 100,000) and date the oldest."""
        async with self._pool.acquire() as connection:
            cursor = self._cursor
            if self._stored is None:  # nothing was polled yet, or since a rewind
                cursor = Position.parse(await self._store.position(connection, 0))
            row = await connection.fetchrow(
                "SELECT count(*), min(time) FROM (SELECT time FROM chassis.event_log WHERE topic = $1"
                " AND (xid, position) > ($2::text::xid8, $3::bigint) AND type = ANY($4::text[])"
                " ORDER BY xid, position LIMIT 100000) AS unread",
                CASE_EVENTS,
                cursor.xid,
                cursor.position,
                self._types,
            )
        return Lag(row[0], row[1]) if row else Lag(0, None)

    async def close(self) -> None:
        """Hold nothing, so do nothing."""


class EmbeddedTransport:
    """All services share the log and read it themselves, so that nothing has to be brought out."""

    def __init__(self, pool: Pool, store: Store) -> None:
        self._pool = pool
        self._store = store

    def reader(self, consumes: Collection[str]) -> StreamReader:
        """Return a reader of the shared log."""
        return LogReader(self._pool, self._store, consumes)

    async def run(self) -> None:
        """Do nothing: what is committed can be read."""

    def stop(self) -> None:
        """Do nothing."""

    @property
    def trouble(self) -> str | None:
        """Return that nothing keeps events from being read."""
        return None

    async def unpublished(self) -> Lag:
        """Return that nothing waits."""
        return Lag(0, None)
