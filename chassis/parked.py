"""What waits set aside in one service: reading it, taking it up again in order, giving it up.

A retry is a transaction of its own that holds the stream, so that no batch of the service is under way: whatever
the runner reads next comes behind what was parked, or parks behind what still is. Each event stands in a savepoint,
for the database may refuse one and must keep those before it. The runner is not needed; it may have halted.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

from chassis.batch import Batch, Tally, describe
from chassis.commands import Unavailable
from chassis.database import Connection, LockNotAvailable, Pool, Record, UniqueViolation, is_passing
from chassis.decider import Refused
from chassis.masking import mask
from chassis.metrics import Metrics
from chassis.parking import Told, parked_event, tell, unparked_event
from chassis.service import Service
from chassis.store import START, ParkedEvent, Store, key
from chassis.telemetry import Attribute, Telemetry, Value
from chassis.transport import Move, Place, StreamBatch
from schemas.envelope import Envelope
from schemas.message import Actor
from schemas.parked import Resolution

S = TypeVar("S")

_NOTHING: Final = Refused("nothing_parked", "nothing of this case is parked here")
_COLUMNS: Final = (
    "p.topic, p.source, p.case_id, p.sequence, p.type, p.time, p.traceparent, p.data, p.reason, p.behind,"
    " p.parked_at"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that waits, and since when."""

    event: ParkedEvent
    since: datetime


@dataclass(frozen=True, slots=True)
class WaitingCase:
    """A case with parked events: how many, and the first, which keeps the others waiting."""

    events: int
    first: Waiting
    place: int
    """Its place in the list of cases, which is in the order of these numbers."""


@dataclass(frozen=True, slots=True)
class Settled:
    """An event that is parked no longer."""

    envelope: Envelope
    resolution: Resolution
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a retry or a discard; it is committed."""

    settled: Sequence[Settled]
    failed: ParkedEvent | None
    """The first that could not be applied, with its new reason; it and all behind it are parked still."""
    waiting: int
    """How many events of the case are parked still."""
    emitted: Mapping[str, int]
    """How many events were appended, by type."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why an event could not be applied, or the case not be written."""

    reason: str


class ParkedCases(Generic[S]):
    """The parked events of one service. Safe in several processes at once: one change at a time."""

    def __init__(
        self,
        service: Service[S],
        pool: Pool,
        clock: Callable[[], datetime],
        *,
        metrics: Metrics,
        telemetry: Telemetry,
        patience_s: float = 5.0,
    ) -> None:
        self._patience_s = patience_s
        self._service = service
        self._pool = pool
        self._clock = clock
        self._metrics = metrics
        self._telemetry = telemetry
        self._store = Store(service.name)
        self._table = f"{service.name}.parked"

    async def cases(self, after: int, limit: int) -> list[WaitingCase]:
        """Return up to `limit` cases behind the place `after`, the longest waiting first."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS}, w.events, w.place FROM (SELECT case_id, count(*) AS events, min(id) AS place"
                f" FROM {self._table} WHERE resolved_at IS NULL GROUP BY case_id HAVING min(id) > $1"
                f" ORDER BY min(id) LIMIT $2) w JOIN {self._table} p ON p.case_id = w.case_id AND p.id = w.place"
                " ORDER BY w.place",
                after,
                limit,
            )
        return [WaitingCase(row["events"], _waiting(row), row["place"]) for row in rows]

    async def story(self, case_id: UUID) -> list[Waiting]:
        """Return what of a case is parked, in the order of the stream."""
        async with self._pool.acquire() as connection:
            return await self._open(connection, case_id)

    async def retry(self, case_id: UUID, by: Actor, reason: str = "") -> Attempt | Refused:
        """Apply what of a case is parked, in order, as far as it goes; `reason` is told with it, masked.

        Raises Unavailable, and nothing has happened, where others keep the stream or the case for too long.
        """
        async with self._holding(case_id) as connection:
            waiting = [one.event for one in await self._open(connection, case_id)]
            if not waiting:
                return _NOTHING
            attempt = await self._take_up(connection, waiting, mask(reason))
            await self._record(connection, attempt, by)
        self._report(case_id, attempt)
        return attempt

    async def discard(
        self, case_id: UUID, event: tuple[str, int], by: Actor, reason: str, *, all_behind: bool = False
    ) -> Attempt | Refused:
        """Give up the first parked event, named by source and sequence, and apply the rest in order.

        With `all_behind` the rest is given up, too. Refused where the event is not the first: nobody gives up
        another one than they have seen, and asking twice gives up no second one. `reason` is told, masked.
        Raises as `retry`.
        """
        async with self._holding(case_id) as connection:
            waiting = [one.event for one in await self._open(connection, case_id)]
            if not waiting:
                return _NOTHING
            first = waiting[0].envelope
            if (first.source, first.sequence) != event:
                return Refused(
                    "not_first", f"the event that keeps the others waiting is {first.source}/{first.sequence}"
                )
            given_up = [entry.envelope for entry in (waiting if all_behind else waiting[:1])]
            if isinstance(passed := await self._pass_over(connection, given_up), _Fault):
                return Refused(
                    "case_unreadable", f"the case itself cannot be read or written: {passed.reason}"
                )
            attempt = await self._take_up(connection, waiting[len(given_up) :])
            done = [Settled(envelope, Resolution.DISCARDED, mask(reason)) for envelope in given_up]
            attempt = replace(attempt, settled=[*done, *attempt.settled])
            await self._record(connection, attempt, by)
        self._report(case_id, attempt)
        return attempt

    @asynccontextmanager
    async def _holding(self, case_id: UUID) -> AsyncIterator[Connection]:
        """Open a transaction during which no batch of the service, and nobody else with this case, is under way.

        Raises Unavailable.
        """
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._store.hold_stream(connection, self._patience_s)
                await self._store.load(connection, [case_id])
                yield connection
        except LockNotAvailable as error:
            raise Unavailable(f"{self._service.name} is busy with the stream or with this case") from error

    async def _open(self, connection: Connection, case_id: UUID) -> list[Waiting]:
        rows = await connection.fetch(
            f"SELECT {_COLUMNS} FROM {self._table} p WHERE p.case_id = $1 AND p.resolved_at IS NULL"
            " ORDER BY p.id",
            case_id,
        )
        return [_waiting(row) for row in rows]

    async def _take_up(
        self, connection: Connection, waiting: Sequence[ParkedEvent], reason: str = ""
    ) -> Attempt:
        """Apply events in order up to the first that fails."""
        settled: list[Settled] = []
        emitted: Counter[str] = Counter()
        failed = None
        for entry in waiting:
            done = await self._apply(connection, entry.envelope)
            if isinstance(done, _Fault):
                failed = replace(entry, reason=done.reason, behind=False)
                break
            resolution = Resolution.RETRIED if done.applied else Resolution.SKIPPED
            settled.append(Settled(entry.envelope, resolution, reason))
            emitted.update(done.emitted)
        return Attempt(settled, failed, len(waiting) - len(settled), emitted)

    async def _apply(self, connection: Connection, envelope: Envelope) -> Tally | _Fault:
        alone = StreamBatch({0: Move(START, START)}, [envelope], [Place(0, START)])
        origin: Mapping[Attribute, Value] = {"messaging.destination.name": envelope.topic}
        return await self._work(connection, envelope.case_id, lambda work: work.consume_all(alone, origin))

    async def _pass_over(self, connection: Connection, envelopes: Sequence[Envelope]) -> Tally | _Fault:
        def step(work: Batch[S]) -> None:
            for envelope in envelopes:
                work.pass_over(envelope)

        return await self._work(connection, envelopes[0].case_id, step)

    async def _work(
        self, connection: Connection, case_id: UUID, step: Callable[[Batch[S]], None]
    ) -> Tally | _Fault:
        """Do something to a case in a savepoint; nothing of it stays where it fails.

        A violated key is tried once more, as the runner does: a command may have created the case meanwhile.
        """
        for is_second_try in (False, True):
            try:
                async with connection.transaction():
                    work = Batch(self._service, self._store, connection, self._clock(), self._telemetry)
                    await work.load([case_id], are_held=True)
                    step(work)
                    if work.tally.parked:
                        return _Fault(work.tally.parked[0].reason)
                    await work.save()
                    return work.tally
            except Exception as error:
                if is_passing(error):
                    raise
                if is_second_try or not isinstance(error, UniqueViolation):
                    return _Fault(describe(error))
        raise AssertionError("unreachable")

    async def _record(self, connection: Connection, attempt: Attempt, by: Actor) -> None:
        """Mark what was settled, renew the reason of what failed, and tell of both."""
        told: list[Told] = []
        for done in attempt.settled:
            await self._mark(connection, done)
            event = unparked_event(self._service.name, done.envelope, done.resolution, by, done.reason)
            told.append((done.envelope, event))
        if attempt.failed is not None:
            await self._renew(connection, attempt.failed)
            told.append((attempt.failed.envelope, parked_event(self._service.name, attempt.failed, by)))
        await tell(self._store, connection, told, self._clock())

    async def _mark(self, connection: Connection, done: Settled) -> None:
        given = done.resolution is Resolution.DISCARDED
        await connection.execute(
            f"UPDATE {self._table} SET resolved_at = now(), resolution = $4"
            " WHERE case_id = $1 AND source = $2 AND sequence = $3",
            *key(done.envelope),
            f"{done.resolution}: {done.reason}" if given else str(done.resolution),
        )

    async def _renew(self, connection: Connection, failed: ParkedEvent) -> None:
        await connection.execute(
            f"UPDATE {self._table} SET reason = $4, behind = false"
            " WHERE case_id = $1 AND source = $2 AND sequence = $3",
            *key(failed.envelope),
            failed.reason,
        )

    def _report(self, case_id: UUID, attempt: Attempt) -> None:
        """Log and count what was committed."""
        name = self._service.name
        self._metrics.count_each("unparked", Counter(str(done.resolution) for done in attempt.settled))
        self._metrics.count_each("events_emitted", attempt.emitted)
        for done in attempt.settled:
            _log.warning("%s: no longer parked: %s, %s", name, done.envelope.id, done.resolution)
        if attempt.failed is not None:
            _log.error("%s: still parked: %s: %s", name, attempt.failed.envelope.id, attempt.failed.reason)


def _waiting(row: Record) -> Waiting:
    envelope = Envelope(
        source=row["source"],
        case_id=row["case_id"],
        sequence=row["sequence"],
        type=row["type"],
        time=row["time"],
        topic=row["topic"],
        traceparent=row["traceparent"],
        data=row["data"],
    )
    return Waiting(ParkedEvent(envelope, row["reason"], row["behind"]), row["parked_at"])
