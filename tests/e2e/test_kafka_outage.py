"""The system on Kafka, as separate processes, while the broker and the services are killed under load."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.kafka.local_broker import LocalKafka
from tests.conftest import NewKafka
from tests.e2e import test_call_to_close
from tests.e2e.ledger import CASES, Ledger, check, load, settle
from tests.e2e.system import System
from tests.e2e.town import visiting


@pytest.fixture
def broker(new_kafka: NewKafka) -> LocalKafka:
    """A broker of this test alone, running."""
    made = new_kafka()
    made.start()
    return made


@pytest.fixture
def on_kafka(tmp_path: Path, broker: LocalKafka) -> Iterator[System]:
    """A system whose events this broker carries, running."""
    system = System(tmp_path / "run", transport="kafka", kafka=broker.bootstrap)
    system.start()
    yield system
    system.stop()


async def test_the_broker_killed_under_load(on_kafka: System, broker: LocalKafka) -> None:
    """Invariants 1 and 2: cases are taken in while it is away; when it is back each is assigned, once."""
    ledger = Ledger()
    loading = asyncio.create_task(load(on_kafka, ledger))
    await asyncio.wait_for(ledger.halfway.wait(), 60)
    await asyncio.to_thread(broker.kill)
    await asyncio.wait_for(loading, 120)
    assert len(ledger.acknowledged) == CASES
    await asyncio.to_thread(broker.start)
    await settle(on_kafka, CASES)
    await check(on_kafka, ledger)


async def test_services_killed_under_load(on_kafka: System) -> None:
    """Invariants 1 and 2: the relay in the middle of a batch, the consumer in the middle of another."""
    ledger = Ledger()
    loading = asyncio.create_task(load(on_kafka, ledger))
    await asyncio.wait_for(ledger.halfway.wait(), 60)
    on_kafka.kill("intake")
    on_kafka.kill("router")
    await asyncio.wait_for(loading, 120)
    await settle(on_kafka, CASES)
    await check(on_kafka, ledger)


async def test_a_case_goes_the_whole_way(on_kafka: System) -> None:
    """R-HOT-02, R-HOT-08, R-PET-13: from call to close, every event over the broker; word for word as embedded."""
    async with visiting(on_kafka) as town:
        await test_call_to_close.test_a_call_goes_to_its_unit_and_is_closed(town)
