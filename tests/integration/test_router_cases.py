"""The router over HTTP on a real PostgreSQL: a case from dispatch to close, and the conditions of each write."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from chassis.http import Role
from schemas.intake import CaseSupplemented
from tests.router_api_kit import (
    COMMUNITY,
    COMPONENT,
    DISTRICT,
    GRID,
    HOTLINE,
    PLAIN,
    STREET,
    TEXT,
    URBAN,
    RouterUnderTest,
    running,
)


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


async def test_a_case_from_dispatch_to_close(router: RouterUnderTest) -> None:
    """R-HOT-07, R-HOT-08: dispatched, signed, contacted, replied to, called back, closed; each with a new ETag."""
    path = await router.submit()
    first = await router.get(path, Role.HANDLER, COMMUNITY)
    shown = first.body
    assert (first.status, first.etag) == (200, '"2"')
    assert (shown["status"], shown["unit"]["code"], shown["colour"]) == ("DISPATCHED", COMMUNITY, "green")
    assert (shown["matter"], shown["matter_name"], shown["exit"]) == (PLAIN, "养老", None)
    assert shown["text"]["text"] == TEXT
    assert {term["name"] for term in shown["deadlines"]} == {"sign", "object", "handle", "mark"}
    assert {"sign", "objection"} <= set(shown["actions"])
    assert {"contact", "reply", "callback"}.isdisjoint(shown["actions"])

    for action, body, status in (
        ("sign", {}, "SIGNED"),
        ("contact", {"note": "已电话联系"}, "HANDLING"),
        ("progress", {"note": "已安排探访"}, "HANDLING"),
        ("reply", {"result": "已安排每周探访", "solved": True}, "CALLBACK"),
    ):
        done = await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY, body)
        assert (done.status, done.body["status"]) == (200, status)
        assert done.etag == f'"{done.body["version"]}"'
    seen = await router.get(path, Role.OPERATOR, DISTRICT)
    assert seen.body["actions"] == ["callback/claim", "callback", "track"]
    closed = await router.post(
        f"{path}/callback", Role.OPERATOR, DISTRICT, {"contacted": True, "resolved": True, "satisfied": True}
    )
    assert (closed.body["status"], closed.body["colour"], closed.body["assignments"]) == ("CLOSED", None, [])
    assert (await router.events(path))[-2:] == ["CaseClosed", "DepartmentAssignmentEnded"]
    lists = [
        (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY, ended=ended)).body["items"]
        for ended in (False, True)
    ]
    assert [len(items) for items in lists] == [0, 1]
    assert (lists[1][0]["end_reason"], lists[1][0]["text"]) == ("closed", None)
    late = await router.post(f"{path}/sign", Role.HANDLER, COMMUNITY, {})
    assert (late.status, late.code) == (409, "wrong_status")
    assert "CLOSED" in late.body["detail"]


async def test_a_worker_who_tells_of_a_danger_is_answered_with_its_line(router: RouterUnderTest) -> None:
    """R-LAD-05, R-HOT-13: whoever is on the spot reads in the answer which line has the case."""
    path = await router.submit()
    await router.post(f"{path}/sign", Role.HANDLER, COMMUNITY, {})
    told = await router.post(f"{path}/progress", Role.HANDLER, COMMUNITY, {"note": "现场着火了"})
    assert (told.status, told.body["status"], told.body["line"]) == (200, "EMERGENCY_XFER", "119")


async def test_a_command_without_a_body_is_one_with_all_defaults(router: RouterUnderTest) -> None:
    path = await router.submit()
    answer = await router.client.post(f"{path}/sign", headers=router.headers(Role.HANDLER, COMMUNITY))
    assert (answer.status_code, answer.json()["status"]) == (200, "SIGNED")


async def test_if_match_keeps_a_stale_decision_out(router: RouterUnderTest) -> None:
    """412 with the current ETag, and nothing changed; the current ETag is taken."""
    path = await router.submit()
    stale = await router.post(f"{path}/sign", Role.HANDLER, COMMUNITY, If_Match='"1"')
    assert (stale.status, stale.code, stale.etag) == (412, "version_mismatch", '"2"')
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).body["status"] == "DISPATCHED"
    taken = await router.post(f"{path}/sign", Role.HANDLER, COMMUNITY, If_Match='"2"')
    assert (taken.status, taken.etag) == (200, '"3"')
    broken = await router.post(f"{path}/contact", Role.HANDLER, COMMUNITY, If_Match="3")
    assert (broken.status, broken.code) == (400, "invalid_if_match")


async def test_a_repeated_command_takes_effect_once(router: RouterUnderTest) -> None:
    """The same key: the same answer, even when the case has left the caller's hands; another body: 422."""
    path = await router.submit()
    body = {"reason": "不属本社区职责"}
    first = await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, body, Idempotency_Key="k1")
    decision = {"upheld": True, "reason": "应由区级部门办理", "unit": "GL-CIVIL"}
    moved = await router.post(f"{path}/objection/adjudication", Role.SUPERVISOR, DISTRICT, decision)
    assert (moved.status, moved.body["unit"]["code"]) == (200, "GL-CIVIL"), moved.body
    again = await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, body, Idempotency_Key="k1")
    assert (first.status, again) == (200, first)
    other = {"reason": "另有理由"}
    reused = await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, other, Idempotency_Key="k1")
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
    assert (await router.events(path)).count("AssignmentObjected") == 1


async def test_a_refusal_says_what_would_be_right(router: RouterUnderTest) -> None:
    """409 where the case does not allow it, 422 naming the field where that is at fault; nothing is written."""
    path = await router.submit(matter=COMPONENT)
    early = await router.post(f"{path}/reply", Role.HANDLER, URBAN, {"result": "已修好"})
    assert (early.status, early.code) == (409, "wrong_status")
    assert "DISPATCHED" in early.body["detail"]
    for action in ("sign", "contact"):
        assert (await router.post(f"{path}/{action}", Role.HANDLER, URBAN)).status == 200
    unchecked = await router.post(f"{path}/reply", Role.HANDLER, URBAN, {"result": "已修好"})
    assert (unchecked.status, unchecked.code) == (422, "check_needed")
    assert unchecked.body["errors"][0]["field"] == "check"
    own = {"result": "已修好", "check": {"unit": URBAN, "matches": True}}
    by_itself = await router.post(f"{path}/reply", Role.HANDLER, URBAN, own)
    assert (by_itself.status, by_itself.code) == (422, "own_work")
    empty = await router.post(f"{path}/reply", Role.HANDLER, URBAN, {"result": "", "actor": {}})
    assert {error["field"] for error in empty.body["errors"]} == {"result", "actor"}
    assert (await router.events(path))[-1] == "ContactRecorded"


async def test_objection_and_adjudication(router: RouterUnderTest) -> None:
    """R-HOT-05: nobody decides on their own unit's objection; a rejected one locks the unit."""
    path = await router.submit()
    objected = await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, {"reason": "不属本社区"})
    assert objected.body["status"] == "OBJECTED"
    decision = {"upheld": False, "reason": "属于社区职责清单"}
    own = await router.post(f"{path}/objection/adjudication", Role.SUPERVISOR, COMMUNITY, decision)
    assert (own.status, own.code) == (403, "own_case")
    above = await router.post(f"{path}/objection/adjudication", Role.SUPERVISOR, STREET, decision)
    assert (above.status, above.body["status"]) == (200, "DISPATCHED_LOCKED")
    mine = (await router.get(path, Role.HANDLER, COMMUNITY)).body["actions"]
    assert "sign" in mine
    assert "objection" not in mine
    again = await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, {"reason": "不属本社区"})
    assert (again.status, again.code) == (409, "locked")


async def test_the_route_in_words_and_codes(router: RouterUnderTest) -> None:
    """R-LAD-10, R-LAD-01: every step names its rows, the policy's version, ground and evidence."""
    path = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)
    evidence = [
        {"kind": "legal_basis", "reference": "职责清单第3项"},
        {"kind": "handling_record", "reference": "处置记录7"},
    ]
    body = {"ground": "NO_LEGAL_POWER", "evidence": evidence}
    lifted = await router.post(f"{path}/escalation", Role.HANDLER, COMMUNITY, body)
    assert (lifted.status, lifted.body["rung"]) == (200, 3), lifted.body
    policy = (await router.get("/v1/policy", Role.OPERATOR, DISTRICT)).body["version"]
    steps = (await router.get(f"{path}/route", Role.OPERATOR, DISTRICT)).body["steps"]
    assert [step["type"].split(".")[1] for step in steps] == [
        "CaseDispatched",
        "CaseEscalated",
        "CaseDispatched",
    ]
    first, left, second = steps
    assert "派单给博苑社区（社区级）" in first["text"]
    assert (first["unit"], first["rung"], first["policy"], first["ground"]) == (COMMUNITY, 2, policy, None)
    assert first["entry"]["matter"] == 2
    assert {row["table"] for row in first["rows"]} >= {"dispositions", "modes", "terms"}
    assert [e["kind"] for e in left["evidence"]] == ["legal_basis", "handling_record"]
    for step in (left, second):
        assert step["ground"] == "NO_LEGAL_POWER"
        assert "法定职权依据 职责清单第3项" in step["text"]
    assert second["rung"] == 3
    assert not [step for step in steps if TEXT in str(step)]


async def test_supplements_stand_with_the_text(router: RouterUnderTest) -> None:
    """R-PRIV-01: what the resident adds is read at the API, in order, and enters no state."""
    path = await router.submit()
    case_id = UUID(path.rpartition("/")[2])
    for text in ("补充一", "补充二"):
        await router.say(case_id, CaseSupplemented(text=text))
    shown = (await router.get(path, Role.HANDLER, COMMUNITY)).body["text"]["supplements"]
    assert [entry["text"] for entry in shown] == ["补充一", "补充二"]
    state = await router.pool.fetchval("SELECT state::text FROM router.aggregate")
    assert "补充" not in state
    assert TEXT not in state


async def test_who_is_complained_of_in_a_supplement_does_not_read_it(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: an office without its name: nor is it told; the hotline is, and can have it recused."""
    path = await router.submit()
    case_id = UUID(path.rpartition("/")[2])
    unnamed = "执法人员打人"
    assert (await router.get(path, Role.HANDLER, HOTLINE)).code == "case_unknown"
    for text in ("补充一", unnamed):
        await router.say(case_id, CaseSupplemented(text=text))
    told = {}
    for role, unit in ((Role.HANDLER, COMMUNITY), (Role.OPERATOR, HOTLINE), (Role.HANDLER, HOTLINE)):
        shown = (await router.get(path, role, unit)).body["text"]["supplements"]
        told[role, unit] = [entry["text"] for entry in shown]
    everything = ["补充一", unnamed]
    assert told == {
        (Role.HANDLER, COMMUNITY): ["补充一"],
        (Role.OPERATOR, HOTLINE): everything,
        (Role.HANDLER, HOTLINE): everything,  # whose feed told of it
    }
    topics = "SELECT topic FROM chassis.event_log WHERE type LIKE '%DepartmentReminded%' ORDER BY position"
    reminded = [row[0] for row in await router.pool.fetch(topics)]
    assert reminded == [f"dept.{unit}.assigned" for unit in (COMMUNITY, HOTLINE)]


async def test_who_may_have_a_unit_recused_is_offered_it(router: RouterUnderTest) -> None:
    """R-LAD-04: before any work was done; who gets the case then may be the office that the words mean."""
    path = await router.submit()
    await router.say(UUID(path.rpartition("/")[2]), CaseSupplemented(text="执法人员打人"))
    assert (await router.get(path, Role.HANDLER, HOTLINE)).body["actions"] == []
    assert "escalation" in (await router.get(path, Role.SUPERVISOR, DISTRICT)).body["actions"]
    evidence = [{"kind": "interest_declaration", "reference": "补充反映"}]
    body = {"ground": "SUBJECT_SKIPPED", "subjects": [COMMUNITY], "evidence": evidence}
    moved = await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, body)
    assert (moved.status, moved.body["unit"]["code"]) == (200, STREET)
    assert (await router.get(path, Role.HANDLER, STREET)).body["text"]["supplements"] == []
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).code == "case_unknown"
    assert (await router.get(path, Role.HANDLER, HOTLINE)).status == 200  # its feed still tells of it


async def test_words_against_an_unnamed_office_are_the_centres_until_a_human_at_the_queue_has_judged(
    router: RouterUnderTest,
) -> None:
    """R-HOT-14, R-LAD-04: whoever gets the case later may be that office; so may its area's desks be."""
    path = await router.submit()
    case_id, unnamed = UUID(path.rpartition("/")[2]), "执法人员打人，还骂我"
    await router.say(case_id, CaseSupplemented(text=unnamed))

    async def read_by(role: Role, unit: str) -> list[str]:
        shown = (await router.get(path, role, unit)).body["text"]["supplements"]
        return [said["text"] for said in shown]

    moved = {"unit": URBAN, "handle_by": "2099-12-31T09:00:00+08:00", "leader": "分管副区长", "note": "请办"}
    assert (await router.post(f"{path}/instruction", Role.SUPERVISOR, DISTRICT, moved)).status == 200
    for role, unit in ((Role.HANDLER, URBAN), (Role.SUPERVISOR, STREET)):
        assert await read_by(role, unit) == []
    for unit in (HOTLINE, DISTRICT):
        assert await read_by(Role.OPERATOR, unit) == [unnamed]
    named, later = "区城市管理局的工作人员收了对方的钱", "执法人员又来打人"
    await router.say(case_id, CaseSupplemented(text=named))
    decision = {"judged": "dispatch", "matter": PLAIN, "place": "GL020101", "subjects": [URBAN]}
    judged = await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, decision)
    unit = judged.body["unit"]["code"]
    assert unit not in {URBAN, COMMUNITY, HOTLINE}
    await router.say(case_id, CaseSupplemented(text=later))
    assert await read_by(Role.HANDLER, unit) == [unnamed, named]
    evidence = [{"kind": "interest_declaration", "reference": "补充反映"}]
    up = {"ground": "SUBJECT_SKIPPED", "subjects": [unit], "evidence": evidence}
    above = (await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, up)).body["unit"]["code"]
    assert above not in {unit, DISTRICT, HOTLINE}
    assert await read_by(Role.HANDLER, above) == [unnamed, named]
    assert await read_by(Role.OPERATOR, HOTLINE) == [unnamed, named, later]


async def test_a_helper_is_offered_to_recuse_itself(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: its handler says so; then the case is out of their sight, and the lead goes on."""
    for role in (Role.HANDLER, Role.SUPERVISOR):
        path = await router.submit(matter=COMPONENT)
        assert "escalation" in (await router.get(path, role, "GL-POWER")).body["actions"]
        evidence = [{"kind": "interest_declaration", "reference": "回避申请"}]
        body = {"ground": "SUBJECT_SKIPPED", "subjects": ["GL-POWER"], "evidence": evidence}
        assert (await router.post(f"{path}/escalation", role, "GL-POWER", body)).status == 204
        assert (await router.get(path, role, "GL-POWER")).code == "case_unknown"
        shown = (await router.get(path, Role.HANDLER, URBAN)).body
        assert (shown["unit"]["code"], shown["status"]) == (URBAN, "DISPATCHED")


async def test_an_unknown_case_and_a_broken_id(router: RouterUnderTest) -> None:
    unknown = f"/v1/cases/{uuid4()}"
    assert (await router.get(unknown, Role.OPERATOR, DISTRICT)).code == "case_unknown"
    assert (await router.post(f"{unknown}/sign", Role.HANDLER, GRID)).code == "case_unknown"
    broken = await router.post("/v1/cases/17/sign", Role.HANDLER, GRID)
    assert (broken.status, broken.body["errors"][0]["field"]) == (422, "path.case_id")


async def test_a_doubtful_case_waits_for_a_human(router: RouterUnderTest) -> None:
    """R-HOT-02: below the threshold a human decides; until then the hotline centre is responsible."""
    path = await router.submit(matter=None, title="想问问", text="这个事情到底归谁管")
    shown = (await router.get(path, Role.OPERATOR, DISTRICT)).body
    assert (shown["status"], shown["queue"], shown["unit"]["code"]) == (
        "REGISTERED",
        "LOW_CONFIDENCE",
        HOTLINE,
    )
    [queued] = (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE)).body["items"]
    assert (queued["reason"], queued["text"], queued["place"]) == (
        "LOW_CONFIDENCE",
        "这个事情到底归谁管",
        GRID,
    )
    assert (await router.get("/v1/queue/triage", Role.OPERATOR, "GL02")).body["items"] == []
    assert (await router.get("/v1/queue/triage", Role.HANDLER, COMMUNITY)).code == "role_required"
    wrong = await router.post(f"{path}/triage", Role.OPERATOR, DISTRICT, {"matter": "no.such"})
    assert (wrong.status, wrong.code, wrong.body["errors"][0]["field"]) == (422, "unknown_matter", "matter")
    done = await router.post(f"{path}/triage", Role.OPERATOR, DISTRICT, {"matter": PLAIN})
    assert (done.status, done.body["unit"]["code"]) == (200, COMMUNITY)
    assert (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE)).body == {"items": [], "next": None}


async def test_the_suspended_register(router: RouterUnderTest) -> None:
    """R-GRD-02: insoluble for now, with reason and approval by somebody above; it stands on the register."""
    path = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)
    await router.post(f"{path}/suspension", Role.HANDLER, COMMUNITY, {"reason": "待改造立项"})
    granted = {"granted": True, "reason": "同意挂账"}
    own = await router.post(f"{path}/suspension/decision", Role.SUPERVISOR, COMMUNITY, granted)
    assert own.code == "own_case"
    done = await router.post(f"{path}/suspension/decision", Role.SUPERVISOR, DISTRICT, granted)
    assert done.body["status"] == "SUSPENDED"
    [entry] = (await router.get("/v1/register/suspended", Role.SUPERVISOR, STREET)).body["items"]
    assert (entry["unit"]["code"], entry["reason"], entry["etag"]) == (COMMUNITY, "同意挂账", done.etag)
    assert entry["since"] < entry["until"]
    assert (await router.get("/v1/register/suspended", Role.SUPERVISOR, "GL02")).body["items"] == []
    await router.post(f"{path}/resume", Role.HANDLER, COMMUNITY, {"reason": "已立项"})
    assert (await router.get("/v1/register/suspended", Role.SUPERVISOR, DISTRICT)).body["items"] == []
