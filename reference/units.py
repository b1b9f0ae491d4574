"""Build the units of a jurisdiction and check that they form one tree with the declared counts."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reference.rows import (
    DEPARTMENTS,
    UNIT,
    UNIT_COLUMNS,
    DepartmentRow,
    JurisdictionFile,
    UnitRow,
)
from reference.source import Findings, parse, read_csv, read_yaml
from schemas.jurisdiction import RUNG_OF_KIND, Rung, Unit, UnitKind

UNITS_FILE: Final = "units.csv"
DEPARTMENTS_FILE: Final = "departments.yaml"
Places = dict[str, tuple[str, int]]


def read_units(root: Path, findings: Findings) -> tuple[dict[str, Unit], Places]:
    """All units by code, and for each the file and line where it stands."""
    units: dict[str, Unit] = {}
    places: Places = {}
    for line, row in read_csv(root, UNITS_FILE, UNIT, UNIT_COLUMNS, findings):
        _put(units, places, _territorial(row), (UNITS_FILE, line), findings)
    source = read_yaml(root, DEPARTMENTS_FILE, findings)
    departments = parse(DEPARTMENTS, source, findings) if source else None
    for index, department in enumerate(departments or ()):
        place = (DEPARTMENTS_FILE, source.line(index) if source else 1)
        _put(units, places, _department(department), place, findings)
    return units, places


def _territorial(row: UnitRow) -> Unit:
    kind = UnitKind(row.kind)
    rung = RUNG_OF_KIND[kind]
    levels = frozenset((rung,))
    return Unit(row.code, row.name, kind, rung, row.parent, levels, row.households, row.successor)


def _department(row: DepartmentRow) -> Unit:
    levels = frozenset(row.levels)
    return Unit(
        row.code, row.name, UnitKind(row.kind), None, row.parent, levels, 0, row.successor, tuple(row.aliases)
    )


def _put(
    units: dict[str, Unit], places: Places, unit: Unit, place: tuple[str, int], findings: Findings
) -> None:
    if unit.code in units:
        file, line = places[unit.code]
        findings.add(*place, f"unit code {unit.code} is already used in {file}:{line}; codes are unique")
        return
    units[unit.code] = unit
    places[unit.code] = place


def check_units(
    units: Mapping[str, Unit], places: Places, declared: JurisdictionFile, findings: Findings
) -> None:
    """One tree under the district, declared counts, household sums, and successors that end somewhere."""
    for code, unit in units.items():
        _check_parent(units, unit, places[code], findings)
        _check_successor(units, unit, places[code], findings)
    active = [unit for unit in units.values() if unit.successor is None]
    counts = Counter(unit.kind.value for unit in active)
    for kind, expected in declared.counts.model_dump().items():
        if counts[kind] != expected:
            findings.add(UNITS_FILE, 1, f"{expected} units of kind {kind} are declared, got {counts[kind]}")
    if (root := units.get(declared.code)) is None or root.kind is not UnitKind.DISTRICT:
        findings.add(
            "jurisdiction.yaml", 1, f"code {declared.code} must be the code of the district in {UNITS_FILE}"
        )
    _check_households(active, places, declared, findings)


def _check_parent(units: Mapping[str, Unit], unit: Unit, place: tuple[str, int], findings: Findings) -> None:
    parent = units.get(unit.parent) if unit.parent is not None else None
    if unit.parent is not None and parent is None:
        findings.add(*place, f"parent {unit.parent} of {unit.code} is no unit")
    elif unit.rung is None:
        _check_body_parent(units, unit, place, findings)
    elif unit.rung is Rung.DISTRICT:
        if parent is not None:
            findings.add(*place, f"district {unit.code} is the root and has no parent, got {unit.parent}")
    elif parent is None or parent.rung is None or parent.rung != unit.rung + 1:
        wanted = Rung(unit.rung + 1).name.lower()
        findings.add(
            *place, f"the parent of {unit.kind} {unit.code} must be a {wanted}, got {unit.parent or 'none'}"
        )


def _check_body_parent(
    units: Mapping[str, Unit], unit: Unit, place: tuple[str, int], findings: Findings
) -> None:
    seen, above = {unit.code}, unit.parent
    while above is not None and above in units:
        if above in seen:
            findings.add(
                *place, f"the parents of {unit.code} go round in a circle; the last parent must be a district"
            )
            return
        seen.add(above)
        above = units[above].parent


def _check_successor(
    units: Mapping[str, Unit], unit: Unit, place: tuple[str, int], findings: Findings
) -> None:
    seen, code = {unit.code}, unit.successor
    while code is not None:
        if code not in units:
            findings.add(*place, f"successor {code} of {unit.code} is no unit (R-PET-04)")
            return
        if code in seen:
            findings.add(
                *place, f"the successors of {unit.code} go round in a circle; one must still exist (R-PET-04)"
            )
            return
        seen.add(code)
        code = units[code].successor


def _check_households(
    active: list[Unit], places: Places, declared: JurisdictionFile, findings: Findings
) -> None:
    """Grids lie in the declared range; every unit has exactly the households of the units in it."""
    sums: Counter[str] = Counter()
    for unit in active:
        if unit.parent is not None and unit.rung is not None:
            sums[unit.parent] += unit.households
    limits = declared.households_per_grid
    for unit in active:
        if unit.kind is UnitKind.GRID and not limits.least <= unit.households <= limits.most:
            message = (
                f"grid {unit.code} has {unit.households} households, must be {limits.least} to {limits.most}"
            )
            findings.add(*places[unit.code], message)
        if unit.rung not in {None, Rung.BUILDING_GROUP} and sums[unit.code] != unit.households:
            message = (
                f"{unit.code} has {unit.households} households, but the units in it have {sums[unit.code]}"
            )
            findings.add(*places[unit.code], message)
