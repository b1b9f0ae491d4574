"""From a body to a command: what staff write is masked like what residents write."""

import pytest
from pydantic import ValidationError

from chassis.http import Problem
from schemas.message import Actor
from schemas.router import EscalateCase, InstructCase, RecordCallback, RecordContact, ReplyCase
from services.router.api.actions import ACTIONS

BY_COMMAND = {action.command: action for action in ACTIONS}
ACTOR = Actor(subject="handler-1", role="handler", unit="GL0101")


def test_masks_numbers_in_the_words_of_staff() -> None:
    """R-PRIV-01: events are kept for good, so no phone number enters one by way of a reply."""
    action = BY_COMMAND[ReplyCase]
    body = action.body.model_validate(
        action.example | {"result": "已电话13912345678告知本人", "explanation": "联系人13912345678"}
    )
    command = action.build(body, ACTOR)
    assert isinstance(command, ReplyCase)
    assert command.result == "已电话〔电话〕告知本人"
    assert "139" not in command.model_dump_json()


def test_masks_the_notes_of_evidence_and_keeps_codes() -> None:
    """R-PRIV-01, R-LAD-10: the evidence's kind stays as it is, its note is masked."""
    action = BY_COMMAND[EscalateCase]
    evidence = [{"kind": "legal_basis", "reference": "档案2026-118", "note": "当事人电话13912345678"}]
    body = action.body.model_validate({"ground": "NO_LEGAL_POWER", "evidence": evidence})
    command = action.build(body, ACTOR)
    assert isinstance(command, EscalateCase)
    assert command.evidence[0].kind == "legal_basis"
    assert command.evidence[0].reference == "档案2026-118"
    assert command.evidence[0].note == "当事人电话〔电话〕"


def test_masks_numbers_in_the_name_of_an_office() -> None:
    """R-PRIV-01, R-MODE-01: whoever writes a person with a number there leaves no number in the event."""
    action = BY_COMMAND[InstructCase]
    command = action.build(
        action.body.model_validate(action.example | {"leader": "张主任13912345678"}), ACTOR
    )
    assert isinstance(command, InstructCase)
    assert command.leader == "张主任〔电话〕"


def test_refuses_a_deadline_that_no_calendar_can_tell() -> None:
    """R-MODE-01: the last hours of the year 9999 west of Greenwich lie in no year that we can store."""
    action = BY_COMMAND[InstructCase]
    with pytest.raises(ValidationError, match=r"handle_by\n.*less than 2200-01-01"):
        action.body.model_validate(action.example | {"handle_by": "9999-12-31T23:59:59-14:00"})


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"contacted": True}, ["resolved", "satisfied"]),
        ({"contacted": True, "resolved": True}, ["satisfied"]),
        ({"contacted": False, "resolved": False}, ["resolved"]),
        ({"contacted": False, "resolved": True, "satisfied": True}, ["resolved", "satisfied"]),
        ({"contacted": False}, []),
        ({"contacted": True, "resolved": False, "satisfied": False}, []),
    ],
)
def test_a_callback_has_both_answers_of_who_was_reached(given: dict[str, bool], wrong: list[str]) -> None:
    """R-HOT-08, R-HOT-09: an answer that was left out is not a no, which would order a redo."""
    action = BY_COMMAND[RecordCallback]
    body = action.body.model_validate(given)
    if not wrong:
        assert isinstance(action.build(body, ACTOR), RecordCallback)
        return
    with pytest.raises(Problem) as refused:
        action.build(body, ACTOR)
    assert refused.value.status_code == 422
    assert [error.field for error in refused.value.errors] == wrong


def test_an_answer_may_name_the_office_to_call() -> None:
    """R-HOT-03: who is sent elsewhere must learn where; a person's own number is masked there, too."""
    action = BY_COMMAND[ReplyCase]
    words = "请致电区供热服务中心0516-83712345或4008001234，经办人13912345678"
    command = action.build(action.body.model_validate(action.example | {"result": words}), ACTOR)
    assert isinstance(command, ReplyCase)
    assert command.result == "请致电区供热服务中心0516-83712345或4008001234，经办人〔电话〕"


@pytest.mark.parametrize("note", ["", " ", "\u3000\u200b"])
def test_a_blank_note_records_no_contact(note: str) -> None:
    """R-HOT-07: handling begins with what was said or with the bare fact, not with a note that shows nothing."""
    action = BY_COMMAND[RecordContact]
    with pytest.raises(Problem) as refused:
        action.build(action.body.model_validate({"note": note}), ACTOR)
    assert [error.field for error in refused.value.errors] == ["note"]
    assert action.build(action.body.model_validate({}), ACTOR) == RecordContact(actor=ACTOR)
