"""A case in mediation or petition, as units, mediators and residents' staff see it at the router's API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from chassis.http import Role
from schemas.mediation import MediationDutyMoved, MediationHandedBack
from schemas.petition import PetitionDutyMoved, PetitionHandedBack
from schemas.procedure import HandBack
from tests.router_api_kit import COMMUNITY, DISCIPLINE, HOTLINE, STREET, RouterUnderTest, running

PETITION = "GL-PETITION"
IN_30_DAYS = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


def case_of(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])


async def chosen(router: RouterUnderTest, track: str) -> str:
    path = await router.submit()
    answer = await router.post(f"{path}/track", Role.OPERATOR, HOTLINE, {"track": track})
    assert answer.status == 200
    return path


async def listed(router: RouterUnderTest, role: Role, unit: str) -> list[tuple[str, str]]:
    items = (await router.get("/v1/assignments", role, unit)).body["items"]
    return [(item["track"], item["status"]) for item in items]


async def test_a_mediation_from_the_residents_choice_to_the_callback(router: RouterUnderTest) -> None:
    """R-LAD-09, R-MED-02: the unit's mediator finds the case and acts in the procedure; the story tells."""
    path = await chosen(router, "M")
    assert await listed(router, Role.MEDIATOR, COMMUNITY) == [("M", "DISPATCHED")]
    word = MediationDutyMoved(unit=COMMUNITY, stage="CONSENT", due=IN_30_DAYS, rule="mediation.term")
    await router.say(case_of(path), word)
    seen = (await router.get(path, Role.MEDIATOR, COMMUNITY)).body
    assert (seen["procedure"], seen["status"], seen["unit"]["code"]) == ("mediation", "HANDLING", COMMUNITY)
    assert {"sign", "reply", "objection", "extension", "suspension"}.isdisjoint(seen["actions"])
    refused = await router.post(f"{path}/reply", Role.MEDIATOR, COMMUNITY, {"result": "已办结"})
    assert (refused.status, refused.code) == (409, "in_procedure")
    assert "mediation service" in refused.body["detail"]
    failed = MediationHandedBack(
        result=HandBack.FAILED, unit=COMMUNITY, explanation="双方分歧较大。", routes=("court",)
    )
    await router.say(case_of(path), failed)
    assert await listed(router, Role.MEDIATOR, COMMUNITY) == [("M", "CALLBACK")]
    steps = (await router.get(f"{path}/route", Role.OPERATOR, HOTLINE)).body["steps"]
    story = [(step["type"].split(".")[1], step["track"], step["procedure"], step["stage"]) for step in steps]
    assert story == [
        ("CaseDispatched", "S", None, None),
        ("TrackChosen", "M", None, None),
        ("ProcedureAdvanced", None, "mediation", "CONSENT"),
        ("ProcedureEnded", None, "mediation", None),
    ]
    assert steps[1]["text"] == "居民选择调解途径，由博苑社区继续办理（R-LAD-09）。"
    assert steps[2]["text"].startswith("进入人民调解程序：正在征求各方当事人意见，由博苑社区负责，期限至")
    assert "已告知其他途径：民事诉讼（R-MED-10）" in steps[3]["text"]


async def test_a_petition_moves_from_unit_to_unit(router: RouterUnderTest) -> None:
    """R-PET-01, R-HOT-06: forwarded, it is that unit's, on its topic, in the petition's time."""
    path = await chosen(router, "P")
    await router.say(case_of(path), PetitionDutyMoved(unit=PETITION, stage="REGISTERED"))
    word = PetitionDutyMoved(unit=STREET, stage="FORWARDED", due=IN_30_DAYS, rule="petition.notice")
    await router.say(case_of(path), word)
    assert await listed(router, Role.PETITION_OFFICER, PETITION) == []
    [item] = (await router.get("/v1/assignments", Role.PETITION_OFFICER, STREET)).body["items"]
    assert (item["status"], item["locked"], item["sign_by"]) == ("HANDLING", True, None)
    assert datetime.fromisoformat(item["handle_by"]) == IN_30_DAYS
    rows = await router.pool.fetch(
        "SELECT split_part(type, '.', 2) FROM chassis.event_log WHERE case_id = $1 AND topic = $2"
        " ORDER BY sequence",
        case_of(path),
        f"dept.{STREET}.assigned",
    )
    assert [row[0] for row in rows] == ["DepartmentAssigned", "DepartmentInProcedure"]


async def test_an_accusation_found_in_a_petition_is_for_its_recipient_only(router: RouterUnderTest) -> None:
    """R-PET-10: who had it finds it no more, neither open nor ended; the discipline inspection does."""
    path = await chosen(router, "P")
    await router.say(case_of(path), PetitionDutyMoved(unit=PETITION, stage="REGISTERED"))
    sealed = PetitionHandedBack(
        result=HandBack.EXIT, unit=PETITION, explanation="检举某人", exit="discipline-inspection"
    )
    await router.say(case_of(path), sealed)
    for role, unit in (
        (Role.PETITION_OFFICER, PETITION),
        (Role.HANDLER, COMMUNITY),
        (Role.OPERATOR, HOTLINE),
    ):
        assert (await router.get(path, role, unit)).status == 404
        assert (await router.get("/v1/assignments", role, unit, ended=True)).body["items"] == []
    assert (await router.get(path, Role.HANDLER, DISCIPLINE)).status == 200


async def test_the_sealed_exit_chosen_here_is_for_its_recipient_only(router: RouterUnderTest) -> None:
    """R-PET-10: whoever chose it gets no view back, and nobody who had the case finds it any more."""
    path = await chosen(router, "P")
    body = {"track": "L", "exit": "discipline-inspection"}
    assert (await router.post(f"{path}/track", Role.OPERATOR, HOTLINE, body)).status == 204
    for role, unit in ((Role.OPERATOR, HOTLINE), (Role.PETITION_OFFICER, PETITION)):
        assert (await router.get(path, role, unit)).status == 404
        assert (await router.get("/v1/assignments", role, unit, ended=True)).body["items"] == []
    assert (await router.get(path, Role.HANDLER, DISCIPLINE)).status == 200


async def test_who_a_procedure_named_last_finds_the_case_no_more(router: RouterUnderTest) -> None:
    """R-LAD-04, R-PET-11: neither the case nor the order that they had of it."""
    path = await chosen(router, "P")
    await router.say(case_of(path), PetitionDutyMoved(unit=STREET, stage="FORWARDED"))
    gone = PetitionHandedBack(
        result=HandBack.EXIT,
        unit=STREET,
        explanation="请向上一级信访部门提出",
        exit="superior-petition",
        subjects=(STREET,),
    )
    await router.say(case_of(path), gone)
    assert (await router.get(path, Role.HANDLER, STREET)).status == 404
    assert (await router.get("/v1/assignments", Role.HANDLER, STREET, ended=True)).body["items"] == []
