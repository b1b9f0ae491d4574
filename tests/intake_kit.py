"""What the intake tests share: the real service on a real database, tokens, and a stand-in for the router."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI
from pydantic import SecretStr

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Role
from chassis.runner import RunnerPolicy
from chassis.settings import Settings
from chassis.store import Store
from chassis.tokens import PUBLIC_FILE, LocalIssuer
from schemas.envelope import Envelope
from schemas.message import Event
from services.intake.channels.channel import ChannelAdapter
from services.intake.domain import IntakeState
from services.intake.main import build

GULOU = Path(__file__).parents[1] / "reference" / "gulou"
ISSUER = "urn:test"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
GRID = "GL010101"


def key() -> SecretStr:
    """Return a random key as the environment would hold it."""
    return SecretStr(base64.b64encode(os.urandom(32)).decode())


def make_settings(directory: Path, url: str = "postgresql://nobody@localhost/none") -> Settings:
    """Return settings with fresh keys."""
    return Settings(
        service="intake",
        port=8101,
        database_url=SecretStr(url),
        reference=GULOU,
        run_dir=directory,
        jwks=str(directory / PUBLIC_FILE),
        issuer=ISSUER,
        master_key=key(),
        index_key=key(),
    )


def body(**changes: Any) -> dict[str, Any]:
    """Return a plain case with some fields changed."""
    plain = {"title": "楼道灯坏了", "text": "三单元楼道灯坏了半个月，晚上看不见。", "place": {"grid": GRID}}
    return plain | changes


NDJSON = {"Content-Type": "application/x-ndjson"}


def ndjson(*lines: dict[str, Any] | bytes) -> bytes:
    """Return the lines of a batch; bytes go in as they are."""
    return b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)


@dataclass
class Intake:
    """Intake under test. `client` sends; `staff` and `as_role` give the headers to send with."""

    host: Host[IntakeState]
    app: FastAPI
    directory: Path
    client: httpx.AsyncClient
    _sequences: dict[UUID, int] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        """The service's own pool."""
        return self.host.pool

    def as_role(self, *roles: Role, unit: str | None = None, subject: str = "somebody") -> dict[str, str]:
        """Return the headers of a caller."""
        issuer = LocalIssuer.open(self.directory, ISSUER, "caseladder")
        at = datetime.now(UTC) - timedelta(seconds=1)
        return {"Authorization": f"Bearer {issuer.issue(subject, roles, at, unit)}"}

    @property
    def operator(self) -> dict[str, str]:
        """Return the headers of a hotline operator of the district."""
        return self.as_role(Role.OPERATOR, unit="GL", subject="op-1")

    async def submit(self, content: dict[str, Any], **headers: str) -> httpx.Response:
        """Submit a case as the operator."""
        return await self.client.post("/v1/cases", json=content, headers=self.operator | headers)

    async def accepted(self, content: dict[str, Any]) -> dict[str, Any]:
        """Submit a case that is fine, and return the answer."""
        answer = await self.submit(content)
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def batch(
        self, *lines: dict[str, Any] | bytes, headers: dict[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Send a batch, as ops unless the headers say otherwise, and return the answer lines."""
        answer = await self.client.post(
            "/v1/cases/batch", content=ndjson(*lines), headers=(headers or self.as_role(Role.OPS)) | NDJSON
        )
        assert answer.status_code == 200, answer.text
        return [orjson.loads(line) for line in answer.content.splitlines()]

    async def events(self, case_id: str, kind: str = "") -> list[dict[str, Any]]:
        """Return the data of a case's events in the log whose type contains `kind`."""
        rows = await self.pool.fetch(
            "SELECT data::text FROM chassis.event_log WHERE case_id = $1 AND type LIKE '%' || $2 || '%'"
            " ORDER BY position",
            UUID(case_id),
            kind,
        )
        return [orjson.loads(row[0]) for row in rows]

    async def count(self, table: str) -> int:
        """Return the number of rows of one of intake's tables."""
        return int(await self.pool.fetchval(f"SELECT count(*) FROM intake.{table}"))

    async def say(self, case_id: str, *events: Event) -> None:
        """Put events of the router into the log, all by one commit, so that they are one batch; wait until intake
        has applied them."""
        case, envelopes = UUID(case_id), []
        for event in events:
            sequence = self._sequences[case] = self._sequences.get(case, 0) + 1
            data = event.model_dump_json(exclude_none=True)
            now = datetime.now(UTC)
            envelopes.append(Envelope("router", case, sequence, event.type, now, event.topic(), TRACE, data))
        async with self.pool.acquire() as connection:
            await Store("router").append(connection, envelopes)
        await asyncio.wait_for(self._applied(case), 20)

    async def _applied(self, case: UUID) -> None:
        query = "SELECT (seen ->> 'router')::int FROM intake.aggregate WHERE case_id = $1"
        while await self.pool.fetchval(query, case) != self._sequences[case]:
            await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal


@asynccontextmanager
async def running(
    url: str,
    directory: Path,
    channels: Sequence[ChannelAdapter] = (),
    settings: Settings | None = None,
    **changes: Any,
) -> AsyncIterator[Intake]:
    """Run intake on a database with its tables, in this event loop; `changes` differ from the usual settings.

    With `settings`, whose keys are known, the same database can be used by several in turn.
    """
    LocalIssuer.open(directory, ISSUER, "caseladder")
    chosen = (settings or make_settings(directory, url)).model_copy(update=changes)
    host, app = build(chosen, RunnerPolicy(poll_timeout_s=0.05), channels)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://intake.test") as client,
    ):
        yield Intake(host, app, directory, client)
