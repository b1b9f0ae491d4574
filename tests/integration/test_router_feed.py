"""The department feed over a real HTTP connection: order, resumption, one poller, the end at shutdown."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from chassis.database import Connection
from chassis.embedded import free_port
from chassis.http import Role, Server, ServerSentEvent
from chassis.log import Position, read
from chassis.store import START
from schemas.department import DepartmentAssigned, DepartmentAssignmentEnded
from services.router.api.feed import Feeds
from tests.router_api_kit import (
    COMMUNITY,
    DISCIPLINE,
    DISTRICT,
    HOTLINE,
    LIMIT_S,
    SEALED,
    STREET,
    RouterUnderTest,
    make_settings,
    running,
)

ASSIGNED = DepartmentAssigned.type


@dataclass(frozen=True)
class Told:
    """One event of a feed as a client gets it."""

    id: str
    type: str
    data: dict[str, Any]


class Stream:
    """An open feed."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def told(self, count: int) -> list[Told]:
        """The next events."""
        return [await asyncio.wait_for(self._event(), LIMIT_S) for _ in range(count)]

    async def _event(self) -> Told:
        fields: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                fields[name] = value
            if not line and "data" in fields:
                return Told(fields["id"], fields["event"], orjson.loads(fields["data"]))
        raise EOFError("the feed ended")

    async def rest(self) -> list[str]:
        """All lines until the feed ends."""
        return [line async for line in self._lines]


class Site:
    """The router behind a real server."""

    def __init__(self, router: RouterUnderTest, server: Server, url: str) -> None:
        self.router, self.server, self.url = router, server, url

    @asynccontextmanager
    async def feed(self, query: str = "", unit: str = COMMUNITY, **headers: str) -> AsyncIterator[Stream]:
        """Open a unit's feed."""
        sent = self.router.headers(Role.HANDLER, unit) | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with (
            httpx.AsyncClient(timeout=LIMIT_S) as client,
            client.stream("GET", f"{self.url}/v1/units/{unit}/feed{query}", headers=sent) as response,
        ):
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Stream(response)


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running(database_url, tmp_path) as router:
        port = free_port()
        server = Server(router.app, make_settings(tmp_path, database_url, port))
        server.config.lifespan = "off"  # the kit runs it
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)  # uvicorn tells of its start in no other way
        yield Site(router, server, f"http://127.0.0.1:{port}")
        if not serving.done():
            server.stop()
        await asyncio.wait_for(serving, LIMIT_S)


async def test_the_feed_tells_in_order_and_resumes(site: Site) -> None:
    """R-HOT-04: each assignment once, in commit order; Last-Event-ID and `after` resume exactly behind it."""
    first, second = await site.router.submit(), await site.router.submit()
    async with site.feed() as stream:
        told = await stream.told(2)
        third = await site.router.submit()
        told += await stream.told(1)
    cases = [f"/v1/cases/{event.data['subject']}" for event in told]
    assert cases == [first, second, third]
    assert {event.type for event in told} == {"router.DepartmentAssigned.v1"}
    assert told[0].data["data"]["unit"] == COMMUNITY
    assert told[0].data["topic"] == f"dept.{COMMUNITY}.assigned"
    for query, headers in (("", {"Last_Event_ID": told[0].id}), (f"?after={told[0].id}", {})):
        async with site.feed(query, **headers) as stream:
            assert await stream.told(2) == told[1:]
    async with site.feed(f"?after={told[0].id}", Last_Event_ID=told[1].id) as stream:
        assert await stream.told(1) == told[2:]


async def test_a_feed_is_its_units_own(site: Site) -> None:
    """R-PRIV-01: neither a unit above nor another role; a position that is none is refused with what is right."""
    router, path = site.router, f"/v1/units/{COMMUNITY}/feed"
    assert (await router.get(path, Role.HANDLER, STREET)).code == "not_your_feed"
    assert (await router.get(path, Role.OPS, COMMUNITY)).code == "role_required"
    for wrong in ("17", "a-b", "1-2-3", "99999999999999999999999-1"):
        refused = await router.get(path, Role.HANDLER, COMMUNITY, after=wrong)
        assert (refused.status, refused.code) == (400, "invalid_position")


async def test_a_feed_no_longer_tells_of_a_case_in_which_its_unit_is_complained_of(site: Site) -> None:
    """R-LAD-04, R-HOT-14: neither to a client that reads again nor to one that stayed; only that the work ended."""
    router = site.router
    case, other = await router.submit(), await router.submit()
    async with site.feed() as stream:
        assert [told.data["subject"] for told in await stream.told(2)] == [_case_id(case), _case_id(other)]
        declared = [{"kind": "interest_declaration", "reference": "回避申请1"}]
        body = {"ground": "SUBJECT_SKIPPED", "subjects": [COMMUNITY], "evidence": declared}
        left = await router.post(f"{case}/escalation", Role.HANDLER, COMMUNITY, body)
        assert left.status == 204
        [ended] = await stream.told(1)
        assert (ended.type, ended.data["subject"]) == (DepartmentAssignmentEnded.type, _case_id(case))
    later = await router.submit()
    async with site.feed() as stream:
        again = await stream.told(3)
    assert [told.data["subject"] for told in again] == [_case_id(other), _case_id(case), _case_id(later)]
    assert again[1] == ended
    assert set(ended.data["data"]) == {"unit", "assignment", "reason"}


async def test_a_feed_no_longer_tells_of_a_case_that_was_sealed(site: Site) -> None:
    """R-PET-10: what remains of an emergency is found to be an accusation; its one recipient is still told."""
    router = site.router
    case = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{case}/{action}", Role.HANDLER, COMMUNITY)
    danger = {
        "ground": "DANGER",
        "line": "110",
        "evidence": [{"kind": "danger_report", "reference": "1"}],
    }
    assert (await router.post(f"{case}/escalation", Role.SUPERVISOR, DISTRICT, danger)).status == 200
    async with site.feed() as stream:
        assert [told.type for told in await stream.told(2)] == [ASSIGNED, DepartmentAssignmentEnded.type]
    body = {"matter": SEALED}
    assert (await router.post(f"{case}/emergency/remainder", Role.OPERATOR, HOTLINE, body)).status == 204
    async with site.feed() as stream:
        assert [told.type for told in await stream.told(1)] == [DepartmentAssignmentEnded.type]
    async with site.feed(unit=DISCIPLINE) as stream:
        [own] = await stream.told(1)
        assert (own.type, own.data["subject"]) == (ASSIGNED, _case_id(case))


def _case_id(path: str) -> str:
    return path.rpartition("/")[2]


async def test_an_open_feed_ends_when_the_service_stops(site: Site) -> None:
    await site.router.submit()
    async with site.feed() as stream:
        await stream.told(1)
        site.server.stop()
        await asyncio.wait_for(stream.rest(), LIMIT_S)


async def test_many_followers_cost_one_poller(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """All followers that are up to date are served from one task's reads, and the last one stops it."""
    router = site.router
    await router.submit()
    feeds, reads = Feeds(), 0

    async def counted(connection: Connection, topic: str, after: Position, limit: int) -> Any:
        nonlocal reads
        found = await read(connection, topic, after, limit)
        reads += bool(found)
        return found

    monkeypatch.setattr("services.router.api.feed.read", counted)
    async with AsyncExitStack() as stack:
        followers = [
            await stack.enter_async_context(
                aclosing(feeds.follow(router.pool, COMMUNITY, (COMMUNITY,), Position.parse(START)))
            )
            for _ in range(20)
        ]
        told = [await _all(followers)]
        while feeds._feeds[COMMUNITY]._since is None:
            await feeds._feeds[COMMUNITY]._changed.wait()
        for _ in range(2):
            waiting, before = asyncio.ensure_future(_all(followers)), reads
            await router.submit()
            told.append(await waiting)
        assert reads - before == 1
    assert [len(same) for same in told] == [1, 1, 1]
    assert len(set().union(*told)) == 3
    assert not feeds._feeds


async def _all(followers: list[AsyncGenerator[ServerSentEvent, None]]) -> set[ServerSentEvent]:
    """The next event of each, as a set."""
    return set(await asyncio.wait_for(asyncio.gather(*(anext(one) for one in followers)), LIMIT_S))
