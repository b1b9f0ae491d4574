"""What comes otherwise than by a call: paper and visits by an operator, a grid worker's queue from hours ago."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from chassis.http import Role
from tests.intake_kit import GRID, NDJSON, Intake, body, ndjson, running


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def test_an_operator_enters_paper_and_visits_with_a_scan(intake: Intake) -> None:
    """R-HOT-01, R-PRIV-01: by its channel, the day on which it came, and a reference to the scan, masked as texts
    are."""
    came = datetime.now(UTC) - timedelta(days=2)
    for channel in ("fax", "letter", "visit"):
        scans = [f"scan:2026/{channel}-17.pdf", "scan:13800138000.pdf"]
        sent = body(channel=channel, attachments=scans, received_at=came.isoformat())
        case = await intake.accepted(sent)
        (event,) = await intake.events(case["case_id"], "CaseSubmitted")
        assert (event["channel"], event["attachments"][0]) == (channel, scans[0])
        assert "13800138000" not in orjson.dumps(event).decode()
        assert datetime.fromisoformat(event["received_at"]) == came
    for wrong in ([""], ["x" * 257], ["x"] * 21):
        refused = await intake.submit(body(channel="letter", attachments=wrong))
        assert refused.status_code == 422


async def test_a_grid_workers_queue_arrives_late_out_of_order_and_twice(intake: Intake) -> None:
    """R-GRD-01: hours without a network, then the phone sends what it has, newest first, some of it again, and at
    last all of it again: each submission is one case, dated when it was made."""
    made = datetime.now(UTC) - timedelta(hours=7)
    queue = [
        body(
            title=f"第{number}处",
            received_at=(made + timedelta(minutes=number)).isoformat(),
            idempotency_key=f"phone-1/{number}",
            location={"longitude": 117.18, "latitude": 34.29},
            place={},
        )
        for number in range(6)
    ]
    headers = intake.as_role(Role.GRID_WORKER, unit="GL040603", subject="grid-1") | NDJSON

    async def send(*lines: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await intake.client.post("/v1/cases/batch", content=ndjson(*lines), headers=headers)
        return [orjson.loads(line) for line in answer.content.splitlines()]

    first = await send(queue[5], queue[2], queue[2], queue[4])
    again = await send(*reversed(queue))
    assert {line["status"] for line in first + again} == {201}
    assert await intake.count("case_file") == 6
    by_number = [line["case_id"] for line in reversed(again)]
    assert [line["case_id"] for line in first] == [by_number[number] for number in (5, 2, 2, 4)]
    for number, case_id in enumerate(by_number):
        (event,) = await intake.events(case_id, "CaseSubmitted")
        assert datetime.fromisoformat(event["received_at"]) == made + timedelta(minutes=number)
        assert (event["channel"], event["worker"], event["place"]["grid"]) == ("grid", "GL040603", "GL040603")


async def test_another_workers_queue_may_use_the_same_numbers(intake: Intake) -> None:
    """R-GRD-01: keys belong to the worker; a phone that was passed on starts counting anew."""
    line = body(idempotency_key="phone/1", place={"grid": GRID})
    cases = set()
    for subject in ("grid-1", "grid-2"):
        headers = intake.as_role(Role.GRID_WORKER, unit=GRID, subject=subject) | NDJSON
        answer = await intake.client.post("/v1/cases/batch", content=ndjson(line), headers=headers)
        cases.add(orjson.loads(answer.content)["case_id"])
    assert len(cases) == 2
