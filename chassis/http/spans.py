"""The span of a request, by OpenTelemetry's conventions for HTTP servers: with it begins the trace of a case.

It tells the route's template and never the path or the query, which can hold a tracking code (R-PRIV-01).
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry import SpanKind, Telemetry

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_HEADER: Final = b"traceparent"


class RequestSpans:
    """Spans each request that its caller traces, and each that may change something; reads and probes are many.

    What the request does finds this span in the place of the caller's, in the header `traceparent`.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        caller = self.telemetry.accept(_header(scope))
        if caller is None and scope["method"] in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        with self.telemetry.span(method, caller, SpanKind.SERVER) as span:
            span.set("http.request.method", method)
            span.set("url.scheme", scope.get("scheme", "http"))

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set("http.response.status_code", status)
                    if status >= 500:
                        span.set("error.type", str(status))
                await send(message)

            others = [pair for pair in scope["headers"] if pair[0] != _HEADER]
            inner = {**scope, "headers": [*others, (_HEADER, span.traceparent.encode())]}
            try:
                await self.app(inner, receive, noted)
            finally:
                if template := _template(inner):
                    span.set("http.route", template)
                    span.rename(f"{method} {template}")


def _header(scope: Scope) -> str | None:
    found = [value for name, value in scope["headers"] if name == _HEADER]
    return found[0].decode("latin-1") if found else None


def _template(scope: Scope) -> str | None:
    """The path of the route that was taken, its parameters by their names: as hot routes or FastAPI note it."""
    path: str | None = scope.get("template") or getattr(scope.get("route"), "path", None)
    return path
