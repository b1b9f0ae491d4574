"""The pure parts of a rebuild: the merge of the logs, editions of a log, and what --since takes."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import click
import pytest
from click.testing import CliRunner

from chassis.cloudevents import structured
from chassis.kafka.partitions import Found, Partitions
from chassis.kafka.positions import Position, mark_of
from chassis.kafka.records import UNREADABLE, decode, type_and_edition
from chassis.kafka.republish import merged
from schemas.envelope import Envelope
from services.cli import republish as republish_module
from services.cli.local import PORT_OFFSETS, LocalRun
from services.cli.republish import Since
from tests.toy import Ticked, ticked
from tests.unit.kafka_kit import Record, found

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def stream(*seconds: int) -> AsyncIterator[Envelope]:
    for number, second in enumerate(seconds, 1):
        yield replace(ticked(uuid4(), number), time=AT + timedelta(seconds=second))


async def times(*streams: Sequence[int]) -> list[int]:
    found = merged([stream(*seconds) for seconds in streams])
    return [(event.time - AT).seconds async for event in found]


async def test_logs_are_merged_by_time() -> None:
    assert await times([1, 4, 6], [], [2, 3, 9]) == [1, 2, 3, 4, 6, 9]


async def test_a_log_keeps_its_own_order_whatever_its_times_say() -> None:
    """The order of commits decides what a case's sequence is, not the clock."""
    assert await times([5, 1, 2], [3]) == [3, 5, 1, 2]


def records(edition: str, *ends: int) -> list[Found]:
    return [found(end, ticked(uuid4(), end), edition) for end in ends]


def begun() -> Partitions:
    made = Partitions({Ticked.type})
    made.assign([0])
    made.place(0, "", 0, None)
    return made


def test_a_log_that_changes_its_edition_is_read_again_from_its_beginning_once() -> None:
    made = begun()
    assert made.receive(0, records("", 1, 2))
    assert not made.receive(0, records("e2", 3))
    made.place(0, "", 0, None)
    assert made.receive(0, records("e1", 1))
    assert made.receive(0, records("e2", 2)), "it was read from the beginning for e2 already"


def test_two_editions_in_one_answer_are_told_apart() -> None:
    made = begun()
    assert not made.receive(0, [*records("", 1), *records("e1", 2)])
    assert made.take(10) is None


def test_the_edition_is_part_of_the_position() -> None:
    event = ticked(uuid4(), 4)
    made = begun()
    assert made.receive(0, [found(4, event, "e1")])
    batch = made.take(1)
    assert batch is not None
    end = batch.moves[0].end
    assert end == f"4@e1:{event.id}" == str(Position(4, mark_of(event.id, "e1")))
    resumed = begun()
    resumed.place(0, end, 3, Position.parse(end).mark)
    assert not resumed.receive(0, [found(4, event, "e2")])


@pytest.mark.parametrize("edition", ["", "a1b2c3"])
def test_the_edition_travels_as_a_header_and_changes_no_event(edition: str) -> None:
    event = ticked(uuid4(), 1)
    record = Record(event, edition)
    assert type_and_edition(record) == (event.type, edition)
    assert decode(record, event.topic) == event


@pytest.mark.parametrize("named", [b"\0", b"e\xff", b"E 1", b"e" * 3000, None])
def test_an_edition_that_is_none_is_never_stored(named: bytes | None) -> None:
    """It would stand in a position, and hold up every service."""
    assert type_and_edition(Record(ticked(uuid4(), 1)).spoilt("edition", named)) == (Ticked.type, "")


def test_an_event_that_nobody_traces_has_no_header_of_a_trace() -> None:
    event = replace(ticked(uuid4(), 1), traceparent="")
    record = Record(event)
    assert "traceparent" not in dict(record.headers)
    assert decode(record, event.topic) == event
    assert b"traceparent" not in structured(event)
    assert b"traceparent" in structured(ticked(uuid4(), 1))


@pytest.mark.parametrize(
    "wrong",
    [
        ("ce_sequence", b"9223372036854775808"),
        ("ce_sequence", b"0"),
        ("ce_time", b"2026-11-24T08:00:00"),
        ("ce_time", b"0001-01-01T00:00:00+14:00"),
        ("ce_source", b"in\0take"),
        ("ce_source", b""),
        ("ce_source", b"in take"),
        ("ce_source", b"i" * 3000),
        ("ce_type", b"t" * 3000),
        ("ce_type", UNREADABLE.encode()),
        ("traceparent", b"\0"),
        ("traceparent", b"z" * 60 + b"1"),
        ("ce_type", None),
        ("ce_subject", b"case 7"),
    ],
)
@pytest.mark.parametrize("timestamp", [0, -5, 2**62])
def test_what_the_database_cannot_hold_is_unreadable(wrong: tuple[str, Any], timestamp: int) -> None:
    """A foreign record that could not even be parked would hold up the stream for good."""
    record = Record(ticked(uuid4(), 1)).spoilt(*wrong)
    record.timestamp = timestamp
    unreadable = decode(record, "case.events")
    assert unreadable.type == UNREADABLE
    assert json.loads(unreadable.data)["unreadable"].startswith("it")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2020-11-24", "2020-11-23T16:00:00+00:00"),
        ("2020-11-24T08:00", "2020-11-24T00:00:00+00:00"),
        ("2020-11-24T08:00:00Z", "2020-11-24T08:00:00+00:00"),
    ],
)
def test_since_without_a_zone_is_local_time(text: str, meant: str) -> None:
    assert Since().convert(text, None, None) == datetime.fromisoformat(meant)


def test_since_refuses_what_is_no_moment_and_says_what_would_be() -> None:
    assert Since().convert("begin", None, None) == "begin"
    with pytest.raises(click.BadParameter, match="none of 2026-11-24"):
        Since().convert("yesterday", None, None)
    with pytest.raises(click.BadParameter, match="lies in the future"):
        Since().convert((datetime.now(UTC) + timedelta(hours=1)).isoformat(), None, None)


def test_what_departments_wrote_can_not_be_published_again(tmp_path: Path) -> None:
    given = ["--since", "begin", "--topic", "dept.GL-URBAN.replies", "--dry-run", "--run-dir", str(tmp_path)]
    told = CliRunner().invoke(republish_module.command, given)
    assert told.exit_code == 1
    assert "Let the department send it again" in told.output


def test_several_databases_are_named_by_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for service in PORT_OFFSETS:
        monkeypatch.setenv(f"CASELADDER_{service.upper()}_DATABASE_URL", f"postgresql://{service}")
    named = LocalRun(tmp_path, 8100).databases()
    assert named == {service: f"postgresql://{service}" for service in PORT_OFFSETS}


def test_a_database_that_dies_in_its_midst_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise asyncpg.InterfaceError("connection is closed")

    monkeypatch.setattr(republish_module, "_republish", fail)
    told = CliRunner().invoke(republish_module.command, ["--since", "begin", "--run-dir", str(tmp_path)])
    assert (told.exit_code, type(told.exception)) == (1, SystemExit)
    assert "Kafka or the database does not answer (InterfaceError)" in told.output
