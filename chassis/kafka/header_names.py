"""Records that aiokafka cannot read: a header whose name is not UTF-8 fails the fetch that it came in.

Nothing would ever come from its partition again, nor, in that fetch, from any other: one client that may write to
one topic could stop whoever reads it. So the batch of such a record ends there, with one record in place of the
rest that has neither headers nor value, like any other that is none of ours. Our own batches hold no such name.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.structs import ConsumerRecord


class _Batches:
    """The batches of a fetch, and the one that was given out last."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.last: Any = None

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        self.last = self._records.next_batch()
        return self.last


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """What a fetch brought from one partition."""

    def _unpack_records(self) -> Iterator[Any]:
        batches = _Batches(self._records)
        self._records: Any = batches
        while True:
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                self.next_fetch_offset = batches.last.next_offset
                yield _stand_in(self._tp.topic, self._tp.partition, batches.last)
            else:
                return


def _stand_in(topic: str, partition: int, batch: Any) -> Any:
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=batch.next_offset - 1,
        timestamp=batch.max_timestamp,
        timestamp_type=batch.timestamp_type,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=(),
    )


def read_past_them() -> None:
    """Have aiokafka read on behind such records, in all consumers of this process."""
    fetcher.PartitionRecords = _PartitionRecords
