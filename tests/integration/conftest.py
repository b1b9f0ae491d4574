"""Fixtures of the chassis's tests: a database with the toy counter's tables, a runner, a ledger."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar

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
from reference.areas import GridIndex
from reference.gazetteer import Gazetteer
from reference.load import load
from reference.matcher import Matcher
from schemas.jurisdiction import Jurisdiction
from services.cli.local import GULOU, PORT_OFFSETS
from services.notify.table import load_notices
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


T = TypeVar("T")


def of_each(make: Callable[[Jurisdiction], T]) -> Callable[[Jurisdiction], T]:
    """`make`, called once for each jurisdiction."""
    made: dict[int, tuple[Jurisdiction, T]] = {}  # which keeps the jurisdiction, and so its number

    def get(jurisdiction: Jurisdiction) -> T:
        number = id(jurisdiction)
        if number not in made:
            made[number] = jurisdiction, make(jurisdiction)
        return made[number][1]

    return get


@pytest.fixture(scope="session", autouse=True)
def jurisdiction_read_once() -> Iterator[None]:
    """All services of a test process share one jurisdiction with what is made of it alone, which nobody can change.

    Reading it takes 0.4 s, and what intake and notify make of it 0.15 s each.
    """
    with pytest.MonkeyPatch.context() as patched:
        once = cache(load)
        for service in PORT_OFFSETS:
            patched.setattr(f"services.{service}.main.load", once)
        for service in ("intake", "router"):
            patched.setattr(f"services.{service}.main.Matcher", of_each(Matcher))
        for kind in (GridIndex, Gazetteer):
            patched.setattr(kind, "load", staticmethod(cache(kind.load)))
        texts = of_each(lambda jurisdiction: load_notices(GULOU, jurisdiction))
        patched.setattr("services.notify.main.load_notices", lambda _, jurisdiction: texts(jurisdiction))
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
