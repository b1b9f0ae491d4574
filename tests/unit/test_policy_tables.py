"""Decision tables: first hit, exact reach and cover, and errors that name file, line and remedy."""

import shutil
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.source import ReferenceInvalid
from schemas.router import Fired
from services.router.policy.loader import check_policy, load_policy
from services.router.policy.needs import NEEDS, Need
from services.router.policy.tables import Box, Row, Table, cover, example
from tests.unit.router_kit import ROOT, gulou, policy

DOMAINS: Box = (frozenset("ab"), frozenset("xyz"), frozenset("12"))
BOXES = st.tuples(*(st.sets(st.sampled_from(sorted(d)), min_size=1).map(frozenset) for d in DOMAINS))


def row(number: int, when: Box) -> Row:
    return Row(f"r{number}", when, {}, "DES", Fired(table="t", row=f"r{number}", source="DES"), number)


@given(st.lists(BOXES, max_size=6))
def test_reach_and_cover_are_exact(boxes: list[Box]) -> None:
    """R-LAD-10 DES: box subtraction finds just what counting all combinations finds."""
    rows = tuple(row(i, box) for i, box in enumerate(boxes))
    table = Table("t", ("a", "b", "c"), DOMAINS, rows)
    hits: set[str] = set()
    missed = 0
    for values in product(*DOMAINS):
        try:
            hits.add(table.decide(*values).id)
        except LookupError:
            missed += 1
    found = cover(DOMAINS, rows)
    assert {r.id for r in rows} - hits == {r.id for r in found.unreachable}
    sizes = [len(a) * len(b) * len(c) for a, b, c in found.uncovered]
    assert sum(sizes) == missed


def test_first_hit_decides() -> None:
    whole = row(2, DOMAINS)
    narrow = row(1, (frozenset("a"), *DOMAINS[1:]))
    table = Table("t", ("a", "b", "c"), DOMAINS, (narrow, whole))
    assert table.decide("a", "x", "1") is narrow
    assert table.decide("b", "x", "1") is whole
    assert table.decide("b", "x", "1") is whole
    with pytest.raises(LookupError, match="'a': 'c'"):
        table.decide("c", "x", "1")


def test_example_names_one_combination() -> None:
    assert example(("a", "b", "c"), DOMAINS) == "a=a, b=x, c=1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "policy", tmp_path / "policy"))


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace text in a policy file; returns the line that changed."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_reference_policy_is_whole_and_has_a_version(folder: Path) -> None:
    """R-LAD-10: the shipped policy has no finding; its version is its content."""
    assert check_policy(ROOT / "policy", gulou()) == []
    assert load_policy(folder, gulou()).version == policy().version
    edit(folder, "settings.yaml", "confidence: 0.5", "confidence: 0.6")
    assert load_policy(folder, gulou()).version != policy().version


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "modes.yaml",
            "duty: assist, helpers",
            "duty: asist, helpers",
            "unknown duty 'asist'; expected one of",
        ),
        ("modes.yaml", "duty: assist, helpers", "dutty: assist, helpers", "unknown field 'dutty'"),
        ("mediations.yaml", "neighbour.pets", "neighbour.pests", "unknown matter 'neighbour.pests'"),
        ("mediations.yaml", "{first: territory}", "{first: street}", "unknown first 'street'"),
        ("checks.yaml", "municipal.manhole", "municipal.manhol", "unknown matter 'municipal.manhol'"),
        ("floors.yaml", "{floor: 4}", "{floor: 9}", "unknown floor '9'"),
        ("floors.yaml", "{floor: 4}", "{flor: 4}", "unknown answer 'flor'"),
        ("terms.yaml", "handle: handle.1", "handle: handle.9", "unknown handle 'handle.9'"),
        ("escalations.yaml", "[department_list]", "[departments]", "unknown evidence 'departments'"),
        ("dispositions.yaml", "outcome: link", "outcome: lynk", "unknown outcome 'lynk'"),
        ("settings.yaml", "petition: GL-PETITION", "petition: GL-NOWHERE", "unknown unit 'GL-NOWHERE'"),
        ("settings.yaml", "legal: court", "legal: tribunal", "unknown legal exit 'tribunal'"),
        ("reviews.yaml", "[petition-review]", "[petition-revue]", "unknown routes 'petition-revue'"),
        ("reopenings.yaml", "most: 2", "most: many", "unknown most 'many'"),
        ("settings.yaml", "redo: redo", "redo: redoo", "unknown deadline 'redoo'"),
        ("settings.yaml", "confidence: 0.5", "confidence: 5", "less than or equal to 1"),
    ],
)
def test_mistakes_are_named_with_file_and_line(
    folder: Path, name: str, old: str, new: str, message: str
) -> None:
    """R-COM-01, R-LAD-10: unknown units, matters, fields and values are refused where they stand."""
    line = edit(folder, name, old, new)
    findings = check_policy(folder, gulou())
    assert [(f.file, f.line) for f in findings if message in f.message] == [(f"policy/{name}", line)], (
        findings
    )
    with pytest.raises(ReferenceInvalid, match=f"policy/{name}:{line}: "):
        load_policy(folder, gulou())


def test_uncovered_combination_is_shown(folder: Path) -> None:
    """R-LAD-03: a matter or combination that no row covers is refused, with an example."""
    edit(folder, "checks.yaml", "  - {id: by-report", "  # - {id: by-report")
    found = [f.message for f in check_policy(folder, gulou())]
    assert len(found) == 1
    assert found[0].startswith("no row covers matter=")


def test_unreachable_row_is_shown(folder: Path) -> None:
    """R-LAD-06: a row that the rows above leave nothing to is refused at its line."""
    text = (folder / "floors.yaml").read_text(encoding="utf-8")
    extra = "  - {id: late, when: {households: many}, then: {floor: 4}, source: DES}\n"
    (folder / "floors.yaml").write_text(text + extra, encoding="utf-8")
    found = check_policy(folder, gulou())
    assert [(f.line, "row late can never fire" in f.message) for f in found] == [(text.count("\n") + 1, True)]


@pytest.mark.parametrize("need", NEEDS["dispositions"], ids=lambda need: need.row)
def test_a_row_that_the_code_relies_on_is_demanded(folder: Path, need: Need) -> None:
    """R-HOT-03, R-PET-10, R-LAD-05: the table still covers all without it, and would decide wrongly."""
    edit(folder, "dispositions.yaml", f"  - {{id: {need.row},", f"  # - {{id: {need.row},")
    found = [f for f in check_policy(folder, gulou()) if f"row {need.row} is missing" in f.message]
    assert [f.file for f in found] == ["policy/dispositions.yaml"]
    with pytest.raises(ReferenceInvalid, match=f"row {need.row} is missing"):
        load_policy(folder, gulou())


@pytest.mark.parametrize("matter", ["family.violence", "government.report", "order.construction-noise"])
def test_only_what_may_be_mediated_is_mediated_first(folder: Path, matter: str) -> None:
    """R-LAD-07, R-LAD-05, R-HOT-11: no danger, no accusation, and no duty of a department is passed down."""
    line = edit(folder, "mediations.yaml", "[neighbour.noise,", f"[{matter}, neighbour.noise,")
    [found] = check_policy(folder, gulou())
    assert (found.file, found.line) == ("policy/mediations.yaml", line)
    assert f"where matter: {matter}, the first must be catalogue" in found.message


def test_a_department_that_waits_gets_its_turn(folder: Path) -> None:
    """R-LAD-07: a table that ends a case with who mediates is refused."""
    text = (folder / "escalations.yaml").read_text(encoding="utf-8")
    (folder / "escalations.yaml").write_text(text.replace("unit: department, ", ""), encoding="utf-8")
    found = [f.message for f in check_policy(folder, gulou())]
    missing = [f"row {need.row} is missing (R-LAD-07)" for need in NEEDS["escalations"]]
    assert sorted(message.split(":")[0] for message in found) == sorted(missing)
    assert all("the unit must be department" in message for message in found)


def test_missing_and_empty_source(folder: Path) -> None:
    """R-LAD-10: every row names the rule that it is from."""
    edit(folder, "floors.yaml", "source: R-LAD-01", "source: habit")
    assert "names no rule" in check_policy(folder, gulou())[0].message
    edit(folder, "floors.yaml", ", source: habit", "")
    assert "source: Field required" in check_policy(folder, gulou())[0].message


def test_row_ids_are_unique(folder: Path) -> None:
    edit(folder, "floors.yaml", "id: many-households", "id: many-and-several")
    assert "given twice" in check_policy(folder, gulou())[0].message


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "terms.yaml").unlink()
    assert [f.file for f in check_policy(folder, gulou())] == ["policy/terms.yaml"]
