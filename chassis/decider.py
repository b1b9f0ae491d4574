"""The one idea: a service is a pure decider. Pure itself, this is all of the chassis that a domain may import.

decide(state, input, at) -> events | Refused
evolve(state, event)     -> state
due(state)               -> timers
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from schemas.message import Command, Event


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment at which the state wants to be looked at again: `at` is an aware instant."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer of the current state whose moment has come; `at` is when it was due, which may be long ago."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """A decider's no, as a value: nothing changes. `code` is stable, `reason` says what would be right."""

    code: str
    reason: str
    field: str | None = None
    """The command's field at fault, where there is one."""


Input = Event | Command | TimerDue
Decision = Sequence[Event] | Refused

S = TypeVar("S")


class Decider(Protocol[S]):
    """A service's whole behaviour for one case. Pure: no clock, no I/O, no randomness."""

    name: str
    """The service's name, which is the CloudEvents `source` of its events."""
    consumes: frozenset[str]
    """The event types of other services that `decide` wants to see."""

    def initial(self, case_id: UUID) -> S:
        """Return the state of a case of which nothing is known yet."""
        ...

    def decide(self, state: S, given: Input, at: datetime) -> Decision:
        """Answer an event of another service, a command or a due timer. `at` is the current instant."""
        ...

    def evolve(self, state: S, event: Event) -> S:
        """Return the state after one of this service's own events."""
        ...

    def due(self, state: S) -> Sequence[Timer]:
        """Derive the timers of a state; they can never be stale, for they are stored nowhere else."""
        ...

    def dump(self, state: S) -> str:
        """Return the state as JSON text."""
        ...

    def load(self, stored: str) -> S:
        """Read what `dump` wrote."""
        ...
