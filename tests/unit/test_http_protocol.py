"""The bounds on a request's head: what never ends is refused, what comes in pieces is not."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from chassis.http import protocol
from chassis.http.protocol import HEAD_BYTES, BoundedProtocol
from tests.unit.http_kit import make_app

PATIENCE_SECONDS = 20  # far beyond what is needed: only a hanging test takes so long
GET = b"GET /open HTTP/1.1\r\nHost: x\r\n"


class Wire(asyncio.Transport):
    """The server's end of a connection: keeps what is written, and says when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def answer(self) -> tuple[int, Any]:
        """The one answer that was written: its status and JSON."""
        head, _, body = self.written.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def connect(directory: Path) -> tuple[BoundedProtocol, Wire]:
    """A connection to the sample app that has just been opened."""
    config = Config(make_app(directory), log_config=None, lifespan="off")
    config.load()
    made, wire = BoundedProtocol(config, ServerState(), {}), Wire()
    made.connection_made(wire)
    return made, wire


async def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    connection, wire = connect(tmp_path)
    connection.data_received(GET + b"X-Endless: ")
    for _ in range(HEAD_BYTES // 1024):
        connection.data_received(b"a" * 1024)
        assert wire.written == b""
    connection.data_received(b"a")
    assert wire.closed.is_set()
    status, problem = wire.answer()
    assert (status, problem["code"]) == (431, "head_too_large")


@pytest.mark.parametrize("begun", [b"", GET], ids=["nothing", "half"])
async def test_a_head_that_does_not_come_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begun: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.01)
    connection, wire = connect(tmp_path)
    if begun:
        connection.data_received(begun)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await wire.closed.wait()
    status, problem = wire.answer()
    assert (status, problem["code"]) == (408, "head_too_slow")


async def test_requests_in_pieces_and_large_bodies_are_served(tmp_path: Path) -> None:
    """What is counted is the head alone, each for itself: bodies and earlier requests do not add up."""
    connection, wire = connect(tmp_path)
    body = b"x" * 2 * HEAD_BYTES
    post = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for piece in (
        post[:20],
        post[20:60],
        post[60:] + post[:30],
        post[30:] + GET,
        b"Connection: close\r\n\r\n",
    ):
        connection.data_received(piece)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await wire.closed.wait()
    answers = wire.written.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"404", b"404", b"200"]
    assert answers[-1].endswith(b'"welcome"')


async def test_no_answer_is_mixed_into_an_earlier_one(tmp_path: Path) -> None:
    connection, wire = connect(tmp_path)
    connection.data_received(b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + GET)
    connection.data_received(b"X: " + b"a" * HEAD_BYTES)
    assert (wire.closed.is_set(), wire.written) == (True, b"")
