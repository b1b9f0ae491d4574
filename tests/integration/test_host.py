"""A service process as a whole: it ends when it is told to, and says when a part of it has ended."""

import asyncio
import logging
import math
from pathlib import Path

import pytest
from fastapi import FastAPI

from chassis import host as host_module
from chassis.host import Host
from chassis.log import EmbeddedTransport, LogReader
from chassis.transport import Lag
from tests.intake_kit import make_settings
from tests.integration.conftest import Bench
from tests.toy import CounterState, counter_service


def made(bench: Bench, directory: Path) -> Host[CounterState]:
    """Return the counter as a process, not yet started."""
    settings = make_settings(directory, bench.url).model_copy(update={"service": "counter"})
    return Host(settings, counter_service())


MEASURED = (
    *("overdue_timers", "parked_open"),
    *("unpublished_events", "oldest_unpublished_seconds"),
    *("lag_events", "oldest_unread_seconds"),
)


def gauge(host: Host[CounterState], name: str) -> float:
    value = host.metrics.registry.get_sample_value(f"caseladder_{name}")
    assert value is not None
    return value


async def test_ends_though_a_library_swallows_the_cancellation(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As aiokafka may while it is asked how far behind it is: the service must stop all the same."""
    asked = asyncio.Event()

    async def lag(_: object) -> Lag:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Lag(0, None)
        raise AssertionError("unreachable")

    monkeypatch.setattr(LogReader, "lag", lag)
    host = made(bench, tmp_path)
    async with asyncio.timeout(30):
        async with host.lifespan(FastAPI()):
            await asked.wait()


@pytest.mark.parametrize(
    "end", [asyncio.CancelledError(), RuntimeError("a defect")], ids=["cancelled", "failed"]
)
async def test_a_part_that_ends_by_itself_makes_the_service_unready(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    """A cancellation that a library lets out ends its caller without a word: readiness must tell."""

    async def run(_: object) -> None:
        raise end

    monkeypatch.setattr(EmbeddedTransport, "run", run)
    host = made(bench, tmp_path)
    async with host.lifespan(FastAPI()), asyncio.timeout(30):
        while not (reasons := await host.readiness()):
            await asyncio.sleep(0.01)  # polled: the task ends in its own time
    assert reasons[0].startswith(f"a part of the service ended: {type(end).__name__}")


@pytest.mark.parametrize(
    "defect", [asyncio.CancelledError(), KeyError("the words of a resident")], ids=["cancelled", "failed"]
)
async def test_measuring_that_met_a_defect_is_tried_again_and_pretends_nothing(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    defect: BaseException,
) -> None:
    """Old figures would look like good ones; and what works again needs no restart."""
    monkeypatch.setattr(host_module, "MEASURE_INTERVAL_S", 0.01)
    failed = asyncio.Event()

    async def lag(_: object) -> Lag:
        if failed.is_set():
            raise defect
        return Lag(7, None)

    monkeypatch.setattr(LogReader, "lag", lag)
    host = made(bench, tmp_path)
    async with host.lifespan(FastAPI()), asyncio.timeout(30):
        while gauge(host, "lag_events") != 7:
            await asyncio.sleep(0.001)  # polled: it is measured in its own time
        failed.set()
        while not (reasons := await host.readiness()):
            await asyncio.sleep(0.001)
        assert reasons[0].startswith(f"measuring fails: {type(defect).__name__}")
        assert math.isnan(gauge(host, "lag_events"))
        assert gauge(host, "parked_open") == 0, "this could be measured"
        failed.clear()
        while await host.readiness():
            await asyncio.sleep(0.001)
        assert gauge(host, "lag_events") == 7
    [told] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told.getMessage().startswith(
        f"measuring fails, and is tried again: {type(defect).__name__} at test_host:"
    )
    assert "resident" not in caplog.text


async def test_while_the_database_fails_no_gauge_keeps_its_figure(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "MEASURE_INTERVAL_S", 0.01)

    async def overdue(*_: object) -> int:
        raise ConnectionResetError("the database has gone")

    host = made(bench, tmp_path)
    async with host.lifespan(FastAPI()), asyncio.timeout(30):
        while gauge(host, "lag_events") != 0:
            await asyncio.sleep(0.001)  # polled: it is measured in its own time
        monkeypatch.setattr(host.store, "overdue", overdue)
        while not all(math.isnan(gauge(host, name)) for name in MEASURED):
            await asyncio.sleep(0.001)
        assert await host.readiness() == []


async def test_events_that_wait_to_be_published_are_told(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = "events wait to be published: there is no topic case.events"
    monkeypatch.setattr(EmbeddedTransport, "trouble", trouble)
    host = made(bench, tmp_path)
    async with host.lifespan(FastAPI()):
        assert (host.degraded(), await host.readiness()) == ([trouble], [])


async def test_a_broker_that_is_away_is_told_and_requests_are_still_served(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed waits in the event log: to take the service out of rotation would turn residents away."""

    async def lag(_: object) -> Lag:
        raise ConnectionError("Kafka does not answer")

    monkeypatch.setattr(LogReader, "lag", lag)
    host = made(bench, tmp_path)
    async with host.lifespan(FastAPI()), asyncio.timeout(30):
        while not (degraded := host.degraded()):
            await asyncio.sleep(0.01)  # polled: it is measured in its own time
        assert (degraded, await host.readiness()) == (["Kafka does not answer"], [])
        shown = host.metrics.text().decode().splitlines()
        assert [line for line in shown if line.startswith("caseladder_lag_events")][-1].endswith(" NaN")
