"""The transports under the one contract. Kafka takes the second seat; nothing below knows which one it sits on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from chassis.database import Pool, open_pool
from chassis.log import LogReader
from chassis.store import Store
from chassis.transport import StreamBatch, StreamReader
from schemas.envelope import Envelope
from tests.toy import Counter, install, publish


@dataclass(frozen=True)
class Transport:
    """A transport with what a test needs around it."""

    pool: Pool
    new_reader: Callable[[], StreamReader]
    """Builds one more consumer of the service `counter`."""
    publish: Callable[..., Awaitable[None]]
    """Takes envelopes of other services, committed together, to where readers will find them."""

    async def commit(self, reader: StreamReader, batch: StreamBatch) -> None:
        """Store the batch's end position, as the runner does, and acknowledge it."""
        async with self.pool.acquire() as connection, connection.transaction():
            await Store("counter").advance(connection, batch.partition, batch.start, batch.end, [])
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


@pytest.fixture(params=["embedded"])
async def transport(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Transport]:
    """One transport after the other."""
    await install(database_url)
    pool = await open_pool(database_url)

    async def publish_embedded(*envelopes: Envelope) -> None:
        await publish(pool, *envelopes)

    readers: list[StreamReader] = []

    def new_reader() -> StreamReader:
        readers.append(LogReader(pool, Store("counter"), Counter.consumes))
        return readers[-1]

    yield Transport(pool, new_reader, publish_embedded)
    for reader in readers:
        await reader.close()
    await pool.close()
