"""Errors over HTTP: each names the field, byte or limit and says what would be right, and leaks nothing."""

import gzip
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from starlette.types import Message

from chassis.http import Role
from chassis.http.problems import (
    MEDIA_TYPE,
    FieldError,
    Problem,
    demand_single_keys,
    field_path,
    unprocessable,
    validation_problem,
)
from chassis.logs import JsonFormatter
from chassis.metrics import Metrics
from tests.unit.http_kit import JSON, make_app, make_client, make_token

BOTH = pytest.mark.parametrize("path", ["/reports", "/hot"], ids=["fastapi", "hot"])
TWO_MEBIBYTES = 2 * 1024 * 1024


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client(make_app(tmp_path), make_token(tmp_path, Role.OPERATOR)) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:caseladder:problem:{code}")
    assert body["title"]
    assert body["detail"]
    return body


@BOTH
async def test_each_wrong_field_is_named_with_what_would_be_right(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, json={"place": {"longitude": 200}, "tags": [1, "x"]})
    errors = {e["field"]: e["expected"] for e in problem(answer, 422, "validation_failed")["errors"]}  # type: ignore[attr-defined]
    assert errors.keys() == {"text", "place.longitude", "tags[1]"}
    assert errors["place.longitude"] == "less than or equal to 136"
    assert "required" in errors["text"]
    assert "integer" in errors["tags[1]"]


def test_what_would_be_right_is_not_the_message_again() -> None:
    class Note(BaseModel):
        at: AwareDatetime
        case_id: UUID
        text: str = Field(min_length=2)
        track: str = Field(pattern="^[SM]$")

    with pytest.raises(ValidationError) as caught:
        Note.model_validate({"at": datetime(2026, 3, 2), "case_id": "7", "text": "", "track": "X"})  # noqa: DTZ001
    assert {e.field: e.expected for e in validation_problem(caught.value).errors} == {
        "at": "a time with its offset, such as 2026-03-02T09:30:00+08:00",
        "case_id": "a UUID such as 0198a7c2-0000-7000-8000-000000000001",
        "text": "at least 2 characters",
        "track": "match pattern '^[SM]$'",
    }


@BOTH
async def test_the_answer_does_not_repeat_what_was_sent(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json={"text": ["13800138000"], "place": {"longitude": 116}})
    problem(answer, 422, "validation_failed")
    assert "13800138000" not in answer.text


@BOTH
async def test_broken_json_is_refused_with_line_and_column(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b'{"text": "a",\n "place": }', headers=JSON)
    assert "line 2 column 11" in str(problem(answer, 400, "invalid_json")["detail"])


@BOTH
async def test_invalid_utf8_is_refused_with_its_byte_offset(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b'{"text": "\xe8\xb7\xaf\xff"}', headers=JSON)
    assert "offset 13 " in str(problem(answer, 400, "invalid_utf8")["detail"])


async def test_a_text_that_no_database_stores_is_refused_by_its_field(client: httpx.AsyncClient) -> None:
    body = {"text": "a\x00b", "place": {"longitude": 116}}
    answer = await client.post("/hot", json=body)
    assert [e["field"] for e in problem(answer, 422, "validation_failed")["errors"]] == ["text"]  # type: ignore[attr-defined]
    spelled_out = await client.post("/hot", json=body | {"text": "the escape \\u0000"})
    assert spelled_out.status_code == 201


@BOTH
async def test_json_nested_too_deeply_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"[" * 100_000, headers=JSON)
    problem(answer, 400, "invalid_json")


@BOTH
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_a_body_of_another_type_is_refused(client: httpx.AsyncClient, path: str, media: str) -> None:
    body = b'{"text": "a", "place": {"longitude": 116}}'
    answer = await client.post(path, content=body, headers={"Content-Type": media})
    assert "`Content-Type: application/json`" in str(problem(answer, 415, "unsupported_media_type")["detail"])
    for right in ("application/json", "Application/JSON; charset=utf-8", "application/ld+json"):
        answer = await client.post(path, content=body, headers={"Content-Type": right})
        assert answer.status_code in (200, 201)


@BOTH
async def test_a_body_of_no_type_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b'{"text": "a", "place": {"longitude": 116}}')
    assert "`Content-Type: application/json`" in str(problem(answer, 415, "unsupported_media_type")["detail"])


@BOTH
async def test_a_body_in_another_character_set_is_refused(client: httpx.AsyncClient, path: str) -> None:
    body = b'{"text": "a", "place": {"longitude": 116}}'
    for wrong in ("gbk", '"gb18030"', "utf-16", "utf-8x"):
        media = f"application/json; charset={wrong}"
        answer = await client.post(path, content=body, headers={"Content-Type": media})
        assert "`charset=utf-8`" in str(problem(answer, 415, "unsupported_charset")["detail"])
    answer = await client.post(
        path, content=body, headers={"Content-Type": 'application/json; Charset="UTF-8"'}
    )
    assert answer.status_code in (200, 201)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"text": "a", "place": {"longitude": 116}, "text" : "b"}', "text"),
        ('{"text": "a", "place": {"longitude": 116,"longitude":117}}', "longitude"),
        ('{"text": "a", "place": {"longitude": 116}}', None),
        (r'{"text": "a,\"place\":b,", "place": {"longitude": 116}, "text": ","}', "text"),
        ('{"text": "a,", "place": {"longitude": 116}, "text":":,"}', "text"),
        ('{"text": "text", "place": {"longitude": 116}}', None),
        (r'{"text": "a,\"text\":b, \"text\": {\"text\":", "place": {"longitude": 116}}', None),
    ],
)
async def test_a_key_that_an_object_has_twice_is_refused_by_its_name(
    client: httpx.AsyncClient, body: str, key: str | None
) -> None:
    answer = await client.post("/hot", content=body, headers=JSON)
    if key is None:
        assert answer.status_code == 201
    else:
        assert f"'{key}'" in str(problem(answer, 400, "duplicate_key")["detail"])


def test_a_key_in_two_objects_is_no_repetition() -> None:
    demand_single_keys(
        b'{"place": {"longitude": 1}, "location": {"longitude": 2}, "tags": [{"a": 1}, {"a": 2}]}'
    )


@BOTH
async def test_a_compressed_body_is_refused(client: httpx.AsyncClient, path: str) -> None:
    body = b'{"text": "a", "place": {"longitude": 116}}'
    answer = await client.post(path, content=gzip.compress(body), headers=JSON | {"Content-Encoding": "gzip"})
    assert "`Content-Encoding`" in str(problem(answer, 415, "unsupported_encoding")["detail"])
    answer = await client.post(path, content=body, headers=JSON | {"Content-Encoding": "identity"})
    assert answer.status_code in (200, 201)


async def test_a_query_parameter_is_named_as_such(tmp_path: Path) -> None:
    async with make_client(make_app(tmp_path), make_token(tmp_path, Role.OPS)) as client:
        errors = problem(await client.get("/reports?limit=0"), 422, "validation_failed")["errors"]
    assert [e["field"] for e in errors] == ["query.limit"]  # type: ignore[attr-defined]


async def test_unknown_address_and_method(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404, "not_found")
    answer = await client.put("/hot")
    assert "POST" in str(problem(answer, 405, "method_not_allowed")["detail"])
    assert answer.headers["allow"] == "POST"


@BOTH
async def test_two_megabytes_with_a_length_are_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"x" * TWO_MEBIBYTES, headers=JSON)
    assert "1048576 bytes" in str(problem(answer, 413, "body_too_large")["detail"])


@BOTH
@pytest.mark.parametrize("declared", [{}, {"Content-Length": str(32 * TWO_MEBIBYTES)}])
async def test_what_is_too_large_is_read_to_its_end_within_reason(
    client: httpx.AsyncClient, path: str, declared: dict[str, str]
) -> None:
    """Closing while the client sends would cost it the answer; a body without end costs us only so much."""
    for size, least, most in (
        (TWO_MEBIBYTES, TWO_MEBIBYTES, TWO_MEBIBYTES),
        (32 * TWO_MEBIBYTES, 0, 10 << 20),
    ):
        sent = 0

        async def stream(parts: int = size // 65_536) -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(parts):
                sent += 65_536
                yield b"x" * 65_536

        answer = await client.post(path, content=stream(), headers=JSON | declared)
        problem(answer, 413, "body_too_large")
        assert least <= sent <= most


async def test_a_length_beyond_all_reason_is_refused_before_anything_has_come(tmp_path: Path) -> None:
    """A caller that announces more than would be thrown away, and sends nothing, has its answer all the same."""
    app, sent = make_app(tmp_path), list[Message]()

    async def nothing_comes() -> Message:
        raise AssertionError("the body was waited for")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"99999999999")]
    scope = {"type": "http", "method": "POST", "path": "/hot", "headers": headers, "query_string": b""}
    await app(scope, nothing_comes, send)
    assert sent[0]["status"] == 413


async def test_one_path_may_have_a_larger_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/large", content=b"x" * TWO_MEBIBYTES)
    assert (answer.status_code, answer.json()) == (200, TWO_MEBIBYTES)
    problem(await client.post("/large", content=b"x" * TWO_MEBIBYTES * 3), 413, "body_too_large")


async def test_an_unhandled_exception_gives_an_incident_id_that_the_log_knows(tmp_path: Path) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("sample"))
    logger = logging.getLogger("chassis.http.middleware")
    logger.addHandler(handler)
    metrics = Metrics()
    try:
        async with make_client(make_app(tmp_path, metrics), make_token(tmp_path, Role.OPERATOR)) as client:
            answer = await client.post("/broken")
    finally:
        logger.removeHandler(handler)
    detail = str(problem(answer, 500, "internal_error")["detail"])
    line = json.loads(stream.getvalue())
    assert line["incident"] in detail
    assert line["error"][0]["type"] == "builtins.KeyError"
    assert line["error"][0]["at"][-1].startswith("tests.unit.http_kit:broken:")
    assert "KeyError" not in answer.text
    for text in (answer.text, stream.getvalue()):
        assert "张三" not in text
        assert "13800138000" not in text
    assert b'caseladder_http_responses_total{status="5xx"} 1.0' in metrics.text()


async def test_a_client_that_breaks_off_while_sending_is_no_fault_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    app = make_app(tmp_path, metrics)
    came: Iterator[Message] = iter(
        [{"type": "http.request", "body": b'{"text"', "more_body": True}, {"type": "http.disconnect"}]
    )
    token = make_token(tmp_path, Role.OPERATOR)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/hot",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }

    async def receive() -> Message:
        return next(came)

    async def send(message: Message) -> None:
        raise AssertionError(f"nobody is left to read {message}")

    await app(scope, receive, send)
    assert next(came, None) is None
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert b'status="5xx"' not in metrics.text()


def test_field_paths() -> None:
    assert field_path(("evidence", 0, "kind")) == "evidence[0].kind"
    assert field_path(()) == "body"


def test_a_problem_as_a_document() -> None:
    document = Problem(409, "taken", "Taken", "Somebody else has it.").document()
    assert document == {
        "type": "urn:caseladder:problem:taken",
        "status": 409,
        "code": "taken",
        "title": "Taken",
        "detail": "Somebody else has it.",
    }


async def test_a_database_that_is_away_is_no_fault_of_ours(tmp_path: Path) -> None:
    """503 and when to come again; asyncpg meets a server that left between two queries in a state of its own."""
    async with make_client(make_app(tmp_path)) as client:
        answer = await client.get("/away")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_what_is_named_as_wrong_tells_no_number_of_a_person() -> None:
    """R-PRIV-01: an answer is logged by whoever gets it; a number in the place of a name or code is masked."""
    wrong = FieldError(
        field="reporter.13651297402", message="There is no grid 13651297402.", expected="a grid"
    )
    made = unprocessable([wrong])
    told = FieldError(field="reporter.〔电话〕", message="There is no grid 〔电话〕.", expected="a grid")
    assert made.errors == (told,)
    assert made.detail == "Check: reporter.〔电话〕."


def test_the_example_of_what_is_right_is_shown() -> None:
    """R-PRIV-01: an example is of nobody; what the caller gave beside it is masked."""
    right = "6 to 20 digits, such as 0516-83712345"
    wrong = FieldError(
        field="reporter.phone", message=f"String should be {right}, not 13651297402", expected=right
    )
    (told,) = unprocessable([wrong]).errors
    assert told.message == f"String should be {right}, not 〔电话〕"
