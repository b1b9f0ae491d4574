"""Letting a client of aiokafka go: whatever its `stop` does, the caller goes on, and nothing of it is left."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from chassis.kafka import connection
from chassis.kafka.connection import let_go


class Part:
    """A connection or a sender; remembers whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class Client:
    """A client whose `stop` is given."""

    def __init__(self, stop: Callable[[], Awaitable[None]]) -> None:
        self.stop = stop
        self._client = Part()
        self._sender = Part()


async def in_order() -> None:
    return


async def cancelled() -> None:
    raise asyncio.CancelledError


async def failing() -> None:
    raise ConnectionError


async def endless() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("stop", "is_cut_off"), [(in_order, False), (cancelled, True), (failing, True), (endless, True)]
)
async def test_ends_every_client(
    monkeypatch: pytest.MonkeyPatch, stop: Callable[[], Awaitable[None]], is_cut_off: bool
) -> None:
    """A cancellation of its own parts that a client lets out ends nobody else."""
    monkeypatch.setattr(connection, "STOP_S", 0.01)
    client = Client(stop)
    async with asyncio.timeout(10):
        await let_go(client)
    assert (client._sender.is_closed, client._client.is_closed) == (is_cut_off, is_cut_off)
