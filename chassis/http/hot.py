"""Hot routes: plain Starlette endpoints for where FastAPI's dependency solver costs too much, still documented."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.http.access import Protected, protect
from chassis.http.auth import Principal, Role
from chassis.http.problems import Problem, has_body, is_media_type, wrong_media_type


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


Endpoints = dict[tuple[str, str], Callable[[Request], Awaitable[Response]]]
"""The hot endpoints by method and exact path."""


class HotRoutes:
    """Answers the hot routes before the router, its exit stacks and its exception handlers are entered."""

    def __init__(self, app: ASGIApp, endpoints: Endpoints) -> None:
        self.app = app
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            return await self.app(scope, receive, send)
        scope["template"] = scope["path"]
        try:
            response = await endpoint(Request(scope, receive, send))
        except Problem as problem:
            response = problem.response()
        return await response(scope, receive, send)


class _Templated(Route):
    """A route that notes its template where it is taken, as FastAPI's do in their way."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "template": self.path} if match is Match.FULL else found


def add_hot_route(app: FastAPI, route: HotRoute, endpoint: Protected) -> None:
    """Add `endpoint(request, principal)`; the caller is verified and holds one of the roles before it runs.

    A path without parameters is answered before the router is asked. A body that does not say it is of the right
    media type is refused with 415; an empty one need not.
    """
    right = route.request_media_type

    async def typed(request: Request, principal: Principal) -> Response:
        told = request.headers.get("content-type")
        if (told is None and has_body(request)) or (told is not None and not is_media_type(told, right)):
            raise wrong_media_type(right)
        return await endpoint(request, principal)

    protected = protect(*route.roles)(endpoint if route.request is None else typed)
    if "{" not in route.path:
        app.state.hot_endpoints[route.method, route.path] = protected
    # the router knows it too: for `seal`, for other methods' 405, and for addresses below a mount
    app.router.routes.insert(
        0, _Templated(route.path, protected, methods=[route.method], include_in_schema=False)
    )
    app.state.hot_routes.append(route)
