"""Several people report one incident: one case, and a report, a code and a voice for each (R-PET-18)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.http import Role
from schemas import router
from schemas.router import CaseClosed, CaseLinked, Outcome
from tests.intake_kit import Intake, body, running
from tests.integration.test_intake_persons import ROUTE, dispatched, redirected, registration

FIRST = {"name": "王大爷", "phone": "13800138000"}
SECOND = {"name": "李阿姨", "phone": "13900139000"}
SATISFIED = {"contacted": True, "resolved": True, "satisfied": True}


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def join(intake: Intake, case_id: str, reporter: Any = SECOND, **more: Any) -> httpx.Response:
    headers = more.pop("headers", intake.operator)
    content = {"reporter": reporter, **more}
    return await intake.client.post(f"/v1/cases/{case_id}/co-reporters", json=content, headers=headers)


async def pair(intake: Intake) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a case that was dispatched, and a co-reporter's report that the router has linked to it."""
    first = await intake.accepted(body(reporter=FIRST))
    await intake.say(first["case_id"], dispatched("GL0101"))
    joined = await join(intake, first["case_id"], text="我家楼道也黑，电话13900139000")
    assert joined.status_code == 201, joined.text
    second: dict[str, Any] = joined.json()
    linked = CaseLinked(route=ROUTE, registered=registration(), to=first["case_id"], unit="GL-HOTLINE")
    await intake.say(second["case_id"], linked)
    return first, second


async def words(intake: Intake, case: dict[str, Any]) -> list[str]:
    shown = (await intake.client.get(f"/v1/track/{case['tracking_code']}")).json()
    return [entry["words"] for entry in shown["timeline"]]


async def test_a_co_reporter_has_a_report_of_their_own(intake: Intake) -> None:
    """R-PET-18, R-PRIV-01: linked, encrypted by itself, and no event has anything of the person."""
    first, second = await pair(intake)
    assert second["repeat_of"] == first["case_id"]
    assert second["tracking_code"] != first["tracking_code"]
    submitted, added = await intake.events(second["case_id"], "intake.")
    assert (submitted["repeat_of"], submitted["new_facts"]) == (first["case_id"], False)
    assert submitted["text"] == "我家楼道也黑，电话〔电话〕"
    assert submitted["place"] == (await intake.events(first["case_id"], "CaseSubmitted"))[0]["place"]
    assert added == {"to": first["case_id"], "by": {"subject": "op-1", "role": "operator", "unit": "GL"}}
    assert "李阿姨" not in str(submitted)
    for case, reporter in ((first, FIRST), (second, SECOND)):
        read = await intake.client.get(
            f"/v1/cases/{case['case_id']}/person?purpose=回访核实", headers=intake.operator
        )
        assert (read.json()["name"], read.json()["phone"]) == (reporter["name"], reporter["phone"])


async def test_a_co_reporter_sees_how_far_it_is_and_nothing_of_the_first(intake: Intake) -> None:
    """R-PET-13, R-PRIV-01: steps without what the first reporter said, did or was told."""
    first, second = await pair(intake)
    path = f"/v1/track/{first['tracking_code']}"
    await intake.client.post(f"{path}/supplements", json={"text": "老人摔倒了"})
    await intake.say(
        first["case_id"],
        router.ContactRecorded(unit="GL0101"),
        router.CaseReplied(unit="GL0101", result="已到王大爷家门口修好", solved=True),
        router.CallbackOpened(reason="replied"),
    )
    seen = await words(intake, second)
    assert "已派单至博苑社区办理。" in seen
    assert "承办单位已就该事件答复，热线将单独回访告知您。" in seen
    told = "".join(seen)
    for kept in ("王大爷", "您补充", "已与您联系", "与您此前反映"):
        assert kept not in told
    assert "王大爷" in "".join(await words(intake, first))


async def test_who_withdrew_closes_and_reopens_nothing_over_the_others(intake: Intake) -> None:
    """R-PET-18, R-HOT-08: with their code or a link; the other reporter does."""
    first, second = await pair(intake)
    replied = router.CaseReplied(unit="GL0101", result="已修好", solved=True)
    await intake.say(first["case_id"], replied, router.CallbackOpened(reason="replied"))
    link = await intake.client.post(f"/v1/cases/{first['case_id']}/callback-link", headers=intake.operator)
    path, others = f"/v1/track/{first['tracking_code']}", f"/v1/track/{second['tracking_code']}"
    assert (await intake.client.post(f"{path}/withdrawal", json={})).status_code == 200
    again = await intake.client.post(f"/v1/cases/{first['case_id']}/callback-link", headers=intake.operator)
    assert again.json()["code"] == "no_callback"
    by_link = await intake.client.post(link.json()["path"], json=SATISFIED)
    assert by_link.json()["code"] == "callback_over"
    for said, content in (
        ("feedback", SATISFIED),
        ("supplements", {"text": "又坏了"}),
        ("withdrawal", {}),
    ):
        refused = await intake.client.post(f"{path}/{said}", json=content)
        assert (refused.status_code, refused.json()["code"]) == (409, "report_withdrawn")
    filed = await intake.client.post(f"{path}/attachments", content=b"%PDF-1.4\n%%EOF\n")
    assert (filed.status_code, filed.json()["code"]) == (409, "report_withdrawn")
    assert (await intake.client.post(f"{others}/feedback", json=SATISFIED)).status_code == 200
    assert [said["report"] for said in await intake.events(first["case_id"], "FeedbackGiven")] == [
        second["case_id"]
    ]
    until = datetime.now(UTC) + timedelta(days=9)
    await intake.say(first["case_id"], CaseClosed(outcome=Outcome.RESOLVED, reopen_until=until))
    assert (await intake.client.get(path)).json()["reopen_until"] is None
    refused = await intake.client.post(f"{path}/reopening", json={"reason": "又坏了"})
    assert (refused.status_code, refused.json()["code"]) == (409, "report_withdrawn")
    assert (await intake.client.get(others)).json()["reopen_until"] is not None
    assert (await intake.client.post(f"{others}/reopening", json={"reason": "又坏了"})).status_code == 200


async def test_each_is_called_back_alone(intake: Intake) -> None:
    """R-HOT-08, R-HOT-09: two feedbacks, on two cases; the second may still come when the first is closed."""
    first, second = await pair(intake)
    listed = f"/v1/cases/{first['case_id']}/co-reporters"
    (report,) = (await intake.client.get(listed, headers=intake.operator)).json()["reports"]
    assert (report["case_id"], report["is_co_report"], report["called_back"]) == (
        second["case_id"],
        True,
        False,
    )
    said = await intake.client.post(
        f"/v1/cases/{first['case_id']}/feedback", json=SATISFIED, headers=intake.operator
    )
    assert said.status_code == 200
    await intake.say(first["case_id"], CaseClosed(outcome=Outcome.RESOLVED))
    other = await intake.client.post(
        f"/v1/track/{second['tracking_code']}/feedback", json=SATISFIED | {"satisfied": False}
    )
    assert other.status_code == 200, other.text
    feedbacks = [await intake.events(case["case_id"], "FeedbackGiven") for case in (first, second)]
    assert [[said["satisfied"] for said in of_one] for of_one in feedbacks] == [[True], [False]]
    (report,) = (await intake.client.get(listed, headers=intake.operator)).json()["reports"]
    assert report["called_back"] is True


async def test_a_co_reporters_word_counts_while_the_callback_waits(intake: Intake) -> None:
    """R-PET-18, R-HOT-08: listed, with a link of their own; what was said before it opened is no callback."""
    first, second = await pair(intake)
    unsettled = SATISFIED | {"resolved": False, "satisfied": False}
    feedback = f"/v1/cases/{second['case_id']}/feedback"
    await intake.client.post(feedback, json=unsettled, headers=intake.operator)
    await intake.say(
        first["case_id"],
        router.CaseReplied(unit="GL0101", result="已到王大爷家门口修好", solved=True),
        router.CallbackOpened(reason="replied"),
    )
    waiting = await intake.client.get("/v1/callbacks/co-reporters", headers=intake.operator)
    (one,) = waiting.json()["callbacks"]
    assert (one["case_id"], one["first"]) == (second["case_id"], first["case_id"])
    link = await intake.client.post(f"/v1/cases/{second['case_id']}/callback-link", headers=intake.operator)
    path = link.json()["path"]
    page = (await intake.client.get(path, headers={"accept": "application/json"})).json()
    assert (page["state"], page["reply"]) == ("open", None)
    answered = await intake.client.post(path, json=unsettled)
    assert answered.json()["state"] == "answered"
    (said,) = await intake.events(first["case_id"], "FeedbackGiven")
    assert (said["report"], said["satisfied"]) == (second["case_id"], False)
    assert "已收到您的评价。" not in await words(intake, first)
    assert (await words(intake, second)).count("已收到您的评价。") == 2
    waiting = await intake.client.get("/v1/callbacks/co-reporters", headers=intake.operator)
    assert waiting.json()["callbacks"] == []
    ledger = (await intake.client.get("/v1/ledger", headers=intake.operator)).json()["items"]
    (own,) = (item for item in ledger if item["case_id"] == second["case_id"])
    assert (own["result"]["solved"], own["missing"]) == (False, [])  # R-LEDGER-01
    assert (await intake.client.post(path, json=unsettled)).json()["code"] == "callback_answered"
    elsewhere = intake.as_role(Role.OPERATOR, unit="GL05")
    refused = await intake.client.get("/v1/callbacks/co-reporters", headers=elsewhere)
    assert refused.json()["code"] == "not_the_centre"


async def test_what_a_co_reporter_adds_is_said_of_the_first_case(intake: Intake) -> None:
    """R-PET-18, R-PRIV-01: the unit gets the masked words; a danger makes the report a case of its own."""
    first, second = await pair(intake)
    (added,) = await intake.events(first["case_id"], "CaseSupplemented")
    assert (added["text"], added["report"]) == ("我家楼道也黑，电话〔电话〕", second["case_id"])
    assert "已收到您补充的情况。" not in await words(intake, first)
    burning = await join(intake, first["case_id"], {"phone": "13700137000"}, text="楼道着火了")
    (submitted,) = await intake.events(burning.json()["case_id"], "intake.")
    assert (submitted["repeat_of"], submitted["new_facts"]) == (first["case_id"], True)
    assert len(await intake.events(first["case_id"], "CaseSupplemented")) == 1


@pytest.mark.parametrize("who", ["first", "second"])
async def test_the_matter_stands_while_one_report_does(intake: Intake, who: str) -> None:
    """R-PET-18: whichever withdraws, the other's report goes on; when both have, it is over."""
    first, second = await pair(intake)
    leaving, staying = (first, second) if who == "first" else (second, first)
    await intake.client.post(f"/v1/track/{leaving['tracking_code']}/withdrawal", json={})
    (event,) = await intake.events(leaving["case_id"], "CaseWithdrawn")
    assert event.get("stands", False) is (who == "first")
    added = await intake.client.post(
        f"/v1/track/{staying['tracking_code']}/supplements", json={"text": "还没修"}
    )
    assert added.status_code == 200, added.text
    await intake.client.post(f"/v1/track/{staying['tracking_code']}/withdrawal", json={})
    (last,) = await intake.events(staying["case_id"], "CaseWithdrawn")
    assert last.get("stands", False) is False


async def test_a_report_waits_with_the_first_case_for_whom_that_accuses(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: it may be the local desk's own office, which sees neither report, person nor ledger."""
    _, second = await pair(intake)
    local, path = intake.as_role(Role.SUPERVISOR, unit="GL0101"), f"/v1/cases/{second['case_id']}"
    paths = (path, f"{path}/person?purpose=核实")

    async def answers(headers: dict[str, str]) -> list[int]:
        return [(await intake.client.get(path, headers=headers)).status_code for path in paths]

    async def listed() -> bool:
        page = (await intake.client.get("/v1/ledger", headers=local)).json()["items"]
        return second["case_id"] in {item["case_id"] for item in page}

    assert (await answers(local), await listed()) == ([200, 200], True)
    accusing = router.TriageQueued(
        route=ROUTE, registered=registration(), unit="GL-HOTLINE", reason=router.QueueReason.POLICY
    )
    await intake.say(second["repeat_of"], accusing)
    assert (await answers(local), await listed()) == ([404, 404], False)
    assert await answers(intake.operator) == [200, 200]
    judged = registration(by=router.TriagedBy.HUMAN).model_copy(update={"place": "GL010101"})
    cleared = dispatched("GL0101").model_copy(update={"registered": judged})
    await intake.say(second["repeat_of"], cleared)
    assert (await answers(local), await listed()) == ([200, 200], True)


async def test_a_request_sent_again_adds_nobody_twice(intake: Intake) -> None:
    """R-PET-18: by its key; and the same person under another key, or the first reporter, is refused."""
    first = await intake.accepted(body(reporter=FIRST))
    headers = intake.operator | {"Idempotency-Key": "k-1"}
    one, two = [await join(intake, first["case_id"], headers=headers) for _ in range(2)]
    assert (one.status_code, one.json()) == (201, two.json())
    for known in (SECOND, FIRST):
        again = await join(intake, first["case_id"], known)
        assert (again.status_code, again.json()["code"]) == (409, "already_reporter")
    third = await join(intake, one.json()["case_id"], {"phone": "13700137000"})
    assert third.json()["repeat_of"] == first["case_id"]
    unknown = await join(intake, first["case_id"], {"anonymous": True})
    assert unknown.status_code == 201


async def test_nobody_joins_what_is_over_or_not_theirs_to_know(intake: Intake) -> None:
    """R-PET-10, R-HOT-14, R-LAD-04: sealed, confidential, closed, withdrawn; another's area; one complained of."""
    sealed = (await intake.accepted(body()))["case_id"]
    await intake.say(sealed, redirected("GL-DISCIPLINE", sealed=True))
    assert (await join(intake, sealed)).status_code == 404
    secret = await intake.accepted(body(reporter=FIRST | {"confidential": True}))
    assert (await join(intake, secret["case_id"])).json()["code"] == "case_confidential"
    over = await intake.accepted(body(title="停水", reporter={"phone": "13800138001"}))
    await intake.say(over["case_id"], CaseClosed(outcome=Outcome.RESOLVED))
    gone = await intake.accepted(body(title="停电", reporter={"phone": "13800138002"}))
    await intake.client.post(f"/v1/track/{gone['tracking_code']}/withdrawal", json={})
    for case in (over, gone):
        assert (await join(intake, case["case_id"])).json()["code"] == "case_closed"
    barred = (await intake.accepted(body(title="漏水", reporter={"phone": "13800138003"})))["case_id"]
    elsewhere = await join(intake, barred, headers=intake.as_role(Role.OPERATOR, unit="GL05"))
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "case_unknown")
    await intake.say(barred, dispatched("GL01", ("GL0101",)))
    theirs = intake.as_role(Role.OPERATOR, unit="GL0101")
    assert (await join(intake, barred, headers=theirs)).status_code == 404
    joined = await join(intake, barred)
    assert (await intake.events(joined.json()["case_id"], "CaseSubmitted"))[0]["subjects"] == ["GL0101"]
    for wrong in (
        {"reporter": {"anonymous": True, "name": "张三"}},
        {"reporter": SECOND, "more": 1},
        {"text": "没有人"},
        {"reporter": SECOND, "text": "长" * 20_001},
    ):
        path = f"/v1/cases/{barred}/co-reporters"
        assert (await intake.client.post(path, json=wrong, headers=intake.operator)).status_code == 422
