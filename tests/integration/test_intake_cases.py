"""Intake over HTTP on a real PostgreSQL: submissions, their answers, and what never enters an event."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from tests.intake_kit import GRID, Intake, body, running


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def test_a_case_is_answered_when_it_is_durable(intake: Intake) -> None:
    """R-HOT-02: 201 with case id, tracking code, Location and ETag; the event stands in the log."""
    answer = await intake.submit(body(matter="municipal.streetlight", urgency=2, channel="visit"))
    shown = answer.json()
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/v1/cases/{shown['case_id']}"
    assert UUID(shown["case_id"]).version == 7
    assert len(shown["tracking_code"]) == 12
    assert set(shown) == {"case_id", "tracking_code", "received_at", "grid", "building_group"}
    assert shown["grid"] == GRID
    (event,) = await intake.events(shown["case_id"])
    assert event["channel"] == "visit"
    assert event["place"] == {"source": "unit", "grid": GRID}
    assert event["by"] == {"subject": "op-1", "role": "operator", "unit": "GL"}
    seen = await intake.client.get(answer.headers["location"], headers=intake.operator)
    assert (seen.status_code, seen.headers["etag"], seen.json()["unit"]) == (200, '"1"', GRID)


async def test_the_tracking_code_is_stored_as_a_digest_only(intake: Intake) -> None:
    """R-PRIV-01: no column of the database holds a tracking code, an answer kept for repetition included."""
    answer = await intake.submit(body(), **{"Idempotency-Key": "k1"})
    code = answer.json()["tracking_code"]
    stored = await intake.pool.fetch("SELECT f::text FROM intake.case_file f")
    stored += await intake.pool.fetch("SELECT convert_from(body, 'UTF8') FROM intake.idempotency_key")
    assert len(stored) == 2
    assert not [row for row in stored if code in row[0]]


async def test_a_residents_account_is_not_kept_with_their_key(intake: Intake) -> None:
    """R-PRIV-01: it may be a phone number; the key still gives the first answer again."""
    headers = intake.as_role(Role.RESIDENT, subject="13900139000") | {"Idempotency-Key": "k1"}
    answers = [await intake.client.post("/v1/cases", json=body(), headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    [stored] = await intake.pool.fetch("SELECT principal FROM intake.idempotency_key")
    assert "13900139000" not in stored[0]


async def test_a_repeated_request_gets_the_first_answer(intake: Intake) -> None:
    """The same key and body make one case, at once or together; another body is refused with a code."""
    key = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(intake.submit(body(), **key) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    other = await intake.submit(body(title="另一件事"), **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await intake.count("case_file") == 1


async def test_personal_numbers_never_enter_an_event(intake: Intake) -> None:
    """R-PRIV-01, R-HOT-14: the event is masked everywhere; the words as given are in the encrypted record."""
    text = "请联系王大爷，电话13800138000，身份证110101199003070011。"
    shown = await intake.accepted(
        body(
            title="请回电13800138000",
            text=text,
            place={"grid": GRID, "address": "秋岭公寓3幢，联系13800138000"},
            reporter={"name": "王大爷", "phone": "138 0013 8000", "id_number": "11010119900307001X"},
        )
    )
    data = await intake.pool.fetchval(
        "SELECT data::text FROM chassis.event_log WHERE case_id = $1", UUID(shown["case_id"])
    )
    for personal in ("13800138000", "1101011990", "138 0013 8000"):
        assert personal not in data
    record = await intake.pool.fetchval("SELECT ciphertext FROM intake.personal_record")
    assert "王大爷".encode() not in record
    person = await intake.client.get(
        f"/v1/cases/{shown['case_id']}/person", params={"purpose": "回访核实"}, headers=intake.operator
    )
    assert person.json()["text"] == text
    assert person.json()["name"] == "王大爷"
    assert person.json()["address"] == "秋岭公寓3幢，联系13800138000"


async def test_a_case_without_personal_data_leaves_no_record(intake: Intake) -> None:
    """R-PRIV-01: minimum data; an anonymous reporter is not even indexed."""
    await intake.accepted(body(reporter={"anonymous": True}))
    await intake.accepted(body())
    assert await intake.count("personal_record") == 0
    assert await intake.count("person_index") == 0


EMERGENCY = {"title": "楼道里燃气味很浓", "text": "来电人称楼道燃气味很浓，有人头晕。"}


async def test_an_operator_is_told_at_once_what_to_do(intake: Intake) -> None:
    """R-LAD-05, R-HOT-13: a declared emergency enters the event and is answered with line and advice."""
    shown = await intake.accepted(body(emergency_line="119", **EMERGENCY))
    assert shown["emergency"]["line"] == "119"
    assert "一键转接消防119" in shown["emergency"]["advice"]
    (event,) = await intake.events(shown["case_id"])
    assert event["emergency"] == {"line": "119", "ground": "operator"}


async def test_places_come_from_the_surest_source(intake: Intake) -> None:
    """R-HOT-04: stated grid, then coordinates, then address, else only the district is known."""
    point = {"longitude": 117.1525, "latitude": 34.2645}
    places: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"grid": "GL010102", **point}, {"source": "unit", "grid": "GL010102", **point}),
        (
            point | {"address": "景坪家园"},
            {"source": "coordinates", "grid": GRID, "address": "景坪家园", **point},
        ),
        ({"address": "景坪家园旁边"}, {"source": "address", "grid": "GL010102", "address": "景坪家园旁边"}),
        (
            {"address": "秋岭公寓3幢"},
            {"source": "address", "grid": GRID, "building_group": f"{GRID}03", "address": "秋岭公寓3幢"},
        ),
        ({"building_group": f"{GRID}03"}, {"source": "unit", "grid": GRID, "building_group": f"{GRID}03"}),
        (
            {"grid": "GL010102", "address": "秋岭公寓3幢"},
            {"source": "unit", "grid": "GL010102", "address": "秋岭公寓3幢"},
        ),
        ({"address": "不知道在哪"}, {"source": "unknown", "address": "不知道在哪"}),
        ({}, {"source": "unknown"}),
    ]
    for given, expected in places:
        shown = await intake.accepted(body(place=given))
        (event,) = await intake.events(shown["case_id"])
        assert event["place"] == expected


async def test_a_resident_submits_by_the_web(intake: Intake) -> None:
    """R-HOT-02: the channel is web whatever was sent; the Location is one that the resident may open."""
    resident = intake.as_role(Role.RESIDENT, subject="resident-7")
    answer = await intake.client.post("/v1/cases", json=body(channel="hotline"), headers=resident)
    shown = answer.json()
    assert answer.headers["location"] == f"/v1/track/{shown['tracking_code']}"
    (event,) = await intake.events(shown["case_id"])
    assert event["channel"] == "web"
    assert "by" not in event
    assert "resident-7" not in str(event)


async def test_a_grid_worker_reports_a_settled_matter(intake: Intake) -> None:
    """R-GRD-01: the worker's own grid is the place, and the settlement is in the event."""
    worker = intake.as_role(Role.GRID_WORKER, unit=GRID, subject="gw-1")
    content = body(place={}, resolved={"measure": "已劝导并清理"})
    answer = await intake.client.post("/v1/cases", json=content, headers=worker)
    assert answer.status_code == 201, answer.text
    (event,) = await intake.events(answer.json()["case_id"])
    assert event["channel"] == "grid"
    assert event["worker"] == GRID
    assert event["place"] == {"source": "unit", "grid": GRID}
    assert event["resolved"]["unit"] == GRID
    assert event["resolved"]["measure"] == "已劝导并清理"


@pytest.mark.parametrize(
    ("role", "unit", "place", "status", "code"),
    [
        (Role.GRID_WORKER, GRID, {"grid": "GL010102"}, 403, "outside_jurisdiction"),
        (Role.OPERATOR, "GL01", {"grid": "GL020101"}, 403, "outside_jurisdiction"),
        (Role.OPERATOR, "GL01", {}, 403, "outside_jurisdiction"),
        (Role.OPERATOR, "GL01", {"grid": GRID}, 201, None),
        (Role.OPERATOR, None, {}, 403, "unit_required"),
        (Role.GRID_WORKER, None, {"grid": GRID}, 403, "unit_required"),
        (Role.OPERATOR, "XX99", {"grid": GRID}, 403, "unit_unknown"),
        (Role.HANDLER, "GL", {"grid": GRID}, 403, "role_required"),
    ],
)
async def test_a_token_reaches_only_its_jurisdiction(
    intake: Intake, role: Role, unit: str | None, place: dict[str, str], status: int, code: str | None
) -> None:
    """R-GRD-01: tiered access; a refused submission leaves nothing."""
    answer = await intake.client.post(
        "/v1/cases", json=body(place=place), headers=intake.as_role(role, unit=unit)
    )
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert await intake.count("case_file") == (1 if status == 201 else 0)


async def test_a_repeat_is_linked_and_never_dropped(intake: Intake) -> None:
    """R-PET-18, R-HOT-03: same person, same matter: linked to the newest; same words bring no new facts."""
    first = body(matter="municipal.streetlight", reporter={"phone": "13800138000"})
    again = first | {"reporter": {"phone": "+86 138-0013-8000"}}
    one = await intake.accepted(first)
    two = await intake.accepted(again | {"title": "楼道灯 坏了！"})
    three = await intake.accepted(again | {"text": "又坏了一盏，已有人摔倒。"})
    stated = await intake.accepted(again | {"text": "还是那件事。", "new_facts": False})
    other = await intake.accepted(again | {"matter": "municipal.manhole"})
    stranger = await intake.accepted(first | {"reporter": {"phone": "13900139000"}})
    assert "repeat_of" not in one
    assert two["repeat_of"] == one["case_id"]
    assert three["repeat_of"] in {one["case_id"], two["case_id"]}
    assert "repeat_of" not in other
    assert "repeat_of" not in stranger
    facts = [(await intake.events(case["case_id"]))[0]["new_facts"] for case in (one, two, three, stated)]
    assert facts == [True, False, True, False]


async def test_a_repeat_in_the_same_batch_is_linked(intake: Intake) -> None:
    """R-PET-18: two lines that share a commit are linked as well; the likeliest matter stands in for none."""
    line = body(title="路灯坏了", text="小区路灯坏了没人修。", reporter={"id_number": "11010119900307001X"})
    one, two = await intake.batch(line, line | {"text": "小区路灯坏了，又黑又危险。"})
    assert two["repeat_of"] == one["case_id"]


async def test_an_old_case_is_no_longer_a_repeat(intake: Intake) -> None:
    """R-PET-18: after 365 days the same matter is a case of its own."""
    long_ago = datetime.now(UTC) - timedelta(days=366)
    case = body(matter="municipal.streetlight", reporter={"phone": "13800138000"})
    await intake.accepted(case | {"received_at": long_ago.isoformat()})
    assert "repeat_of" not in await intake.accepted(case)


async def test_the_routes_are_documented(intake: Intake) -> None:
    """/openapi.json shows the hot routes with their bodies and examples."""
    document = (await intake.client.get("/openapi.json")).json()
    submit = document["paths"]["/v1/cases"]["post"]
    assert submit["x-roles"] == ["grid_worker", "operator", "ops", "resident"]
    assert "application/x-ndjson" in document["paths"]["/v1/cases/batch"]["post"]["requestBody"]["content"]
    assert len(document["components"]["schemas"]["CaseBody"]["examples"]) == 4


async def test_the_examples_in_the_documentation_are_accepted(intake: Intake) -> None:
    """Each example goes through as the role it is for."""
    document = (await intake.client.get("/openapi.json")).json()
    hotline, web, grid, emergency = document["components"]["schemas"]["CaseBody"]["examples"]
    for content in (hotline, web, emergency):
        assert (await intake.submit(content)).status_code == 201
    worker = intake.as_role(Role.GRID_WORKER, unit=GRID)
    assert (await intake.client.post("/v1/cases", json=grid, headers=worker)).status_code == 201


async def test_a_dangerous_matter_that_staff_name_is_advised_on_as_well(intake: Intake) -> None:
    """R-HOT-13: the router sends it to its line, so the operator hears at once to transfer the call."""
    case = await intake.accepted(body(matter="utilities.gas-leak", text="请派人看看"))
    assert case["emergency"]["line"] == "119"
    assert "119" in case["emergency"]["advice"]


async def test_the_hotline_centre_takes_cases_in_from_everywhere(intake: Intake) -> None:
    """R-HOT-01: an operator of the centre needs no place in its area, for it has none; others do."""
    sent = body(matter="municipal.streetlight")
    for unit, status in (("GL-HOTLINE", 201), ("GL-URBAN", 403)):
        operator = intake.as_role(Role.OPERATOR, unit=unit)
        assert (await intake.client.post("/v1/cases", json=sent, headers=operator)).status_code == status
    [case] = await intake.pool.fetch("SELECT case_id FROM intake.case_file")
    centre = intake.as_role(Role.OPERATOR, unit="GL-HOTLINE")
    path = f"/v1/cases/{case[0]}"
    assert (await intake.client.get(path, headers=centre)).status_code == 200
    taken = await intake.client.post(f"{path}/withdrawal", json={"reason": "已修好"}, headers=centre)
    assert taken.status_code == 200
