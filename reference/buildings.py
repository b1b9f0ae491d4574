"""The buildings of a compound: the building group (楼组) of each number, and how people write the number."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from reference.rows import BUILDING, BUILDING_COLUMNS, BuildingRow
from reference.source import Findings, read_csv
from schemas.jurisdiction import Unit, UnitKind

BUILDINGS_FILE: Final = "buildings.csv"
_NUMBER: Final = re.compile(
    r"[ (,第]*(?:([0-9]{1,3})|([一二三四五六七八九十]{1,3})) ?(?:[幢栋座#]|号楼|-[0-9]+-[0-9])"
)
"""3幢, 3栋, 3座, 3号楼, 3#, 3-2-501, and 三幢. Not 3号, which may be a door, nor 3楼, which is a floor."""
_DIGITS: Final = {character: value for value, character in enumerate("一二三四五六七八九", 1)}
Buildings = dict[tuple[str, int], str]


def building_number(text: str, start: int) -> int | None:
    """The number of a building that stands at `start` of an address in NFKC, right behind the compound's name."""
    found = _NUMBER.match(text, start)
    if found is None:
        return None
    digits, chinese = found.groups()
    return int(digits) if digits else _chinese_number(chinese)


def _chinese_number(text: str) -> int | None:
    """1 to 99 as 三, 十, 十二, 二十, 二十一; None for what is no number."""
    tens, ten, ones = text.rpartition("十")
    if any(part and part not in _DIGITS for part in (tens, ones)):
        return None
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)


def read_buildings(root: Path, findings: Findings) -> list[tuple[int, BuildingRow]]:
    """The rows of buildings.csv with their lines."""
    return read_csv(root, BUILDINGS_FILE, BUILDING, BUILDING_COLUMNS, findings)


def by_number(rows: Iterable[BuildingRow]) -> Buildings:
    """The building group of each compound and number."""
    return {
        (row.compound, number): row.building_group
        for row in rows
        for number in range(row.first, row.last + 1)
    }


def check_buildings(
    root: Path, units: Mapping[str, Unit], grids: Mapping[str, str], findings: Findings
) -> None:
    """Every compound and building group exists, both in one grid, and no building is given twice.

    `grids` has the grid of each compound.
    """
    lines: dict[tuple[str, int], int] = {}
    for line, row in read_buildings(root, findings):
        for message in _problems(row, units, grids):
            findings.add(BUILDINGS_FILE, line, message)
        for number in range(row.first, row.last + 1):
            earlier = lines.setdefault((row.compound, number), line)
            if earlier != line:
                message = f"building {number} of {row.compound} is given in line {earlier} already"
                findings.add(BUILDINGS_FILE, line, message)
                break


def _problems(row: BuildingRow, units: Mapping[str, Unit], grids: Mapping[str, str]) -> Iterable[str]:
    grid, unit = grids.get(row.compound), units.get(row.building_group)
    if row.first > row.last:
        yield f"buildings of {row.compound} need a first and a last number in order, got {row.first} to {row.last}"
    if grid is None:
        yield f"compound {row.compound} is not in addresses.csv"
    if unit is None or unit.kind is not UnitKind.BUILDING_GROUP:
        yield f"building group {row.building_group} of {row.compound} is none in units.csv"
    elif grid and _is_grid(units.get(grid)) and unit.parent != grid:
        yield f"building group {unit.code} lies in grid {unit.parent}, but {row.compound} in grid {grid}"


def _is_grid(unit: Unit | None) -> bool:
    """Whether it is; what is wrong with the grid of a compound is told of addresses.csv."""
    return unit is not None and unit.kind is UnitKind.GRID
