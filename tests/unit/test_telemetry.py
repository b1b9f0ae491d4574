"""Tracing by hand: one trace for a case across services, sampled once, nothing recorded where it is not."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chassis.logs import current_traceparent
from chassis.recording import Recorder
from chassis.spans import BatchSpans
from chassis.telemetry import SpanKind, Telemetry, child, sampled
from tests.unit.http_kit import make_settings

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")
Make = Callable[[float], Telemetry]


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def make(exported: InMemorySpanExporter) -> Make:
    def made(ratio: float) -> Telemetry:
        return Telemetry(Recorder("sample", SimpleSpanProcessor(exported)), ratio)

    return made


@pytest.fixture
def collector() -> Iterator[tuple[str, list[str]]]:
    """An OTLP collector: its address, and the paths that were posted to."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            received.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def written(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def test_a_span_continues_the_trace_of_the_event(make: Make, exported: InMemorySpanExporter) -> None:
    telemetry = make(0.05)
    with telemetry.span(
        "case.events process",
        parent=SAMPLED,
        kind=SpanKind.CONSUMER,
        links=[UNSAMPLED, SAMPLED],
        attributes={"messaging.destination.name": "case.events"},
    ) as span:
        span.set("caseladder.outcome", "assigned")
    (done,) = exported.get_finished_spans()
    assert written(done) == span.traceparent
    assert span.traceparent[:36] == SAMPLED[:36]
    assert done.parent
    assert f"{done.parent.span_id:016x}" == SAMPLED[36:52]
    assert (done.name, done.kind, len(done.links)) == ("case.events process", SpanKind.CONSUMER, 1)
    assert done.attributes == {"messaging.destination.name": "case.events", "caseladder.outcome": "assigned"}
    assert done.resource.attributes["service.name"] == "sample"


def test_one_trace_tells_the_route_across_services(make: Make, exported: InMemorySpanExporter) -> None:
    with make(1).span("POST /v1/cases", kind=SpanKind.SERVER) as submitted:
        pass
    with make(0).span("case.events process", parent=submitted.traceparent) as routed:
        pass
    root, second = exported.get_finished_spans()
    assert root.parent is None
    assert (written(root), written(second)) == (submitted.traceparent, routed.traceparent)
    assert root.context.trace_id == second.context.trace_id


def test_an_unsampled_case_is_carried_on_and_not_recorded(make: Make, exported: InMemorySpanExporter) -> None:
    with make(1).span("case.events process", parent=UNSAMPLED) as span:
        span.set("caseladder.outcome", "assigned")
    with make(0).span("POST /v1/cases") as root:
        pass
    assert exported.get_finished_spans() == ()
    assert span.traceparent[:36] == UNSAMPLED[:36]
    assert span.traceparent != UNSAMPLED
    assert not sampled(span.traceparent)
    assert not sampled(root.traceparent)


def test_root_spans_are_recorded_whenever_they_are_sampled(
    make: Make, exported: InMemorySpanExporter
) -> None:
    telemetry = make(0.5)
    recorded = []
    for _ in range(200):
        with telemetry.span("POST /v1/cases") as span:
            recorded.append(span.traceparent)
    assert [written(span) for span in exported.get_finished_spans()] == [t for t in recorded if sampled(t)]
    assert 50 < sum(map(sampled, recorded)) < 150  # 7 standard deviations


def test_the_share_of_new_traces(make: Make) -> None:
    for ratio, low, high in ((0, 0, 0), (1, 2000, 2000), (0.25, 350, 650)):  # 7 standard deviations
        made = [make(ratio).new_traceparent() for _ in range(2000)]
        assert low <= sum(map(sampled, made)) <= high
        assert all(FORM.fullmatch(traceparent) for traceparent in made)
        assert len(set(made)) == 2000


def test_child_and_sampled() -> None:
    assert child(SAMPLED)[:36] == SAMPLED[:36]
    assert child(SAMPLED)[52:] == "-01"
    assert child(SAMPLED) != SAMPLED
    assert sampled(SAMPLED)
    assert sampled(SAMPLED[:-2] + "03")
    assert not sampled(UNSAMPLED)
    assert not sampled(UNSAMPLED[:-2] + "02")
    assert not sampled("")


@pytest.mark.parametrize(
    "header",
    [None, "", "rubbish", SAMPLED.upper(), SAMPLED[:-1], "ff" + SAMPLED[2:], f"00-{'0' * 32}-{'1' * 16}-01"],
)
def test_a_bad_header_starts_a_trace_of_its_own(header: str | None) -> None:
    assert Telemetry(None, 0).accept(header) is None


def test_a_good_header_is_the_parent_of_what_follows() -> None:
    assert Telemetry(None, 0).accept(SAMPLED) == SAMPLED
    assert Telemetry(None, 0).accept("01" + SAMPLED[2:] + "-more") == "01" + SAMPLED[2:]


def test_a_failure_is_marked_by_type_without_its_message(make: Make, exported: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), make(1).span("decide", parent=SAMPLED):
        raise KeyError("张三")
    (done,) = exported.get_finished_spans()
    assert done.status.status_code is StatusCode.ERROR
    assert done.attributes == {"error.type": "KeyError"}
    assert "张三" not in json.dumps(json.loads(done.to_json()), ensure_ascii=False)


@pytest.mark.parametrize("parent", [SAMPLED, UNSAMPLED])
def test_logs_within_a_span_carry_its_trace(make: Make, parent: str) -> None:
    with make(1).span("outer", parent=parent) as outer:
        with make(1).span("inner", parent=outer.traceparent) as inner:
            assert current_traceparent.get() == inner.traceparent
        assert current_traceparent.get() == outer.traceparent
    assert current_traceparent.get() is None


def test_without_an_endpoint_nothing_is_recorded(tmp_path: Path) -> None:
    telemetry = Telemetry.start(make_settings(tmp_path).model_copy(update={"trace_ratio": 1.0}))
    with telemetry.span("case.events process", parent=SAMPLED) as span:
        assert sampled(span.traceparent)
    assert not hasattr(span, "_span")
    telemetry.stop()


def test_with_an_endpoint_spans_reach_the_collector(tmp_path: Path, collector: tuple[str, list[str]]) -> None:
    endpoint, received = collector
    telemetry = Telemetry.start(make_settings(tmp_path).model_copy(update={"otlp_endpoint": endpoint}))
    with telemetry.span("case.events process", parent=SAMPLED):
        pass
    telemetry.stop()
    assert received == ["/v1/traces"]


def test_a_span_of_many_cases_is_recorded_where_one_of_them_is(
    make: Make, exported: InMemorySpanExporter
) -> None:
    """Whatever the share of new traces, and with all its links, each once: a batch has more than the SDK keeps."""
    links = [f"00-{number:032x}-b7ad6b7169203331-01" for number in range(1, 501)]
    given = [UNSAMPLED, *links, *links]
    for ratio in (0.0, 1.0):
        with make(ratio).batch_span("receive case.events", SpanKind.CLIENT, [UNSAMPLED], {}) as none:
            pass
        assert not sampled(none.traceparent)
        with make(ratio).batch_span("receive case.events", SpanKind.CLIENT, given, {}) as some:
            pass
        (done,) = exported.get_finished_spans()
        assert (written(done), done.parent, len(done.links)) == (some.traceparent, None, 500)
        exported.clear()


@pytest.mark.parametrize(("cases", "told"), [(1, None), (2, 2)])
def test_a_commit_of_one_case_is_no_batch(
    make: Make, exported: InMemorySpanExporter, cases: int, told: int | None
) -> None:
    """The conventions: `db.operation.batch.size` for two and more."""
    spans = BatchSpans(make(1.0), "router")
    with spans.of_case("SubmitCase", uuid4(), SAMPLED):
        pass
    with spans.commit(cases):
        pass
    done = exported.get_finished_spans()[-1]
    assert done.name == "COMMIT router"
    assert (done.attributes or {}).get("db.operation.batch.size") == told
