"""The people of the district and what they do over HTTP: submit, sign, reply, call back, follow a feed.

case = await town.submit(matter="livelihood.elderly")
await town.do(case, "sign", "handler", "GL0101")
await town.told(case, "signed")
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import orjson

from tests.e2e.system import System

LIMIT_S = 30
"""How long a test waits for what must come, in seconds."""
T = TypeVar("T")
PLAIN = "livelihood.elderly"
"""A matter that the community of the place leads, and nobody else."""


@dataclass(frozen=True)
class Case:
    """A case that was taken in."""

    id: str
    code: str
    body: dict[str, Any]

    @property
    def path(self) -> str:
        """Its path at both services."""
        return f"/v1/cases/{self.id}"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer in the parts that tests look at."""

    status: int
    body: Any
    etag: str | None
    media: str

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        return str(self.body["code"])

    @property
    def fields(self) -> dict[str, str]:
        """What would be right, by the field that is wrong."""
        return {error["field"]: error["expected"] for error in self.body.get("errors", [])}


@dataclass(frozen=True)
class Told:
    """One event of a feed as a unit gets it."""

    id: str
    type: str
    case: str
    data: dict[str, Any]


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look again and again until there is something; TimeoutError after `LIMIT_S`."""
    async with asyncio.timeout(LIMIT_S):
        while (found := await look()) is None:
            await asyncio.sleep(0.02)  # polled: what another process does gives no signal here
        return found


def own_words() -> str:
    """Return signs that no other text has. No digits or letters: a row may look like a number or an account."""
    return "".join(random.choices("甲乙丙丁戊己庚辛壬癸", k=20))


class Town:
    """All callers of one system. `role` and `unit` say who calls."""

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        self.system = system
        self.client = client

    def headers(self, role: str, unit: str | None) -> dict[str, str]:
        """Return the headers of a caller."""
        at = datetime.now(UTC) - timedelta(seconds=1)
        token = self.system.local.issuer().issue(f"{role}-{unit}", [role], at, unit=unit)
        return {"Authorization": f"Bearer {token}"}

    async def ask(
        self,
        service: str,
        request: str,
        role: str,
        unit: str | None,
        /,
        *,
        body: Any = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        """Send `request`, such as "GET /v1/assignments"; `body` becomes JSON, `content` goes as it is."""
        method, path = request.split(" ")
        answer = await self.client.request(
            method,
            self.system.url(service) + path,
            params=query,
            content=orjson.dumps(body) if body is not None else content,
            headers={"Content-Type": "application/json"} | self.headers(role, unit) | (headers or {}),
        )
        return read(answer)

    async def submit(self, role: str = "operator", unit: str | None = "GL", /, **changes: Any) -> Case:
        """Submit a case that is fine; its words are its own, so that it is no repeat."""
        plain = {
            "title": "老人照料",
            "text": f"老人独自在家无人照料，社区能否安排探访。编号{own_words()}",
            "place": {"grid": "GL010101"},
        }
        if role in {"operator", "ops"} and "text" not in changes:
            plain["matter"] = PLAIN
        answer = await self.ask("intake", "POST /v1/cases", role, unit, body=plain | changes)
        assert answer.status == 201, answer.body
        return Case(answer.body["case_id"], answer.body["tracking_code"], answer.body)

    async def placed(self, case: Case, *statuses: str) -> dict[str, Any]:
        """Wait until the router knows the case (in one of the statuses), and return its view for the district."""

        async def look() -> dict[str, Any] | None:
            shown = await self.ask("router", f"GET {case.path}", "operator", "GL")
            assert shown.status in {200, 404}, shown.body
            if shown.status == 404 or (statuses and shown.body["status"] not in statuses):
                return None
            view: dict[str, Any] = shown.body
            return view

        return await until(look)

    async def notices(self, case: Case, number: int) -> list[str]:
        """Wait until so many messages to the reporter were caught; return their texts up to the code, in order."""

        async def look() -> list[str] | None:
            caught = await self.ask("notify", "GET /v1/caught", "ops", None, case_id=case.id, after=0)
            texts = [message["text"] for message in caught.body["messages"]]
            assert all(case.code in text for text in texts)
            return [text.partition("查询码")[0] for text in texts] if len(texts) >= number else None

        return await until(look)

    async def act(
        self, case: Case, action: str, role: str, unit: str | None, body: Any = None, **headers: str
    ) -> Answer:
        """Do something to a case at the router."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = f"POST {case.path}/{action}"
        return await self.ask("router", request, role, unit, body=body or {}, headers=sent)

    async def do(self, case: Case, action: str, role: str, unit: str, body: Any = None) -> dict[str, Any]:
        """Do something that the case allows, and return the case's new view."""
        done = await self.act(case, action, role, unit, body)
        assert done.status == 200, done.body
        shown: dict[str, Any] = done.body
        return shown

    async def begin(self, case: Case, unit: str) -> dict[str, Any]:
        """Have the unit sign the order and speak with the resident: it is in handling then."""
        await self.placed(case)
        await self.do(case, "sign", "handler", unit)
        return await self.do(case, "contact", "handler", unit, {"note": "已电话联系居民"})

    async def told(self, case: Case, status: str, saying: str = "") -> list[str]:
        """Wait until the resident reads that status (and latest words that begin so); return the time line."""

        async def look() -> list[str] | None:
            answer = await self.client.get(f"{self.system.url('intake')}/v1/track/{case.code}")
            assert answer.status_code == 200, answer.text
            shown = answer.json()
            words = [entry["words"] for entry in shown["timeline"]]
            return words if shown["status"] == status and words[-1].startswith(saying) else None

        return await until(look)

    async def assigned(self, unit: str, role: str = "handler", /, **query: Any) -> dict[str, dict[str, Any]]:
        """Return the unit's list of assignments by case id."""
        page = await self.ask("router", "GET /v1/assignments", role, unit, limit=200, **query)
        assert page.status == 200, page.body
        assert page.body["next"] is None
        return {item["case_id"]: item for item in page.body["items"]}

    async def route(self, case: Case) -> list[dict[str, Any]]:
        """Return the steps of the case's route, as the district reads them."""
        answer = await self.ask("router", f"GET {case.path}/route", "supervisor", "GL")
        assert answer.status == 200, answer.body
        steps: list[dict[str, Any]] = answer.body["steps"]
        return steps

    @asynccontextmanager
    async def feed(self, unit: str, after: str | None = None) -> AsyncIterator["Feed"]:
        """Follow the unit's feed, from its beginning or behind the event `after`."""
        headers = self.headers("handler", unit) | ({"Last-Event-ID": after} if after else {})
        url = f"{self.system.url('router')}/v1/units/{unit}/feed"
        async with self.client.stream("GET", url, headers=headers) as response:
            assert response.status_code == 200
            yield Feed(response)

    async def counts(self) -> dict[str, int]:
        """Count the rows of every table, once all that was submitted before has been applied everywhere."""
        marker = await self.submit()
        await self.told(marker, "dispatched")
        connection = await self.system.database()
        try:
            tables = await connection.fetch(
                "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
                " WHERE table_schema IN ('chassis', 'intake', 'router')"
            )
            return {row[0]: await connection.fetchval(f"SELECT count(*) FROM {row[0]}") for row in tables}
        finally:
            await connection.close()


class Feed:
    """An open feed."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> Told:
        """Wait for the next event."""
        return await asyncio.wait_for(self._event(), LIMIT_S)

    async def of(self, case: Case, name: str) -> tuple[Told, list[Told]]:
        """Wait for that event of the case; return it and those that came before it."""
        before: list[Told] = []
        while (event := await self.next()).case != case.id or event.type.split(".")[1] != name:
            before.append(event)
        return event, before

    async def _event(self) -> Told:
        fields: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                fields[name] = value
            if not line and "data" in fields:
                data = orjson.loads(fields["data"])
                return Told(fields["id"], fields["event"], data["subject"], data["data"])
        raise EOFError("the feed ended")


def read(answer: httpx.Response) -> Answer:
    """Return the parts of an answer that tests look at."""
    body = orjson.loads(answer.content) if answer.content else None
    media = answer.headers.get("content-type", "").split(";")[0]
    return Answer(answer.status_code, body, answer.headers.get("etag"), media)


@asynccontextmanager
async def visiting(system: System) -> AsyncIterator[Town]:
    """Open the connections to a system."""
    async with httpx.AsyncClient(timeout=LIMIT_S, trust_env=False) as client:
        yield Town(system, client)
