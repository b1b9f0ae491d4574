"""notify's decider: it decides nothing about a case and keeps no state of one.

What an event makes notify tell stands in its own tables, written in the transaction that stores the position in the
stream (`projection`): the fence of that position makes it happen once, so no aggregate and no event of its own is
needed, and a case of which nobody is told costs neither.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.decider import Decision, Input, Refused, Timer
from schemas.message import Event, Value

NAME: Final = "notify"


class NoState(Value):
    """Nothing."""


class NotifyDecider:
    """`Decider[NoState]`: hears, and says nothing on the stream."""

    name = NAME

    def __init__(self, consumes: Iterable[str]) -> None:
        self.consumes = frozenset(consumes)

    def initial(self, case_id: UUID) -> NoState:
        """Return nothing."""
        return NoState()

    def decide(self, state: NoState, given: Input, at: datetime) -> Decision:
        """Take note of an event; commands there are none."""
        return () if isinstance(given, Event) else Refused("not_understood", "notify takes no commands")

    def evolve(self, state: NoState, event: Event) -> NoState:
        """Return nothing."""
        return state

    def due(self, state: NoState) -> Sequence[Timer]:
        """Return no timers: what waits, waits in the queue of deliveries."""
        return ()

    def dump(self, state: NoState) -> str:
        """Return an empty state."""
        return "{}"

    def load(self, stored: str) -> NoState:
        """Read what `dump` wrote."""
        return NoState()
