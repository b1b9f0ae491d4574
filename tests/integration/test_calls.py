"""Several matters in one call: several cases, one closing answer (R-HOT-02, R-HOT-08)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chassis.http import Role
from schemas import router
from schemas.router import CaseClosed, Outcome
from tests.intake_kit import Intake, body, running
from tests.integration.test_intake_persons import dispatched, redirected

YES = {"contacted": True, "resolved": True, "satisfied": True}
REPLIED = router.CaseReplied(unit="GL0101", result="已修好", solved=True)


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def opened(intake: Intake, **headers: str) -> str:
    answer = await intake.client.post("/v1/calls", headers=headers or intake.operator)
    assert answer.status_code == 201, answer.text
    call_id: str = answer.json()["call_id"]
    return call_id


async def told(intake: Intake, call: str, title: str) -> str:
    case_id: str = (await intake.accepted(body(title=title, call_id=call)))["case_id"]
    return case_id


async def see(intake: Intake, call: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await intake.client.get(f"/v1/calls/{call}", headers=intake.operator)).json()
    return shown


async def close(
    intake: Intake, call: str, *cases: dict[str, Any], answer: str = "均已办妥"
) -> httpx.Response:
    content = {"answer": answer, "cases": list(cases)}
    return await intake.client.post(f"/v1/calls/{call}/closing", json=content, headers=intake.operator)


async def test_three_matters_end_with_one_answer(intake: Intake) -> None:
    """R-HOT-08, R-HOT-09: ready when the last is concluded; a feedback for each case, once for all."""
    call = await opened(intake)
    lamp, water, gone = [await told(intake, call, title) for title in ("路灯不亮", "停水", "噪声")]
    early = await close(intake, call)
    assert (early.status_code, early.json()["code"]) == (409, "call_not_ready")
    assert lamp in early.json()["detail"]
    await intake.say(lamp, dispatched("GL0101"), REPLIED)
    await intake.say(water, dispatched("GL0101"))
    await intake.say(gone, CaseClosed(outcome=Outcome.WITHDRAWN))
    shown = await see(intake, call)
    assert [case["status"] for case in shown["cases"]] == ["replied", "dispatched", "closed"]
    assert shown["is_ready"] is False
    await intake.say(water, REPLIED)
    assert (await see(intake, call))["is_ready"] is True
    said = [
        {"case_id": lamp, **YES},
        {"case_id": water, **YES, "satisfied": False, "note": "水压还小，回电13800138000"},
    ]
    one, two = [await close(intake, call, *said, {"case_id": gone, **YES}) for _ in range(2)]
    assert one.status_code == 200, one.text
    assert one.json() == two.json()
    assert [case.get("refused") for case in one.json()["cases"]] == [None, None, "case_closed"]
    (first,), (second,) = [await intake.events(case, "FeedbackGiven") for case in (lamp, water)]
    assert (first["satisfied"], first["note"]) == (True, "均已办妥")
    assert (second["satisfied"], second["note"]) == (False, "水压还小，回电〔电话〕")
    shown = await see(intake, call)
    assert (shown["answer"], shown["is_ready"]) == ("均已办妥", False)
    other = await close(intake, call, *said, answer="另一个答复")
    assert (other.status_code, other.json()["code"]) == (409, "call_closed")
    late = await intake.submit(body(title="又一件", call_id=call))
    assert (late.status_code, late.json()["code"]) == (422, "call_closed")
    kept = await intake.pool.fetchval("SELECT closing FROM intake.call")
    assert "13800138000" not in kept


async def test_each_case_that_waits_is_spoken_of(intake: Intake) -> None:
    """R-HOT-09: no case's rates come from another's answer."""
    call = await opened(intake)
    lamp, other = await told(intake, call, "路灯不亮"), (await intake.accepted(body()))["case_id"]
    await intake.say(lamp, REPLIED)
    for cases in ([], [{"case_id": lamp, **YES}] * 2, [{"case_id": lamp, **YES}, {"case_id": other, **YES}]):
        wrong = await close(intake, call, *cases)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "validation_failed"), wrong.text
    assert await intake.events(lamp, "FeedbackGiven") == []


async def test_a_call_is_its_units_own(intake: Intake) -> None:
    """R-HOT-14, R-PET-10: others add nothing to it and do not see it; what is sealed is not shown."""
    key = {"Idempotency-Key": "call-1"}
    call = await opened(intake, **intake.operator, **key)
    assert await opened(intake, **intake.operator, **key) == call
    theirs = intake.as_role(Role.OPERATOR, unit="GL0101")
    assert (await intake.client.get(f"/v1/calls/{call}", headers=theirs)).status_code == 404
    for unknown, headers in ((call, theirs), (str(uuid4()), intake.operator)):
        refused = await intake.client.post("/v1/cases", json=body(call_id=unknown), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "call_unknown")
    for role in (Role.RESIDENT, Role.OPS, Role.GRID_WORKER):
        headers = intake.as_role(role, unit="GL010101")
        refused = await intake.client.post("/v1/cases", json=body(call_id=call), headers=headers)
        assert refused.json()["errors"][0]["field"] == "call_id"
    own = await opened(intake, **theirs)
    closing = await intake.client.post(f"/v1/calls/{own}/closing", json={"answer": "办妥"}, headers=theirs)
    assert closing.json()["code"] == "not_the_centre"
    sealed = await told(intake, call, "举报")
    await intake.say(sealed, redirected("GL-DISCIPLINE", sealed=True))
    assert (await see(intake, call))["cases"] == []
    assert (await close(intake, call)).json()["code"] == "call_not_ready"
