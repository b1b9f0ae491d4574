"""A text of the wrong form: what would be right is told in words with an example, never as a regular expression."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from chassis.http import Problem, read_json
from schemas import petition as p
from schemas import router as r
from schemas.router import ChooseTrack, TriageCase
from schemas.written import Note
from services.intake.bodies import LineBody, ReporterBody
from services.petition.api.actions import ACTIONS as PETITION_ACTIONS
from services.petition.records import OpinionWords, Petitioner
from services.router.api.actions import ACTIONS

BODIES = {action.command: action.body for action in ACTIONS}
PETITIONS = {action.command: action.body for action in PETITION_ACTIONS}


class RecordedNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Note


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


UNSEEN = "\u200b\u2060 \ufeff\u3000\u0301"


@pytest.mark.parametrize("blank", ["  ", "\u200b\u200b", UNSEEN])
@pytest.mark.parametrize(
    ("model", "field"),
    [
        (ReporterBody, "name"),
        (RecordedNote, "text"),
        (Petitioner, "name"),
        (OpinionWords, "facts"),
        (BODIES[r.ReplyCase], "result"),
        (PETITIONS[p.ForwardPetition], "reason"),
        (PETITIONS[p.IssueOpinion], "legal_basis"),
        (p.ForwardPetition, "reason"),
    ],
)
def test_what_shows_nothing_is_blank(model: type[BaseModel], field: str, blank: str) -> None:
    """R-PET-08, R-HOT-10: no reason, name or fact is made of characters that nobody sees."""
    for given, is_wrong in ((blank, True), (f"{blank}有据可查{blank}", False)):
        value = [given] if field == "legal_basis" else given
        with pytest.raises(ValidationError) as refused:
            model.model_validate({field: value, "unknown": 1})
        wrong = {error["loc"][0] for error in refused.value.errors()}
        assert (field in wrong) is is_wrong
