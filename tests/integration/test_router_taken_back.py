"""A supplement accuses by name whoever has the case: the router over HTTP, then and after a human's word."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven
from tests.integration.test_router_callback_list import called_back, listed
from tests.router_api_kit import (
    COMMUNITY,
    COMPONENT,
    DISTRICT,
    GRID,
    HOTLINE,
    PLAIN,
    STREET,
    URBAN,
    RouterUnderTest,
    running,
)
from tests.unit.router_kit import gulou

ACCUSING = f"{gulou().units[COMMUNITY].name}的工作人员收了对方的钱，帮他说话"
THEIRS = ((Role.HANDLER, COMMUNITY), (Role.SUPERVISOR, COMMUNITY), (Role.GRID_WORKER, GRID))


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


async def accuse(router: RouterUnderTest, path: str, text: str = ACCUSING) -> None:
    await router.say(UUID(path.rpartition("/")[2]), CaseSupplemented(text=text))


async def shown_to(router: RouterUnderTest, unit: str, *, ended: bool = False) -> list[str]:
    page = await router.get("/v1/assignments", Role.HANDLER, unit, ended=ended)
    return [f"/v1/cases/{item['case_id']}" for item in page.body["items"]]


async def queue(router: RouterUnderTest) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await router.get("/v1/queue/triage", Role.OPERATOR, HOTLINE)).body["items"]
    return items


async def test_the_accused_unit_sees_and_does_nothing_more(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: case, route, lists, figures and acts, for it and all under it; the centre has it."""
    path = await called_back(router)
    assert len(await listed(router)) == 1
    await accuse(router, path)
    for role, unit in THEIRS:
        for there in (path, f"{path}/route"):
            refused = await router.get(there, role, unit)
            assert (refused.status, refused.code) == (404, "case_unknown")
    assert (await router.post(f"{path}/progress", Role.HANDLER, COMMUNITY, {"note": "在办"})).status == 404
    for ended in (False, True):
        assert await shown_to(router, COMMUNITY, ended=ended) == []
    assert (await router.get(f"/v1/units/{COMMUNITY}", Role.HANDLER, COMMUNITY)).body["open"] == 0
    assert await listed(router) == []
    shown = (await router.get(path, Role.OPERATOR, DISTRICT)).body
    assert (shown["status"], shown["queue"], shown["unit"]["code"]) == ("REGISTERED", "POLICY", HOTLINE)
    [waits] = await queue(router)
    assert (waits["reason"], waits["subjects"], waits["overdue"]) == ("POLICY", [COMMUNITY], False)
    assert [found["matter"] for found in waits["candidates"]] == [PLAIN]
    assert [said["text"] for said in waits["supplements"]] == [ACCUSING]


async def test_confirmed_it_goes_to_who_stands_above(router: RouterUnderTest) -> None:
    """R-LAD-04, R-LAD-10: who reads the words that accuse; the whole way stays in the route."""
    path = await called_back(router)
    await accuse(router, path)
    sent = await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, {"judged": "dispatch"})
    assert (sent.status, sent.body["unit"]["code"], sent.body["matter"]) == (200, STREET, PLAIN)
    text = (await router.get(path, Role.HANDLER, STREET)).body["text"]
    assert [said["text"] for said in text["supplements"]] == [ACCUSING]
    steps = (await router.get(f"{path}/route", Role.HANDLER, STREET)).body["steps"]
    assert [step["unit"] for step in steps] == [COMMUNITY, HOTLINE, STREET]
    assert "从博苑社区收回，转人工研判" in steps[1]["text"]
    assert (steps[2]["ground"], len(steps[2]["evidence"])) == ("SUBJECT_SKIPPED", 1)
    assert await queue(router) == []
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).status == 404


async def test_who_helped_finds_nothing_of_it_while_a_human_must_say_whom_it_accuses(
    router: RouterUnderTest,
) -> None:
    """R-LAD-04, R-HOT-14, R-PRIV-01: neither title and words nor status, for any of its staff or of those above."""
    path = await router.submit(matter=COMPONENT)
    desks = [(role, unit) for role in (Role.SUPERVISOR, Role.OPERATOR) for unit in (COMMUNITY, STREET)]
    everybody = [*desks, (Role.HANDLER, COMMUNITY)]

    async def found(role: Role, unit: str) -> list[str]:
        lists = [
            await router.get("/v1/assignments", role, unit, unit=COMMUNITY, ended=ended)
            for ended in (False, True)
        ]
        return [f"/v1/cases/{item['case_id']}" for page in lists for item in page.body["items"]]

    for role, unit in everybody:
        assert await found(role, unit) == [path]
    await accuse(router, path, f"{gulou().units[URBAN].name}的工作人员收了对方的钱，帮他说话")
    for role, unit in everybody:
        assert (await router.get(path, role, unit)).code == "case_unknown"
        assert await found(role, unit) == []
    assert await found(Role.SUPERVISOR, DISTRICT) == [path]
    decision = {"judged": "dispatch", "subjects": []}
    assert (await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, decision)).status == 200
    for role, unit in everybody:
        assert (await router.get(path, role, unit)).status == 200
        assert set(await found(role, unit)) == {path}


async def test_who_was_accused_in_passing_has_the_case_when_a_human_clears_everybody(
    router: RouterUnderTest,
) -> None:
    """R-LAD-04, R-HOT-14: as a helper and as the lead, with the words that accuse others."""
    path = await router.submit(matter=COMPONENT)
    others = f"{gulou().units[URBAN].name}的工作人员收了对方的钱，帮他说话"
    await accuse(router, path)
    await accuse(router, path, others)
    assert (await router.get(path, Role.HANDLER, COMMUNITY)).status == 404
    for matter, role in ((COMPONENT, "helper"), (PLAIN, "lead")):
        decision = {"judged": "dispatch", "matter": matter, "subjects": []}
        assert (await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, decision)).status == 200
        shown = (await router.get(path, Role.HANDLER, COMMUNITY)).body
        assert {said["text"] for said in shown["text"]["supplements"]} == {others}
        [item] = (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY)).body["items"]
        assert (item["role"], item["matter"], item["title"] is None) == (role, matter, False)
        if role == "helper":
            await accuse(router, path, others)
            await accuse(router, path)


async def test_the_queue_shows_nobody_what_the_state_keeps_from_them(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: even where its own row should not know of it."""
    path = await router.submit(matter=None)
    lists = [(role, unit) for role in (Role.SUPERVISOR, Role.OPERATOR) for unit in (COMMUNITY, STREET)]
    for role, unit in lists:
        assert len((await router.get("/v1/queue/triage", role, unit)).body["items"]) == 1
    await accuse(router, path)
    await router.pool.execute("UPDATE router.triage SET subjects = '{}', reason = 'LOW_CONFIDENCE'")
    for role, unit in lists:
        assert (await router.get("/v1/queue/triage", role, unit)).body["items"] == []
    assert len(await queue(router)) == 1


async def test_cleared_it_goes_back_to_the_unit(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14, R-HOT-05: with what it did before, without a second objection or the accusing words."""
    path = await called_back(router)
    await accuse(router, path)
    decision = {"judged": "dispatch", "subjects": []}
    back = await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, decision)
    assert (back.status, back.body["unit"]["code"], back.body["status"]) == (
        200,
        COMMUNITY,
        "DISPATCHED_LOCKED",
    )
    shown = await router.get(path, Role.HANDLER, COMMUNITY)
    assert (shown.status, shown.body["text"]["supplements"]) == (200, [])
    for ended in (False, True):
        assert await shown_to(router, COMMUNITY, ended=ended) == [path]
    assert (await router.get(f"{path}/route", Role.HANDLER, COMMUNITY)).status == 200
    assert (await router.post(f"{path}/sign", Role.HANDLER, COMMUNITY)).status == 200


async def test_whoever_the_human_names_instead_is_kept_from_it_as_well(router: RouterUnderTest) -> None:
    """R-LAD-04: nor does it find the case among what it had once."""
    path = await router.submit()
    await accuse(router, path)
    named = {"judged": "dispatch", "subjects": [STREET]}
    sent = await router.post(f"{path}/triage", Role.OPERATOR, HOTLINE, named)
    assert sent.body["unit"]["code"] not in {STREET, COMMUNITY}
    for unit in (STREET, COMMUNITY):
        assert await shown_to(router, unit, ended=True) == []
        assert (await router.get(path, Role.HANDLER, unit)).status == 404


async def test_who_is_accused_without_a_part_in_it_no_longer_finds_it(router: RouterUnderTest) -> None:
    """R-HOT-14: the department has the lamp; the community of the place loses sight of it, as helper or reader."""
    path = await router.submit(matter=COMPONENT)
    assert (await router.get(path, Role.SUPERVISOR, COMMUNITY)).status == 200
    before = (await router.get(path, Role.OPERATOR, DISTRICT)).body
    await accuse(router, path)
    after = (await router.get(path, Role.OPERATOR, DISTRICT)).body
    assert (after["unit"], after["status"]) == (before["unit"], before["status"])
    assert (await router.get(path, Role.SUPERVISOR, COMMUNITY)).code == "case_unknown"
    steps = (await router.get(f"{path}/route", Role.OPERATOR, DISTRICT)).body["steps"]
    assert "博苑社区有利害关系，退出协办并回避" in steps[-1]["text"]
    await accuse(router, path, "区教育局推诿扯皮")
    steps = (await router.get(f"{path}/route", Role.OPERATOR, DISTRICT)).body["steps"]
    assert "补充反映涉及的单位回避，区城市管理局继续办理" in steps[-1]["text"]


async def test_the_centre_reads_the_note_of_a_rating(router: RouterUnderTest) -> None:
    """R-HOT-09, R-HOT-14: as it reads other further words; who is accused in it loses the case."""
    mild, accusing = await called_back(router), await called_back(router)
    for path, note in ((mild, "还是没人来"), (accusing, ACCUSING)):
        rated = FeedbackGiven(contacted=True, resolved=False, satisfied=False, note=note)
        await router.say(UUID(path.rpartition("/")[2]), rated)
        shown = (await router.get(path, Role.OPERATOR, HOTLINE)).body
        assert [said["text"] for said in shown["text"]["supplements"]] == [note]
    assert (await router.get(mild, Role.HANDLER, COMMUNITY)).body["status"] == "REDO"
    assert (await router.get(accusing, Role.HANDLER, COMMUNITY)).code == "case_unknown"
    [waits] = await queue(router)
    assert [said["text"] for said in waits["supplements"]] == [ACCUSING]
    assert len(await listed(router)) == 0


async def test_the_centre_reads_the_reason_of_a_withdrawal_and_the_accused_unit_nothing(
    router: RouterUnderTest,
) -> None:
    """R-LAD-04, R-HOT-14: the case is closed all the same; the feed of the centre tells of it."""
    named, unnamed, silent = [await router.submit() for _ in range(3)]
    for path, reason in (
        (named, f"{ACCUSING}，上门威胁我撤回"),
        (unnamed, "执法人员打人，逼我撤回"),
        (silent, ""),
    ):
        await router.say(UUID(path.rpartition("/")[2]), CaseWithdrawn(reason=reason))
        for role in (Role.OPERATOR, Role.HANDLER):
            shown = await router.get(path, role, HOTLINE)
            if reason:
                assert shown.body["status"] == "CLOSED"
                assert [said["text"] for said in shown.body["text"]["supplements"]] == [reason]
            else:
                assert (shown.status == 404) is (role is Role.HANDLER)
    assert (await router.get(silent, Role.OPERATOR, HOTLINE)).body["text"]["supplements"] == []
    for role, unit in THEIRS:
        assert (await router.get(named, role, unit)).code == "case_unknown"
    assert set(await shown_to(router, COMMUNITY, ended=True)) == {unnamed, silent}
    for unit in (COMMUNITY, STREET):
        said = (await router.get(unnamed, Role.SUPERVISOR, unit)).body["text"]["supplements"]
        assert said == []
