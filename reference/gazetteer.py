"""The gazetteer: an address as people write it, to its grid and, with a building, its building group."""

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, Self

import ahocorasick_rs

from reference.buildings import Buildings, building_number, by_number, read_buildings
from reference.rows import ADDRESS, ADDRESS_COLUMNS, AddressRow
from reference.source import Findings, read_csv
from schemas.jurisdiction import Unit, UnitKind

ADDRESSES_FILE: Final = "addresses.csv"
_GAP: Final = " 　第"
_PARITY: Final = {"all": (0, 1), "odd": (1,), "even": (0,)}


class Spot(NamedTuple):
    """Where an address lies; `building_group` is None where the address or buildings.csv does not say."""

    grid: str
    building_group: str | None = None


class Gazetteer:
    """Finds the grid of an address by the longest known place name, for a road together with the house number.

    A compound's building number leads on to the building group.
    """

    def __init__(self, rows: Iterable[AddressRow], buildings: Buildings) -> None:
        self._buildings = buildings
        self._compounds: dict[str, str] = {}
        self._roads: dict[str, list[AddressRow]] = {}
        for row in rows:
            if row.kind == "compound":
                self._compounds[row.name] = row.grid
            else:
                self._roads.setdefault(row.name, []).append(row)
        self._names = [*self._compounds, *self._roads]
        kind = ahocorasick_rs.MatchKind.LeftmostLongest
        self._automaton = ahocorasick_rs.AhoCorasick(self._names, matchkind=kind)

    @classmethod
    def load(cls, path: Path) -> Self:
        """From the jurisdiction's folder. Raises `ReferenceInvalid` when the file is broken."""
        findings = Findings()
        rows = read_csv(path, ADDRESSES_FILE, ADDRESS, ADDRESS_COLUMNS, findings)
        buildings = read_buildings(path, findings)
        findings.raise_if_any()
        return cls((row for _, row in rows), by_number(row for _, row in buildings))

    def locate(self, address: str) -> Spot | None:
        """The grid and, if known, the building group; None when no name is known, or a long road has no number.

        Full-width digits and letters count as ordinary ones. Of several names the longest that settles the grid
        wins, the earlier one of equally long names.
        """
        text = unicodedata.normalize("NFKC", address)
        matches = self._automaton.find_matches_as_indexes(text)
        matches.sort(key=lambda match: match[1] - match[2])
        for index, _, end in matches:
            name = self._names[index]
            grid = self._compounds.get(name) or self._on_road(name, text[end : end + 8])
            if grid is not None:
                return Spot(grid, self._building_group(text, matches, grid))
        return None

    def _building_group(self, text: str, matches: list[tuple[int, int, int]], grid: str) -> str | None:
        """By a compound in that grid: a road with its number often stands before the compound and its building."""
        for index, _, end in matches:
            name = self._names[index]
            if self._compounds.get(name) == grid and (number := building_number(text, end)) is not None:
                return self._buildings.get((name, number))
        return None

    def _on_road(self, name: str, rest: str) -> str | None:
        rows = self._roads[name]
        number = _leading_number(rest)
        if number is None:
            grids = {row.grid for row in rows}
            return grids.pop() if len(grids) == 1 else None
        return next((row.grid for row in rows if _covers(row, number)), None)


def _leading_number(text: str) -> int | None:
    digits = ""
    for character in text.lstrip(_GAP):
        if not character.isdecimal():
            break
        digits += character
    return int(digits) if digits else None


def _covers(row: AddressRow, number: int) -> bool:
    return (row.first or 1) <= number <= (row.last or number) and number % 2 in _PARITY[row.side]


def check_addresses(root: Path, units: Mapping[str, Unit], findings: Findings) -> dict[str, str]:
    """Names are unique, ranges of a road do not overlap, and every grid exists; returns each compound's grid."""
    compounds: dict[str, str] = {}
    lines: dict[str, tuple[int, str]] = {}
    ranges: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
    for line, row in read_csv(root, ADDRESSES_FILE, ADDRESS, ADDRESS_COLUMNS, findings):
        for message in _row_problems(row, units):
            findings.add(ADDRESSES_FILE, line, message)
        if row.kind == "compound":
            compounds[row.name] = row.grid
        first_line, kind = lines.setdefault(row.name, (line, row.kind))
        if first_line != line and "compound" in {kind, row.kind}:
            findings.add(ADDRESSES_FILE, line, f"name {row.name} is already used in line {first_line}")
        elif row.first is not None and row.last is not None:
            for parity in _PARITY[row.side]:
                ranges.setdefault((row.name, parity), []).append((row.first, row.last, line))
    for (name, _), spans in ranges.items():
        _check_overlaps(name, spans, findings)
    return compounds


def _row_problems(row: AddressRow, units: Mapping[str, Unit]) -> Iterable[str]:
    if (unit := units.get(row.grid)) is None or unit.kind is not UnitKind.GRID:
        yield f"grid {row.grid} of {row.name} is no grid in units.csv"
    if row.kind == "road" and (row.first is None or row.last is None or row.first > row.last):
        yield f"road {row.name} needs a first and a last number in order, got {row.first} to {row.last}"
    if row.kind == "compound" and (row.first is not None or row.last is not None):
        yield f"compound {row.name} has no number range; leave first and last empty"


def _check_overlaps(name: str, spans: list[tuple[int, int, int]], findings: Findings) -> None:
    spans.sort()
    for (_, last, earlier), (first, _, line) in pairwise(spans):
        if first <= last:
            findings.add(
                ADDRESSES_FILE, line, f"numbers of {name} from {first} are given in line {earlier} already"
            )
