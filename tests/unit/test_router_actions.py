"""From a body to a command: what staff write is masked like what residents write."""

from schemas.message import Actor
from schemas.router import EscalateCase, ReplyCase
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
