"""A look at what a topic holds, by a consumer that belongs to no group and so disturbs nobody."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.kafka.connection import ANSWER_S, KafkaConnection, TopicMissing, let_go
from chassis.kafka.ends import Ends, is_cut_short
from chassis.kafka.partitions import Found
from chassis.kafka.positions import Position
from chassis.kafka.publisher import place_of
from chassis.kafka.records import UNREADABLE, decode

STANDSTILL_S: Final = 20.0
"""A topic of which nothing comes for so long is given up, in seconds."""
EVER: Final = datetime.min.replace(tzinfo=UTC)
NEWEST: Final = 1000
"""So many of the newest records show among how many partitions keys are shared out, or when the last event was."""


@asynccontextmanager
async def _consuming(connection: KafkaConnection) -> AsyncIterator[tuple[Any, Any]]:
    """Open a consumer to which nothing is assigned, and tell what topics there are. Raises one of UNREACHABLE."""
    consumer = AIOKafkaConsumer(
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        request_timeout_ms=int(ANSWER_S * 1000),
        **connection.options(),
    )
    try:
        await asyncio.wait_for(consumer.start(), ANSWER_S)
        yield consumer, await asyncio.wait_for(consumer._client.fetch_all_metadata(), ANSWER_S)
    finally:
        await let_go(consumer)


@asynccontextmanager
async def looking(connection: KafkaConnection, topic: str) -> AsyncIterator[tuple[Any, list[TopicPartition]]]:
    """Open a consumer that reads a topic from its beginning, and name the partitions.

    `topic` is without the prefix. Raises TopicMissing, or another of UNREACHABLE.
    """
    name = connection.topic(topic)
    async with _consuming(connection) as (consumer, metadata):
        numbers = metadata.partitions_for_topic(name)
        if not numbers:
            raise TopicMissing(name)
        places = [TopicPartition(name, number) for number in sorted(numbers)]
        consumer.assign(places)
        yield consumer, places


async def is_untouched(connection: KafkaConnection, topic: str) -> bool:
    """Whether nothing was ever written to a topic; what retention deleted counts as written.

    Raises TopicMissing, or another of UNREACHABLE.
    """
    async with looking(connection, topic) as (consumer, places):
        ends = await asyncio.wait_for(consumer.end_offsets(places), ANSWER_S)
    return not any(ends.values())


async def cut_short(connection: KafkaConnection, ends: Ends) -> set[str]:
    """Return the topics that do not hold any more the last record before one of their ends.

    What is not there at all is passed over, and so is what retention has deleted. Raises one of UNREACHABLE.
    """
    return {topic for topic, _ in await cut_places(connection, ends)}


async def cut_places(connection: KafkaConnection, ends: Ends) -> set[tuple[str, int]]:
    """Return the topics and partitions of which that is so. Raises as `cut_short` does."""
    if not ends:
        return set()
    found: set[tuple[str, int]] = set()
    async with asyncio.timeout(STANDSTILL_S), _consuming(connection) as (consumer, metadata):
        places = {
            TopicPartition(name, number): topic
            for topic in ends
            for name in [connection.topic(topic)]
            for number in metadata.partitions_for_topic(name) or ()
            if str(number) in ends[topic]
        }
        log_begins = await consumer.beginning_offsets(list(places))
        log_ends = await consumer.end_offsets(list(places))
        expected: dict[TopicPartition, Position] = {}
        for place, topic in places.items():
            stored = ends[topic][str(place.partition)]
            is_lost = is_cut_short(stored, log_begins[place], log_ends[place])
            if is_lost:
                found.add((topic, place.partition))
            elif is_lost is None:
                expected[place] = Position.parse(stored)
        consumer.assign(list(expected))
        for place, ours in expected.items():
            consumer.seek(place, ours.offset - 1)
        while expected:
            got = await consumer.getmany(*expected, timeout_ms=1000)
            for place in await _read_to(consumer, {place: ours.offset for place, ours in expected.items()}):
                consumer.pause(place)
                ours, records = expected.pop(place), got.get(place)
                if (
                    not records or records[0].offset >= ours.offset
                ):  # nothing, or a mark of somebody's transaction
                    begins = await consumer.beginning_offsets([place])
                    is_ours = begins[place] >= ours.offset  # retention came between
                else:
                    is_ours = Found(records[0]).mark == ours.mark
                if not is_ours:
                    found.add((places[place], place.partition))
    return found


async def kept_until(connection: KafkaConnection, topic: str, partitions: Collection[int]) -> datetime | None:
    """Return the time of the newest event that each of these partitions holds, of several the earliest: since then
    they may have lost some. The beginning of time where one holds none, but None where the whole topic does.

    Raises TopicMissing, or another of UNREACHABLE.
    """
    async with looking(connection, topic) as (consumer, all_places):
        places = [place for place in all_places if place.partition in partitions]
        begins = await asyncio.wait_for(consumer.beginning_offsets(all_places), ANSWER_S)
        ends = await asyncio.wait_for(consumer.end_offsets(all_places), ANSWER_S)
        if begins == ends:
            return None
        starts = {place: max(begins[place], ends[place] - NEWEST) for place in places}
        newest = {
            place: event.time
            async for place, records in read_on(consumer, places, starts)
            for event in (decode(record, topic) for record in records)
            if event.type != UNREADABLE
        }
    return min(newest.values()) if len(newest) == len(places) else EVER


async def _read_to(consumer: Any, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
    """Return the partitions that are read to these ends. No record says so where the last is a transaction's mark,
    which the client passes over."""
    return [place for place, end in ends.items() if await consumer.position(place) >= end]


async def read_on(
    consumer: Any, places: Sequence[TopicPartition], starts: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple[TopicPartition, list[Any]]]:
    """Read partitions from their starts to where they end now. Raises one of UNREACHABLE."""
    ends = await asyncio.wait_for(consumer.end_offsets(places), ANSWER_S)
    left = {place: ends[place] for place in places if starts[place] < ends[place]}
    for place in left:
        consumer.seek(place, starts[place])
    while left:
        async with asyncio.timeout(STANDSTILL_S):
            got: dict[TopicPartition, list[Any]] = {}
            done: list[TopicPartition] = []
            while not (got or done):
                got = await consumer.getmany(*left, timeout_ms=1000)
                done = await _read_to(consumer, left)
        for entry in got.items():
            yield entry
        for place in done:
            del left[place]


async def partitions_in_use(connection: KafkaConnection, topic: str) -> int:
    """Return among how many partitions of a topic the cases are shared out, as its newest events show it.

    That is all of them, unless partitions were added to a topic in use: then the number of before, with which those
    who were publishing go on. Too few events to tell the two apart count as all. Raises TopicMissing, or another of
    UNREACHABLE.
    """
    async with asyncio.timeout(ANSWER_S), looking(connection, topic) as (consumer, places):
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        newest = max(1, NEWEST // len(places))
        starts = {place: max(begins[place], ends[place] - newest) for place in places}
        found = {
            (str(event.case_id).encode(), place.partition)
            async for place, records in read_on(consumer, places, starts)
            for event in (decode(record, topic) for record in records)
            if event.type != UNREADABLE
        }
    return shared_among(found, len(places))


def shared_among(found: Collection[tuple[bytes, int]], there: int) -> int:
    """Return the number up to `there` of partitions that puts most keys where they were found, the greatest such.

    Not all, for a record that somebody else wrote may lie anywhere.
    """
    places = [(place_of(key), number) for key, number in found]
    return max(
        range(there, 0, -1), key=lambda count: sum(place % count == number for place, number in places)
    )
