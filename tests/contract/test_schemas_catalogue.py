"""Every event and command is in the catalogue, once, under a well-formed name."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import schemas
from schemas.catalogue import (
    CHASSIS,
    COMMANDS,
    EVENTS,
    CatalogueError,
    index_commands,
    index_events,
    service_of,
)
from schemas.message import Command, Event


class Ringed(Event):
    type: ClassVar[str] = "bell.Ringed.v1"


class RingedV2(Event):
    type: ClassVar[str] = "bell.Ringed.v2"


class Untyped(Event):
    pass


class Heir(Ringed):
    pass


class Misnamed(Event):
    type: ClassVar[str] = "bell.Ringed.v1"


class Lowercase(Event):
    type: ClassVar[str] = "bell.lowercase.v1"


class Unversioned(Event):
    type: ClassVar[str] = "bell.Unversioned"


class VersionZero(Event):
    type: ClassVar[str] = "bell.VersionZero.v0"


class Ring(Command):
    pass


def below(base: type[Any]) -> Iterator[type[Any]]:
    for cls in base.__subclasses__():
        yield cls
        yield from below(cls)


def in_schemas(base: type[Any]) -> set[type[Any]]:
    """The classes below `base` that the modules of `schemas` define."""
    for module in pkgutil.iter_modules(schemas.__path__, "schemas."):
        importlib.import_module(module.name)
    return {cls for cls in below(base) if cls.__module__.startswith("schemas.")}


def test_no_event_is_forgotten() -> None:
    assert {cls for cls in in_schemas(Event) if "type" in vars(cls)} == set(EVENTS.values())


def test_an_event_without_a_type_is_only_a_base() -> None:
    assert [cls for cls in in_schemas(Event) - set(EVENTS.values()) if not cls.__subclasses__()] == []


def test_no_command_is_forgotten() -> None:
    leaves = {cls for cls in in_schemas(Command) if not cls.__subclasses__()}
    assert leaves == {cls for own in COMMANDS.values() for cls in own.values()}


def test_types_begin_with_the_service_that_owns_commands() -> None:
    assert {service_of(type_) for type_ in EVENTS} <= COMMANDS.keys() | {CHASSIS}


def test_a_later_version_is_a_class_of_its_own() -> None:
    assert dict(index_events([RingedV2, Ringed])) == {"bell.Ringed.v1": Ringed, "bell.Ringed.v2": RingedV2}


@pytest.mark.parametrize(
    ("cls", "told"),
    [
        (Untyped, "has no `type` of its own; write '<service>.Untyped.v1'"),
        (Heir, "has no `type` of its own"),
        (Misnamed, "so the class is called Ringed"),
        (Lowercase, "write '<service>.<Name>.v<n>'"),
        (Unversioned, "write '<service>.<Name>.v<n>'"),
        (VersionZero, "write '<service>.<Name>.v<n>'"),
    ],
)
def test_an_ill_formed_type_is_refused(cls: type[Event], told: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        index_events([cls])
    assert told in str(refused.value)
    assert cls.__name__ in str(refused.value)


def test_a_type_names_one_class() -> None:
    with pytest.raises(CatalogueError, match=r"'bell\.Ringed\.v1' already belongs to .*Ringed"):
        index_events([Ringed, Ringed])


def test_a_command_name_names_one_class() -> None:
    with pytest.raises(CatalogueError, match="Ring has this name already"):
        index_commands({"bell": [Ring], "tower": [Ring]})
