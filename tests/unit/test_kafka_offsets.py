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


def test_what_others_wrote_anywhere_does_not_count() -> None:
    strange = [(str(UUID(int=number)).encode(), 8) for number in range(900, 905)]
    assert shared_among([*placed(6), *strange], 9) == 6


def test_where_numbers_fit_alike_it_is_the_greatest() -> None:
    assert shared_among([*placed(6), *placed(8)], 8) == 8
