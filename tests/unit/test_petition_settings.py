"""`petition.yaml`: each fault is named with its line, and what would be right."""

import shutil
from pathlib import Path

import pytest

from reference.source import ReferenceInvalid
from services.petition.settings import FILE, check_offices, load_offices
from tests.petition_kit import ROOT, gulou


def test_the_reference_jurisdiction_is_in_order() -> None:
    """R-PET-06, R-PET-10: every way has its exits; the discipline body is one of ours."""
    assert check_offices(ROOT, gulou()) == []
    offices = load_offices(ROOT, gulou())
    assert (offices.office, offices.discipline) == ("GL-PETITION", "GL-DISCIPLINE")


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        ("office: GL-PETITION", "office: GL-NOBODY", 2, "office GL-NOBODY is no unit; use a code"),
        (
            "discipline: discipline-inspection",
            "discipline: nowhere",
            3,
            "nowhere is no legal exit of the jurisdiction",
        ),
        (
            "discipline: discipline-inspection",
            "discipline: other-channels",
            3,
            "other-channels needs an authority of ours",
        ),
        ("litigation: [court]", "litigation: [cour]", 8, "cour is no legal exit of the jurisdiction"),
        ("  litigation: [court]\n", "", 7, "missing way litigation: name its legal exits, or none: []"),
        ("office: GL-PETITION", "offices: GL-PETITION", 2, "office: Field required"),
    ],
)
def test_a_fault_is_found_at_its_line(
    tmp_path: Path, right: str, wrong: str, line: int, message: str
) -> None:
    """R-PET-06: no petition service starts on half an answer."""
    shutil.copytree(ROOT, tmp_path / "gulou")
    file = tmp_path / "gulou" / FILE
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    found = check_offices(tmp_path / "gulou", gulou())
    assert (FILE, line, message) in [tuple(one) for one in found]
    with pytest.raises(ReferenceInvalid):
        load_offices(tmp_path / "gulou", gulou())
