"""Keeps the index of this process up with the event log, where every process of intake finds what any took in."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from chassis.batch import describe
from chassis.database import Connection, Pool, is_passing
from chassis.waiting import wait_at_most
from schemas.intake import CaseSubmitted
from schemas.message import CASE_EVENTS
from services.intake.ids import first_id
from services.intake.similar.index import MOST_CASES, Entry, Index
from services.intake.similar.spots import Spots

WINDOW: Final = timedelta(days=180)
"""How far back cases are indexed at a start, by when they were taken in (DES)."""
BATCH: Final = 200
"""Cases read at once: about 5 ms of work, which requests wait for."""
PAUSE_S: Final = 0.5
"""The pause between two looks for new cases, in seconds. So at most 400 a second are indexed, in 1 % of the time;
of a longer burst some are found later, and taking cases in is not slowed down."""
REBUILD_PAUSE_S: Final = 0.02
"""The same while cases from before the start are read: about a fifth of the time."""
_AGAIN_S: Final = 2.0

_HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_EARLIER: Final = (
    "SELECT case_id, data::text FROM chassis.event_log WHERE case_id < $1 AND case_id >= $2"
    " AND source = 'intake' AND sequence = 1 ORDER BY case_id DESC LIMIT $3"
)
_NEW: Final = (
    "SELECT case_id, data::text, xid::text, position FROM chassis.event_log"
    f" WHERE topic = '{CASE_EVENTS}' AND (xid, position) > ($1::text::xid8, $2::bigint)"
    f" AND xid < $3::text::xid8 AND type = '{CaseSubmitted.type}'"
    " ORDER BY event_log.xid, position LIMIT $4"
)
_LAST: Final = UUID(int=(1 << 128) - 1)

_log = logging.getLogger(__name__)


class Follower:
    """A worker: fills the index with the newest cases first, then adds each that any process commits.

    Case ids sort by time, so the newest are read by the log's own key, and no more than the index holds; what is
    committed after that is read in commit order, as every reader of the log does. A case that both bring is
    indexed twice, which costs its size and nothing else.
    """

    def __init__(
        self, pool: Callable[[], Pool], clock: Callable[[], datetime], index: Index, spots: Spots
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._index = index
        self._spots = spots
        self._stopping = asyncio.Event()
        self._after: tuple[str, int] | None = None
        self._before: UUID | None = _LAST
        """Only cases with lower ids are still to be read of those that were there at the start; None: no more."""
        self.trouble: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all cases that were there at the start are indexed."""
        return self._before is None

    async def run(self) -> None:
        """Read until stopped; while the database is away, try again."""
        while not self._stopping.is_set():
            try:
                await self.step()
                pause = PAUSE_S if self.is_complete else REBUILD_PAUSE_S
                self.trouble = None
            except Exception as error:
                if not is_passing(error):
                    raise
                self.trouble = f"similar cases are not kept up: {describe(error)}"
                _log.warning(self.trouble)
                pause = _AGAIN_S
            await wait_at_most(self._stopping, pause)

    def stop(self) -> None:
        """Let `run` end after the batch in hand."""
        self._stopping.set()

    async def step(self) -> None:
        """Read one batch of new cases, and one of those that were there at the start."""
        async with self._pool().acquire() as connection:
            horizon = await connection.fetchval(_HORIZON)
            if self._after is None:
                self._after = (horizon, 0)
            await self._read_new(connection, horizon)
            if self._before is not None:
                await self._read_earlier(connection)

    async def _read_new(self, connection: Connection, horizon: str) -> None:
        rows = await connection.fetch(_NEW, *(self._after or ("0", 0)), horizon, BATCH)
        self._add([(row[0], row[1]) for row in rows])
        is_full = len(rows) == BATCH
        self._after = (rows[-1][2], rows[-1][3]) if is_full else (horizon, 0)

    async def _read_earlier(self, connection: Connection) -> None:
        since = first_id(self._clock() - WINDOW)
        rows = await connection.fetch(_EARLIER, self._before, since, BATCH)
        self._add([(row[0], row[1]) for row in rows])
        is_full = len(rows) == BATCH and len(self._index) < MOST_CASES - BATCH
        self._before = UUID(bytes=rows[-1][0].bytes) if is_full else None

    def _add(self, rows: Sequence[tuple[Any, str]]) -> None:
        read = (entry_of(UUID(bytes=row[0].bytes), orjson.loads(row[1]), self._spots) for row in rows)
        self._index.add([entry for entry in read if entry is not None])


def entry_of(case_id: UUID, submitted: dict[str, Any], spots: Spots) -> Entry | None:
    """Return what is indexed of a submission's data; None of one whose words are for the responsible unit alone."""
    if submitted.get("confidential"):
        return None
    place = submitted["place"]
    grid = place.get("grid")
    return Entry(
        case_id,
        submitted["title"],
        submitted["text"],
        datetime.fromisoformat(submitted["received_at"]),
        spots.number(grid),
        spots.metres(grid, place.get("longitude"), place.get("latitude")),
    )
