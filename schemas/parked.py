"""What is told on the topic `case.parked`: events that a service could not apply, and what became of them.

Every service tells of its own parked events, so the CloudEvents `source` is `<service>.parked`, while the type
begins with `chassis`, which all services have in common. `sequence` counts 1, 2, 3 within (source, case).
"""

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from schemas.message import CASE_PARKED, Actor, Event


class Resolution(StrEnum):
    """How an event ceased to be parked."""

    RETRIED = "retried"
    """It was applied."""
    SKIPPED = "skipped"
    """Its sequence was not above the last one seen of its source: it had taken effect before."""
    DISCARDED = "discarded"
    """Somebody decided that it is never applied."""


class _OfParked(Event):
    """The event in question, by its attributes; its body is only in the service's own table."""

    service: str
    """The service that set it aside."""
    source: str
    """The CloudEvents `source` of the event that is parked."""
    sequence: int = Field(ge=1)
    """The CloudEvents `sequence` of the event that is parked."""
    event_type: str
    """The CloudEvents `type` of the event that is parked."""

    def topic(self) -> str:
        """Return the topic that carries this event."""
        return CASE_PARKED


class EventParked(_OfParked):
    """A service could not apply an event; later events of that case wait behind it.

    Told again, with `by` and the new reason, when an attempt to apply it failed.
    """

    type: ClassVar[str] = "chassis.EventParked.v1"
    reason: str
    """Why, in words without what the event says."""
    behind: bool
    """Nothing is wrong with the event itself: an earlier one of its case is parked."""
    by: Actor | None = None
    """Who had it tried again; absent where the service met it in the stream."""


class EventUnparked(_OfParked):
    """An event is no longer parked: it was applied, had been applied before, or is given up."""

    type: ClassVar[str] = "chassis.EventUnparked.v1"
    resolution: Resolution
    by: Actor
    reason: str = ""
    """Why, in the words of who did it; always there where the event is given up."""


EVENTS: Final[tuple[type[Event], ...]] = (EventParked, EventUnparked)
