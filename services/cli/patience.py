"""Sends a request again while a service is away for a moment, for example because it is being restarted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

AWAY: Final = frozenset({502, 503, 504})
"""Statuses of what passes by itself."""
GIVE_UP_S: Final = 90.0
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0

Send = Callable[[], Awaitable[httpx.Response]]


async def patiently(
    send: Send,
    say: Callable[[str], None],
    *,
    is_whole: Callable[[httpx.Response], bool] = lambda _: True,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> httpx.Response:
    """Return the answer to `send()`, which is sent again, after growing pauses, while the service is away.

    The request must be one that can be repeated. Away is: no connection, a broken one, 502 to 504, or a 200 that
    is not whole. After `GIVE_UP_S` of pauses the last answer is returned, or the last TransportError raised.
    """
    waited, seconds = 0.0, FIRST_PAUSE_S
    while True:
        error: httpx.TransportError | None = None
        try:
            response = await send()
            if response.status_code not in AWAY and (response.status_code != 200 or is_whole(response)):
                return response
        except httpx.TransportError as broken:
            error = broken
        if waited >= GIVE_UP_S:
            if error is not None:
                raise error
            return response
        if not waited:
            say(f"the service is away; trying again for {GIVE_UP_S:g} s")
        await pause(seconds)
        waited, seconds = waited + seconds, min(LONGEST_PAUSE_S, 2 * seconds)
