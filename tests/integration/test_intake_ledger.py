"""The concerns ledger at the real intake on a real PostgreSQL (R-LEDGER-01)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from schemas import router
from schemas.department import HandlingMode
from tests.intake_kit import Intake, body, running
from tests.plans_kit import rows_read

ROUTE = router.Route(policy="p", jurisdiction="GL")
STREET, COMMUNITY, OTHER = "GL01", "GL0101", "GL020101"


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


def dispatched(unit: str = COMMUNITY, **more: Any) -> router.CaseDispatched:
    judged = router.Judgement(by=router.TriagedBy.STAFF, matter="municipal.streetlight", track="S", urgency=2)
    plain = {
        "unit": unit, "number": 1, "rung": 2, "mode": HandlingMode.TRANSFER, "track": "S", "urgency": 2,
        "route": ROUTE, "registered": router.Registration(judgement=judged),
    }  # fmt: skip
    return router.CaseDispatched.model_validate(plain | more)


async def entries(
    intake: Intake, headers: dict[str, str] | None = None, **query: Any
) -> list[dict[str, Any]]:
    answer = await intake.client.get("/v1/ledger", params=query, headers=headers or intake.operator)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def entry(intake: Intake, case_id: str) -> dict[str, Any]:
    [found] = [item for item in await entries(intake) if item["case_id"] == case_id]
    return found


async def test_an_entry_says_what_both_sides_were_told(intake: Intake) -> None:
    """R-LEDGER-01: last word and moment for resident and unit; what came of it, and why it is unsolved."""
    case_id = (await intake.accepted(body()))["case_id"]
    assert (await entry(intake, case_id))["missing"] == ["resident_not_told", "handler_not_told"]
    await intake.say(case_id, dispatched(), router.AssignmentSigned(unit=COMMUNITY))
    shown = await entry(intake, case_id)
    assert shown["resident"]["words"] == "承办单位已签收。"
    assert (shown["handler"]["unit"], shown["handler"]["unit_name"]) == (COMMUNITY, "博苑社区")
    assert shown["handler"]["words"] == "已派单至博苑社区办理。"
    assert (shown["status"], shown["result"], shown["missing"]) == ("signed", None, [])

    why = "须待改造立项，联系人13800138000"
    unsolved = router.CaseReplied(unit=COMMUNITY, result="暂无法修复", solved=False, explanation=why)
    await intake.say(case_id, unsolved)
    result = (await entry(intake, case_id))["result"]
    assert {name: result[name] for name in ("kind", "unit", "solved", "explanation")} == {
        "kind": "replied", "unit": COMMUNITY, "solved": False, "explanation": "须待改造立项，联系人〔电话〕",
    }  # fmt: skip
    await intake.say(case_id, router.RedoOrdered(unit=COMMUNITY, reason="重办"))
    assert (await entry(intake, case_id))["result"] is None, "what it said no longer stands"

    row = router.Fired(table="reviews", row="service", source="R-LAD-06")
    way = router.NamedExit(code="court", name="民事诉讼", source="TJ3")
    offered = router.LawfulReviewOffered(unit=COMMUNITY, track="S", routes=(way,), row=row)
    end = router.CaseClosed(outcome=router.Outcome.UNSATISFIED, unit=COMMUNITY, review_offered=True)
    await intake.say(case_id, router.CaseReplied(unit=COMMUNITY, result="已尽力", solved=True), offered, end)
    shown = await entry(intake, case_id)
    assert (shown["result"]["kind"], shown["result"]["solved"]) == ("closed", False)
    assert shown["result"]["explanation"] == "已告知可依法选择：民事诉讼"
    assert shown["handler"]["at"] == shown["resident"]["at"], "both were told of the end"
    assert shown["missing"] == []


async def test_results_that_come_apart_are_put_together(intake: Intake) -> None:
    """R-LEDGER-01: what the reply said stands when nobody is reached, in one batch as in two."""
    unsolved = router.CaseReplied(unit=COMMUNITY, result="无法修复", solved=False, explanation="无权属单位")
    end = router.CaseClosed(outcome=router.Outcome.UNREACHABLE, unit=COMMUNITY)
    apart = (await intake.accepted(body()))["case_id"]
    for event in (dispatched(), unsolved, end):
        await intake.say(apart, event)
    together = (await intake.accepted(body(title="又一件")))["case_id"]
    await intake.say(together, dispatched(), unsolved, end)
    results = [(await entry(intake, case_id))["result"] for case_id in (apart, together)]
    told = [(found["kind"], found["solved"], found["explanation"]) for found in results]
    assert told == [("closed", False, "无权属单位")] * 2


async def test_the_check_lists_what_is_missing(intake: Intake) -> None:
    """R-LEDGER-01: never routed, unsolved without a word why, parked; a case is not late within its grace."""
    lost = (await intake.accepted(body()))["case_id"]
    fine = (await intake.accepted(body(title="甲")))["case_id"]
    await intake.say(fine, dispatched(), router.CaseReplied(unit=COMMUNITY, result="已修好", solved=True))
    silent = (await intake.accepted(body(title="乙")))["case_id"]
    await intake.say(silent, dispatched(), router.CaseReplied(unit=COMMUNITY, result="未修好", solved=False))
    left = (await intake.accepted(body(title="丙")))["case_id"]
    away = router.NamedExit(code="other-channels", name="市场、社会等其他渠道", source="BJ11")
    await intake.say(left, router.CaseRedirected(exit=away, route=ROUTE))
    stuck = (await intake.accepted(body(title="丁")))["case_id"]
    await intake.say(stuck, dispatched())
    await intake.pool.execute(
        "INSERT INTO intake.parked (case_id, source, sequence, type, topic, time, traceparent, data, reason,"
        " behind) VALUES ($1, 'router', 9, 'router.CaseReplied.v1', 'case.events', now(), '', '{}', 'no', false)",
        UUID(stuck),
    )
    assert await entries(intake, unreported=True) == []
    found = {item["case_id"]: item["missing"] for item in await entries(intake, unreported=True, grace=0)}
    assert found == {
        lost: ["resident_not_told", "handler_not_told"],
        silent: ["unexplained"],
        stuck: ["waiting"],
    }
    assert len(await entries(intake)) == 5


async def test_the_ledger_is_kept_from_whom_a_case_is_kept_from(intake: Intake) -> None:
    """R-LAD-04, R-PET-10, R-HOT-14: the unit complained of, sealed matter, other areas, confidential words."""
    plain = (await intake.accepted(body()))["case_id"]
    elsewhere = (await intake.accepted(body(title="甲", place={"grid": OTHER})))["case_id"]
    accused = (await intake.accepted(body(title="乙", subjects=[STREET])))["case_id"]
    sealed = (await intake.accepted(body(title="丙")))["case_id"]
    judged = router.Judgement(by=router.TriagedBy.STAFF, matter="government.report", track="L", urgency=4)
    exit_ = router.NamedExit(
        code="discipline-inspection", name="纪检监察", authority="GL-DISCIPLINE", source="XF30"
    )
    first = router.Registration(judgement=judged, sealed=True)
    await intake.say(sealed, router.CaseRedirected(exit=exit_, route=ROUTE, registered=first))
    secret = (await intake.accepted(body(title="丁", reporter={"name": "张三", "confidential": True})))[
        "case_id"
    ]
    await intake.say(secret, dispatched())

    async def seen(role: Role, of: str | None, **query: Any) -> set[str]:
        headers = intake.as_role(role, unit=of)
        return {item["case_id"] for item in await entries(intake, headers, **query)}

    assert await seen(Role.SUPERVISOR, STREET) == {plain, secret}
    assert await seen(Role.SUPERVISOR, "GL") == {plain, elsewhere, accused, secret}
    assert await seen(Role.OPERATOR, "GL-HOTLINE", unit="GL02") == {elsewhere}
    assert await seen(Role.OPS, None) == {plain, elsewhere, secret}
    assert await seen(Role.SUPERVISOR, "GL-DISCIPLINE", unit="GL-DISCIPLINE") == set()
    outside = await intake.client.get(
        "/v1/ledger", params={"unit": "GL02"}, headers=intake.as_role(Role.SUPERVISOR, unit=STREET)
    )
    assert outside.json()["code"] == "outside_jurisdiction"

    [item] = [
        item
        for item in await entries(intake, intake.as_role(Role.SUPERVISOR, unit=STREET))
        if item["case_id"] == secret
    ]
    assert "博苑社区" not in item["resident"]["words"]
    ops = intake.as_role(Role.OPS)
    answer = await intake.client.get("/v1/ledger", params={"unreported": True, "grace": 0}, headers=ops)
    assert answer.json()["withheld"] == 1, (
        "the accused one, of which nobody has heard; the sealed one was told"
    )


async def test_pages_and_periods(intake: Intake) -> None:
    """R-LEDGER-01: newest first, each once; a period by the day of the receipt."""
    cases = [(await intake.accepted(body(title=str(number))))["case_id"] for number in range(5)]
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await intake.client.get("/v1/ledger", params={"limit": 2, **cursor}, headers=intake.operator)
        page = answer.json()
        found += [item["case_id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == cases[::-1]
    before = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    assert await entries(intake, to=before) == []
    for wrong in ({"from": "2026-01-01", "to": "2025-01-01"}, {"from": "2020-01-01"}, {"unit": "nowhere"}):
        answer = await intake.client.get("/v1/ledger", params=wrong, headers=intake.operator)
        assert answer.status_code == 422, wrong


_FILED = (
    "WITH filed AS (SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0')"
    " || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid AS id, n FROM generate_series(1, $1) n),"
    " aggregates AS (INSERT INTO intake.aggregate (case_id, version, seen, state, traceparent)"
    " SELECT id, 1, '{}', '{\"submitted\": true}', '' FROM filed),"
    " steps AS (INSERT INTO intake.timeline (case_id, at, status, words, unit)"
    " SELECT id, now(), 'dispatched', '已派单', 'GL0101' FROM filed, generate_series(1, 3))"
    " INSERT INTO intake.case_file (case_id, unit, code_digest, received_at)"
    " SELECT id, 'GL010101', sha256(n::text::bytea), now() FROM filed"
)
_ROWS, _PAGE = 20_000, 50


async def test_a_page_reads_its_own_rows_however_many_cases_there_are(intake: Intake) -> None:
    """R-LEDGER-01: backwards along the primary key, whatever the tables' sizes."""

    await intake.pool.execute(_FILED, _ROWS)
    cursor: dict[str, Any] = {}
    for _ in range(3):
        before = await rows_read(intake.pool, "intake")
        answer = await intake.client.get(
            "/v1/ledger", params={"limit": _PAGE, **cursor}, headers=intake.operator
        )
        page = answer.json()
        assert len(page["items"]) == _PAGE
        assert _PAGE <= await rows_read(intake.pool, "intake") - before <= 20 * _PAGE
        cursor = {"cursor": page["next"]}
