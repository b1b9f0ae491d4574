"""Spans in bytes: the same message as OpenTelemetry's own encoder makes."""

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.otlp import encode
from chassis.recording import Recorder
from chassis.telemetry import Attribute, SpanKind, Telemetry, Value

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ATTRIBUTES: dict[Attribute, Value] = {
    "messaging.system": "kafka",
    "messaging.destination.name": "x" * 300 + "字",
    "server.port": 9092,
    "messaging.kafka.offset": 0,
    "db.operation.batch.size": -1,
    "caseladder.outcome": True,
    "messaging.batch.message_count": 1,
    "caseladder.policy.version": 0.5,
}


def test_the_message_is_the_librarys() -> None:
    """Roots and children, every kind, links, a failure, each type of value."""
    kept = InMemorySpanExporter()
    telemetry = Telemetry(Recorder("sample", SimpleSpanProcessor(kept)), 1.0)
    for kind in SpanKind:
        with telemetry.span("process case.events", PARENT, kind, [PARENT, PARENT], ATTRIBUTES):
            pass
    with pytest.raises(KeyError), telemetry.span("root"):
        raise KeyError
    spans = kept.get_finished_spans()
    assert len(spans) == 6
    assert ExportTraceServiceRequest.FromString(encode(spans)) == encode_spans(spans)
