"""One service process put together: pool, command bus, runner, housekeeping; started and stopped in order.

host = Host(settings, service)
app = host.create_app(title, description)     # with health, metrics and the parked events; see chassis.http
add_routes(app, host)
serve(app, settings)
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

from fastapi import FastAPI

from chassis.batch import describe
from chassis.commands import CommandBus
from chassis.database import Pool, is_passing, open_pool
from chassis.http.app import create_app
from chassis.http.parked import add_parked_routes
from chassis.idempotency import forget_answers
from chassis.log import EmbeddedTransport
from chassis.metrics import GaugeName, Metrics
from chassis.parked import ParkedCases
from chassis.runner import Runner, RunnerPolicy
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import Store
from chassis.telemetry import Telemetry
from chassis.transport import Lag, StreamReader, Transport
from chassis.waiting import is_cancelled, wait_at_most

S = TypeVar("S")

MEASURE_INTERVAL_S: Final = 5.0
FORGET_INTERVAL_S: Final = 3600.0
KEEP_ANSWERS_HOURS: Final = 48
"""How long an Idempotency-Key is honoured."""
LOG_AGE_ALARM_S: Final = 60.0
"""An unread event older than this makes the log say so: one long transaction stalls every reader."""

AGAIN_S: Final = 5.0
"""The longest pause before housekeeping that met a defect is tried again, in seconds."""

_OF_THE_DATABASE: Final[Sequence[GaugeName]] = ("overdue_timers", "parked_open")
_OF_THE_RELAY: Final[Sequence[GaugeName]] = ("unpublished_events", "oldest_unpublished_seconds")
_OF_THE_STREAM: Final[Sequence[GaugeName]] = ("lag_events", "oldest_unread_seconds")

_log = logging.getLogger(__name__)


def now() -> datetime:
    """Return the current instant. The one clock of a running service."""
    return datetime.now(UTC)


class Worker(Protocol):
    """One more thing to be at work beside the service's own parts; it may use the command bus."""

    @property
    def trouble(self) -> str | None:
        """Why it cannot do its work now, in plain words."""
        ...

    async def run(self) -> None:
        """Work until stopped."""
        ...

    def stop(self) -> None:
        """Finish what is in hand, and let `run` end."""
        ...


class Host(Generic[S]):
    """What a service's routes stand on. Usable between entering and leaving `lifespan`."""

    def __init__(
        self,
        settings: Settings,
        service: Service[S],
        *,
        clock: Callable[[], datetime] = now,
        policy: RunnerPolicy | None = None,
    ) -> None:
        self.settings = settings
        self.service = service
        self.clock = clock
        self.metrics = Metrics()
        self.telemetry = Telemetry.start(settings)
        self.store = Store(service.name)
        self.pool: Pool
        self.bus: CommandBus[S]
        self.runner: Runner[S]
        self.parked: ParkedCases[S]
        self._reader: StreamReader
        self._transport: Transport
        self._policy = policy or RunnerPolicy()
        self._workers: list[Worker] = []
        self._stopping = asyncio.Event()
        self._crashed: str | None = None
        self._defects: dict[str, str] = {}
        """The housekeeping that fails now, and how."""
        self._unmeasured: str | None = None

    def add_worker(self, worker: Worker) -> None:
        """Let one more thing work for as long as the service does. To be called before `lifespan` is entered."""
        self._workers.append(worker)

    def create_app(
        self, title: str, description: str, body_limits: Mapping[str, int] | None = None
    ) -> FastAPI:
        """Return the service's app with what every service has; `body_limits` as in chassis.http.create_app."""
        app = create_app(
            self.settings,
            title,
            description,
            self.readiness,
            self.lifespan,
            self.metrics,
            self.telemetry,
            body_limits,
        )
        app.state.degraded = self.degraded
        add_parked_routes(app, self.service.name, lambda: self.parked)
        return app

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Open everything, work, then finish the batch in hand and every command taken, and close."""
        self.pool = await open_pool(self.settings.database_url.get_secret_value())
        self._transport = self._open_transport()
        self._reader = self._transport.reader(self.service.decider.consumes)
        self.bus = CommandBus(
            self.service, self.pool, self.clock, metrics=self.metrics, telemetry=self.telemetry
        )
        self.runner = Runner(
            self.service,
            self.pool,
            self._reader,
            self.clock,
            metrics=self.metrics,
            telemetry=self.telemetry,
            policy=self._policy,
        )
        self.parked = ParkedCases(
            self.service, self.pool, self.clock, metrics=self.metrics, telemetry=self.telemetry
        )
        working = [self._watched(self.bus.run()), self._watched(self.runner.run())]
        carrying = self._watched(self._transport.run())
        others = [self._watched(worker.run()) for worker in self._workers]
        keeping = [
            self._watched(self._repeat("measuring", self._measure, MEASURE_INTERVAL_S)),
            self._watched(self._repeat("forgetting old answers", self._forget, FORGET_INTERVAL_S)),
        ]
        try:
            yield
        finally:
            self._stopping.set()
            for task in keeping:
                task.cancel()
            for worker in self._workers:
                worker.stop()
            await asyncio.gather(*others, return_exceptions=True)  # while their commands are still taken
            self.bus.close()
            self.runner.stop()
            await asyncio.gather(*working, *keeping, return_exceptions=True)
            self._transport.stop()  # after the last commit, which it may still bring out
            await asyncio.gather(carrying, return_exceptions=True)
            await self._reader.close()
            await self.pool.close()
            self.telemetry.stop()

    def _open_transport(self) -> Transport:
        if self.settings.transport == "embedded":
            return EmbeddedTransport(self.pool, self.store)
        # imported here: an embedded run has no use for a Kafka client's memory
        from chassis.kafka.transport import KafkaTransport  # noqa: PLC0415

        return KafkaTransport(
            self.settings,
            self.service.topics,
            self.pool,
            self.store,
            pace_s=self._policy.pace_s,
            metrics=self.metrics,
            telemetry=self.telemetry,
        )

    async def readiness(self) -> list[str]:
        """Return why the service cannot do its work, in plain words."""
        reasons = [reason for reason in (self._crashed, self.runner.halted) if reason]
        reasons += self.runner.troubles.values()
        reasons += [f"{name} fails: {defect}" for name, defect in self._defects.items()]
        try:
            async with self.pool.acquire(timeout=2) as connection:
                await connection.fetchval(f"SELECT count(*) FROM {self.service.name}.stream_position")
        except Exception as error:  # whatever it is, it is a reason
            reasons.append(f"the database does not answer: {describe(error)}")
        return reasons

    def degraded(self) -> list[str]:
        """Return what does not work while requests are still served: the event log keeps what the broker cannot."""
        troubles = [worker.trouble for worker in self._workers]
        return [trouble for trouble in (self._unmeasured, self._transport.trouble, *troubles) if trouble]

    def _watched(self, work: Any) -> "asyncio.Task[None]":
        """Run a part of the service; if it ends with an error the service is not ready and says why."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        error: BaseException | None
        if task.cancelled():  # a library's own cancellation that got out ends whoever waited for it
            error = None if self._stopping.is_set() else asyncio.CancelledError()
        else:
            error = task.exception()
        if error is not None:
            self._crashed = f"a part of the service ended: {describe(error)}"
            _log.critical(self._crashed, exc_info=error)

    async def _repeat(self, name: str, step: Callable[[], Any], seconds: float) -> None:
        """Repeat a step until the service stops, through its defects, which make the service unready meanwhile.

        A cancellation that the step swallowed is not waited for; one that a library let out of it is a defect.
        """
        while not self._stopping.is_set():
            pause = seconds
            try:
                await step()
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                if isinstance(error, Exception) and is_passing(error):
                    _log.warning("housekeeping put off: %s", describe(error))
                else:
                    self._note_defect(name, describe(error))
                    pause = min(seconds, AGAIN_S)
            else:
                if self._defects.pop(name, None):
                    _log.info("%s works again", name)
            await wait_at_most(self._stopping, pause)

    def _note_defect(self, name: str, defect: str) -> None:
        if self._defects.get(name) != defect:
            _log.error("%s fails, and is tried again: %s", name, defect)
        self._defects[name] = defect

    async def _measure(self) -> None:
        """Set the gauges that only the database, or the broker, knows; those that cannot be measured to NaN."""
        await self._measure_these(self._measure_database, *_OF_THE_DATABASE, *_OF_THE_RELAY, *_OF_THE_STREAM)
        try:
            await self._measure_these(self._measure_unpublished, *_OF_THE_RELAY, *_OF_THE_STREAM)
            await self._measure_these(self._measure_lag, *_OF_THE_STREAM)
        except OSError as error:
            self._unmeasured = str(error)
            raise
        self._unmeasured = None

    async def _measure_these(self, step: Callable[[], Any], *gauges: GaugeName) -> None:
        """Take a step, after which come others; where it fails, `gauges` are not a number."""
        try:
            await step()
        except BaseException:
            for gauge in gauges:  # an old figure would look like a good one
                self.metrics.set(gauge, math.nan)
            raise

    async def _measure_database(self) -> None:
        async with self.pool.acquire() as connection:
            overdue = await self.store.overdue(connection, self.clock())
            parked = await self.store.parked_count(connection)
        self.metrics.set("overdue_timers", overdue)
        self.metrics.set("parked_open", parked)

    async def _measure_unpublished(self) -> None:
        waiting = await self._transport.unpublished()
        age = self._age(waiting)
        self.metrics.set("unpublished_events", waiting.events)
        self.metrics.set("oldest_unpublished_seconds", age)
        if age > LOG_AGE_ALARM_S:
            _log.error("the oldest of %d unpublished events is %d s old", waiting.events, age)

    def _age(self, lag: Lag) -> float:
        return (self.clock() - lag.oldest).total_seconds() if lag.oldest else 0.0

    async def _measure_lag(self) -> None:
        lag = await self._reader.lag()
        age = self._age(lag)
        self.metrics.set("lag_events", lag.events)
        self.metrics.set("oldest_unread_seconds", age)
        if age > LOG_AGE_ALARM_S:
            _log.error("the oldest of %d unread events is %d s old", lag.events, age)

    async def _forget(self) -> None:
        async with self.pool.acquire() as connection:
            await forget_answers(connection, self.service.name, KEEP_ANSWERS_HOURS)
