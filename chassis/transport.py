"""What a transport promises: one case's events in order, at least once, read from a position that we store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from chassis.telemetry import Attribute, Value
from schemas.envelope import Envelope


class Move(NamedTuple):
    """How far a batch brings one partition: two positions as they are stored. `start` is the fence."""

    start: str
    end: str


class Place(NamedTuple):
    """Where a record lies: its partition, the position after it, and on Kafka its offset, for traces."""

    partition: int
    position: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Records of one or more partitions, those of each in stream order, to be applied in one transaction."""

    moves: Mapping[int, Move]
    """By partition; each has a record here at least."""
    records: Sequence[Envelope]
    places: Sequence[Place]
    """Of each record, so that a batch can be applied in parts."""
    more: bool = False
    """Whether more records wait already: the batch was as large as may be."""

    def halves(self) -> "tuple[StreamBatch, StreamBatch]":
        """Split a batch of two or more in two that follow one another.

        What was passed over at the end of a partition belongs to the half that has its last record.
        """
        middle = len(self.records) // 2
        first, second = self.places[:middle], self.places[middle:]
        cuts = {place.partition: place.position for place in first}
        rest = {
            number: Move(cuts.get(number, self.moves[number].start), self.moves[number].end)
            for number in {place.partition for place in second}
        }
        done = {
            number: Move(self.moves[number].start, cut if number in rest else self.moves[number].end)
            for number, cut in cuts.items()
        }
        return StreamBatch(done, self.records[:middle], first), StreamBatch(
            rest, self.records[middle:], second
        )


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer is behind."""

    events: int
    oldest: datetime | None
    """When the oldest unread event was emitted, or None where all is read."""


class StreamReader(Protocol):
    """One consumer of the stream `case.events`: embedded log or Kafka, the runner cannot tell."""

    origin: Mapping[Attribute, Value]
    """Where the records come from, as the spans of their work say it."""

    async def poll(self, max_records: int, timeout_s: float) -> StreamBatch | None:
        """Return the next records, or None where none came within `timeout_s` seconds."""
        ...

    def acknowledge(self, batch: StreamBatch) -> None:
        """Say that the batch is applied and where it ends is stored."""
        ...

    def rewind(self) -> None:
        """Forget what was read and not acknowledged, and go back to the positions that are stored."""
        ...

    async def lag(self) -> Lag:
        """Measure how far behind this consumer is."""
        ...

    async def close(self) -> None:
        """Let go of everything held."""
        ...


class Transport(Protocol):
    """How a service's events travel, and how it hears of others'. One of a process, run beside the runner."""

    def reader(self, consumes: Collection[str]) -> StreamReader:
        """Return the service's consumer of the stream."""
        ...

    async def run(self) -> None:
        """Bring out what the service's transactions append to the log, until stopped."""
        ...

    def stop(self) -> None:
        """Finish what is in hand, and let `run` end."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it cannot bring out what is in the log now, in plain words."""
        ...

    async def unpublished(self) -> Lag:
        """Measure how far what is in the log has not been brought out yet."""
        ...
