"""The callback by a signed link, and reopening, at the real intake on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.http import Role
from schemas import router
from services.intake.callback_links import CallbackLinks, Link
from services.intake.guessing import WRONG_AT_ONCE
from tests.intake_kit import GRID, Intake, body, running

ANSWERS = {"contacted": "yes", "resolved": "no", "satisfied": "no", "note": "灯还是不亮"}
OPENED = router.CallbackOpened(reason="replied")
REPLIED = router.CaseReplied(unit="GL0101", result="路灯已修好", solved=True)
REDONE = router.RedoOrdered(unit="GL0101", reason="未解决")
BY_FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


def closed(days: float) -> router.CaseClosed:
    until = datetime.now(UTC) + timedelta(days=days)
    return router.CaseClosed(outcome=router.Outcome.RESOLVED, unit="GL0101", reopen_until=until)


async def waiting(intake: Intake) -> dict[str, Any]:
    """A case that waits for its callback: the answer to its submission."""
    shown = await intake.accepted(body())
    await intake.say(shown["case_id"], REPLIED, OPENED)
    return shown


async def link_of(intake: Intake, case_id: str, **headers: str) -> httpx.Response:
    return await intake.client.post(f"/v1/cases/{case_id}/callback-link", headers=headers or intake.operator)


async def path_of(intake: Intake, case_id: str) -> str:
    answer = await link_of(intake, case_id)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["path"])


async def send(intake: Intake, path: str, **answers: str) -> httpx.Response:
    return await intake.client.post(path, data=answers, headers=BY_FORM)


async def test_a_resident_answers_by_the_link_once(intake: Intake) -> None:
    """R-HOT-08, R-HOT-09: the page, the answers in an event, and after that a clear no to a second try."""
    case_id = (await waiting(intake))["case_id"]
    path = await path_of(intake, case_id)
    shown = await intake.client.get(path)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "路灯已修好" in shown.text
    assert shown.headers["referrer-policy"] == "no-referrer"

    lacking = await send(intake, path, contacted="yes")
    assert lacking.status_code == 422
    assert "回答全部三个问题" in lacking.text
    done = await send(intake, path, **ANSWERS)
    assert done.status_code == 200
    assert "您的评价已收到" in done.text
    [said] = await intake.events(case_id, "FeedbackGiven")
    assert {name: said[name] for name in ("contacted", "resolved", "satisfied", "note", "callback")} == {
        "contacted": True, "resolved": False, "satisfied": False, "note": "灯还是不亮", "callback": 1,
    }  # fmt: skip
    assert "by" not in said

    again = await send(intake, path, **ANSWERS)
    assert again.status_code == 409
    assert "您已作过评价" in again.text
    # the next callback has a link of its own; the old one stays answered
    await intake.say(case_id, REDONE, REPLIED, OPENED)
    assert (await send(intake, path, **ANSWERS)).status_code == 409
    assert (await send(intake, await path_of(intake, case_id), **ANSWERS)).status_code == 200
    assert len(await intake.events(case_id, "FeedbackGiven")) == 2


async def test_two_answers_at_once_are_one(intake: Intake) -> None:
    """R-HOT-09: whoever sends twice before the first answer is in, is counted once."""
    case_id = (await waiting(intake))["case_id"]
    path = await path_of(intake, case_id)
    both = await asyncio.gather(*(send(intake, path, **ANSWERS) for _ in range(4)))
    assert sorted(answer.status_code for answer in both) == [200, 409, 409, 409]
    assert len(await intake.events(case_id, "FeedbackGiven")) == 1


async def test_the_same_as_json(intake: Intake) -> None:
    """R-HOT-08: for a mini program or another page of the same resident."""
    case_id = (await waiting(intake))["case_id"]
    path = await path_of(intake, case_id)
    asked = await intake.client.get(path, headers={"accept": "application/json"})
    assert asked.json() | {"words": ""} == {
        "state": "open", "status": "callback", "words": "", "reply": "博苑社区答复：路灯已修好",
        "reopen_until": None, "reopening": False, "advice": None,
    }  # fmt: skip
    wrong = await intake.client.post(path, json={"contacted": True})
    assert (wrong.status_code, {error["field"] for error in wrong.json()["errors"]}) == (
        422,
        {"resolved", "satisfied"},
    )
    answers = {"contacted": True, "resolved": True, "satisfied": True, "note": "着火了，快来人"}
    done = await intake.client.post(path, json=answers)
    assert (done.json()["state"], "119" in done.json()["advice"]) == ("answered", True)
    # R-LAD-05: whom to call is said also where nothing more is taken
    refused = await intake.client.post(path, json=answers)
    assert (refused.status_code, refused.json()["code"]) == (409, "callback_answered")
    assert "119" in refused.json()["detail"]
    assert "119" in (await send(intake, path, **(ANSWERS | {"note": "着火了"}))).text
    assert (await intake.client.post(path, content=b"[1]")).json()["code"] == "invalid_json"


async def test_what_opens_nothing(intake: Intake) -> None:
    """R-HOT-08, R-PRIV-01: tampered, expired, of another installation, answered by telephone: each has its page."""
    case_id = (await waiting(intake))["case_id"]
    path = await path_of(intake, case_id)
    changed = path[:-1] + ("A" if path[-1] != "A" else "B")
    tampered = await intake.client.get(changed[:-2] + "xx")
    assert (tampered.status_code, "链接无效" in tampered.text) == (404, True)
    foreign = CallbackLinks(b"\1" * 32).token(Link(UUID(case_id), 1, datetime.now(UTC) + timedelta(days=1)))
    assert (await intake.client.get(f"/c/{foreign}")).status_code == 404

    clock = intake.host.clock
    intake.host.clock = lambda: datetime.now(UTC) + timedelta(days=31)
    late = await intake.client.get(path)
    intake.host.clock = clock
    assert (late.status_code, "链接已过期" in late.text) == (410, True)

    await intake.say(case_id, REDONE)
    over = await send(intake, path, **ANSWERS)
    assert (over.status_code, "本次回访已结束" in over.text) == (409, True)
    none = await link_of(intake, case_id)
    assert (none.status_code, none.json()["code"]) == (409, "no_callback")
    # who has heard of more of the case than intake is told so: it is no answer yet
    early = await intake.client.post(f"/v1/cases/{case_id}/callback-link?heard=4", headers=intake.operator)
    assert (early.status_code, early.json()["code"]) == (409, "not_heard_yet")
    heard = await intake.client.post(f"/v1/cases/{case_id}/callback-link?heard=3", headers=intake.operator)
    assert heard.json()["code"] == "no_callback"
    for _ in range(WRONG_AT_ONCE):
        held = await intake.client.get("/c/guessed")
    assert held.status_code == 429
    assert (await intake.client.get(path)).status_code == 200


async def test_who_may_send_a_link(intake: Intake) -> None:
    """R-HOT-08, R-HOT-14: the notifying service and operators of the centre, not of the unit that it rates."""
    case_id = (await waiting(intake))["case_id"]
    notifier = intake.as_role(Role.NOTIFIER)
    assert (await link_of(intake, case_id, **notifier)).status_code == 200
    own = await link_of(intake, case_id, **intake.as_role(Role.OPERATOR, unit=GRID))
    assert (own.status_code, own.json()["code"]) == (403, "not_the_centre")
    accused = (await intake.accepted(body(subjects=["GL-HOTLINE"])))["case_id"]
    await intake.say(accused, REPLIED, OPENED)
    hidden = await link_of(intake, accused, **intake.as_role(Role.OPERATOR, unit="GL-HOTLINE"))
    assert hidden.status_code == 404
    assert (await link_of(intake, accused, **notifier)).status_code == 200
    assert (await link_of(intake, "00000000-0000-7000-8000-000000000000", **notifier)).status_code == 404


async def test_a_closed_case_is_reopened_by_code_link_or_operator(intake: Intake) -> None:
    """R-HOT-08: within the window that the router named; both services agree on when it is open."""
    shown = await waiting(intake)
    case_id, code = shown["case_id"], shown["tracking_code"]
    path = await path_of(intake, case_id)
    wish = {"reason": "灯又灭了，13800138000"}
    early = await intake.client.post(f"/v1/track/{code}/reopening", json=wish)
    assert (early.status_code, early.json()["code"]) == (409, "case_open")
    await intake.say(case_id, closed(days=1))
    assert (await intake.client.get(f"/v1/track/{code}")).json()["reopen_until"] is not None
    assert "要求重新办理" in (await intake.client.get(path)).text

    done = await send(intake, path, reason=wish["reason"])
    assert "您要求重新办理，我们已经收到" in done.text
    [asked] = await intake.events(case_id, "ReopeningAsked")
    assert asked["reason"] == "灯又灭了，〔电话〕"
    again = await intake.client.post(f"/v1/track/{code}/reopening", json=wish)
    assert again.json()["code"] == "reopening_asked"
    added = f"/v1/track/{code}/supplements"
    assert (await intake.client.post(added, json={"text": "见照片"})).json()["code"] == "case_closed"
    await intake.say(case_id, router.CaseReopened(unit="GL0101", times=1))
    assert (await intake.client.post(added, json={"text": "见照片"})).status_code == 200
    seen = (await intake.client.get(f"/v1/track/{code}")).json()
    assert (seen["status"], seen["reopen_until"]) == ("reopened", None)
    assert [entry["words"] for entry in seen["timeline"]][-3:] == [
        "已收到您重新办理的要求。", "按您的要求，本件已重新办理。", "已收到您补充的情况。",
    ]  # fmt: skip

    await intake.say(case_id, closed(days=1))
    by_operator = await intake.client.post(
        f"/v1/cases/{case_id}/reopening", json=wish, headers=intake.operator
    )
    assert by_operator.status_code == 200
    assert [event.get("by", {}).get("role") for event in await intake.events(case_id, "ReopeningAsked")] == [
        None, "operator",
    ]  # fmt: skip


async def test_when_the_window_is_over(intake: Intake) -> None:
    """R-HOT-08: refused in words; a new report of the same is a case of its own, linked to this one (R-PET-18)."""
    shown = await waiting(intake)
    await intake.say(shown["case_id"], closed(days=-1))
    answer = await intake.client.post(
        f"/v1/track/{shown['tracking_code']}/reopening", json={"reason": "灯又灭了"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "reopening_over")
    assert (await link_of(intake, shown["case_id"])).json()["code"] == "no_callback"
    assert await intake.events(shown["case_id"], "ReopeningAsked") == []


async def test_a_repeat_does_not_reopen(intake: Intake) -> None:
    """R-PET-18: the same person, the same matter, after the end: a new case with a link to the old one."""
    reporter = {"phone": "13800138000"}
    first = await intake.accepted(body(reporter=reporter))
    await intake.say(first["case_id"], REPLIED, OPENED, closed(days=5))
    second = await intake.accepted(body(reporter=reporter))
    assert second["repeat_of"] == first["case_id"]
    assert await intake.events(first["case_id"], "ReopeningAsked") == []
    [submitted] = await intake.events(second["case_id"], "CaseSubmitted")
    assert submitted["new_facts"] is True
