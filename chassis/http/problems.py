"""Errors as RFC 9457 problem documents, each with a stable `code`, naming the field and what would be right.

Raise `Problem` anywhere in a request. `read_json(Model, raw)` parses a body by hand with the same answers
that FastAPI routes give. A ValidationError that nobody turned into a Problem is a fault of ours: 500.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chassis.masking import mask

MEDIA_TYPE = "application/problem+json"
_RIGHT = {
    "missing": "a value: this field is required",
    "extra_forbidden": "no such field: leave it out or correct its name",
    "timezone_aware": "a time with its offset, such as 2026-03-02T09:30:00+08:00",
    "uuid_parsing": "a UUID such as 0198a7c2-0000-7000-8000-000000000001",
}
"""What would be right, by pydantic's kind of error, where pydantic's own words do not say it."""
_KEY = re.compile(rb'[{,]\s*+"([^"\\]*+)"\s*+:')
"""A key of JSON: within a text a quotation mark stands behind a backslash only."""
M = TypeVar("M", bound=BaseModel)


class FieldError(BaseModel):
    """One field that is wrong: its path (`place.longitude`, `evidence[0].kind`, `query.limit`)."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str
    expected: str


class ProblemDocument(BaseModel):
    """The body of every error answer (RFC 9457). `code` is stable: programs may rely on it."""

    type: str
    status: int
    code: str
    title: str
    detail: str
    errors: list[FieldError] = []


class Problem(HTTPException):
    """An error answer, to be raised; an HTTPException, since FastAPI lets only that pass while it reads a body."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code = code
        self.title = title
        self.errors = tuple(errors)

    def document(self) -> dict[str, Any]:
        """The problem as plain JSON values; also the shape of a refused line in a batch answer."""
        document: dict[str, Any] = {
            "type": f"urn:caseladder:problem:{self.code}",
            "status": self.status_code,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [error.model_dump() for error in self.errors]
        return document

    def response(self) -> Response:
        """The HTTP answer."""
        return Response(orjson.dumps(self.document()), self.status_code, self.headers, MEDIA_TYPE)


def read_json(model: type[M], raw: bytes) -> M:
    """Parse and validate a JSON body; raises Problem (400 for broken JSON or UTF-8 and for a key that an object has
    twice, 422 naming the fields).

    A text with the character U+0000 is refused, too: PostgreSQL stores none.
    """
    try:
        read = model.model_validate_json(raw)
    except ValidationError as error:
        raise validation_problem(error, raw) from None
    demand_single_keys(raw)
    if b"\\u0000" in raw and (found := list(_with_nul(from_json(raw)))):
        raise unprocessable(_field_error(loc, "nul", "a text without the character U+0000") for loc in found)
    return read


def demand_single_keys(raw: bytes) -> None:
    """Raise Problem 400 where an object of a valid JSON text has a key twice: which one is meant nobody knows.

    Few bodies have a key in two objects, so that most are told by one search.
    """
    keys = _keys(raw)
    if len(keys) != len(set(keys)):
        json.loads(raw, object_pairs_hook=_once, parse_int=str)


def _keys(raw: bytes) -> list[bytes]:
    """The keys in a valid JSON text, whichever object they stand in; some that are none do no harm.

    Where no text holds a quotation mark, each begins or ends one: to go from one to the next is several times as
    quick as to look at every byte.
    """
    if b'\\"' in raw:
        return _KEY.findall(raw)
    parts = raw.split(b'"')
    # outside of texts a colon stands behind a key, and nowhere else
    return [text for text, behind in zip(parts[1::2], parts[2::2], strict=True) if b":" in behind]


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of these pairs."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        detail = f"The key {twice[:100]!r} stands twice in one object; send it once."
        raise Problem(400, "duplicate_key", "The body has a key twice", detail)
    return found


def _with_nul(value: object, loc: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """The places of the texts that hold U+0000; JSON can only write it as an escape."""
    match value:
        case str() if "\x00" in value:
            yield loc
        case dict():
            for name, inner in value.items():
                yield from _with_nul(inner, (*loc, name))
        case list():
            for place, inner in enumerate(value):
                yield from _with_nul(inner, (*loc, place))


def validation_problem(error: ValidationError, raw: bytes | None = None) -> Problem:
    """The Problem for a ValidationError; `raw` is the JSON text where there was one."""
    errors = error.errors(include_url=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return broken_json(raw or b"", str(errors[0].get("ctx", {}).get("error", "")))
    return unprocessable(_field_error(e["loc"], e["type"], e["msg"]) for e in errors)


def broken_json(raw: bytes, reason: str) -> Problem:
    """400 for a body that is not JSON: the byte offset of bad UTF-8, else the reason with line and column."""
    if raw.startswith(codecs.BOM_UTF8):
        detail = "It begins with a byte order mark (the bytes EF BB BF). Send the same text without it."
        return Problem(400, "invalid_json", "The body is not JSON", detail)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return invalid_utf8(error.start)
    return Problem(400, "invalid_json", "The body is not JSON", f"The JSON breaks off: {reason}.")


def invalid_utf8(offset: int) -> Problem:
    """400 naming the first byte (counted from 0) that is not UTF-8."""
    detail = f"The byte at offset {offset} is not valid UTF-8; send the text encoded in UTF-8."
    return Problem(400, "invalid_utf8", "The body is not UTF-8", detail)


def unprocessable(errors: Iterable[FieldError]) -> Problem:
    """422 naming each field that is wrong; personal numbers in the place of a name or code are masked."""
    found = [one.model_copy(update={"field": mask(one.field), "message": _masked(one)}) for one in errors]
    names = ", ".join(error.field for error in found)
    return Problem(422, "validation_failed", "Some fields are not right", f"Check: {names}.", found)


def _masked(error: FieldError) -> str:
    """The message; what is expected is told as it is, for its example may look like a number of a person."""
    ours = error.expected
    return ours.join(map(mask, error.message.split(ours))) if ours else mask(error.message)


def too_large(limit: int) -> Problem:
    """413; `limit` is in bytes."""
    detail = f"The body is larger than the {limit} bytes allowed here."
    return Problem(413, "body_too_large", "The body is too large", detail, headers={"Connection": "close"})


def internal(incident: str) -> Problem:
    """500 that tells nothing but the incident id under which the fault was logged."""
    detail = f"The fault is ours and was recorded as incident {incident}. Trying again later may help."
    return Problem(500, "internal_error", "Something went wrong here", detail)


def unavailable(detail: str) -> Problem:
    """503 for what passes by itself."""
    return Problem(503, "unavailable", "Not available at the moment", detail, headers={"Retry-After": "1"})


# --- handlers that create_app registers ---------------------------------------------------------------------


async def on_problem(_: Request, error: Exception) -> Response:
    """Answer a raised Problem."""
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    return error.response()


async def on_request_invalid(request: Request, error: Exception) -> Response:
    """Answer FastAPI's validation error."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    found = error.errors()
    first = found[0]
    if first["type"] == "json_invalid":
        return _json_problem(str(error.body), int(first["loc"][1]), str(first["ctx"]["error"])).response()
    if tuple(first["loc"]) == ("body",) and first["type"] != "missing" and not _is_json(request):
        return wrong_media_type("application/json").response()
    return unprocessable(_field_error(_without_body(e["loc"]), e["type"], e["msg"]) for e in found).response()


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette and FastAPI raise by themselves: 404, 405, and a body that could not be read."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return _framework_problem(request, error).response()


def _framework_problem(request: Request, error: HTTPException) -> Problem:
    if isinstance(error.__cause__, UnicodeDecodeError):
        return invalid_utf8(error.__cause__.start)
    if isinstance(error.__cause__, RecursionError):
        return Problem(
            400, "invalid_json", "The body is not JSON we can read", "The JSON is nested too deeply."
        )
    if error.status_code == 404:
        detail = "There is nothing at this address; /openapi.json lists what there is."
        return Problem(404, "not_found", "Not found", detail)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        detail = f"{request.method} is not possible here; possible: {allowed or 'see /openapi.json'}."
        return Problem(405, "method_not_allowed", "Method not allowed", detail, headers=error.headers)
    phrase = HTTPStatus(error.status_code).phrase
    code = re.sub(r"[^a-z]+", "_", phrase.lower())
    return Problem(error.status_code, code, phrase, str(error.detail), headers=error.headers)


def _json_problem(text: str, position: int, reason: str) -> Problem:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return broken_json(b"", f"{reason} at line {line} column {column}")


def wrong_media_type(right: str) -> Problem:
    """415; `right` is the media type that would be."""
    lines = "one JSON object a line" if right == "application/x-ndjson" else "JSON"
    detail = f"Send the body as {lines} with the header `Content-Type: {right}`."
    return Problem(415, "unsupported_media_type", "The body's type is not supported", detail)


def wrong_charset() -> Problem:
    """415 for a text that says it is not encoded in UTF-8."""
    detail = (
        "Send the text in UTF-8, with `charset=utf-8` in the header `Content-Type`, or without `charset`."
    )
    return Problem(415, "unsupported_charset", "The body's character set is not supported", detail)


def wrong_encoding() -> Problem:
    """415 for a compressed body."""
    detail = "Send the body uncompressed, without the header `Content-Encoding` (or with `identity`)."
    headers = {"Accept-Encoding": "identity", "Connection": "close"}
    return Problem(
        415, "unsupported_encoding", "The body's encoding is not supported", detail, headers=headers
    )


def is_media_type(header: str, right: str) -> bool:
    """Whether a Content-Type is `right`; for JSON also what is made of JSON, such as `application/ld+json`."""
    media = header.partition(";")[0].strip().lower()
    return media == right or (right == "application/json" and media.endswith("+json"))


def has_body(request: Request) -> bool:
    """Whether the request announces a body that is not empty."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _is_json(request: Request) -> bool:
    return is_media_type(request.headers.get("content-type", ""), "application/json")


def _without_body(loc: Sequence[int | str]) -> Sequence[int | str]:
    return loc[1:] if len(loc) > 1 and loc[0] == "body" else loc


def field_path(loc: Sequence[int | str]) -> str:
    """A pydantic location as people write it: `evidence[0].kind`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.removeprefix(".") or "body"


def _field_error(loc: Sequence[int | str], kind: str, message: str) -> FieldError:
    return FieldError(
        field=field_path(loc),
        message=message.removeprefix("Value error, "),
        expected=_expected(kind, message),
    )


def _expected(kind: str, message: str) -> str:
    """What would be right, in words: pydantic says it after 'should' in most messages."""
    if kind in _RIGHT:
        return _RIGHT[kind]
    told = message.removeprefix("Value error, ")
    return re.sub(r"^\w+ should (?:be |have )?", "", told)
