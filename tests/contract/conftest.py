"""The transports under the one contract. Nothing below knows which one it sits on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from chassis.database import Pool, open_pool
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.reader import KafkaReader
from chassis.log import LogReader
from chassis.migrate import CHASSIS, RELAY
from chassis.store import Store
from chassis.transport import StreamBatch, StreamReader
from schemas.envelope import Envelope
from tests.databases import COUNTER, Databases
from tests.kafka_kit import published, relaying, topics_of_a_test
from tests.toy import Counter, publish


@dataclass(frozen=True)
class Transport:
    """A transport with what a test needs around it."""

    pool: Pool
    new_reader: Callable[[], StreamReader]
    """Builds one more consumer of the service `counter`."""
    publish: Callable[..., Awaitable[None]]
    """Takes envelopes of other services, committed together, to where readers will find them."""

    async def commit(self, reader: StreamReader, batch: StreamBatch) -> None:
        """Store where the batch ends, as the runner does, and acknowledge it."""
        async with self.pool.acquire() as connection, connection.transaction():
            await Store("counter").advance(connection, batch.moves, [])
        reader.acknowledge(batch)

    async def read(self, reader: StreamReader, count: int, *, commit: bool = True) -> list[Envelope]:
        """Poll until `count` records have come; fails where they do not come within 10 seconds."""
        records: list[Envelope] = []
        while len(records) < count:
            batch = await reader.poll(3, 10.0)
            assert batch is not None, f"only {len(records)} of {count} records came"
            records += batch.records
            if commit:
                await self.commit(reader, batch)
        return records


@pytest.fixture(params=["embedded", "kafka"])
async def transport(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[Transport]:
    """One transport after the other."""
    relayed = [RELAY] if request.param == "kafka" else []
    async with databases.lent(CHASSIS, COUNTER, *relayed) as url, AsyncExitStack() as stack:
        pool = await open_pool(url)
        stack.push_async_callback(pool.close)
        if relayed:
            bootstrap = request.getfixturevalue("kafka_bootstrap")
            connection = await stack.enter_async_context(topics_of_a_test(bootstrap))
            made = await stack.enter_async_context(on_kafka(pool, connection, url))
        else:
            made = embedded(pool)
        readers: list[StreamReader] = []

        def new_reader() -> StreamReader:
            readers.append(made.new_reader())
            return readers[-1]

        yield replace(made, new_reader=new_reader)
        for reader in readers:
            await reader.close()


def embedded(pool: Pool) -> Transport:
    """The log itself."""

    async def publish_embedded(*envelopes: Envelope) -> None:
        await publish(pool, *envelopes)

    return Transport(pool, lambda: LogReader(pool, Store("counter"), Counter.consumes), publish_embedded)


@asynccontextmanager
async def on_kafka(pool: Pool, connection: KafkaConnection, url: str) -> AsyncIterator[Transport]:
    """The log of the service `outside`, its relay, and readers of the topic."""

    async def publish_on_kafka(*envelopes: Envelope) -> None:
        await publish(pool, *envelopes)
        await published(pool, "outside")

    def new_reader() -> StreamReader:
        # one instance: each new reader is the same process, started again
        return KafkaReader(connection, pool, Store("counter"), Counter.consumes, "counter")

    async with relaying(connection, url):
        yield Transport(pool, new_reader, publish_on_kafka)
