"""What a resident sees and does with a tracking code, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.http import Role
from schemas import router
from schemas.department import HandlingMode
from services.intake.guessing import WRONG_AT_ONCE
from tests.intake_kit import GRID, Intake, body, running


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def track(intake: Intake, code: str) -> dict[str, Any]:
    answer = await intake.client.get(f"/v1/track/{code}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def post(intake: Intake, path: str, content: dict[str, Any], **headers: str) -> httpx.Response:
    return await intake.client.post(path, json=content, headers=headers)


def dispatched(unit: str) -> router.CaseDispatched:
    return router.CaseDispatched(
        unit=unit,
        number=1,
        rung=2,
        mode=HandlingMode.TRANSFER,
        matter="municipal.streetlight",
        track="S",
        urgency=2,
        route=router.Route(policy="p", jurisdiction="GL"),
    )


def transferred(line: str) -> router.EmergencyTransferred:
    route = router.Route(policy="p", jurisdiction="GL")
    return router.EmergencyTransferred(route=route, line=line, words="着火了", unit="GL-HOTLINE")


async def test_a_resident_follows_the_case_to_its_end(intake: Intake) -> None:
    """R-PET-13, R-LEDGER-01: plain words for each step; what units write to each other is not shown."""
    shown = await intake.accepted(body())
    code = shown["tracking_code"]
    assert (await track(intake, code))["status"] == "received"
    await intake.say(
        shown["case_id"],
        dispatched("GL0101"),
        router.AssignmentObjected(unit="GL0101", reason="内部意见"),
        router.ProgressReported(unit="GL0101", note="内部备注"),
        router.CaseReplied(unit="GL0101", result="路灯已修好，电话13800138000", solved=True),
        router.CaseClosed(outcome=router.Outcome.RESOLVED, unit="GL0101"),
        router.CaseArchived(),
    )
    seen = await track(intake, code)
    assert (seen["status"], seen["words"]) == ("closed", "您的诉求已办结。")
    words = [entry["words"] for entry in seen["timeline"]]
    assert words == [
        "您的诉求已受理登记。",
        "已派单至博苑社区办理。",
        "承办单位正在办理。",
        "博苑社区答复：路灯已修好，电话〔电话〕",
        "您的诉求已办结。",
    ]
    assert "内部" not in str(seen)


async def test_an_event_that_comes_twice_is_told_once(intake: Intake) -> None:
    """R-LEDGER-01: the time line has no duplicates."""
    shown = await intake.accepted(body())
    await intake.say(shown["case_id"], router.AssignmentSigned(unit="GL0101"))
    await intake.pool.execute(
        "INSERT INTO chassis.event_log (topic, source, case_id, sequence, type, time, traceparent, data)"
        " SELECT topic, source, case_id, 0, type, time, traceparent, data FROM chassis.event_log"
        " WHERE source = 'router'"
    )
    await intake.say(shown["case_id"], router.CaseResumed(reason="好了"))
    assert len((await track(intake, shown["tracking_code"]))["timeline"]) == 3


@pytest.mark.parametrize("code", ["AAAABBBBCCCC", "x", "%00", "未知"])
async def test_a_wrong_code_has_one_answer(intake: Intake, code: str) -> None:
    """R-PRIV-01: nothing tells a wrong code from a malformed one."""
    expected = await intake.client.get("/v1/track/000000000000")
    answer = await intake.client.get(f"/v1/track/{code}")
    assert answer.status_code == 404
    assert answer.content == expected.content


async def test_who_guesses_codes_is_held_up(intake: Intake) -> None:
    """R-PRIV-01: by any of the routes; right codes neither count nor wait, and only that address does."""
    code = (await intake.accepted(body()))["tracking_code"]
    for _ in range(2 * WRONG_AT_ONCE):
        await track(intake, code)
    for number in range(WRONG_AT_ONCE - 1):
        assert (await intake.client.get(f"/v1/track/{number:012}")).status_code == 404
    assert (await post(intake, "/v1/track/wrong/withdrawal", {})).status_code == 404
    for held in (
        await intake.client.get("/v1/track/wrong"),
        await post(intake, "/v1/track/wrong/feedback", {"contacted": False}),
    ):
        assert (held.status_code, held.json()["code"]) == (429, "too_many_wrong_codes")
        assert held.headers["content-type"] == "application/problem+json"
        assert 1 <= int(held.headers["retry-after"]) <= 6
    elsewhere = httpx.ASGITransport(intake.app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://intake") as other:
        assert (await other.get("/v1/track/wrong")).status_code == 404
    await track(intake, code)


async def test_a_code_may_be_typed_carelessly(intake: Intake) -> None:
    """R-PET-13: lower case, hyphens and a letter O for a zero still open the case."""
    code = (await intake.accepted(body()))["tracking_code"]
    typed = f"{code[:4]}-{code[4:8]} {code[8:]}".lower().replace("0", "o").replace("1", "l")
    assert (await track(intake, typed))["status"] == "received"


async def test_a_danger_in_a_supplement_is_answered_at_once(intake: Intake) -> None:
    """R-LAD-05, R-HOT-13: resident and operator hear what to do now; the event names the line."""
    case = await intake.accepted(body())
    said = {"text": "现在厨房燃气泄漏，味道很浓，快来人！"}
    by_code = await post(intake, f"/v1/track/{case['tracking_code']}/supplements", said)
    staffed = await intake.client.post(
        f"/v1/cases/{case['case_id']}/supplements", json=said, headers=intake.operator
    )
    for answer in (by_code, staffed):
        assert (answer.status_code, answer.json()["emergency"]["line"]) == (200, "119"), answer.text
    assert "三方通话" in staffed.json()["emergency"]["advice"]
    assert "立即拨打" in by_code.json()["emergency"]["advice"]
    told = await intake.events(case["case_id"], "CaseSupplemented")
    assert [event["emergency"]["line"] for event in told] == ["119", "119"]
    plain = await post(intake, f"/v1/track/{case['tracking_code']}/supplements", {"text": "又坏一盏"})
    assert set(plain.json()) == {"version"}


FIRE = "现在楼道着火了，冒浓烟，快来人！"
UNSOLVED = {"contacted": True, "resolved": False, "satisfied": False, "note": FIRE}


async def test_a_danger_in_a_note_or_a_withdrawal_is_answered_at_once(intake: Intake) -> None:
    """R-LAD-05: the case stays open, for a withdrawal that tells of no danger too while a line has it."""
    case = await intake.accepted(body())
    paths = (f"/v1/track/{case['tracking_code']}", f"/v1/cases/{case['case_id']}")
    for path, headers in zip(paths, ({}, intake.operator), strict=True):
        for action, said in (("feedback", UNSOLVED), ("withdrawal", {"reason": FIRE})):
            answer = await post(intake, f"{path}/{action}", said, **headers)
            assert answer.json()["emergency"]["line"] == "119", answer.text
    for kind in ("FeedbackGiven", "CaseWithdrawn"):
        events = await intake.events(case["case_id"], kind)
        assert [event["emergency"]["line"] for event in events] == ["119", "119"]
    assert (await track(intake, case["tracking_code"]))["status"] != "withdrawn"
    over = await post(intake, f"{paths[0]}/withdrawal", {"reason": "楼道着火了，已扑灭，不用来了"})
    assert set(over.json()) == {"version"}
    again = await post(intake, f"{paths[0]}/supplements", {"text": "火又起来了，救命"})
    assert (again.status_code, again.json()["emergency"]["line"]) == (200, "119"), again.text


async def test_what_an_emergency_line_has_is_not_withdrawn(intake: Intake) -> None:
    """R-HOT-13: the router keeps it until the line confirms, and intake says so; what remains may be withdrawn,
    and then a refusal names the line and says to open a new case (R-LAD-05, R-PET-18)."""
    case = await intake.accepted(body())
    path = f"/v1/track/{case['tracking_code']}"
    await intake.say(case["case_id"], transferred("119"))
    assert (await post(intake, f"{path}/withdrawal", {"reason": "不用了"})).status_code == 200
    shown = await track(intake, case["tracking_code"])
    assert (shown["status"], "本件继续" in shown["timeline"][-1]["words"]) == ("emergency", True)
    assert (await intake.events(case["case_id"], "CaseWithdrawn"))[0]["at_line"] is True
    again = await post(intake, f"{path}/supplements", {"text": "火又起来了，救命"})
    assert (again.status_code, again.json()["emergency"]["line"]) == (200, "119"), again.text
    await intake.say(case["case_id"], dispatched("GL-FIRE"))
    assert (await post(intake, f"{path}/withdrawal", {"reason": "不用了"})).status_code == 200
    assert (await track(intake, case["tracking_code"]))["status"] == "withdrawn"
    late = await post(intake, f"{path}/supplements", {"text": "火又起来了，救命"})
    assert (late.status_code, late.json()["code"]) == (409, "case_withdrawn")
    assert "消防119" in late.json()["detail"]
    assert "另行提交新的诉求" in late.json()["detail"]


async def test_a_sealed_case_promises_no_transfer(intake: Intake) -> None:
    """R-PET-10: nothing of it is sent to a line, and the advice says so."""
    case = await intake.accepted(body())
    await intake.pool.execute("UPDATE intake.case_file SET recipient = 'GL-DISCIPLINE'")
    answer = await post(intake, f"/v1/track/{case['tracking_code']}/supplements", {"text": FIRE})
    advice = answer.json()["emergency"]["advice"]
    assert "请立即拨打消防119" in advice
    assert "同步转送" not in advice
    assert "不会转送119" in advice


async def test_a_resident_supplements_rates_and_withdraws(intake: Intake) -> None:
    """R-HOT-08, R-HOT-09, R-PRIV-01: each becomes an event with masked words; the ETag counts them."""
    shown = await intake.accepted(body())
    path = f"/v1/track/{shown['tracking_code']}"
    added = await post(intake, f"{path}/supplements", {"text": "又坏一盏，我的电话13800138000"})
    assert (added.status_code, added.json(), added.headers["etag"]) == (200, {"version": 2}, '"2"')
    rated = await post(
        intake, f"{path}/feedback", {"contacted": True, "resolved": False, "satisfied": False, "note": "没修"}
    )
    assert rated.json() == {"version": 3}
    gone = await post(intake, f"{path}/withdrawal", {"reason": "已自行解决"})
    assert gone.json() == {"version": 4}
    (supplement,) = await intake.events(shown["case_id"], "CaseSupplemented")
    assert supplement == {"text": "又坏一盏，我的电话〔电话〕", "new_facts": True, "attachments": []}
    (feedback,) = await intake.events(shown["case_id"], "FeedbackGiven")
    assert feedback == {"contacted": True, "resolved": False, "satisfied": False, "note": "没修"}
    assert (await track(intake, shown["tracking_code"]))["status"] == "withdrawn"
    for action, content in (("supplements", {"text": "再补充"}), ("withdrawal", {})):
        refused = await post(intake, f"{path}/{action}", content)
        assert (refused.status_code, refused.json()["code"]) == (409, "case_withdrawn")


async def test_nothing_is_added_to_a_closed_case(intake: Intake) -> None:
    """R-PET-18: new facts make a new case."""
    shown = await intake.accepted(body())
    await intake.say(shown["case_id"], router.CaseClosed(outcome=router.Outcome.UNREACHABLE, unit=GRID))
    refused = await post(intake, f"/v1/track/{shown['tracking_code']}/supplements", {"text": "还没好"})
    assert (refused.status_code, refused.json()["code"]) == (409, "case_closed")
    assert "new case" in refused.json()["detail"]


async def test_a_write_states_the_version_it_is_for(intake: Intake) -> None:
    """If-Match: 412 with the current ETag where somebody was faster."""
    shown = await intake.accepted(body())
    path = f"/v1/cases/{shown['case_id']}/supplements"
    staff = intake.operator
    assert (await post(intake, path, {"text": "一"}, **staff, **{"If-Match": '"1"'})).status_code == 200
    late = await post(intake, path, {"text": "二"}, **staff, **{"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"], late.headers["etag"]) == (412, "version_mismatch", '"2"')


async def test_a_supplement_is_repeated_safely(intake: Intake) -> None:
    """Idempotency-Key holds for the small writes too, apart for each case."""
    key = {"Idempotency-Key": "s1"}
    for _ in range(2):
        shown = await intake.accepted(body())
        path = f"/v1/track/{shown['tracking_code']}/supplements"
        answers = [await post(intake, path, {"text": "补充"}, **key) for _ in range(2)]
        assert [answer.json() for answer in answers] == [{"version": 2}] * 2
        other = await post(intake, path, {"text": "不同"}, **key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert len(await intake.events(shown["case_id"], "CaseSupplemented")) == 1


async def test_staff_act_for_the_resident_within_their_area(intake: Intake) -> None:
    """R-HOT-14, R-LAD-04: the unit complained of finds nothing, and neither does another street."""
    shown = await intake.accepted(body(subjects=["GL01"]))
    path = f"/v1/cases/{shown['case_id']}"
    statuses = {
        unit: (await intake.client.get(path, headers=intake.as_role(Role.OPERATOR, unit=unit))).status_code
        for unit in ("GL", "GL01", "GL0101", "GL02", None)
    }
    assert statuses == {"GL": 200, "GL01": 404, "GL0101": 404, "GL02": 404, None: 403}
    for action, code in (("supplements", "case_unknown"), ("withdrawal", "not_the_centre")):
        refused = [
            await post(intake, f"{path}/{action}", {"text": "补充"} if action == "supplements" else {}, **by)
            for by in (intake.as_role(Role.OPERATOR, unit=unit) for unit in ("GL01", "GL02"))
        ]
        assert {answer.json()["code"] for answer in refused} == {code}
    done = await post(intake, f"{path}/withdrawal", {"reason": "来电撤回"}, **intake.operator)
    assert done.status_code == 200
    (event,) = await intake.events(shown["case_id"], "CaseWithdrawn")
    assert event["by"]["subject"] == "op-1"


async def test_a_grid_worker_takes_back_only_their_own_submission(intake: Intake) -> None:
    """R-GRD-01, R-PET-18: another's case, above all a resident's, is not theirs to end."""
    worker = intake.as_role(Role.GRID_WORKER, unit=GRID, subject="gw-1")
    own = (await intake.client.post("/v1/cases", json=body(), headers=worker)).json()["case_id"]
    other = (await intake.accepted(body()))["case_id"]
    path = f"/v1/cases/{other}/withdrawal"
    for headers in (worker, intake.as_role(Role.GRID_WORKER, Role.OPS, unit=GRID, subject="op-2")):
        refused = await post(intake, path, {}, **headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_submission")
    for role in (Role.OPS, Role.SUPERVISOR):
        refused = await post(intake, path, {}, **intake.as_role(role, unit="GL"))
        assert (refused.status_code, refused.json()["code"]) == (403, "role_required")
    assert await intake.events(other, "CaseWithdrawn") == []
    assert (await post(intake, f"/v1/cases/{own}/withdrawal", {}, **worker)).status_code == 200


@pytest.mark.parametrize(
    ("action", "content", "field"),
    [
        ("supplements", b'{"text": "\\ud800"}', "text"),
        ("supplements", b'{"text": "\\u0000"}', "text"),
        ("supplements", b'{"text": "a", "attachments": ["\\u0000"]}', "attachments[0]"),
        ("withdrawal", b'{"reason": ""}', "reason"),
        ("feedback", b'{"contacted": true, "resolved": true}', "satisfied"),
        ("feedback", b'{"contacted": 7, "resolved": true, "satisfied": true}', "contacted"),
    ],
)
async def test_a_fault_in_a_small_write_names_its_field(
    intake: Intake, action: str, content: bytes, field: str
) -> None:
    """R-PET-13: and leaves the case as it was."""
    shown = await intake.accepted(body())
    path = f"/v1/track/{shown['tracking_code']}"
    answer = await intake.client.post(
        f"{path}/{action}", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await intake.client.get(path)).headers["etag"] == '"1"'


async def test_a_case_that_never_was_is_not_found(intake: Intake) -> None:
    path = "/v1/cases/01900000-0000-7000-8000-000000000000"
    assert (await intake.client.get(path, headers=intake.operator)).status_code == 404
    assert (await post(intake, f"{path}/withdrawal", {}, **intake.operator)).status_code == 404


async def test_the_time_of_a_step_is_told(intake: Intake) -> None:
    """R-LEDGER-01: every entry has its moment, and they are in order."""
    before = datetime.now(UTC)
    shown = await intake.accepted(body())
    await post(intake, f"/v1/track/{shown['tracking_code']}/supplements", {"text": "补充"})
    moments = [
        datetime.fromisoformat(entry["at"])
        for entry in (await track(intake, shown["tracking_code"]))["timeline"]
    ]
    assert before <= moments[0] <= moments[1] <= datetime.now(UTC)


async def test_how_a_confidential_case_stands_is_for_the_resident_and_the_hotline(intake: Intake) -> None:
    """R-HOT-14, R-PRIV-01: others see that there is a case, not what a unit wrote to the resident."""
    case = await intake.accepted(body(reporter={"phone": "13800138000", "confidential": True}))
    reply = router.CaseReplied(unit="GL01", result="702室已整改", solved=True)
    await intake.say(case["case_id"], reply)
    path = f"/v1/cases/{case['case_id']}"
    for role, unit in ((Role.OPS, "GL"), (Role.OPERATOR, "GL01"), (Role.SUPERVISOR, "GL01")):
        shown = await intake.client.get(path, headers=intake.as_role(role, unit=unit))
        assert (shown.json()["status"], shown.json()["timeline"]) == ("replied", [])
        assert "702" not in shown.text
    for answer in (
        await intake.client.get(path, headers=intake.operator),
        await intake.client.get(f"/v1/track/{case['tracking_code']}"),
    ):
        assert "702室" in answer.text
