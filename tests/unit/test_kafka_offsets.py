"""Among how many partitions the cases of a topic are shared out, seen from where their events stand."""

from uuid import UUID

import pytest

from chassis.kafka.offsets import shared_among
from chassis.kafka.publisher import partition_of

KEYS = [str(UUID(int=number)).encode() for number in range(60)]


def placed(count: int) -> list[tuple[bytes, int]]:
    """Each key with its partition among so many."""
    return [(key, partition_of(key, count)) for key in KEYS]


@pytest.mark.parametrize("used", [1, 3, 6, 8, 9])
def test_the_number_shows_itself_whatever_was_added(used: int) -> None:
    assert shared_among(placed(used), used) == used
    assert shared_among(placed(used), 2 * used) == used
    assert shared_among(placed(used), 9) == used


def test_of_an_empty_topic_all_are_in_use() -> None:
    assert shared_among([], 6) == 6


def test_what_fits_no_number_counts_as_all() -> None:
    assert shared_among([*placed(6), *placed(8)], 8) == 8
