"""A department that has a Kafka client and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.kafka.connection import KafkaConnection
from chassis.kafka.records import decode
from schemas.department import DepartmentAssigned
from schemas.envelope import Envelope
from schemas.replies import ReplyRejected

LIMIT_S = 30


def topics_of(*units: str) -> list[str]:
    """The names of the topics of some units."""
    return [f"dept.{unit}.{what}" for unit in units for what in ("assigned", "replies", "rejected")]


class Department:
    """Reads its two topics from their beginning, in order, and writes to its third."""

    def __init__(
        self, unit: str, connection: KafkaConnection, producer: Any, consumers: dict[str, Any]
    ) -> None:
        self.unit = unit
        self._topic = connection.topic(f"dept.{unit}.replies")
        self._producer = producer
        self._consumers = consumers

    async def write(self, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()) -> int:
        """Write a record as it is; return its offset."""
        sent = self._producer.send_and_wait(self._topic, value, key=b"-", partition=0, headers=list(headers))
        written = await asyncio.wait_for(sent, LIMIT_S)
        return int(written.offset)

    async def reply(self, action: str, case: str, **fields: Any) -> int:
        """Write a reply; return its offset. `case` may be a path that ends in the case's id."""
        told = {"action": action, "case_id": case.rpartition("/")[2], **fields}
        return await self.write(json.dumps(told, ensure_ascii=False).encode())

    async def told(self, topic: str, wanted: Callable[[Envelope], bool] = lambda _: True) -> Envelope:
        """The next event of `assigned` or `rejected` that is wanted; those before it are passed over."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                event = decode(await self._consumers[topic].getone(), f"dept.{self.unit}.{topic}")
                if wanted(event):
                    return event

    async def assigned(self, case: str) -> DepartmentAssigned:
        """Wait until it is told to do something about a case."""
        event = await self.told(
            "assigned",
            lambda event: (
                event.type == DepartmentAssigned.type and str(event.case_id) == case.rpartition("/")[2]
            ),
        )
        return DepartmentAssigned.model_validate_json(event.data)

    async def rejected(self) -> ReplyRejected:
        """Wait for the next rejection."""
        return ReplyRejected.model_validate_json((await self.told("rejected")).data)

    async def rejections(self, count: int) -> list[ReplyRejected]:
        """Wait for so many rejections."""
        return [await self.rejected() for _ in range(count)]


@asynccontextmanager
async def departments(connection: KafkaConnection, *units: str) -> AsyncIterator[Sequence[Department]]:
    """The systems of some departments."""
    options = connection.options()
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, max_request_size=1024 * 1024, **options)
    consumers = {
        (unit, topic): AIOKafkaConsumer(
            connection.topic(f"dept.{unit}.{topic}"), auto_offset_reset="earliest", **options
        )
        for unit in units
        for topic in ("assigned", "rejected")
    }
    try:
        for client in (producer, *consumers.values()):
            await asyncio.wait_for(client.start(), LIMIT_S)
        yield [
            Department(
                unit,
                connection,
                producer,
                {topic: consumers[unit, topic] for topic in ("assigned", "rejected")},
            )
            for unit in units
        ]
    finally:
        for client in (producer, *consumers.values()):
            await client.stop()
