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
from services.router.api.feed import BATCH, Feeds
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
from tests.unit.router_kit import gulou

ASSIGNED, ENDED = "router.DepartmentAssigned.v1", "router.DepartmentAssignmentEnded.v1"


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
    async def feed(self, query: str = "", **headers: str) -> AsyncIterator[Stream]:
        """Open the community's feed."""
        sent = self.router.headers(Role.HANDLER, COMMUNITY) | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with (
            httpx.AsyncClient(timeout=LIMIT_S) as client,
            client.stream("GET", f"{self.url}/v1/units/{COMMUNITY}/feed{query}", headers=sent) as response,
        ):
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Stream(response)


@pytest.fixture
async def site(router_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running(router_url, tmp_path) as router:
        port = free_port()
        server = Server(router.app, make_settings(tmp_path, router_url, port))
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
    assert {event.type for event in told} == {ASSIGNED}
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


async def test_a_position_beyond_the_end_is_refused(site: Site) -> None:
    """R-HOT-04: behind it nothing would be told until the log gets there; what the log did reach is taken."""
    path = f"/v1/units/{COMMUNITY}/feed"
    await site.router.submit()
    async with site.feed() as stream:
        [told] = await stream.told(1)
    xid, _, position = told.id.partition("-")
    for ahead in (f"{int(xid) + 1_000_000}-{position}", f"{2**64 - 1}-1"):
        refused = await site.router.get(path, Role.HANDLER, COMMUNITY, after=ahead)
        assert (refused.status, refused.code) == (409, "position_ahead")
    second = await site.router.submit()
    async with site.feed(f"?after={told.id}") as stream:
        assert [event.data["subject"] for event in await stream.told(1)] == [second.rpartition("/")[2]]


async def test_an_open_feed_ends_when_the_service_stops(site: Site) -> None:
    await site.router.submit()
    async with site.feed() as stream:
        await stream.told(1)
        site.server.stop()
        await asyncio.wait_for(stream.rest(), LIMIT_S)


async def accuse(router: RouterUnderTest, path: str, subject: str = COMMUNITY) -> None:
    """The unit that has the case passes it on because `subject` is complained of."""
    for action in ("sign", "contact"):
        assert (await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)).status == 200
    evidence = [{"kind": "interest_declaration", "reference": "回避申请1"}]
    body = {"ground": "SUBJECT_SKIPPED", "subjects": [subject], "evidence": evidence}
    assert (await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, body)).status == 200


def case_of(path: str) -> str:
    return path.rpartition("/")[2]


@pytest.mark.parametrize("subject", [COMMUNITY, STREET])
async def test_a_unit_complained_of_gets_nothing_of_the_case_again(site: Site, subject: str) -> None:
    """R-LAD-04, R-HOT-14: what it was sent before is left out; that its assignment ended, it learns."""
    router = site.router
    before, lost = await router.submit(), await router.submit(text="邻居半夜敲打管道。")
    async with site.feed() as stream:
        first, second = await stream.told(2)
        assert second.data["data"]["text"] == "邻居半夜敲打管道。"
        await accuse(router, lost, subject)
        [ended] = await stream.told(1)
        kept = await router.submit()
        [last] = await stream.told(1)
    assert [event.data["subject"] for event in (ended, last)] == [case_of(lost), case_of(kept)]
    assert (ended.type, ended.data["data"].keys()) == (ENDED, {"unit", "assignment", "reason"})
    for query, expected in (
        ("", [first, ended, last]),
        (f"?after={first.id}", [ended, last]),
        (f"?after={second.id}", [ended, last]),
    ):
        async with site.feed(query) as stream:
            assert await stream.told(len(expected)) == expected
    assert case_of(before) == first.data["subject"]


async def test_who_had_a_case_before_gets_it_again_without_its_words(site: Site) -> None:
    """R-PRIV-01: after an upheld objection the feed no longer tells what the resident said."""
    router = site.router
    path = await router.submit(text="三楼老人无人照料。")
    async with site.feed() as stream:
        assert (await stream.told(1))[0].data["data"]["text"] == "三楼老人无人照料。"
    await router.post(f"{path}/objection", Role.HANDLER, COMMUNITY, {"reason": "不属本社区职责"})
    decision = {"upheld": True, "reason": "应由区级部门办理", "unit": "GL-CIVIL"}
    assert (
        await router.post(f"{path}/objection/adjudication", Role.SUPERVISOR, DISTRICT, decision)
    ).status == 200
    async with site.feed() as stream:
        again = (await stream.told(1))[0].data["data"]
    assert (again["access"], "text" in again, "title" in again) == ("withheld", False, False)


async def test_who_had_a_case_that_is_sealed_now_gets_nothing_of_it_again(site: Site) -> None:
    """R-PET-10: what remains of an emergency is found to be an accusation, which has one recipient."""
    router = site.router
    path = await router.submit()
    for action in ("sign", "contact"):
        await router.post(f"{path}/{action}", Role.HANDLER, COMMUNITY)
    danger = {"ground": "DANGER", "line": "110", "evidence": [{"kind": "danger_report", "reference": "1"}]}
    assert (await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, danger)).status == 200
    async with site.feed() as stream:
        assert [event.type for event in await stream.told(2)] == [ASSIGNED, ENDED]
    done = await router.post(f"{path}/emergency/remainder", Role.OPERATOR, HOTLINE, {"matter": SEALED})
    assert done.status == 204
    async with site.feed() as stream:
        assert (await stream.told(1))[0].type == ENDED
    feeds = Feeds(gulou())
    async with aclosing(feeds.follow(router.pool, DISCIPLINE, Position.parse(START))) as follower:
        received = await asyncio.wait_for(anext(follower), LIMIT_S)
    assert received.event == ASSIGNED, "its one recipient gets it"


async def test_what_is_kept_for_the_followers_is_checked_when_it_is_told(
    router_url: str, tmp_path: Path
) -> None:
    """R-LAD-04: a follower that comes later gets what one task found before only so far as it may see it now."""
    async with running(router_url, tmp_path) as router, AsyncExitStack() as stack:
        feeds = Feeds(gulou())

        async def joined(after: str) -> AsyncGenerator[ServerSentEvent, None]:
            follower = feeds.follow(router.pool, COMMUNITY, Position.parse(after))
            return await stack.enter_async_context(aclosing(follower))

        await router.submit()
        early = await joined(START)
        first = await asyncio.wait_for(anext(early), LIMIT_S)
        while feeds._feeds[COMMUNITY]._since is None:
            await feeds._feeds[COMMUNITY]._changed.wait()
        second, lost = await router.submit(), await router.submit()
        told = [await asyncio.wait_for(anext(early), LIMIT_S) for _ in range(2)]
        assert [event.event for event in (first, *told)] == [ASSIGNED] * 3
        await accuse(router, lost)
        assert (await asyncio.wait_for(anext(early), LIMIT_S)).event == ENDED
        kept = [case_of(second), case_of(lost), case_of(lost)]
        assert [str(event.case_id) for _, event in feeds._feeds[COMMUNITY]._recent] == kept
        late = await joined(told[0].id)
        assert (await asyncio.wait_for(anext(late), LIMIT_S)).event == ENDED


async def test_a_feed_goes_on_behind_a_batch_that_is_left_out(site: Site) -> None:
    """R-LAD-04: a client that may see none of a whole batch gets the next event all the same."""
    router, topic = site.router, f"dept.{COMMUNITY}.assigned"
    lost = await router.submit()
    await accuse(router, lost)
    await router.pool.execute(
        "INSERT INTO chassis.event_log (topic, source, case_id, sequence, type, time, traceparent, data)"
        " SELECT topic, source, case_id, sequence + 1000 * n, type, time, traceparent, data"
        " FROM chassis.event_log, generate_series(1, $1) AS n WHERE topic = $2 AND type = $3",
        2 * BATCH,
        topic,
        ASSIGNED,
    )
    await router.submit()
    async with site.feed() as stream:
        told = await stream.told(2)
    assert [event.type for event in told] == [ENDED, ASSIGNED]


async def test_many_followers_cost_one_poller(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """All followers that are up to date are served from one task's reads, and the last one stops it."""
    router = site.router
    await router.submit()
    feeds, reads = Feeds(gulou()), 0

    async def counted(connection: Connection, topic: str, after: Position, limit: int) -> Any:
        nonlocal reads
        found = await read(connection, topic, after, limit)
        reads += bool(found)
        return found

    monkeypatch.setattr("services.router.api.feed.read", counted)
    async with AsyncExitStack() as stack:
        followers = [
            await stack.enter_async_context(
                aclosing(feeds.follow(router.pool, COMMUNITY, Position.parse(START)))
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
