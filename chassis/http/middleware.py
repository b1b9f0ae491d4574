"""Two plain ASGI middlewares: the outermost guard against unhandled exceptions, and what a body may be."""

import logging
import re
import secrets
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.batch import describe
from chassis.database import is_passing
from chassis.http.problems import internal, too_large, unavailable, wrong_charset, wrong_encoding
from chassis.metrics import Metrics

log = logging.getLogger(__name__)
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Not counted as answers: a service that is not ready yet while it starts has failed nobody."""
DEFAULT_BODY_BYTES = 1024 * 1024
DISCARDED_BYTES = 8 * 1024 * 1024
"""How much more than its limit is still read of a body that is refused."""
BEYOND_REASON_BYTES = 256 * 1024 * 1024
"""Who announces so much has the answer at once: perhaps nothing of it ever comes."""
_UTF8 = re.compile(rb'charset\s*=\s*"?(?:utf-?8|us-ascii)"?\s*(?:;|$)', re.IGNORECASE)


class Guard:
    """Answers an unhandled exception with an opaque incident id, logs it under that id, and counts answers.

    What passes by itself, such as a database that is away for a moment, is no fault of ours and answered with 503.
    Where the answer had begun, the exception goes on, so that the connection breaks and the client notices.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if scope["path"] not in PROBES:
                    self.metrics.count("http_responses", 1, f"{message['status'] // 100}xx")
            await send(message)

        try:
            await self.app(scope, receive, counted)
        except ClientDisconnect:
            log.info(
                "a client went away while it was sending"
            )  # nobody is left to answer, and no fault is ours
        except Exception as error:
            if is_passing(error):
                log.warning("a request could not be served: %s", describe(error))
                problem = unavailable(
                    "The database did not answer. Send the request again in a moment, with its Idempotency-Key."
                )
            else:
                incident = secrets.token_hex(8)
                log.exception("unhandled exception in a request", extra={"incident": incident})
                problem = internal(incident)
            if started:
                raise
            await problem.response()(scope, receive, counted)


class BodyLimit:
    """Refuses a larger body with 413, by its Content-Length or while its bytes arrive; a compressed one, and one in
    another character set than UTF-8, with 415.

    `limits` names exact paths with another limit in bytes; in one with braces, such as /v1/cases/{id}/attachments,
    each pair stands for one part of a path. What is too much is read and thrown away first, within
    reason: a client that still sends when we close would see a reset instead of the answer.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], default: int = DEFAULT_BODY_BYTES) -> None:
        self.app = app
        self.limits = {path: limit for path, limit in limits.items() if "{" not in path}
        self.templates = [
            (re.compile(re.sub(r"\\{[^/]*?\\}", "[^/]+", re.escape(path))), limit)
            for path, limit in limits.items()
            if "{" in path
        ]
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self._limit(scope["path"])
        if _is_encoded(scope):
            await _discard(receive, limit + DISCARDED_BYTES)
            return await wrong_encoding().response()(scope, receive, send)
        if _is_of_another_charset(scope):
            await _discard(receive, limit + DISCARDED_BYTES)
            return await wrong_charset().response()(scope, receive, send)
        length = _content_length(scope)
        if length > limit:
            if length < BEYOND_REASON_BYTES:
                await _discard(receive, limit + DISCARDED_BYTES)
            return await too_large(limit).response()(scope, receive, send)
        return await self.app(scope, _counted(receive, limit), send)

    def _limit(self, path: str) -> int:
        found = self.limits.get(path)
        if found is not None:
            return found
        matching = (limit for template, limit in self.templates if template.fullmatch(path))
        return next(matching, self.default)


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            if message.get("more_body"):
                await _discard(receive, DISCARDED_BYTES)
            raise too_large(limit)
        return message

    return counted


async def _discard(receive: Receive, most: int) -> None:
    """Read a body to its end, or `most` bytes of it, and keep nothing."""
    while most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _is_encoded(scope: Scope) -> bool:
    return any(
        name == b"content-encoding" and value.strip().lower() not in (b"", b"identity")
        for name, value in scope["headers"]
    )


def _is_of_another_charset(scope: Scope) -> bool:
    return any(
        name == b"content-type" and b"charset" in value.lower() and _UTF8.search(value) is None
        for name, value in scope["headers"]
    )
