"""The span of a request: by the conventions, under its caller's, and nothing of the path or the query."""

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chassis.http import Role
from chassis.recording import Recorder
from chassis.telemetry import SpanKind, Telemetry
from tests.unit.http_kit import make_app, make_client, make_token

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BODY = {"text": "路灯不亮", "place": {"longitude": 100}}


async def spans(
    directory: Path, method: str, path: str, *, traceparent: str | None = None, ratio: float = 0
) -> list[ReadableSpan]:
    """Ask once, and return the finished spans."""
    exported = InMemorySpanExporter()
    telemetry = Telemetry(Recorder("sample", SimpleSpanProcessor(exported)), ratio)
    headers = {"traceparent": traceparent} if traceparent else {}
    app = make_app(directory, telemetry=telemetry)
    async with make_client(app, make_token(directory, Role.OPERATOR)) as client:
        await client.request(method, path, json=BODY if method == "POST" else None, headers=headers)
    return list(exported.get_finished_spans())


@pytest.mark.parametrize(
    ("path", "route", "status"), [("/hot", "/hot", 201), ("/reports?token=K7Q2", "/reports", 200)]
)
async def test_a_request_is_spanned_under_its_caller(
    tmp_path: Path, path: str, route: str, status: int
) -> None:
    """R-PRIV-01: the template stands for the path, and the query is not told."""
    [span] = await spans(tmp_path, "POST", path, traceparent=f"00-{TRACE}-{CALLER}-01")
    assert (span.name, span.kind) == (f"POST {route}", SpanKind.SERVER)
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": route,
        "http.response.status_code": status,
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_a_fault_of_ours_marks_the_span(tmp_path: Path) -> None:
    [span] = await spans(tmp_path, "POST", "/broken", traceparent=f"00-{TRACE}-{CALLER}-01")
    assert (span.attributes or {})["error.type"] == "500"
    assert span.status.status_code is StatusCode.ERROR


async def test_where_no_route_was_taken_the_path_is_not_told(tmp_path: Path) -> None:
    [span] = await spans(tmp_path, "GET", "/13912345678", traceparent=f"00-{TRACE}-{CALLER}-01")
    assert (span.name, "http.route" in (span.attributes or {})) == ("GET", False)


async def test_what_is_not_sampled_and_plain_reads_are_not_recorded(tmp_path: Path) -> None:
    assert not await spans(tmp_path, "POST", "/hot", traceparent=f"00-{TRACE}-{CALLER}-00")
    assert not await spans(tmp_path, "POST", "/hot")
    assert not await spans(tmp_path, "GET", "/open", ratio=1)
    assert len(await spans(tmp_path, "POST", "/hot", ratio=1)) == 1
