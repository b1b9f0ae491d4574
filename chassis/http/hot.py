"""Hot routes: plain Starlette endpoints for where FastAPI's dependency solver costs too much, still documented."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.routing import Route

from chassis.http.access import Protected, protect
from chassis.http.auth import Role


@dataclass(frozen=True)
class HotRoute:
    """What /openapi.json says about a hot route."""

    path: str
    method: str
    summary: str
    roles: Sequence[Role]
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    status: int = 200
    tags: Sequence[str] = ()
    request_media_type: str = "application/json"
    parameters: Sequence[dict[str, Any]] = field(default=())
    """OpenAPI parameter objects, for example of the Idempotency-Key header."""


def add_hot_route(app: FastAPI, route: HotRoute, endpoint: Protected) -> None:
    """Add `endpoint(request, principal)`; the caller is verified and holds one of the roles before it runs."""
    made = Route(route.path, protect(*route.roles)(endpoint), methods=[route.method], include_in_schema=False)
    app.router.routes.insert(0, made)  # routes are tried one by one: the hot ones first
    app.state.hot_routes.append(route)
