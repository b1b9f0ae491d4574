"""`POST /v1/cases/batch` on a real PostgreSQL: answers line by line, and one bad line spoils no other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.http import Role
from services.intake import batch as batches
from tests.intake_kit import GRID, NDJSON, Intake, body, ndjson, running


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def test_bad_lines_spoil_no_other(intake: Intake) -> None:
    """R-HOT-02: each line has its own answer, in order, with a stable code; empty lines are passed over."""
    lines = await intake.batch(
        body(),
        b'{"title": "broken',
        b'\xff{"title": "not utf-8"}',
        b"",
        body(matter="no.such.matter"),
        b'{"title": "' + b"x" * batches.MAX_LINE_BYTES + b'"}',
        body(title="\x00"),
        b"[]",
        body(place={"grid": GRID, "source": "sampled"}),
    )
    assert [line["line"] for line in lines] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert [line["status"] for line in lines] == [201, 400, 400, 422, 413, 422, 422, 201]
    codes = [line["problem"]["code"] for line in lines if "problem" in line]
    assert codes == [
        "invalid_json",
        "invalid_utf8",
        "validation_failed",
        "line_too_long",
        "validation_failed",
        "validation_failed",
    ]
    assert await intake.count("case_file") == 2
    (event,) = await intake.events(lines[-1]["case_id"])
    assert event["place"]["source"] == "sampled"


async def test_a_batch_is_repeated_safely(intake: Intake) -> None:
    """R-PET-18: with a key on each line the whole batch can be sent again; another line under a key is refused."""
    lines = [body(title=f"第{number}件", idempotency_key=f"line-{number}") for number in range(20)]
    first = await intake.batch(*lines)
    assert await intake.batch(*lines) == first
    assert await intake.count("case_file") == 20
    changed = await intake.batch(lines[0] | {"title": "改了"}, lines[1])
    assert changed[0]["problem"]["code"] == "idempotency_key_reused"
    assert changed[1] == first[1] | {"line": 2}


async def test_a_key_within_one_batch_counts_once(intake: Intake) -> None:
    """R-PET-18: a repetition is not linked as a repeat, and nothing is linked to it."""
    line = body(idempotency_key="k", matter="municipal.streetlight", reporter={"phone": "13800138000"})
    one, two = await intake.batch(line, line)
    assert one["case_id"] == two["case_id"]
    (three,) = await intake.batch(line | {"idempotency_key": "k3"})
    assert three["repeat_of"] == one["case_id"]


async def test_a_long_batch_is_answered_in_order(intake: Intake) -> None:
    """R-HOT-02: more lines than one commit takes; every one becomes a case of its own."""
    answer = await intake.batch(*(body(title=f"第{number}件") for number in range(1000)))
    assert [line["line"] for line in answer] == list(range(1, 1001))
    assert {line["status"] for line in answer} == {201}
    assert (
        len({line["case_id"] for line in answer}) == len({line["tracking_code"] for line in answer}) == 1000
    )
    assert await intake.count("case_file") == 1000


async def test_too_many_lines_are_refused_as_a_whole(intake: Intake) -> None:
    """Nothing is half-written: the count is checked before the first line is taken in."""
    content = ndjson(*[body()] * (batches.MAX_LINES + 1))
    answer = await intake.client.post(
        "/v1/cases/batch", content=content, headers=intake.as_role(Role.OPS) | NDJSON
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_lines")
    assert await intake.count("case_file") == 0


async def test_a_key_of_the_whole_batch_is_refused(intake: Intake) -> None:
    """Passed over, it would let a repeated batch make every case twice: the field that does it is named."""
    headers = intake.as_role(Role.OPS) | NDJSON | {"Idempotency-Key": "batch-1"}
    answer = await intake.client.post("/v1/cases/batch", content=ndjson(body()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert "idempotency_key" in answer.json()["detail"]
    assert await intake.count("case_file") == 0


async def test_an_empty_batch_has_an_empty_answer(intake: Intake) -> None:
    assert await intake.batch() == []


async def test_a_batch_is_ndjson(intake: Intake) -> None:
    """One JSON document is not a batch: the right header is named, and nothing is taken in."""
    headers = intake.as_role(Role.OPS) | {"Content-Type": "application/json"}
    answer = await intake.client.post("/v1/cases/batch", content=ndjson(body()), headers=headers)
    assert answer.status_code == 415
    assert "`Content-Type: application/x-ndjson`" in answer.json()["detail"]
    assert await intake.count("case_file") == 0


async def test_residents_send_no_batches(intake: Intake) -> None:
    """R-GRD-01: tiered access."""
    headers = intake.as_role(Role.RESIDENT)
    answer = await intake.client.post("/v1/cases/batch", content=ndjson(body()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_required")


async def test_a_large_body_is_refused_on_the_single_route(intake: Intake) -> None:
    """A body of 2 MB is told its limit; the batch route takes it."""
    content = ndjson(body()) + b" " * 2_000_000
    answer = await intake.client.post("/v1/cases", content=content, headers=intake.operator)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "1048576 bytes" in answer.json()["detail"]


async def test_every_bad_line_names_its_field(intake: Intake) -> None:
    """The problem document of a line is the same as that of the single route."""
    wrong = body(urgency=9, place={"longitude": 117.15})
    (line,) = await intake.batch(wrong)
    single = await intake.submit(wrong)
    assert line["problem"] == single.json()
    assert [error["field"] for error in line["problem"]["errors"]] == ["urgency", "place.latitude"]
