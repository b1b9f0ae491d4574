"""Invariant 6: the broker is lost with all its data and rebuilt from the event logs; nothing is lost or doubled."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chassis.applied import account
from chassis.database import session
from chassis.kafka.local_broker import LocalKafka
from services.cli.compare import consumes
from tests.conftest import NewKafka
from tests.e2e.ledger import CASES, Ledger, load
from tests.e2e.system import System
from tests.e2e.town import visiting

SERVICES = ("intake", "router")
LIMIT_S = 120
STREAM = "chassis.event_log WHERE topic = 'case.events'"


@pytest.fixture
async def broker(new_kafka: NewKafka) -> LocalKafka:
    """A broker of this test alone."""
    made = new_kafka()
    await asyncio.to_thread(made.start)
    return made


@pytest.fixture
async def on_kafka(broker: LocalKafka, tmp_path: Path) -> AsyncIterator[System]:
    """A system of this test alone on that broker."""
    no_prefix = {"CASELADDER_KAFKA_PREFIX": ""}  # the commands of the test are told of none
    running = System(tmp_path / "run", no_prefix, "kafka", broker.bootstrap)
    await asyncio.to_thread(running.start)
    yield running
    await asyncio.to_thread(running.stop)


async def lose(broker: LocalKafka) -> None:
    """Kill the broker, delete all it kept, and start it empty at the same address."""
    await asyncio.to_thread(broker.kill)
    shutil.rmtree(broker.data_dir)
    await asyncio.to_thread(broker.start)


async def run(system: System, *words: str) -> str:
    """Run a command that must succeed; return what it said."""
    done = await asyncio.to_thread(system.command, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def unapplied(system: System) -> int:
    """Count the events that some service has not applied and not parked."""
    databases = system.local.databases()
    waiting = 0
    async with session(databases["intake"]) as intake, session(databases["router"]) as router:
        for name, own in (("intake", intake), ("router", router)):
            found = await account(name, consumes(name), own, [intake, router], datetime.now(UTC))
            waiting += found.counts["waiting"] + found.counts["missing"]
    return waiting


async def settled(system: System, cases: int) -> None:
    """Wait until the router knows so many cases, and every event of the logs is applied."""
    async with asyncio.timeout(LIMIT_S):
        while (await count(system, "router.aggregate", "router")) < cases or await unapplied(system):
            await asyncio.sleep(0.5)  # polled, and dear: other processes are at work


async def count(system: System, table: str, service: str) -> int:
    async with session(system.local.databases()[service]) as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def everything(system: System) -> dict[str, list[Any]]:
    """Return the aggregates and the logs of both services, and what is parked."""
    found: dict[str, list[Any]] = {}
    for service in SERVICES:
        async with session(system.local.databases()[service]) as connection:
            for name, query in (
                ("states", f"SELECT case_id, version, seen, state FROM {service}.aggregate ORDER BY case_id"),
                ("events", "SELECT source, case_id, sequence, type FROM chassis.event_log ORDER BY 2, 1, 3"),
                ("parked", f"SELECT case_id, sequence, reason FROM {service}.parked ORDER BY 1, 2"),
            ):
                found[f"{service} {name}"] = [tuple(row) for row in await connection.fetch(query)]
    return found


async def check_each_case_once(system: System, ledger: Ledger) -> None:
    """Every acknowledged case has one submission and one first disposition, and nothing is parked."""
    found = await everything(system)
    for service, type_ in (("intake", "intake.CaseSubmitted.v1"), ("router", "router.CaseDispatched.v1")):
        cases = [row[1] for row in found[f"{service} events"] if row[3] == type_]
        assert sorted(case for case in cases if case in ledger.acknowledged.values()) == sorted(
            ledger.acknowledged.values()
        )
        assert found[f"{service} parked"] == []


async def test_a_loss_in_the_middle_of_the_load_and_another_at_rest(
    on_kafka: System, broker: LocalKafka
) -> None:
    """Events unpublished at that moment and a router that was behind: rebuilt while residents go on calling. After
    a loss of what all had read, states are the same and work goes on.
    """
    ledger = Ledger()
    loading = asyncio.create_task(load(on_kafka, ledger))
    await asyncio.wait_for(ledger.halfway.wait(), 60)
    await lose(broker)
    await run(on_kafka, "log", "republish", "--since", "begin")
    await asyncio.wait_for(loading, LIMIT_S)
    await settled(on_kafka, CASES)
    await check_each_case_once(on_kafka, ledger)
    await run(on_kafka, "log", "compare", "--grace", "0")

    before = await everything(on_kafka)
    await lose(broker)
    await run(on_kafka, "topics", "apply")
    counted = await run(on_kafka, "log", "republish", "--since", "begin", "--dry-run")
    assert [line.split()[:3] for line in counted.splitlines() if "case.events" in line] == [
        [service, "case.events", str(await count(on_kafka, STREAM, service))] for service in SERVICES
    ]
    assert "events published; the relays go on" in await run(on_kafka, "log", "republish", "--since", "begin")
    said = await run(on_kafka, "log", "compare", "--topics")
    assert " 0 missing" in said
    async with visiting(on_kafka) as town:
        case = await town.submit()
        await town.begin(case, "GL0101")
        await town.told(case, "signed", "承办单位已与您联系")
    await settled(on_kafka, CASES + 1)
    after = await everything(on_kafka)
    for name, rows in before.items():
        assert [row for row in after[name] if str(row[0]) != case.id and str(row[1]) != case.id] == rows, name
