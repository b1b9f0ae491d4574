"""What tests on Kafka share: topics of one test alone on a shared broker, and waiting for the relay."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from chassis.database import Pool
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.records import decode
from chassis.kafka.relay import Relay, unpublished
from chassis.kafka.topics import Topic, Topics
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS

PATIENCE_S = 60


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
    async with asyncio.timeout(PATIENCE_S), pool.acquire() as connection:
        while (await unpublished(connection, service)).events:
            await asyncio.sleep(0.01)  # polled: the position is another task's, in the database


@asynccontextmanager
async def relaying(
    connection: KafkaConnection,
    database_url: str,
    service: str = "outside",
    publishes: Callable[[str], bool] = {CASE_EVENTS}.__contains__,
) -> AsyncIterator[Relay]:
    """Run the relay of a service."""
    relay = Relay(connection, database_url, service, publishes)
    working = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await asyncio.wait_for(working, PATIENCE_S)


async def on_topic(connection: KafkaConnection, topic: str = CASE_EVENTS) -> list[Envelope]:
    """Return all events that a topic holds now, each partition in its order."""
    consumer = AIOKafkaConsumer(connection.topic(topic), auto_offset_reset="earliest", **connection.options())
    await consumer.start()
    try:
        places = consumer.assignment()
        ends = await consumer.end_offsets(places)
        found: list[Envelope] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [decode(record, topic) for record in records]
        return found
    finally:
        await consumer.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)  # polled: it is an attribute of something at work
