"""The benchmark's own arithmetic: what it reports must follow from what it saw."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import BURST, BURST_FACTOR, Latency, account, burst_steps, percentile, schedule

FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))


def test_a_percentile_is_the_nearest_rank() -> None:
    """Of 100 values the 99th percentile is the 99th, and the last only at 100 %."""
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert percentile([7.0], 0.01) == 7


@given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0.001, 1))
def test_a_percentile_covers_its_share_and_no_smaller_value_does(values: list[float], share: float) -> None:
    """At least the share lies at or below it; below it lies less."""
    found = percentile(sorted(values), share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_refused(values: list[float], share: float) -> None:
    """There is no such figure, so none is printed."""
    with pytest.raises(ValueError, match=r"percentile|share"):
        percentile(values, share)


def test_latency_is_in_milliseconds() -> None:
    """Nanoseconds come in."""
    assert Latency.of([3_000_000, 1_000_000, 2_000_000]) == Latency(p50=2.0, p99=3.0, max=3.0)
    assert Latency.of([]) is None


def test_a_schedule_holds_each_steps_cases_within_the_step() -> None:
    """Ten in the first second, none in the next two, four in the fourth."""
    times = schedule([(10, 1), (0, 2), (4, 1)], seed=1)
    assert len(times) == 14
    assert times == sorted(times)
    assert all(0 <= moment < 1e9 for moment in times[:10])
    assert all(3e9 <= moment < 4e9 for moment in times[10:])


def test_a_schedule_repeats_with_its_seed_only() -> None:
    """Two runs compare; two phases differ."""
    assert schedule([(100, 1)], seed=1) == schedule([(100, 1)], seed=1) != schedule([(100, 1)], seed=2)


def test_the_burst_profile_is_the_issues() -> None:
    """1 -> 15 -> 1 -> 25 -> 2 -> 35 -> 10 per second, times 20."""
    assert (BURST, BURST_FACTOR) == ((1, 15, 1, 25, 2, 35, 10), 20)
    assert sum(rate * seconds for rate, seconds in burst_steps(2)) == 89 * 20 * 2


def test_every_case_once_is_sound() -> None:
    """The delay runs from the moment a case was due to the commit of its disposition."""
    found = account({FIRST: 100, SECOND: 200}, [(FIRST, 150), (SECOND, 400)])
    assert (found.acknowledged, found.completed, found.lost, found.doubled, found.unanswered) == (
        2,
        2,
        0,
        0,
        0,
    )
    assert sorted(found.delays_ns) == [50, 200]
    assert (found.share, found.last_ns) == (1.0, 400)


def test_a_lost_case_is_found() -> None:
    """Acknowledged, and nothing came of it."""
    found = account({FIRST: 100, SECOND: 200}, [(FIRST, 150)])
    assert (found.completed, found.lost, found.share) == (1, 1, 0.5)


def test_a_doubled_case_is_found_and_not_complete() -> None:
    """Two dispositions of one case."""
    found = account({FIRST: 100, SECOND: 200}, [(FIRST, 150), (SECOND, 250), (FIRST, 300)])
    assert (found.completed, found.doubled, found.lost) == (1, 1, 0)


def test_a_case_that_nobody_was_told_of_is_found() -> None:
    """Disposed of, though its sender saw no acknowledgement."""
    found = account({FIRST: 100}, [(FIRST, 150), (THIRD, 160)])
    assert (found.completed, found.unanswered) == (1, 1)


def test_nothing_sent_is_no_success() -> None:
    """An empty phase has no share of 100 %."""
    assert account({}, []).share == 0.0
