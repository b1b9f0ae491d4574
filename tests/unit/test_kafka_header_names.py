"""A record whose header has a name that is not UTF-8 is read past, with all that its batch holds behind it."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

import chassis.kafka.connection  # noqa: F401  - it sees to that


def batch(base: int, *names: str) -> bytes:
    """A batch with one record for each header's name; `BAD` is written over with what is no UTF-8."""
    made = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000,
    )
    for number, name in enumerate(names):
        made.append(number, 1000 + number, b"key", b"value", [(name, b"x")])
    return base.to_bytes(8) + bytes(made.build())[8:].replace(b"BAD", b"\xff\xfe\xc0")


def fetched(data: bytes, offset: int) -> Any:
    """What aiokafka makes of the batches that came for a fetch at `offset`."""
    place = TopicPartition("case.events", 3)
    return fetcher.PartitionRecords(place, MemoryRecords(data), [], offset, None, None, False, 1)


@pytest.mark.parametrize(
    ("offset", "read"),
    [(10, [(10, b"value"), (12, None), (13, b"value")]), (11, [(12, None), (13, b"value")])],
)
def test_one_record_stands_for_the_rest_of_its_batch(
    offset: int, read: list[tuple[int, bytes | None]]
) -> None:
    records = fetched(batch(10, "ok", "BAD", "ok") + batch(13, "ok"), offset)
    assert [(record.offset, record.value) for record in records] == read
    assert records.next_fetch_offset == 14


def test_it_has_neither_headers_nor_key() -> None:
    [record] = fetched(batch(10, "BAD"), 10)
    assert (record.topic, record.partition, record.offset) == ("case.events", 3, 10)
    assert (record.key, record.headers, record.timestamp) == (None, (), 1000)
