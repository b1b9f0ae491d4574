"""Publishing events: a producer whose every wait is bounded, and batches made by ourselves.

An idempotent producer of aiokafka never gives a batch up (#1101): after `DELIVERY_S` we do, and throw the producer
away. What it had in hand may have arrived or not; readers skip by their sequence what comes twice.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ClusterAuthorizationFailedError
from aiokafka.partitioner import murmur2

from chassis.kafka.connection import (
    ANSWER_S,
    KafkaConnection,
    MayNotWrite,
    TooFewPartitions,
    TopicMissing,
    let_go,
)
from chassis.kafka.ends import Ends, end_after
from chassis.kafka.positions import mark_of
from chassis.kafka.records import headers, milliseconds
from chassis.kafka.rights import unwritable
from chassis.telemetry import Span, SpanKind, Telemetry
from schemas.envelope import Envelope

BATCH_BYTES: Final = 1024 * 1024
"""Bytes in one batch of records, but for a single event that is larger."""
REQUEST_BYTES: Final = 8 * 1024 * 1024
"""The largest event that is sent; topics take as much."""
DELIVERY_S: Final = 20.0
"""A delivery that takes longer is given up and begun anew, in seconds."""
APPEARS_S: Final = 1.0
"""How long a topic that was just made may take to show in the broker's metadata, in seconds."""
AGAIN_S: Final = 0.05

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Events to be published, by topic and partition."""

    batches: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    traceparents: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """Of every event."""
    last: dict[tuple[str, int], Envelope] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the topics to which events were published."""

    ends: Ends
    """Where they end now, but for the lost ones."""
    lost: Set[str]
    """Those of which the broker has lost what came before."""


class Publisher:
    """Publishes events to their topics. It connects at the first `send`, and anew after `drop`."""

    def __init__(self, connection: KafkaConnection, telemetry: Telemetry | None = None) -> None:
        self.connection = connection
        self._telemetry = telemetry or Telemetry(None, 0)
        self._producer: Any = None
        self._partitions: dict[str, int] = {}
        self.used: Mapping[str, int] = {}
        """By topic, how many partitions its events go to, where that must not change: in another one a case's later
        events could overtake its earlier ones."""
        self.ends: Ends = {}
        """Where the topics ended after what was published last, as far as it is known."""
        self._touched: Sequence[Any] = ()

    @property
    def is_in_touch(self) -> bool:
        """Whether there was a connection at `touch`, and none has broken since: the broker is the one of then."""
        return bool(self._touched) and not self.has_lost_touch

    @property
    def has_lost_touch(self) -> bool:
        """Whether a connection has broken since `touch`: the broker behind it may have come back with less."""
        return not all(connection.connected() for connection in self._touched)

    def touch(self) -> None:
        """Begin to look whether one of the connections that stand now breaks."""
        connections = self._producer.client._conns.values() if self._producer is not None else ()
        self._touched = tuple(each for each in connections if each.connected())

    async def send(self, events: Sequence[Envelope], edition: str = "") -> Sent:
        """Publish events, the order of each case kept; returns when the broker has them all.

        `edition` names the edition of the log to which they belong. Raises one of UNREACHABLE where the broker does
        not take them in time: then call `drop`, and publish them again.
        """
        if self._producer is None:
            await self._start()
        async with asyncio.timeout(DELIVERY_S):
            made = await self._batches(events, edition)
            with ExitStack() as spans:
                for place, traceparents in made.traceparents.items():
                    spans.enter_context(self._sending(*place, traceparents))
                pending = [
                    await self._producer.send_batch(batch, topic, partition=partition)
                    for (topic, partition), batches in made.batches.items()
                    for batch in batches
                ]
                acknowledged = await asyncio.gather(*pending)
        return self._move_ends(made, [answer.offset for answer in acknowledged], edition)

    def _move_ends(self, made: _Sorted, offsets: Iterable[int], edition: str) -> Sent:
        """Note where the topics of the batches end, whose first offsets are given."""
        first = iter(offsets)
        moved: dict[str, dict[str, str]] = {}
        lost: set[str] = set()
        for (name, partition), batches in made.batches.items():
            last = made.last[name, partition]
            ends = moved.setdefault(last.topic, dict(self.ends.get(last.topic, {})))
            placed = [(next(first), batch.record_count()) for batch in batches]
            try:
                end = end_after(ends.get(str(partition)), placed, mark_of(last.id, edition))
            except ValueError as error:
                _log.error("%s/%d: %s", name, partition, error)
                lost.add(last.topic)
                continue
            if end is not None:
                ends[str(partition)] = end
        whole = {topic: ends for topic, ends in moved.items() if topic not in lost}
        self.ends = {**self.ends, **whole}
        return Sent(whole, lost)

    def _sending(self, topic: str, partition: int, traceparents: Sequence[str]) -> Span:
        """Span the delivery of the events for a partition, `topic` with its prefix."""
        return self._telemetry.batch_span(
            f"send {topic}",
            SpanKind.PRODUCER,
            traceparents,
            {
                **self.connection.origin(),
                "messaging.destination.name": topic,
                "messaging.destination.partition.id": str(partition),
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.batch.message_count": len(traceparents),
            },
        )

    async def _batches(self, events: Sequence[Envelope], edition: str) -> _Sorted:
        """Sort events by topic and partition, the order within each kept."""
        made = _Sorted()
        for event in events:
            count = self._partitions.get(event.topic) or await self.partitions(event.topic)
            key = str(event.case_id).encode()
            place = self.connection.topic(event.topic), partition_of(key, count)
            made.traceparents.setdefault(place, []).append(event.traceparent)
            made.last[place] = event
            batches = made.batches.setdefault(place, [])
            record = {
                "timestamp": milliseconds(event),
                "key": key,
                "value": event.data.encode(),
                "headers": headers(event, edition),
            }
            if not batches or batches[-1].append(**record) is None:
                batches.append(self._producer.create_batch())
                batches[-1].append(**record)
        return made

    async def missing(self, topics: Collection[str]) -> set[str]:
        """Return those of the topics that the broker does not have. Raises as `send` does."""
        if self._producer is None:
            await self._start()
        there = (await self._metadata()).topics()
        return {topic for topic in topics if self.connection.topic(topic) not in there}

    async def demand_rights(self, topics: Collection[str]) -> None:
        """Raise MayNotWrite where we may not write to all of the topics, and as `send` does; nothing is written."""
        names = [self.connection.topic(topic) for topic in topics]
        try:
            if self._producer is None:
                await self._start()
        except ClusterAuthorizationFailedError:  # who may write nowhere gets no number as a producer
            raise MayNotWrite(self.connection, names) from None
        if refused := await unwritable(self._producer.client, names):
            raise MayNotWrite(self.connection, refused)

    def known_partitions(self, topic: str) -> int | None:
        """Return to how many partitions of a topic this producer has published; None where to none."""
        return self._partitions.get(topic)

    async def partitions(self, topic: str) -> int:
        """Return to how many partitions of a topic events go. Raises TooFewPartitions, and as `send` does."""
        if self._producer is None:
            await self._start()
        there = await self._count_partitions(self.connection.topic(topic))
        used = self.used.get(topic, there)
        if there < used:
            raise TooFewPartitions(self.connection.topic(topic), there, used)
        if there > used:
            _log.warning(
                "the topic %s has %d partitions now: events go on to the first %d, in which those before them are",
                self.connection.topic(topic),
                there,
                used,
            )
        self._partitions[topic] = used
        return used

    async def _count_partitions(self, name: str) -> int:
        """Return how many partitions the topic of that full name has. Raises TopicMissing."""
        loop = asyncio.get_running_loop()
        late = loop.time() + APPEARS_S
        while not (found := (await self._metadata()).partitions_for_topic(name)):
            if loop.time() > late:
                raise TopicMissing(name)
            await asyncio.sleep(AGAIN_S)
        return len(found)

    async def _metadata(self) -> Any:
        """Ask for all topics: of a single one that is not there, the client would only ask again and again."""
        return await asyncio.wait_for(self._producer.client.fetch_all_metadata(), ANSWER_S)

    async def _start(self) -> None:
        self._partitions, self._touched = {}, ()
        self._producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=int(ANSWER_S * 1000),
            **self.connection.options(),
        )
        await asyncio.wait_for(self._producer.start(), ANSWER_S)

    async def drop(self) -> None:
        """Let the producer go; one that will not end is cut off, so that it delivers nothing later."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await let_go(producer)


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key as Kafka's own clients choose it."""
    return place_of(key) % count


@lru_cache(maxsize=65_536)
def place_of(key: bytes) -> int:
    """Return the number of a key that Kafka's own clients divide by how many partitions there are."""
    return int(murmur2(key) & 0x7FFFFFFF)
