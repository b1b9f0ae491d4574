"""The areas of a jurisdiction: point to grid, and the check that areas fit without gaps or overlaps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
import shapely
from shapely import Polygon, STRtree
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from reference.source import Findings, read_features
from schemas.jurisdiction import Rung, Unit, UnitKind

GRIDS_FILE: Final = "areas/grids.geojson"
FILES: Final[Mapping[UnitKind, str]] = {
    UnitKind.GRID: GRIDS_FILE,
    UnitKind.COMMUNITY: "areas/communities.geojson",
    UnitKind.STREET: "areas/streets.geojson",
    UnitKind.DISTRICT: "areas/district.geojson",
}
# Square degrees; about 1 m² in this latitude. Coordinates are rounded to 0.1 m.
TOLERANCE: Final = 1e-10
_PLACES: Final = 5


@dataclass(frozen=True, slots=True)
class Area:
    """The outline (WGS84, longitude first) of a unit, and the line of its feature."""

    code: str
    line: int
    outline: Polygon


class GridIndex:
    """Finds the grid of a point."""

    def __init__(self, outlines: Mapping[str, Polygon]) -> None:
        self._codes = sorted(outlines)
        self._outlines = outlines
        shapes = [outlines[code] for code in self._codes]
        shapely.prepare(shapes)
        self._tree = STRtree(shapes)
        self._cells = _Cells(shapes, self._tree)
        self._centres: dict[str, tuple[float, float]] = {}
        for code in self._codes:
            inside = outlines[code].representative_point()
            self._centres[code] = (round(inside.x, _PLACES), round(inside.y, _PLACES))

    @classmethod
    def load(cls, path: Path) -> Self:
        """From the jurisdiction's folder. Raises `ReferenceInvalid` when the file is broken."""
        findings = Findings()
        areas = read_areas(path, GRIDS_FILE, findings)
        findings.raise_if_any()
        return cls({area.code: area.outline for area in areas})

    def centre(self, code: str) -> tuple[float, float] | None:
        """Longitude and latitude of a point within the grid, to about 1 m; None for what is no grid here."""
        return self._centres.get(code)

    def locate(self, lon: float, lat: float) -> str | None:
        """The grid at a point in degrees WGS84; on a border the lowest code; None outside the jurisdiction."""
        near, is_within = self._cells.at(lon, lat)
        for number in near:
            if is_within or shapely.intersects_xy(self._outlines[self._codes[number]], lon, lat):
                return self._codes[number]
        return None

    def centres(self) -> Mapping[str, tuple[float, float]]:
        """A point inside each grid, degrees WGS84, longitude first."""
        points = {code: outline.representative_point() for code, outline in self._outlines.items()}
        return {code: (point.x, point.y) for code, point in points.items()}

    def neighbours(self, code: str) -> tuple[str, ...]:
        """The grids that border on this one, if only at a corner. Raises KeyError for what is no grid."""
        hits = self._tree.query(self._outlines[code], predicate="touches")
        return tuple(self._codes[hit] for hit in sorted(hits))


class _Cell(NamedTuple):
    near: tuple[int, ...]
    """The numbers of the shapes that come near it, the least first."""
    is_within: bool
    """Whether there is one shape only, and the whole cell lies in it."""


_NOWHERE: Final = _Cell((), is_within=False)


class _Cells:
    """Which shapes come near a point: a quarter of what it costs to ask the tree, on the route of every case.

    Most points lie in a cell of one shape, which need not be asked whether it has them.
    """

    _PER_SIDE: Final = 128

    def __init__(self, shapes: Sequence[Polygon], tree: STRtree) -> None:
        self._west, self._south, self._east, self._north = map(float, shapely.total_bounds(shapes))
        self._width = (self._east - self._west) / self._PER_SIDE
        self._height = (self._north - self._south) / self._PER_SIDE
        boxes = self._boxes()
        cells, numbers = tree.query(boxes, predicate="intersects")
        near: list[list[int]] = [[] for _ in boxes]
        for cell, number in sorted(zip(cells.tolist(), numbers.tolist(), strict=True)):
            near[cell].append(number)
        within = shapely.contains_properly(np.array(shapes)[numbers], boxes[cells])
        whole = {cell for cell in cells[within].tolist() if len(near[cell]) == 1}
        self._cells = [_Cell(tuple(numbers), cell in whole) for cell, numbers in enumerate(near)]

    def at(self, lon: float, lat: float) -> _Cell:
        """The cell at a point."""
        if not (self._west <= lon <= self._east and self._south <= lat <= self._north):
            return _NOWHERE  # also where there is no shape, so that the bounds are no numbers
        last = self._PER_SIDE - 1  # to which the outermost border belongs, too
        column = min(int((lon - self._west) / self._width), last)
        row = min(int((lat - self._south) / self._height), last)
        return self._cells[column * self._PER_SIDE + row]

    def _boxes(self) -> Any:  # an array of polygons, for which shapely has no type
        numbers = np.arange(self._PER_SIDE)
        west = np.repeat(self._west + numbers * self._width, self._PER_SIDE)
        south = np.tile(self._south + numbers * self._height, self._PER_SIDE)
        # a little larger than the cell, so that rounding loses no point of its border
        wide, high = self._width / 100, self._height / 100
        return shapely.box(west - wide, south - high, west + self._width + wide, south + self._height + high)


def read_areas(root: Path, name: str, findings: Findings) -> list[Area]:
    """The areas of one file; each broken feature is a finding."""
    areas: list[Area] = []
    lines: dict[str, int] = {}
    for line, feature in read_features(root, name, findings):
        code = (feature.get("properties") or {}).get("code")
        if not isinstance(code, str):
            findings.add(name, line, 'the feature needs the unit\'s code in properties: {"code": "..."}')
            continue
        if code in lines:
            findings.add(name, line, f"{code} has an area in line {lines[code]} already")
            continue
        lines[code] = line
        outline = _outline(feature.get("geometry"))
        if isinstance(outline, str):
            findings.add(name, line, f"{code}: {outline}")
        else:
            areas.append(Area(code, line, outline))
    return areas


def _outline(geometry: Any) -> Polygon | str:
    """The polygon, or what is wrong with it."""
    try:
        outline = shape(geometry)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, shapely.GEOSException):
        return "the geometry is not a GeoJSON Polygon"
    if not isinstance(outline, Polygon):
        return f"the geometry must be one Polygon, got {outline.geom_type}"
    if not outline.is_valid or outline.is_empty:
        return f"the polygon is not valid: {shapely.is_valid_reason(outline)}"
    west, south, east, north = outline.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        return f"coordinates must be degrees, longitude first; got {outline.bounds}"
    return outline


def check_areas(root: Path, units: Mapping[str, Unit], findings: Findings) -> None:
    """Every existing unit has one area; grids fit without gap or overlap, and make up exactly the units above."""
    grids = read_areas(root, GRIDS_FILE, findings)
    _check_codes(GRIDS_FILE, UnitKind.GRID, grids, units, findings)
    _check_coverage(grids, findings)
    for kind in (UnitKind.COMMUNITY, UnitKind.STREET, UnitKind.DISTRICT):
        areas = read_areas(root, FILES[kind], findings)
        _check_codes(FILES[kind], kind, areas, units, findings)
        _check_derived(FILES[kind], kind, areas, grids, units, findings)


def _check_codes(
    name: str, kind: UnitKind, areas: list[Area], units: Mapping[str, Unit], findings: Findings
) -> None:
    for area in areas:
        if (unit := units.get(area.code)) is None or unit.kind is not kind:
            findings.add(name, area.line, f"{area.code} is no {kind}; the code must be one from units.csv")
    drawn = {area.code for area in areas}
    for unit in units.values():
        if unit.kind is kind and unit.successor is None and unit.code not in drawn:
            findings.add(name, 1, f"{kind} {unit.code} has no polygon; add a feature with its code")


def _check_coverage(grids: list[Area], findings: Findings) -> None:
    """Neighbours share their edges vertex by vertex, and no hole is left between them."""
    outlines = [area.outline for area in grids]
    if not outlines:
        return
    if not shapely.coverage_is_valid(outlines):
        for area, edges in zip(grids, shapely.coverage_invalid_edges(outlines), strict=True):
            if not edges.is_empty:
                where = _at(edges)
                message = (
                    f"{area.code} overlaps a neighbour or leaves a gap near {where}; edges must be identical"
                )
                findings.add(GRIDS_FILE, area.line, message)
        return
    whole = shapely.coverage_union_all(outlines)
    for hole in _holes(whole):
        findings.add(GRIDS_FILE, 1, f"no grid covers the area near {_at(hole)}; areas must leave no gap")
    difference = sum(outline.area for outline in outlines) - whole.area
    if abs(difference) > TOLERANCE:
        findings.add(
            GRIDS_FILE, 1, f"grids and their union differ by {difference:.3g} square degrees; must be 0"
        )


def _holes(whole: BaseGeometry) -> Iterator[Polygon]:
    for part in shapely.get_parts(whole):
        for ring in part.interiors:
            yield Polygon(ring)


def _at(geometry: BaseGeometry) -> str:
    point = geometry.representative_point()
    return f"{point.x:.6f}, {point.y:.6f}"


def _check_derived(
    name: str,
    kind: UnitKind,
    areas: list[Area],
    grids: list[Area],
    units: Mapping[str, Unit],
    findings: Findings,
) -> None:
    parts: dict[str, list[Polygon]] = {}
    for grid in grids:
        if (above := _above(units, grid.code, kind)) is not None:
            parts.setdefault(above, []).append(grid.outline)
    for area in areas:
        whole = shapely.union_all(parts.get(area.code, []))
        if area.outline.symmetric_difference(whole).area > TOLERANCE:
            findings.add(name, area.line, f"the area of {area.code} must be exactly that of its grids")


def _above(units: Mapping[str, Unit], code: str | None, kind: UnitKind) -> str | None:
    """The unit of `kind` that contains the unit, if the tree says so."""
    for _ in Rung:
        if code is None or code not in units:
            return None
        if units[code].kind is kind:
            return code
        code = units[code].parent
    return None
