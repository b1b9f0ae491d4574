"""A service process as a whole: it ends when it is told to, and says when a part of it has ended."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

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
