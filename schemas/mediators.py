"""Who mediates, and by which rules: committees, mediators, panels and kinds of procedure as immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from schemas.jurisdiction import Jurisdiction

LEAST_MEMBERS: Final = 3
MOST_MEMBERS: Final = 9
"""R-MED-01: a committee has three to nine members (TJ8)."""
ANY: Final = "*"
"""Among a procedure's further matters: it is for all."""


class MediationKind(StrEnum):
    """By whom it is mediated (domain.md §2)."""

    PEOPLES = "peoples"
    ADMINISTRATIVE = "administrative"
    JUDICIAL = "judicial"
    PROFESSIONAL = "professional"
    ARBITRATION = "arbitration"


class MediatorRole(StrEnum):
    """What a mediator is in the committee; who is engaged (TJ13) is no member of it."""

    CHAIR = "chair"
    DEPUTY = "deputy"
    MEMBER = "member"
    ENGAGED = "engaged"


@dataclass(frozen=True, slots=True)
class Committee:
    """A mediation committee of a unit, for the procedures it works by; free of charge to all (R-MED-01)."""

    code: str
    name: str
    unit: str
    procedures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mediator:
    """A mediator by staff code; `place` is the grid of one who works in a group (楼组, 网格)."""

    code: str
    committee: str
    role: MediatorRole
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """A kind of mediation with its own times and forms; deadline rules are names of deadlines.yaml."""

    code: str
    name: str
    kind: MediationKind
    term: str
    from_application: bool
    """Whether the time runs from the application instead of from when all parties agreed."""
    prolongable: bool
    """Whether the parties can agree on more time (R-MED-06)."""
    appraisal_excluded: bool
    """Whether the time of an appraisal does not count (R-MED-15, OM26)."""
    oral: bool
    """Whether an oral agreement will do."""
    notice_days: int
    """Days between telling the parties of a session and holding it; 0: none prescribed."""
    closed: bool
    """Whether it is public only if all parties agree (医疗纠纷条例 42)."""
    matters: tuple[str, ...]
    """Matters that come to it by themselves."""
    also: tuple[str, ...]
    """Further matters for which it may be chosen; `*`: any, also one that is not known."""
    units: tuple[str, ...]
    """The units that may have a case mediated so; none named: all."""
    routes: tuple[str, ...]
    """Codes of the legal exits of which the parties are told (R-MED-05, R-MED-10), the nearest first."""
    routes_with_agreement: tuple[str, ...]
    """The same once an agreement was made, and was broken or not confirmed (R-MED-08, TJ33)."""
    source: str

    def fits(self, matter: str | None, unit: str) -> bool:
        """Whether a case of this matter, which the unit has, may be mediated so."""
        by_matter = ANY in self.also or matter in self.matters or matter in self.also
        return by_matter and (not self.units or unit in self.units)


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a panel; `unit` is the unit whose staff takes it, None for a body that is no unit of ours."""

    code: str
    name: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Panel:
    """Who sits beside the mediators: police and lawyer, or the traffic trio."""

    code: str
    name: str
    seats: tuple[Seat, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Mediators:
    """A jurisdiction's mediation as validated reference data; `default` is the code of the ordinary procedure,
    `police` the unit that is told of a risk (R-MED-11)."""

    committees: Mapping[str, Committee]
    mediators: Mapping[str, Mediator]
    procedures: Mapping[str, Procedure]
    panels: Mapping[str, Panel]
    default: str
    police: str
    _by_matter: dict[str, str] = field(init=False, repr=False, compare=False)
    _by_unit: dict[str, tuple[Committee, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_matter = {matter: p.code for p in self.procedures.values() for matter in p.matters}
        by_unit: dict[str, tuple[Committee, ...]] = {}
        for committee in self.committees.values():
            by_unit[committee.unit] = (*by_unit.get(committee.unit, ()), committee)
        object.__setattr__(self, "_by_matter", by_matter)
        object.__setattr__(self, "_by_unit", by_unit)

    def procedure_of(self, matter: str | None) -> Procedure:
        """The procedure by which a matter is mediated unless staff say otherwise."""
        return self.procedures[self._by_matter.get(matter or "", self.default)]

    def committees_for(self, unit: str, procedure: str, jurisdiction: Jurisdiction) -> tuple[Committee, ...]:
        """The committees that may mediate for a unit: its own, those above it, then the specialists, nearest first.

        A department's committee works in the whole district.
        """
        above = dict.fromkeys((unit, *jurisdiction.ancestors(unit), jurisdiction.code))
        specialists = (code for code in self._by_unit if jurisdiction.units[code].rung is None)
        return tuple(
            committee
            for code in dict.fromkeys((*above, *specialists))
            for committee in self._by_unit.get(code, ())
            if procedure in committee.procedures
        )
