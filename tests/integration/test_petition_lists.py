"""Who sees which petitions, in what colour, page by page; and what a service that was down does when it is back."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from chassis.database import session
from chassis.decider import Input
from chassis.http import Role
from chassis.service import Change
from schemas import petition as p
from schemas import router as r
from schemas.envelope import Envelope
from schemas.values import Channel
from services.petition.domain import Petition, colour
from services.petition.projection import project
from tests.petition_api_kit import OFFICER, SUPERVISOR, PetitionUnderTest, running
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    CASE,
    DISTRICT,
    LAND,
    MONDAY,
    OFFICE,
    Play,
    actor,
    dispatched,
    sealed,
)


@pytest.fixture
async def service(petition_url: str, tmp_path: Path) -> AsyncIterator[PetitionUnderTest]:
    async with running(petition_url, tmp_path) as petition:
        yield petition


async def forwarded(service: PetitionUnderTest) -> str:
    path = await service.receive()
    await service.do(f"{path}/registration")
    await service.do(f"{path}/forwarding")
    return path


async def test_a_petition_is_seen_by_who_has_or_had_it_and_by_who_oversees(
    service: PetitionUnderTest,
) -> None:
    """R-PRIV-01, R-PET-11: units above the holder, the office, the district; nobody else, nor a recused officer."""
    path = await forwarded(service)
    for unit, status in (
        (OFFICE, 200),
        (BRANCH, 200),
        (BUREAU, 200),
        (DISTRICT, 200),
        (LAND, 404),
        ("GL01", 404),
    ):
        assert (await service.get(path, OFFICER, unit)).status == status, unit
        listed = (await service.get("/v1/petitions", OFFICER, unit)).body["items"]
        assert len(listed) == (1 if status == 200 else 0), unit
    assert (await service.get(path, Role.RESIDENT, None)).code == "role_required"
    assert (await service.get(path, OFFICER, "GL-NOWHERE")).code == "unit_required"
    officer = {"officer": "officer-9", "unit": BRANCH}
    recused = await service.send(f"{path}/recusal", OFFICE, OFFICER, officer)
    assert recused.status == 200
    assert (await service.get(path, OFFICER, BRANCH, "officer-9")).status == 404
    assert (await service.get(path, OFFICER, BRANCH, "officer-8")).status == 200


async def test_the_actions_shown_are_those_that_are_taken(service: PetitionUnderTest) -> None:
    """Each caller is offered what the decider would take from them, and no more."""
    path = await forwarded(service)
    shown = (await service.get(path, OFFICER, BRANCH)).body["actions"]
    assert {"acceptance", "objection", "separation", "sealing"} <= set(shown)
    assert {"extension", "objection/decision", "opinion", "supervision"}.isdisjoint(shown)
    assert "supervision" in (await service.get(path, OFFICER, OFFICE)).body["actions"]
    accepted = await service.do(f"{path}/acceptance", BRANCH)
    assert "extension" not in accepted.body["actions"]
    assert "extension" in (await service.get(path, SUPERVISOR, BRANCH)).body["actions"]


async def test_a_list_shows_the_colour_that_the_petition_has(service: PetitionUnderTest) -> None:
    """R-CARD-01: one rule in SQL and in the domain, at every moment of the time."""
    path = await forwarded(service)
    await service.do(f"{path}/acceptance", BRANCH)
    await service.do(f"{path}/investigation", BRANCH)
    row = await service.pool.fetchrow("SELECT state::text FROM petition.aggregate")
    assert row is not None
    state = service.host.service.decider.load(row[0])
    now = datetime.now(UTC)
    moments = [now + timedelta(days=days) for days in (0, 44, 46, 59, 70)]
    for change in ("", "third-party", "leader"):
        if change:
            answer = await service.do(f"{path}/{change}", OFFICE if change == "leader" else BRANCH)
            assert answer.status == 200, answer.body
            stored = await service.pool.fetchval("SELECT state::text FROM petition.aggregate")
            state = service.host.service.decider.load(stored)
        for at in moments:
            service.host.clock = lambda at=at: at  # type: ignore[misc]
            shown = (await service.get("/v1/petitions")).body["items"][0]["colour"]
            assert shown == colour(state, at), (change, at)
            assert (await service.get(path)).body["colour"] == shown
        service.host.clock = lambda: datetime.now(UTC)


async def test_the_docket_is_read_page_by_page(service: PetitionUnderTest) -> None:
    """Longest waiting first; none twice, none left out; filtered by unit and state."""
    paths = [await service.receive() for _ in range(3)]
    await service.do(f"{paths[0]}/registration")
    first = (await service.get("/v1/petitions?limit=2")).body
    rest = (await service.get(f"/v1/petitions?limit=2&after={first['next']}")).body
    seen = [entry["case_id"] for entry in (*first["items"], *rest["items"])]
    assert seen == [path.split("/")[3] for path in paths]
    assert rest["next"] is None
    by_state = (await service.get("/v1/petitions?status=REGISTERED")).body["items"]
    assert [entry["case_id"] for entry in by_state] == seen[:1]
    assert (await service.get(f"/v1/petitions?unit={LAND}")).body["items"] == []
    assert (await service.get("/v1/petitions?unit=NOWHERE")).code == "unit_unknown"
    await service.do(f"{paths[0]}/refusal")
    assert len((await service.get("/v1/petitions")).body["items"]) == 2
    assert len((await service.get("/v1/petitions?over=true")).body["items"]) == 3


async def test_what_ran_out_while_the_service_was_down_is_told_once_it_is_back(
    petition_url: str, tmp_path: Path
) -> None:
    """R-PET-14: the notice was due; back, it is reminded, and the late acceptance is still taken."""
    async with running(petition_url, tmp_path) as service:
        path = await forwarded(service)
        case_id = UUID(path.split("/")[3])
        stored = await service.pool.fetchval("SELECT state::text FROM petition.aggregate")
    past = datetime.now(UTC) - timedelta(minutes=1)
    state = service.host.service.decider.load(stored)
    terms = tuple(term.model_copy(update={"at": past}) for term in state.terms)
    moved = service.host.service.decider.dump(state.model_copy(update={"terms": terms}))
    async with running(petition_url, tmp_path) as service:
        await service.pool.execute(
            "UPDATE petition.aggregate SET state = $2::text::jsonb, next_due_at = $3 WHERE case_id = $1",
            case_id,
            moved,
            past,
        )
        await service.until_told(path, "PetitionReminded")
        shown = (await service.get(path)).body
        assert (shown["late"], shown["colour"]) == (["notice"], "orange")
        assert (await service.do(f"{path}/objection", BRANCH)).code == "too_late"
        assert (await service.do(f"{path}/acceptance", BRANCH)).status == 200


async def test_a_petition_that_is_registered_with_the_batch_it_came_in_by_keeps_its_place(
    petition_url: str,
) -> None:
    """R-PET-18: the lists are in the order in which petitions were received."""
    play, changes = Play(), list[Change[Petition]]()
    registration = p.RegisterPetition(actor=actor(OFFICE), channel=Channel.HOTLINE, sealed=sealed())
    inputs: list[Input] = [dispatched(), registration]
    for hours, given in enumerate(inputs):
        play.at = MONDAY + timedelta(hours=hours)
        events = play.give(given)
        envelopes = [Envelope("petition", CASE, 1, e.type, play.at, e.topic(), "", "") for e in events]
        changes.append(Change(CASE, given, play.state, 1, events, envelopes, play.at))
    async with session(petition_url) as connection:
        await project(connection, changes)
        rows = await connection.fetch("SELECT status, received_at FROM petition.docket")
    assert [tuple(row) for row in rows] == [("REGISTERED", MONDAY)]


async def test_who_words_accuse_sees_nothing_of_the_petition_it_had(service: PetitionUnderTest) -> None:
    """R-LAD-04, R-HOT-14: from the moment the router takes the case until a human clears it."""
    path = await forwarded(service)
    case_id = UUID(path.split("/")[3])
    await service.say("router", case_id, r.TrackChosen(track="S"))

    async def seen(unit: str) -> tuple[int, int, int]:
        listed = (await service.get("/v1/petitions?over=true", OFFICER, unit)).body["items"]
        one = await service.get(path, OFFICER, unit)
        story = await service.get(f"{path}/story", OFFICER, unit)
        return one.status, story.status, len(listed)

    assert await seen(BRANCH) == (200, 200, 1)
    judgement = r.Judgement(by=r.TriagedBy.ENGINE, track="S", urgency=3)
    taken = r.TriageQueued(
        route=r.Route(policy="p", jurisdiction="j"),
        registered=r.Registration(judgement=judgement, subjects=(BRANCH,)),
        unit="GL-HOTLINE",
        reason=r.QueueReason.POLICY,
        taken_from=BRANCH,
    )
    await service.say("router", case_id, taken)
    assert await seen(BRANCH) == (404, 404, 0)
    assert (await service.do(f"{path}/recusal", BRANCH)).status == 404
    assert await seen(OFFICE) == (200, 200, 1)
    cleared = r.Registration(judgement=judgement.model_copy(update={"by": r.TriagedBy.HUMAN}))
    await service.say("router", case_id, dispatched(BRANCH, "S", registered=cleared))
    assert await seen(BRANCH) == (200, 200, 1)
    assert "uspected" not in str((await service.get(f"{path}/story", OFFICER, BRANCH)).body)
