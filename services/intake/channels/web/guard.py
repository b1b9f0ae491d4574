"""How often anybody may report without a log-in, from one address and in all. A danger is always taken."""

import math
import time
from collections.abc import Callable
from typing import Final

from chassis.http import Problem
from services.intake.buckets import Buckets
from services.intake.channels.web.tokens import Shown

AT_ONCE: Final = 20
SECONDS_EACH: Final = 10.0
"""Of one address: so many at once, then one every so many seconds (DES): a whole house may have one address."""
ALL_AT_ONCE: Final = 600
ALL_SECONDS_EACH: Final = 0.1
"""Of all addresses together (DES)."""


class Guard:
    """Decides whether a report from the open may come in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = Buckets(AT_ONCE, SECONDS_EACH, clock)
        self._all = Buckets(ALL_AT_ONCE, ALL_SECONDS_EACH, clock)

    def admit(self, address: str, shown: Shown | None, trap: str, *, danger: bool) -> None:
        """Count a report. Raises Problem: 422 for a filled trap, 403 for no token, 429; none for a danger."""
        if danger:
            return
        if trap:
            detail = "The field `website` is a trap for programs: leave it empty."
            raise Problem(422, "robot", "This looks like a program", detail)
        if shown is None:
            detail = (
                "The form's token is missing, forged or older than 12 hours: take a fresh one and send again."
            )
            raise Problem(403, "form_expired", "The form is too old", detail)
        wait = self._each.take(address) or self._all.take("")
        if wait > 0:
            seconds = math.ceil(wait)
            detail = f"Try again in {seconds} s, or call 12345."
            headers = {"Retry-After": str(seconds)}
            raise Problem(429, "too_many_reports", "Too many reports", detail, headers=headers)
