"""The knowledge base: what is found by what callers ask, and what an editor of its file is told."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from reference.knowledge import check_knowledge, load_knowledge
from reference.load import load
from services.intake.knowledge.shelf import Entry, Shelf
from services.intake.knowledge.store import of_row
from tests.intake_kit import GULOU

J = load(GULOU)
ROWS = load_knowledge(GULOU, J)
SHELF = Shelf(of_row(row) for row in ROWS)
TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("asked", "entry"),
    [
        ("居住证", "residence-permit"),
        ("我是外地人，想办个居住证要什么手续", "residence-permit"),
        ("低保", "minimum-allowance"),
        ("家里困难能不能吃低保", "minimum-allowance"),
        ("八十岁老人有没有高龄津贴", "elderly-allowance"),
        ("结婚领证带户口本吗", "marriage-registration"),
        ("新生儿医保怎么交", "medical-insurance-enrolment"),
        ("在外地看病怎么报销", "remote-medical-treatment"),
        ("孩子上小学报名", "school-enrolment"),
        ("下岗了失业金怎么领", "unemployment-benefit"),
        ("工地老板欠薪不给钱", "unpaid-wages"),
        ("上班摔伤了算工伤吗", "work-injury"),
        ("楼上装修太吵几点才能施工", "decoration-hours"),
        ("电梯坏了能用维修基金吗", "maintenance-fund"),
        ("小区想成立业委会", "owners-committee"),
        ("公租房", "public-rental-housing"),
        ("邻居养狗不拴绳", "dog-licence"),
        ("违停罚单不服", "traffic-fine"),
        ("网上买的衣服商家不给退货", "consumer-refund"),
        ("开小店办营业执照", "business-licence"),
        ("家里暖气不热", "heating-standard"),
        ("打官司请不起律师", "legal-aid"),
    ],
)
def test_what_callers_ask_is_found_first(asked: str, entry: str) -> None:
    """R-HOT-15, R-HOT-02: from one word to a whole sentence."""
    assert SHELF.find(asked, TODAY, None, 3)[0].entry == entry


@pytest.mark.parametrize("asked", ["紫薯种植", "？！", "'; DROP TABLE --", "x" * 10_000, "灯"])
def test_what_nobody_wrote_is_not_found(asked: str) -> None:
    """R-HOT-15: no answer is better than a wrong one."""
    assert SHELF.find(asked, TODAY, None, 3) == []


def entry(name: str, since: date, until: date | None) -> Entry:
    return Entry(name, 1, "GL", "停水怎么办", "拨打热线", (), ("停水",), since, until, since, True)


def test_only_what_is_valid_that_day_is_told() -> None:
    """R-HOT-15: both days count; without words all that is valid, by name; a matter narrows."""
    day = timedelta(days=1)
    shelf = Shelf(
        [
            entry("b-ends-today", TODAY - day, TODAY),
            entry("a-begins-today", TODAY, None),
            entry("past", TODAY - 2 * day, TODAY - day),
            entry("later", TODAY + day, None),
        ]
    )
    for asked in ("停水", ""):
        found = [one.entry for one in shelf.find(asked, TODAY, None, 9)]
        assert found == ["a-begins-today", "b-ends-today"]
    assert [one.entry for one in SHELF.find("", TODAY, "labour.wages", 9)] == ["unpaid-wages"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unit: GL-CIVIL", "unit: GL-NOBODY", "GL-NOBODY is no unit"),
        ("matters: [livelihood.allowance]", "matters: [moon.cheese]", "moon.cheese is no matter"),
        ("- entry: minimum-allowance", "- entry: residence-permit", "given in line 4 already"),
        ("  review_by: 2027-06-30", "  review_by: 2020-01-01", "lies before valid_from"),
        ("  review_by: 2027-06-30", "  valid_to: 2020-01-01\n  review_by: 2027-06-30", "valid_to 2020-01-01"),
        ("  keywords: [居住证", "  keywords: [证", "at least 2 characters"),
        ("question: 申请低保", "questions: 申请低保", "question"),
        ("- entry: work-injury", "- entry: Work Injury", "should match pattern"),
    ],
)
def test_its_file_is_checked_line_by_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    """R-HOT-15: at load, with file and line; without the file there are no entries."""
    folder = tmp_path / "gulou"
    folder.mkdir()
    assert load_knowledge(folder, J) == ()
    path = shutil.copy(GULOU / "knowledge.yaml", folder)
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")
    told = [finding for finding in check_knowledge(folder, J) if message in finding.message]
    assert told
    assert told[0].file == "knowledge.yaml"
    assert told[0].line in range(line - 12, line + 1)
