"""What the HTTP tests share: an app with one route of each kind, and tokens for it."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import asyncpg
import httpx
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from chassis.http import HotRoute, Principal, Role, add_hot_route, allow, create_app, public, read_json
from chassis.metrics import Metrics
from chassis.settings import Settings
from chassis.telemetry import Telemetry
from chassis.tokens import PUBLIC_FILE, LocalIssuer

ISSUER = "http://issuer.test"
JSON = {"Content-Type": "application/json"}


class Place(BaseModel):
    longitude: float = Field(ge=73, le=136)


class Report(BaseModel):
    text: str
    place: Place
    tags: list[int] = []


def make_settings(directory: Path) -> Settings:
    return Settings(
        service="sample",
        port=8101,
        database_url=SecretStr("postgresql://nobody@localhost/none"),
        reference=directory,
        run_dir=directory,
        jwks=str(directory / PUBLIC_FILE),
        issuer=ISSUER,
    )


def make_token(directory: Path, *roles: Role, hours: float = 1, unit: str | None = None) -> str:
    """A token of these roles that expires in so many hours from now."""
    at = datetime.now(UTC) - timedelta(hours=2)
    issuer = LocalIssuer.open(directory, ISSUER, "caseladder")
    return issuer.issue("caller", roles, at, unit, lifetime=timedelta(hours=2 + hours))


async def ready() -> list[str]:
    return []


@contextlib.asynccontextmanager
async def no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


async def hot_report(request: Request, principal: Principal) -> Response:
    report = read_json(Report, await request.body())
    return Response(report.model_dump_json(), 201, {"X-Subject": principal.subject}, "application/json")


def make_app(directory: Path, metrics: Metrics | None = None, telemetry: Telemetry | None = None) -> FastAPI:
    """An app with /reports (FastAPI), /hot (Starlette), /open, /broken, /away and /large (limit 4 MiB)."""
    app = create_app(
        make_settings(directory),
        "sample",
        "",
        ready,
        no_lifespan,
        metrics or Metrics(),
        telemetry or Telemetry(None, 0),
        {"/large": 4 * 1024 * 1024},
    )
    router = APIRouter(prefix="/reports")

    @router.post("")
    async def report(body: Report, principal: Annotated[Principal, allow(Role.OPERATOR)]) -> Report:
        return body

    @router.get("", dependencies=[allow(Role.SUPERVISOR, Role.OPS)])
    async def reports(limit: Annotated[int, Query(ge=1)] = 10) -> int:
        return limit

    @app.get("/open")
    @public
    async def open_to_all() -> str:
        return "welcome"

    @app.post("/broken", dependencies=[allow(Role.OPERATOR)])
    async def broken() -> None:
        raise KeyError("张三 13800138000")

    @app.get("/away")
    @public
    async def away() -> None:
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    @app.post("/large", dependencies=[allow(Role.OPERATOR)])
    async def large(request: Request) -> int:
        return len(await request.body())

    app.include_router(router)
    hot = HotRoute("/hot", "POST", "Report", [Role.OPERATOR], request=Report, response=Report, status=201)
    add_hot_route(app, hot, hot_report)
    return app


def make_client(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://service.test", headers=headers
    )
