"""What others write to a service: a record as it came, and the rejections of those that had no effect."""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from chassis.database import Connection
from chassis.kafka.records import instant_of
from schemas.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of somebody who knows nothing of us but the topic: nothing of it is certain but its place."""

    topic: str
    """The topic's name without a prefix."""
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes
    """Empty for a record without a value."""
    headers: Mapping[str, bytes]

    @classmethod
    def of(cls, record: Any, topic: str) -> Self:
        """Take over a record of aiokafka."""
        at, _ = instant_of(record)
        headers = {name: value or b"" for name, value in record.headers or ()}
        return cls(topic, record.partition, record.offset, at, record.value or b"", headers)

    @property
    def at(self) -> datetime:
        """Return the time that Kafka has of it."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)

    @property
    def mark(self) -> str:
        """Return what tells it from a record that stands in its place in another log."""
        return f"{self.timestamp_ms}-{zlib.crc32(self.value):08x}"

    @property
    def place(self) -> str:
        """Return a name that no other letter has, not even in another log of the same topic."""
        return f"{self.topic}/{self.partition}/{self.offset}@{self.mark}"

    @property
    def sequence(self) -> int:
        """Return a number that rises from letter to letter of a partition, over a new log as well."""
        return self.timestamp_ms * 1_000_000 + self.offset % 1_000_000 + 1


class RejectionKey(NamedTuple):
    """The name of a rejection in the event log; a letter that is read again gets the same."""

    case_id: UUID
    source: str
    sequence: int


async def rejected_before(connection: Connection, keys: Collection[RejectionKey]) -> set[RejectionKey]:
    """Return those of the rejections that are in the event log."""
    rows = await connection.fetch(
        "SELECT l.case_id, l.source, l.sequence FROM chassis.event_log l"
        " JOIN unnest($1::uuid[], $2::text[], $3::bigint[]) AS a(case_id, source, sequence)"
        " ON l.case_id = a.case_id AND l.source = a.source AND l.sequence = a.sequence",
        *([key[column] for key in keys] for column in range(3)),
    )
    return {RejectionKey(*row) for row in rows}


_EVENT: Final = attrgetter("topic", "source", "case_id", "sequence", "type", "time", "traceparent", "data")


async def append_rejections(connection: Connection, rejections: Sequence[Envelope]) -> None:
    """Write rejections to the event log, from where they are published; one that is there already is left."""
    await connection.executemany(
        "INSERT INTO chassis.event_log (topic, source, case_id, sequence, type, time, traceparent, data)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (case_id, source, sequence) DO NOTHING",
        [_EVENT(rejection) for rejection in rejections],
    )
