"""The reference jurisdiction: its counts, its catalogue, and the look-ups on it."""

import json
from collections import Counter
from datetime import date
from itertools import product
from pathlib import Path

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from reference import generate_gulou
from reference.areas import GridIndex
from reference.check import main
from reference.gazetteer import Gazetteer
from reference.load import load
from schemas.jurisdiction import TERRITORIAL, CommunityDuty, Rung, Track, UnitKind

GULOU = Path(__file__).parents[2] / "reference" / "gulou"
J = load(GULOU)
INDEX = GridIndex.load(GULOU)
GAZETTEER = Gazetteer.load(GULOU)
GRIDS = sorted(code for code, unit in J.units.items() if unit.kind is UnitKind.GRID)
TERRITORIES = sorted(code for code, unit in J.units.items() if unit.rung is not None)
CATALOGUE = """
municipal 3S1 3S1! 3S2 3S2 3S3 3S3
utilities 4S1! 3S2 3S2 3S2 3S1! 3S3
order 2S3 3S3 3S4 3S3 2S3 3S3
property 2M3 2M3 3M4 3M4 1M3 2M3
neighbour 1M3 1M3 2S2 2M4 2S1 1M3
family 0M3 2M3 2M3 2M4 2M4 3L1!
labour 3S2 4L3 4S3 3M3 3M3 3S4
land 4P4 4P4 3M4 3M4 4P4 4S4
environment 3S3 4S3 4S2 3S2 4S2 4S4
traffic 3M3 3S2 4S3 4S2 4S3 4L4
livelihood 3S3 4S3 4M3 4S4 2S3 3M3
government 4P4 4P4 4L4 4L4 4L4 3P4
"""


def outlines() -> dict[str, Polygon]:
    text = (GULOU / "areas" / "grids.geojson").read_text(encoding="utf-8")
    features = json.loads(text)["features"]
    return {
        feature["properties"]["code"]: Polygon(feature["geometry"]["coordinates"][0]) for feature in features
    }


def test_counts_are_gulous() -> None:
    """Domain §0: 1 district, 7 streets, 65 communities, 410 grids, each with 4 to 8 building groups."""
    kinds = Counter(unit.kind for unit in J.units.values())
    territorial = (UnitKind.DISTRICT, UnitKind.STREET, UnitKind.COMMUNITY, UnitKind.GRID)
    assert [kinds[kind] for kind in territorial] == [1, 7, 65, 410]
    groups = Counter(unit.parent for unit in J.units.values() if unit.kind is UnitKind.BUILDING_GROUP)
    assert set(groups) == set(GRIDS)
    assert set(groups.values()) <= {4, 5, 6, 7, 8}
    assert all(200 <= J.units[grid].households <= 300 for grid in GRIDS)
    assert J.units["GL"].households == sum(J.units[grid].households for grid in GRIDS)


def test_the_catalogue_has_the_levels_of_the_rulebook() -> None:
    """Domain §7: 12 heads of 6 matters, each with its rung, track, urgency and emergency mark."""
    lines: dict[str, list[str]] = {}
    for matter in J.matters.values():
        mark = "!" if matter.emergency else ""
        lines.setdefault(matter.head, []).append(
            f"{int(matter.entry)}{matter.track.value}{matter.urgency}{mark}"
        )
    assert lines == {line.split()[0]: line.split()[1:] for line in CATALOGUE.strip().splitlines()}
    assert [code for code, matter in J.matters.items() if matter.sealed] == ["government.report"]


def test_every_matter_has_a_lawful_unit_at_every_rung_of_every_place() -> None:
    """R-LAD-01: from the entry rung to the district there is one responsible unit that works at that rung."""
    for matter in J.matters.values():
        for rung in Rung:
            if rung < matter.entry:
                assert rung not in matter.responsible
                continue
            unit = J.units[J.responsible(matter.code, rung, GRIDS[0])]
            # below a grid nothing is known of the building group, so the grid acts for it
            assert rung in unit.levels or (rung is Rung.BUILDING_GROUP and unit.code == GRIDS[0])


def test_below_the_entry_rung_there_is_no_lawful_unit() -> None:
    """R-LAD-01: a lift entrapment never reaches a community."""
    with pytest.raises(KeyError):
        J.responsible("utilities.lift", Rung.COMMUNITY, GRIDS[0])


def test_the_community_leads_only_its_own_list() -> None:
    """R-COM-01: 12 own and 40 assist duties; at the community's rung only own-list matters are territorial."""
    assert (len(J.lists.own), len(J.lists.assist)) == (12, 40)
    for matter in J.matters.values():
        if matter.responsible.get(Rung.COMMUNITY) == TERRITORIAL:
            assert matter.community_duty is CommunityDuty.OWN
    assert J.matters["order.greening"].community_duty is CommunityDuty.ASSIST
    assert J.matters["land.title"].community_duty is CommunityDuty.NONE


def test_an_admission_holds_for_its_community_and_days_only() -> None:
    """R-COM-01: entry approval, both days included."""
    assert J.admitted("order.occupation", "GL0101", date(2026, 1, 1))
    assert J.admitted("order.occupation", "GL0101", date(2026, 12, 31))
    assert not J.admitted("order.occupation", "GL0101", date(2027, 1, 1))
    assert not J.admitted("order.occupation", "GL0102", date(2026, 6, 1))
    assert not J.admitted("order.garbage", "GL0101", date(2026, 6, 1))


def test_legal_matters_name_their_exit() -> None:
    """R-PET-06: the legal track ends in a named statutory route; accusations go to discipline inspection."""
    for matter in J.matters.values():
        assert matter.legal_exit is None or matter.legal_exit in J.legal_exits
        assert matter.track is not Track.LEGAL or matter.legal_exit is not None
    assert J.legal_exits["discipline-inspection"].authority == "GL-DISCIPLINE"
    assert J.ancestors("GL-DISCIPLINE") == ()


def test_control_follows_the_tree() -> None:
    """R-LAD-04: a unit controls itself and everything below it, across departments too."""
    assert J.ancestors("GL01010101") == ("GL010101", "GL0101", "GL01", "GL")
    assert J.controls("GL01", "GL010101")
    assert J.controls("GL01", "GL01")
    assert not J.controls("GL010101", "GL01")
    assert not J.controls("GL02", "GL010101")
    assert J.controls("GL-POLICE", "GL-TRAFFIC-POLICE")
    assert J.controls("GL", "GL-URBAN")
    assert not J.controls("GL", "GL-COURT")


def test_scope_reaches_the_own_subtree_and_the_district_reaches_all() -> None:
    """Issue scope rule: a street's token sees the street; the district's token sees every unit, courts included."""
    assert J.in_scope("GL03", "GL030101")
    assert not J.in_scope("GL03", "GL04")
    assert not J.in_scope("GL03", "GL-POLICE")
    assert J.in_scope("GL", "GL-COURT")
    with pytest.raises(KeyError):
        J.in_scope("GL", "GL99")


def test_territorial_units_of_a_place() -> None:
    """R-HOT-04: each rung's unit around a place; where only the area is known, the area stands for lower rungs."""
    assert [J.territorial("GL01010101", rung) for rung in Rung] == [
        *("GL01010101", "GL010101", "GL0101", "GL01", "GL"),
    ]
    assert J.territorial("GL010101", Rung.BUILDING_GROUP) == "GL010101"
    assert J.territorial("GL01", Rung.GRID) == "GL01"
    with pytest.raises(KeyError):
        J.territorial("GL-POLICE", Rung.GRID)


@given(st.lists(st.sampled_from(TERRITORIES), min_size=1, max_size=5))
def test_the_lowest_common_unit_contains_all_and_none_below_it_does(codes: list[str]) -> None:
    """R-LAD-01: never below the lowest unit that contains all parties and the place."""
    common = J.lowest_common(codes)
    assert all(J.controls(common, code) for code in codes)
    below = [code for code in TERRITORIES if J.units[code].parent == common]
    assert not any(all(J.controls(child, code) for code in codes) for child in below)


def test_the_lowest_common_unit_needs_territorial_codes() -> None:
    """R-LAD-01: departments contain no place."""
    with pytest.raises(ValueError, match="at least one"):
        J.lowest_common([])
    with pytest.raises(KeyError):
        J.lowest_common(["GL01", "GL-POLICE"])


def test_deadlines_of_the_rulebook() -> None:
    """Domain §6 and R-PET-07, R-MED-09, R-MED-15: amounts and units."""
    expected = {
        "handle.1": (2, "hours"),
        "handle.2": (24, "hours"),
        "handle.3": (7, "days"),
        "handle.4": (15, "days"),
        "consult": (2, "working_days"),
        "help": (10, "working_days"),
        "complaint": (15, "working_days"),
        "sign": (1, "working_days"),
        "object": (1, "working_days"),
        "reconsideration.apply": (60, "days"),
        "protection-order": (72, "hours"),
        "petition.object": (5, "working_days"),
        "petition.opinion": (60, "days"),
        "petition.extension": (30, "days"),
        "mediation.confirm-apply": (30, "days"),
        "mediation.medical": (30, "working_days"),
    }
    assert {name: (J.deadlines[name].amount, J.deadlines[name].unit) for name in expected} == expected


def test_every_grid_contains_its_own_inner_point() -> None:
    """R-GRD-01: coordinates lead to the grid; outside the district there is none."""
    for code, outline in outlines().items():
        point = outline.representative_point()
        assert INDEX.locate(point.x, point.y) == code
    assert INDEX.locate(116.40, 39.90) is None
    assert INDEX.locate(float("nan"), 34.29) is None


def test_a_point_on_a_border_has_one_grid() -> None:
    """Design §8: exactly one responsible unit, also for a point on the line between two grids."""
    areas = outlines()
    lon, lat = areas[GRIDS[0]].exterior.coords[0]
    touching = sorted(code for code, outline in areas.items() if (lon, lat) in outline.exterior.coords)
    assert len(touching) > 1
    assert INDEX.locate(lon, lat) == touching[0]


def test_a_point_anywhere_has_the_grid_whose_outline_holds_it() -> None:
    areas = outlines()
    west, south, east, north = shapely.total_bounds(list(areas.values()))
    for column, row in product(range(-1, 32), repeat=2):
        lon, lat = west + (east - west) * column / 30, south + (north - south) * row / 30
        holding = (code for code in sorted(areas) if shapely.intersects_xy(areas[code], lon, lat))
        assert INDEX.locate(lon, lat) == next(holding, None)


def test_addresses_lead_to_grids() -> None:
    """R-GRD-01: a compound, a road with its number (full-width too, odd and even sides), or nothing."""
    assert GAZETTEER.locate("鼓楼区澄湖街道秋岭公寓3号楼2单元") == ("GL010101", "GL01010103")
    assert GAZETTEER.locate("润谷路１２号") == GAZETTEER.locate("润谷路12号") == ("GL030301", None)
    assert GAZETTEER.locate("荷陌大道128号旁边") == ("GL010102", None)
    assert GAZETTEER.locate("荷陌大道") is None
    assert GAZETTEER.locate("荷陌大道99999号") is None
    assert GAZETTEER.locate("不知道在哪里") is None
    assert GAZETTEER.locate("") is None


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("秋岭公寓3幢", "GL01010103"),
        ("秋岭公寓三栋502", "GL01010103"),
        ("澄湖街道秋岭公寓第3幢1单元", "GL01010103"),
        ("秋岭公寓３＃", "GL01010103"),
        ("秋岭公寓3-1-502", "GL01010103"),
        ("秋岭公寓3号", None),
        ("秋岭公寓3楼", None),
        ("秋岭公寓99幢", None),
        ("秋岭公寓", None),
    ],
)
def test_a_building_leads_to_its_building_group(address: str, group: str | None) -> None:
    """R-LAD-01: a door (号) or a floor (楼) is no building, and an unknown building leads to the grid only."""
    assert GAZETTEER.locate(address) == ("GL010101", group)


def test_every_building_group_is_reached_by_an_address() -> None:
    """R-LAD-01: rung L0 is open in every grid that has a compound."""
    lines = (GULOU / "buildings.csv").read_text(encoding="utf-8").splitlines()[1:]
    reached = set()
    for line in lines:
        compound, first, last, group = line.split(",")
        for number in {first, last}:
            spot = GAZETTEER.locate(f"{compound}{number}幢")
            assert spot is not None
            assert spot.building_group == group
        reached.add(group)
    assert len(reached) == len(lines)


def test_every_grid_has_an_address_that_leads_to_it() -> None:
    """R-GRD-01: no grid is unreachable by address."""
    lines = (GULOU / "addresses.csv").read_text(encoding="utf-8").splitlines()[1:]
    reached = set()
    for line in lines:
        kind, name, first, last, side, grid = line.split(",")
        if kind == "compound":
            assert (spot := GAZETTEER.locate(f"{name}1号楼")) is not None
            assert spot.grid == grid
        else:
            numbers = [
                n
                for n in range(int(first), int(last) + 1)
                if side == "all" or (n % 2 == 1) == (side == "odd")
            ]
            assert {GAZETTEER.locate(f"{name}{n}号") for n in (numbers[0], numbers[-1])} == {(grid, None)}
        reached.add(grid)
    assert reached == set(GRIDS)


def test_the_generator_still_writes_the_shipped_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same seed, same files: the data can be traced to the script."""
    (tmp_path / "areas").mkdir()
    monkeypatch.setattr(generate_gulou, "TARGET", tmp_path)
    generate_gulou.main()
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (GULOU / path.relative_to(tmp_path)).read_bytes(), path.name


def test_check_accepts_the_shipped_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Issue, policy check: nothing to say about good files."""
    assert main([str(GULOU)]) == 0
    assert main([]) == 2
    assert capsys.readouterr().out == ""
