"""What is linked to an earlier case, what is not, and that no link swallows a live matter (R-PET-18)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from schemas.department import HandlingMode
from schemas.router import CaseClosed, CaseDispatched, CaseUnlinked, Outcome, Route
from tests.intake_kit import Intake, body, running

PERSON = {"reporter": {"phone": "13800138000"}}
LAMP = body(matter="municipal.streetlight", **PERSON)


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as made:
        yield made


async def submitted(intake: Intake, case: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a submission."""
    return (await intake.events(case["case_id"], "CaseSubmitted"))[0]


async def withdraw(intake: Intake, case: dict[str, Any]) -> None:
    answer = await intake.client.post(f"/v1/track/{case['tracking_code']}/withdrawal", json={})
    assert answer.status_code == 200, answer.text


def recusal() -> CaseDispatched:
    """The event by which a community leaves a case for its interest."""
    return CaseDispatched(
        route=Route(policy="p", jurisdiction="GL"),
        unit="GL01",
        number=2,
        rung=3,
        mode=HandlingMode.TRANSFER,
        track="S",
        urgency=3,
        subjects=("GL0101",),
    )


@pytest.mark.parametrize(
    "other",
    [
        {"subjects": ["GL-URBAN"]},
        {"track": "P"},
        {"place": {"grid": "GL050101"}},
        {"place": {"grid": "GL050101"}, "new_facts": False},
    ],
    ids=["about a unit", "a petition", "another place", "another place, whatever staff say"],
)
async def test_what_differs_in_more_than_words_is_handled_by_itself(
    intake: Intake, other: dict[str, Any]
) -> None:
    """R-LAD-04, R-LAD-09, R-PET-18: linked for who looks it up, with news of its own."""
    one = await intake.accepted(LAMP)
    two = await intake.accepted(LAMP | other)
    event = await submitted(intake, two)
    assert (event["repeat_of"], event["new_facts"]) == (one["case_id"], True)


async def test_the_same_again_after_the_end_is_news(intake: Intake) -> None:
    """R-PET-18: the lamp that was repaired and broke again, and a case that was taken back."""
    closed, taken_back = (
        await intake.accepted(LAMP),
        await intake.accepted(LAMP | {"matter": "order.garbage"}),
    )
    await intake.say(closed["case_id"], CaseClosed(outcome=Outcome.RESOLVED, words="已修复"))
    await withdraw(intake, taken_back)
    for again in (LAMP, LAMP | {"matter": "order.garbage"}):
        assert (await submitted(intake, await intake.accepted(again)))["new_facts"] is True


async def test_a_withdrawal_does_not_end_what_another_report_still_asks_for(intake: Intake) -> None:
    """R-PET-18: who files first in another's name and withdraws voids nothing."""
    one = await intake.accepted(LAMP)
    two = await intake.accepted(LAMP)
    assert (await submitted(intake, two))["new_facts"] is False
    await withdraw(intake, one)
    assert (await intake.events(one["case_id"], "CaseWithdrawn"))[0]["stands"] is True
    three = await submitted(intake, await intake.accepted(LAMP))
    assert (three["repeat_of"], three["new_facts"]) == (one["case_id"], False)


async def test_a_case_whose_links_were_withdrawn_ends(intake: Intake) -> None:
    one, two = await intake.accepted(LAMP), await intake.accepted(LAMP)
    await withdraw(intake, two)
    await withdraw(intake, one)
    assert (await intake.events(one["case_id"], "CaseWithdrawn"))[0].get("stands", False) is False


async def test_what_is_added_to_a_linked_report_reaches_who_handles_it(intake: Intake) -> None:
    """R-HOT-03: through the resident's own code and through staff."""
    one, two = await intake.accepted(LAMP), await intake.accepted(LAMP)
    said = {"text": "新情况：老人在这里摔倒了。", "new_facts": True}
    by_code = await intake.client.post(f"/v1/track/{two['tracking_code']}/supplements", json=said)
    by_staff = await intake.client.post(
        f"/v1/cases/{two['case_id']}/supplements", json=said, headers=intake.operator
    )
    assert (by_code.status_code, by_staff.status_code) == (200, 200)
    assert len(await intake.events(one["case_id"], "CaseSupplemented")) == 2
    assert await intake.events(two["case_id"], "CaseSupplemented") == []


async def test_what_is_unlinked_speaks_for_itself(intake: Intake) -> None:
    """R-PET-18: its words belong to its own case, it counts as an earlier one, and frees the other."""
    one, two = await intake.accepted(LAMP), await intake.accepted(LAMP)
    unlinked = CaseUnlinked(was=UUID(one["case_id"]), reason="不是同一盏灯")
    await intake.say(two["case_id"], unlinked, unlinked)
    assert await intake.events(two["case_id"], "LinkRemoved") == [{"was": one["case_id"]}]
    path = f"/v1/track/{two['tracking_code']}"
    added = await intake.client.post(f"{path}/supplements", json={"text": "三号楼的也坏了"})
    assert added.status_code == 200, added.text
    assert len(await intake.events(two["case_id"], "CaseSupplemented")) == 1
    assert await intake.events(one["case_id"], "CaseSupplemented") == []
    shown = (await intake.client.get(path)).json()
    assert "单独办理" in str(shown["timeline"])
    await withdraw(intake, one)
    assert (await intake.events(one["case_id"], "CaseWithdrawn"))[0].get("stands", False) is False
    three = await submitted(intake, await intake.accepted(LAMP))
    assert three["repeat_of"] == two["case_id"]


@pytest.mark.parametrize(
    ("role", "unit"),
    [(Role.OPERATOR, "GL0101"), (Role.GRID_WORKER, "GL010101")],
)
async def test_a_phone_number_tells_nobody_who_complained(intake: Intake, role: Role, unit: str) -> None:
    """R-HOT-14, R-PET-10: it is linked, and only the district's hotline hears of it."""
    staff = {"matter": "municipal.streetlight"}
    await intake.accepted(body(**PERSON, **staff))
    answer = await intake.client.post(
        "/v1/cases", json=body(**PERSON, **staff), headers=intake.as_role(role, unit=unit)
    )
    assert answer.status_code == 201, answer.text
    assert "repeat_of" not in answer.json()
    assert (await submitted(intake, answer.json()))["repeat_of"] is not None


async def test_another_persons_number_links_a_resident_to_nobody(intake: Intake) -> None:
    """R-PET-18: on the web nobody has checked a number; a resident is known by their own account."""
    theirs = await intake.accepted(body(**PERSON))
    for facts in ({}, {"new_facts": False}):
        sent = body(**PERSON, **facts)
        answer = await intake.client.post("/v1/cases", json=sent, headers=intake.as_role(Role.RESIDENT))
        event = await submitted(intake, answer.json())
        assert event.get("repeat_of") is None or event["repeat_of"] != theirs["case_id"]
    again = await intake.accepted(body(**PERSON))
    assert (await submitted(intake, again))["repeat_of"] == theirs["case_id"]


async def test_nothing_is_linked_to_what_was_taken_back(intake: Intake) -> None:
    """R-HOT-03: there is neither progress nor result to tell, whatever the caller says of new facts."""
    first = await intake.accepted(body(**PERSON))
    gone = await intake.client.post(f"/v1/track/{first['tracking_code']}/withdrawal", json={})
    assert gone.status_code == 200
    event = await submitted(intake, await intake.accepted(body(**PERSON, new_facts=False)))
    assert (event["repeat_of"], event["new_facts"]) == (first["case_id"], True)


async def test_who_recused_from_the_first_does_not_get_the_second(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: what the router found out about the earlier case holds for its repeat with new facts."""
    first = await intake.accepted(LAMP)
    await intake.say(first["case_id"], recusal())
    event = await submitted(intake, await intake.accepted(LAMP | {"text": "又坏了一盏，在东门"}))
    assert (event["repeat_of"], event["subjects"]) == (first["case_id"], ["GL0101"])


NAMED = "区城市管理局的人收了钱，路灯一直不修。"
FURTHER = ({"text": "又坏了一盏，在东门"}, {"text": "灯杆倒了，砸到了车"})


@pytest.mark.parametrize("how", ["named by staff", "found by the router"])
async def test_whom_the_first_complains_of_gets_no_later_report(intake: Intake, how: str) -> None:
    """R-LAD-04, R-HOT-14, R-PET-18: the third inherits what the second inherited."""
    named = how == "named by staff"
    one = await intake.accepted(LAMP | ({"subjects": ["GL0101"]} if named else {}))
    if not named:
        await intake.say(one["case_id"], recusal())
    for further in FURTHER:
        event = await submitted(intake, await intake.accepted(LAMP | further))
        assert (event["subjects"], event["new_facts"]) == (["GL0101"], True)
    same = await submitted(intake, await intake.accepted(LAMP))
    assert (same["repeat_of"], same["new_facts"], same["subjects"]) == (one["case_id"], False, ["GL0101"])


async def test_whom_an_earlier_report_is_found_to_complain_of_gets_no_later_one(intake: Intake) -> None:
    """R-LAD-04, R-PET-18: the first case lost its unit after the second had been taken in."""
    one = await intake.accepted(LAMP)
    two = await intake.accepted(LAMP | FURTHER[0])
    assert (await submitted(intake, two)).get("subjects", []) == []
    await intake.say(one["case_id"], recusal())
    three = await submitted(intake, await intake.accepted(LAMP | FURTHER[1]))
    assert (three["repeat_of"], three["subjects"]) == (two["case_id"], ["GL0101"])


@pytest.mark.parametrize("first", [{"subjects": ["GL-URBAN"]}, {"text": NAMED}], ids=["staff", "words"])
async def test_reports_of_one_batch_keep_out_whom_one_of_them_complains_of(
    intake: Intake, first: dict[str, Any]
) -> None:
    """R-LAD-04, R-HOT-14: by staff's word, and by the first one's own words, which the router has not read yet."""
    one, *later = await intake.batch(*(LAMP | said for said in (first, *FURTHER, first | {"subjects": []})))
    events = [await submitted(intake, case) for case in later]
    assert [event["subjects"] for event in events] == [["GL-URBAN"]] * 3
    assert [event["new_facts"] for event in events] == [True, True, False]
    assert events[-1]["repeat_of"] == one["case_id"]


async def test_whom_a_further_report_accuses_itself_is_kept_from_it_too(intake: Intake) -> None:
    """R-LAD-04: the router reads no words where subjects are named, and inherited ones are."""
    await intake.accepted(LAMP | {"subjects": ["GL0101"]})
    event = await submitted(intake, await intake.accepted(LAMP | {"text": NAMED}))
    assert event["subjects"] == ["GL-URBAN", "GL0101"]


async def test_who_was_cleared_is_kept_from_nothing(intake: Intake) -> None:
    """R-LAD-04: a human at the centre has said that the first report complains of nobody."""
    one = await intake.accepted(LAMP | {"text": NAMED, "subjects": ["GL0101"]})
    await intake.say(one["case_id"], recusal().model_copy(update={"subjects": ()}))
    event = await submitted(intake, await intake.accepted(LAMP | FURTHER[0]))
    assert (event["repeat_of"], event.get("subjects", [])) == (one["case_id"], [])


async def test_a_repeated_request_tells_nothing_to_whom_the_case_is_kept_from(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: the community took it in, and is complained of by now."""
    theirs = intake.as_role(Role.OPERATOR, unit="GL0101") | {"Idempotency-Key": "one"}
    answers = [await intake.client.post("/v1/cases", json=LAMP, headers=theirs) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    await intake.say(answers[0].json()["case_id"], recusal())
    again = await intake.client.post("/v1/cases", json=LAMP, headers=theirs)
    assert (again.status_code, again.json()["code"]) == (404, "case_unknown")


@pytest.mark.parametrize(
    ("role", "unit", "status"),
    [
        (Role.OPERATOR, "GL0101", 404),
        (Role.OPERATOR, "GL", 201),
        (Role.OPS, None, 201),
        (Role.OPS, "GL", 201),
        (Role.OPS, "GL0101", 404),
    ],
)
async def test_a_repeated_line_tells_nothing_to_whom_the_case_is_kept_from(
    intake: Intake, role: Role, unit: str | None, status: int
) -> None:
    """R-LAD-04, R-HOT-14: but ops who imports a file again is to see that nothing of it is missing."""
    line, other = LAMP | {"idempotency_key": "one"}, LAMP | {"idempotency_key": "two", "new_facts": True}
    sender = intake.as_role(role, unit=unit)
    first = await intake.batch(line, other, headers=sender)
    assert [answer["status"] for answer in first] == [201, 201]
    await intake.say(first[0]["case_id"], recusal())
    again = await intake.batch(line, b"{", other, headers=sender)
    assert [answer["status"] for answer in again] == [status, 400, 201]
    assert ("tracking_code" in again[0]) is (status == 201)


@pytest.mark.parametrize(("unit", "status"), [("GL-HOTLINE", 200), ("GL", 200), ("GL-URBAN", 404)])
async def test_ops_of_the_hotline_centre_sees_the_whole_jurisdiction(
    intake: Intake, unit: str, status: int
) -> None:
    """R-HOT-01: as at the router; ops of any other unit reaches no further than that."""
    case = await intake.accepted(LAMP)
    seen = await intake.client.get(
        f"/v1/cases/{case['case_id']}", headers=intake.as_role(Role.OPS, unit=unit)
    )
    assert seen.status_code == status


async def test_a_withdrawn_link_says_nothing_more_to_the_matter(intake: Intake) -> None:
    """R-PET-18: but who reports a danger is told whom to call (R-LAD-05)."""
    one, two = await intake.accepted(LAMP), await intake.accepted(LAMP)
    await withdraw(intake, two)
    path = f"/v1/track/{two['tracking_code']}/supplements"
    refused = await intake.client.post(path, json={"text": "他在打我，救命"})
    assert (refused.status_code, refused.json()["code"]) == (409, "case_withdrawn")
    assert "请立即拨打公安110" in refused.json()["detail"]
    assert await intake.events(one["case_id"], "CaseSupplemented") == []


async def test_who_recuses_from_the_first_case_loses_sight_of_its_repeats(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: the repeat was linked before; its file is kept, and nothing more is added through it."""
    one, two = await intake.accepted(LAMP), await intake.accepted(LAMP)
    assert (await submitted(intake, two))["new_facts"] is False
    paths = [f"/v1/cases/{two['case_id']}", f"/v1/cases/{two['case_id']}/person?purpose=回访核实"]
    barred = intake.as_role(Role.OPERATOR, unit="GL0101")
    assert [(await intake.client.get(path, headers=barred)).status_code for path in paths] == [200, 200]
    await intake.say(one["case_id"], recusal())
    assert [(await intake.client.get(path, headers=barred)).status_code for path in paths] == [404, 404]
    added = await intake.client.post(f"{paths[0]}/supplements", json={"text": "又坏了"}, headers=barred)
    assert added.status_code == 404
    assert await intake.events(one["case_id"], "CaseSupplemented") == []
    assert (await intake.client.get(paths[0], headers=intake.operator)).status_code == 200


async def test_a_linked_report_is_changed_by_the_version_that_was_read(intake: Intake) -> None:
    """If-Match: what is said of it changes the first case, whose version it shows; a withdrawal is its own."""
    one, two = await intake.accepted(LAMP), await intake.accepted(LAMP)
    await intake.client.post(f"/v1/track/{one['tracking_code']}/supplements", json={"text": "还有一盏"})
    path = f"/v1/track/{two['tracking_code']}"
    read = (await intake.client.get(path)).headers["etag"]
    stale, fresh = [
        await intake.client.post(f"{path}/supplements", json={"text": "在东门"}, headers={"If-Match": tag})
        for tag in ('"1"', read)
    ]
    assert (stale.status_code, fresh.status_code) == (412, 200)
    now = (await intake.client.get(path)).headers["etag"]
    assert fresh.headers["etag"] == now != read
    late, done = [
        await intake.client.post(f"{path}/withdrawal", json={}, headers={"If-Match": tag})
        for tag in (read, now)
    ]
    assert (late.status_code, done.status_code) == (412, 200)


async def test_who_is_complained_of_learns_from_no_number_who_complained(intake: Intake) -> None:
    """R-HOT-14: a report that its staff send in another's name is a case of its own, whoever called before."""
    first = await intake.accepted(LAMP)
    await intake.say(first["case_id"], recusal())
    theirs = intake.as_role(Role.OPERATOR, unit="GL0101")
    answer = await intake.client.post("/v1/cases", json=LAMP, headers=theirs)
    event = await submitted(intake, answer.json())
    assert (event.get("repeat_of"), event.get("subjects", [])) == (None, [])
