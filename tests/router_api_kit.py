"""What the tests of the router's API share: the real service and database, tokens, the other services' part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from fastapi import FastAPI
from pydantic import SecretStr

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Role
from chassis.kafka.connection import KafkaConnection
from chassis.settings import Settings
from chassis.store import Store
from chassis.tokens import PUBLIC_FILE, LocalIssuer
from schemas.envelope import Envelope
from schemas.intake import CaseSubmitted
from schemas.message import Event
from schemas.values import Channel, Place, PlaceSource
from services.router.domain import WorkOrder
from services.router.main import build

GULOU = Path(__file__).parents[1] / "reference" / "gulou"
ISSUER = "urn:test"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
GRID, COMMUNITY, STREET, DISTRICT = "GL010101", "GL0101", "GL01", "GL"
HOTLINE, URBAN, DISCIPLINE = "GL-HOTLINE", "GL-URBAN", "GL-DISCIPLINE"
PLAIN, COMPONENT, SEALED = "livelihood.elderly", "municipal.streetlight", "government.report"
LIMIT_S = 20
TEXT = "老人独自在家无人照料，社区能否安排探访。"


def make_settings(
    directory: Path, url: str, port: int = 8102, kafka: KafkaConnection | None = None
) -> Settings:
    on_kafka = {"kafka_bootstrap": kafka.bootstrap, "kafka_prefix": kafka.prefix} if kafka else {}
    return Settings(
        service="router",
        port=port,
        database_url=SecretStr(url),
        reference=GULOU,
        run_dir=directory,
        jwks=str(directory / PUBLIC_FILE),
        issuer=ISSUER,
        transport="kafka" if kafka else "embedded",
        **on_kafka,
    )


def submission(**changes: Any) -> CaseSubmitted:
    """A plain case in a grid of Gulou, for its community, with some fields changed."""
    plain: dict[str, Any] = {
        "channel": Channel.HOTLINE,
        "received_at": datetime.now(UTC),
        "title": "老人照料",
        "text": TEXT,
        "place": Place(source=PlaceSource.UNIT, grid=GRID),
        "matter": PLAIN,
    }
    return CaseSubmitted.model_validate(plain | changes)


@dataclass
class Answer:
    """An HTTP answer in the parts that tests look at."""

    status: int
    body: Any
    etag: str | None

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        return str(self.body["code"])


@dataclass
class RouterUnderTest:
    """The router, and callers to call it as."""

    host: Host[WorkOrder]
    app: FastAPI
    directory: Path
    client: httpx.AsyncClient
    _sequences: dict[tuple[str, UUID], int] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        return self.host.pool

    def headers(self, role: Role | tuple[Role, ...], unit: str | None) -> dict[str, str]:
        """The headers of a caller of that role and unit."""
        roles = role if isinstance(role, tuple) else (role,)
        issuer = LocalIssuer.open(self.directory, ISSUER, "caseladder")
        at = datetime.now(UTC) - timedelta(seconds=1)
        return {"Authorization": f"Bearer {issuer.issue(f'{roles[0]}-{unit}', roles, at, unit)}"}

    async def get(
        self, path: str, role: Role | tuple[Role, ...], unit: str | None, /, **query: Any
    ) -> Answer:
        answer = await self.client.get(path, params=query, headers=self.headers(role, unit))
        return _answer(answer)

    async def post(
        self,
        path: str,
        role: Role | tuple[Role, ...],
        unit: str | None,
        body: dict[str, Any] | None = None,
        **headers: str,
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.post(
            path, json=body if body is not None else {}, headers=self.headers(role, unit) | sent
        )
        return _answer(answer)

    async def submit(self, **changes: Any) -> str:
        """Put a submission into the log as intake does, wait until the router has applied it."""
        case_id = uuid4()
        await self.say(case_id, submission(**changes))
        return f"/v1/cases/{case_id}"

    async def say(self, case_id: UUID, event: Event) -> None:
        """Put an event of another service into its log, wait until the router has applied it."""
        source = event.type.partition(".")[0]
        sequence = self._sequences[source, case_id] = self._sequences.get((source, case_id), 0) + 1
        data = event.model_dump_json(exclude_none=True)
        now = datetime.now(UTC)
        envelope = Envelope(source, case_id, sequence, event.type, now, event.topic(), TRACE, data)
        async with self.pool.acquire() as connection:
            await Store(source).append(connection, [envelope])
        await asyncio.wait_for(self._applied(case_id, source, sequence), LIMIT_S)

    async def _applied(self, case_id: UUID, source: str, sequence: int) -> None:
        query = "SELECT (seen ->> $2)::int FROM router.aggregate WHERE case_id = $1"
        while await self.pool.fetchval(query, case_id, source) != sequence:
            parked = await self.pool.fetchval("SELECT reason FROM router.parked WHERE case_id = $1", case_id)
            assert parked is None, parked
            await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal

    async def events(self, path: str) -> list[str]:
        """The names of the router's events of a case, in order."""
        rows = await self.pool.fetch(
            "SELECT split_part(type, '.', 2) FROM chassis.event_log WHERE case_id = $1 AND source = 'router'"
            " ORDER BY sequence",
            UUID(path.rpartition("/")[2]),
        )
        return [row[0] for row in rows]


def _answer(answer: httpx.Response) -> Answer:
    body = orjson.loads(answer.content) if answer.content else None
    return Answer(answer.status_code, body, answer.headers.get("etag"))


@asynccontextmanager
async def running(
    url: str, directory: Path, kafka: KafkaConnection | None = None
) -> AsyncIterator[RouterUnderTest]:
    """Run the router on a database with its tables, in this event loop; on Kafka where one is named."""
    LocalIssuer.open(directory, ISSUER, "caseladder")
    host, app = build(make_settings(directory, url, kafka=kafka))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://router.test") as client,
    ):
        yield RouterUnderTest(host, app, directory, client)
