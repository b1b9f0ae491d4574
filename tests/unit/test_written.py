"""A text of the wrong form: what would be right is told in words with an example, never as a regular expression."""

import pytest
from pydantic import BaseModel

from chassis.http import Problem, read_json
from schemas.router import ChooseTrack, TriageCase
from services.intake.bodies import LineBody, ReporterBody
from services.router.api.actions import ACTIONS

BODIES = {action.command: action.body for action in ACTIONS}


@pytest.mark.parametrize(
    ("model", "field", "expected"),
    [
        (ReporterBody, "phone", "6 to 20 digits, such as 0516-83712345"),
        (ReporterBody, "id_number", "5 to 30 letters and digits without spaces, such as E12345678"),
        (LineBody, "idempotency_key", "1 to 255 visible ASCII characters without spaces, such as call-77"),
        (BODIES[ChooseTrack], "track", "one of the tracks S, M, P and L"),
        (BODIES[TriageCase], "track", "one of the tracks S, M, P and L"),
    ],
)
def test_the_right_form_is_told_in_words(model: type[BaseModel], field: str, expected: str) -> None:
    """R-LAD-09: and the JSON Schema still has the pattern, for programs."""
    with pytest.raises(Problem) as refused:
        read_json(model, f'{{"{field}": "不 对"}}'.encode())
    told = {error.field: error.expected for error in refused.value.errors}
    assert told[field] == expected
    assert '"pattern"' in str(model.model_json_schema()["properties"][field]).replace("'", '"')
