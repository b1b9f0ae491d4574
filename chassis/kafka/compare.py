"""Whether a topic holds what the event logs say was published to it.

All records of the topic are read; of each a hash of 8 bytes is kept, about 100 bytes of memory an event. What is
older than the topic's oldest event of ours was deleted by retention, or was not published again.
"""

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final
from uuid import UUID

from chassis.database import Connection
from chassis.kafka.connection import ANSWER_S, KafkaConnection
from chassis.kafka.offsets import EVER, looking, read_on
from chassis.kafka.publisher import partition_of
from chassis.kafka.records import decode
from chassis.kafka.relay import stored_standing
from chassis.log import TOPICS, Position
from chassis.store import START, key
from schemas.envelope import event_id
from schemas.message import CASE_EVENTS

Key = tuple[UUID, str, int]
"""Case, source and sequence: what names an event for good."""
PAGE: Final = 20_000
LOOKED_AT: Final = 1000
"""Among so many records one of ours is looked for, to date the beginning of what a topic holds."""
EXAMPLES: Final = 10
SLACK: Final = timedelta(minutes=10)
"""A relay that was behind has published events up to so much older after newer ones. So where retention has deleted
the beginning of a partition, so much after it is not looked at.
"""

_PAGE: Final = (
    "SELECT xid::text, position, case_id, source, sequence, time FROM chassis.event_log WHERE topic = $1"
    " AND (xid, position) > ($2::text::xid8, $3::bigint) AND (xid, position) <= ($4::text::xid8, $5::bigint)"
    " ORDER BY event_log.xid, position LIMIT $6"
)
_TIMES: Final = (
    "SELECT case_id, source, sequence, time FROM chassis.event_log"
    " JOIN unnest($2::uuid[], $3::text[], $4::bigint[]) AS a (case_id, source, sequence)"
    " USING (case_id, source, sequence) WHERE topic = $1"
)


@dataclass(slots=True)
class Held:
    """What a topic holds."""

    partitions: int
    """To how many of them events go."""
    trimmed: frozenset[int]
    """The partitions of which retention has deleted the beginning."""
    ids: set[int] = field(default_factory=set)
    beginnings: dict[int, list[Key]] = field(default_factory=dict)
    """The first records, by partition; somebody else's may be among them, and say any time."""
    earliest: list[tuple[float, Key]] = field(default_factory=list)
    """Those that say the earliest times, as a heap: the seconds since 1970, negated."""
    first: dict[int, datetime] = field(default_factory=dict)
    """The time of the first event of ours, by partition."""
    oldest: datetime | None = None
    """The earliest time of all of ours: one that was published again can stand behind newer ones."""
    records: int = 0

    def since(self, case_id: UUID) -> datetime | None:
        """Return from when on events of a case must be there; None where they may all have been deleted."""
        number = partition_of(str(case_id).encode(), self.partitions)
        if number in self.trimmed:
            return self.first[number] + SLACK if number in self.first else None
        return self.oldest or (None if self.trimmed else EVER)


@dataclass(slots=True)
class Comparison:
    """A topic beside the logs."""

    topic: str
    records: int
    """How many records it holds, those that came twice counted twice."""
    expected: int = 0
    """How many events of the logs it must hold."""
    older: int = 0
    """How many were not looked at, because they are older than what it holds."""
    missing: int = 0
    examples: list[str] = field(default_factory=list)


async def published_topics(service: str, log: Connection) -> set[str]:
    """Return the topics of which events stand in a service's log up to where it is published."""
    end = (await stored_standing(log, service)).position
    rows = await log.fetch(
        f"{TOPICS} AND EXISTS (SELECT FROM chassis.event_log AS l WHERE l.topic = t.topic"
        " AND (l.xid, l.position) <= ($1::text::xid8, $2::bigint))",
        end.xid,
        end.position,
    )
    return {row[0] for row in rows}


async def compare(
    connection: KafkaConnection, topic: str, logs: Sequence[tuple[str, Connection]]
) -> Comparison:
    """Compare a topic with what the services' logs, up to where they are published, hold of it.

    Raises one of UNREACHABLE where the broker does not answer.
    """
    standings = [await stored_standing(log, service) for service, log in logs]  # before the topic's own end
    held = await read_topic(connection, topic)
    await _date(held, topic, [log for _, log in logs])
    found = Comparison(topic, held.records)
    for (_, log), standing in zip(logs, standings, strict=True):
        if topic == CASE_EVENTS and standing.partitions:
            held.partitions = standing.partitions
        after, end = Position.parse(START), standing.position
        while rows := await log.fetch(
            _PAGE, topic, after.xid, after.position, end.xid, end.position, PAGE, timeout=600
        ):
            for row in rows:
                _check(found, held, *row[2:])
            after = Position(rows[-1][0], rows[-1][1])
    return found


def _check(found: Comparison, held: Held, case_id: UUID, source: str, sequence: int, time: datetime) -> None:
    since = held.since(case_id)
    if since is None or time < since:
        found.older += 1
        return
    found.expected += 1
    if hash((case_id, source, sequence)) in held.ids:
        return
    found.missing += 1
    if len(found.examples) < EXAMPLES:
        found.examples.append(event_id(source, case_id, sequence))


async def _date(held: Held, topic: str, logs: Sequence[Connection]) -> None:
    """Say since when a topic holds events: the logs tell which of its records are ours, and their times."""
    looked_at = {*chain.from_iterable(held.beginnings.values()), *(event for _, event in held.earliest)}
    if not looked_at:
        return
    columns = [list(column) for column in zip(*looked_at, strict=True)]
    times = {tuple(row[:3]): row[3] for log in logs for row in await log.fetch(_TIMES, topic, *columns)}
    held.oldest = min(times.values(), default=None)
    for partition, events in held.beginnings.items():
        if ours := [event for event in events if event in times]:
            held.first[partition] = times[ours[0]]


async def read_topic(connection: KafkaConnection, topic: str) -> Held:
    """Read a topic from its beginning to where it ends now. Raises one of UNREACHABLE."""
    async with looking(connection, topic) as (consumer, places):
        begins = await asyncio.wait_for(consumer.beginning_offsets(places), ANSWER_S)
        held = Held(len(places), frozenset(place.partition for place in places if begins[place]))
        async for place, records in read_on(consumer, places, begins):
            _take(held, topic, place.partition, records)
    return held


def _take(held: Held, topic: str, partition: int, records: Sequence[Any]) -> None:
    held.records += len(records)
    beginning = held.beginnings.setdefault(partition, [])
    for record in records:
        event = decode(record, topic)
        named = key(event)
        held.ids.add(hash(named))
        if len(beginning) < LOOKED_AT:
            beginning.append(named)
        heapq.heappush(held.earliest, (-event.time.timestamp(), named))
        if len(held.earliest) > LOOKED_AT:
            heapq.heappop(held.earliest)
