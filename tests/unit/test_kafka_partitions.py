"""What a consumer holds: turns, passing over, a log that is another one, partitions that come and go."""

from dataclasses import replace
from uuid import uuid4

from chassis.kafka.partitions import Found, Partitions
from chassis.kafka.positions import Position
from chassis.kafka.records import UNREADABLE
from tests.toy import Ticked, ticked


def held(*numbers: int) -> Partitions:
    """Partitions that are read from their beginnings."""
    made = Partitions({Ticked.type, UNREADABLE})
    made.assign(numbers)
    for number in numbers:
        made.place(number, "", 0, None)
    return made


def events(count: int, first: int = 0) -> list[Found]:
    case = uuid4()
    return [Found(first + number, ticked(case, number)) for number in range(1, count + 1)]


def other(offset: int) -> Found:
    """An event that the service does not want."""

    return Found(offset, replace(ticked(uuid4(), 1), type="outside.Else.v1"))


def test_partitions_take_turns_and_a_batch_is_of_one() -> None:
    made = held(0, 1)
    made.receive(0, events(5))
    made.receive(1, events(5))
    batches = [made.take(3) for _ in range(4)]
    assert [batch and (batch.partition, len(batch.records)) for batch in batches] == [
        (0, 3),
        (1, 3),
        (0, 2),
        (1, 2),
    ]
    assert made.take(3) is None


def test_what_is_not_wanted_moves_the_end_and_nothing_else() -> None:
    made = held(0)
    wanted = events(1, first=1)
    made.receive(0, [other(1), *wanted, other(3), other(4)])
    batch = made.take(10)
    assert batch is not None
    assert (batch.start, len(batch.records), batch.positions) == ("", 1, [str(Position(2, wanted[0][1].id))])
    assert batch.end.startswith("4@")
    assert made.reached[0] == 4


def test_nothing_but_unwanted_is_no_batch() -> None:
    made = held(0)
    made.receive(0, [other(1), other(2)])
    assert made.take(10) is None
    assert made.reached[0] == 2


def test_the_record_before_the_position_is_checked_and_left_out() -> None:
    made = Partitions({Ticked.type})
    made.assign([0])
    there = events(3)
    made.place(0, str(Position(1, there[0][1].id)), 0, there[0][1].id)
    assert made.receive(0, there)
    batch = made.take(10)
    assert batch is not None
    assert list(batch.records) == [found.event for found in there[1:]]


def test_another_record_before_the_position_is_another_log() -> None:
    """Invariant 6."""
    made = Partitions({Ticked.type})
    made.assign([0])
    made.place(0, "1@outside/x/1", 0, "outside/x/1")
    assert not made.receive(0, events(3))
    assert made.take(10) is None


def test_what_waits_in_a_revoked_partition_is_dropped() -> None:
    made = held(0, 1)
    made.receive(0, events(2))
    made.receive(1, events(2))
    made.revoke([0])
    batch = made.take(10)
    assert batch is not None
    assert batch.partition == 1
    assert made.take(10) is None
    assert made.all == {1}


def test_a_rewind_makes_every_partition_look_up_its_place_again() -> None:
    made = held(0, 1)
    made.receive(0, events(2))
    made.unplace(made.all)
    assert made.unplaced == {0, 1}
    assert made.take(10) is None
    assert made.reached == {}
