"""What the notify tests share: the real service beside the real intake, and parts of it with stand-ins."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Role
from chassis.runner import RunnerPolicy
from chassis.store import Store
from chassis.tokens import PUBLIC_FILE, LocalIssuer
from schemas import router as r
from schemas.envelope import Envelope
from schemas.message import Event
from services.notify.contacts import Contact, Who
from services.notify.domain import Channel, NoState
from services.notify.main import build
from services.notify.senders import Message, Outcome, Sent
from services.notify.settings import NotifySettings
from tests.intake_kit import GULOU, ISSUER, TRACE, Intake, running

PATIENCE_S = 20


def make_settings(directory: Path, url: str, **changes: Any) -> NotifySettings:
    """Settings of a notify whose messages stay here."""
    plain: dict[str, Any] = {
        "service": "notify",
        "port": 8105,
        "database_url": SecretStr(url),
        "reference": GULOU,
        "run_dir": directory,
        "jwks": str(directory / PUBLIC_FILE),
        "issuer": ISSUER,
        "intake_url": "http://intake",
        "public_url": "http://intake",
        "notifier_token": token(directory, Role.NOTIFIER),
        "catch_all": True,
    }
    return NotifySettings(**plain | changes)


def token(directory: Path, *roles: Role, unit: str | None = None) -> str:
    """A token that is valid now."""
    issuer = LocalIssuer.open(directory, ISSUER, "caseladder")
    return issuer.issue("somebody", roles, datetime.now(UTC) - timedelta(seconds=1), unit)


@dataclass
class Notify:
    """Notify under test, and the intake that it asks."""

    host: Host[NoState]
    client: httpx.AsyncClient
    intake: Intake
    _sequences: dict[UUID, int] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        """The service's own pool."""
        return self.host.pool

    async def ask(self, request: str, role: Role, unit: str | None = None, **query: Any) -> httpx.Response:
        """Send a request such as "GET /v1/caught"."""
        method, path = request.split(" ")
        headers = {"Authorization": f"Bearer {token(self.intake.directory, role, unit=unit)}"}
        return await self.client.request(method, path, headers=headers, params=query)

    async def say(self, case_id: str, *events: Event) -> None:
        """Put events, of the services whose they are, into the log, by one commit, so that they are one batch."""
        case, envelopes = UUID(case_id), []
        for event in events:
            sequence = self._sequences[case] = self._sequences.get(case, 0) + 1
            data = event.model_dump_json(exclude_none=True)
            at, source = datetime.now(UTC), event.type.partition(".")[0]
            envelopes.append(Envelope(source, case, sequence, event.type, at, event.topic(), TRACE, data))
        async with self.pool.acquire() as connection:
            await Store("router").append(connection, envelopes)

    async def heard(self) -> None:
        """Wait until notify has applied all that is in the log now."""
        query = "SELECT coalesce(max(position), 0) FROM chassis.event_log"
        end = await self.pool.fetchval(query)
        async with asyncio.timeout(PATIENCE_S):
            while await self._position() < end:
                await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal

    async def _position(self) -> int:
        row = await self.pool.fetchrow("SELECT position FROM notify.stream_position")
        return int(row[0].partition("-")[2] or 0) if row else 0

    async def caught(self, case_id: str, number: int) -> list[dict[str, Any]]:
        """Wait for so many messages of a case, and return them in order."""
        query = "SELECT * FROM notify.caught WHERE case_id = $1 ORDER BY item"
        async with asyncio.timeout(PATIENCE_S):
            while len(rows := await self.pool.fetch(query, UUID(case_id))) < number:
                await asyncio.sleep(0.01)  # polled: see above
        return [dict(row) for row in rows]

    async def settled(self, case_id: str) -> list[tuple[str, str]]:
        """Wait until nothing of a case is to be sent any more, and return its notices with what became of them."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.ask(f"GET /v1/cases/{case_id}/notices", Role.OPERATOR, "GL")
                shown = [(one["notice"], one["state"]) for one in answer.json().get("deliveries", ())]
                if "open" not in {state for _, state in shown}:
                    return shown
                await asyncio.sleep(0.01)  # polled: see above


@asynccontextmanager
async def notifying(url: str, directory: Path, **changes: Any) -> AsyncIterator[Notify]:
    """Run intake and notify on a database with the tables of both, in this event loop."""
    async with running(url, directory) as intake:
        to_intake = httpx.AsyncClient(transport=httpx.ASGITransport(intake.app), base_url="http://intake")
        settings = make_settings(directory, url, **changes)
        host, app = build(settings, RunnerPolicy(poll_timeout_s=0.05), to_intake)
        async with (
            to_intake,
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notify") as client,
        ):
            yield Notify(host, client, intake)


def dispatched(unit: str = "GL0101", **changes: Any) -> r.CaseDispatched:
    """A plain dispatch, the first that the router says of the case."""
    plain: dict[str, Any] = {
        "unit": unit,
        "number": 1,
        "rung": 2,
        "mode": "transfer",
        "matter": "livelihood.elderly",
        "track": "S",
        "urgency": 3,
        "route": r.Route(policy="p", jurisdiction="j"),
        "registered": r.Registration(judgement=r.Judgement(by=r.TriagedBy.ENGINE, track="S", urgency=3)),
    }
    return r.CaseDispatched(**plain | changes)


@dataclass
class Known:
    """`Contacts` with the same answer for everybody; counts how often it is asked.

    `paths`: what is said of links to callbacks, one after the other.
    """

    contact: Contact
    asked: int = 0
    paths: list[str | Exception | None] = field(default_factory=list)

    async def read(self, whom: Collection[Who]) -> Mapping[Who, Contact]:
        """Return the one contact for each."""
        self.asked += 1
        return dict.fromkeys(whom, self.contact)

    async def callback_path(self, report: UUID, opened: int) -> str | None:
        """Say what is next."""
        said = self.paths.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


@dataclass
class Scripted:
    """`Sender` that answers as it is told, then with `Sent`; keeps what it was given."""

    answers: list[Outcome | Exception] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    disturbs: bool = True

    async def send(self, message: Message) -> Outcome:
        """Answer by the script."""
        self.messages.append(message)
        answer = self.answers.pop(0) if self.answers else Sent()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing is held."""


SOMEBODY = Contact(
    "zh",
    {Channel.SMS: "13800138000", Channel.EMAIL: "wang@example.cn", Channel.WECHAT: "oAbc_123"},
    {Channel.SMS: "aa", Channel.EMAIL: "bb", Channel.WECHAT: "cc"},
    "0123456789AB",
)
