"""What the loop reports of requests to Kafka that were given up: one line of theirs, and every line of our own."""

import asyncio
import gc
import logging
import socket
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from chassis.embedded_host import free_port
from chassis.kafka.dropped import tell_dropped
from chassis.kafka.transport import KafkaTransport
from chassis.metrics import Metrics
from chassis.store import Store
from chassis.telemetry import Telemetry
from tests.unit.http_kit import make_settings


async def told(caplog: pytest.LogCaptureFixture, dropped: "asyncio.Future[Any]") -> list[tuple[str, str]]:
    """What is logged, and by whom, when nobody asks for a failure. `dropped` must be the only reference to it."""
    asyncio.get_running_loop().set_exception_handler(tell_dropped)
    await asyncio.wait({dropped})
    caplog.clear()
    del dropped
    gc.collect()
    return [
        (record.name, record.getMessage().partition("\n")[0])
        for record in caplog.records
        if record.name in {"asyncio", "aiokafka.dropped"}
    ]


def failed(error: BaseException) -> "asyncio.Future[Any]":
    """A bare future that has failed."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


async def fails(error: BaseException) -> None:
    """Work of our own."""
    raise error


async def test_a_look_up_of_a_name_that_was_given_up_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """As uvloop leaves it behind where connecting is cancelled."""
    line = "a request to Kafka that was given up has failed: its name cannot be resolved"
    assert await told(caplog, failed(socket.gaierror(-3, "no such name"))) == [("aiokafka.dropped", line)]


async def test_a_task_of_aiokafka_that_was_left_behind_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{free_port()}")
    line = "a request to Kafka that was given up has failed: KafkaConnectionError"
    assert await told(caplog, asyncio.create_task(client.bootstrap())) == [("aiokafka.dropped", line)]
    await client.close()


@pytest.mark.parametrize("error", [KafkaConnectionError(), OSError(), ValueError("a defect")])
async def test_a_task_of_our_own_is_reported_as_ever(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    line = "Task exception was never retrieved"
    assert await told(caplog, asyncio.create_task(fails(error))) == [("asyncio", line)]


@pytest.mark.parametrize("error", [OSError(), ValueError("a defect")])
async def test_a_bare_future_that_fails_otherwise_is_reported_as_ever(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    assert await told(caplog, failed(error)) == [("asyncio", "Future exception was never retrieved")]


async def test_a_service_on_kafka_has_it_set(tmp_path: Path) -> None:
    settings = make_settings(tmp_path).model_copy(update={"kafka_bootstrap": "127.0.0.1:9"})
    transport = KafkaTransport(
        settings,
        frozenset(),
        cast(Any, None),
        Store("sample"),
        pace_s=0.1,
        metrics=Metrics(),
        telemetry=Telemetry(None, 0),
    )
    transport.stop()
    await transport.run()
    assert asyncio.get_running_loop().get_exception_handler() is tell_dropped
