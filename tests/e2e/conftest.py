"""One running system for the tests that only use it; tests that kill things start their own.

The shared ones end with the last test of this package, not of the session: idle, they would go on polling beside
all other tests.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.collector import Collector, collecting
from tests.e2e.system import System
from tests.e2e.town import Town, visiting


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """The collector of traces to which the shared system tells every case."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[System]:
    """A system that many tests share."""
    running = System(tmp_path_factory.mktemp("system"), collector.environment)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def kafka_system(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, kafka_bootstrap: str
) -> Iterator[System]:
    """A system on Kafka that many tests share."""
    running = System(tmp_path_factory.mktemp("system"), collector.environment, "kafka", kafka_bootstrap)
    running.start()
    yield running
    running.stop()
    asyncio.run(running.delete_topics())


@pytest.fixture
async def town(system: System) -> AsyncIterator[Town]:
    """The people who use the shared system."""
    async with visiting(system) as people:
        yield people


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system of this test alone, to be killed in part or stopped and started."""
    running = System(tmp_path / "run")
    running.start()
    yield running
    running.stop()
