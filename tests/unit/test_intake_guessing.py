"""How often a client address may be wrong about tracking codes."""

import pytest

from chassis.http import Problem
from services.intake.guessing import MOST_ADDRESSES, SECONDS_EACH, WRONG_AT_ONCE, Guesses


def test_who_waits_may_try_again_once_every_six_seconds() -> None:
    """R-PRIV-01: after the first twenty."""
    now = 1000.0
    guesses = Guesses(lambda: now)
    for _ in range(WRONG_AT_ONCE):
        guesses.wrong("a")
    with pytest.raises(Problem) as held:
        guesses.wrong("a")
    assert (held.value.status_code, held.value.headers) == (429, {"Retry-After": str(int(SECONDS_EACH))})
    guesses.wrong("b")
    now += SECONDS_EACH
    guesses.wrong("a")
    with pytest.raises(Problem):
        guesses.wrong("a")
    now += WRONG_AT_ONCE * SECONDS_EACH
    for _ in range(WRONG_AT_ONCE):
        guesses.wrong("a")


def test_memory_is_bounded() -> None:
    guesses = Guesses(lambda: 0.0)
    for _ in range(WRONG_AT_ONCE):
        guesses.wrong("first")
    for number in range(MOST_ADDRESSES):
        guesses.wrong(str(number))
    guesses.wrong("first")
