"""Token buckets: how often each of many names may do something."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_NAMES: Final = 10_000


class Buckets:
    """A token bucket for each name, kept as the moment (in seconds of `clock`) at which it is full again.

    A full one holds `at_once`; one more comes every `seconds_each`. At most `MOST_NAMES` are remembered; whoever
    took longest ago is forgotten first.
    """

    def __init__(
        self, at_once: int, seconds_each: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spare = (at_once - 1) * seconds_each
        self._seconds_each = seconds_each
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one and return 0; or take none and return the seconds until there is one."""
        now = self._clock()
        full_at = max(now, self._full_at.get(name, now))
        wait = full_at - now - self._spare
        if wait > 0:
            return wait
        self._full_at[name] = full_at + self._seconds_each
        self._full_at.move_to_end(name)
        if len(self._full_at) > MOST_NAMES:
            self._full_at.popitem(last=False)
        return 0.0
