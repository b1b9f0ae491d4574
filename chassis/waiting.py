"""Waiting for an event no longer than that, how long a batch waits for company, and being told to end."""

import asyncio
from typing import Final

COMPANY: Final = 4
"""So many in a batch say that more are coming: then the next one waits for the full pace."""


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, for `seconds` at most; with none left, not at all."""
    if seconds <= 0:
        return
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def pace(full_s: float, taken: int) -> float:
    """Return how long after a batch of `taken` the next one begins, in seconds: the fewer, the sooner."""
    return full_s * min(1.0, taken / COMPANY)


def is_cancelled() -> bool:
    """Whether somebody wants this very task to end; a library's own cancellation that got out does not say so."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
