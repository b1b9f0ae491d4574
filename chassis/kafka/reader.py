"""The Kafka side of the stream: one consumer of a group, whose positions stand in the service's own database.

The offsets in Kafka are for Kafka's own tools only. aiokafka revokes everything at each rebalance and can stick for
good after a broker came back, so nothing here trusts it: what it hands out is placed by our stored position, a
consumer that stands still although there is more is thrown away, and no call of it is awaited without a limit.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from chassis.database import Pool
from chassis.kafka.connection import (
    ANSWER_S,
    STOP_S,
    UNREACHABLE,
    KafkaConnection,
    NotInOrder,
    TooFewPartitions,
    TopicMissing,
    explain,
    let_go,
)
from chassis.kafka.partitions import Found, Partitions
from chassis.kafka.positions import Position, resume, too_late
from chassis.kafka.records import UNREADABLE
from chassis.store import Store
from chassis.telemetry import Attribute, Value
from chassis.transport import Lag, StreamBatch
from schemas.message import CASE_EVENTS

STUCK_S: Final = 10.0
"""A consumer that brings nothing for so long is checked against the end of the log, in seconds."""
RETRY_S: Final = 0.5
"""The pause before an unreachable broker is tried again, in seconds."""
SESSION_S: Final = 15.0
"""A member of the group that was not heard of for so long loses its partitions, in seconds."""
TELL_S: Final = 5.0
"""How often Kafka's own tools are told how far we are, in seconds."""
FETCH_BYTES: Final = 64 * 1024
FETCH_WAIT_S: Final = 0.03
"""A fetch is answered when so many bytes are there, or after so many seconds: one answer for each record that comes
would take the time of the work itself, here and on the broker."""
AT_ONCE: Final = 2000
"""Records fetched at once at most: all that ever waits in memory beside aiokafka's own buffer."""

_log = logging.getLogger(__name__)


class KafkaReader:
    """A `StreamReader` on Kafka. `instance` names this member for good (static membership); `wait_s` is how many
    seconds a record may lie on the broker for others to come."""

    def __init__(
        self,
        connection: KafkaConnection,
        pool: Pool,
        store: Store,
        consumes: Collection[str],
        instance: str,
        wait_s: float = FETCH_WAIT_S,
    ) -> None:
        self._wait_s = max(wait_s, FETCH_WAIT_S)
        self._connection = connection
        self._topic = connection.topic(CASE_EVENTS)
        self._pool = pool
        self._store = store
        self._types = frozenset({*consumes, UNREADABLE})
        self.origin: Mapping[Attribute, Value] = {
            **connection.origin(),
            "messaging.destination.name": self._topic,
            "messaging.consumer.group.name": connection.group(store.schema),
        }
        self._instance = instance
        self._consumer: Any = None
        self._lock = asyncio.Lock()
        self._partitions = Partitions(self._types)
        self._moved_at = 0.0
        self._told_at = 0.0
        self._is_away = False
        self._renewals = 0
        self._positions: dict[int, str] = {}
        """Of all partitions, as they stood when we last had none and looked."""

    async def poll(self, max_records: int, timeout_s: float) -> StreamBatch | None:
        """Return the next records that the service wants, of all our partitions; others are passed over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            async with self._lock:
                if batch := self._partitions.take(max_records):
                    return batch
                await self._fill(max(0.0, deadline - loop.time()))
                if batch := self._partitions.take(max_records):
                    return batch
            if loop.time() >= deadline:
                return None

    def acknowledge(self, batch: StreamBatch) -> None:
        """Take the ends of the batch as the stored positions."""
        self._partitions.stored |= {number: move.end for number, move in batch.moves.items()}

    def rewind(self) -> None:
        """Read the stored positions again at the next poll."""
        self._partitions.unplace(self._partitions.all)

    async def lag(self) -> Lag:
        """Count the records of our partitions (before any assignment: of all) that were not handed out yet.

        Records that the service does not want are counted until they are passed over. Raises ConnectionError where
        the broker is away.
        """
        async with self._lock:
            try:
                if self._consumer is None:
                    await self._start()
                events = await self._behind()
                if events and not self._partitions.next_event():
                    await self._fill(ANSWER_S)
                    if self._consumer is None:
                        raise ConnectionError("the consumer is being made anew")
                    events = await self._behind()
            except UNREACHABLE as error:
                await self._lose(error)
                raise ConnectionError(
                    f"the stream cannot be read: {error}"
                    if isinstance(error, NotInOrder)
                    else "Kafka does not answer"
                ) from error
            head = self._partitions.next_event()
            return Lag(events, head.time if head else None)

    async def close(self) -> None:
        """Leave the broker. A static member keeps its seat in the group for `SESSION_S`."""
        async with self._lock:
            await self._tell()
            await self._discard()

    # -- the consumer ------------------------------------------------------------------------------------

    async def _fill(self, timeout_s: float) -> None:
        """Fetch more records into the partitions, or find out why there are none."""
        stored = await self._stored(sorted(self._partitions.unplaced))
        try:
            if self._consumer is None:
                await self._start()
            await self._place(stored)
            got = await asyncio.wait_for(
                self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=AT_ONCE),
                timeout_s + ANSWER_S,
            )
            for place, records in got.items():
                await self._sort_in(place.partition, records)
            await self._check_progress(bool(got))
            self._is_away = False
        except UNREACHABLE as error:
            await self._lose(error)
            await asyncio.sleep(min(timeout_s, RETRY_S))
        except Exception:
            # aiokafka has gone past what it then did not hand out: read again from what is stored.
            await self._discard()
            raise

    async def _stored(self, partitions: Iterable[int]) -> dict[int, str]:
        """Return our own positions. Raises what the database raises, which is no fault of Kafka's."""
        asked = list(partitions)
        if not asked:
            return {}
        async with self._pool.acquire() as connection:
            return {number: await self._store.position(connection, number) for number in asked}

    async def _start(self) -> None:
        self._partitions = Partitions(self._types)
        consumer = AIOKafkaConsumer(
            group_id=self._connection.group(self._store.schema),
            group_instance_id=f"{self._instance}.{self._renewals}" if self._renewals else self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(SESSION_S * 1000),
            heartbeat_interval_ms=3000,
            metadata_max_age_ms=int(
                STUCK_S * 500
            ),  # a topic that was deleted and made again is found before then
            fetch_min_bytes=FETCH_BYTES,
            # also how long a look at the offsets waits behind a fetch
            fetch_max_wait_ms=int(self._wait_s * 1000),
            max_partition_fetch_bytes=4 * 1024 * 1024,
            **self._connection.options(),
            # a join is answered only when the other members have come, or their time is over
            request_timeout_ms=int((SESSION_S + ANSWER_S) * 1000),
        )
        consumer.subscribe([self._topic], listener=_Listener(self._partitions))
        self._consumer = consumer
        try:
            await asyncio.wait_for(consumer.start(), ANSWER_S)
        except TimeoutError:  # it waits for a topic that is missing, too
            there = await asyncio.wait_for(consumer._client.fetch_all_metadata(), ANSWER_S)
            if self._topic not in there.topics():
                raise TopicMissing(self._topic) from None
            raise
        if not consumer.partitions_for_topic(self._topic):
            raise TopicMissing(self._topic)
        self._moved_at = asyncio.get_running_loop().time()

    async def _place(self, stored: Mapping[int, str]) -> None:
        """Put the consumer where our own database says for each partition that is new to us.

        A topic that was made anew with fewer partitions may leave a static member that comes back what it had:
        only one with another name makes the group share anew (`_is_stuck`). Raises TooFewPartitions then.
        """
        there = self._consumer.partitions_for_topic(self._topic) or ()
        if stored and not stored.keys() <= set(there):
            self._renewals += 1
            raise TooFewPartitions(self._topic, len(there), max(stored) + 1)
        begins, ends = (
            await self._offsets("beginning_offsets", stored),
            await self._offsets("end_offsets", stored),
        )
        for number in stored:
            if number not in self._partitions.unplaced:
                continue  # taken away meanwhile
            found = resume(stored[number], begins[number], ends[number])
            if found.finding:
                _log.error("%s: partition %d: %s", self._store.schema, number, found.finding)
            self._consumer.seek(self._at(number), found.offset)
            self._partitions.place(number, stored[number], found.offset, found.expected)

    async def _offsets(self, which: str, partitions: Iterable[int]) -> dict[int, int]:
        asked = [self._at(number) for number in partitions]
        if not asked:
            return {}
        found = await asyncio.wait_for(getattr(self._consumer, which)(asked), ANSWER_S)
        return {place.partition: offset for place, offset in found.items()}

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)

    async def _sort_in(self, number: int, records: list[Any]) -> None:
        """Let records wait, unless they show that the log is not the one in which we stood."""
        if number not in self._partitions.reached:
            return  # a rebalance came between: these are from where we did not ask
        self._note_jump(number, records[0].offset - self._partitions.fetched[number])
        if self._partitions.receive(number, [Found(record) for record in records]):
            return
        stored = self._partitions.stored[number]
        _log.error(
            "%s: partition %d is not the log that we read until %s: reading it from its beginning",
            self._store.schema,
            number,
            stored,
        )
        begin = (await self._offsets("beginning_offsets", [number]))[number]
        self._consumer.seek(self._at(number), begin)
        self._partitions.place(number, stored, begin, None)

    def _note_jump(self, number: int, by: int) -> None:
        """Tell of a place that aiokafka chose: the beginning of the log, since where we asked there is nothing."""
        if by > 0:
            _log.error("%s: partition %d: %s", self._store.schema, number, too_late(by))
        elif by < 0:
            _log.error("%s: partition %d begins anew: it was lost and made again", self._store.schema, number)

    async def _check_progress(self, has_moved: bool) -> None:
        """Throw a consumer away that stands still although there is more (aiokafka #1154)."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at > TELL_S:
            self._told_at = now
            await self._tell()
        if has_moved:
            self._moved_at = now
        elif now - self._moved_at > STUCK_S:
            self._moved_at = now
            if await self._is_stuck():
                _log.warning("%s: the consumer stands still; making a new one", self._store.schema)
                await self._discard()

    async def _is_stuck(self) -> bool:
        """Whether there is more to read and nobody of the group reads it.

        A group that was formed while its topic was missing gives a static member that comes back what it had:
        nothing. Only a member with another name makes it share the partitions anew. A member to spare has none
        either; that one sees the positions move.
        """
        if self._partitions.all:
            return bool(await self._behind())
        before, self._positions = self._positions, await self._all_stored()
        if self._positions != before or not await self._behind():
            return False
        self._renewals += 1
        return True

    async def _all_stored(self) -> dict[int, str]:
        return await self._stored(sorted(self._consumer.partitions_for_topic(self._topic) or ()))

    async def _behind(self) -> int:
        """Count the records between what was handed out and the end, of our partitions or else of all."""
        reached = dict(self._partitions.reached)
        if not reached:
            stored = await self._all_stored()
            begins = await self._offsets("beginning_offsets", stored)
            ends = await self._offsets("end_offsets", stored)
            places = {number: resume(text, begins[number], ends[number]) for number, text in stored.items()}
            return sum(ends[number] - at.offset - (at.expected is not None) for number, at in places.items())
        ends = await self._offsets("end_offsets", reached)
        return sum(max(0, ends[number] - offset) for number, offset in reached.items())

    async def _tell(self) -> None:
        """Commit our positions to Kafka, for its own tools to show; nothing depends on it."""
        known = {
            self._at(number): OffsetAndMetadata(Position.parse(text).offset, "")
            for number, text in self._partitions.stored.items()
            if text and number in self._partitions.all
        }
        if self._consumer is None or not known:
            return
        try:
            await asyncio.wait_for(self._consumer.commit(known), STOP_S)
        except UNREACHABLE as error:
            _log.debug("offsets not committed to Kafka: %s", type(error).__name__)

    async def _lose(self, error: BaseException) -> None:
        if not self._is_away:
            _log.warning(
                "%s: the stream cannot be read (%s); trying again", self._store.schema, explain(error)
            )
        self._is_away = True
        await self._discard()

    async def _discard(self) -> None:
        """Let the consumer go, in order if it can, and forget all it brought."""
        consumer, self._consumer = self._consumer, None
        self._partitions = Partitions(self._types)
        if consumer is not None:
            await let_go(consumer)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Told by aiokafka who has which partition now."""

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Drop what waits: its new owner will read it."""
        self._partitions.revoke([place.partition for place in revoked])

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take over; where we stand is looked up before anything is fetched."""
        self._partitions.assign([place.partition for place in assigned])
