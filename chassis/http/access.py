"""Authorisation by default: every route says who may call it; `seal` refuses to start an app where one does not.

FastAPI routes:  principal: Annotated[Principal, allow(Role.OPERATOR)]   or   dependencies=[allow(Role.OPS)]
Hot routes:      chassis.http.hot.add_hot_route(app, ..., roles=[Role.OPERATOR])
Open to anyone:  @public above the function (below the route decorator), or public(StaticFiles(...)) for a mount
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, Protocol, TypeVar

from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from chassis.http.auth import Authenticator, Principal, Role, require

ANYONE_LOGGED_IN: Final = tuple(Role)
_MARK = "__caseladder_access__"
_PUBLIC: Final = frozenset[Role]()
T = TypeVar("T")


class UnsealedRouteError(Exception):
    """Routes that do not declare who may call them; one line each."""

    safe_to_log = True


class Protected(Protocol):
    """A hot endpoint: a plain Starlette one that also gets the caller."""

    def __call__(self, request: Request, principal: Principal, /) -> Awaitable[Response]: ...


class Allow(SecurityBase):
    """The dependency behind `allow`: verifies the bearer token and demands one of the roles."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self.roles = roles
        self.model = HTTPBearerModel(bearerFormat="JWT", description="A JWT of the identity provider.")
        self.scheme_name = "bearer"

    async def __call__(self, connection: HTTPConnection) -> Principal:
        return require(await authenticator(connection).authenticate(connection.scope), *self.roles)


def allow(*roles: Role) -> Any:  # Depends is `Any` to its users, too
    """A FastAPI dependency that yields the Principal, or answers 401 or 403."""
    return Depends(Allow(_some(roles)))


def public(thing: T) -> T:
    """Mark an endpoint or a mounted app as open to anyone."""
    setattr(thing, _MARK, _PUBLIC)
    return thing


def protect(*roles: Role) -> Callable[[Protected], Callable[[Request], Awaitable[Response]]]:
    """Turn `async def endpoint(request, principal)` into a Starlette endpoint that checks the caller first."""
    allowed = _some(roles)

    def wrap(endpoint: Protected) -> Callable[[Request], Awaitable[Response]]:
        async def protected(request: Request) -> Response:
            principal = await authenticator(request).authenticate(request.scope)
            return await endpoint(request, require(principal, *allowed))

        setattr(protected, _MARK, allowed)
        return protected

    return wrap


def authenticator(connection: HTTPConnection) -> Authenticator:
    """The app's authenticator."""
    found: Authenticator = connection.app.state.authenticator
    return found


def seal(app: FastAPI) -> None:
    """Raise UnsealedRouteError unless every route declares who may call it. `create_app` calls it at start-up."""
    open_routes = [
        f"{','.join(sorted(route.methods or ()))} {route.path} declares nobody who may call it: "
        "add allow(Role...) or mark it public"
        for route in iter_route_contexts(app.routes)
        if route.path != app.openapi_url and declared_roles(route) is None
    ]
    if open_routes:
        raise UnsealedRouteError("\n".join(open_routes))


def declared_roles(route: RouteContext) -> frozenset[Role] | None:
    """The roles that may call a route; empty: public; None: it does not say."""
    dependant = getattr(route, "dependant", None)
    for allowed in _dependencies(dependant) if dependant else ():
        return allowed.roles
    for thing in (route.endpoint, getattr(route, "app", None)):
        mark = getattr(thing, _MARK, None)
        if isinstance(mark, frozenset):
            return mark
    return None


def _dependencies(dependant: Dependant) -> Iterator[Allow]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Allow):
            yield inner.call
        yield from _dependencies(inner)


def _some(roles: tuple[Role, ...]) -> frozenset[Role]:
    if not roles:
        raise ValueError("name at least one role; a route for everyone is marked with @public")
    return frozenset(roles)
