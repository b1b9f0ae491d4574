"""The HTTP side of a service: the app with its health, metrics and error answers, and the server that runs it."""

import asyncio
import contextlib
import gc
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

from chassis.http import openapi, problems
from chassis.http.access import public, seal
from chassis.http.auth import Authenticator
from chassis.http.docs import add_docs
from chassis.http.hot import Endpoints, HotRoutes
from chassis.http.keys import KeySource, KeysUnavailable
from chassis.http.middleware import BodyLimit, Guard
from chassis.http.protocol import BoundedProtocol
from chassis.http.spans import RequestSpans
from chassis.metrics import Metrics
from chassis.settings import Settings
from chassis.telemetry import Telemetry

log = logging.getLogger(__name__)

Readiness = Callable[[], Awaitable[list[str]]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

READINESS_SECONDS = 3.0
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than the minute for which callers and proxies keep theirs, so that
it is they who close it and no request meets a closing door (uvicorn's own 5 s would lose some)."""
_COLLECT_AFTER = 100_000
"""Container objects made and not yet freed, before the youngest are looked through (Python's default: 700)."""
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(
    settings: Settings,
    title: str,
    description: str,
    readiness: Readiness,
    lifespan: Lifespan,
    metrics: Metrics,
    telemetry: Telemetry,
    body_limits: Mapping[str, int] | None = None,
) -> FastAPI:
    """An app with /healthz, /readyz, /metrics, /openapi.json and /docs, problem answers and bearer tokens.

    `readiness` returns plain reasons why the service is not ready, or an empty list. `lifespan` runs the
    service's own parts around the time in which requests are answered; before it, every route must have
    declared who may call it.
    `body_limits` maps an exact path to its limit in bytes (elsewhere 1 MiB).
    """
    hot_endpoints: Endpoints = {}
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        docs_url=None,  # ours needs no foreign host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_sealed(lifespan),
        telemetry=_NO_TELEMETRY,  # 170 µs and more a request; we make the spans that tell something
        middleware=[
            Middleware(RequestSpans, telemetry=telemetry),  # outermost: it sees what the guard answers
            Middleware(Guard, metrics=metrics),
            Middleware(BodyLimit, limits=body_limits or {}),
            Middleware(HotRoutes, endpoints=hot_endpoints),
        ],
        exception_handlers={
            problems.Problem: problems.on_problem,
            RequestValidationError: problems.on_request_invalid,
            HTTPException: problems.on_http_exception,
        },
    )
    app.state.authenticator = Authenticator(KeySource(settings.jwks), settings.issuer, settings.audience)
    app.state.stopping = asyncio.Event()
    app.state.degraded = list
    app.state.hot_routes = []
    app.state.hot_endpoints = hot_endpoints
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    _add_own_routes(app, settings.service, readiness, metrics)
    add_docs(app)
    return app


def _sealed(lifespan: Lifespan) -> Lifespan:
    @contextlib.asynccontextmanager
    async def sealed(app: FastAPI) -> AsyncIterator[None]:
        try:
            seal(app)
            async with lifespan(app):
                log.info("started")
                yield
                log.info("stopping: requests in flight and the batch in hand are finished first")
            log.info("stopped")
        except Exception:
            log.exception("the service could not start or stop in order")
            raise
        finally:
            app.state.stopping.set()
            await app.state.authenticator.keys.close()

    return sealed


def _add_own_routes(app: FastAPI, service: str, readiness: Readiness, metrics: Metrics) -> None:
    @app.get("/healthz", tags=["operation"], summary="Whether the process lives")
    @public
    async def healthz() -> dict[str, str]:
        return {"status": "alive", "service": service}

    @app.get(
        "/readyz", tags=["operation"], summary="Whether requests can be served: 503 with the reasons if not"
    )
    @public
    async def readyz() -> JSONResponse:
        reasons = (
            ["the service is stopping"] if app.state.stopping.is_set() else await _reasons(app, readiness)
        )
        status = "not ready" if reasons else "ready"
        told = {"status": status, "reasons": reasons, "degraded": app.state.degraded()}
        return JSONResponse(told, 503 if reasons else 200)

    @app.get("/metrics", tags=["operation"], summary="Metrics for Prometheus", response_class=Response)
    @public
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=metrics.content_type)


async def _reasons(app: FastAPI, readiness: Readiness) -> list[str]:
    try:
        async with asyncio.timeout(READINESS_SECONDS):
            await app.state.authenticator.keys.keys(None)
            return await readiness()
    except KeysUnavailable as error:
        return [str(error)]
    except TimeoutError:
        return [f"the readiness check did not answer within {READINESS_SECONDS:g} s"]
    except Exception as error:
        log.exception("the readiness check failed")
        return [f"the readiness check failed: {type(error).__name__}"]


class Server(uvicorn.Server):
    """uvicorn that tells open event streams to end as soon as it is asked to stop.

    SIGTERM or SIGINT: no new connection is taken, requests in flight are answered (for at most
    `shutdown_grace_seconds`), then the app's lifespan ends and the process leaves normally. A second signal
    does not wait.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=settings.shutdown_grace_seconds,
            )
        )
        self._stopping: asyncio.Event = app.state.stopping

    def stop(self) -> None:
        """Begin to stop; to be called in the server's event loop. A second call does not wait for anything."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, and do not raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until a signal asks to stop; SystemExit(3) when the service could not start."""
    _spare_the_collector()
    Server(app, settings).run()


def _spare_the_collector() -> None:
    """Take what was loaded so far out of the garbage collector's rounds, and make its rounds rarer.

    Jurisdiction, policy and routes live as long as the process: walking through them again and again was a fifth
    of a busy service's time. Nearly all that a request makes is freed by reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)
