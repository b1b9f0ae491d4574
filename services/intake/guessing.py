"""Slows down who guesses tracking codes: each client address may be wrong only so often (R-PRIV-01).

A code has 60 bits, so guessing over the network is hopeless already; this tells whoever tries, or a program gone
wrong, to stop. A right code always opens its case: behind a proxy all clients have one address, and whoever guesses
there must not shut the residents out.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from chassis.http import Problem

WRONG_AT_ONCE: Final = 20
SECONDS_EACH: Final = 6.0
"""After `WRONG_AT_ONCE` wrong codes in a row one more is let through every so many seconds: ten a minute."""
MOST_ADDRESSES: Final = 10_000


class Guesses:
    """A token bucket for each address, kept as the moment (in seconds of `clock`) at which it is full again.

    At most `MOST_ADDRESSES` are remembered; the one that was wrong longest ago is forgotten first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wrong(self, address: str) -> None:
        """Count a wrong code; raise Problem 429, and do not count it, where there were too many."""
        wait = self._owed(address) - (WRONG_AT_ONCE - 1) * SECONDS_EACH
        if wait <= 0:
            self._count(address)
            return
        seconds = math.ceil(wait)
        detail = (
            f"Too many wrong tracking codes came from your address. Check the code; try again in {seconds} s."
        )
        headers = {"Retry-After": str(seconds)}
        raise Problem(429, "too_many_wrong_codes", "Too many wrong codes", detail, headers=headers)

    def _count(self, address: str) -> None:
        full_at = self._clock() + self._owed(address) + SECONDS_EACH
        self._full_at[address] = full_at
        self._full_at.move_to_end(address)
        if len(self._full_at) > MOST_ADDRESSES:
            self._full_at.popitem(last=False)

    def _owed(self, address: str) -> float:
        """Return the seconds until the bucket of an address is full again."""
        return max(0.0, self._full_at.get(address, 0.0) - self._clock())
