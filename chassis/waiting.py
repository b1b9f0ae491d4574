"""Waiting for an event no longer than that, and being told to end."""

import asyncio


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, for `seconds` at most; with none left, not at all."""
    if seconds <= 0:
        return
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def is_cancelled() -> bool:
    """Whether somebody wants this very task to end; a library's own cancellation that got out does not say so."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
