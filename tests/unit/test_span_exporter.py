"""Spans on their way to a collector: sent, tried again, given up, and told once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import span_exporter
from chassis.recording import Recorder
from chassis.span_exporter import HttpSpanExporter
from chassis.telemetry import Telemetry

Export = Callable[[HttpSpanExporter], SpanExportResult]


@contextmanager
def collector(*statuses: int) -> Iterator[tuple[str, list[bytes]]]:
    """A collector that answers with these, one after the other: its address, and what it was sent."""
    sent: list[bytes] = []
    answers = iter(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(next(answers))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", sent
        server.shutdown()
        thread.join()


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch) -> Export:
    """Sends one span."""
    monkeypatch.setattr(span_exporter, "PAUSES_S", (0.0, 0.01, 0.01))
    kept = InMemorySpanExporter()
    with Telemetry(Recorder("sample", SimpleSpanProcessor(kept)), 1.0).span("root"):
        pass
    return lambda exporter: exporter.export(kept.get_finished_spans())


def test_a_collector_that_is_busy_is_asked_again(export: Export) -> None:
    with collector(503, 429, 200) as (url, sent):
        exporter = HttpSpanExporter(url)
        assert export(exporter) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert len(sent) == 3
    [resource] = ExportTraceServiceRequest.FromString(sent[2]).resource_spans
    assert resource.scope_spans[0].spans[0].name == "root"


@pytest.mark.parametrize(("statuses", "attempts"), [((400, 400), 2), ((503,) * 6, 6)])
def test_what_is_not_taken_is_dropped_and_told_once(
    export: Export, statuses: tuple[int, ...], attempts: int, caplog: pytest.LogCaptureFixture
) -> None:
    with collector(*statuses) as (url, sent):
        exporter = HttpSpanExporter(url)
        assert [export(exporter), export(exporter)] == [SpanExportResult.FAILURE] * 2
        exporter.shutdown()
    assert len(sent) == attempts
    assert [record.message for record in caplog.records if record.name == "chassis.span_exporter"] == [
        f"traces are dropped: the collector does not take them (status {statuses[0]})"
    ]


def test_a_collector_that_is_away_holds_nobody_up(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_exporter, "LIMIT_S", 0.05)
    with collector() as (url, _):
        pass  # it has gone
    exporter = HttpSpanExporter(url)
    assert export(exporter) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert export(exporter) is SpanExportResult.FAILURE
