"""A keep-alive HTTP/1.1 client that costs a few microseconds a request: the generator shares our cores."""

import asyncio
from collections.abc import Callable
from typing import cast


class ResponseParser:
    """Reads one response after the other. Knows Content-Length only, which is all that our services send."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """Take what arrived; status and body once a response is complete, else None.

        Raises ValueError for what is no such response, or where more arrives than was asked for.
        """
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        end = head + 4 + _content_length(buffer[: head + 2]) if head >= 0 else -1
        if end < 0 or len(buffer) < end:
            self._buffer = buffer
            return None
        if len(buffer) > end:
            raise ValueError("more arrived than one response")
        self._buffer = b""
        return int(buffer[9:12]), buffer[head + 4 : end]


def _content_length(head: bytes) -> int:
    if not head.startswith(b"HTTP/1.1 "):
        raise ValueError("not an HTTP/1.1 response")
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        raise ValueError("a response without Content-Length")
    return int(lower[start + 17 : lower.index(b"\r\n", start + 2)])


class Connection(asyncio.Protocol):
    """One connection, one request in flight. Tells its owner of each answer and, once, of its end."""

    __slots__ = ("_on_answer", "_on_lost", "_parser", "_transport", "due_ns")

    def __init__(
        self,
        on_answer: Callable[["Connection", int, bytes], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._parser = ResponseParser()
        self._transport: asyncio.Transport
        self.due_ns = 0
        """When the request in flight was due; 0: none is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it

    def send(self, request: bytes, due_ns: int) -> None:
        """Send a request that was due at that moment."""
        self.due_ns = due_ns
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Hand a complete answer on; what is none breaks the connection."""
        try:
            answer = self._parser.feed(data)
        except ValueError:
            self._transport.abort()
            return
        if answer is not None:
            self._on_answer(self, *answer)

    def connection_lost(self, _error: Exception | None) -> None:
        """Report it."""
        self._on_lost(self)

    def close(self) -> None:
        """Close without waiting."""
        self._transport.abort()
