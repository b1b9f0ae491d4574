"""What the tests of mediation's API share: the real service on a real database, tokens, and the router's part."""

import asyncio
import base64
import os
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
from chassis.log import Position
from chassis.settings import Settings
from chassis.store import Store
from chassis.tokens import PUBLIC_FILE, LocalIssuer
from schemas.envelope import Envelope
from schemas.message import Event
from services.mediation.api.actions import BY_PATH
from services.mediation.domain import Mediation
from services.mediation.main import build
from tests.unit.mediation_kit import dispatched

GULOU = Path(__file__).parents[1] / "reference" / "gulou"
ISSUER = "urn:test"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
COMMUNITY, STREET, DISTRICT = "GL0101", "GL01", "GL"
LIMIT_S = 20
MEDIATOR = (Role.MEDIATOR, COMMUNITY)


def make_settings(directory: Path, url: str = "postgresql://nobody@localhost/none") -> Settings:
    """Settings with a fresh key."""
    return Settings(
        service="mediation",
        port=8103,
        database_url=SecretStr(url),
        reference=GULOU,
        run_dir=directory,
        jwks=str(directory / PUBLIC_FILE),
        issuer=ISSUER,
        master_key=SecretStr(base64.b64encode(os.urandom(32)).decode()),
    )


@dataclass
class MediationUnderTest:
    """Mediation, and callers to call it as."""

    host: Host[Mediation]
    app: FastAPI
    directory: Path
    client: httpx.AsyncClient
    _sequences: dict[tuple[str, UUID], int] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        return self.host.pool

    def headers(self, role: Role, unit: str | None, subject: str | None = None) -> dict[str, str]:
        """The headers of a caller of that role and unit, by a name of their own or by a subject."""
        issuer = LocalIssuer.open(self.directory, ISSUER, "caseladder")
        at = datetime.now(UTC) - timedelta(seconds=1)
        return {"Authorization": f"Bearer {issuer.issue(subject or f'{role}-{unit}', (role,), at, unit)}"}

    async def get(
        self, path: str, role: Role = Role.MEDIATOR, unit: str | None = COMMUNITY, /, **query: Any
    ) -> httpx.Response:
        return await self.client.get(path, params=query, headers=self.headers(role, unit))

    async def post(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        role: Role = Role.MEDIATOR,
        unit: str | None = COMMUNITY,
        **headers: str,
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body or {}, headers=self.headers(role, unit) | sent)

    async def open(self, **more: Any) -> str:
        """A case that the router dispatched to be mediated; its path."""
        case_id = uuid4()
        await self.say(case_id, dispatched(**more))
        return f"/v1/mediations/{case_id}"

    async def say(self, case_id: UUID, event: Event) -> None:
        """Put an event of another service into the log, wait until mediation has passed it."""
        source = event.type.partition(".")[0]
        sequence = self._sequences[source, case_id] = self._sequences.get((source, case_id), 0) + 1
        data = event.model_dump_json(exclude_none=True)
        now = datetime.now(UTC)
        envelope = Envelope(source, case_id, sequence, event.type, now, event.topic(), TRACE, data)
        async with self.pool.acquire() as connection:
            await Store(source).append(connection, [envelope])
        place = (
            "SELECT xid::text, position FROM chassis.event_log"
            " WHERE case_id = $1 AND source = $2 AND sequence = $3"
        )
        row = await self.pool.fetchrow(place, case_id, source, sequence)
        assert row is not None
        await asyncio.wait_for(self._passed(case_id, Position(row[0], row[1])), LIMIT_S)

    async def _passed(self, case_id: UUID, place: Position) -> None:
        """Until the stream position stands at that place of the log, or behind it."""
        while True:
            parked = await self.pool.fetchval(
                "SELECT reason FROM mediation.parked WHERE case_id = $1", case_id
            )
            assert parked is None, parked
            at = await self.pool.fetchval("SELECT position FROM mediation.stream_position")
            if at and Position.parse(at).order >= place.order:
                return
            await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal

    async def events(self, path: str) -> list[str]:
        """The names of mediation's events of a case, in order."""
        rows = await self.pool.fetch(
            "SELECT split_part(type, '.', 2) FROM chassis.event_log WHERE case_id = $1 AND source = 'mediation'"
            " ORDER BY sequence",
            UUID(path.rpartition("/")[2]),
        )
        return [row[0] for row in rows]

    async def logged(self, path: str) -> str:
        """All that mediation's events of a case say, as one text."""
        rows = await self.pool.fetch(
            "SELECT data::text FROM chassis.event_log WHERE case_id = $1 AND source = 'mediation'",
            UUID(path.rpartition("/")[2]),
        )
        return orjson.dumps([row[0] for row in rows]).decode()


async def act(mediation: MediationUnderTest, path: str, action: str, **changes: Any) -> dict[str, Any]:
    """Send the example that /docs shows for an action, with some fields changed."""
    example = BY_PATH[action].example | changes
    answer = await mediation.post(f"{path}/{action}", example)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def agreed(mediation: MediationUnderTest) -> str:
    """A case up to the signed agreement, by the examples of /docs alone."""
    path = await mediation.open()
    await act(mediation, path, "parties")
    await act(mediation, path, "consent")
    await act(mediation, path, "consent", party="B", closed=True)
    await act(mediation, path, "mediators")
    await act(mediation, path, "sessions")
    await act(mediation, path, "agreement/draft")
    await act(mediation, path, "agreement/signature")
    return path


@asynccontextmanager
async def running(url: str, directory: Path) -> AsyncIterator[MediationUnderTest]:
    """Run mediation on a database with its tables, in this event loop."""
    LocalIssuer.open(directory, ISSUER, "caseladder")
    host, app = build(make_settings(directory, url))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://mediation.test") as client,
    ):
        yield MediationUnderTest(host, app, directory, client)
