"""The operators' list of callbacks and the figures of units, over HTTP on a real PostgreSQL."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from chassis.http import Role
from schemas.intake import ReopeningAsked
from schemas.router import EVENTS
from services.router.rates import MEASURES, counted
from tests.plans_kit import rows_read
from tests.router_api_kit import COMMUNITY, DISTRICT, HOTLINE, STREET, RouterUnderTest, running

OPERATOR = (Role.OPERATOR, HOTLINE)
SATISFIED = {"contacted": True, "resolved": True, "satisfied": True}
_TYPES = {event.type: event for event in EVENTS}


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


async def called_back(router: RouterUnderTest, **changes: Any) -> str:
    """A case of the community that was replied to; its path."""
    path = await router.submit(**changes)
    for action, body in (("sign", {}), ("contact", {}), ("reply", {"result": "已上门", "solved": True})):
        answer = await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY, body)
        assert answer.status == 200, answer.body
    return path


async def listed(router: RouterUnderTest, **query: Any) -> list[dict[str, Any]]:
    answer = await router.get("/v1/callbacks", *OPERATOR, **query)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.body["items"]
    return items


async def test_operators_share_the_list(router: RouterUnderTest) -> None:
    """R-HOT-08: whom to call, until when; one calls at a time; who was not reached comes again another day."""
    path = await called_back(router)
    [item] = await listed(router)
    assert f"/v1/cases/{item['case_id']}" == path
    assert (item["unit"]["code"], item["reason"], item["title"]) == (COMMUNITY, "replied", "老人照料")
    assert (item["attempts"], item["attempts_left"], item["claimed_until"]) == (0, 3, None)

    assert (await router.post(f"{path}/callback/claim", *OPERATOR)).status == 200
    [item] = await listed(router)
    assert item["claimed_by_you"] is True
    # another operator of the district sees that somebody is calling, and can do nothing meanwhile
    [seen] = (await router.get("/v1/callbacks", Role.OPERATOR, DISTRICT)).body["items"]
    assert (seen["claimed_by_you"], seen["claimed_until"]) == (False, item["claimed_until"])
    assert (await router.get("/v1/callbacks", Role.OPERATOR, DISTRICT, free=True)).body["items"] == []
    assert len(await listed(router, free=True)) == 1
    for action, body in (("callback/claim", {}), ("callback", {"contacted": False})):
        assert (await router.post(f"{path}/{action}", Role.OPERATOR, DISTRICT, body)).code == "claimed"

    assert (await router.post(f"{path}/callback", *OPERATOR, {"contacted": False})).status == 200
    [again] = await listed(router)
    assert (again["attempts"], again["attempts_left"], again["claimed_until"]) == (1, 2, None)
    assert again["tried_at"] is not None
    assert datetime.fromisoformat(again["due_at"]).astimezone(UTC).hour == 1, "nine o'clock in Shanghai"
    assert (await router.post(f"{path}/callback", *OPERATOR, {"contacted": False})).code == "too_soon"

    assert (await router.post(f"{path}/callback", *OPERATOR, SATISFIED)).status == 200
    assert await listed(router) == []


async def test_who_calls_back_and_about_whom(router: RouterUnderTest) -> None:
    """R-HOT-08, R-LAD-04, R-HOT-14: operators of the centre only, and nothing that complains of the centre."""
    await called_back(router)
    confidential = await called_back(router, confidential=True)
    answer = await router.get("/v1/callbacks", Role.OPERATOR, COMMUNITY)
    assert (answer.status, answer.code) == (403, "not_the_centre")
    titles = {f"/v1/cases/{item['case_id']}": item["title"] for item in await listed(router)}
    assert [titles.pop(confidential), *titles.values()] == [None, "老人照料"]
    await called_back(router, subjects=(HOTLINE,))
    assert len(await listed(router)) == 2
    assert len((await router.get("/v1/callbacks", Role.OPERATOR, DISTRICT)).body["items"]) == 3


async def test_pages_go_on_where_the_last_one_ended(router: RouterUnderTest) -> None:
    """R-HOT-08: oldest due first, each once."""
    paths = [await called_back(router) for _ in range(3)]
    first = (await router.get("/v1/callbacks", *OPERATOR, limit=2)).body
    second = (await router.get("/v1/callbacks", *OPERATOR, limit=2, cursor=first["next"])).body
    items = [*first["items"], *second["items"]]
    assert sorted(f"/v1/cases/{item['case_id']}" for item in items) == sorted(paths)
    assert [item["due_at"] for item in items] == sorted(item["due_at"] for item in items)
    assert second["next"] is None


_WAITING = (
    "WITH waiting AS (SELECT gen_random_uuid() AS id, now() + n * interval '1 second' AS due"
    " FROM generate_series(1, $1) n), aggregates AS (INSERT INTO router.aggregate"
    " (case_id, version, seen, state, traceparent) SELECT id, 1, '{}', '{}', '' FROM waiting)"
    " INSERT INTO router.callback SELECT id, 'GL0101', 'GL010101', 'replied', NULL, 'S', 3, due, due, 0, NULL,"
    " NULL, NULL, '{}', false, false FROM waiting"
)
_ROWS, _PAGE = 20_000, 50


async def test_a_page_reads_its_own_rows_however_many_wait(router: RouterUnderTest) -> None:
    """R-HOT-08: by the index, in its order, from wherever the cursor stands; nothing is sorted."""
    await router.pool.execute(_WAITING, _ROWS)
    cursor: dict[str, str] = {}
    for _ in range(3):
        before = await rows_read(router.pool, "router")
        page = (await router.get("/v1/callbacks", *OPERATOR, limit=_PAGE, **cursor)).body
        cursor = {"cursor": page["next"]}
        assert len(page["items"]) == _PAGE
        assert 2 * _PAGE <= await rows_read(router.pool, "router") - before <= 10 * _PAGE
    plan = await router.pool.fetch(
        "EXPLAIN SELECT * FROM router.callback c WHERE NOT c.subjects && '{GL}'"
        " AND (c.due_at, c.case_id) > (now(), $1::uuid) ORDER BY c.due_at, c.case_id LIMIT 51",
        uuid4(),
    )
    words = "\n".join(row[0] for row in plan)
    assert "callback_due" in words
    assert "Sort" not in words


async def test_the_figures_of_units(router: RouterUnderTest) -> None:
    """R-HOT-09, R-KPI-01: of a street with all under it, by day; the table is what a recount of the log finds."""
    first = await called_back(router)
    await router.post(f"{first}/callback", *OPERATOR, {**SATISFIED, "responded": False})
    second = await called_back(router)
    await router.post(
        f"{second}/callback", *OPERATOR, {"contacted": True, "resolved": True, "satisfied": False}
    )
    third = await router.submit()
    await router.post(f"{third}/objection", Role.HANDLER, COMMUNITY, {"reason": "不属本社区职责"})
    await router.post(
        f"{third}/objection/adjudication", Role.SUPERVISOR, DISTRICT, {"upheld": False, "reason": "属其职责"}
    )
    await router.say(UUID(first.rpartition("/")[2]), ReopeningAsked(reason="又没有人来了"))

    answer = await router.get("/v1/rates", Role.SUPERVISOR, STREET, unit=STREET)
    [shown] = answer.body["units"]
    assert shown["own"]["valid"] == 0
    assert shown["own"]["response_rate"] is None
    total = shown["total"]
    assert {name: total[name] for name in MEASURES if total[name]} == {
        "valid": 2, "contacted": 1, "resolved": 2, "satisfied": 1, "in_time": 2, "redone": 1, "reopened": 1,
        "objections": 1,
    }  # fmt: skip
    assert (total["response_rate"], total["resolution_rate"], total["satisfaction_rate"]) == (0.5, 1.0, 0.5)
    assert (total["timeliness"], total["redo_rate"], total["upheld_rate"]) == (1.0, 0.5, 0.0)

    rows = await router.pool.fetch(
        "SELECT type, data::text FROM chassis.event_log WHERE source = 'router' AND topic = 'case.events'"
    )
    recount: Counter[tuple[str, str]] = Counter()
    for kind, data in rows:
        if found := counted(_TYPES[kind].model_validate(orjson.loads(data))):
            recount.update((found[0], measure) for measure in found[1])
    stored = await router.pool.fetch("SELECT * FROM router.unit_day")
    assert {(row["unit"], name): row[name] for row in stored for name in MEASURES if row[name]} == recount

    everyone = (await router.get("/v1/rates", Role.OPS, None)).body["units"]
    assert {unit["kind"] for unit in everyone} == {"street", "department"}
    assert sum(unit["total"]["valid"] for unit in everyone) == 2


async def test_questions_about_figures(router: RouterUnderTest) -> None:
    """R-KPI-01: within the caller's own area, over a period that is one."""
    other = await router.get("/v1/rates", Role.SUPERVISOR, STREET, unit="GL02")
    assert (other.status, other.code) == (403, "outside_jurisdiction")
    assert (await router.get("/v1/rates", Role.OPS, None, unit="nowhere")).status == 404
    for period in ({"from": "2026-06-02", "to": "2026-06-01"}, {"from": "2020-01-01"}):
        assert (await router.get("/v1/rates", Role.OPS, None, **period)).status == 422
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    empty = await router.get("/v1/rates", Role.OPS, None, unit=DISTRICT, **{"to": yesterday})
    assert empty.body["units"][0]["total"]["valid"] == 0


async def test_the_reason_of_a_reopening_is_kept_from_whom_it_is_about(router: RouterUnderTest) -> None:
    """R-HOT-08, R-HOT-14: read by the unit that gets the case; one that it accuses by name does not get it."""
    path = await called_back(router)
    await router.post(f"{path}/callback", *OPERATOR, SATISFIED)
    await router.say(UUID(path.rpartition("/")[2]), ReopeningAsked(reason="又坏了，请再来"))
    shown = await router.get(path, Role.HANDLER, COMMUNITY)
    assert shown.body["status"] == "DISPATCHED_LOCKED"
    assert [entry["text"] for entry in shown.body["text"]["supplements"]] == ["又坏了，请再来"]
    route = (await router.get(f"{path}/route", Role.HANDLER, COMMUNITY)).body["steps"]
    assert [step["type"] for step in route][-2:] == ["router.CaseReopened.v1", "router.CaseDispatched.v1"]
    assert "又坏了" not in str(route)

    path = await called_back(router)
    await router.post(f"{path}/callback", *OPERATOR, SATISFIED)
    await router.say(UUID(path.rpartition("/")[2]), ReopeningAsked(reason="博苑社区敷衍了事，不作为"))
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).status == 404
    assert (await router.get(f"{path}/route", Role.HANDLER, COMMUNITY)).status == 404
    shown = await router.get(path, *OPERATOR)
    assert (shown.body["status"], shown.body["unit"]["code"]) == ("REGISTERED", "GL-HOTLINE")
    assert [entry["text"] for entry in shown.body["text"]["supplements"]] == ["博苑社区敷衍了事，不作为"]
