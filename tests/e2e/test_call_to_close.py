"""A case goes the whole way between separate processes: call, event, router, unit, reply, callback, close."""

from typing import Any

from tests.e2e.town import PLAIN, Case, Town, own_words, until

COMMUNITY = "GL0101"
SATISFIED = {"contacted": True, "resolved": True, "satisfied": True}


async def test_a_call_goes_to_its_unit_and_is_closed(town: Town) -> None:
    """R-HOT-02, R-LAD-01, R-HOT-07, R-HOT-08, R-PET-13: each step done by its people, read by the resident."""
    words = "八十岁独居老人行动不便，来电13800138000，请社区安排探访和助餐。"
    reporter = {"name": "王某某", "phone": "13800138000"}
    case = await town.submit(title="独居老人助餐", text=words, matter=PLAIN, reporter=reporter)

    async with town.feed(COMMUNITY) as feed:
        given, _ = await feed.of(case, "DepartmentAssigned")
    assert (given.data["unit"], given.data["role"]) == (COMMUNITY, "lead")
    own = (await town.assigned(COMMUNITY))[case.id]
    assert (own["unit"], own["status"], own["title"]) == (COMMUNITY, "DISPATCHED", "独居老人助餐")
    assert "13800138000" not in own["text"]

    await town.begin(case, COMMUNITY)
    await town.do(case, "progress", "handler", COMMUNITY, {"note": "已安排网格员每周探访"})
    await town.do(case, "reply", "handler", COMMUNITY, {"result": "已安排每周探访和每日助餐", "solved": True})
    closed = await town.do(case, "callback", "operator", "GL", SATISFIED)
    assert (closed["status"], closed["colour"], closed["assignments"]) == ("CLOSED", None, [])

    assert await town.told(case, "closed") == [
        "您的诉求已受理登记。",
        "已派单至博苑社区办理。",
        "承办单位已签收。",
        "承办单位已与您联系。",
        "承办单位正在办理。",
        "博苑社区答复：已安排每周探访和每日助餐",
        "等待回访，请留意来电。",
        "您的诉求已办结。",
    ]
    async with town.feed(COMMUNITY, after=given.id) as feed:
        ended, before = await feed.of(case, "DepartmentAssignmentEnded")
    assert ended.data["reason"] == "closed"
    assert given.id not in {event.id for event in before}
    assert case.id not in await town.assigned(COMMUNITY)
    past = (await town.assigned(COMMUNITY, ended=True))[case.id]
    assert (past["end_reason"], past["text"]) == ("closed", None)

    # R-LEDGER-01: both sides were told every step, the resident in the order of the steps.
    number = case.id[-8:]
    assert await town.notices(case, 4) == [
        f"您反映的事项（{number}）已派至博苑社区办理。",
        f"博苑社区已就您反映的事项（{number}）作出答复，随后将回访您。",
        f"请您评价所反映事项（{number}）的办理情况，也可等待回访电话。",
        f"您反映的事项（{number}）已办结；如仍有问题请再次反映。",
    ]
    inbox = await town.ask("notify", f"GET /v1/units/{COMMUNITY}/inbox", "handler", COMMUNITY)
    items = [item["notice"] for item in inbox.body["items"] if item["case_id"] == case.id]
    assert items == ["order", "order-closed"]


async def test_a_feed_resumes_exactly_behind_the_last_event(town: Town) -> None:
    """R-HOT-04: a unit that was cut off misses nothing and gets nothing twice."""
    first, second = await town.submit(), await town.submit()
    async with town.feed(COMMUNITY) as feed:
        seen, _ = await feed.of(first, "DepartmentAssigned")
        following = [seen, await feed.next()]
        while following[-1].case != second.id:
            following.append(await feed.next())
    async with town.feed(COMMUNITY, after=seen.id) as feed:
        assert [await feed.next() for _ in following[1:]] == following[1:]
        third = await town.submit()
        assert (await feed.next()).case == third.id


async def test_a_grid_worker_settles_on_the_spot(town: Town) -> None:
    """R-GRD-01, R-GRD-02: settled first, uploaded then, verified by the callback, closed."""
    case = await town.submit(
        "grid_worker",
        "GL010102",
        kind="report",
        title="楼道堆放杂物",
        text="巡查发现2单元一楼楼道堆放纸箱，已与住户沟通并当场清理。",
        place={"grid": "GL010102"},
        resolved={"measure": "现场劝导并协助清理完毕"},
    )
    shown = await town.placed(case, "CALLBACK")
    assert (shown["unit"]["code"], shown["mode"], shown["rung"]) == ("GL010102", "direct", 1)
    assert case.id in await town.assigned("GL010102", "grid_worker")
    await town.do(case, "callback", "operator", "GL", SATISFIED)
    assert await town.told(case, "closed") == [
        "您的诉求已受理登记。",
        "博苑社区第2网格已现场处置，待核实。",
        "等待回访，请留意来电。",
        "您的诉求已办结。",
    ]
    [step, *_] = await town.route(case)
    assert "settled-by-grid" in {row["row"] for row in step["rows"]}


async def test_a_consultation_is_answered_at_once(town: Town) -> None:
    """R-HOT-02: nobody is given an order; the hotline's human answers, and the resident reads the answer."""
    case = await town.submit("resident", None, kind="consult", title="想问一下", text="这个事情到底归谁管")
    queued = await town.placed(case, "REGISTERED")
    assert (queued["queue"], queued["unit"]["code"]) == ("LOW_CONFIDENCE", "GL-HOTLINE")
    page = await town.ask("router", "GET /v1/queue/triage", "operator", "GL-HOTLINE", limit=200)
    assert case.id in {item["case_id"] for item in page.body["items"]}
    await town.told(case, "triage", "正在人工甄别，确定承办单位。")

    answer = {"judged": "answered", "answer": "请携带身份证到街道便民服务中心咨询，电话12345。"}
    answered = await town.do(case, "triage", "operator", "GL-HOTLINE", answer)
    assert (answered["status"], answered["assignments"]) == ("ANSWERED_DIRECT", [])
    assert (await town.told(case, "answered"))[-1] == f"已答复：{answer['answer']}"
    escalated = await town.act(
        case, "escalation", "supervisor", "GL", {"ground": "CONSULT_ANSWERED", "evidence": []}
    )
    assert (escalated.status, escalated.code) == (409, "wrong_status")


async def test_an_emergency_is_answered_with_its_line(town: Town) -> None:
    """R-LAD-05, R-HOT-03, R-HOT-13: the line and what to do now come in the first answer; the line confirms."""
    case = await town.submit(
        title="楼道里有很浓的燃气味", text="来电人称楼道燃气味很浓，已有住户头晕，请求紧急处置。"
    )
    assert case.body["emergency"]["line"] == "119"
    assert "消防119" in case.body["emergency"]["advice"]
    shown = await town.placed(case, "EMERGENCY_XFER")
    assert (shown["line"], shown["unit"]["code"]) == ("119", "GL-HOTLINE")
    confirmed = await town.do(
        case, "emergency/confirmation", "operator", "GL", {"reference": "119接警单20260302-0031"}
    )
    assert {term["name"] for term in confirmed["deadlines"]} == {"archive"}
    assert (await town.told(case, "emergency"))[-1] == "情况紧急，已立即转119处置。"
    again = await town.act(case, "emergency/confirmation", "operator", "GL", {"reference": "119接警单2"})
    assert (again.status, again.code) == (409, "wrong_status")


async def test_a_report_linked_wrongly_becomes_its_own_case(town: Town) -> None:
    """R-PET-18, R-HOT-03: an operator unlinks it; it is routed, and its words then reach its own case."""
    words = {"title": "独居老人助餐", "text": f"八十岁独居老人行动不便，请安排助餐。编号{own_words()}"}
    reporter = {"reporter": {"phone": "13900139007"}}
    first = await town.submit(**words, **reporter, matter=PLAIN)
    await town.placed(first, "DISPATCHED")
    case = await town.submit(**words, **reporter, matter=PLAIN)
    await town.placed(case, "LINKED_DUP")
    shown = await town.do(case, "unlink", "operator", "GL", {"reason": "是另一位老人"})
    assert (shown["status"], shown["unit"]["code"]) == ("DISPATCHED", COMMUNITY)
    route = await town.ask("router", f"GET {case.path}/route", "operator", "GL")
    texts = [step["text"] for step in route.body["steps"]]
    assert "解除关联，单独办理：是另一位老人" in texts[1]
    assert "派单给博苑社区" in texts[2]
    await town.told(case, "dispatched")
    added = await town.ask(
        "intake", f"POST {case.path}/supplements", "operator", "GL", body={"text": "住三楼"}
    )
    assert added.status == 200, added.body

    async def arrived() -> dict[str, Any] | None:
        view = (await town.ask("router", f"GET {case.path}", "operator", "GL")).body
        return view if view["text"]["supplements"] else None

    assert (await until(arrived))["text"]["supplements"][0]["text"] == "住三楼"
    other = await town.ask("router", f"GET {first.path}", "operator", "GL")
    assert other.body["text"]["supplements"] == []


async def waits(town: Town, case: Case, unit: str, role: str, track: str) -> None:
    """Assert that the case waits for the unit, and stands on its list for that role."""
    shown = await town.placed(case, "DISPATCHED", "HANDLING")  # handling once the procedure has begun
    assert (shown["unit"]["code"], shown["track"], shown["exit"]) == (unit, track, None)
    own = (await town.assigned(unit, role))[case.id]
    assert (own["role"], own["track"], own["ended_at"]) == ("lead", track, None)


async def test_a_petition_waits_at_the_petition_office(town: Town) -> None:
    """R-PET-06, R-PET-01: assigned as a petition to its unit, where a petition officer sees it."""
    case = await town.submit(
        title="窗口工作人员态度恶劣", text="办理业务时门难进脸难看。", matter="government.conduct"
    )
    await waits(town, case, "GL-PETITION", "petition_officer", "P")
    assert "已派单至区信访局办理。" in await town.told(case, "petition", "您的诉求已进入信访程序")
    assert case.id not in await town.assigned("GL-PETITION", "mediator")


async def test_a_dispute_waits_for_mediation(town: Town) -> None:
    """R-MED-03, R-MED-05: the grid's mediator sees it, and the way to court stays open beside it."""
    case = await town.submit(
        title="楼上漏水", text="楼上卫生间漏水两个月，天花板发霉。", matter="property.leak"
    )
    await waits(town, case, "GL010101", "mediator", "M")
    assert "已派单至博苑社区第1网格办理。" in await town.told(case, "mediation", "您的诉求已进入")
    assert case.id not in await town.assigned("GL010101", "petition_officer")


async def test_a_resident_enters_the_petition_track_from_any_rung(town: Town) -> None:
    """R-LAD-09: the choice moves the case to the petition office, with ground and evidence in its route."""
    case = await town.submit()
    await town.begin(case, COMMUNITY)
    await town.do(case, "track", "operator", "GL", {"track": "P"})
    await waits(town, case, "GL-PETITION", "petition_officer", "P")
    chosen = [step for step in await town.route(case) if step.get("ground") == "RESIDENT_CHOICE"]
    assert [step["evidence"][0]["kind"] for step in chosen] == ["resident_choice"]
    words = await town.told(case, "petition", "您的诉求已进入信访程序")
    place = words.index("按您的选择，转入信访程序。")
    assert words[place + 1].startswith("已派单至区信访局办理，其他单位协办。")


async def test_a_family_matter_stays_in_the_building_group(town: Town) -> None:
    """R-LAD-01: 家庭琐事不出楼组, by the building in the address; a leak of the same building goes to the grid."""
    place = {"address": "秋岭公寓3幢1单元"}
    trivia = await town.submit(matter="family.trivia", place=place)
    leak = await town.submit(matter="property.leak", place=place)
    units = [(await town.placed(case))["unit"]["code"] for case in (trivia, leak)]
    assert units == ["GL01010103", "GL010101"]


async def test_a_link_answers_the_callback_and_reopens_the_case(town: Town) -> None:
    """R-HOT-08, R-HOT-09, R-LEDGER-01: from process to process: page, close, reopen, figures, ledger."""
    case = await town.submit()
    await town.begin(case, COMMUNITY)
    await town.do(case, "reply", "handler", COMMUNITY, {"result": "已安排每周探访", "solved": True})
    await town.told(case, "callback")
    link = await town.ask("intake", f"POST {case.path}/callback-link", "notifier", None)
    page = town.system.url("intake") + link.body["path"]
    answers = {"contacted": "yes", "resolved": "yes", "satisfied": "yes", "note": "谢谢"}
    assert "您的评价已收到" in (await town.client.post(page, data=answers)).text
    assert (await town.told(case, "closed"))[-2:] == ["已收到您的评价。", "您的诉求已办结。"]
    assert "要求重新办理" in (await town.client.get(page)).text

    wish = await town.client.post(page, json={"reason": "又没有人来了"})
    assert wish.json()["reopening"] is True
    shown = await town.placed(case, "DISPATCHED_LOCKED")
    assert shown["unit"]["code"] == COMMUNITY
    steps = [step["type"].split(".")[1] for step in await town.route(case)]
    assert steps[-3:] == ["CaseClosed", "CaseReopened", "CaseDispatched"]
    assert "按您的要求，本件已重新办理。" in await town.told(case, "dispatched")
    rates = await town.ask("router", "GET /v1/rates", "supervisor", "GL", unit=COMMUNITY)
    assert rates.body["units"][0]["own"]["reopened"] >= 1
    ledger = await town.ask("intake", "GET /v1/ledger", "supervisor", "GL", unit="GL010101", limit=200)
    [entry] = [item for item in ledger.body["items"] if item["case_id"] == case.id]
    assert (entry["handler"]["unit"], entry["missing"]) == (COMMUNITY, [])
