"""Which unit may have a case, and from which rung (R-LAD-01, 03, 04 and 07, R-COM-01, R-HOT-04, R-HOT-11)."""

from collections.abc import Iterable
from datetime import date
from typing import Final, NamedTuple

from schemas.jurisdiction import TERRITORIAL, CommunityDuty, Jurisdiction, Matter, Rung, UnitKind
from schemas.router import Entry, Fired, Skip
from services.router.policy.model import Policy
from services.router.policy.shapes import UNKNOWN_MATTER

BODIES: Final = frozenset({UnitKind.DEPARTMENT, UnitKind.PUBLIC_BODY})
SELF_GOVERNED: Final = frozenset({UnitKind.COMMUNITY, UnitKind.GRID, UnitKind.BUILDING_GROUP})
"""The community and what lies in it: the two lists bind them all (R-COM-01)."""
TOP: Final = Rung.DISTRICT


class Placement(NamedTuple):
    """The lowest lawful unit from a rung on, and the rungs passed over; `unit` None: no lawful rung is left.

    Where all departments in question are interested the district itself takes the matter, unless it is, too.
    `rows` are the rows of policy tables that chose the unit.
    """

    unit: str | None
    rung: int
    skipped: tuple[Skip, ...] = ()
    successor_of: str | None = None
    rows: tuple[Fired, ...] = ()


class Ladder:
    """The jurisdiction's rungs; look-ups only."""

    def __init__(self, jurisdiction: Jurisdiction, policy: Policy) -> None:
        self._j = jurisdiction
        self._floors = policy.floors
        self._several = {code: self._is_several(matter) for code, matter in jurisdiction.matters.items()}
        first = {code: policy.mediations.decide(code) for code in jurisdiction.matters}
        self._mediated_first = {
            code: row.fired for code, row in first.items() if row.then["first"] == "territory"
        }
        self.district = next(u.code for u in jurisdiction.units.values() if u.kind is UnitKind.DISTRICT)

    def _is_several(self, matter: Matter) -> str:
        """R-LAD-03 counts departments, the lead included; utilities and associations are no departments."""
        units = {*matter.helpers, matter.responsible[matter.entry]} - {TERRITORIAL}
        number = sum(1 for code in units if self._j.units[code].kind is UnitKind.DEPARTMENT)
        return "several" if number >= self._j.thresholds.several_departments else "few"

    def interested(self, unit: str, subjects: Iterable[str]) -> bool:
        """R-LAD-04: whether the unit is complained of, or under one that is. Unknown codes control nothing."""
        units = self._j.units
        return any(
            s == unit or (s in units and unit in units and self._j.controls(s, unit)) for s in subjects
        )

    def with_successors(self, subjects: Iterable[str]) -> tuple[str, ...]:
        """R-PET-04: who took over an abolished unit's duties is complained of with it."""
        known = self._j.units
        found: dict[str, None] = {}
        for code in subjects:
            found[code] = None
            found[self._j.current(code) if code in known else code] = None
        return tuple(found)

    def narrowed(self, place: str, parties: tuple[str, ...]) -> str:
        """R-LAD-01: of a place known only to its grid the building group of all parties, if they share one."""
        if not parties or self._j.units[place].rung is not Rung.GRID:
            return place
        unit = self._j.lowest_common(parties)
        return unit if self._j.units[unit].parent == place else place

    def common_rung(self, place: str, parties: tuple[str, ...]) -> tuple[str, int]:
        """R-LAD-01: the lowest unit that contains the place and all parties, and its rung."""
        unit = self._j.lowest_common((place, *parties)) if parties else place
        return unit, int(self._j.units[unit].rung or 0)

    def entry(
        self, matter: str, place: str, parties: tuple[str, ...], households: int | None
    ) -> tuple[int, Entry, Fired]:
        """Where the case enters: the highest of the matter's rung, the common unit's, and the floor (R-LAD-03)."""
        unit, common = self.common_rung(place, parties)
        many = "many" if households and households >= self._j.thresholds.many_households else "few"
        row = self._floors.decide(many, self._several[matter])
        at, floor = int(self._j.matters[matter].entry), int(row.then["floor"])
        return max(at, common, floor), Entry(matter=at, common=common, unit=unit, floor=floor), row.fired

    def above_building(self, place: str, parties: tuple[str, ...], entry: Entry) -> tuple[Skip, ...]:
        """R-LAD-01, R-LAD-03: why a matter of the building group enters above it; nothing where it does not."""
        if entry.matter > Rung.BUILDING_GROUP or not (entry.common or entry.floor):
            return ()
        if entry.floor:
            rule, reason = "R-LAD-03", "涉及户数或部门较多"
        elif parties and Rung.BUILDING_GROUP in {self._j.units[code].rung for code in (place, *parties)}:
            rule, reason = "R-LAD-01", "各方未查明在同一楼组"
        else:
            rule, reason = "R-LAD-01", "地点未查到楼组"
        unit = self._j.territorial(place, Rung.BUILDING_GROUP)
        return (Skip(rung=int(Rung.BUILDING_GROUP), unit=unit, rule=rule, reason=reason),)

    def place(
        self,
        matter: str | None,
        place: str,
        subjects: tuple[str, ...],
        from_rung: int,
        on: date,
        beyond: str | None = None,
        *,
        mediated: bool = False,
    ) -> Placement:
        """The lowest lawful unit from `from_rung` up. Without a matter only the district can be (R-HOT-04).

        Below the matter's own rung nobody is competent, even where the case stands there (a grid settled it).
        `beyond`: a unit that failed and does not get the case again at a higher rung (R-LAD-08).
        `mediated`: a department need not wait any longer until the parties were brought together (R-LAD-07).
        """
        mediation = None if mediated else self._mediated_first.get(matter or "")
        skipped: list[Skip] = []
        first = max(from_rung, int(self._j.matters[matter].entry)) if matter else int(TOP)
        for rung in range(first, TOP + 1):
            lawful = self._j.responsible(matter, Rung(rung), place) if matter else self.district
            named = self._j.territorial(place, Rung(rung)) if mediation else lawful
            unit = self._j.current(named)
            skip = self._skip(matter, rung, unit, subjects, on)
            if skip is None and unit == beyond:
                skip = Skip(rung=rung, unit=unit, rule="R-LAD-08", reason="该单位经督办后再次逾期")
            if skip is None:
                rows: tuple[Fired, ...] = ()
                if mediation and named != lawful:
                    department, rows = self._j.current(lawful), (mediation,)
                    skipped.append(
                        self._skip(matter, rung, department, subjects, on)
                        or self._waits(rung, department, unit)
                    )
                return Placement(unit, rung, tuple(skipped), named if named != unit else None, rows)
            skipped.append(skip)
        if not self.interested(self.district, subjects):  # it stands above its departments (XF24, BJ20)
            return Placement(self.district, TOP, tuple(skipped))
        return Placement(None, TOP, tuple(skipped))

    def _waits(self, rung: int, department: str, unit: str) -> Skip:
        reason = f"该事项先由{self._j.units[unit].name}劝阻、调解，无效的再由该部门处理"
        return Skip(rung=rung, unit=department, rule="R-LAD-07", reason=reason)

    def department_that_waits(
        self, matter: str | None, rung: int, place: str, unit: str | None, subjects: tuple[str, ...]
    ) -> str | None:
        """R-LAD-07: the department of the rung before which `unit` mediates, and which may have the case then."""
        if matter is None or matter not in self._mediated_first:
            return None
        named = self._j.matters[matter].responsible.get(Rung(rung), TERRITORIAL)
        if named == TERRITORIAL or unit != self._j.current(self._j.territorial(place, Rung(rung))):
            return None
        department = self._j.current(named)
        return None if self.interested(department, subjects) else department

    def comes_after(self, matter: str | None, unit: str | None, named: str) -> bool:
        """R-LAD-07: whether `named` is a department that waits, at whatever rung, until `unit` has mediated."""
        if matter is None or matter not in self._mediated_first or self.is_body(unit):
            return False
        rungs = self._j.matters[matter].responsible.values()
        return named in {self._j.current(code) for code in rungs if code != TERRITORIAL}

    def is_body(self, unit: str | None) -> bool:
        """Whether the unit is a department or a public body, with no area of its own on the ladder."""
        return unit is not None and self._j.units[unit].kind in BODIES

    def is_mediated_first(self, matter: str | None) -> bool:
        """R-LAD-07: whether a department has the matter only after it was mediated."""
        return matter in self._mediated_first

    def _skip(
        self, matter: str | None, rung: int, unit: str, subjects: tuple[str, ...], on: date
    ) -> Skip | None:
        if subjects and self.interested(unit, subjects):
            reason = "该单位是被反映单位或受其管辖，应当回避"
            return Skip(rung=rung, unit=unit, rule="R-LAD-04", reason=reason)
        if matter and rung <= Rung.COMMUNITY and not self._listed(matter, unit, on):
            assist = self._j.matters[matter].community_duty is CommunityDuty.ASSIST
            reason = "协助事项不得由社区主责" if assist else "不在社区职责清单内，且未经准入"
            return Skip(rung=rung, unit=unit, rule="R-COM-01", reason=reason)
        return None

    def _listed(self, matter: str, unit: str, on: date) -> bool:
        """R-COM-01: whether the lists or an entry approval let the community, or a unit in it, lead."""
        if self._j.units[unit].kind not in SELF_GOVERNED:
            return True
        if self._j.matters[matter].community_duty is CommunityDuty.OWN:
            return True
        return self._j.admitted(matter, self._j.territorial(unit, Rung.COMMUNITY), on)

    def may_lead(self, unit: str, matter: str | None, place: str, on: date) -> bool:
        """R-HOT-11: whether a person may name this unit: never a duty passed down to street or community."""
        kind = self._j.units[unit].kind
        if kind in BODIES or kind is UnitKind.DISTRICT:
            return True
        if matter is None:
            return False
        if kind in SELF_GOVERNED and self._j.territorial(place, Rung.COMMUNITY) == self._j.territorial(
            unit, Rung.COMMUNITY
        ):
            return self._listed(matter, unit, on)
        rungs = self._j.matters[matter].responsible
        if matter in self._mediated_first and unit in {self._j.territorial(place, rung) for rung in rungs}:
            return True
        return unit in {self._j.responsible(matter, rung, place) for rung in rungs}

    def rung_of(self, unit: str, near: int) -> int:
        """The rung at which a named unit works: its own, or of a department's the lowest not below `near`."""
        known = self._j.units[unit]
        if known.rung is not None:
            return int(known.rung)
        return min(
            (int(rung) for rung in known.levels if rung >= near), default=int(max(known.levels, default=TOP))
        )

    def matter_key(self, matter: str | None) -> str:
        """The matter as the tables name it."""
        return matter or UNKNOWN_MATTER
