"""The same chassis with nothing to do: `gate` takes a case over HTTP, `hop` answers its event with one event, and
three listeners read that, as mediation, petition and notify read what the router says, and answer nothing.

As many processes as the real services, same hot route, caller check, body limit, command bus, runner and log; no
rules, no personal data, no tables of their own. `python -m bench.empty gate` runs one of them.
"""

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import orjson
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from chassis import logs
from chassis.batch import Applied
from chassis.commands import Request
from chassis.decider import Decision, Input, Timer
from chassis.host import Host
from chassis.http import HotRoute, Principal, Role, add_hot_route, etag, read_json, serve
from chassis.migrate import CHASSIS, upgrade
from chassis.runner import UNHURRIED
from chassis.service import Service
from chassis.settings import Settings
from chassis.tables import service_tables
from schemas.message import Command, Event, Value
from services.intake.ids import new_id

LISTENERS: Final = ("mediation", "petition", "notify")
"""Named as those whose place they take."""
NAMES: Final = ("gate", "hop", *LISTENERS)


class Passed(Event):
    """What gate says of a case."""

    type: ClassVar[str] = "gate.Passed.v1"
    title: str
    text: str


class Landed(Event):
    """What hop says of a case."""

    type: ClassVar[str] = "hop.Landed.v1"


class Pass(Command):
    """Take a case in."""

    title: str
    text: str


class Body(BaseModel):
    """What gate reads of a submission; the rest it ignores."""

    title: str
    text: str


class EmptyState(Value):
    """Nothing but that the case is known."""

    known: bool = False


_KNOWN: Final = EmptyState(known=True)


class Empty:
    """Answers each input with the one event of its service; a listener with none."""

    def __init__(self, name: str, consumes: frozenset[str]) -> None:
        self.name = name
        self.consumes = consumes

    def initial(self, case_id: UUID) -> EmptyState:
        """A case that is not known yet."""
        return EmptyState()

    def decide(self, state: EmptyState, given: Input, at: datetime) -> Decision:
        """One event for each input, none for what is only listened to."""
        if isinstance(given, Pass):
            return [Passed.model_construct(title=given.title, text=given.text)]
        return [] if isinstance(given, Landed) else [Landed.model_construct()]

    def evolve(self, state: EmptyState, event: Event) -> EmptyState:
        """The case is known."""
        return _KNOWN

    def due(self, state: EmptyState) -> Sequence[Timer]:
        """No timers."""
        return ()

    def dump(self, state: EmptyState) -> str:
        """As JSON."""
        return state.model_dump_json()

    def load(self, stored: str) -> EmptyState:
        """From JSON."""
        return EmptyState.model_validate_json(stored)


def service(name: str) -> Service[EmptyState]:
    """Return the service of one of `NAMES`."""
    heard: dict[str, type[Event]] = {} if name == "gate" else {Passed.type: Passed}
    if name in LISTENERS:
        heard = {Landed.type: Landed}
    return Service(Empty(name, frozenset(heard)), heard)


async def install(url: str) -> None:
    """Make the tables of all, unless they are there."""
    await upgrade(url, CHASSIS)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as connection:
        for name in NAMES:
            await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {name}"))
            await connection.run_sync(service_tables(name).create_all)
    await engine.dispose()


def run(settings: Settings) -> None:
    """Serve until told to stop."""
    logs.configure(settings.service, settings.log_level)
    policy = UNHURRIED if settings.service in LISTENERS else None
    host = Host(settings, service(settings.service), policy=policy)
    app = host.create_app(settings.service, "")
    if settings.service == "gate":
        route = HotRoute(
            "/v1/cases", "POST", "Take a case in", roles=[Role.OPERATOR], request=Body, status=201
        )
        add_hot_route(app, route, _Route(host))
    serve(app, settings)


class _Route:
    def __init__(self, host: Host[EmptyState]) -> None:
        self._host = host

    async def __call__(self, request: HttpRequest, principal: Principal, /) -> Response:
        body = read_json(Body, await request.body())
        case_id = new_id(self._host.clock())
        command = Pass.model_construct(title=body.title, text=body.text)
        traceparent = self._host.telemetry.accept(request.headers.get("traceparent"))
        reply = await self._host.bus.execute(Request(case_id, command, traceparent))
        if not isinstance(reply, Applied):
            raise TypeError(f"a command was not applied: {reply}")
        answer = orjson.dumps({"case_id": case_id})
        return Response(answer, 201, {"ETag": etag(reply.version)}, "application/json")


if __name__ == "__main__":
    run(Settings.from_environment(sys.argv[1], os.environ))
