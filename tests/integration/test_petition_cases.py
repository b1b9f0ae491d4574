"""A petition over HTTP, on the real database: the whole procedure by the examples of /docs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from schemas.intake import PersonErased
from tests.petition_api_kit import OFFICER, SUPERVISOR, PetitionUnderTest, running
from tests.petition_kit import BRANCH, BUREAU, DISTRICT, LAND, OFFICE, dispatched

NAME = "王某某"


@pytest.fixture
async def service(petition_url: str, tmp_path: Path) -> AsyncIterator[PetitionUnderTest]:
    async with running(petition_url, tmp_path) as petition:
        yield petition


async def accepted(service: PetitionUnderTest) -> str:
    path = await service.receive()
    for action, unit in (
        ("registration", OFFICE),
        ("forwarding", OFFICE),
        ("acceptance", BRANCH),
        ("investigation", BRANCH),
    ):
        answer = await service.do(f"{path}/{action}", unit)
        assert answer.status == 200, answer.body
    return path


async def test_an_operator_takes_a_petition_through_re_review_with_the_examples(
    service: PetitionUnderTest,
) -> None:
    """R-PET-01, 07, 08, 09: registration to FINAL; each answer names what can be done next."""
    path = await accepted(service)
    answer = await service.do(f"{path}/extension", BRANCH, SUPERVISOR)
    assert answer.status == 200, answer.body
    answer = await service.do(f"{path}/opinion", BRANCH)
    assert answer.body["status"] == "OPINION"
    for reviewer, status in ((BUREAU, "REVIEW"), (DISTRICT, "RECHECK")):
        holder = answer.body["unit"]["code"]
        answer = await service.do(f"{path}/delivery", holder)
        assert "review" in (await service.get(path, OFFICER, holder)).body["actions"]
        answer = await service.do(f"{path}/review", OFFICE)
        assert (answer.body["status"], answer.body["unit"]["code"]) == (status, reviewer)
        answer = await service.do(f"{path}/review-opinion", reviewer)
        assert answer.status == 200, answer.body
    assert (answer.body["status"], answer.body["terminated"]) == ("FINAL", True)
    assert answer.body["documents"] == [
        "forwarding",
        "acceptance",
        "extension",
        "opinion",
        "review-opinion",
        "recheck-opinion",
    ]
    story = await service.get(f"{path}/story")
    names = [step["event"] for step in story.body["steps"]]
    assert names[0] == "PetitionReceived"
    assert names[-2:] == ["PetitionTerminated", "PetitionHandedBack"]
    assert not any("subject" in (step["by"] or {}) for step in story.body["steps"])


async def test_no_word_of_the_petitioner_or_of_an_opinion_enters_an_event(service: PetitionUnderTest) -> None:
    """R-PRIV-01: both are encrypted; numbers in what staff write are masked."""
    path = await accepted(service)
    await service.do(f"{path}/opinion", BRANCH)
    await service.do(f"{path}/third-party", BRANCH, note="联系律师13912345678到场")
    log = await service.log(path)
    assert "OpinionIssued" in log
    for secret in (NAME, "1号楼101室", "0.8亩", "13912345678"):
        assert secret not in log
    records = await service.pool.fetch("SELECT kind, ciphertext FROM petition.record ORDER BY kind")
    assert [row[0] for row in records] == ["opinion", "petitioner"]
    assert all(NAME.encode() not in row[1] for row in records)


async def test_a_case_on_another_track_costs_no_row(service: PetitionUnderTest) -> None:
    """A service case passes by; a petition behind it is taken."""
    other = uuid4()
    await service.say("router", other, dispatched(track="S"), is_kept=False)
    await service.receive()
    rows = await service.pool.fetch("SELECT case_id FROM petition.aggregate")
    assert other not in {row[0] for row in rows}
    assert len(rows) == 1


async def test_the_final_matter_is_not_accepted_again(service: PetitionUnderTest) -> None:
    """R-PET-09, R-PET-18: named as the same without new facts it is linked and ended; with new facts it is new."""
    first = await accepted(service)
    await service.pool.execute("UPDATE petition.docket SET status = 'FINAL', unit = NULL, terminated = true")
    earlier = first.split("/")[3]
    again = await service.receive()
    answer = await service.do(f"{again}/registration", same_as=earlier)
    assert (answer.body["status"], answer.body["same_as"]) == ("NOT_ACCEPTED", earlier)
    assert '"ground":"final"' in await service.log(again)
    fresh = await service.receive()
    stranger = {"name": "李某某", "address": "鼓楼区澄湖街道博苑社区1号楼101室"}
    other = await service.do(f"{fresh}/registration", same_as=earlier, petitioner=stranger)
    assert (other.status, other.code) == (422, "not_the_same_person")
    answer = await service.do(f"{fresh}/registration", same_as=earlier, new_facts=True)
    assert answer.body["status"] == "REGISTERED"
    unknown = await service.do(f"{await service.receive()}/registration", same_as=str(uuid4()))
    assert (unknown.status, unknown.body["errors"][0]["field"]) == (422, "same_as")


async def test_who_is_complained_of_sees_nothing(service: PetitionUnderTest) -> None:
    """R-PET-11, R-LAD-04: not the petition, not its story, not the list; the office does."""
    path = await service.receive(subjects=[LAND])
    await service.do(f"{path}/registration")
    for unit, status in ((LAND, 404), (OFFICE, 200), (DISTRICT, 200)):
        assert (await service.get(path, OFFICER, unit)).status == status
        assert (await service.get(f"{path}/story", OFFICER, unit)).status == status
    answer = await service.do(f"{path}/forwarding")
    assert answer.status == 200
    assert (await service.get("/v1/petitions", OFFICER, LAND)).body["items"] == []
    assert len((await service.get("/v1/petitions")).body["items"]) == 1


async def test_sealed_accusations_reach_the_discipline_body_only(service: PetitionUnderTest) -> None:
    """R-PET-10: API, list, story, documents and stream."""
    path, other = await service.receive(), await service.receive()
    await service.do(f"{path}/registration")
    await service.do(f"{other}/registration")
    await service.do(f"{other}/forwarding")
    await service.do(f"{other}/sealing", BRANCH, subjects=[])
    sealed = await service.do(f"{path}/sealing")
    assert (sealed.status, sealed.body) == (204, None)
    for unit in (OFFICE, DISTRICT, LAND):
        assert (await service.get(path, OFFICER, unit)).status == 404
        assert (await service.get(path, SUPERVISOR, unit)).status == 404
        assert (await service.get(f"{path}/story", OFFICER, unit)).status == 404
        assert (await service.get("/v1/petitions?over=true", OFFICER, unit)).body["items"] == []
        assert (await service.pdf(f"{path}/documents/forwarding", OFFICER, unit)).status_code == 404
    seen = await service.get(path, OFFICER, "GL-DISCIPLINE")
    assert (seen.status, seen.body["status"], seen.body["actions"]) == (200, "DISCIPLINE_SEALED", [])
    for asked in ("", "?unit=GL-DISCIPLINE"):
        listed = (await service.get(f"/v1/petitions{asked}", OFFICER, "GL-DISCIPLINE")).body["items"]
        assert [entry["status"] for entry in listed] == ["DISCIPLINE_SEALED"] * 2
        assert (await service.get(f"/v1/petitions{asked}", OFFICER, LAND)).body["items"] == []
    forwarded = await service.pdf(f"{other}/documents/forwarding", OFFICER, "GL-DISCIPLINE")
    assert forwarded.status_code == 200  # who must follow it up knows who accuses
    log = await service.log(path)
    assert "petition.PetitionSealed.v1" in log
    assert '"exit":"discipline-inspection"' in log
    assert await service.pool.fetchval("SELECT sealed FROM petition.docket")


async def test_a_stale_version_and_a_repeated_key_change_nothing(service: PetitionUnderTest) -> None:
    """If-Match and Idempotency-Key."""
    path = await service.receive()
    stale = await service.do(f"{path}/registration", headers={"If-Match": '"99"'})
    assert stale.status == 412
    key = {"Idempotency-Key": "k-1"}
    first = await service.do(f"{path}/registration", headers=key)
    again = await service.do(f"{path}/registration", headers=key)
    assert first.body == again.body
    assert (await service.log(path)).count("PetitionRegistered") == 1


async def test_a_repeated_request_shows_nothing_that_is_hidden_by_now(service: PetitionUnderTest) -> None:
    """R-PET-10: the answer kept with a key is not given to whoever may not see the petition any more."""
    path = await service.receive()
    for action, status in (("registration", 200), ("sealing", 204)):
        done = await service.do(f"{path}/{action}", headers={"Idempotency-Key": action})
        assert done.status == status
    again = await service.do(f"{path}/registration", headers={"Idempotency-Key": "registration"})
    assert (again.status, again.body["code"]) == (404, "case_unknown")
    sealed = await service.do(f"{path}/sealing", headers={"Idempotency-Key": "sealing"})
    assert (sealed.status, sealed.body) == (204, None)


async def test_a_phone_number_as_a_log_in_name_enters_no_event(service: PetitionUnderTest) -> None:
    """R-PRIV-01: whoever logs in by a number is still told apart."""
    path = await service.receive()
    assert (await service.do(f"{path}/registration", subject="13900139000")).status == 200
    log = await service.log(path)
    assert "13900139000" not in log
    assert "〔电话〕#" in log


async def test_refusals_say_what_would_be_right(service: PetitionUnderTest) -> None:
    """The machine's no, a field's no, and a unit that is not in charge."""
    path = await service.receive()
    early = await service.do(f"{path}/forwarding")
    assert (early.status, early.code) == (409, "not_in_this_state")
    assert "REGISTERED" in early.body["detail"]
    group = await service.do(f"{path}/registration", petitioners=9, representatives=6)
    assert (group.status, group.body["errors"][0]["field"]) == (422, "representatives")
    await service.do(f"{path}/registration")
    nowhere = await service.do(f"{path}/forwarding")
    assert nowhere.status == 200
    wrong = await service.do(f"{path}/acceptance", OFFICE)
    assert (wrong.status, wrong.code) == (409, "not_responsible")


async def test_two_officers_at_once_accept_once(service: PetitionUnderTest) -> None:
    """Commands on one petition are decided one after the other."""
    path = await service.receive()
    await service.do(f"{path}/registration")
    await service.do(f"{path}/forwarding")
    answers = await asyncio.gather(*(service.do(f"{path}/acceptance", BRANCH) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_erasing_the_person_erases_their_records(service: PetitionUnderTest) -> None:
    """R-PRIV-01: intake's erasure deletes the keys here, too."""
    path = await service.receive()
    await service.do(f"{path}/registration")
    await service.say("intake", UUID(path.split("/")[3]), PersonErased(reason="居民申请"))
    assert await service.pool.fetchval("SELECT count(*) FROM petition.record_key") == 0
    assert await service.pool.fetchval("SELECT count(*) FROM petition.record") == 0
