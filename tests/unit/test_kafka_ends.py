"""Whether a broker still has what it acknowledged: by the offsets of what comes next, and by where a log ends."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from chassis.kafka.connection import KafkaConnection
from chassis.kafka.ends import end_after, is_cut_short
from chassis.kafka.publisher import Publisher, Sent
from schemas.message import CASE_EVENTS
from tests.toy import ticked


@pytest.mark.parametrize(
    ("stored", "acknowledged", "end"),
    [
        (None, [(0, 3)], "3@last"),
        ("3@old", [(3, 2)], "5@last"),
        ("3@old", [(9, 1)], "10@last"),
        ("3@old", [(3, 2), (7, 1)], "8@last"),
        ("3@old", [(-1, 2)], "3@old"),
        ("3@old", [(-1, 2), (5, 1)], "6@last"),
        ("3@old", [(3, 2), (-1, 1)], "3@old"),
        (None, [(-1, 2)], None),
    ],
)
def test_an_end_moves_up_over_what_others_wrote_and_what_was_delivered_unnoticed(
    stored: str | None, acknowledged: Sequence[tuple[int, int]], end: str | None
) -> None:
    assert end_after(stored, acknowledged, "last") == end


@pytest.mark.parametrize(
    ("stored", "acknowledged"), [("3@old", [(2, 9)]), ("3@old", [(0, 1)]), ("3@old", [(4, 2), (5, 1)])]
)
def test_a_batch_below_the_end_shows_a_loss(stored: str, acknowledged: Sequence[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="a batch came to lie at"):
        end_after(stored, acknowledged, "last")


@pytest.mark.parametrize(
    ("begin", "end", "is_cut"),
    [
        (0, 11, True),
        (0, 0, True),
        (11, 11, True),
        (12, 12, False),
        (20, 90, False),
        (0, 12, None),
        (11, 90, None),
    ],
)
def test_a_log_that_ends_too_early_was_cut_and_one_without_its_beginning_was_not(
    begin: int, end: int, is_cut: bool | None
) -> None:
    assert is_cut_short("12@mark", begin, end) is is_cut


class Broker:
    """Stands for a producer of aiokafka: gives each batch the next offset, until the log is cut."""

    def __init__(self) -> None:
        self.end = 0
        topic = SimpleNamespace(partitions_for_topic=lambda _: {0})
        self.client = SimpleNamespace(fetch_all_metadata=lambda: _answered(topic))

    def create_batch(self) -> Any:
        return _Batch()

    async def send_batch(self, batch: Any, _topic: str, partition: int) -> Any:
        offset, self.end = self.end, self.end + batch.record_count()
        return _answered(SimpleNamespace(offset=offset, partition=partition))


class _Batch:
    def __init__(self) -> None:
        self._records: list[Any] = []

    def append(self, **record: Any) -> Any:
        self._records.append(record)
        return record

    def record_count(self) -> int:
        return len(self._records)


async def _answered(answer: Any) -> Any:
    return answer


async def test_a_publisher_tells_where_its_topics_end_and_that_a_log_was_cut() -> None:
    """What was cut is told of each topic, and the ends stay where they were."""
    publisher, broker = Publisher(KafkaConnection("nowhere:9092", prefix="p.")), Broker()
    publisher._producer = broker
    first, second, third = (ticked(uuid4(), 1) for _ in range(3))
    assert await publisher.send([first, second]) == Sent({CASE_EVENTS: {"0": f"2@{second.id}"}}, set())
    broker.end = 7  # others
    assert await publisher.send([third], "e1") == Sent({CASE_EVENTS: {"0": f"8@e1:{third.id}"}}, set())
    broker.end = 6
    assert await publisher.send([first, second, third]) == Sent({}, {CASE_EVENTS})
    assert publisher.ends == {CASE_EVENTS: {"0": f"8@e1:{third.id}"}}
