"""HTTP/1.1 with bounds on the head of a request: its size, and the time in which it must have come.

Neither httptools nor uvicorn has them: a header without end would fill the memory of the process, and connections
on which nothing comes would use up its file descriptors, both before anybody has to say who they are.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.http.problems import MEDIA_TYPE, Problem

HEAD_BYTES: Final = 64 * 1024
"""Bytes of a head, beyond the first piece that comes, at most."""
HEAD_SECONDS: Final = 20.0
"""From the opening of a connection, or from the first byte of a later request, to the end of the head."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection; beyond a bound it is answered with a problem and closed."""

    _heads = 0
    _in_head = False
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that had begun before this piece."""
        before = self._heads
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if self._deadline is None:
            self._await_head()
        if self._heads == before:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                detail = f"Its headers have more than the {HEAD_BYTES} bytes allowed here."
                self._refuse(Problem(431, "head_too_large", "The request's head is too large", detail))

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._heads += 1
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Note that the head has come."""
        self._head_is_here()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _head_is_here(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        detail = f"The request's head had not come within {HEAD_SECONDS:g} s; send it again in one piece."
        self._refuse(Problem(408, "head_too_slow", "The request did not come in time", detail))

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless an earlier answer on this connection is still under way, and close."""
        if self.cycle is None or self.cycle.response_complete:
            body = bytes(problem.response().body)
            head = f"HTTP/1.1 {problem.status_code} \r\ncontent-type: {MEDIA_TYPE}\r\n"
            self.transport.write(
                f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
            )
        self.transport.close()
