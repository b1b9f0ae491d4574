"""The simulation can be trusted: order, duplicates, outages and timers as in the real chassis; breaches end it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from chassis.decider import Decision, Input, Refused
from schemas.message import Event
from tests.simulation.engine import Record, Service, World
from tests.toy import Add, Counter, CounterState, Rang, Ticked

START = datetime(2026, 1, 1, tzinfo=UTC)
CASE = UUID(int=1)
HOUR = timedelta(hours=1)


class Outside(Counter):
    """Ticks once for each command."""

    name = "outside"
    consumes = frozenset[str]()

    def decide(self, state: CounterState, given: Input, at: datetime) -> Decision:
        return [Ticked(amount=given.amount)] if isinstance(given, Add) else []


class Deaf(Counter):
    """Lets its timers pass."""

    def decide(self, state: CounterState, given: Input, at: datetime) -> Decision:
        return super().decide(state, given, at) if isinstance(given, Ticked | Add) else []


class Restless(Counter):
    """Its timer, once fired, is due at once again."""

    def evolve(self, state: CounterState, event: Event) -> CounterState:
        return state if isinstance(event, Rang) else super().evolve(state, event)


class Onlooker:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.decisions: list[str] = []

    def changed(self, record: Record, before: Any, after: Any) -> None:
        self.records.append(record)

    def decided(self, service: str, case_id: UUID, given: Input, before: Any, after: Any) -> None:
        self.decisions.append(service)


def world(counter: Counter, outages: Sequence[tuple[datetime, datetime]] = (), seed: int = 1) -> World:
    services = {"outside": Service(Outside(), ()), "counter": Service(counter, outages)}
    return World(services, START, Random(seed), Onlooker())


def tick(made: World, at: datetime, amount: int = 1) -> None:
    def act() -> None:
        assert made.command("outside", CASE, Add(amount=amount)) is None

    made.plan(at, act)


def counter(made: World) -> CounterState:
    state = made.services["counter"].cases[CASE].state
    assert isinstance(state, CounterState)
    return state


def test_every_event_takes_effect_once_and_in_order() -> None:
    """R-PET-18: whatever comes twice is passed over."""
    made = world(Counter())
    for number in range(400):
        tick(made, START + number * timedelta(seconds=7))
    made.run(START + HOUR)
    assert made.duplicates > 0
    assert counter(made).total == 400
    sequences = [record.sequence for record in made.log if record.source == "counter"]
    assert sequences == list(range(1, len(sequences) + 1))


def test_what_came_due_in_an_outage_is_answered_after_it() -> None:
    """R-HOT-10: the timer of a service that was down, and what it did not read, come when it is up."""
    up = START + 5 * HOUR
    made = world(Counter(), [(START + timedelta(minutes=5), up)])
    tick(made, START)
    tick(made, START + HOUR)
    made.run(START + 4 * HOUR)
    assert (counter(made).total, counter(made).rings) == (1, 0)
    made.run(START + 6 * HOUR)
    assert (counter(made).total, counter(made).rings) == (2, 2)
    assert [r.at for r in made.log if isinstance(r.event, Rang)] == [up, made.log[-1].at]


def test_at_the_end_everything_is_read_and_answered() -> None:
    """R-HOT-10: a run that ends in an outage leaves nothing behind."""
    made = world(Counter(), [(START + timedelta(minutes=5), START + 9 * HOUR)])
    tick(made, START)
    tick(made, START + HOUR)
    made.run(START + 2 * HOUR)
    made.settle()
    assert (counter(made).total, counter(made).rings) == (2, 1)


@pytest.mark.parametrize(
    ("broken", "words"), [(Deaf(), "passed in silence"), (Restless(), "never come to rest")]
)
def test_a_timer_without_effect_ends_the_run(broken: Counter, words: str) -> None:
    """R-HOT-10: no deadline passes without a word, and none is answered without end."""
    made = world(broken)
    tick(made, START)
    with pytest.raises(AssertionError, match=words):
        made.run(START + HOUR)


def test_an_event_that_would_be_parked_ends_the_run() -> None:
    made = world(Counter())
    tick(made, START, amount=14)
    with pytest.raises(AssertionError, match="would park outside"):
        made.run(START + HOUR)


def test_a_refusal_changes_nothing() -> None:
    made = world(Counter())
    assert made.command("counter", CASE, Add(amount=-1)) == Refused(
        "negative", "the amount must be 0 or more", "amount"
    )
    assert (made.log, made.services["counter"].cases[CASE].version) == ([], 0)
