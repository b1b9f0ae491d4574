"""What the tests of petition's API share: the real service on a real database, tokens, and the router's part."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from pydantic import SecretStr

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Role
from chassis.settings import Settings
from chassis.store import Store
from chassis.tokens import PUBLIC_FILE, LocalIssuer
from schemas.envelope import Envelope
from schemas.message import Event
from services.petition.api.actions import ACTIONS
from services.petition.domain import Petition
from services.petition.main import build
from tests.petition_kit import OFFICE, ROOT, dispatched
from tests.router_api_kit import TRACE, Answer

ISSUER = "urn:test"
LIMIT_S = 20
KEY = SecretStr(base64.b64encode(bytes(32)).decode())
OFFICER, SUPERVISOR = Role.PETITION_OFFICER, Role.SUPERVISOR
EXAMPLES: dict[str, dict[str, Any]] = {action.path: action.example for action in ACTIONS}
"""The bodies that /docs shows."""


@dataclass
class PetitionUnderTest:
    """Petition, and callers to call it as."""

    host: Host[Petition]
    directory: Path
    client: httpx.AsyncClient
    _sequences: dict[tuple[str, UUID], int] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        return self.host.pool

    def headers(self, role: Role, unit: str | None, subject: str | None = None) -> dict[str, str]:
        """The headers of a caller of that role and unit."""
        issuer = LocalIssuer.open(self.directory, ISSUER, "caseladder")
        at = datetime.now(UTC) - timedelta(seconds=1)
        return {"Authorization": f"Bearer {issuer.issue(subject or f'{role}-{unit}', (role,), at, unit)}"}

    async def get(
        self, path: str, role: Role = OFFICER, unit: str | None = OFFICE, subject: str | None = None
    ) -> Answer:
        return _answer(await self.client.get(path, headers=self.headers(role, unit, subject)))

    async def pdf(self, path: str, role: Role = OFFICER, unit: str = OFFICE) -> httpx.Response:
        return await self.client.get(path, headers=self.headers(role, unit))

    async def do(
        self,
        path: str,
        unit: str = OFFICE,
        role: Role = OFFICER,
        *,
        subject: str | None = None,
        headers: dict[str, str] | None = None,
        **changes: Any,
    ) -> Answer:
        """Send the example of an action, `/v1/petitions/<id>/<action>`, with some fields changed."""
        return await self.send(path, unit, role, changes, subject, headers)

    async def send(
        self,
        path: str,
        unit: str,
        role: Role,
        changes: Mapping[str, Any],
        subject: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """The same, where the fields that are changed share a name with a parameter here."""
        action = path.split("/", 4)[4]
        sent = self.headers(role, unit, subject) | (headers or {})
        return _answer(await self.client.post(path, json={**EXAMPLES[action], **changes}, headers=sent))

    async def receive(self, unit: str = OFFICE, **more: Any) -> str:
        """Let the router dispatch a petition; return its path."""
        case_id = uuid4()
        await self.say("router", case_id, dispatched(unit, **more))
        return f"/v1/petitions/{case_id}"

    async def say(self, source: str, case_id: UUID, event: Event, *, is_kept: bool = True) -> None:
        """Put an event of another service into the log, wait until petition has passed it."""
        sequence = self._sequences[source, case_id] = self._sequences.get((source, case_id), 0) + 1
        data = event.model_dump_json(exclude_none=True)
        now = datetime.now(UTC)
        envelope = Envelope(source, case_id, sequence, event.type, now, event.topic(), TRACE, data)
        async with self.pool.acquire() as connection:
            await Store(source).append(connection, [envelope])
        if is_kept:
            await asyncio.wait_for(self._applied(source, case_id, sequence), LIMIT_S)

    async def _applied(self, source: str, case_id: UUID, sequence: int) -> None:
        query = "SELECT (seen ->> $2)::int FROM petition.aggregate WHERE case_id = $1"
        while await self.pool.fetchval(query, case_id, source) != sequence:
            parked = await self.pool.fetchval(
                "SELECT reason FROM petition.parked WHERE case_id = $1", case_id
            )
            assert parked is None, parked
            await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal

    async def until_told(self, path: str, name: str) -> None:
        """Wait until petition has emitted an event of that name."""

        async def told() -> None:
            while f"petition.{name}.v1" not in await self.log(path):
                await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal

        await asyncio.wait_for(told(), LIMIT_S)

    async def log(self, path: str) -> str:
        """All that petition wrote into the event log of a case, as text."""
        rows = await self.pool.fetch(
            "SELECT type, data::text FROM chassis.event_log WHERE case_id = $1 AND source = 'petition'"
            " ORDER BY sequence",
            UUID(path.split("/")[3]),
        )
        return "\n".join(f"{row[0]} {row[1]}" for row in rows)


def _answer(answer: httpx.Response) -> Answer:
    body = orjson.loads(answer.content) if answer.content else None
    return Answer(answer.status_code, body, answer.headers.get("etag"))


@asynccontextmanager
async def running(url: str, directory: Path) -> AsyncIterator[PetitionUnderTest]:
    """Run petition on a database with its tables, in this event loop."""
    LocalIssuer.open(directory, ISSUER, "caseladder")
    settings = Settings(
        service="petition",
        port=8104,
        database_url=SecretStr(url),
        reference=ROOT,
        run_dir=directory,
        jwks=str(directory / PUBLIC_FILE),
        issuer=ISSUER,
        master_key=KEY,
    )
    host, app = build(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://petition.test") as client,
    ):
        yield PetitionUnderTest(host, directory, client)
