"""The CloudEvents 1.0 envelope in which every event travels and rests."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


def event_id(source: str, case_id: UUID | str, sequence: int) -> str:
    """Return the CloudEvents `id` of an event."""
    return f"{source}/{case_id}/{sequence}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event with its CloudEvents attributes.

    `source` is the emitting service and `sequence` the version of its aggregate that the event produced:
    (`source`, `case_id`, `sequence`) names an event for good, and a reader that keeps the highest sequence
    seen per source needs nothing else to skip duplicates.
    """

    source: str
    case_id: UUID
    sequence: int
    type: str
    time: datetime
    topic: str
    traceparent: str
    """Empty where nobody traces: a letter's rejection, whose writer did not."""
    data: str
    """The event itself as JSON text."""

    @property
    def id(self) -> str:
        """Return the CloudEvents `id`: fixed when the event is stored, the same at every delivery."""
        return event_id(self.source, self.case_id, self.sequence)
