"""Waiting for an event no longer than that."""

import asyncio


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, for `seconds` at most; with none left, not at all."""
    if seconds <= 0:
        return
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
