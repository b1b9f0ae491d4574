"""From a record on `dept.<unit code>.replies` to a deed, or to what is wrong with it. Pure."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json

from chassis.http import FieldError, Principal, Problem, Role, forbidden, read_json
from chassis.http.problems import broken_json, too_large, unprocessable
from chassis.idempotency import Idempotency
from chassis.kafka.letters import Letter, RejectionKey
from chassis.masking import mask
from schemas.replies import OWN_ID, REPLIES, FieldAtFault, Reply, ReplyRejected
from services.router.api.actions import BY_PATH
from services.router.api.deeds import Deed

LARGEST: Final = 256 * 1024
"""Bytes of a reply."""
NO_CASE: Final = UUID(int=0)
_TOPIC: Final = re.compile(r"dept\.(.+)\.replies")
_TOLD_FIELDS: Final = 20
_TOLD_CHARACTERS: Final = 200
_UUID: Final = re.compile(r"(?<![\w-])([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?![\w-])")


@dataclass(frozen=True, slots=True)
class Received:
    """A letter as far as it could be read. `deed` is a Problem where it asks for nothing that can be done."""

    letter: Letter
    unit: str
    deed: Deed | Problem
    id: str | None = None
    action: str | None = None
    case_id: UUID | None = None

    @property
    def key(self) -> RejectionKey:
        """Return the name that its rejection has, or would have."""
        return RejectionKey(self.case_id or NO_CASE, self.letter.topic, self.letter.sequence)


def reply_topic(unit: str) -> str:
    """Return the topic on which a unit writes."""
    return f"dept.{unit}.replies"


def sender_of(topic: str) -> str:
    """Return the unit that writes on a topic: nobody else may."""
    found = _TOPIC.fullmatch(topic)
    assert found is not None  # noqa: S101 - we read no other topics
    return found[1]


def receive(letter: Letter) -> Received:
    """Read a letter."""
    unit = sender_of(letter.topic)
    if len(letter.value) > LARGEST:
        return Received(letter, unit, too_large(LARGEST))
    told = _peek(letter.value)
    if isinstance(told, Problem):
        return Received(letter, unit, told)
    own_id, action, case_id = told.get("id"), told.get("action"), _uuid(told.get("case_id"))
    return Received(
        letter,
        unit,
        _deed(letter, unit, action),
        own_id if isinstance(own_id, str) and re.fullmatch(OWN_ID, own_id) else None,
        action if isinstance(action, str) and action in BY_PATH else None,
        case_id,
    )


def rejected(received: Received, problem: Problem) -> ReplyRejected:
    """Say why a reply had no effect. What the sender wrote is not repeated, but for its own id and
    the names of fields, both masked (R-PRIV-01): the place in the topic names the reply in any case.
    """
    errors = tuple(_at_fault(error) for error in problem.errors[:_TOLD_FIELDS])
    return ReplyRejected(
        unit=received.unit,
        code=problem.code,
        reason=_masked(_reason(problem, errors)),
        errors=errors,
        replies=received.letter.topic,
        partition=received.letter.partition,
        offset=received.letter.offset,
        sent_at=received.letter.at,
        id=None if received.id is None else _masked(received.id),
        action=received.action,
        case_id=received.case_id,
    )


def _masked(text: str) -> str:
    """Mask a reason or an id, but for the UUIDs in it: of a case, or made up by a program, and their digits can
    look like a phone number."""
    return "".join(part if number % 2 else mask(part) for number, part in enumerate(_UUID.split(text)))


def _reason(problem: Problem, errors: tuple[FieldAtFault, ...]) -> str:
    if problem.code == "idempotency_key_reused":  # a department knows no such key, only its `id`
        return "This `id` was used for another reply; take a new one for a new reply."
    if problem.code != "validation_failed":
        return str(problem.detail)
    return f"{problem.title}. " + "; ".join(f"{error.field}: expected {error.expected}" for error in errors)


def _at_fault(error: FieldError) -> FieldAtFault:
    return FieldAtFault(field=mask(_cut(error.field)), expected=mask(_cut(error.expected)))


def _cut(text: str) -> str:
    """Shorten what is too long, between two words where there are several."""
    if len(text) <= _TOLD_CHARACTERS:
        return text
    start = text[:_TOLD_CHARACTERS]
    return f"{start.rpartition(' ')[0] or start} …"


def _peek(value: bytes) -> dict[str, Any] | Problem:
    """Return the object that a value is, not yet checked."""
    if not value:
        return Problem(
            400, "invalid_json", "The value is empty", "There is nothing in it. Send one JSON object: {…}."
        )
    try:
        told = from_json(value)
    except ValueError as error:
        return broken_json(value, str(error))
    if isinstance(told, dict):
        return told
    return Problem(400, "invalid_json", "The value is no JSON object", "Send one JSON object: {…}.")


def _deed(letter: Letter, unit: str, action: object) -> Deed | Problem:
    if not isinstance(action, str) or action not in REPLIES:
        return _no_action(action)
    try:
        reply = read_json(REPLIES[action], letter.value)
        body = BY_PATH[action].body.model_validate(reply.fields())
    except Problem as problem:
        return problem
    return Deed(
        _sender(unit, reply),
        BY_PATH[action],
        reply.case_id,
        body,
        None if reply.version is None else frozenset({reply.version}),
        _idempotency(letter, reply),
        letter.headers.get("traceparent", b"").decode("ascii", "replace"),
    )


def _no_action(action: object) -> Problem:
    if isinstance(action, str) and action in BY_PATH:
        return forbidden(BY_PATH[action].roles)
    known = ", ".join(sorted(REPLIES))
    return unprocessable([FieldError(field="action", message="unknown", expected=f"one of {known}")])


def _sender(unit: str, reply: Reply) -> Principal:
    """The department's Kafka user, and behind it whoever it says was at work: no token names them."""
    subject = f"dept-{unit}:{mask(reply.by)}" if reply.by else f"dept-{unit}"
    return Principal(subject, frozenset({Role.HANDLER}), unit, float("inf"))


def _idempotency(letter: Letter, reply: Reply) -> Idempotency:
    """The department's own id, else the place in the log: a record that is read twice takes effect once."""
    key = f"id:{reply.id}" if reply.id else letter.place
    asked = reply.model_dump_json(exclude={"id"}).encode()  # as it was understood: spaces do not make another
    return Idempotency(f"kafka:{letter.topic}", key, hashlib.sha256(asked).digest())


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
