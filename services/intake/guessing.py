"""Slows down who guesses tracking codes: each client address may be wrong only so often (R-PRIV-01).

A code has 60 bits, so guessing over the network is hopeless already; this tells whoever tries, or a program gone
wrong, to stop. A right code always opens its case: behind a proxy all clients have one address, and whoever guesses
there must not shut the residents out.
"""

import math
import time
from collections.abc import Callable
from typing import Final

from chassis.http import Problem
from services.intake.buckets import MOST_NAMES, Buckets

WRONG_AT_ONCE: Final = 20
SECONDS_EACH: Final = 6.0
"""After `WRONG_AT_ONCE` wrong codes in a row one more is let through every so many seconds: ten a minute."""
MOST_ADDRESSES: Final = MOST_NAMES


class Guesses:
    """Counts the wrong ones of each address; whoever was wrong longest ago is forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, of: str = "tracking codes") -> None:
        self._buckets = Buckets(WRONG_AT_ONCE, SECONDS_EACH, clock)
        self._of = of

    def wrong(self, address: str) -> None:
        """Count a wrong one; raise Problem 429, and do not count it, where there were too many."""
        wait = self._buckets.take(address)
        if wait <= 0:
            return
        seconds = math.ceil(wait)
        detail = f"Too many wrong {self._of} came from your address. Check yours; try again in {seconds} s."
        headers = {"Retry-After": str(seconds)}
        code = f"too_many_wrong_{self._of.rsplit(maxsplit=1)[-1]}"
        raise Problem(429, code, f"Too many wrong {self._of}", detail, headers=headers)
