"""The system on Kafka, as separate processes, while the broker and the services are killed under load."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.kafka.local_broker import LocalKafka
from tests.conftest import NewKafka
from tests.e2e.ledger import CASES, Ledger, check, load, settle
from tests.e2e.system import System


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


async def test_the_broker_and_the_services_killed_under_load(on_kafka: System, broker: LocalKafka) -> None:
    """Invariants 1 and 2: cases are taken in while the broker is away; when it is back each is assigned, once. Then
    the relay is killed in the middle of a batch, and the consumer in the middle of another.
    """
    away = Ledger()
    loading = asyncio.create_task(load(on_kafka, away))
    await asyncio.wait_for(away.halfway.wait(), 60)
    await asyncio.to_thread(broker.kill)
    await asyncio.wait_for(loading, 120)
    assert len(away.acknowledged) == CASES
    await asyncio.to_thread(broker.start)
    await settle(on_kafka, CASES)
    await check(on_kafka, away)

    killed = Ledger()
    loading = asyncio.create_task(load(on_kafka, killed))
    await asyncio.wait_for(killed.halfway.wait(), 60)
    on_kafka.kill("intake")
    on_kafka.kill("router")
    await asyncio.wait_for(loading, 120)
    await settle(on_kafka, 2 * CASES)
    await check(on_kafka, away, killed)
