"""Where a consumer goes on: by the stored position, and by what the partition holds now."""

import pytest

from chassis.kafka.positions import Position, Resumption, resume
from chassis.store import START

EVENT = "intake/0198f2a4-6c1e-7b3a-9d52-3f1c8a7e4b10/3"


def at(offset: int) -> str:
    return str(Position(offset, EVENT))


@pytest.mark.parametrize(
    ("stored", "begin", "end", "offset", "expected"),
    [
        (START, 0, 0, 0, None),
        (START, 40, 90, 40, None),
        (at(12), 0, 90, 11, EVENT),
        (at(12), 0, 12, 11, EVENT),
        (at(12), 11, 90, 11, EVENT),
        (at(12), 12, 90, 12, None),
    ],
)
def test_goes_on_where_it_stood(stored: str, begin: int, end: int, offset: int, expected: str | None) -> None:
    assert resume(stored, begin, end) == Resumption(offset, expected)


def test_a_log_that_ends_before_the_position_is_a_new_one() -> None:
    """Invariant 6."""
    found = resume(at(12), 0, 11)
    assert (found.offset, found.expected) == (0, None)
    assert found.finding == "the log ends at 11, before 12 where we stood: it is a new one"


def test_records_deleted_unread_are_told() -> None:
    found = resume(at(12), 20, 90)
    assert (found.offset, found.expected) == (20, None)
    assert found.finding
    told = "8 records were deleted by retention before they were read: "
    assert found.finding == f"{told}republish the event logs"
    assert resume(at(12), 20, 90, "ask").finding == f"{told}ask"


@pytest.mark.parametrize("text", ["748-12", "12", "@x", "-1@x", "0@x", "²@x", "x@y"])
def test_another_transports_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a position in a Kafka partition"):
        Position.parse(text)


def test_a_position_is_read_as_it_was_written() -> None:
    assert Position.parse(at(12)) == Position(12, EVENT)
