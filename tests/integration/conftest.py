"""Fixtures of the chassis's tests: a database with the toy counter's tables, a runner, a ledger."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from chassis.commands import CommandBus
from chassis.database import Pool, open_pool
from chassis.log import LogReader
from chassis.metrics import Metrics
from chassis.migrate import CHASSIS
from chassis.parked import ParkedCases
from chassis.runner import Runner, RunnerPolicy
from chassis.service import Service
from chassis.store import Store
from chassis.telemetry import Telemetry
from chassis.transport import StreamReader
from reference.load import load
from services.cli.local import PORT_OFFSETS
from tests.databases import COUNTER, Databases
from tests.toy import Counter, CounterState, Ledger, counter_service


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        """Move on."""
        self.at += by


class Bench:
    """The counter on a real database, driven step by step."""

    def __init__(self, url: str, pool: Pool) -> None:
        self.url = url
        self.pool = pool
        self.clock = HandClock()
        self.ledger = Ledger(pool)
        self.metrics = Metrics()
        self.telemetry = Telemetry(None, 0)

    def runner(
        self,
        service: Service[CounterState] | None = None,
        policy: RunnerPolicy | None = None,
        reader: StreamReader | None = None,
    ) -> Runner[CounterState]:
        """Return a new owner of the stream, with a reader of its own (by default of the embedded log)."""
        return Runner(
            service or counter_service(),
            self.pool,
            reader or LogReader(self.pool, Store("counter"), Counter.consumes),
            self.clock,
            metrics=self.metrics,
            telemetry=self.telemetry,
            policy=policy or RunnerPolicy(poll_timeout_s=0.0),
        )

    def parked(
        self, service: Service[CounterState] | None = None, patience_s: float = 5.0
    ) -> ParkedCases[CounterState]:
        """Return the counter's parked events."""
        return ParkedCases(
            service or counter_service(),
            self.pool,
            self.clock,
            metrics=self.metrics,
            telemetry=self.telemetry,
            patience_s=patience_s,
        )

    async def drain(self, runner: Runner[CounterState] | None = None) -> None:
        """Apply all there is."""
        owner = runner or self.runner()
        while await owner.stream_once():
            pass

    def bus(self, service: Service[CounterState] | None = None) -> CommandBus[CounterState]:
        """Return a command bus; its worker is not started."""
        return CommandBus(
            service or counter_service(),
            self.pool,
            self.clock,
            metrics=self.metrics,
            telemetry=self.telemetry,
        )


@pytest.fixture(scope="session", autouse=True)
def jurisdiction_read_once() -> Iterator[None]:
    """All services of a test process share one jurisdiction, which nobody can change; reading it takes 0.4 s."""
    with pytest.MonkeyPatch.context() as patched:
        once = cache(load)
        for service in PORT_OFFSETS:
            patched.setattr(f"services.{service}.main.load", once)
        yield


@pytest.fixture
async def intake_url(databases: Databases) -> AsyncIterator[str]:
    """A database with intake's tables."""
    async with databases.lent(CHASSIS, "intake") as url:
        yield url


@pytest.fixture
async def router_url(databases: Databases) -> AsyncIterator[str]:
    """A database with the router's tables."""
    async with databases.lent(CHASSIS, "router") as url:
        yield url


@pytest.fixture
async def mediation_url(databases: Databases) -> AsyncIterator[str]:
    """A database with mediation's tables."""
    async with databases.lent(CHASSIS, "mediation") as url:
        yield url


@pytest.fixture
async def petition_url(databases: Databases) -> AsyncIterator[str]:
    """A database with petition's tables."""
    async with databases.lent(CHASSIS, "petition") as url:
        yield url


@pytest.fixture
async def counter_url(databases: Databases) -> AsyncIterator[str]:
    """A database with the counter's tables."""
    async with databases.lent(CHASSIS, COUNTER) as url:
        yield url


@pytest.fixture
async def bench(counter_url: str) -> AsyncIterator[Bench]:
    """The counter on a database."""
    pool = await open_pool(counter_url)
    yield Bench(counter_url, pool)
    await pool.close()
