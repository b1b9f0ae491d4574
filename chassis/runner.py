"""Runs a service: the stream and the timers, batch by batch, one transaction for each.

poll -> load the cases -> decide and evolve in stream order -> save states, append events,
store the positions in the stream: ONE transaction -> acknowledge
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final, Generic, TypeVar
from uuid import UUID

from chassis.batch import RETRY_FAILED_TIMER, Batch, Tally, describe
from chassis.database import Overtaken, Pool, UniqueViolation, is_passing
from chassis.metrics import Metrics
from chassis.parking import park
from chassis.service import Service
from chassis.store import FenceLost, ParkedEvent, Store
from chassis.telemetry import Telemetry
from chassis.transport import StreamBatch, StreamReader
from chassis.waiting import pace, wait_at_most
from schemas.envelope import Envelope

S = TypeVar("S")

_log = logging.getLogger(__name__)
_time: Final = attrgetter("time")


@dataclass(frozen=True, slots=True)
class RunnerPolicy:
    """How a runner works; the values are counts and seconds."""

    max_records: int = 500
    poll_timeout_s: float = 0.25
    pace_s: float = 0.03
    """So long from one batch to the next, unless more waits already: a transaction costs the same for one record as
    for fifty, so many small ones take the time of the work itself. After fewer than `COMPANY` it is shorter."""
    timer_interval_s: float = 0.5
    max_timers: int = 200
    first_pause_s: float = 0.1
    longest_pause_s: float = 10.0
    parked_window: int = 1000
    """The parked share is measured over this many of the latest records."""
    parked_least: int = 20
    """Fewer parked records than this never stop the service."""
    parked_share: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.parked_share <= 1:
            raise ValueError(f"parked_share must lie in (0, 1], got {self.parked_share}")
        if self.parked_window < self.parked_least:
            raise ValueError(
                f"parked_window must be at least parked_least, got {self.parked_window} < {self.parked_least}"
            )


UNHURRIED: Final = RunnerPolicy(pace_s=0.25)
"""For a service whose part in a case may begin a quarter of a second late while many come, so that others' work
comes first."""


class TooManyParked(Exception):
    """So large a share of the stream cannot be applied that parking more would hide a defect of ours."""

    safe_to_log = True


class Runner(Generic[S]):
    """The loop of one service. Safe to run twice at once: the fence lets one of them win each batch."""

    def __init__(
        self,
        service: Service[S],
        pool: Pool,
        reader: StreamReader,
        clock: Callable[[], datetime],
        *,
        metrics: Metrics,
        telemetry: Telemetry,
        policy: RunnerPolicy | None = None,
    ) -> None:
        self._service = service
        self._pool = pool
        self._reader = reader
        self._clock = clock
        self._store = Store(service.name)
        self._metrics = metrics
        self._telemetry = telemetry
        self._policy = policy or RunnerPolicy()
        self._recent: deque[bool] = deque(maxlen=self._policy.parked_window)
        self._stop = asyncio.Event()
        self.halted: str | None = None
        """Why the runner gave up, in plain words; None while it works."""
        self.troubles: dict[str, str] = {}
        """What keeps the stream or the timers from working just now; they go on trying."""

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stop.set()

    async def run(self) -> None:
        """Work until stopped. Ends early only for TooManyParked, which `halted` then explains."""
        loops = [
            asyncio.create_task(self._forever("stream", self._stream_in_step)),
            asyncio.create_task(self._forever("timers", self._timers_then_wait)),
        ]
        try:
            await asyncio.gather(*loops)
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def _forever(self, name: str, step: Callable[[], Awaitable[object]]) -> None:
        """Repeat a step. After a failure it is tried again, after a growing pause with jitter."""
        pause = self._policy.first_pause_s
        while not self._stop.is_set():
            try:
                await step()
            except TooManyParked as error:
                self.halted = str(error)
                _log.critical(self.halted)
                self._stop.set()
            except (FenceLost, Overtaken) as error:  # in order: somebody else was first
                _log.info("%s: %s", self._service.name, error)
                await wait_at_most(self._stop, pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
            except Exception as error:
                self._note_trouble(name, error, pause)
                await wait_at_most(self._stop, pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
                pause = min(pause * 2, self._policy.longest_pause_s)
            else:
                pause = self._policy.first_pause_s
                self.troubles.pop(name, None)

    def _note_trouble(self, name: str, error: Exception, pause: float) -> None:
        self.troubles[name] = f"{self._service.name}, {name}: {describe(error)}"
        is_defect = not is_passing(error)
        _log.log(
            logging.ERROR if is_defect else logging.WARNING,
            "%s; trying again in %.1f s",
            self.troubles[name],
            pause,
            exc_info=error if is_defect else None,
        )

    # -- the stream ------------------------------------------------------------------------------------

    async def _stream_in_step(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        batch = await self.stream_once()
        if batch is not None and not batch.more:
            full = pace(self._policy.pace_s, len(batch.records))
            await wait_at_most(self._stop, full - (loop.time() - started))

    async def stream_once(self) -> StreamBatch | None:
        """Poll and apply one batch, and return it; None where there was nothing to apply."""
        batch = await self._reader.poll(self._policy.max_records, self._policy.poll_timeout_s)
        if batch is None:
            return None
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._apply(batch)
        except BaseException:
            self._reader.rewind()
            raise
        self._metrics.observe("batch_seconds", loop.time() - started)
        return batch

    async def _apply(self, batch: StreamBatch, *, is_second_try: bool = False) -> None:
        """Apply a batch; where the database refuses it for its content, halve it until the record stands alone."""
        try:
            tally = await self._commit(batch)
        except (FenceLost, TooManyParked):
            raise
        except Exception as error:
            if is_passing(error):
                raise
            if isinstance(error, UniqueViolation) and not is_second_try:
                await self._apply(batch, is_second_try=True)  # a command may have created the case meanwhile
                return
            if len(batch.records) > 1:
                for part in batch.halves():
                    await self._apply(part)
                return
            tally = await self._park(batch, describe(error))
        self._reader.acknowledge(batch)
        self._report(batch, tally)

    async def _commit(self, batch: StreamBatch) -> Tally:
        """Apply the records and move the positions in one transaction."""
        async with self._pool.acquire() as connection, AsyncExitStack() as span, connection.transaction():
            case_ids = [record.case_id for record in batch.records]
            parked = await self._store.advance(connection, batch.moves, case_ids)
            work = Batch(self._service, self._store, connection, self._clock(), self._telemetry)
            await work.load(case_ids, parked)
            work.consume_all(batch, self._reader.origin)
            self._guard(batch.records, work.tally)
            span.enter_context(work.committing())  # until the transaction has ended
            await work.save()
        return work.tally

    async def _park(self, batch: StreamBatch, reason: str) -> Tally:
        """Set the one record of a batch aside and move its position; its case is not even looked at."""
        tally = Tally(parked=[ParkedEvent(record, reason, behind=False) for record in batch.records])
        self._guard(batch.records, tally)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._store.advance(connection, batch.moves, [])
            await park(self._store, connection, tally.parked, self._clock())
        return tally

    def _guard(self, records: Sequence[Envelope], tally: Tally) -> None:
        """Raise TooManyParked before more is parked than the policy allows."""
        fresh = sum(not entry.behind for entry in tally.parked)
        if not fresh:
            return
        parked = sum(self._recent) + fresh
        seen = min(len(self._recent) + len(records), self._policy.parked_window)
        if parked >= self._policy.parked_least and parked / seen > self._policy.parked_share:
            reasons = sorted({entry.reason for entry in tally.parked if not entry.behind})
            raise TooManyParked(
                f"{self._service.name} stopped reading the stream: {parked} of the last {seen} records cannot "
                f"be applied (limit {self._policy.parked_share:.0%}); nothing more is parked until this is "
                f"mended. First reason: {reasons[0]}"
            )

    def _report(self, batch: StreamBatch, tally: Tally) -> None:
        fresh = sum(not entry.behind for entry in tally.parked)
        self._recent.extend([True] * fresh + [False] * (len(batch.records) - fresh))
        for entry in tally.parked:
            _log.error("%s: parked %s: %s", self._service.name, entry.envelope.id, entry.reason)
        self._metrics.count("batches")
        self._metrics.observe("batch_records", len(batch.records))
        self._metrics.count("records_applied", tally.applied)
        self._metrics.count("records_skipped", tally.duplicates)
        self._metrics.count_each("events_emitted", tally.emitted)
        if tally.parked:
            self._metrics.count("parked", len(tally.parked))
        self._metrics.set("parked_share", sum(self._recent) / max(1, len(self._recent)))
        now = self._clock()
        oldest = min(batch.records, key=_time)
        newest = max(batch.records, key=_time)
        self._metrics.observe("stage_seconds", max(0.0, (now - oldest.time).total_seconds()), oldest.source)
        self._metrics.set("lag_seconds", max(0.0, (now - newest.time).total_seconds()))

    # -- the timers ------------------------------------------------------------------------------------

    async def _timers_then_wait(self) -> None:
        if await self.timers_once() < self._policy.max_timers:
            await wait_at_most(self._stop, self._policy.timer_interval_s)

    async def timers_once(self) -> int:
        """Fire the timers that are due, of the longest overdue cases first; return how many cases had one."""
        now = self._clock()
        async with self._pool.acquire() as connection:
            case_ids = await self._store.due(connection, now, self._policy.max_timers)
        if case_ids:
            await self._fire(case_ids, now)
        return len(case_ids)

    async def _fire(self, case_ids: Sequence[UUID], now: datetime) -> None:
        """Fire the timers of some cases in one transaction; one that the database refuses is put off alone."""
        try:
            async with self._pool.acquire() as connection, AsyncExitStack() as span, connection.transaction():
                work = Batch(self._service, self._store, connection, now, self._telemetry)
                await work.load(case_ids)
                for case_id in case_ids:
                    work.fire_timers(case_id)
                span.enter_context(work.committing())
                await work.save()
        except Exception as error:
            if is_passing(error):
                raise
            if len(case_ids) > 1:
                middle = len(case_ids) // 2
                await self._fire(case_ids[:middle], now)
                await self._fire(case_ids[middle:], now)
                return
            _log.error("%s: timers of case %s failed: %s", self._service.name, case_ids[0], describe(error))
            async with self._pool.acquire() as connection:
                await self._store.postpone(connection, case_ids[0], now + RETRY_FAILED_TIMER)
            return
        for case_id, reason in work.tally.failed_timers:
            _log.error("%s: timers of case %s failed: %s", self._service.name, case_id, reason)
        self._metrics.count("timers_fired", work.tally.timers)
        self._metrics.count_each("events_emitted", work.tally.emitted)
