"""Each mistake in a jurisdiction's folder is refused with file, line and what would be right."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reference.areas import GridIndex
from reference.check import main
from reference.gazetteer import Gazetteer
from reference.load import check, load
from reference.mediation import check_mediation, load_mediation
from reference.source import Finding, ReferenceInvalid
from schemas.jurisdiction import Rung

GULOU = Path(__file__).parents[2] / "reference" / "gulou"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "gulou"
    shutil.copytree(GULOU, target, ignore=shutil.ignore_patterns("policy", "messages.csv"))
    return target


def edit(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the first occurrence; the line at which it stood."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


MATTERS, LISTS, UNITS = "matters.yaml", "community-lists.yaml", "units.csv"
CONDUCT = "conduct.yaml"
GRID_ROW = "GL010101,博苑社区第1网格,grid,GL0101,242,"
LAMPS = "responsible: {3: GL-URBAN, 4: GL-URBAN}\n    helpers: [GL-POWER]"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        # jurisdiction.yaml
        (
            "jurisdiction.yaml",
            "authority: GL-COURT, source: TJ3",
            "authority: GL-X, source: TJ3",
            "GL-X of court",
        ),
        ("jurisdiction.yaml", "{code: court,", "{code: reconsideration,", "given twice"),
        (
            "jurisdiction.yaml",
            "  many_households: 30",
            "  many_household: 30",
            "Extra inputs are not permitted",
        ),
        (
            "jurisdiction.yaml",
            "  callback_from_hour: 9 ",
            "  callback_from_hour: 99 ",
            "less than or equal to 23",
        ),
        # departments.yaml
        ("departments.yaml", "levels: [2, 3, 4]", "levels: [2, 3, 5]", "got 5"),
        ("departments.yaml", "- {code: GL-HOUSING", "- {code: GL-URBAN", "already used in departments.yaml"),
        (
            "departments.yaml",
            "parent: GL-POLICE",
            "parent: GL-NOBODY",
            "GL-NOBODY of GL-TRAFFIC-POLICE is no unit",
        ),
        ("departments.yaml", "parent: GL-POLICE", "parent: GL-TRAFFIC-POLICE", "go round in a circle"),
        ("departments.yaml", "aliases: [城管局, 城管]", "aliases: [城管局, 城]", "at least 2 characters"),
        (
            "departments.yaml",
            "aliases: [城管局, 城管]",
            "aliases: [民政局]",
            "alias 民政局 of GL-URBAN is a name of GL-CIVIL, too",
        ),
        # conduct.yaml
        (CONDUCT, "words: [推诿, ", "words: [扯皮, ", "word 扯皮 is given twice"),
        (CONDUCT, "words: [推诿, ", "words: [推诿责任, 推诿, ", "推诿 is found in it"),
        (CONDUCT, "words: [推诿, ", "words: [推, ", "at least 2 characters"),
        (CONDUCT, "words: [推诿, ", "words: [推诿。, ", "should stand within one sentence"),
        (
            "departments.yaml",
            "aliases: [城管局, ",
            "aliases: [城管局；城管队, ",
            "should stand within one sentence",
        ),
        (UNITS, GRID_ROW, GRID_ROW.replace("网格", "网格！"), "should stand within one sentence"),
        (CONDUCT, "unless_after: [", "unless: [", "Extra inputs are not permitted"),
        # units.csv
        (UNITS, GRID_ROW, GRID_ROW + "GL099999", "successor GL099999 of GL010101 is no unit"),
        (UNITS, GRID_ROW, GRID_ROW + "GL010101", "successors of GL010101 go round"),
        (UNITS, GRID_ROW, GRID_ROW.replace("GL0101,", "GL01,"), "must be a community, got GL01"),
        (UNITS, GRID_ROW, GRID_ROW.replace("242", "199"), "must be 200 to 300"),
        (UNITS, GRID_ROW, GRID_ROW.replace("242", "243"), "the units in it have 242"),
        (UNITS, GRID_ROW, GRID_ROW.replace("242", "many"), "valid integer"),
        (UNITS, GRID_ROW, GRID_ROW + ",", "6 columns expected"),
        (UNITS, "GL010102,博苑", "GL010101,博苑", "already used in units.csv:5"),
        (UNITS, "code,name", "kode,name", "the header must be"),
        # matters.yaml
        (MATTERS, "{3: GL-WATER, 4: GL-WATER}", "{3: GL-WATRE, 4: GL-WATER}", "GL-WATRE is no department"),
        (MATTERS, "{3: GL-WATER, 4: GL-WATER}", "{4: GL-WATER}", "no responsible unit at rung 3"),
        (
            MATTERS,
            "{3: GL-WATER, 4: GL-WATER}",
            "{2: GL-URBAN, 3: GL-WATER, 4: GL-WATER}",
            "below the entry rung 3",
        ),
        (
            MATTERS,
            "{3: GL-WATER, 4: GL-WATER}",
            "{3: GL-EDUCATION, 4: GL-WATER}",
            "does not work at rung 3, only at 4",
        ),
        (MATTERS, "{3: GL-WATER, 4: GL-WATER}", "{3: GL01, 4: GL-WATER}", "GL01 is no department"),
        (MATTERS, "{2: GL-URBAN, 3: GL-URBAN", "{2: territorial, 3: GL-URBAN", "R-COM-01"),
        (MATTERS, "helpers: [GL-POWER]", "helpers: [GL-PWER]", "helper GL-PWER is no department"),
        (MATTERS, "[路灯, ", "[井盖, ", "keyword 井盖 is already used by municipal.manhole"),
        (MATTERS, "[路灯, ", "[井盖~, ", "keyword 井盖~ is already used by municipal.manhole"),
        (MATTERS, "[井盖, 窨井,", "[井盖, 井盖,", "keyword 井盖 is already used by municipal.manhole"),
        (
            MATTERS,
            "[公厕, 公共厕所, 公共卫生间, 旱厕, 厕所改造, 上厕所难, 建公厕, 厕所问题, 厕所~]",
            "[公厕, 旱厕]",
            "at least 4 items",
        ),
        (MATTERS, "level: 3S1!", "level: 3S1", "only such a level has one"),
        (MATTERS, "level: 3S1\n", "level: 3S1!\n", "needs emergency_line"),
        (MATTERS, "level: 3S1\n", "level: 5S1\n", "should match pattern"),
        (MATTERS, "legal_exit: court", "legal_exit: tribunal", "tribunal is none of"),
        (MATTERS, "code: municipal.toilet", "code: town.toilet", "head town is none of"),
        (MATTERS, "name: 井盖\n", "name: 井盖\n    name: 井\n", "given twice"),
        # community-lists.yaml
        (
            LISTS,
            "matters: [property.leak]",
            "matters: [property.leek]",
            "property.leek is not in matters.yaml",
        ),
        (
            LISTS,
            "lead: GL-URBAN, matters: [order.greening]",
            "lead: GL-X, matters: [order.greening]",
            "lead GL-X",
        ),
        (
            LISTS,
            "lead: GL-URBAN, matters: [order.greening]",
            "lead: GL-COURT, matters: [order.greening]",
            "neither",
        ),
        (LISTS, "matters: [order.greening]", "matters: [order.garbage]", "stands on own-07 already"),
        (LISTS, "community: GL0101", "community: GL01", "GL01 is no community"),
        (LISTS, "from: 2026-01-01", "from: 2027-01-01", "lies after until 2026-12-31"),
        (LISTS, "from: 2026-01-01", "from: 2026-02-30", "cannot be read"),
        # deadlines.yaml
        (
            "deadlines.yaml",
            "unit: hours, source: DES",
            "unit: minutes, source: DES",
            ".unit: Input should be 'hours', 'days', 'working_days' or 'years', got 'minutes'",
        ),
        (
            "deadlines.yaml",
            "name: handle.2, amount: 24",
            "name: handle.2, amount: 0",
            "greater than or equal to 1",
        ),
        (
            "deadlines.yaml",
            "name: sign, amount: 1,",
            "name: sign, amount: 1000000000,",
            "amount must be at most 2500 working_days, got 1000000000",
        ),
        ("deadlines.yaml", "name: redo", "name: callback", "given twice"),
        # calendar
        ("calendar/2026.yaml", "workdays: [2026-01-04", "workdays: [2026-10-04", "both a holiday (国庆节)"),
        (
            "calendar/2026.yaml",
            "workdays: [2026-01-04",
            "workdays: [2026-01-05",
            "must be a Saturday or Sunday",
        ),
        ("calendar/2026.yaml", "workdays: [2026-01-04", "workdays: [2027-01-03", "does not lie in 2026"),
        ("calendar/2026.yaml", "workdays: [2026-01-04, ", "workdays: [2026-02-14, ", "given twice"),
        ("calendar/2026.yaml", "from: 2026-10-01", "from: 2026-09-27", "belongs to 中秋节 already"),
        ("calendar/2026.yaml", "until: 2026-10-07", "until: 2026-09-07", "lies after until"),
        ("calendar/2026.yaml", "year: 2026", "year: 2028", "must match the file name 2026.yaml"),
        # buildings.csv
        ("buildings.csv", "秋岭公寓,2,2,", "秋岭公馆,2,2,", "compound 秋岭公馆 is not in addresses.csv"),
        ("buildings.csv", "秋岭公寓,2,2,GL01010102", "秋岭公寓,2,2,GL010101", "is none in units.csv"),
        ("buildings.csv", "秋岭公寓,2,2,GL01010102", "秋岭公寓,2,2,GL01010201", "lies in grid GL010102"),
        ("buildings.csv", "秋岭公寓,2,2,", "秋岭公寓,1,2,", "is given in line 2 already"),
        ("buildings.csv", "秋岭公寓,2,2,", "秋岭公寓,2,1,", "a first and a last number in order"),
        # addresses.csv
        ("addresses.csv", "秋岭公寓,,,,GL010101", "秋岭公寓,,,,GL0101", "GL0101 of 秋岭公寓 is no grid"),
        ("addresses.csv", "秋岭公寓,,,,GL010101", "秋岭公寓,1,9,,GL010101", "has no number range"),
        ("addresses.csv", "road,荷陌大道,103,162,even", "road,荷陌大道,101,162,even", "are given in line"),
        (
            "addresses.csv",
            "road,荷陌大道,103,162,even",
            "road,荷陌大道,103,62,even",
            "in order, got 103 to 62",
        ),
        ("addresses.csv", "road,荷陌大道,103,162,even", "road,秋岭公寓,103,162,even", "already used in line"),
        ("addresses.csv", "road,荷陌大道,103,162,even", "road,荷陌大道,103,162,left", "got 'left'"),
        # areas
        ("areas/grids.geojson", '{"code": "GL010102"}', '{"code": "GL999999"}', "GL999999 is no grid"),
        (
            "areas/grids.geojson",
            '{"code": "GL010102"}',
            '{"code": "GL010101"}',
            "has an area in line 2 already",
        ),
        ("areas/grids.geojson", '{"code": "GL010102"}', '{"name": "GL010102"}', "needs the unit's code"),
        ("areas/grids.geojson", '"Polygon"', '"Point"', "not a GeoJSON Polygon"),
        ("areas/streets.geojson", '{"code": "GL02"}', '{"code": "GL0201"}', "GL0201 is no street"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(
    folder: Path, file: str, old: str, new: str, message: str
) -> None:
    """Design §5, issue (reference): validated at load, with file and line in the error."""
    line = edit(folder, file, old, new)
    with pytest.raises(ReferenceInvalid) as caught:
        load(folder)
    hits = [error for error in caught.value.errors if message in error.message]
    near = range(line, line + 3)  # an added key stands a line or two below the text that was replaced
    assert [error for error in hits if error.file == file and error.line in near], caught.value.errors
    assert f"{hits[0].file}:{hits[0].line}: " in str(caught.value)


def test_all_mistakes_are_reported_at_once(folder: Path) -> None:
    """Issue, policy check: an editor sees every mistake in one run, in the order of files and lines."""
    edit(folder, MATTERS, "[路灯, ", "[井盖, ")
    edit(folder, LISTS, "[order.greening]", "[order.greenery]")
    edit(folder, "addresses.csv", "秋岭公寓,,,,GL010101", "秋岭公寓,,,,GL0101")
    findings = check(folder)
    assert [finding.file for finding in findings] == ["addresses.csv", LISTS, MATTERS]
    assert findings == sorted(findings)


def test_wrong_counts_are_refused(folder: Path) -> None:
    """Domain §0: the declared counts are held, and so are the sizes of the two lists (R-COM-01)."""
    edit(folder, "jurisdiction.yaml", "grid: 410", "grid: 411")
    edit(folder, "jurisdiction.yaml", "{own: 12", "{own: 13")
    messages = [finding.message for finding in check(folder)]
    assert messages == ["13 own duties are declared, got 12", "411 units of kind grid are declared, got 410"]


def test_a_missing_deadline_is_refused(folder: Path) -> None:
    """Domain §6: the services cannot run without the work order's deadlines."""
    edit(folder, "deadlines.yaml", "name: sign,", "name: signature,")
    assert check(folder) == [Finding("deadlines.yaml", 1, "missing deadlines: sign")]


def test_a_missing_polygon_is_named_and_leaves_a_gap(folder: Path) -> None:
    """Issue (reference): a grid without polygon, and areas with a gap, are refused."""
    path = folder / "areas" / "grids.geojson"
    lines = path.read_text(encoding="utf-8").splitlines()
    inner = next(n for n, line in enumerate(lines) if '"GL040603"' in line)
    path.write_text("\n".join(lines[:inner] + lines[inner + 1 :]), encoding="utf-8")
    messages = [finding.message for finding in check(folder)]
    assert "grid GL040603 has no polygon; add a feature with its code" in messages
    assert any(message.startswith("no grid covers the area near") for message in messages)
    assert any("the area of GL0406 must be exactly that of its grids" in message for message in messages)


def test_an_overlap_is_named_with_its_grid_and_line(folder: Path) -> None:
    """Issue (reference): areas without gaps or overlaps; a moved vertex breaks the shared edge."""
    path = folder / "areas" / "grids.geojson"
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines) if '"GL040603"' in line)
    vertex = lines[number].split("[[[")[1].split("]")[0]
    lon, lat = map(float, vertex.split(", "))
    lines[number] = lines[number].replace(vertex, f"{lon + 0.0004}, {lat}")
    path.write_text("\n".join(lines), encoding="utf-8")
    hits = [f for f in check(folder) if "overlaps a neighbour or leaves a gap" in f.message]
    assert (number + 1) in {finding.line for finding in hits}


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        ("matters.yaml", b"heads: {a: b}\nmatters: [\n", 3, "not valid YAML"),
        ("matters.yaml", b"", 1, "the file is empty"),
        ("units.csv", b"code,name\nGL,\xff\xfe\n", 2, "not valid UTF-8"),
        ("areas/grids.geojson", b'{"features": [\n{]', 2, "not valid JSON"),
        ("areas/grids.geojson", b"[]", 1, 'expected a GeoJSON object with "features"'),
        ("areas/grids.geojson", b'{"features": [{"a": 1}]}', 1, 'needs "type": "Feature"'),
    ],
)
def test_an_unreadable_file_is_named(
    folder: Path, file: str, content: bytes, line: int, message: str
) -> None:
    """Issue, bad input: invalid UTF-8 and broken syntax are named with their line."""
    (folder / file).write_bytes(content)
    hits = [error for error in check(folder) if error.file == file and message in error.message]
    assert [error.line for error in hits][:1] == [line]


def test_missing_files_are_named(folder: Path) -> None:
    """Issue (reference): every missing file is named, not only the first."""
    (folder / "matters.yaml").unlink()
    (folder / "units.csv").unlink()
    assert {error.file for error in check(folder)} == {"matters.yaml", "units.csv"}


def test_an_index_of_a_broken_file_is_refused(folder: Path) -> None:
    """Issue (reference): intake's indexes refuse what the loader refuses."""
    edit(folder, "areas/grids.geojson", '"Polygon"', '"Point"')
    edit(folder, "addresses.csv", ",even,", ",left,")
    with pytest.raises(ReferenceInvalid, match=r"grids\.geojson:2"):
        GridIndex.load(folder)
    with pytest.raises(ReferenceInvalid, match=r"addresses\.csv"):
        Gazetteer.load(folder)


def test_check_prints_its_findings_for_an_editor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Issue, policy check: file:line: message on standard output, exit code 1."""
    line = edit(folder, MATTERS, "helpers: [GL-POWER]", "helpers: [GL-PWER]")
    assert main([str(folder)]) == 1
    assert capsys.readouterr().out.startswith(f"matters.yaml:{line}: municipal.streetlight: helper GL-PWER")


def test_an_abolished_unit_leaves_its_work_to_its_successor(folder: Path) -> None:
    """R-PET-04: the successor takes over; naming the abolished unit in a matter is refused."""
    edit(
        folder,
        "departments.yaml",
        "name: 供电公司, kind: public_body, parent: null, levels: [3, 4], aliases: [供电局]}",
        "name: 供电公司, kind: public_body, parent: null, levels: [3, 4], successor: GL-WATER}",
    )
    messages = {finding.message for finding in check(folder)}
    assert "utilities.power: GL-POWER is abolished; name its successor GL-WATER (R-PET-04)" in messages
    edit(folder, MATTERS, "{3: GL-POWER, 4: GL-POWER}", "{3: GL-WATER, 4: GL-WATER}")
    edit(folder, LISTS, "lead: GL-POWER", "lead: GL-WATER")
    jurisdiction = load(folder)
    assert jurisdiction.current("GL-POWER") == "GL-WATER"
    assert jurisdiction.responsible("utilities.power", Rung.STREET, "GL010101") == "GL-WATER"
    assert jurisdiction.version != load(GULOU).version


COMMITTEES, MEDIATORS_CSV, MEDIATION = "committees.csv", "mediators.csv", "mediation.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (COMMITTEES, "GLC-01,", "GLC-GL,", "committee GLC-GL is given twice"),
        (COMMITTEES, "区医疗纠纷人民调解委员会,GL-HEALTH", "区医疗纠纷人民调解委员会,GL-X", "unit GL-X"),
        (COMMITTEES, ",labour\n", ",labours\n", "procedure labours of GLC-LABOUR"),
        (MEDIATION, "code: judicial", "code: judiciary", "no committee of committees.csv works by it"),
        (MEDIATORS_CSV, "GLM-GL-02,", "GLM-GL-01,", "mediator GLM-GL-01 is given twice"),
        (MEDIATORS_CSV, "GLM-GL-01,GLC-GL,chair", "GLM-GL-01,GLC-X,chair", "committee GLC-X"),
        (MEDIATORS_CSV, "engaged,,GL010101", "engaged,,GL0101", "place GL0101 of"),
        (MEDIATION, "default: peoples", "default: nobody", "default: nobody is none"),
        (MEDIATION, "police: GL-POLICE ", "police: GL-X ", "police: GL-X is no unit"),
        (MEDIATION, "term: mediation.labour", "term: mediation.never", "mediation.never is no deadline"),
        (MEDIATION, "matters: [land.contract]", "matters: [land.moon]", "land.moon is no matter"),
        (MEDIATION, "matters: [land.contract]", "matters: [labour.contract]", "comes to labour already"),
        (MEDIATION, "routes: [court]", "routes: [heaven]", "heaven is no legal exit"),
        (MEDIATION, "also: [traffic.accident]", "also: [traffic.moon]", "also: traffic.moon is no matter"),
        (MEDIATION, "units: [GL-COURT]", "units: [GL-MOON]", "units: GL-MOON is no unit"),
        (MEDIATION, "matters: [land.contract]", "matters: []", "is for no matter"),
        (MEDIATION, "default: peoples", "default: medical", "must be for every matter"),
        (MEDIATION, "unit: GL-LEGAL-AID", "unit: GL-LAWYERS", "GL-LAWYERS is no unit"),
        (MEDIATION, "routes: [court]", "routes: []", "at least 1 item"),
        (
            "deadlines.yaml",
            "name: mediation.visit",
            "name: mediation.visits",
            "missing deadlines of mediation",
        ),
    ],
)
def test_mediation_is_checked_line_by_line(folder: Path, file: str, old: str, new: str, message: str) -> None:
    """R-MED-01: whoever edits committees, mediators or kinds is told the file and the line."""
    line = edit(folder, file, old, new)
    found = check_mediation(folder, load(folder))
    told = [finding for finding in found if message in finding.message]
    assert told, found
    assert told[0].file == file
    entry = range(line - 8, line + 1)  # of YAML, the line at which the entry begins
    assert told[0].line in ([line, line + 1] if file.endswith(".csv") else entry) or file == "deadlines.yaml"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [rows[0].replace(",no,", ",yes,"), rows[1]], "has 2 members, must have 3 to 9"),
        (lambda rows: rows + [f"GLM-GL-{n},GLC-GL,member,no," for n in range(20, 30)], "must have 3 to 9"),
        (lambda rows: [row.replace(",yes,", ",no,") for row in rows], "has no woman among its members"),
        (lambda rows: [row.replace(",chair,", ",member,") for row in rows], "has 0 chairs, must have one"),
    ],
)
def test_a_committee_has_three_to_nine_members_and_a_woman(
    folder: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    """R-MED-01: at load, with the line of the committee; who is only engaged does not count (TJ8, TJ13)."""
    path = folder / MEDIATORS_CSV
    lines = path.read_text(encoding="utf-8").splitlines()
    mine = [line for line in lines if ",GLC-GL," in line]
    others = [line for line in lines if ",GLC-GL," not in line]
    path.write_text(
        "\n".join([*others, *change(mine), "GLM-GL-99,GLC-GL,engaged,,"]) + "\n", encoding="utf-8"
    )
    with pytest.raises(ReferenceInvalid) as caught:
        load_mediation(folder, load(folder))
    (finding,) = caught.value.errors
    assert (finding.file, finding.line) == (COMMITTEES, 2)
    assert message in finding.message
    assert finding.message.startswith("R-MED-01: GLC-GL")
