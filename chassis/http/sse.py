"""Server-sent events that end when the service stops, so that an open stream never delays a shutdown."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import StreamingResponse

KEEPALIVE_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
LONGEST_SECONDS = 86_400.0
"""No stream stays open longer, however long its token is valid."""


class ServerSentEvent(NamedTuple):
    """One event of a stream. `id` comes back as Last-Event-ID; `data` is one line (JSON)."""

    id: str
    event: str
    data: bytes

    def encode(self) -> bytes:
        """The event on the wire."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (self.id.encode(), self.event.encode(), self.data)


def event_stream(
    request: Request,
    events: AsyncIterator[ServerSentEvent],
    expires_at: float,
    keepalive_seconds: float = KEEPALIVE_SECONDS,
) -> StreamingResponse:
    """The answer that sends `events` as they come, a comment whenever it was quiet for `keepalive_seconds`.

    It ends with `events`, when the client goes, when the service stops, or at `expires_at` (seconds since 1970),
    when the caller's token expires. The client then reconnects after a second with Last-Event-ID.
    """
    longest = min(expires_at - time.time(), LONGEST_SECONDS)
    chunks = _chunks(events, request.app.state.stopping, longest, keepalive_seconds)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(chunks, media_type="text/event-stream", headers=headers)


async def _ended(stopping: asyncio.Event, seconds: float) -> None:
    """Return when the service stops, and after so many seconds at the latest."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


async def _chunks(
    events: AsyncIterator[ServerSentEvent], stopping: asyncio.Event, longest: float, keepalive_seconds: float
) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    stop = asyncio.ensure_future(_ended(stopping, longest))
    upcoming = asyncio.ensure_future(_next(events))
    try:
        while True:
            await asyncio.wait(
                (stop, upcoming), timeout=keepalive_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if stop.done():
                return
            if not upcoming.done():
                yield b": keep-alive\n\n"
                continue
            event = upcoming.result()
            if event is None:
                return
            yield event.encode()
            upcoming = asyncio.ensure_future(_next(events))
    finally:
        stop.cancel()
        upcoming.cancel()
        await asyncio.gather(stop, upcoming, return_exceptions=True)


async def _next(events: AsyncIterator[ServerSentEvent]) -> ServerSentEvent | None:
    return await anext(events, None)
