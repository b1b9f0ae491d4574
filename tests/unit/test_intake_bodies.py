"""What a body of the intake or of triage does not take for a number."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.message import Actor
from schemas.router import TriageCase
from services.intake.bodies import CaseBody, CoReporterBody

CASE = {"title": "路灯不亮", "text": "3号楼前的路灯不亮"}
CO_REPORTER: dict[str, Any] = {"reporter": {}}
TRIAGE = {"actor": Actor(subject="o1", role="operator")}


@pytest.mark.parametrize("value", [True, False, "1", 2.0])
@pytest.mark.parametrize(
    ("body", "given", "field"),
    [
        (CaseBody, CASE, "urgency"),
        (CaseBody, CASE, "households"),
        (CoReporterBody, CO_REPORTER, "households"),
        (TriageCase, TRIAGE, "urgency"),
    ],
)
def test_only_an_integer_is_a_number(body: type[BaseModel], given: Any, field: str, value: object) -> None:
    """R-HOT-02: `true` is no urgency of 1, which would make a case a matter of life; the fault names the field."""
    with pytest.raises(ValidationError) as refused:
        body.model_validate(given | {field: value})
    assert [fault["loc"] for fault in refused.value.errors()] == [(field,)]
    body.model_validate(given | {field: 2})
