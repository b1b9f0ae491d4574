"""Who sees, lists and reads a mediation over HTTP: units, police, panels, the discipline body (domain.md §2)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from schemas import router as r
from schemas.petition import PetitionSealed, PetitionSentToMediation, PetitionSubjectsNamed
from services.mediation.api.actions import BY_PATH
from tests.document_kit import words
from tests.mediation_api_kit import COMMUNITY, DISTRICT, STREET, MediationUnderTest, act, agreed, running
from tests.unit.mediation_kit import dispatched

DISCIPLINE, POLICE, LAND = "GL-DISCIPLINE", "GL-POLICE", "GL-LAND"
READS = ("", "/story", "/papers", "/agreement.pdf", "/confirmation.pdf")


@pytest.fixture
async def mediation(mediation_url: str, tmp_path: Path) -> AsyncIterator[MediationUnderTest]:
    async with running(mediation_url, tmp_path) as service:
        yield service


def case_of(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])


async def statuses(mediation: MediationUnderTest, path: str, role: Role, unit: str | None) -> set[int]:
    """What the caller gets for all that can be read of a case."""
    return {(await mediation.get(path + part, role, unit, purpose="查阅")).status_code for part in READS}


async def listed(mediation: MediationUnderTest, role: Role, caller: str, **query: Any) -> set[str]:
    """The cases on the caller's lists, open and ended."""
    found = set[str]()
    for ended in (False, True):
        answer = await mediation.get("/v1/mediations", role, caller, ended=ended, **query)
        assert answer.status_code == 200, answer.text
        found |= {item["case_id"] for item in answer.json()["items"]}
    return found


async def test_a_sealed_case_exists_for_the_discipline_body_alone(mediation: MediationUnderTest) -> None:
    """R-PET-10, XF30: for the accused, for supervisors and operators above, in the list, the story, the papers."""
    path = await agreed(mediation)
    case_id = str(case_of(path))
    assert case_id in await listed(mediation, Role.SUPERVISOR, DISTRICT, unit=COMMUNITY)
    await mediation.say(case_of(path), PetitionSealed(unit=DISCIPLINE, subjects=(COMMUNITY,)))
    everybody: list[tuple[Role, str | None]] = [
        (Role.MEDIATOR, COMMUNITY),
        (Role.HANDLER, STREET),
        (Role.SUPERVISOR, DISTRICT),
        (Role.MEDIATOR, DISTRICT),
        (Role.OPERATOR, DISTRICT),
        (Role.OPS, None),
    ]
    for role, unit in everybody:
        assert await statuses(mediation, path, role, unit) <= {403, 404}, (role, unit)
        assert (await mediation.get(path, role, unit)).status_code == 404
        if unit is not None:
            assert case_id not in await listed(mediation, role, unit)
    for of in (COMMUNITY, DISCIPLINE):
        assert case_id not in await listed(mediation, Role.SUPERVISOR, DISTRICT, unit=of)
    refused = await mediation.post(f"{path}/visits", {"performed": [1]})
    assert refused.status_code == 404
    assert await statuses(mediation, path, Role.HANDLER, DISCIPLINE) == {200}
    assert case_id in await listed(mediation, Role.HANDLER, DISCIPLINE)
    assert (await mediation.get(path, Role.HANDLER, DISCIPLINE)).json()["actions"] == []


async def test_who_brought_an_agreement_about_follows_it_up_beside_a_later_round(
    mediation: MediationUnderTest,
) -> None:
    """R-MED-08, R-PET-16: the old unit keeps its agreement and its papers, the new one has the case."""
    path = await agreed(mediation)
    await mediation.say(case_of(path), r.TrackChosen(track="P"))
    await mediation.say(case_of(path), PetitionSentToMediation(unit=LAND))
    land = (Role.MEDIATOR, LAND)
    shown = (await mediation.get(path, *land)).json()
    assert (shown["round"], shown["unit"], "parties" in shown["actions"]) == (2, LAND, True)
    assert "visits" not in shown["actions"]
    theirs = (await mediation.get(path)).json()["actions"]
    assert {"visits", "confirmation"} <= set(theirs)
    assert "parties" not in theirs
    for role, unit in (land, (Role.MEDIATOR, COMMUNITY)):
        assert str(case_of(path)) in await listed(mediation, role, unit)
    await mediation.post(f"{path}/parties/kept", None, *land)
    for who in (land, (Role.MEDIATOR, COMMUNITY)):
        papers = (await mediation.get(f"{path}/papers", *who, purpose="查阅")).json()
        assert [(one["round"], one["kind"]) for one in papers] == [
            (1, "agreement/1"),
            (1, "parties"),
            (1, "session/1"),
        ]
    done = await act(mediation, path, "visits")
    assert done["agreements"][0]["performance"] == "PERFORMED"
    await mediation.say(case_of(path), PetitionSubjectsNamed(subjects=(COMMUNITY,)))
    assert await statuses(mediation, path, Role.MEDIATOR, COMMUNITY) == {404}


async def test_what_was_tried_lower_down_is_open_to_the_next_rung(mediation: MediationUnderTest) -> None:
    """R-LAD-02, R-LAD-10: parties and papers go along, and the evidence of the step names a route that opens."""
    path = await mediation.open()
    await act(mediation, path, "parties")
    await act(mediation, path, "termination")
    told = await mediation.pool.fetchval(
        "SELECT data->'evidence'->0->>'reference' FROM chassis.event_log WHERE type = $1",
        "mediation.MediationHandedBack.v1",
    )
    await mediation.say(case_of(path), dispatched(unit=STREET))
    street = (Role.MEDIATOR, STREET)
    shown = (await mediation.get(path, *street)).json()
    assert (shown["round"], [party["label"] for party in shown["parties"]]) == (2, ["A", "B"])
    papers = (await mediation.get(f"{path}/papers", *street, purpose="查阅")).json()
    assert [(paper["round"], paper["kind"]) for paper in papers] == [(1, "parties")]
    assert (await mediation.get(f"{path}/papers", *street, purpose="查阅", round=2)).json() == []
    record = (await mediation.client.get(told, headers=mediation.headers(*street))).json()
    assert [event["type"].split(".")[1] for event in record][:2] == ["MediationOpened", "MediationDutyMoved"]
    assert record[-1]["type"] == "mediation.MediationHandedBack.v1"


async def test_the_police_see_what_they_were_told_of(mediation: MediationUnderTest) -> None:
    """R-MED-11: the case, its story with the report, and who the parties are; they do nothing in it."""
    path = await agreed(mediation)
    handler = (Role.HANDLER, POLICE)
    assert (await mediation.get(path, *handler)).status_code == 404
    await act(mediation, path, "police")
    shown = await mediation.get(path, *handler)
    assert (shown.status_code, shown.json()["actions"]) == (200, [])
    story = (await mediation.get(f"{path}/story", *handler)).json()
    assert any(event["data"].get("risk") == "public_order" for event in story)
    papers = (await mediation.get(f"{path}/papers", *handler, purpose="出警")).json()
    assert [paper["kind"] for paper in papers] == ["parties"]
    assert str(case_of(path)) in await listed(mediation, *handler)
    assert (await mediation.post(f"{path}/visits", {"performed": [1]}, *handler)).status_code == 403
    await mediation.say(case_of(path), PetitionSubjectsNamed(subjects=(POLICE,)))
    assert (await mediation.get(path, *handler)).status_code == 404


async def test_who_has_a_seat_sees_the_case_and_stands_on_the_agreement(
    mediation: MediationUnderTest,
) -> None:
    """R-MED-04, TJ20: by the own staff code only, and no longer once refused."""
    path = await mediation.open()
    await act(mediation, path, "parties")
    await act(mediation, path, "consent")
    await act(mediation, path, "consent", party="B")
    seats = [{"seat": "police", "staff": "GL-POLICE-7"}, {"seat": "lawyer", "staff": "GL-LEGAL-AID-3"}]
    panel = {"panel": "three-in-one", "seats": seats, "parties_agree": True}
    shown = await act(mediation, path, "mediators", **panel)
    assert (shown["panel"], shown["seats"]) == ("three-in-one", seats)
    await act(mediation, path, "sessions")
    await act(mediation, path, "agreement/draft")
    printed = words((await mediation.get(f"{path}/agreement.pdf", purpose="签署")).content)
    assert "民警 GL-POLICE-7" in printed
    assert "律师 GL-LEGAL-AID-3" in printed
    own, other = (
        mediation.headers(Role.HANDLER, POLICE, subject) for subject in ("GL-POLICE-7", "GL-POLICE-8")
    )
    for headers, status in ((own, 200), (other, 404)):
        assert (await mediation.client.get(path, headers=headers)).status_code == status
    mine = (await mediation.client.get("/v1/mediations", headers=own)).json()["items"]
    assert [item["case_id"] for item in mine] == [str(case_of(path))]
    await act(mediation, path, "mediators/refusal", mediator="GL-POLICE-7")
    assert (await mediation.client.get(path, headers=own)).status_code == 404


async def test_who_stands_above_a_committee_complained_of_sees_nothing(
    mediation: MediationUnderTest,
) -> None:
    """R-LAD-04: its people left the case, and nobody sees it for their sake."""
    path = await mediation.open()
    for step in ("parties", "consent"):
        await act(mediation, path, step)
    await act(mediation, path, "consent", party="B")
    await act(mediation, path, "mediators")
    assert (await mediation.get(path, Role.MEDIATOR, STREET)).status_code == 200
    await mediation.say(case_of(path), dispatched(unit=POLICE, subjects=(COMMUNITY,)))
    assert await statuses(mediation, path, Role.MEDIATOR, STREET) == {404}
    assert str(case_of(path)) not in await listed(mediation, Role.MEDIATOR, STREET)
    assert (await mediation.get(path, Role.MEDIATOR, POLICE)).status_code == 200


async def test_who_was_recused_sees_nothing_more(mediation: MediationUnderTest) -> None:
    """R-MED-04: nor lists it, under the token of their own."""
    path = await agreed(mediation)
    other = await mediation.open()
    for step in ("parties", "consent"):
        await act(mediation, other, step)
    await act(mediation, other, "consent", party="B")
    await act(mediation, other, "mediators")
    await act(mediation, other, "mediators/recusal")
    gone = mediation.headers(Role.MEDIATOR, COMMUNITY, "GLM-0101-01")
    assert (await mediation.client.get(other, headers=gone)).status_code == 404
    items = (await mediation.client.get("/v1/mediations", headers=gone)).json()["items"]
    assert [item["case_id"] for item in items] == [str(case_of(path))]
    answer = await mediation.client.post(f"{other}/continuation", json={}, headers=gone)
    assert answer.status_code == 404


async def test_each_agreement_is_printed_by_its_number(mediation: MediationUnderTest) -> None:
    """R-MED-07, R-MED-09: cited by a number of its own; what the court must know and nobody told is marked."""
    path = await mediation.open()
    await act(mediation, path, "parties")
    await act(mediation, path, "consent")
    await act(mediation, path, "consent", party="B")
    await act(mediation, path, "mediators")
    await act(mediation, path, "sessions")
    paper = BY_PATH["agreement/draft"].example["paper"]
    for terms, more in ((["先付一百元。"], {"partial": True}), (["再付二百元。"], {})):
        await act(mediation, path, "agreement/draft", paper=paper | {"terms": terms}, **more)
        await act(mediation, path, "agreement/signature")
        if more:
            await act(mediation, path, "continuation")
    for name in ("agreement", "confirmation"):
        for query, said, number in (({"agreement": 1}, "先付一百元", "-1号"), ({}, "再付二百元", "-2号")):
            printed = words((await mediation.get(f"{path}/{name}.pdf", purpose="归档", **query)).content)
            assert said in printed
            assert f"{case_of(path)}{number}" in printed
    asked = words((await mediation.get(f"{path}/confirmation.pdf", purpose="申请")).content)
    assert "【提交前请补充】" in asked
    assert "申请人A：证件号码；申请人B：证件号码、联系电话" in asked
    gone = await mediation.get(f"{path}/confirmation.pdf", purpose="申请", agreement=3)
    assert (gone.status_code, gone.json()["code"]) == (409, "not_in_effect")


async def test_who_words_accuse_sees_nothing_of_what_was_mediated(mediation: MediationUnderTest) -> None:
    """R-LAD-04, R-HOT-14: from the moment the router takes the case, it and all under it, until a human clears it;
    what words complained of it is not in the story then, either."""
    path = await mediation.open()
    await act(mediation, path, "parties")
    await act(mediation, path, "consent", agrees=False)
    accused: list[tuple[Role, str]] = [
        (Role.MEDIATOR, COMMUNITY),
        (Role.SUPERVISOR, COMMUNITY),
        (Role.GRID_WORKER, "GL010101"),
    ]

    async def seen(role: Role, unit: str) -> tuple[int, int, bool]:
        one = (await mediation.get(path, role, unit)).status_code
        story = (await mediation.get(f"{path}/story", role, unit)).status_code
        return one, story, str(case_of(path)) in await listed(mediation, role, unit)

    assert await seen(*accused[0]) == (200, 200, True)
    found = dispatched(subjects=[COMMUNITY]).registered
    taken = r.TriageQueued(
        route=r.Route(policy="p", jurisdiction="j"),
        registered=found,
        unit="GL-HOTLINE",
        reason=r.QueueReason.POLICY,
        taken_from=COMMUNITY,
    )
    await mediation.say(case_of(path), taken)
    for role, unit in accused:
        assert await seen(role, unit) == (404, 404, False), (role, unit)
    assert await statuses(mediation, path, Role.MEDIATOR, COMMUNITY) == {404}
    assert (await mediation.post(f"{path}/police", BY_PATH["police"].example)).status_code == 404
    assert (await mediation.get(path, Role.HANDLER, STREET)).status_code == 200
    judged = dispatched(given_back=True).model_dump()
    judged["registered"]["judgement"]["by"] = "human"
    await mediation.say(case_of(path), r.CaseDispatched.model_validate(judged))
    assert await seen(*accused[0]) == (200, 200, True)
    story = (await mediation.get(f"{path}/story")).json()
    assert "uspected" not in str(story)
