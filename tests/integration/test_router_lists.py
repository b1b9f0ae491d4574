"""The router's lists, figures and rules over HTTP, and the colours as the database gives them."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from chassis.database import open_pool
from chassis.http import Role
from schemas.department import HandlingMode
from schemas.intake import CaseSupplemented
from schemas.router import OrderStatus, Term
from services.router.api.paging import encode
from services.router.card import COLOUR_SQL, Card
from services.router.domain import WorkOrder, colour
from services.router.domain.workorder import OPEN, Seat
from tests.router_api_kit import (
    COMMUNITY,
    COMPONENT,
    DISTRICT,
    HOTLINE,
    PLAIN,
    STREET,
    URBAN,
    RouterUnderTest,
    running,
)


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


async def test_pages_hold_each_assignment_once(router: RouterUnderTest) -> None:
    """R-HOT-04: oldest first; rows that come or go between two pages shift none."""
    paths = [await router.submit() for _ in range(5)]
    first = (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, limit=2)).body
    await router.submit()
    withdrawn = {"upheld": True, "reason": "由区民政局办理", "unit": "GL-CIVIL"}
    await router.post(f"{paths[0]}/objection", Role.HANDLER, COMMUNITY, {"reason": "不属本社区职责"})
    await router.post(f"{paths[0]}/objection/adjudication", Role.SUPERVISOR, DISTRICT, withdrawn)
    second = (
        await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, limit=3, cursor=first["next"])
    ).body
    shown = [f"/v1/cases/{item['case_id']}" for item in first["items"] + second["items"]]
    assert shown == paths
    last = await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, limit=3, cursor=second["next"])
    assert (len(last.body["items"]), last.body["next"]) == (1, None)


async def test_assignments_are_filtered(router: RouterUnderTest) -> None:
    path = await router.submit()
    await router.submit(matter=COMPONENT)
    await router.post(f"{path}/sign", Role.HANDLER, COMMUNITY)
    for query, count in (
        ({"status": "SIGNED"}, 1),
        ({"status": "DISPATCHED"}, 1),
        ({"status": "CALLBACK"}, 0),
        ({"role": "lead", "matter": "livelihood.elderly"}, 1),
        ({"role": "helper", "matter": COMPONENT}, 1),
        ({"role": "lead", "matter": COMPONENT}, 0),
    ):
        found = (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, **query)).body["items"]
        assert len(found) == count, query
    [lead] = (await router.get("/v1/assignments", Role.SUPERVISOR, DISTRICT, unit=URBAN, role="lead")).body[
        "items"
    ]
    assert (lead["matter_name"], lead["rung"], lead["etag"][0]) == ("路灯", 3, '"')
    assert lead["sign_by"] < lead["handle_by"]


async def test_questions_that_cannot_be_answered(router: RouterUnderTest) -> None:
    """Each error names the parameter and what would be right."""
    for query, field in (
        ({"cursor": "nonsense"}, "query.cursor"),
        ({"cursor": "WyJ4Il0"}, "query.cursor"),
        ({"limit": 0}, "query.limit"),
        ({"status": "NOWHERE"}, "query.status"),
    ):
        answer = await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, **query)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)
    unknown = await router.get("/v1/assignments", Role.SUPERVISOR, DISTRICT, unit="XX")
    assert (unknown.status, unknown.code) == (404, "unit_unknown")


async def test_the_queue_shows_whom_the_words_accuse_to_nobody_under_it(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: those who triage see which unit it is; its own desk and those under it see no case."""
    path = await router.submit(text="澄湖街道办工作人员推诿扯皮，老人无人照料。")
    [queued] = (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE)).body["items"]
    assert (queued["reason"], queued["subjects"]) == ("POLICY", [STREET])
    for unit in (STREET, COMMUNITY):
        assert (await router.get("/v1/queue/triage", Role.OPERATOR, unit)).body["items"] == []
        assert (await router.get(path, Role.OPERATOR, unit)).code == "case_unknown"
    cleared = await router.post(
        f"{path}/triage", Role.OPERATOR, HOTLINE, {"judged": "dispatch", "matter": PLAIN, "subjects": []}
    )
    assert cleared.body["unit"]["code"] == COMMUNITY
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).body["status"] == "DISPATCHED"


async def test_the_queue_shows_what_was_added_and_whom_it_accuses(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: the case keeps its turn; who is accused sees it no more and is not sent it."""
    path = await router.submit(matter=None, title="有件事", text="想说件事情，说不明白呀。")
    [before] = (await router.get("/v1/queue/triage", Role.OPERATOR, COMMUNITY)).body["items"]
    assert (before["reason"], before["candidates"], before["supplements"]) == ("LOW_CONFIDENCE", [], [])
    case_id = UUID(path.rpartition("/")[2])
    added = "澄湖街道办工作人员推诿扯皮。路灯不亮。"
    await router.say(case_id, CaseSupplemented(text="谢谢"))
    await router.say(case_id, CaseSupplemented(text=added))
    [queued] = (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE)).body["items"]
    assert (queued["reason"], queued["subjects"]) == ("POLICY", [STREET])
    assert [said["text"] for said in queued["supplements"]] == ["谢谢", added]
    assert queued["candidates"][0]["matter"] == COMPONENT
    assert (queued["queued_at"], queued["due_at"]) == (before["queued_at"], before["due_at"])
    [for_ops] = (await router.get("/v1/queue/triage", Role.OPERATOR, DISTRICT)).body["items"]
    assert for_ops["subjects"] == [STREET]
    for unit in (STREET, COMMUNITY):
        assert (await router.get("/v1/queue/triage", Role.OPERATOR, unit)).body["items"] == []
        assert (await router.get(path, Role.OPERATOR, unit)).code == "case_unknown"
    sent = await router.post(
        f"{path}/triage", Role.OPERATOR, HOTLINE, {"judged": "dispatch", "matter": PLAIN}
    )
    assert sent.body["unit"]["code"] not in {STREET, COMMUNITY}


@pytest.mark.parametrize("first", ["居委会的人偏袒对方，态度恶劣。", None])
async def test_an_office_accused_without_its_name_is_for_the_centre_alone(
    router: RouterUnderTest, first: str | None
) -> None:
    """R-HOT-14, R-LAD-04: it may be that of the place, so its desks read nothing until a human said which it is."""
    path = await router.submit(matter=None, title="有件事", text=first or "想说件事情，说不明白呀。")
    if first is None:
        said = CaseSupplemented(text="居委会的人偏袒对方，态度恶劣。")
        await router.say(UUID(path.rpartition("/")[2]), said)
    for role in (Role.OPERATOR, Role.SUPERVISOR, Role.OPS):
        for unit in (STREET, COMMUNITY):
            assert (await router.get("/v1/queue/triage", role, unit)).body["items"] == []
            assert (await router.get(path, role, unit)).code == "case_unknown"
    for unit in (HOTLINE, DISTRICT):
        [queued] = (await router.get("/v1/queue/triage", Role.OPERATOR, unit)).body["items"]
        assert (queued["reason"], queued["subjects"]) == ("POLICY", [])
        assert (await router.get(path, Role.OPERATOR, unit)).status == 200
    await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, {"judged": "dispatch", "matter": PLAIN})
    assert (await router.get(path, Role.SUPERVISOR, COMMUNITY)).status == 200


async def test_what_is_overdue_stands_first_in_the_queue(router: RouterUnderTest) -> None:
    """R-CARD-01: before the more urgent, by colour as assignments are; a case that turns late shifts no page."""
    paths = [await router.submit(matter=None, text="请问一件事。", urgency=urgency) for urgency in (3, 2, 2)]
    late, plain, other = (UUID(path.rpartition("/")[2]) for path in paths)
    await router.pool.execute(
        "UPDATE router.triage SET due_at = now() - interval '1 hour' WHERE case_id = $1", late
    )
    await router.pool.execute(
        "UPDATE router.aggregate SET state = jsonb_set(state::jsonb, '{overdue}', 'true') WHERE case_id = $1",
        late,
    )
    first = (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE, limit=2)).body
    assert [(item["case_id"], item["overdue"], item["colour"]) for item in first["items"]] == [
        (str(late), True, "orange"),
        (str(plain), False, "green"),
    ]
    await router.pool.execute("UPDATE router.triage SET due_at = now() WHERE case_id = $1", other)
    rest = (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE, cursor=first["next"])).body
    assert [item["case_id"] for item in rest["items"]] == [str(other)]
    shown = (await router.get(paths[0], Role.OPERATOR, HOTLINE)).body
    assert (shown["overdue"], shown["colour"]) == (True, "orange")


async def test_a_unit_and_how_its_cases_stand(router: RouterUnderTest) -> None:
    """R-KPI-01: figures are the unit's, by colour; those above see them, its neighbours do not."""
    for _ in range(2):
        path = await router.submit()
    await router.pool.execute(
        "UPDATE router.assignment SET late_at = now() - interval '1 hour' WHERE case_id = $1",
        UUID(path.rpartition("/")[2]),
    )
    shown = (await router.get(f"/v1/units/{COMMUNITY}", Role.SUPERVISOR, STREET)).body
    assert (shown["name"], shown["kind"], shown["rung"]) == ("博苑社区", "community", 2)
    assert [unit["code"] for unit in shown["above"]] == [STREET, DISTRICT]
    assert (shown["open"], shown["overdue"]) == (2, 1)
    assert shown["by_colour"] == {"green": 1, "blue": 0, "yellow": 0, "orange": 1, "red": 0}
    assert (await router.get(f"/v1/units/{COMMUNITY}", Role.HANDLER, "GL02")).code == "outside_jurisdiction"
    assert (await router.get("/v1/units/XX", Role.HANDLER, COMMUNITY)).code == "unit_unknown"


async def test_the_rules_can_be_read(router: RouterUnderTest) -> None:
    """R-LAD-10: whoever explains a route can look up each row; each has its source."""
    policy = (await router.get("/v1/policy", Role.OPS, None)).body
    tables = {table["name"]: table for table in policy["tables"]}
    assert {"dispositions", "floors", "modes", "terms", "checks", "escalations"} <= tables.keys()
    assert all(row["row"]["source"] for table in tables.values() for row in table["rows"])
    danger = next(row for row in tables["escalations"]["rows"] if row["row"]["row"] == "danger")
    assert danger["when"] == {"ground": ["DANGER"]}
    matters = (await router.get("/v1/matters", Role.HANDLER, COMMUNITY)).body
    assert len(matters) == 72
    light = next(matter for matter in matters if matter["code"] == COMPONENT)
    assert (light["head"], light["entry"], light["responsible"]["3"]) == ("市政", 3, URBAN)


async def test_emergencies_and_departments_over_the_api(router: RouterUnderTest) -> None:
    """R-LAD-05, R-HOT-13: the line confirms; R-HOT-12: the street's whistle gives each department a seat."""
    danger = await router.submit(matter="utilities.gas-leak", title="燃气泄漏", text="厨房燃气泄漏，味道很大")
    shown = (await router.get(danger, Role.OPERATOR, DISTRICT)).body
    assert (shown["status"], shown["line"]) == ("EMERGENCY_XFER", "119")
    assert "emergency/confirmation" in shown["actions"]
    confirmed = await router.post(
        f"{danger}/emergency/confirmation", Role.OPERATOR, DISTRICT, {"reference": "接警单31"}
    )
    assert (confirmed.status, "emergency/confirmation" in confirmed.body["actions"]) == (200, False)

    path = await router.submit()
    body = {"units": [URBAN, "GL-POLICE"], "occasion": "public_problem", "reason": "需联合处置"}
    blown = await router.post(f"{path}/whistle", Role.HANDLER, STREET, body)
    helpers = {seat["unit"]["code"] for seat in blown.body["assignments"] if seat["role"] == "helper"}
    assert (blown.status, helpers >= {URBAN, "GL-POLICE"}, blown.body["colour"]) == (200, True, "blue")
    [seat] = (await router.get("/v1/assignments", Role.HANDLER, URBAN, role="helper")).body["items"]
    assert seat["colour"] == "blue"
    delivered = await router.post(f"{path}/help", Role.HANDLER, URBAN, {"done": True, "note": "已到场处置"})
    assert [s["answered"] for s in delivered.body["assignments"] if s["unit"]["code"] == URBAN] == [True]


NOW = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def states() -> list[WorkOrder]:
    """Orders in every status with clocks on both sides of now, in all combinations that colour depends on."""
    made = []
    for status, handle, mark, flags in itertools.product(
        (*sorted(OPEN), OrderStatus.CLOSED, OrderStatus.REDIRECTED),
        (None, -HOUR, timedelta(), HOUR),
        (None, -HOUR, HOUR),
        itertools.product((False, True), repeat=4),
    ):
        overdue, supervised, led, helped = flags
        terms = [
            Term(name=name, at=NOW + by, since=NOW - 9 * HOUR, rule="r")
            for name, by in (("handle", handle), ("mark", mark))
            if by is not None
        ]
        made.append(
            WorkOrder(
                case_id=UUID(int=1),
                status=status,
                terms=tuple(terms),
                overdue=overdue,
                supervised=supervised,
                leader="分管副区长" if led else None,
                helpers=(Seat(unit=URBAN, number=2),) if helped else (),
                mode=HandlingMode.TRANSFER,
                suspended_at=NOW - 2 * HOUR if status is OrderStatus.SUSPENDED else None,
            )
        )
    return made


async def test_the_database_and_the_domain_agree_on_every_colour(router_url: str) -> None:
    """R-CARD-01: the SQL of the lists gives the colour that the domain gives, in every combination."""
    cases = states()
    cards = [Card.of(state) for state in cases]
    pool = await open_pool(router_url, size=1)
    rows = await pool.fetch(
        f"SELECT {COLOUR_SQL.format(at='$1::timestamptz')} AS colour FROM unnest($2::timestamptz[],"
        " $3::timestamptz[], $4::bool[], $5::bool[], $6::bool[]) WITH ORDINALITY"
        " AS a(late_at, yellow_at, overdue, watched, coordinated, n) ORDER BY n",
        NOW,
        [card.late_at for card in cards],
        [card.yellow_at for card in cards],
        [card.overdue for card in cards],
        [card.watched for card in cards],
        [card.coordinated for card in cards],
    )
    await pool.close()
    expected = [colour(state, NOW) for state in cases]
    assert [row["colour"] for row in rows] == expected
    assert len(set(expected)) == 5


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_cursor_out_of_all_time_is_refused(router: RouterUnderTest, moment: str) -> None:
    cursor = encode([moment, UUID(int=1), 1])
    answer = await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, cursor=cursor)
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (422, ["query.cursor"])


@pytest.mark.parametrize("matter", ["no.such", "a\x00b"])
async def test_an_unknown_matter_is_refused_by_name(router: RouterUnderTest, matter: str) -> None:
    answer = await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, matter=matter)
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (422, ["query.matter"])
