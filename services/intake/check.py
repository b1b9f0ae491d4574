"""What a submission is checked against while it is parsed, so that all faults are told at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from chassis.http import FieldError
from reference.areas import GridIndex
from schemas.jurisdiction import Jurisdiction, UnitKind

LATEST: Final = timedelta(minutes=5)
"""How far ahead of our clock a caller's may be."""
LATE_UPLOAD: Final = timedelta(days=7)
"""How long after it was told a grid worker may still send a matter, from a phone that had no network (DES)."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The jurisdiction with the sets that every submission is checked against, made once."""

    jurisdiction: Jurisdiction
    grids: GridIndex
    grid_codes: frozenset[str]
    building_groups: Mapping[str, str]
    """Each with its grid."""
    territorial: frozenset[str]

    @classmethod
    def of(cls, jurisdiction: Jurisdiction, grids: GridIndex) -> "Surroundings":
        """Prepare the sets."""
        units = jurisdiction.units.values()
        return cls(
            jurisdiction,
            grids,
            frozenset(unit.code for unit in units if unit.kind is UnitKind.GRID),
            {u.code: u.parent or "" for u in units if u.kind is UnitKind.BUILDING_GROUP},
            frozenset(unit.code for unit in units if unit.rung is not None),
        )


@dataclass(slots=True)
class Check:
    """One submission being checked. `errors` fills up; `located` is the grid at the coordinates, if any."""

    around: Surroundings
    now: datetime
    errors: list[FieldError] = field(default_factory=list)
    located: str | None = None

    def fault(self, name: str, message: str, expected: str) -> None:
        """Note that the field `name` is wrong, and what would be right."""
        self.errors.append(FieldError(field=name, message=message, expected=expected))

    def matter(self, name: str, code: str) -> None:
        """Demand a matter of the catalogue."""
        if code not in self.around.jurisdiction.matters:
            example = next(iter(self.around.jurisdiction.matters))
            self.fault(
                name, f"There is no matter {code}.", f"a code of the matter catalogue, such as {example}"
            )

    def grid(self, name: str, code: str) -> None:
        """Demand a grid."""
        if code not in self.around.grid_codes:
            right = f"a grid's code, such as {min(self.around.grid_codes)}"
            if code in self.around.building_groups:
                right += "; a building group's code goes into place.building_group"
            self.fault(name, f"There is no grid {code}.", right)

    def building_group(self, name: str, code: str, grid: str | None) -> None:
        """Demand a building group, one of the grid where that is stated too."""
        groups = self.around.building_groups
        if code not in groups:
            self.fault(
                name, f"There is no building group {code}.", f"a building group's code, such as {min(groups)}"
            )
        elif grid is not None and groups[code] != grid:
            self.fault(name, f"Building group {code} lies in grid {groups[code]}.", f"one of grid {grid}")

    def territories(self, name: str, codes: Iterable[str]) -> None:
        """Demand units that have an area."""
        for place, code in enumerate(codes):
            if code not in self.around.territorial:
                example = self.around.jurisdiction.code
                self.fault(
                    f"{name}[{place}]",
                    f"There is no territorial unit {code}.",
                    f"the code of a grid, community or street, or of the district ({example})",
                )

    def units(self, name: str, codes: Iterable[str]) -> None:
        """Demand units of any kind."""
        for place, code in enumerate(codes):
            if code not in self.around.jurisdiction.units:
                self.fault(
                    f"{name}[{place}]", f"There is no unit {code}.", "the code of a unit or department"
                )

    def moment(self, name: str, value: datetime) -> None:
        """Demand a moment that is not ahead of us."""
        if value > self.now + LATEST:
            now = self.now.isoformat(timespec="seconds")
            self.fault(name, "This lies in the future.", f"a moment not more than 5 minutes after now, {now}")
        elif value < EARLIEST:
            self.fault(name, "This is too long ago.", "a moment since 2000-01-01")

    def upload(self, name: str, value: datetime) -> None:
        """Demand a moment that a grid worker's phone may have kept until now: its clocks count from then."""
        if EARLIEST <= value < self.now - LATE_UPLOAD:
            since = (self.now - LATE_UPLOAD).isoformat(timespec="seconds")
            self.fault(
                name,
                "A grid worker sends what they were told within 7 days.",
                f"a moment since {since}; an older matter goes to the hotline, which states when it was told",
            )

    def point(self, name: str, longitude: float | None, latitude: float | None) -> None:
        """Demand both coordinates or none, and a point in the district; note its grid."""
        if longitude is None or latitude is None:
            if longitude is not latitude:
                missing = "longitude" if longitude is None else "latitude"
                self.fault(
                    f"{name}.{missing}", "The other coordinate is missing.", "both coordinates, or neither"
                )
            return
        self.located = self.around.grids.locate(longitude, latitude)
        if self.located is None:
            district = self.around.jurisdiction.name
            right = f"WGS84 degrees of a point in {district}, longitude and latitude not exchanged"
            for part in ("longitude", "latitude"):
                message = f"The point {longitude}, {latitude} lies outside {district}."
                self.fault(f"{name}.{part}", message, right)
