"""Server-sent events that end when the service stops, so that an open stream never delays a shutdown."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import StreamingResponse

KEEPALIVE_SECONDS = 15.0
RETRY_MILLISECONDS = 1000


class ServerSentEvent(NamedTuple):
    """One event of a stream. `id` comes back as Last-Event-ID; `data` is one line (JSON)."""

    id: str
    event: str
    data: bytes

    def encode(self) -> bytes:
        """The event on the wire."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (self.id.encode(), self.event.encode(), self.data)


def event_stream(
    request: Request, events: AsyncIterator[ServerSentEvent], keepalive_seconds: float = KEEPALIVE_SECONDS
) -> StreamingResponse:
    """The answer that sends `events` as they come, a comment whenever it was quiet for `keepalive_seconds`.

    It ends with `events`, when the client goes, or when the service stops (the client then reconnects after a
    second with Last-Event-ID).
    """
    stopping: asyncio.Event = request.app.state.stopping
    chunks = _chunks(events, stopping, keepalive_seconds)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(chunks, media_type="text/event-stream", headers=headers)


async def _chunks(
    events: AsyncIterator[ServerSentEvent], stopping: asyncio.Event, keepalive_seconds: float
) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    stop = asyncio.ensure_future(stopping.wait())
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
