"""A look at what a topic holds, by a consumer that belongs to no group and so disturbs nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.kafka.connection import ANSWER_S, KafkaConnection, TopicMissing, let_go


@asynccontextmanager
async def looking(connection: KafkaConnection, topic: str) -> AsyncIterator[tuple[Any, list[TopicPartition]]]:
    """Open a consumer that reads a topic from its beginning, and name the partitions.

    `topic` is without the prefix. Raises TopicMissing, or another of UNREACHABLE.
    """
    name = connection.topic(topic)
    consumer = AIOKafkaConsumer(
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        request_timeout_ms=int(ANSWER_S * 1000),
        **connection.options(),
    )
    try:
        await asyncio.wait_for(consumer.start(), ANSWER_S)
        metadata = await asyncio.wait_for(consumer._client.fetch_all_metadata(), ANSWER_S)
        numbers = metadata.partitions_for_topic(name)
        if not numbers:
            raise TopicMissing(name)
        places = [TopicPartition(name, number) for number in sorted(numbers)]
        consumer.assign(places)
        yield consumer, places
    finally:
        await let_go(consumer)


async def is_untouched(connection: KafkaConnection, topic: str) -> bool:
    """Whether nothing was ever written to a topic; what retention deleted counts as written.

    Raises TopicMissing, or another of UNREACHABLE.
    """
    async with looking(connection, topic) as (consumer, places):
        ends = await asyncio.wait_for(consumer.end_offsets(places), ANSWER_S)
    return not any(ends.values())
