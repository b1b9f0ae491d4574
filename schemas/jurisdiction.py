"""A jurisdiction as typed, immutable values: units, matters, lists, thresholds and the look-ups on them.

Everything is precomputed when a `Jurisdiction` is built, so that each look-up is one or two dictionary reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from typing import Final, Literal

from schemas.deadline import DeadlineRule

TERRITORIAL: Final = "territorial"
EmergencyLine = Literal["110", "119", "120", "122"]


class Rung(IntEnum):
    """The rungs of the ladder, lowest first (domain L0 to L4)."""

    BUILDING_GROUP = 0
    GRID = 1
    COMMUNITY = 2
    STREET = 3
    DISTRICT = 4


class Track(StrEnum):
    """Which kind of procedure a matter follows."""

    SERVICE = "S"
    MEDIATION = "M"
    PETITION = "P"
    LEGAL = "L"


class CommunityDuty(StrEnum):
    """R-COM-01: the list of community duties that a matter stands on."""

    OWN = "own"
    ASSIST = "assist"
    NONE = "none"


class UnitKind(StrEnum):
    """What a unit is; the first five are territorial."""

    BUILDING_GROUP = "building_group"
    GRID = "grid"
    COMMUNITY = "community"
    STREET = "street"
    DISTRICT = "district"
    DEPARTMENT = "department"
    PUBLIC_BODY = "public_body"


RUNG_OF_KIND: Final[Mapping[UnitKind, Rung]] = {
    UnitKind.BUILDING_GROUP: Rung.BUILDING_GROUP,
    UnitKind.GRID: Rung.GRID,
    UnitKind.COMMUNITY: Rung.COMMUNITY,
    UnitKind.STREET: Rung.STREET,
    UnitKind.DISTRICT: Rung.DISTRICT,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A territorial unit, a department or a public body. `successor` is set on abolished units (R-PET-04)."""

    code: str
    name: str
    kind: UnitKind
    rung: Rung | None
    parent: str | None
    levels: frozenset[Rung]
    households: int = 0
    successor: str | None = None
    aliases: tuple[str, ...] = ()
    """What residents call it beside its name."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One of the matters a case can be about, with the lawful unit at each rung from its entry rung up to L4.

    `responsible[rung]` is a department's code, or `TERRITORIAL` for that rung's unit around the place.
    """

    code: str
    name: str
    head: str
    entry: Rung
    track: Track
    urgency: int
    emergency: bool
    emergency_line: EmergencyLine | None
    sealed: bool
    legal_exit: str | None
    keywords: tuple[str, ...]
    responsible: Mapping[Rung, str]
    helpers: tuple[str, ...]
    community_duty: CommunityDuty


@dataclass(frozen=True, slots=True)
class Conduct:
    """R-LAD-04: words of complaints about how staff behave, and which unit they accuse; see conduct.yaml."""

    words: tuple[str, ...]
    beside: tuple[str, ...]
    unless_after: tuple[str, ...]
    others: tuple[str, ...]
    verbs: tuple[str, ...]
    not_objects: tuple[str, ...]
    not_accused: tuple[str, ...]
    regrets: tuple[str, ...]
    staff: tuple[str, ...]
    offices: tuple[str, ...]
    """Units without their names, such as 居委会."""
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LegalExit:
    """A statutory route outside the ladder (R-PET-06); `authority`: the unit that receives it, if any."""

    code: str
    name: str
    authority: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Duty:
    """An entry of the own or the assist list (R-COM-01), with the matters it covers; `lead` is set on assist."""

    code: str
    name: str
    lead: str | None
    matters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """R-COM-01 entry approval: a community may be assigned this matter from one day to another, both in."""

    matter: str
    community: str
    valid_from: date
    valid_until: date
    source: str


@dataclass(frozen=True, slots=True)
class CommunityLists:
    """R-COM-01: what communities do themselves, what they help with, and what was admitted on top."""

    own: tuple[Duty, ...]
    assist: tuple[Duty, ...]
    admissions: tuple[Admission, ...]


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One year's published schedule: days off beyond weekends, and weekend days worked instead (调休)."""

    year: int
    version: str
    holidays: frozenset[date]
    workdays: frozenset[date]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Numbers of the ladder (R-LAD-03) and of callbacks (R-HOT-08); clock hours are Asia/Shanghai."""

    many_households: int
    several_departments: int
    callback_attempts: int
    """Attempts to reach the resident, each on another day."""
    callback_claim_minutes: int
    """For how long a callback is one operator's, from when they said that they are calling."""
    callback_link_days: int
    """For how long a signed link opens, in days."""
    callback_from_hour: int
    callback_until_hour: int


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """A validated jurisdiction. Look-ups raise `KeyError` for an unknown unit or matter code."""

    code: str
    name: str
    version: str
    hotline: str
    """The 12345 centre (R-HOT-01): responsible for a case while a human decides where it goes."""
    units: Mapping[str, Unit]
    heads: Mapping[str, str]
    conduct: Conduct
    matters: Mapping[str, Matter]
    legal_exits: Mapping[str, LegalExit]
    deadlines: Mapping[str, DeadlineRule]
    calendar: Mapping[int, CalendarYear]
    thresholds: Thresholds
    lists: CommunityLists
    _chains: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _controllers: dict[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _territories: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _admissions: dict[tuple[str, str], tuple[Admission, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        chains = {code: _chain(self.units, code) for code in self.units}
        admissions: dict[tuple[str, str], tuple[Admission, ...]] = {}
        for item in self.lists.admissions:
            key = (item.matter, item.community)
            admissions[key] = (*admissions.get(key, ()), item)
        object.__setattr__(self, "_chains", chains)
        object.__setattr__(self, "_controllers", {code: frozenset(chain) for code, chain in chains.items()})
        object.__setattr__(self, "_territories", _territories(self.units, chains))
        object.__setattr__(self, "_admissions", admissions)

    def ancestors(self, code: str) -> tuple[str, ...]:
        """The units above, nearest first; without the unit itself."""
        return self._chains[code][1:]

    def controls(self, a: str, b: str) -> bool:
        """R-LAD-04: whether `a` is `b` or stands above it in the tree of units."""
        return a in self._controllers[b]

    def in_scope(self, scope_unit: str, unit: str) -> bool:
        """Whether a token for `scope_unit` reaches `unit`: its subtree; for the district's code, all.

        Courts, utilities and the like stand under no unit of ours, yet belong to the jurisdiction's work.
        """
        controllers = self._controllers[unit]
        return scope_unit in controllers or scope_unit == self.code

    def territorial(self, place: str, rung: Rung) -> str:
        """The unit of `rung` that contains `place` (a grid or any territorial unit).

        Below the place's own rung nothing is known, so the answer is the place itself: for a grid and
        BUILDING_GROUP, the grid. Raises `KeyError` when `place` is no territorial unit.
        """
        return self._territories[place][rung]

    def lowest_common(self, codes: Iterable[str]) -> str:
        """R-LAD-01: the lowest territorial unit that contains all the given territorial units.

        Raises `ValueError` for no codes and `KeyError` for one that is no territorial unit.
        """
        given = list(dict.fromkeys(codes))
        if not given:
            raise ValueError("lowest_common needs at least one unit code")
        for code in given:
            self._territories[code]
        others = [self._controllers[code] for code in given[1:]]
        for candidate in self._chains[given[0]]:
            if all(candidate in other for other in others):
                return candidate
        raise ValueError(
            f"units {given} have no common territorial unit"
        )  # refused at load: one district is the root

    def responsible(self, matter: str, rung: Rung, place: str) -> str:
        """The lawful unit for `matter` at `rung` for a place (grid code or any territorial unit).

        Raises `KeyError` below the matter's entry rung: there is no lawful unit there.
        """
        unit = self.matters[matter].responsible[rung]
        return self._territories[place][rung] if unit == TERRITORIAL else unit

    def admitted(self, matter: str, community: str, on: date) -> bool:
        """R-COM-01: whether the community may be assigned the matter by entry approval on that day."""
        return any(a.valid_from <= on <= a.valid_until for a in self._admissions.get((matter, community), ()))

    def current(self, code: str) -> str:
        """R-PET-04: the unit itself, or the last successor of an abolished one."""
        while (successor := self.units[code].successor) is not None:
            code = successor
        return code


def _chain(units: Mapping[str, Unit], code: str) -> tuple[str, ...]:
    """The unit and everything above it, nearest first."""
    chain = [code]
    while (parent := units[chain[-1]].parent) is not None:
        chain.append(parent)
    return tuple(chain)


def _territories(
    units: Mapping[str, Unit], chains: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """For each territorial unit: the containing unit at each rung; itself below its own rung."""
    table: dict[str, tuple[str, ...]] = {}
    for code, unit in units.items():
        if unit.rung is not None:
            at = {units[above].rung: above for above in chains[code]}
            table[code] = tuple(at[rung] if rung > unit.rung else code for rung in Rung)
    return table
