"""What a consumer holds: turns, passing over, a log that is another one, partitions that come and go."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from chassis.kafka.partitions import Found, Partitions
from chassis.kafka.positions import Position
from chassis.kafka.records import UNREADABLE
from chassis.transport import Move
from tests.toy import Ticked, ticked
from tests.unit.kafka_kit import Record, found


def held(*numbers: int) -> Partitions:
    """Partitions that are read from their beginnings."""
    made = Partitions({Ticked.type, UNREADABLE})
    made.assign(numbers)
    for number in numbers:
        made.place(number, "", 0, None)
    return made


def events(count: int, first: int = 0, edition: str = "") -> list[Found]:
    case = uuid4()
    return [found(first + number, ticked(case, number), edition) for number in range(1, count + 1)]


def other(offset: int) -> Found:
    """An event that the service does not want."""

    return found(offset, replace(ticked(uuid4(), 1), type="outside.Else.v1"))


def taken(made: Partitions, most: int) -> dict[int, int]:
    """How many records of each partition are handed out."""
    batch = made.take(most)
    return Counter(place.partition for place in batch.places) if batch else {}


def test_a_batch_spans_partitions_and_a_full_one_lets_the_others_begin_next_time() -> None:
    made = held(0, 1, 2)
    for number in (0, 1, 2):
        made.receive(number, events(5))
    assert [taken(made, 7) for _ in range(4)] == [{0: 5, 1: 2}, {2: 5, 1: 2}, {1: 1}, {}]


def test_halves_follow_one_another_in_each_partition() -> None:
    """Each position moves from where it stood, over the cut, to where the whole batch brings it."""
    made = held(0, 1, 2)
    first, second = events(3), events(3)
    made.receive(0, [*first[:1], other(2)])
    made.receive(1, [*second, other(4)])
    whole = made.take(10)
    assert whole is not None
    one, two = whole.halves()
    assert [*one.records, *two.records] == list(whole.records)
    cut = str(Position(1, second[0].mark))
    assert one.moves == {0: whole.moves[0], 1: Move("", cut)}, "what is passed over goes with the last record"
    assert two.moves == {1: Move(cut, whole.moves[1].end)}
    assert whole.moves[1].end.startswith("4@")


def test_what_is_not_wanted_moves_the_end_and_nothing_else() -> None:
    made = held(0)
    wanted = events(1, first=1)
    made.receive(0, [other(1), *wanted, other(3), other(4)])
    batch = made.take(10)
    assert batch is not None
    assert [(place.position, place.offset) for place in batch.places] == [
        (str(Position(2, wanted[0].event.id)), 1)
    ]
    assert batch.moves[0].start == ""
    assert batch.moves[0].end.startswith("4@")
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
    made.place(0, str(Position(1, there[0].event.id)), 0, there[0].event.id)
    assert made.receive(0, there)
    batch = made.take(10)
    assert batch is not None
    assert list(batch.records) == [record.event for record in there[1:]]


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
    assert set(batch.moves) == {1}
    assert made.take(10) is None
    assert made.all == {1}


def test_a_rewind_makes_every_partition_look_up_its_place_again() -> None:
    made = held(0, 1)
    made.receive(0, events(2))
    made.unplace(made.all)
    assert made.unplaced == {0, 1}
    assert made.take(10) is None
    assert made.reached == {}


def test_a_record_of_others_is_no_sign_of_another_log() -> None:
    """It names no edition: in a log that was published again it is set aside, and nothing is read twice."""
    made = held(0)
    ours = events(3, edition="e2")
    foreign = Found(Record(ticked(uuid4(), 4), offset=3).spoilt("ce_sequence", b"none"))
    assert made.receive(0, [*ours, foreign])
    assert made.receive(0, events(2, 4, "e2"))
    assert taken(made, 10) == {0: 6}
    first = held(0)
    assert first.receive(0, [foreign, *ours]), "nor is it one where reading begins"
    assert not first.receive(0, events(1, 4)), "an event of ours is"


@pytest.mark.parametrize("kind", [None, b"\xff", b"outside.Else.v1"])
def test_a_record_is_opened_only_where_it_may_be_wanted(kind: bytes | None) -> None:
    """One that tells no type is none of ours, and handed out as such; one that is not wanted is passed over,
    whatever else stands in it, and its mark is one that can be stored."""
    made = held(0)
    wanted = events(1)
    strange = Found(Record(ticked(uuid4(), 2), offset=1).spoilt("ce_subject", b"\0").spoilt("ce_type", kind))
    assert made.receive(0, [*wanted, strange])
    batch = made.take(10)
    assert batch is not None
    types = [Ticked.type] if kind and kind.isascii() else [Ticked.type, UNREADABLE]
    assert [record.type for record in batch.records] == types
    assert batch.moves[0].end == str(Position(2, strange.mark))
    assert "\0" not in strange.mark
