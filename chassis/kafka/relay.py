"""The relay: publishes one service's event log to the topics in commit order. One is at work for each service.

The log is the outbox: what a transaction appended is published some milliseconds later, or when the broker is back.
The position is stored after the broker has everything (acks=all), so a crash between the two publishes some events
twice; readers skip them by their sequence. An idempotent producer of aiokafka never gives a batch up (#1101): after
`DELIVERY_S` we do, throw the producer away and go on from the stored position with a new one.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from chassis.batch import describe
from chassis.database import Connection, connect, is_passing
from chassis.kafka.connection import ANSWER_S, STOP_S, UNREACHABLE, KafkaConnection, TopicMissing, explain
from chassis.kafka.records import headers, milliseconds
from chassis.log import Position, read_all
from chassis.metrics import Metrics
from chassis.store import START, FenceLost
from chassis.telemetry import Span, SpanKind, Telemetry, sampled
from chassis.transport import Lag
from schemas.envelope import Envelope

BATCH: Final = 1000
"""Events published before the position is stored."""
BATCH_BYTES: Final = 1024 * 1024
"""Bytes in one batch of records, but for a single event that is larger."""
REQUEST_BYTES: Final = 8 * 1024 * 1024
"""The largest event that is sent; topics take as much."""
DELIVERY_S: Final = 20.0
"""A delivery that takes longer is given up and begun anew, in seconds."""
BUSY_S: Final = 0.005
IDLE_S: Final = 0.05
"""The pauses after the first empty look at the log, and at most, in seconds."""
RETRY_S: Final = 1.0
"""The pause before leadership or an unreachable broker is tried again, in seconds."""

_log = logging.getLogger(__name__)
LOCK_SPACE: Final = 0x434C  # "CL": our own part of the advisory locks


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Events to be published, by topic and partition."""

    batches: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    traced: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """The traces of those that are traced."""


class Relay:
    """Publishes what is in the log of `service`. `publishes` says of a topic whether it exists on Kafka.

    Run one in each process of a service: the one that holds the advisory lock works, the others wait for it.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        database_url: str,
        service: str,
        publishes: Callable[[str], bool],
        *,
        metrics: Metrics | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._connection = connection
        self._url = database_url
        self._service = service
        self._publishes = publishes
        self._metrics = metrics or Metrics()
        self._telemetry = telemetry or Telemetry(None, 0)
        self._stop = asyncio.Event()
        self._producer: Any = None
        self._partitions: dict[str, int] = {}
        self.is_away = False
        """Whether events wait because the broker does not take them."""
        self.leads = False
        """Whether this one is at work."""

    def stop(self) -> None:
        """Finish the events in hand and end."""
        self._stop.set()

    async def run(self) -> None:
        """Publish until stopped, through every outage of the broker and of the database."""
        while not self._stop.is_set():
            try:
                async with self._leadership() as connection:
                    if connection is not None:
                        await self._publish_all(connection)
            except FenceLost as error:
                _log.warning("%s", error)
            except UNREACHABLE as error:
                self._note_away(error)
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning(
                    "%s: the relay lost its database (%s); trying again", self._service, describe(error)
                )
            finally:
                self._lead(False)
                await self._drop_producer()
            await self._wait(RETRY_S)

    def _note_away(self, error: BaseException) -> None:
        if not self.is_away:
            _log.warning("%s: events wait to be published (%s); trying again", self._service, explain(error))
        self.is_away = True

    @asynccontextmanager
    async def _leadership(self) -> AsyncIterator[Connection | None]:
        """Hold the service's lock on a connection of its own, which also reads and stores: lost together."""
        connection = await connect(self._url)
        try:
            number = zlib.crc32(self._service.encode()) - 2**31
            has_it = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, number)
            self._lead(bool(has_it))
            yield connection if has_it else None
        finally:
            connection.terminate()  # ends the session at once, and the lock with it

    def _lead(self, has_it: bool) -> None:
        self.leads = has_it
        self._metrics.set("relay_leads", has_it)

    async def _publish_all(self, connection: Connection) -> None:
        position = await stored_position(connection, self._service)
        pause = BUSY_S
        while not self._stop.is_set():
            rows = await read_all(connection, position, BATCH)
            if not rows:
                await self._wait(pause)
                pause = min(pause * 2, IDLE_S)
                continue
            pause = BUSY_S
            await self._send([event for _, event in rows])
            position = await store_position(connection, self._service, position, rows[-1][0])

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

    # -- the producer ------------------------------------------------------------------------------------

    async def _send(self, events: Sequence[Envelope]) -> None:
        """Publish events; returns when the broker has them all."""
        wanted = [event for event in events if self._publishes(event.topic)]
        if not wanted:
            return
        if self._producer is None:
            await self._start_producer()
        async with asyncio.timeout(DELIVERY_S):
            made = await self._batches(wanted)
            with ExitStack() as spans:
                for place, traceparents in made.traced.items():
                    spans.enter_context(self._sending(*place, traceparents))
                pending = [
                    await self._producer.send_batch(batch, topic, partition=partition)
                    for (topic, partition), batches in made.batches.items()
                    for batch in batches
                ]
                await asyncio.gather(*pending)
        self._metrics.count("events_published", len(wanted))
        self._metrics.observe("published_batch_events", len(wanted))
        if self.is_away:
            _log.info("%s: publishing again", self._service)
        self.is_away = False

    def _sending(self, topic: str, partition: int, traceparents: Sequence[str]) -> Span:
        """Span the delivery of the traced events for a partition, `topic` with its prefix."""
        return self._telemetry.batch_span(
            f"send {topic}",
            SpanKind.PRODUCER,
            traceparents,
            {
                **self._connection.origin(""),
                "messaging.destination.name": topic,
                "messaging.destination.partition.id": str(partition),
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.batch.message_count": len(traceparents),
            },
        )

    async def _batches(self, events: Sequence[Envelope]) -> _Sorted:
        """Sort events by topic and partition, the order within each kept."""
        made = _Sorted()
        for event in events:
            topic = self._connection.topic(event.topic)
            count = self._partitions.get(topic) or await self._count_partitions(topic)
            key = str(event.case_id).encode()
            place = topic, partition_of(key, count)
            if sampled(event.traceparent):
                made.traced.setdefault(place, []).append(event.traceparent)
            batches = made.batches.setdefault(place, [])
            record = {
                "timestamp": milliseconds(event),
                "key": key,
                "value": event.data.encode(),
                "headers": headers(event),
            }
            if not batches or batches[-1].append(**record) is None:
                batches.append(self._producer.create_batch())
                batches[-1].append(**record)
        return made

    async def _count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has. Raises TopicMissing."""
        try:
            found = await asyncio.wait_for(self._producer.partitions_for(topic), ANSWER_S)
        except UNREACHABLE:
            if topic in await self._known_topics():
                raise
            raise TopicMissing(topic) from None
        self._partitions[topic] = len(found)
        return len(found)

    async def _known_topics(self) -> set[str]:
        metadata = await asyncio.wait_for(self._producer.client.fetch_all_metadata(), ANSWER_S)
        return set(metadata.topics())

    async def _start_producer(self) -> None:
        self._partitions = {}
        self._producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=int(ANSWER_S * 1000),
            **self._connection.options(),
        )
        await asyncio.wait_for(self._producer.start(), ANSWER_S)

    async def _drop_producer(self) -> None:
        """Let the producer go; one that will not end is cut off, so that it delivers nothing later."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await asyncio.wait_for(producer.stop(), STOP_S)
        except UNREACHABLE:
            if producer._sender is not None:
                await producer._sender.close()
            await producer.client.close()


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key as Kafka's own clients choose it."""
    return int((murmur2(key) & 0x7FFFFFFF) % count)


async def stored_position(connection: Connection, service: str) -> Position:
    """Return up to where the log of a service is published."""
    await connection.execute(
        "INSERT INTO relay.position (service, position) VALUES ($1, $2) ON CONFLICT (service) DO NOTHING",
        service,
        str(Position.parse(START)),
    )
    return Position.parse(
        await connection.fetchval("SELECT position FROM relay.position WHERE service = $1", service)
    )


async def store_position(connection: Connection, service: str, start: Position, end: Position) -> Position:
    """Move the position from `start` to `end` and return it. Raises FenceLost where it is not at `start`."""
    done = await connection.execute(
        "UPDATE relay.position SET position = $3, updated_at = now() WHERE service = $1 AND position = $2",
        service,
        str(start),
        str(end),
    )
    if done != "UPDATE 1":
        raise FenceLost(f"{service}: the relay is no longer at position {start}")
    return end


async def unpublished(connection: Connection, service: str) -> Lag:
    """Count the events after the stored position (to 100,000) and date the oldest."""
    position = await stored_position(connection, service)
    row = await connection.fetchrow(
        "SELECT count(*), min(time) FROM (SELECT time FROM chassis.event_log"
        " WHERE (xid, position) > ($1::text::xid8, $2::bigint) ORDER BY event_log.xid, position LIMIT 100000) AS u",
        position.xid,
        position.position,
    )
    return Lag(row[0], row[1]) if row else Lag(0, None)
