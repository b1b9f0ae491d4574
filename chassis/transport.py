"""What a transport promises: one case's events in order, at least once, read from a position that we store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from chassis.telemetry import Attribute, Value
from schemas.envelope import Envelope


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Records of one partition, in stream order, and the positions around them."""

    partition: int
    start: str
    """The stored position that this batch follows; the fence of the transaction that applies it."""
    end: str
    """The position to store once the batch is applied."""
    records: Sequence[Envelope]
    positions: Sequence[str]
    """The position after each record, so that a batch can be applied in parts."""
    offsets: Sequence[int] = ()
    """The offset of each record, on Kafka: for traces."""

    def halves(self) -> "tuple[StreamBatch, StreamBatch]":
        """Split a batch of two or more in two that follow one another."""
        middle = len(self.records) // 2
        first, second = slice(0, middle), slice(middle, None)
        cut = self.positions[middle - 1]
        return (
            replace(self, end=cut, **self._part(first)),
            replace(self, start=cut, **self._part(second)),
        )

    def _part(self, of: slice) -> dict[str, Any]:
        return {
            "records": self.records[of],
            "positions": self.positions[of],
            "offsets": self.offsets[of],
        }


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
        """Say that the batch is applied and its end position stored."""
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

    async def unpublished(self) -> Lag:
        """Measure how far what is in the log has not been brought out yet."""
        ...
