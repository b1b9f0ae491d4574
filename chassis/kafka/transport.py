"""Kafka as a service's transport: the relay brings its log out, the reader consumes the stream."""

import asyncio
import socket
from collections.abc import Collection

from chassis.database import Pool
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.dropped import tell_dropped
from chassis.kafka.reader import KafkaReader
from chassis.kafka.relay import Relay, unpublished
from chassis.metrics import Metrics
from chassis.settings import Settings
from chassis.store import Store
from chassis.telemetry import Telemetry
from chassis.transport import Lag, StreamReader
from schemas.message import CASE_EVENTS, CASE_PARKED


class KafkaTransport:
    """A `Transport`. `topics` carry the service's events beside the stream; `pace_s` is the runner's."""

    def __init__(
        self,
        settings: Settings,
        topics: frozenset[str],
        pool: Pool,
        store: Store,
        *,
        pace_s: float,
        metrics: Metrics,
        telemetry: Telemetry,
    ) -> None:
        self._connection = KafkaConnection.of(settings)
        self._instance = (
            settings.kafka_instance or f"{settings.service}-{socket.gethostname()}-{settings.port}"
        )
        self._pool = pool
        self._store = store
        self._pace_s = pace_s
        self._relay = Relay(
            self._connection,
            settings.database_url.get_secret_value(),
            settings.service,
            (topics | {CASE_EVENTS, CASE_PARKED}).__contains__,
            metrics=metrics,
            telemetry=telemetry,
        )

    def reader(self, consumes: Collection[str]) -> StreamReader:
        """Return the service's member of its consumer group."""
        return KafkaReader(self._connection, self._pool, self._store, consumes, self._instance, self._pace_s)

    async def run(self) -> None:
        """Relay until stopped."""
        asyncio.get_running_loop().set_exception_handler(tell_dropped)
        await self._relay.run()

    def stop(self) -> None:
        """Finish the events in hand."""
        self._relay.stop()

    @property
    def trouble(self) -> str | None:
        """Why events wait that this process should publish."""
        return self._relay.trouble

    async def unpublished(self) -> Lag:
        """Count what the relay of this service, in whichever process, has not published."""
        async with self._pool.acquire() as connection:
            return await unpublished(connection, self._store.schema)
