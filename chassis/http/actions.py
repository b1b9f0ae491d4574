"""What the routes of every table of actions share: headers, the case of the path, replays, refusals, the answer."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from chassis.database import Pool
from chassis.decider import Refused
from chassis.http.auth import Principal
from chassis.http.conditional import etag, idempotency_key, request_hash
from chassis.http.problems import FieldError, Problem, unprocessable
from chassis.http.replies import key_reused
from chassis.idempotency import Answer, Idempotency, KeyReused, Replay, load_answers, look_up
from chassis.metrics import Metrics
from schemas.written import seen

ACTION_PARAMETERS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "case_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
    {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": 'The ETag that you read, such as "7"; 412 with the current one if it has changed since.',
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": 255},
        "description": "Sent again with the same key, the same request takes effect once.",
    },
)
"""How OpenAPI documents the path `…/{case_id}/<action>` and its headers."""


class ActionBody(BaseModel):
    """The base of the body of every action: frozen, strict about unknown keys, and about what is true or false."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _said_plainly(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse "yes", "off" and 0 for a boolean: on such a word a consent, or an end, could rest. What shows
        nothing is blank."""
        wanted = cls.model_fields[info.field_name or ""].annotation
        if value is not None and not isinstance(value, bool) and wanted in {bool, bool | None}:
            raise PydanticCustomError("bool_type", "Input should be true or false")
        return seen(value)


def case_of_path(request: Request) -> UUID:
    """The path's `case_id`. Raises Problem 422."""
    text = request.path_params["case_id"]
    try:
        return UUID(text)
    except ValueError:
        expected = "a UUID such as 0198a7c2-0000-7000-8000-000000000001"
        error = FieldError(field="path.case_id", message=f"{text!r} is no case id", expected=expected)
        raise unprocessable([error]) from None


def asked_once(request: Request, principal: Principal, raw: bytes) -> Idempotency | None:
    """The request's Idempotency-Key with its caller and body; None without one. Raises Problem 400."""
    key = idempotency_key(request.headers.get("idempotency-key"))
    if key is None:
        return None
    return Idempotency(principal.recorded_as, key, request_hash(request.method, request.url.path, raw))


async def answered_before(
    pool: Pool, metrics: Metrics, service: str, asked: Idempotency | None
) -> Answer | None:
    """The answer that the same request got before. Raises Problem 422 where the key was another request's.

    Whether the caller may still have it is for the route to ask first (R-LAD-04).
    """
    if asked is None:
        return None
    async with pool.acquire() as connection:
        known = await load_answers(connection, service, [asked])
    match look_up(known, asked):
        case Replay(answer=answer):
            metrics.count("commands", 1, "replayed")
            return answer
        case KeyReused():
            metrics.count("commands", 1, "conflict")
            raise key_reused()
    return None


def refusal_of(what: str) -> Callable[[Refused], Problem]:
    """From a decider's no to its problem: 422 where a field is at fault, else 409. `what` is acted on: case, …"""

    def refusal(refused: Refused) -> Problem:
        code = refused.code.lower()
        if refused.field is None:
            return Problem(409, code, f"The {what} does not allow this now", refused.reason)
        error = FieldError(field=refused.field, message=code, expected=refused.reason)
        return Problem(422, code, f"A field is not right for this {what}", refused.reason, [error])

    return refusal


def respond(answer: Answer) -> Response:
    """The answer with the ETag of its version."""
    return Response(answer.body, answer.status, {"ETag": etag(answer.version)}, "application/json")
