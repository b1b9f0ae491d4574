"""All that is published: every event by its CloudEvents `type`, every command by the service that owns it."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from schemas import department, intake, mediation, parked, petition, replies, router
from schemas.message import Command, Event

_TYPE: Final = re.compile(
    r"(?P<service>[a-z][a-z0-9]*)\.(?P<name>[A-Z][A-Za-z0-9]*)\.v(?P<version>[1-9][0-9]*)"
)

CHASSIS: Final = "chassis"
"""Begins the types that every service emits, each under a `source` of its own."""


class CatalogueError(Exception):
    """A class cannot be published as it is; the message names it and says what would be right."""


def index_events(classes: Iterable[type[Event]]) -> Mapping[str, type[Event]]:
    """Return the classes by type, sorted. Raises CatalogueError for a type that is missing, ill-formed or taken."""
    index: dict[str, type[Event]] = {}
    for cls in classes:
        type_ = _checked_type(cls)
        if type_ in index:
            raise CatalogueError(
                f"{_where(cls)}.type: {type_!r} already belongs to {_where(index[type_])}; a type names one class"
            )
        index[type_] = cls
    return MappingProxyType(dict(sorted(index.items())))


def index_commands(
    owners: Mapping[str, Iterable[type[Command]]],
) -> Mapping[str, Mapping[str, type[Command]]]:
    """Return the commands by owner service and name, sorted. Raises CatalogueError when two share a name."""
    index: dict[str, Mapping[str, type[Command]]] = {}
    taken: dict[str, type[Command]] = {}
    for service, classes in sorted(owners.items()):
        own = sorted(classes, key=lambda cls: cls.__name__)
        for cls in own:
            if cls.__name__ in taken:
                raise CatalogueError(
                    f"{_where(cls)}: {_where(taken[cls.__name__])} has this name already; take another"
                )
            taken[cls.__name__] = cls
        index[service] = MappingProxyType({cls.__name__: cls for cls in own})
    return MappingProxyType(index)


def service_of(type_: str) -> str:
    """Return the service that emits events of this type, or `CHASSIS` where each does."""
    return type_.partition(".")[0]


def _checked_type(cls: type[Event]) -> str:
    type_ = vars(cls).get("type")
    if not isinstance(type_, str):
        raise CatalogueError(f"{_where(cls)} has no `type` of its own; write '<service>.{cls.__name__}.v1'")
    shape = _TYPE.fullmatch(type_)
    if shape is None:
        raise CatalogueError(f"{_where(cls)}.type is {type_!r}; write '<service>.<Name>.v<n>'")
    version = "" if shape["version"] == "1" else f"V{shape['version']}"
    if cls.__name__ != shape["name"] + version:
        raise CatalogueError(
            f"{_where(cls)}.type is {type_!r}, so the class is called {shape['name']}{version}"
        )
    return type_


def _where(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


EVENTS: Final = index_events(
    (
        *intake.EVENTS,
        *router.EVENTS,
        *mediation.EVENTS,
        *petition.EVENTS,
        *department.EVENTS,
        *replies.EVENTS,
        *parked.EVENTS,
    )
)
"""Event classes by type."""

COMMANDS: Final = index_commands(
    {
        "intake": intake.COMMANDS,
        "router": router.COMMANDS,
        "mediation": mediation.COMMANDS,
        "petition": petition.COMMANDS,
    }
)
"""Command classes by owner service, then by name."""
