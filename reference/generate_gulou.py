"""Generate the data of the reference jurisdiction: units, areas, addresses, buildings, mediation committees.

Only the counts (1 district, 7 streets, 65 communities, 410 grids) are Gulou's. Every name, outline, household
figure and address is invented; none of Gulou's own unit names is used. Run `python -m reference.generate_gulou`:
the same seed always writes the same files. The YAML files beside them are written by hand.
"""

import csv
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely import LineString, MultiPoint, Point, Polygon
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

SEED = 20261122
TARGET = Path(__file__).parent / "gulou"
DISTRICT, DISTRICT_NAME = "GL", "鼓楼区"
CENTRE_LON, CENTRE_LAT = 117.18, 34.29
METRES_PER_LON, METRES_PER_LAT = 91_960.0, 110_922.0
COMMUNITIES_PER_STREET = (10, 9, 9, 10, 8, 9, 10)
GRIDS = 410
STREET_NAMES = ("澄湖", "云桥", "望岫", "禾丰", "柳亭", "星渚", "白榆")
FIRST = "云澄望柳星榆春晴兰桐松竹荷枫晨朗安宁和景瑞锦秋青碧丹文博雅翠沐听远嘉怡润泽凌溪月"
SECOND = "岸汀坪岭洲湾渡亭苑轩庭圃陌畔渚林屿涧谷台原津塘浦坞壁野径桂杉蕙芷棠樾栖岚澜霖曦屏"
COMPOUND_SUFFIXES = ("花园", "家园", "新村", "小区", "雅苑", "公寓", "华庭", "里", "佳苑", "名邸")
LOCAL_ROAD_SUFFIXES = ("路", "街", "东路", "西路", "南路", "北路")
TRUNK_ROADS = 12
OF_COMMUNITIES = "peoples property"
OF_STREETS = "peoples property labour land-contract traffic"
OF_THE_DISTRICT = "peoples property labour land-contract traffic medical"
SPECIALISTS = (
    ("LABOUR", "区劳动争议调解委员会", "GL-LABOUR", "labour"),
    ("TRAFFIC", "交警大队道路交通事故调解室", "GL-TRAFFIC-POLICE", "traffic traffic-police"),
    ("MEDICAL", "区医疗纠纷人民调解委员会", "GL-HEALTH", "medical"),
    ("PROPERTY", "区物业纠纷人民调解委员会", "GL-HOUSING", "property"),
    ("COURT", "区人民法院诉前调解中心", "GL-COURT", "judicial"),
)
"""Code, name, unit and kinds of mediation of the committees with a field of their own."""
LARGE_GROUP = 45
"""Households; a building group with more has two buildings."""


@dataclass
class Grid:
    """A grid while it is being generated; `shape` is in WGS84."""

    code: str
    shape: Polygon
    compounds: list[str]


class Names:
    """Hands out invented two-character names, each once."""

    def __init__(self, rng: random.Random) -> None:
        pool = [a + b for a in FIRST for b in SECOND if a != b and a + b not in STREET_NAMES]
        rng.shuffle(pool)
        self._pool = iter(pool)

    def take(self) -> str:
        return next(self._pool)


def outline(rng: random.Random) -> Polygon:
    """An irregular district outline in metres, about 9 km by 7 km."""
    phases = [(k, rng.uniform(0, 2 * math.pi), rng.uniform(0.02, 0.07)) for k in (2, 3, 5, 7, 11)]
    points = []
    for step in range(96):
        angle = 2 * math.pi * step / 96
        swell = 1 + sum(size * math.sin(k * angle + phase) for k, phase, size in phases)
        points.append((4_600 * swell * math.cos(angle), 3_500 * swell * math.sin(angle)))
    return Polygon(points)


def sites(rng: random.Random, area: Polygon) -> list[Point]:
    """Grid centres, denser towards the middle of the district, evened out a little."""
    west, south, east, north = area.bounds
    points: list[Point] = []
    while len(points) < GRIDS:
        point = Point(rng.uniform(west, east), rng.uniform(south, north))
        remoteness = math.hypot(point.x / 4_600, point.y / 3_500)
        if rng.random() < 1.1 - 0.8 * remoteness and area.contains(point):
            points.append(point)
    for _ in range(3):
        points = [cell.centroid for cell in cells(points, area)]
    return points


def cells(points: list[Point], area: Polygon) -> list[Polygon]:
    """The Voronoi cell of each point, cut to the area, in the order of the points."""
    diagram = shapely.voronoi_polygons(MultiPoint(points), extend_to=area, ordered=True)
    return [as_polygon(cell.intersection(area)) for cell in diagram.geoms]


def as_polygon(shape: BaseGeometry) -> Polygon:
    if not isinstance(shape, Polygon) or shape.interiors:
        raise ValueError("an area fell apart or has a hole: choose another SEED")
    return shape


def to_wgs84(shape: Polygon) -> Polygon:
    """Metres to degrees, rounded to about 0.1 m, vertex by vertex, so that neighbours keep identical edges."""
    ring: list[tuple[float, float]] = []
    for x, y in shape.exterior.coords:
        vertex = (round(CENTRE_LON + x / METRES_PER_LON, 6), round(CENTRE_LAT + y / METRES_PER_LAT, 6))
        if not ring or ring[-1] != vertex:
            ring.append(vertex)
    return Polygon(ring)


def partition(rng: random.Random, points: list[tuple[int, Point]], sizes: list[int]) -> list[list[int]]:
    """Split points into compact groups of the given sizes by cutting across the longer extent again and again."""
    if len(sizes) == 1:
        return [[index for index, _ in points]]
    half = len(sizes) // 2
    xs, ys = [p.x for _, p in points], [p.y for _, p in points]
    angle = rng.uniform(-0.35, 0.35) + (0 if max(xs) - min(xs) > max(ys) - min(ys) else math.pi / 2)
    ordered = sorted(points, key=lambda item: item[1].x * math.cos(angle) + item[1].y * math.sin(angle))
    cut = sum(sizes[:half])
    return partition(rng, ordered[:cut], sizes[:half]) + partition(rng, ordered[cut:], sizes[half:])


def grid_counts(rng: random.Random) -> list[int]:
    """Grids of each of the 65 communities: 5 to 8, together 410."""
    counts = [6] * sum(COMMUNITIES_PER_STREET)
    while sum(counts) != GRIDS or max(counts) == min(counts):
        counts = [rng.choice((5, 6, 6, 6, 7, 7, 8)) for _ in counts]
    return counts


def shares(rng: random.Random, total: int, parts: int) -> list[int]:
    """Split a total into nearly equal random parts."""
    weights = [rng.uniform(0.8, 1.2) for _ in range(parts)]
    result = [round(total * weight / sum(weights)) for weight in weights]
    result[-1] += total - sum(result)
    return result


def build(rng: random.Random, names: Names) -> tuple[list[list[object]], list[Grid]]:
    """The rows of units.csv, highest unit first, and the grids with their shapes."""
    area = outline(rng)
    points = sites(rng, area)
    shapes = [to_wgs84(cell) for cell in cells(points, area)]
    counts = grid_counts(rng)
    grids: list[Grid] = []
    district: list[object] = [DISTRICT, DISTRICT_NAME, "district", "", 0, ""]
    rows = [district]
    taken, street_sizes = 0, []
    for communities in COMMUNITIES_PER_STREET:
        street_sizes.append(sum(counts[taken : taken + communities]))
        taken += communities
    remaining = iter(counts)
    for s, members in enumerate(partition(rng, list(enumerate(points)), street_sizes), start=1):
        sizes = [next(remaining) for _ in range(COMMUNITIES_PER_STREET[s - 1])]
        street: list[object] = [f"{DISTRICT}{s:02}", STREET_NAMES[s - 1] + "街道", "street", DISTRICT, 0, ""]
        rows.append(street)
        inner = [(index, points[index]) for index in members]
        for c, indexes in enumerate(partition(rng, inner, sizes), start=1):
            code, name = f"{street[0]}{c:02}", names.take() + "社区"
            community: list[object] = [code, name, "community", street[0], 0, ""]
            rows.append(community)
            for g, index in enumerate(indexes, start=1):
                grid = Grid(f"{code}{g:02}", shapes[index], [])
                grids.append(grid)
                households = rng.randint(200, 300)
                rows.append([grid.code, f"{name}第{g}网格", "grid", code, households, ""])
                for b, part in enumerate(shares(rng, households, rng.randint(4, 8)), start=1):
                    group = f"{name}第{g}网格{b}号楼组"
                    rows.append([f"{grid.code}{b:02}", group, "building_group", grid.code, part, ""])
                for row in (community, street, district):
                    row[4] = int(str(row[4])) + households
    return rows, grids


def compounds(rng: random.Random, names: Names, grids: list[Grid]) -> Iterator[list[object]]:
    """One to three residential compounds (小区) in each grid."""
    for grid in grids:
        for _ in range(rng.choice((1, 2, 2, 3))):
            yield ["compound", names.take() + rng.choice(COMPOUND_SUFFIXES), "", "", "", grid.code]


def road(name: str, line: LineString, grids: list[Grid], *, two_sided: bool) -> Iterator[list[object]]:
    """Number a road along the grids it crosses, about one number each 8 m; odd numbers on the left if two-sided."""
    sides = (("odd", 0.00015), ("even", -0.00015)) if two_sided else (("all", 0.0),)
    for side, offset in sides:
        track = line if offset == 0 else line.offset_curve(offset)
        crossed = []
        for grid in grids:
            part = track.intersection(grid.shape)
            if part.length > 0.0008:
                crossed.append((track.project(part.interpolate(0.5, normalized=True)), part.length, grid))
        first = 1
        for _, length, grid in sorted(crossed, key=lambda item: item[0]):
            last = first + 2 * max(4, round(length * 100_000 / 16)) - 1
            yield ["road", name, first, last, side, grid.code]
            first = last + 1


def roads(rng: random.Random, names: Names, grids: list[Grid]) -> Iterator[list[object]]:
    """Trunk roads across the district, two or three local roads in each community, a lane for a grid with none."""
    whole = shapely.coverage_union_all([grid.shape for grid in grids])
    west, south, east, north = whole.bounds
    served: set[object] = set()
    rows: list[list[object]] = []
    for index in range(TRUNK_ROADS):
        at = (index // 2 + 1) / (TRUNK_ROADS // 2 + 1)
        x, y = west + at * (east - west), south + at * (north - south)
        ends = ((west, y), (east, y)) if index % 2 else ((x, south), (x, north))
        rows += road(names.take() + "大道", LineString(ends), grids, two_sided=True)
    for community in sorted({grid.code[:-2] for grid in grids}):
        inside = [grid for grid in grids if grid.code.startswith(community)]
        for _ in range(rng.randint(2, 3)):
            a, b = (grid.shape.centroid for grid in rng.sample(inside, 2))
            name = names.take() + rng.choice(LOCAL_ROAD_SUFFIXES)
            rows += road(name, LineString((a, b)), inside, two_sided=False)
    served = {row[5] for row in rows}
    rows += [["road", names.take() + "巷", 1, 98, "all", g.code] for g in grids if g.code not in served]
    yield from rows


def buildings(units: list[list[object]], addresses: list[list[object]]) -> Iterator[list[object]]:
    """Share the building groups of each grid among its compounds: one building a group, two where it is large."""
    groups: dict[object, list[tuple[object, int]]] = {}
    for code, _, kind, parent, households, _ in units:
        if kind == "building_group":
            groups.setdefault(parent, []).append((code, int(str(households))))
    names: dict[object, list[object]] = {}
    for row in addresses:
        if row[0] == "compound":
            names.setdefault(row[5], []).append(row[1])
    for grid, inside in names.items():
        each = math.ceil(len(groups[grid]) / len(inside))
        for index, name in enumerate(inside):
            first = 1
            for code, households in groups[grid][index * each : (index + 1) * each]:
                last = first + (households > LARGE_GROUP)
                yield [name, first, last, code]
                first = last + 1


def committees(units: list[list[object]]) -> list[list[object]]:
    """A committee of each community, each street and the district, and those with a field of their own."""
    kinds = {"community": OF_COMMUNITIES, "street": OF_STREETS, "district": OF_THE_DISTRICT}
    rows: list[list[object]] = [
        [f"GLC-{str(code)[2:] or DISTRICT}", f"{name}人民调解委员会", code, kinds[str(kind)]]
        for code, name, kind, *_ in units
        if kind in kinds
    ]
    return rows + [[f"GLC-{key}", name, unit, procedures] for key, name, unit, procedures in SPECIALISTS]


def mediators(
    rng: random.Random, units: list[list[object]], rows: list[list[object]]
) -> Iterator[list[object]]:
    """Three to five members of each committee, women among them, and for a community one engaged in each grid."""
    grids: dict[object, list[object]] = {}
    for code, _, kind, parent, *_ in units:
        if kind == "grid":
            grids.setdefault(parent, []).append(code)
    for committee, _, unit, _ in rows:
        key = str(committee).removeprefix("GLC-")
        size = rng.randint(3, 5)
        roles = ["chair", "deputy", *["member"] * (size - 2)]
        women = set(rng.sample(range(size), rng.randint(1, size - 1)))
        for index, role in enumerate(roles):
            yield [f"GLM-{key}-{index + 1:02}", committee, role, "yes" if index in women else "no", ""]
        for index, grid in enumerate(grids.get(unit, ()), start=size + 1):
            yield [f"GLM-{key}-{index:02}", committee, "engaged", "", grid]


def write_csv(name: str, header: list[str], rows: list[list[object]]) -> None:
    with (TARGET / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_areas(name: str, shapes: dict[str, BaseGeometry]) -> None:
    """One feature a line, so that an error can name its line and a diff stays readable."""
    features = [
        json.dumps({"type": "Feature", "properties": {"code": code}, "geometry": mapping(shape)})
        for code, shape in sorted(shapes.items())
    ]
    body = ",\n".join(features)
    text = f'{{"type": "FeatureCollection", "features": [\n{body}\n]}}\n'
    (TARGET / "areas" / name).write_text(text, encoding="utf-8")


def main() -> None:
    rng = random.Random(SEED)  # noqa: S311 - reproducible sample data, not a secret
    names = Names(rng)
    rows, grids = build(rng, names)
    write_csv("units.csv", ["code", "name", "kind", "parent", "households", "successor"], rows)
    addresses = [*compounds(rng, names, grids), *roads(rng, names, grids)]
    write_csv("addresses.csv", ["kind", "name", "first", "last", "side", "grid"], addresses)
    write_csv(
        "buildings.csv", ["compound", "first", "last", "building_group"], list(buildings(rows, addresses))
    )
    bodies = committees(rows)
    write_csv("committees.csv", ["code", "name", "unit", "procedures"], bodies)
    staff = list(mediators(rng, rows, bodies))
    write_csv("mediators.csv", ["code", "committee", "role", "woman", "place"], staff)
    for file, length in (("grids", 8), ("communities", 6), ("streets", 4), ("district", 2)):
        groups: dict[str, list[Polygon]] = {}
        for grid in grids:
            groups.setdefault(grid.code[:length], []).append(grid.shape)
        shapes = {code: as_polygon(shapely.coverage_union_all(parts)) for code, parts in groups.items()}
        write_areas(f"{file}.geojson", dict(shapes))


if __name__ == "__main__":
    main()
