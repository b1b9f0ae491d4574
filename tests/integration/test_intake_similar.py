"""`GET /v1/similar` on a real database: what an operator sees while the caller speaks, and what nobody sees."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from schemas import router
from schemas.router import Judgement, QueueReason, Registration, TriagedBy
from tests.intake_kit import GRID, Intake, body, running
from tests.integration.test_intake_persons import ROUTE, dispatched, redirected

LAMP = body(matter="municipal.streetlight")
CENTRE = (Role.OPERATOR, "GL")


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def taken_in(intake: Intake, *said: router.Disposition, **changes: Any) -> str:
    """Submit a case of which the router has spoken; by default it was dispatched."""
    case_id: str = (await intake.accepted(body(**changes)))["case_id"]
    await intake.say(case_id, *(said or (dispatched("GL0101"),)))
    return case_id


async def look(
    intake: Intake, text: str, who: tuple[Role, str | None] = CENTRE, **query: str
) -> dict[str, Any]:
    answer = await intake.client.get(
        "/v1/similar", params={"text": text, **query}, headers=intake.as_role(who[0], unit=who[1])
    )
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def found(
    intake: Intake, text: str, who: tuple[Role, str | None] = CENTRE, *, last: str, **query: str
) -> list[str]:
    """Return the ids found, once the index has the case `last`, which everybody in the centre may see."""
    async with asyncio.timeout(20):
        while last not in [case["case_id"] for case in (await look(intake, "巷口水管爆裂"))["cases"]]:
            await asyncio.sleep(0.02)
    return [case["case_id"] for case in (await look(intake, text, who, **query))["cases"]]


async def mark(intake: Intake) -> str:
    """Take in the case by which `found` sees that the index has come so far."""
    return await taken_in(intake, title="巷口水管爆裂", text="喷得很高", place={"grid": "GL050101"})


async def test_the_same_incident_is_found_while_the_caller_speaks(intake: Intake) -> None:
    """R-HOT-02, R-HOT-03: nearby first; title, grid, time, status and reporters, and nothing of a person."""
    person = {"name": "王大爷", "phone": "13800138000"}
    near = await taken_in(intake, title="路灯不亮，联系13800138000", reporter=person)
    far = await taken_in(intake, title="路灯不亮", place={"grid": "GL050101"})
    last = await mark(intake)
    assert await found(intake, "路灯", last=last, place=GRID) == [near]
    assert set(await found(intake, "路灯", last=last)) == {near, far}
    shown = await look(intake, "路灯", place="117.1525,34.2645", limit="1")
    assert (shown["grid"] or "").startswith("GL")
    assert shown["complete"] is True
    case = (await look(intake, "路灯", place=GRID))["cases"][0]
    assert case == {
        "case_id": near,
        "title": "路灯不亮，联系〔电话〕",
        "grid": GRID,
        "received_at": case["received_at"],
        "status": "dispatched",
        "reporters": 1,
        "score": case["score"],
    }


async def test_a_repeat_counts_and_is_not_shown_by_itself(intake: Intake) -> None:
    """R-PET-18: the first case with its two reports; who withdraws counts no longer."""
    reporter = {"reporter": {"phone": "13800138000"}}
    first = await taken_in(intake, title="楼道灯坏了", **reporter)
    again = await intake.accepted(body(title="楼道灯坏了", **reporter))
    await intake.say(again["case_id"], dispatched("GL0101"))
    last = await mark(intake)
    assert await found(intake, "楼道灯", last=last) == [first]
    assert (await look(intake, "楼道灯"))["cases"][0]["reporters"] == 2
    await intake.client.post(f"/v1/track/{again['tracking_code']}/withdrawal", json={})
    assert (await look(intake, "楼道灯"))["cases"][0]["reporters"] == 1


async def test_what_is_kept_from_people_is_found_by_nobody(intake: Intake) -> None:
    """R-PET-10, R-HOT-14, R-LAD-04: sealed, confidential, withdrawn, and what the router has not spoken of yet."""
    words = {"title": "举报违规收费"}
    seen = await taken_in(intake, **words)
    await taken_in(intake, redirected("GL-DISCIPLINE", sealed=True), **words)
    await taken_in(intake, reporter={"confidential": True}, **words)
    await intake.accepted(body(**words, reporter={"phone": "13800138001"}))
    gone = await intake.accepted(body(**words, reporter={"phone": "13800138002"}))
    await intake.say(gone["case_id"], dispatched("GL0101"))
    await intake.client.post(f"/v1/track/{gone['tracking_code']}/withdrawal", json={})
    last = await mark(intake)
    for who in (CENTRE, (Role.SUPERVISOR, "GL"), (Role.OPS, None), (Role.OPERATOR, "GL-HOTLINE")):
        assert await found(intake, "违规收费", who, last=last) == [seen]


async def test_a_unit_finds_its_own_area_without_what_complains_of_it(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: another's case, one about the unit or one above it, and one that a human still reads."""
    own = await taken_in(intake)
    about = await taken_in(intake, dispatched("GL01", ("GL0101",)), reporter={"phone": "13800138001"})
    elsewhere = await taken_in(intake, place={"grid": "GL050101"})
    queued = router.TriageQueued(
        route=ROUTE,
        registered=Registration(judgement=Judgement(by=TriagedBy.ENGINE, track="S", urgency=3)),
        unit="GL-HOTLINE",
        reason=QueueReason.POLICY,
    )
    waiting = await taken_in(intake, queued, reporter={"phone": "13800138002"})
    last = await mark(intake)
    for unit in ("GL0101", GRID):
        assert await found(intake, "楼道灯", (Role.OPERATOR, unit), last=last) == [own]
    assert set(await found(intake, "楼道灯", last=last)) == {own, about, elsewhere, waiting}
    assert set(await found(intake, "楼道灯", (Role.OPS, None), last=last)) == {own, elsewhere}


NONSENSE: list[tuple[dict[str, str], int]] = [
    ({}, 422),
    ({"text": ""}, 422),
    ({"text": "长" * 3_400}, 422),
    ({"text": "路灯", "limit": "1000"}, 422),
    ({"text": "路灯", "place": "长" * 501}, 422),
    ({"text": "'; DROP TABLE intake.case_file; --", "place": "' OR 1=1"}, 200),
    ({"text": "\x00\ud7ff%_", "place": "\x00"}, 200),
]


async def test_nonsense_is_named_or_finds_nothing(intake: Intake) -> None:
    """R-PRIV-01, R-HOT-14: no answer repeats what was typed; who takes no calls finds nothing."""
    await intake.accepted(body())
    for query, status in NONSENSE:
        answer = await intake.client.get("/v1/similar", params=query, headers=intake.operator)
        assert answer.status_code == status, answer.text
        assert len(answer.content) < 2000
        assert "DROP" not in answer.text
    assert await intake.count("case_file") == 1
    for role in (Role.RESIDENT, Role.HANDLER, Role.GRID_WORKER, Role.MEDIATOR):
        headers = intake.as_role(role, unit="GL0101")
        answer = await intake.client.get("/v1/similar", params={"text": "路灯"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_required")


async def test_another_process_sees_what_this_one_took_in(
    intake: Intake, intake_url: str, tmp_path: Path
) -> None:
    """R-HOT-01: one that starts later reads what there was, one that runs hears of what comes."""
    before = await taken_in(intake)
    async with running(intake_url, tmp_path) as second:
        after = await taken_in(intake, reporter={"phone": "13800138009"})
        async with asyncio.timeout(20):
            while {case["case_id"] for case in (await look(second, "楼道灯"))["cases"]} != {before, after}:
                await asyncio.sleep(0.02)
        assert UUID(before) != UUID(after)
