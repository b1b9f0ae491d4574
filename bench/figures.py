"""The arithmetic of a measurement: percentiles, schedules, and the account of what became of every case."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

BURST = (1, 15, 1, 25, 2, 35, 10)
"""The burst profile, in units of `BURST_FACTOR` cases per second, one step each."""
BURST_FACTOR = 20


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values: the smallest that at least `share` (0 to 1] do not exceed.

    Raises ValueError for no values or a share outside (0, 1].
    """
    if not ordered:
        raise ValueError("no values to take a percentile of")
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    return ordered[math.ceil(share * len(ordered)) - 1]


def schedule(steps: Sequence[tuple[float, float]], seed: int) -> list[int]:
    """Arrival times in nanoseconds from the start, ascending, for steps of (cases per second, seconds).

    Each step holds exactly rate x seconds arrivals, at independent random moments, as residents call.
    """
    chance = random.Random(seed)
    times: list[int] = []
    begin = 0.0
    for rate, seconds in steps:
        moments = sorted(chance.random() * seconds for _ in range(round(rate * seconds)))
        times += [int((begin + moment) * 1e9) for moment in moments]
        begin += seconds
    return times


def burst_steps(step_seconds: float) -> list[tuple[float, float]]:
    """The burst profile as steps of (cases per second, seconds)."""
    return [(rate * BURST_FACTOR, step_seconds) for rate in BURST]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, nanoseconds: Iterable[float]) -> "Latency | None":
        """Summarise durations in nanoseconds; None for none."""
        ordered = sorted(nanoseconds)
        if not ordered:
            return None
        p50, p99, most = (percentile(ordered, share) / 1e6 for share in (0.5, 0.99, 1))
        return cls(round(p50, 1), round(p99, 1), round(most, 1))


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the cases of a phase. `lost` and `doubled` must be 0."""

    acknowledged: int
    completed: int
    """Acknowledged, and given exactly one disposition."""
    lost: int
    """Acknowledged, but never disposed of."""
    doubled: int
    """Disposed of more than once."""
    unanswered: int
    """Disposed of, though the generator saw no acknowledgement (it gave up or the connection broke)."""
    delays_ns: Sequence[int]
    """From the moment the case was due to be sent to the commit of its disposition."""
    last_ns: int
    """The commit of the last disposition, in nanoseconds since 1970."""

    @property
    def share(self) -> float:
        """The share of acknowledged cases that completed, 0 to 1."""
        return self.completed / self.acknowledged if self.acknowledged else 0.0


def account(due: Mapping[UUID, int], disposed: Sequence[tuple[UUID, int]]) -> Account:
    """Match acknowledged cases (with the moment they were due) and dispositions (with their commit)."""
    times = Counter(case_id for case_id, _ in disposed)
    commits = dict(disposed)
    known = due.keys() & commits.keys()
    return Account(
        acknowledged=len(due),
        completed=sum(times[case_id] == 1 for case_id in known),
        lost=len(due) - len(known),
        doubled=sum(count > 1 for count in times.values()),
        unanswered=len(commits) - len(known),
        delays_ns=[commits[case_id] - due[case_id] for case_id in known],
        last_ns=max(commits.values(), default=0),
    )
