"""The gate itself, on made-up pairs: each kind of break is caught and named, each lawful addition passes."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.compatibility import command_breaks, event_breaks
from schemas.json_schema import json_schema
from schemas.message import Command, Event, Instant, Value


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class MoreColour(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Spot(Value):
    street: str
    number: int | None = None


class SpotWithoutNumber(Value):
    street: str


class SpotWithDoor(Spot):
    door: str | None = None


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    street: str


class ClosedWithDoor(Closed):
    door: str | None = None


class Node(Value):
    name: str
    children: tuple["Node", ...] = ()


class ShortNode(Value):
    name: str = Field(max_length=5)
    children: tuple["ShortNode", ...] = ()


class Moved(Event):
    type: ClassVar[str] = "router.Thing.v1"

    def topic(self) -> str:
        return "elsewhere"


class Stayed(Event):
    type: ClassVar[str] = "router.Thing.v1"


Fields = dict[str, Any]


def schema_of(base: type[BaseModel], fields: Fields) -> dict[str, Any]:
    """The exported schema of a class `Thing` with one more field."""
    made = create_model("Thing", __base__=base, kept=(str, ...), **fields)
    return json_schema("router.Thing.v1", made)


def short(limit: int) -> Any:
    return Annotated[str, Field(max_length=limit)]


BREAKS_BOTH = [
    pytest.param({"a": (str, "")}, {}, "a: the field was removed", id="optional field removed"),
    pytest.param({"a": (str, ...)}, {}, "a: the field was removed", id="required field removed"),
    pytest.param({"a": (str, ...)}, {"b": (str, "")}, "a: the field was removed", id="renamed"),
    pytest.param({}, {"a": (str, ...)}, "a: a required field was added", id="required field added"),
    pytest.param({"a": (str, "")}, {"a": (str, ...)}, "a: became required", id="became required"),
    pytest.param({"a": (int, 1)}, {"a": (int, 2)}, "a: default was 1, is 2", id="default changed"),
    pytest.param(
        {"a": (str, ...)}, {"a": (int, ...)}, "a: type was 'string', is 'integer'", id="type changed"
    ),
    pytest.param({"a": (float, ...)}, {"a": (int, ...)}, "a: type was 'number'", id="number narrowed"),
    pytest.param({"a": (int | str, ...)}, {"a": (int, ...)}, "a: type was", id="alternative removed"),
    pytest.param({"a": (str | None, ...)}, {"a": (str, ...)}, "a: type was", id="null refused"),
    pytest.param(
        {"a": (MoreColour, ...)}, {"a": (Colour, ...)}, "a: value 'green' was removed", id="value removed"
    ),
    pytest.param({"a": (str, ...)}, {"a": (Colour, ...)}, "a: values was 'any'", id="became an enumeration"),
    pytest.param(
        {"a": (Literal["x", "y"], ...)},
        {"a": (Literal["x"], ...)},
        "a: value 'y' was removed",
        id="literal removed",
    ),
    pytest.param({"a": (short(9), ...)}, {"a": (short(5), ...)}, "a: maxLength was 9, is 5", id="shorter"),
    pytest.param({"a": (str, ...)}, {"a": (short(5), ...)}, "a: maxLength was None, is 5", id="limit added"),
    pytest.param(
        {"a": (int, Field(ge=0))}, {"a": (int, Field(ge=1))}, "a: minimum was 0, is 1", id="minimum raised"
    ),
    pytest.param(
        {"a": (str, Field(pattern="^a"))},
        {"a": (str, Field(pattern="^b"))},
        "a: pattern was",
        id="pattern changed",
    ),
    pytest.param({"a": (str, ...)}, {"a": (Instant, ...)}, "a: format was None", id="format added"),
    pytest.param(
        {"a": (tuple[str, ...], ...)},
        {"a": (tuple[int, ...], ...)},
        "a[]: type was 'string'",
        id="items changed",
    ),
    pytest.param(
        {"a": (dict[str, str], ...)},
        {"a": (dict[str, int], ...)},
        "a{}: type was 'string'",
        id="values changed",
    ),
    pytest.param(
        {"a": (Spot, ...)},
        {"a": (SpotWithoutNumber, ...)},
        "a.number: the field was removed",
        id="nested removed",
    ),
    pytest.param(
        {"a": (Optional[Spot], None)},  # noqa: UP045 - as an alternative beside null
        {"a": (SpotWithoutNumber | None, None)},
        "a.number: the field was removed",
        id="nested in an alternative",
    ),
    pytest.param({"a": (Node, ...)}, {"a": (ShortNode, ...)}, "a.name: maxLength was None", id="recursive"),
]

BREAKS_OLD_READERS = [
    pytest.param(
        {"a": (str, ...)}, {"a": (str, "")}, "a: was required and may now be left out", id="optional now"
    ),
    pytest.param(
        {"a": (Colour, ...)}, {"a": (MoreColour, ...)}, "a: value 'green' was added", id="value added"
    ),
    pytest.param({"a": (str, ...)}, {"a": (str | None, ...)}, "a: type was 'string'", id="null allowed"),
    pytest.param({"a": (int, ...)}, {"a": (float, ...)}, "a: type was 'integer'", id="number widened"),
    pytest.param({"a": (short(5), ...)}, {"a": (short(9), ...)}, "a: maxLength was 5, is 9", id="longer"),
    pytest.param(
        {"a": (short(5), ...)}, {"a": (str, ...)}, "a: maxLength was 5, is None", id="limit dropped"
    ),
]

PASSES = [
    pytest.param({}, {}, id="nothing"),
    pytest.param({}, {"a": (str, "")}, id="optional field added"),
    pytest.param({}, {"a": (Spot | None, None)}, id="nested field added"),
    pytest.param({"a": (Spot, ...)}, {"a": (SpotWithDoor, ...)}, id="optional field added inside"),
    pytest.param({"a": (str, ...)}, {"a": (str, Field(description="told"))}, id="documented"),
    pytest.param({"a": (Node, ...)}, {"a": (Node, ...)}, id="recursive, unchanged"),
    pytest.param({"a": (str, ""), "b": (int, 1)}, {"b": (int, 1), "a": (str, "")}, id="order"),
]


@pytest.mark.parametrize(("old", "new", "told"), [*BREAKS_BOTH, *BREAKS_OLD_READERS])
def test_a_break_of_an_event_is_named(old: Fields, new: Fields, told: str) -> None:
    found = event_breaks(schema_of(Event, old), schema_of(Event, new))
    assert any(line.startswith(told) for line in found), found


@pytest.mark.parametrize(("old", "new", "told"), BREAKS_BOTH)
def test_a_break_of_a_command_is_named(old: Fields, new: Fields, told: str) -> None:
    found = command_breaks(schema_of(Command, old), schema_of(Command, new))
    assert any(line.startswith(told) for line in found), found


@pytest.mark.parametrize(("old", "new", "told"), BREAKS_OLD_READERS)
def test_a_command_may_take_more(old: Fields, new: Fields, told: str) -> None:
    del told
    assert command_breaks(schema_of(Command, old), schema_of(Command, new)) == []


@pytest.mark.parametrize(("old", "new"), PASSES)
def test_a_lawful_change_passes(old: Fields, new: Fields) -> None:
    assert event_breaks(schema_of(Event, old), schema_of(Event, new)) == []
    assert command_breaks(schema_of(Command, old), schema_of(Command, new)) == []


def test_a_field_added_where_unknown_fields_are_refused_breaks_old_readers() -> None:
    found = event_breaks(
        schema_of(Event, {"a": (Closed, ...)}), schema_of(Event, {"a": (ClosedWithDoor, ...)})
    )
    assert found == ["a.door: the field was added where unknown fields are refused (old readers)"]


def test_another_topic_is_a_break() -> None:
    found = event_breaks(json_schema("router.Thing.v1", Stayed), json_schema("router.Thing.v1", Moved))
    assert found == ["the topic was case.events, is elsewhere"]
