"""What tests on Kafka share: topics of one test alone on a shared broker, and waiting for the relay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from chassis.database import Pool
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.relay import unpublished
from chassis.kafka.topics import Topic, Topics
from schemas.message import CASE_EVENTS


@asynccontextmanager
async def topics_of_a_test(
    bootstrap: str, partitions: int = 1, more: Sequence[str] = ()
) -> AsyncIterator[KafkaConnection]:
    """Make the stream, and more topics of one partition, under a prefix of their own; delete them afterwards."""
    connection = KafkaConnection(bootstrap, prefix=f"t{uuid4().hex}.")
    wanted = [Topic(CASE_EVENTS, partitions, 1), *(Topic(name, 1, 1) for name in more)]
    async with Topics(connection) as topics:
        await topics.create(wanted)
        yield connection
        await topics.delete([connection.topic(topic.name) for topic in wanted])


async def published(pool: Pool, service: str) -> None:
    """Wait until the relay of a service has published all that is in its log."""
    async with asyncio.timeout(30), pool.acquire() as connection:
        while (await unpublished(connection, service)).events:
            await asyncio.sleep(0.01)  # polled: the position is another task's, in the database
