"""Objections, upward steps, helpers, time and the register, redo; each refusal says what would be right."""

from datetime import datetime, timedelta
from typing import Any

from tests.e2e.town import Town, until

COMMUNITY, STREET = "GL0102", "GL01"
PLACE = {"grid": "GL010201"}
BASIS = {"kind": "legal_basis", "reference": "职责清单第12项"}
INSTRUCTION = {"handle_by": "2099-01-01T00:00:00Z", "leader": "街道办", "note": "请转回办理"}
HANDLED = {"kind": "handling_record", "reference": "处置记录2026-031"}


async def test_a_rejected_objection_locks_the_unit(town: Town) -> None:
    """R-HOT-05: nobody decides on their own objection; rejected, the unit keeps the case, and objects no more."""
    case = await town.submit(place=PLACE)
    await town.placed(case)
    objected = await town.do(case, "objection", "handler", COMMUNITY, {"reason": "不属本社区职责"})
    assert objected["status"] == "OBJECTED"
    rejected = {"upheld": False, "reason": "依职责清单属该单位职责，请继续办理"}
    own = await town.act(case, "objection/adjudication", "supervisor", COMMUNITY, rejected)
    assert (own.status, own.code) == (403, "own_case")
    locked = await town.do(case, "objection/adjudication", "supervisor", "GL", rejected)
    assert (locked["status"], locked["unit"]["code"]) == ("DISPATCHED_LOCKED", COMMUNITY)
    again = await town.act(case, "objection", "handler", COMMUNITY, {"reason": "仍不属本社区职责"})
    assert (again.status, again.code, again.media) == (409, "locked", "application/problem+json")
    assert "acts first" in again.body["detail"]
    assert (await town.assigned(COMMUNITY))[case.id]["locked"] is True
    signed = await town.do(case, "sign", "handler", COMMUNITY)
    assert signed["status"] == "SIGNED"


async def test_an_upheld_objection_gives_the_case_to_another_unit(town: Town) -> None:
    """R-HOT-05, R-LAD-10: the step up has the objection as evidence; the former unit reads and acts no more."""
    case = await town.submit(place=PLACE)
    await town.placed(case)
    reason = {"reason": "应由区级部门办理", "proposed": "GL-CIVIL"}
    await town.do(case, "objection", "handler", COMMUNITY, reason)
    nobody = await town.act(
        case, "objection/adjudication", "supervisor", "GL", {"upheld": True, "reason": "异议成立"}
    )
    assert (nobody.status, nobody.code, list(nobody.fields)) == (422, "unit_needed", ["unit"])
    upheld = {"upheld": True, "reason": "应由区民政局办理", "unit": "GL-CIVIL"}
    moved = await town.do(case, "objection/adjudication", "supervisor", "GL", upheld)
    assert (moved["status"], moved["unit"]["code"]) == ("DISPATCHED_LOCKED", "GL-CIVIL")

    assert case.id in await town.assigned("GL-CIVIL")
    past = (await town.assigned(COMMUNITY, ended=True))[case.id]
    assert (past["end_reason"], past["text"]) == ("objection_upheld", None)
    acted = await town.act(case, "progress", "handler", COMMUNITY, {"note": "仍在办理"})
    assert (acted.status, acted.code) == (403, "outside_jurisdiction")
    step = (await town.route(case))[-1]
    assert (step["ground"], step["evidence"][0]["kind"]) == ("OBJECTION_UPHELD", "objection")
    words = await town.told(case, "dispatched", "已派单至区民政局办理，其他单位协办。")
    assert words[:-1] == ["您的诉求已受理登记。", "已派单至朗圃社区办理。"]


async def test_nothing_climbs_without_ground_and_evidence(town: Town) -> None:
    """R-LAD-02, R-LAD-06, R-LAD-10: refused with what is lawful instead; accepted with all the evidence."""
    case = await town.submit(place=PLACE)
    await town.begin(case, COMMUNITY)
    before = (await town.placed(case))["version"]
    for ground in ("CALL_COUNT", "IDENTITY", "DISSATISFIED_LAWFUL", "FINAL_CASE", "CONSULT_ANSWERED"):
        body = {"ground": ground, "evidence": [BASIS, HANDLED]}
        refused = await town.act(case, "escalation", "handler", COMMUNITY, body)
        assert (refused.status, refused.code[:7]) == (409, "ground_"), refused.body
        assert refused.body["detail"]
    for evidence in ([], [HANDLED]):
        body = {"ground": "NO_LEGAL_POWER", "evidence": evidence}
        bare = await town.act(case, "escalation", "handler", COMMUNITY, body)
        assert (bare.status, bare.code) == (422, "evidence_needed")
        assert "legal_basis 法定职权依据" in bare.fields["evidence"]
    assert (await town.placed(case))["version"] == before

    lifted = await town.do(
        case, "escalation", "handler", COMMUNITY, {"ground": "NO_LEGAL_POWER", "evidence": [BASIS, HANDLED]}
    )
    assert (lifted["status"], lifted["unit"]["code"], lifted["rung"]) == ("DISPATCHED", STREET, 3)
    words = await town.told(case, "dispatched", "已派单至澄湖街道办理")
    assert words[-2] == "已提请上级单位或者主管部门办理。"


async def test_the_route_explains_every_step(town: Town) -> None:
    """R-LAD-01, R-LAD-04, R-LAD-10: rows, policy version, the rung skipped and why, ground and evidence."""
    case = await town.submit(place=PLACE, subjects=[COMMUNITY])
    await town.begin(case, STREET)
    await town.do(
        case, "escalation", "handler", STREET, {"ground": "NO_LEGAL_POWER", "evidence": [BASIS, HANDLED]}
    )
    policy = await town.ask("router", "GET /v1/policy", "supervisor", "GL")
    first, left, second = await town.route(case)

    assert (first["unit"], first["rung"], first["policy"]) == (STREET, 3, policy.body["version"])
    assert first["entry"] == {"matter": 2, "common": 1, "unit": PLACE["grid"], "floor": 0}
    assert {row["table"] for row in first["rows"]} >= {"dispositions", "floors", "modes", "terms"}
    [skip] = first["skipped"]
    assert (skip["rung"], skip["unit"], skip["rule"]) == (2, COMMUNITY, "R-LAD-04")
    assert "回避" in skip["reason"]
    assert (left["rung"], left["rows"][0]["row"]) == (3, "no-legal-power")
    assert (second["unit"], second["rung"], second["policy"]) == ("GL-CIVIL", 4, policy.body["version"])
    for step in (left, second):
        assert step["ground"] == "NO_LEGAL_POWER"
        assert [proof["kind"] for proof in step["evidence"]] == ["legal_basis", "handling_record"]
        assert "职责清单第12项" in step["text"]


async def test_whom_a_supplement_accuses_loses_the_case_everywhere(town: Town) -> None:
    """R-LAD-04, R-HOT-14: order, route, person, list, feed and inbox; the centre decides, and it comes back."""
    case = await town.submit(place=PLACE, reporter={"phone": "13800138000"})

    async def filed() -> list[str]:
        inbox = await town.ask("notify", f"GET /v1/units/{COMMUNITY}/inbox", "handler", COMMUNITY)
        assert inbox.status == 200, inbox.body
        return [item["notice"] for item in inbox.body["items"] if item["case_id"] == case.id]

    async def ordered() -> list[str] | None:
        return await filed() or None

    assert await until(ordered) == ["order"]
    await town.begin(case, COMMUNITY)
    person = f"GET {case.path}/person"
    asked = ("supervisor", COMMUNITY)
    assert (await town.ask("intake", person, *asked, purpose="核实")).status == 200
    accusing = {"text": "朗圃社区的工作人员收了对方的钱，帮他说话"}
    added = await town.client.post(
        f"{town.system.url('intake')}/v1/track/{case.code}/supplements", json=accusing
    )
    assert added.status_code == 200, added.text
    assert (await town.placed(case, "REGISTERED"))["unit"]["code"] == "GL-HOTLINE"
    assert (await town.told(case, "triage"))[-1] == "正在人工甄别，确定承办单位。"

    for request in (f"GET {case.path}", f"GET {case.path}/route"):
        gone = await town.ask("router", request, "handler", COMMUNITY)
        assert (gone.status, gone.code) == (404, "case_unknown")
    for request in (f"GET {case.path}", person, f"GET {case.path}/attachments"):
        gone = await town.ask("intake", request, *asked, purpose="核实")
        assert (gone.status, gone.code) == (404, "case_unknown")
    for ended in (False, True):
        assert case.id not in await town.assigned(COMMUNITY, ended=ended)
    async with town.feed(COMMUNITY) as feed:
        end, before = await feed.of(case, "DepartmentAssignmentEnded")
    assert end.data.keys() == {"unit", "assignment", "reason"}
    assert case.id not in {event.case for event in before}

    async def empty() -> bool | None:
        return await filed() == [] or None

    assert await until(empty)
    cleared = {"judged": "dispatch", "subjects": []}
    back = await town.do(case, "triage", "operator", "GL-HOTLINE", cleared)
    assert (back["status"], back["unit"]["code"]) == ("DISPATCHED_LOCKED", COMMUNITY)
    async with town.feed(COMMUNITY, end.id) as feed:
        again, _ = await feed.of(case, "DepartmentAssigned")
    assert "text" not in again.data

    async def ordered_again() -> bool | None:
        return await filed() == ["order", "order"] or None

    assert await until(ordered_again)
    await town.told(case, "dispatched")
    assert (await town.ask("intake", person, *asked, purpose="核实")).status == 200


async def test_the_street_whistles_for_departments(town: Town) -> None:
    """R-HOT-12, R-HOT-06: the summoned get their part and deliver it; the first unit still leads."""
    case = await town.submit(place=PLACE)
    await town.begin(case, COMMUNITY)
    call = {"units": ["GL-URBAN", "GL-POLICE"], "occasion": "joint_enforcement", "reason": "需联合执法"}
    low = await town.act(case, "whistle", "handler", COMMUNITY, call)
    assert (low.status, low.code) == (409, "not_the_street")
    strange = await town.act(case, "whistle", "handler", STREET, call | {"units": ["GL-NOPE"]})
    assert (strange.status, strange.code, list(strange.fields)) == (422, "unknown_unit", ["units"])
    shown = await town.do(case, "whistle", "handler", STREET, call)
    roles = {running["unit"]["code"]: running["role"] for running in shown["assignments"]}
    expected = {COMMUNITY: "lead", "GL-URBAN": "helper", "GL-POLICE": "helper", STREET: "helper"}
    assert roles == expected
    async with town.feed("GL-URBAN") as feed:
        told, _ = await feed.of(case, "DepartmentAssigned")
    assert (told.data["role"], told.data["lead"]) == ("helper", COMMUNITY)
    part = {"done": True, "note": "已完成现场执法取证"}
    helped = await town.do(case, "help", "handler", "GL-URBAN", part)
    assert {r["unit"]["code"] for r in helped["assignments"] if r["answered"]} == {"GL-URBAN"}
    stranger = await town.act(case, "help", "handler", "GL-CIVIL", part)
    assert (stranger.status, stranger.code) == (404, "case_unknown")


def term(view: dict[str, Any], name: str) -> datetime:
    """Return when the clock of that name runs out."""
    return next(datetime.fromisoformat(found["at"]) for found in view["deadlines"] if found["name"] == name)


async def test_more_time_needs_a_reason_and_a_superior(town: Town) -> None:
    """R-HOT-07: five days more, granted by a unit above; once per owner."""
    case = await town.submit(place=PLACE)
    handling = await town.begin(case, COMMUNITY)
    asked = {"reason": "配件需向厂家订购，预计五日到货", "days": 5}
    assert (await town.do(case, "extension", "handler", COMMUNITY, asked))["pending"] == "extension"
    granted = {"granted": True, "reason": "情况属实，同意延期"}
    own = await town.act(case, "extension/decision", "supervisor", COMMUNITY, granted)
    assert (own.status, own.code) == (403, "own_case")
    longer = await town.do(case, "extension/decision", "supervisor", "GL", granted)
    assert (longer["status"], longer["pending"]) == ("EXTENDED", None)
    more = term(longer, "handle") - term(handling, "handle")
    assert timedelta(days=5) <= more <= timedelta(days=15)  # a last day on a holiday moves on
    again = await town.act(case, "extension", "handler", COMMUNITY, asked)
    assert (again.status, again.code) == (409, "extended_already")
    await town.told(case, "handling", "经批准，办理期限已延长。")


async def test_what_cannot_be_solved_now_stands_on_the_register(town: Town) -> None:
    """R-GRD-02: justified, approved, listed with the day on which it comes back; resumed, it is off the list."""
    case = await town.submit(place=PLACE)
    await town.begin(case, COMMUNITY)
    await town.do(case, "suspension", "handler", COMMUNITY, {"reason": "待老旧小区改造立项"})
    granted = {"granted": True, "reason": "客观条件暂不具备，同意挂账"}
    late = granted | {"until": "2099-01-01T00:00:00+08:00"}
    refused = await town.act(case, "suspension/decision", "supervisor", "GL", late)
    assert (refused.status, refused.code, list(refused.fields)) == (422, "bad_until", ["until"])
    await town.do(case, "suspension/decision", "supervisor", "GL", granted)

    async def register() -> dict[str, Any]:
        page = await town.ask("router", "GET /v1/register/suspended", "supervisor", STREET, limit=200)
        return {item["case_id"]: item for item in page.body["items"]}

    entry = (await register())[case.id]
    assert (entry["unit"]["code"], entry["reason"]) == (COMMUNITY, granted["reason"])
    assert datetime.fromisoformat(entry["since"]) < datetime.fromisoformat(entry["until"])
    await town.told(case, "suspended", "目前条件尚不具备，已挂账，条件具备后继续办理。")
    resumed = await town.do(case, "resume", "handler", COMMUNITY, {"reason": "改造项目已立项"})
    assert resumed["status"] == "HANDLING"
    assert case.id not in await register()


async def test_redone_once_then_closed_with_review_offered(town: Town) -> None:
    """R-HOT-08, R-LAD-06: an unsatisfied resident gets the work done again once, then is told of the review."""
    case = await town.submit(place=PLACE)
    await town.begin(case, COMMUNITY)
    unsatisfied = {"contacted": True, "resolved": True, "satisfied": False}
    for expected in ("REDO", "CLOSED"):
        await town.do(case, "contact", "handler", COMMUNITY, {"note": "已再次联系"})
        await town.do(case, "reply", "handler", COMMUNITY, {"result": "已安排每周探访", "solved": True})
        shown = await town.do(case, "callback", "operator", "GL", unsatisfied)
        assert shown["status"] == expected
    words = await town.told(case, "closed")
    assert words[-1] == "本件经办理、答复和回访，您仍不满意，现予办结；您可以选择已告知您的法定途径。"
    assert words[-2].startswith("您对办理结果仍不满意，可以依法选择：民事诉讼；人民调解")
    assert words.count("回访后已退回承办单位重新办理。") == 1
    assert (await town.route(case))[-1]["type"] == "router.CaseClosed.v1"


async def test_who_is_complained_of_sees_nothing_anywhere(town: Town) -> None:
    """R-LAD-04, R-HOT-14: neither the street complained of nor what it controls: intake, router, lists, feeds."""
    about = {"place": {"grid": "GL030101"}, "subjects": ["GL03"]}
    case = await town.submit(title="街道不作为", **about)
    shown = await town.placed(case)
    assert shown["unit"]["code"] == "GL-CIVIL"
    step = (await town.route(case))[0]
    assert [(skip["unit"], skip["rule"]) for skip in step["skipped"]] == [
        ("GL0301", "R-LAD-04"),
        ("GL03", "R-LAD-04"),
    ]
    for unit in ("GL03", "GL0301", "GL030101"):
        await blind(town, case.id, unit)
    place = {"grid": "GL030101"}
    for unit, matter in (
        ("GL03", "municipal.road"),
        ("GL0301", "livelihood.elderly"),
        ("GL030101", "property.leak"),
    ):
        known = await town.submit(title="随后的另一件事", matter=matter, place=place)
        async with town.feed(unit) as feed:
            _, before = await feed.of(known, "DepartmentAssigned")
        assert case.id not in {event.case for event in before}


async def blind(town: Town, case_id: str, unit: str) -> None:
    """Assert that for that unit the case does not exist, whatever it asks."""
    for service, roles in (
        ("intake", ("operator", "supervisor")),
        ("router", ("handler", "supervisor", "ops")),
    ):
        for role in roles:
            answer = await town.ask(service, f"GET /v1/cases/{case_id}", role, unit)
            assert (answer.status, answer.body["title"]) == (404, "No such case"), (service, role)
    person = await town.ask("intake", f"GET /v1/cases/{case_id}/person", "operator", unit, purpose="了解情况")
    added = {"text": "补充情况说明"}
    supplement = await town.ask(
        "intake", f"POST /v1/cases/{case_id}/supplements", "operator", unit, body=added
    )
    assert (person.status, supplement.status) == (404, 404)
    for action, body in {
        "supervision": {"reason": "请加快办理"},
        "instruction": INSTRUCTION | {"unit": unit},
        "objection/adjudication": {"upheld": False, "reason": "请继续办理"},
    }.items():
        refused = await town.ask(
            "router", f"POST /v1/cases/{case_id}/{action}", "supervisor", unit, body=body
        )
        assert (refused.status, refused.code) == (404, "case_unknown"), action
    question = {"case_ids": [case_id]}
    listed = await town.ask("router", "POST /v1/cases/statuses", "operator", unit, body=question)
    assert listed.body["cases"] == []
    for role in ("handler", "operator", "supervisor"):
        for ended in (False, True):
            assert case_id not in await town.assigned(unit, role, ended=ended)
