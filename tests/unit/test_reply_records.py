"""From a record of a department to a deed, or to what is wrong with it in plain words."""

import json
from typing import Any
from uuid import UUID

import pytest

from chassis.http import FieldError, Problem, Role
from chassis.http.problems import unprocessable
from chassis.http.replies import key_reused
from chassis.kafka.letters import Letter
from schemas.message import Actor
from schemas.replies import OF_UNITS, REPLIES, Reply
from schemas.router import ReplyCase
from services.router.api.access import WORKERS
from services.router.api.actions import ACTIONS, BY_PATH
from services.router.api.deeds import Deed
from services.router.api.replies import waves
from services.router.api.reply_records import LARGEST, NO_CASE, Received, receive, rejected

CASE = "0198f2a4-6c1e-7b3a-9d52-3f1c8a7e4b10"
AT_MS = 1_772_415_000_000


def letter(value: bytes | dict[str, Any], offset: int = 7, at_ms: int = AT_MS) -> Letter:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Letter("dept.GL-URBAN.replies", 0, offset, at_ms, raw, {})


def read(offset: int = 7, **fields: Any) -> Received:
    return receive(letter({"action": "sign", "case_id": CASE} | fields, offset))


def deed_of(received: Received) -> Deed:
    assert isinstance(received.deed, Deed), received.deed
    return received.deed


def why(received: Received) -> tuple[str, str]:
    """The code and the reason that the department is told."""
    assert isinstance(received.deed, Problem)
    told = rejected(received, received.deed)
    return told.code, told.reason


def test_a_reply_acts_as_the_unit_of_its_topic() -> None:
    """The broker guarantees who writes there; nothing in the record can make it another unit."""
    deed = deed_of(read(by="clerk-17", version=4))
    assert (deed.principal.subject, deed.principal.unit) == ("dept-GL-URBAN:clerk-17", "GL-URBAN")
    assert deed.principal.roles == {Role.HANDLER}
    assert (deed.action.path, deed.case_id, deed.expected) == ("sign", UUID(CASE), {4})
    assert deed_of(read()).principal.subject == "dept-GL-URBAN"
    assert why(read(unit="GL-POLICE"))[0] == "validation_failed"


def test_a_phone_number_does_not_pass_as_a_clerk() -> None:
    """R-PRIV-01."""
    assert deed_of(read(by="13912345678")).principal.subject == "dept-GL-URBAN:〔电话〕"


def test_exactly_what_units_do_over_http_may_be_replied() -> None:
    assert {
        action.path: action.command for action in ACTIONS if action.roles[: len(WORKERS)] == WORKERS
    } == dict(OF_UNITS)
    assert not any(Role.HANDLER in action.roles for action in ACTIONS if action.path not in OF_UNITS)


@pytest.mark.parametrize("action", REPLIES)
def test_the_example_of_each_action_is_a_reply(action: str) -> None:
    """No field of an action has the name of one that every reply has."""
    assert not Reply.model_fields.keys() & BY_PATH[action].body.model_fields.keys()
    deed = deed_of(read(**BY_PATH[action].example | {"action": action}))
    assert deed.body == BY_PATH[action].body.model_validate(BY_PATH[action].example)


def test_the_words_of_a_department_are_masked_as_over_http() -> None:
    """R-PRIV-01: one code for both."""
    deed = deed_of(read(action="reply", result="已电话13912345678告知本人"))
    command = deed.action.build(deed.body, actor=Actor.model_validate(ACTOR))
    assert isinstance(command, ReplyCase)
    assert command.result == "已电话〔电话〕告知本人"


ACTOR: Any = {"subject": "s", "role": "handler", "unit": "GL-URBAN"}

BAD = [
    pytest.param(b"", "invalid_json", "There is nothing in it", id="empty"),
    pytest.param(
        b'\xef\xbb\xbf{"action": "sign"}', "invalid_json", "begins with a byte order mark", id="bom"
    ),
    pytest.param(b'{"action": "sign", ', "invalid_json", "line 1 column", id="broken off"),
    pytest.param(b'"sign"', "invalid_json", "Send one JSON object", id="no object"),
    pytest.param(b"[" * 100_000, "invalid_json", "breaks off", id="nested"),
    pytest.param(
        b'{"action": "\xff"}', "invalid_utf8", "The byte at offset 12 is not valid UTF-8", id="utf-8"
    ),
    pytest.param(b" " * (LARGEST + 1), "body_too_large", "larger than the 262144 bytes", id="large"),
    pytest.param({"case_id": CASE}, "validation_failed", "action: expected one of contact, ", id="no action"),
    pytest.param({"action": "dance"}, "validation_failed", "action: expected one of", id="unknown action"),
    pytest.param({"action": ["sign"]}, "validation_failed", "action: expected one of", id="odd action"),
    pytest.param({"action": "callback"}, "role_required", "operator", id="not for units"),
    pytest.param({"action": "sign"}, "validation_failed", "case_id: expected a value", id="no case"),
    pytest.param(
        {"action": "sign", "case_id": "7"}, "validation_failed", "case_id: expected a UUID", id="odd case"
    ),
    pytest.param(
        {"action": "sign", "case_id": CASE, "note": "x"},
        "validation_failed",
        "note: expected no such field",
        id="unknown field",
    ),
    pytest.param(
        {"action": "extension", "case_id": CASE, "reason": "等配件", "days": 1000},
        "validation_failed",
        "days: expected less than or equal to 90",
        id="out of range",
    ),
    pytest.param(
        {"action": "progress", "case_id": CASE, "note": "a\x00b"},
        "validation_failed",
        "note: expected a text without the character U+0000",
        id="nul",
    ),
    pytest.param(
        {"action": "sign", "case_id": CASE, "id": "with space"},
        "validation_failed",
        "id: expected",
        id="odd id",
    ),
    pytest.param(
        {"action": "sign", "case_id": CASE, "version": -1},
        "validation_failed",
        "version: expected",
        id="version",
    ),
]


@pytest.mark.parametrize(("value", "code", "reason"), BAD)
def test_what_is_wrong_is_told_in_plain_words(value: Any, code: str, reason: str) -> None:
    found = why(receive(letter(value)))
    assert found[0] == code
    assert reason in found[1]


def test_a_rejection_leads_back_to_the_reply_and_repeats_nothing_of_it() -> None:
    """R-PRIV-01: the words stay where the department wrote them; names of fields are masked and cut."""
    odd: dict[str, Any] = {"13912345678": "王某某", "x" * 9000: 1}
    received = read(id="our-1", **odd)
    assert isinstance(received.deed, Problem)
    told = rejected(received, received.deed)
    assert (told.unit, told.replies, told.partition, told.offset) == (
        "GL-URBAN",
        "dept.GL-URBAN.replies",
        0,
        7,
    )
    assert (told.id, told.action, told.case_id, told.topic()) == (
        "our-1",
        "sign",
        UUID(CASE),
        "dept.GL-URBAN.rejected",
    )
    text = told.model_dump_json()
    assert "139" not in text
    assert "王" not in text
    assert len(text) < 2000


def test_the_departments_own_id_is_masked_where_it_is_told() -> None:
    """R-PRIV-01."""
    received = receive(letter({"action": "progress", "case_id": CASE, "id": "call-13912345678"}))
    assert isinstance(received.deed, Problem)
    assert rejected(received, received.deed).id == "call-〔电话〕"


def test_a_uuid_as_the_departments_own_id_comes_back_whole() -> None:
    """R-PRIV-01: its digits can look like a phone number, and the department's program must find it again."""
    own = "sign/01a20e84-3b7c-7d4a-bda4-138001380001"
    received = receive(letter({"action": "progress", "case_id": CASE, "id": own}))
    assert isinstance(received.deed, Problem)
    assert rejected(received, received.deed).id == own


def test_a_used_id_is_told_in_the_departments_own_terms() -> None:
    assert rejected(read(id="a"), key_reused()).reason == (
        "This `id` was used for another reply; take a new one for a new reply."
    )


def test_a_long_reason_ends_with_a_whole_word() -> None:
    expected = "one of " + ", ".join(f"action-{number}" for number in range(100, 140))
    problem = unprocessable([FieldError(field="action", message="unknown", expected=expected)])
    [told] = rejected(read(), problem).errors
    assert len(told.expected) <= 202
    assert told.expected.endswith(", …")
    assert expected.startswith(told.expected.removesuffix(" …"))


def test_what_could_be_read_of_a_bad_reply_is_told() -> None:
    received = receive(letter({"action": "progress", "case_id": CASE, "id": "our-2"}))
    assert (received.id, received.action, received.key.case_id) == ("our-2", "progress", UUID(CASE))
    assert receive(letter(b"?")).key.case_id == NO_CASE


def key(received: Received) -> tuple[str, str, bytes]:
    asked = deed_of(received).asked
    assert asked is not None
    return asked.principal, asked.key, asked.request_hash


def test_a_repeat_has_the_same_key_and_another_reply_does_not() -> None:
    """With an id of the department's, wherever it stands; without one, only the very record."""
    assert key(read(1, id="a")) == key(read(2, id="a"))
    assert key(read(1, id="a"))[1] != key(read(1, id="b"))[1]
    assert key(read(1, id="a"))[2] != key(read(2, id="a", by="other"))[2]
    spaced = receive(letter(b'{ "case_id": "%s",\n "id": "a", "action":"sign" }' % CASE.encode()))
    assert key(spaced) == key(read(id="a"))
    assert key(read(1)) == key(read(1))
    assert key(read(1))[1] != key(read(2))[1]
    another_log = receive(letter({"action": "sign", "case_id": CASE}, 1, AT_MS + 1))
    assert key(another_log)[1] != key(read(1))[1]


def test_a_case_id_is_not_taken_for_a_phone_number() -> None:
    """R-PRIV-01: all else of a reason is masked."""
    case = "01a20e84-3b7c-7d4a-bda4-138001380001"
    received = receive(letter({"action": "sign", "case_id": case}))
    problem = Problem(404, "case_unknown", "No such case", f"There is no case {case}; call 13800138000.")
    assert rejected(received, problem).reason == f"There is no case {case}; call 〔电话〕."


@pytest.mark.parametrize("version", ["4", True, 4.5])
def test_a_version_is_a_whole_number(version: object) -> None:
    assert why(read(version=version))[0] == "validation_failed"


@pytest.mark.parametrize("at_ms", [-1, 0, AT_MS, 2**62])
def test_a_sequence_fits_64_bits_and_rises_whatever_the_time(at_ms: int) -> None:
    class Record:
        partition, value, headers = 0, None, ()

        def __init__(self, offset: int) -> None:
            self.offset, self.timestamp = offset, at_ms

    first, second = (Letter.of(Record(offset), "dept.GL.replies") for offset in (0, 1))
    assert 0 < first.sequence < second.sequence < 2**63
    assert first.at < first.at.replace(year=2300)


def test_two_replies_about_one_case_are_never_decided_together() -> None:
    other = CASE.replace("0198", "0199")
    letters = [read(1), read(2, case_id=other), read(3), read(4, case_id=other), read(5)]
    broken = receive(letter(b"?", 6))
    found = [[each.letter.offset for each in wave] for wave in waves([*letters, broken, broken])]
    assert found == [[1, 2, 6, 6], [3, 4], [5]]
