"""A decider small enough to see through: a counter per case. The chassis's tests run it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from chassis.decider import Decision, Input, Refused, Timer, TimerDue
from schemas.message import Command, Event, Instant, Value


class Ticked(Event):
    """From the outside: what the counter consumes."""

    type: ClassVar[str] = "outside.Ticked.v1"
    amount: int


class Counted(Event):
    """The counter's own event."""

    type: ClassVar[str] = "counter.Counted.v1"
    total: int
    note: str = ""


class Rang(Event):
    """The counter's timer has fired."""

    type: ClassVar[str] = "counter.Rang.v1"
    at: Instant


class Add(Command):
    """Adds to the counter; a negative amount is refused, 13 is a defect of ours."""

    amount: int
    note: str = ""


class CounterState(Value):
    """The total, and when to ring."""

    total: int = 0
    ring_at: Instant | None = None
    rings: int = 0


class Counter:
    """Counts, rings once ten minutes after each count."""

    name = "counter"
    consumes = frozenset({Ticked.type})

    def initial(self, case_id: UUID) -> CounterState:
        return CounterState()

    def decide(self, state: CounterState, given: Input, at: datetime) -> Decision:
        match given:
            case Ticked(amount=13) | Add(amount=13):
                raise ValueError("a defect: 13")
            case Ticked(amount=14):
                return Refused("unlucky", "14 cannot be counted")
            case Ticked(amount=amount):
                return [Counted(total=state.total + amount)]
            case Add(amount=amount) if amount < 0:
                return Refused("negative", "the amount must be 0 or more", "amount")
            case Add(amount=amount, note=note):
                return [Counted(total=state.total + amount, note=note)]
            case TimerDue(name="ring"):
                return [Rang(at=at)]
        return []

    def evolve(self, state: CounterState, event: Event) -> CounterState:
        match event:
            case Counted(total=total):
                ring_at = datetime.fromisoformat("2026-01-01T00:10:00+00:00") + timedelta(0)
                return CounterState(total=total, ring_at=ring_at, rings=state.rings)
            case Rang():
                return state.model_copy(update={"ring_at": None, "rings": state.rings + 1})
        return state

    def due(self, state: CounterState) -> Sequence[Timer]:
        return [Timer("ring", state.ring_at)] if state.ring_at else []

    def dump(self, state: CounterState) -> str:
        return state.model_dump_json()

    def load(self, text: str) -> CounterState:
        return CounterState.model_validate_json(text)
