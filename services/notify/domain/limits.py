"""How much a channel bears: a token bucket and a circuit breaker. Pure: seconds of a clock are passed in."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Lets `per_second` through on average, `burst` at once."""

    per_second: float
    burst: int
    _tokens: float = -1.0
    _at: float = 0.0

    def available(self, now: float) -> int:
        """How many may go now."""
        self._fill(now)
        return int(self._tokens)

    def take(self, now: float) -> bool:
        """Take one; False where there is none."""
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _fill(self, now: float) -> None:
        if self._tokens < 0:
            self._tokens = float(self.burst)
        else:
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.per_second)
        self._at = now


@dataclass(slots=True)
class Breaker:
    """Open after `failures` in a row, for `pause_s`; then one delivery at a time tries whether it works again."""

    failures: int
    pause_s: float
    _in_a_row: int = 0
    _open_until: float = 0.0
    _is_trying: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the last that was heard of the channel was a row of failures."""
        return self._in_a_row >= self.failures

    def allowed(self, now: float) -> int | None:
        """How many may try now; None: as many as like."""
        if not self.is_open:
            return None
        return 0 if self._is_trying or now < self._open_until else 1

    def begin(self, now: float) -> bool:
        """Whether one may try now; where the circuit is open, it is then the one that does."""
        allowed = self.allowed(now)
        if allowed is None:
            return True
        self._is_trying = self._is_trying or allowed == 1
        return allowed == 1

    def worked(self) -> None:
        """The channel answered, be it with a no to one message."""
        self._in_a_row = 0
        self._is_trying = False

    def failed(self, now: float) -> None:
        """It did not answer, or not in order."""
        self._in_a_row += 1
        self._is_trying = False
        if self.is_open:
            self._open_until = now + self.pause_s

    def gave_up(self) -> None:
        """The one that tried was stopped before it heard anything."""
        self._is_trying = False
