"""`notices.yaml`: Gulou's is in order, and what is wrong in one is told with file and line."""

from pathlib import Path
from shutil import copyfile

import pytest

from reference.load import load
from reference.source import Finding, ReferenceInvalid
from schemas.jurisdiction import Jurisdiction
from services.cli.policy import findings
from services.notify.table import FILE, check_notices, load_notices
from services.notify.templates import TemplateError, compiled, in_words, render
from tests.intake_kit import GULOU

TEXT = (GULOU / FILE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def jurisdiction() -> Jurisdiction:
    return load(GULOU)


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def test_gulou_is_in_order_and_covers_what_the_law_demands(jurisdiction: Jurisdiction) -> None:
    """R-PET-02, R-PET-07, R-PET-09, R-MED-10, R-HOT-03, R-LAD-06: statutory notices, in both languages."""
    table = load_notices(GULOU, jurisdiction)
    statutory = {row.event for rows in table.notices.by_event.values() for row in rows if row.statutory}
    assert statutory >= {
        "petition.PetitionRegistered.v1",
        "petition.PetitionAccepted.v1",
        "petition.OpinionExtended.v1",
        "petition.OpinionIssued.v1",
        "router.ProcedureEnded.v1",
        "router.CaseRedirected.v1",
        "router.CaseClosed.v1",
    }
    assert all(set(text.text) == {"zh", "en"} for text in table.texts.values())
    assert check_notices(GULOU, jurisdiction) == []


@pytest.mark.parametrize(
    ("before", "after", "place", "said"),
    [
        ("event: router.RedoOrdered.v1", "event: router.RedoOrdred.v1", "router.RedoOrdred.v1", "no event of"),
        ("to: [reporter], channels: &resident", "to: [unit], channels: &resident", "to: [unit], channels: &res",
         "does not reach these"),
        ("template: linked}", "template: linkd}", "template: linkd}", "no template linkd"),
        ("when: {granted: [true]}, stat", "when: {given: [true]}, stat", "given: [true]", "no field given"),
        ("facts: {line: line}", "facts: {line: phone}", "facts: {line: phone}", "no field phone"),
        ("facts: {line: line}", "facts: {}", "已立即转{{ line }}", "'line' is undefined"),
        ("已并入原件，进展将一并告知您。", "{{ first.__class__.__mro__ }}。", "{{ first.", "is unsafe"),
        ("经核实，", "经核实{% if %}，", "经核实{% if", "the template cannot be read"),
        ("expire_hours: 72", "expire_hours: 0", "expire_hours: 0", "greater than 0"),
        ("expire_hours: 72", "expire_hours: 1e12", "expire_hours: 1e12", "less than or equal to 8760"),
        ("first_seconds: 20", "first_seconds: .inf", "first_seconds: .inf", "less than or equal to 86400"),
        ('from: "21:00"', 'from: "24:00"', 'from: "24:00"', "pattern"),
        ("  email:   {quiet", "  inbox:   {quiet", "channels:      #", "missing channel email"),
        ("facts: {unit: {of: unit, as: unit}, solved: solved}", "facts: {unit: {of: unit, as: unit}}",
         "{{ unit }}已就您反映", "'solved' is undefined"),
        ("to: [helpers], channels: [inbox]", "to: [unit], channels: [inbox]",
         "to: [unit], channels: [inbox], template: order-helper", "an earlier row tells the same"),
        ("event: router.DeadlineAtRisk.v1              #", "event: router.DeadlineAtRisk.v1\n    urgnt: true  #",
         "urgnt: true", "Extra inputs"),
        ("wechat: {kind: template, zh: WX-QUEUED, en: WX-QUEUED-EN}", "wechat: {kind: template}",
         "wechat: {kind: template}", "needs an id"),
        ("    sms: {zh: SMS_500100001, en: SMS_500200001}\n", "", "to: [reporter], channels: &resident",
         "no `sms` codes"),
        ("已办结；如仍有问题请再次反映", "已办结；{{ answer }}", "{event: router.CaseClosed.v1, to: *all",
         "no other event has one"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_line(
    tmp_path: Path, jurisdiction: Jurisdiction, before: str, after: str, place: str, said: str
) -> None:
    """A bad variable, channel, event or field is found when the file is loaded, not when somebody is to be told."""
    assert TEXT.count(before) >= 1
    text = TEXT.replace(before, after, 1)
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ReferenceInvalid) as invalid:
        load_notices(tmp_path, jurisdiction)
    where = {(finding.file, finding.line) for finding in invalid.value.errors if said in finding.message}
    assert (FILE, line_of(text, place)) in where, invalid.value.errors


def test_policy_check_covers_the_notices(tmp_path: Path) -> None:
    for file in GULOU.rglob("*"):
        if file.is_file():
            target = tmp_path / file.relative_to(GULOU)
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(file, target)
    (tmp_path / FILE).write_text(TEXT.replace("expire_hours: 72", "expire_hours: -1"), encoding="utf-8")
    assert [finding.file for finding in findings(tmp_path)] == [FILE]
    assert isinstance(findings(tmp_path)[0], Finding)


def test_a_template_can_reach_nothing_but_its_variables(jurisdiction: Jurisdiction) -> None:
    text = load_notices(GULOU, jurisdiction).texts["sealed"]
    harmless = {"case": "0190abcd", "code": "1", "link": "2"}
    assert render(text, "en", harmless).text.startswith("Your request (0190abcd)")
    for source in ("{{ ''.__class__ }}", "{{ case.__init__.__globals__ }}", "{{ missing }}"):
        with pytest.raises(TemplateError):
            compiled(source).render(harmless)


def test_facts_are_told_in_words(jurisdiction: Jurisdiction) -> None:
    at = "2026-12-01T01:30:00+00:00"
    assert in_words("GL0101", "unit", "zh", jurisdiction) == jurisdiction.units["GL0101"].name
    assert in_words("nowhere", "unit", "zh", jurisdiction) == "nowhere"
    assert in_words("petition", "procedure", "zh", jurisdiction) == "信访"
    assert in_words(at, "moment", "zh", jurisdiction) == "2026年12月1日09:30"
    assert in_words(at, "day", "en", jurisdiction) == "2026-12-01"
    assert in_words(None, "unit", "en", jurisdiction) is None
