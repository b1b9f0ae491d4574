"""The app of a service: health, readiness, metrics, its OpenAPI document, and a shutdown that loses nothing."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chassis.http import Role, Server, ServerSentEvent, create_app, event_stream, public
from chassis.http.app import Lifespan, Readiness
from chassis.http.problems import MEDIA_TYPE
from chassis.metrics import Metrics
from chassis.telemetry import Telemetry
from tests.unit.http_kit import make_app, make_client, make_settings, make_token, no_lifespan, ready

PATIENCE_SECONDS = 20  # far beyond what is needed: only a hanging test takes so long


def plain_app(directory: Path, readiness: Readiness = ready, lifespan: Lifespan = no_lifespan) -> FastAPI:
    make_token(directory, Role.OPERATOR)  # so that the key file exists
    return create_app(
        make_settings(directory), "sample", "", readiness, lifespan, Metrics(), Telemetry(None, 0)
    )


# --- the interface to try out ----------------------------------------------------------------------------------


async def test_the_page_of_the_interface_needs_no_other_host(tmp_path: Path) -> None:
    """A district's network is closed: all that the page loads it gets here, and it may load nothing else."""
    async with make_client(plain_app(tmp_path)) as client:
        page = await client.get("/docs")
        assert "//" not in page.text.replace("<!DOCTYPE html>", "")
        assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        types = {
            path: (await client.get(f"/{path}")).headers["content-type"].split(";")[0] for path in loaded
        }
        assert types == {
            "docs/favicon.png": "image/png",
            "docs/swagger-ui.css": "text/css",
            "docs/swagger-ui-bundle.js": "text/javascript",
            "docs/start.js": "text/javascript",
        }
        assert 'url: "openapi.json"' in (await client.get("/docs/start.js")).text
        assert "SwaggerUIBundle" in (await client.get("/docs/swagger-ui-bundle.js")).text
        assert (await client.get("/docs/nothing.js")).status_code == 404


# --- health, readiness, metrics --------------------------------------------------------------------------------


async def test_alive_and_ready(tmp_path: Path) -> None:
    async with make_client(plain_app(tmp_path)) as client:
        assert (await client.get("/healthz")).json() == {"status": "alive", "service": "sample"}
        assert (await client.get("/readyz")).json() == {"status": "ready", "reasons": [], "degraded": []}


async def not_ready() -> list[str]:
    return ["the reference jurisdiction is not loaded"]


async def failing() -> list[str]:
    raise ConnectionError("postgresql://user:secret@host")


@pytest.mark.parametrize(
    ("readiness", "reason"),
    [
        (not_ready, "the reference jurisdiction is not loaded"),
        (failing, "the readiness check failed: ConnectionError"),
    ],
)
async def test_not_ready_says_why(tmp_path: Path, readiness: Readiness, reason: str) -> None:
    async with make_client(plain_app(tmp_path, readiness)) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, [reason])
        assert (await client.get("/healthz")).status_code == 200


async def test_a_service_that_is_not_ready_yet_counts_no_server_error(tmp_path: Path) -> None:
    """Else the alert ServerErrors wakes somebody after each slow start: few other answers come then."""
    async with make_client(plain_app(tmp_path, not_ready)) as client:
        assert (await client.get("/readyz")).status_code == 503
        assert "caseladder_http_responses_total{" not in (await client.get("/metrics")).text


async def test_not_ready_while_stopping_or_without_keys(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    async with make_client(app) as client:
        (tmp_path / "jwks.json").unlink()
        assert "token keys" in (await client.get("/readyz")).json()["reasons"][0]
        app.state.stopping.set()
        assert (await client.get("/readyz")).json()["reasons"] == ["the service is stopping"]


async def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    metrics = Metrics()
    async with make_client(make_app(tmp_path, metrics)) as client:
        await client.get("/nowhere")
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'caseladder_http_responses_total{status="4xx"} 1.0' in answer.text


# --- OpenAPI ---------------------------------------------------------------------------------------------------


async def test_openapi_tells_callers_errors_and_hot_routes(tmp_path: Path) -> None:
    async with make_client(make_app(tmp_path)) as client:
        made = (await client.get("/openapi.json")).json()
    schemas, paths = made["components"]["schemas"], made["paths"]
    assert made["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in schemas
    for path, roles in (("/hot", ["operator"]), ("/reports", ["operator"])):
        operation = paths[path]["post"]
        assert operation["security"] == [{"bearer": []}]
        assert operation["x-roles"] == roles
        assert operation["requestBody"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Report"
        }
    assert paths["/reports"]["get"]["x-roles"] == ["ops", "supervisor"]
    assert "security" not in paths["/open"]["get"]
    operations = [operation for path in paths.values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        reference = operation["responses"]["default"]["content"][MEDIA_TYPE]["schema"]["$ref"]
        assert reference == "#/components/schemas/ProblemDocument"
        assert "422" not in operation["responses"]
    assert set(schemas["ProblemDocument"]["required"]) >= {"code", "detail", "status", "title", "type"}


# --- stopping --------------------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@contextlib.asynccontextmanager
async def running(
    app: FastAPI, directory: Path, listener: socket.socket
) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A real server on a real socket; leaving the block waits until it has ended by itself."""
    server = Server(app, make_settings(directory))
    port = listener.getsockname()[1]
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(server.serve(sockets=[listener]))
        yield server, client


async def test_a_request_in_flight_is_answered_before_the_lifespan_ends(
    tmp_path: Path, listener: socket.socket
) -> None:
    entered, release = asyncio.Event(), asyncio.Event()
    story: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        story.append("lifespan ended")

    app = plain_app(tmp_path, lifespan=lifespan)

    @app.get("/slow")
    @public
    async def slow() -> str:
        entered.set()
        await release.wait()
        story.append("answered")
        return "done"

    async with running(app, tmp_path, listener) as (server, client):
        request = asyncio.create_task(client.get("/slow"))
        await entered.wait()
        server.stop()
        release.set()
        assert (await request).json() == "done"
    assert story == ["answered", "lifespan ended"]


async def endless() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent("1", "assigned", b'{"unit":"GL-03"}')
    await asyncio.Event().wait()


async def test_an_open_event_stream_ends_when_the_service_stops(
    tmp_path: Path, listener: socket.socket
) -> None:
    app = plain_app(tmp_path)

    @app.get("/feed")
    @public
    async def feed(request: Request) -> Response:
        return event_stream(request, endless(), time.time() + 3600)

    async with running(app, tmp_path, listener) as (server, client), client.stream("GET", "/feed") as answer:
        lines = answer.aiter_lines()
        wanted = ["retry: 1000", "", "id: 1", "event: assigned", 'data: {"unit":"GL-03"}', ""]
        assert [await anext(lines) for _ in wanted] == wanted
        server.stop()
        assert [line async for line in lines] == []
    assert not server.force_exit


@pytest.mark.parametrize("lifetime", [0.05, -5])
async def test_an_open_event_stream_ends_with_its_token(tmp_path: Path, lifetime: float) -> None:
    """Whoever was let in may not listen on when the token no longer says so."""
    app = plain_app(tmp_path)

    @app.get("/feed")
    @public
    async def feed(request: Request) -> Response:
        return event_stream(request, endless(), time.time() + lifetime)

    async with make_client(app) as client, asyncio.timeout(PATIENCE_SECONDS):
        assert (await client.get("/feed")).text.startswith("retry: 1000\n\n")


async def test_a_quiet_stream_is_kept_alive_and_ends_with_its_events(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    more = asyncio.Event()

    async def quiet() -> AsyncIterator[ServerSentEvent]:
        await more.wait()
        yield ServerSentEvent("2", "closed", b"{}")

    @app.get("/feed")
    @public
    async def feed(request: Request) -> Response:
        answer = event_stream(request, quiet(), time.time() + 3600, keepalive_seconds=0.001)
        inner = answer.body_iterator

        async def watched() -> AsyncIterator[bytes]:
            async for chunk in inner:
                assert isinstance(chunk, bytes)
                if chunk.startswith(b":"):
                    more.set()
                yield chunk

        answer.body_iterator = watched()
        return answer

    async with make_client(app) as client:
        text = (await client.get("/feed")).text
    assert ": keep-alive\n\n" in text
    assert text.endswith("id: 2\nevent: closed\ndata: {}\n\n")


PROGRAM = """
import contextlib, sys
from pathlib import Path
from chassis.http import serve
from tests.unit.http_kit import create_app, make_settings, ready, Metrics, Telemetry

@contextlib.asynccontextmanager
async def lifespan(app):
    print("begun", flush=True)
    yield
    print("ended", flush=True)

settings = make_settings(Path(sys.argv[1])).model_copy(update={"port": int(sys.argv[2])})
serve(create_app(settings, "sample", "", ready, lifespan, Metrics(), Telemetry(None, 0)), settings)
print("left", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_in_order(
    tmp_path: Path, number: signal.Signals, listener: socket.socket
) -> None:
    port = str(listener.getsockname()[1])
    listener.close()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), port]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (rest, process.returncode) == ("ended\nleft\n", 0)
