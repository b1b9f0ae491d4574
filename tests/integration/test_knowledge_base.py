"""The knowledge base on a real database: who writes, who publishes, what an operator may tell (R-HOT-15)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.http import Role
from tests.intake_kit import Intake, body, running

CIVIL = (Role.HANDLER, "GL-CIVIL")
DISTRICT = (Role.SUPERVISOR, "GL")
TODAY = date.today()  # noqa: DTZ011 - as the machine that runs the service has it
DRAFT: dict[str, Any] = {
    "unit": "GL-CIVIL",
    "question": "殡葬补贴怎么申请？",
    "answer": "持死亡证明和身份证到社区申请，区民政局审批。",
    "keywords": ["殡葬补贴"],
    "valid_from": "2025-01-01",
    "review_by": str(TODAY + timedelta(days=90)),
}
PATH = "/v1/knowledge/funeral-subsidy"


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        async with asyncio.timeout(20):
            while await service.count("knowledge_entry") < 20:
                await asyncio.sleep(0.01)
        yield service


async def send(
    intake: Intake, method: str, path: str, who: tuple[Role, str], content: Any = None, **headers: str
) -> httpx.Response:
    signed = intake.as_role(who[0], unit=who[1]) | headers
    return await intake.client.request(method, path, json=content, headers=signed)


async def published(intake: Intake, **changes: Any) -> int:
    """Write and publish a version; return its number."""
    written = await send(intake, "PUT", PATH, CIVIL, DRAFT | changes)
    assert written.status_code == 200, written.text
    version: int = written.json()["version"]
    done = await send(intake, "POST", f"{PATH}/publication", DISTRICT, {"version": version})
    assert (done.status_code, done.json()["is_published"]) == (200, True), done.text
    return version


async def asked(intake: Intake, text: str) -> list[int]:
    """Return the versions of the entry under test that an operator finds."""
    answer = await intake.client.get("/v1/knowledge", params={"text": text}, headers=intake.operator)
    assert answer.status_code == 200, answer.text
    return [entry["version"] for entry in answer.json()["entries"] if entry["entry"] in PATH]


def consultation(version: int, entry: str = "funeral-subsidy", **changes: Any) -> dict[str, Any]:
    told = {"measure": "已按知识库答复", "knowledge": {"entry": entry, "version": version}}
    return body(kind="consult", resolved=told | changes)


async def test_a_draft_is_told_only_once_it_is_published(intake: Intake) -> None:
    """R-HOT-15: the owner writes, the district publishes, each version is kept, and sending again makes none."""
    for _ in range(2):
        written = await send(intake, "PUT", PATH, CIVIL, DRAFT)
        assert (written.json()["version"], written.json()["is_published"]) == (1, False)
    assert await asked(intake, "殡葬补贴") == []
    assert await published(intake) == 1
    assert await asked(intake, "殡葬补贴") == [1]
    stale = await send(intake, "PUT", PATH, CIVIL, DRAFT | {"answer": "新答案"}, **{"If-Match": '"7"'})
    assert stale.status_code == 412
    assert await published(intake, answer="到街道申请。") == 2
    assert await asked(intake, "殡葬补贴") == [2]
    history = (await send(intake, "GET", PATH, DISTRICT)).json()["entries"]
    assert [(entry["version"], entry["answer"]) for entry in history] == [
        (2, "到街道申请。"),
        (1, DRAFT["answer"]),
    ]
    older = await send(intake, "POST", f"{PATH}/publication", DISTRICT, {"version": 1})
    assert (older.status_code, older.json()["code"]) == (409, "entry_changed")


async def test_drafts_are_for_who_writes_and_who_publishes_them(intake: Intake) -> None:
    """R-HOT-15: nobody else tells or reads what was not decided; the notifier reads nothing at all."""
    await send(intake, "PUT", PATH, CIVIL, DRAFT)
    insiders = [CIVIL, (Role.SUPERVISOR, "GL-CIVIL"), DISTRICT]
    outsiders = [(Role.OPERATOR, "GL"), (Role.HANDLER, "GL-LABOUR"), (Role.SUPERVISOR, "GL01")]
    outsiders += [(Role.OPERATOR, "GL-CIVIL"), (Role.HANDLER, "GL"), (Role.OPS, "GL")]
    for who in insiders:
        assert (await send(intake, "GET", PATH, who)).headers["etag"] == '"1"', who
    for who in outsiders:
        hidden = await send(intake, "GET", PATH, who)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "entry_unknown"), who
    await published(intake)
    await send(intake, "PUT", PATH, CIVIL, DRAFT | {"answer": "尚未决定的新答案。"})
    for who, expected in [(who, [2, 1]) for who in insiders] + [(who, [1]) for who in outsiders]:
        shown = await send(intake, "GET", PATH, who)
        assert [entry["version"] for entry in shown.json()["entries"]] == expected, who
        assert shown.headers["etag"] == f'"{expected[0]}"'
    for path in (PATH, "/v1/knowledge", "/v1/knowledge-reviews"):
        assert (await send(intake, "GET", path, (Role.NOTIFIER, "GL"))).status_code == 403


async def test_nobody_edits_anothers_entry_or_publishes_their_own(intake: Intake) -> None:
    """R-HOT-15, R-HOT-14: and what is wrong with an entry is named."""
    await send(intake, "PUT", PATH, CIVIL, DRAFT)
    tried: list[tuple[tuple[Role, str], dict[str, Any]]] = [
        ((Role.HANDLER, "GL-LABOUR"), {}),
        ((Role.HANDLER, "GL-LABOUR"), {"unit": "GL-LABOUR"}),
        ((Role.SUPERVISOR, "GL"), {}),
        (CIVIL, {"unit": "GL-LABOUR"}),
    ]
    for who, changes in tried:
        refused = await send(intake, "PUT", PATH, who, DRAFT | changes)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_entry")
    for who in ((Role.SUPERVISOR, "GL-CIVIL"), (Role.SUPERVISOR, "GL01")):
        refused = await send(intake, "POST", f"{PATH}/publication", who, {"version": 1})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_the_district")
    faults: list[dict[str, Any]] = [
        {"matters": ["moon.cheese"]},
        {"unit": "GL-NOBODY"},
        {"valid_to": "2020-01-01"},
        {"review_by": "2020-01-01"},
        {"answer": "a\x00b"},
        {"answer": "长" * 4001},
        {"more": 1},
    ]
    for changes in faults:
        wrong = await send(intake, "PUT", PATH, CIVIL, DRAFT | changes)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "validation_failed"), changes
    assert (await send(intake, "GET", "/v1/knowledge/nothing-here", CIVIL)).status_code == 404
    assert (await send(intake, "GET", "/v1/knowledge/Robert');--", CIVIL)).status_code == 422
    assert (await send(intake, "GET", "/v1/knowledge", (Role.RESIDENT, "GL"))).status_code == 403


async def test_a_consultation_cites_what_was_told(intake: Intake) -> None:
    """R-HOT-02, R-HOT-15: the event names entry and version; only a published one, valid that day, may be told."""
    draft = await send(intake, "PUT", PATH, CIVIL, DRAFT)
    assert (await intake.submit(consultation(draft.json()["version"]))).status_code == 422
    version = await published(intake)
    case = await intake.accepted(consultation(version))
    (event,) = await intake.events(case["case_id"], "CaseSubmitted")
    assert event["resolved"]["knowledge"] == {"entry": "funeral-subsidy", "version": version}
    before = consultation(version, resolved_at="2024-12-31T15:59:59Z")
    early = await intake.submit(before | {"received_at": "2024-12-31T15:00:00Z"})
    assert (early.status_code, early.json()["code"]) == (422, "knowledge_not_valid")
    assert "valid from 2025-01-01, not on 2024-12-31" in early.json()["detail"]
    assert early.json()["errors"][0]["field"] == "resolved.knowledge"
    assert (await intake.submit(consultation(9))).json()["code"] == "knowledge_not_valid"


async def test_what_has_run_out_is_neither_offered_nor_told(intake: Intake) -> None:
    """R-HOT-15: the refusal names the day of review and the unit; a request sent again keeps its answer."""
    version = await published(intake)
    key = {"Idempotency-Key": "call-1"}
    first = await intake.submit(consultation(version), **key)
    yesterday = str(TODAY - timedelta(days=2))
    ended = await published(intake, valid_to=yesterday, review_by=yesterday)
    assert await asked(intake, "殡葬补贴") == []
    refused = await intake.submit(consultation(ended))
    assert refused.status_code == 422
    assert f"its review was due by {yesterday}; GL-CIVIL keeps it current" in refused.json()["detail"]
    assert (await intake.submit(consultation(version), **key)).json() == first.json()
    lines = await intake.batch(consultation(ended))
    assert lines[0]["status"] == 422


async def test_units_see_what_they_have_to_review(intake: Intake) -> None:
    """R-HOT-15: by unit; a unit sees its own, the district all; past its review an entry is still told."""
    yesterday = str(TODAY - timedelta(days=2))
    await published(intake, review_by=yesterday)
    path = "/v1/knowledge-reviews"
    for who, expected in ((CIVIL, ["GL-CIVIL"]), (DISTRICT, ["GL-CIVIL"]), ((Role.HANDLER, "GL-LABOUR"), [])):
        units = (await send(intake, "GET", path, who)).json()["units"]
        assert [unit["unit"] for unit in units if unit["unit"] == "GL-CIVIL"] == expected
    (due,) = (await send(intake, "GET", f"{path}?unit=GL-CIVIL", DISTRICT)).json()["units"]
    assert (due["name"], due["entries"][0]["entry"]) == ("区民政局", "funeral-subsidy")
    assert await asked(intake, "殡葬补贴") == [1]


async def test_a_second_start_brings_nothing_in_again(
    intake: Intake, intake_url: str, tmp_path: Path
) -> None:
    """R-HOT-15: what units edited since stays."""
    before = await intake.count("knowledge_entry")
    async with running(intake_url, tmp_path) as again:
        answer = await again.client.get("/v1/knowledge?text=居住证", headers=again.operator)
        assert answer.json()["entries"][0]["entry"] == "residence-permit"
    assert await intake.count("knowledge_entry") == before
