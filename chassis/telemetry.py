"""Tracing by hand: one trace tells the whole route of a case, its W3C traceparent lives in the events.

    telemetry = Telemetry.start(settings)
    traceparent = telemetry.accept(headers.get("traceparent"))     # at the edge; None: a trace of its own
    with telemetry.span("process case.events", parent=traceparent, kind=SpanKind.CONSUMER,
                        links=[batch.traceparent], attributes={"messaging.system": "caseladder"}) as span:
        span.set("caseladder.outcome", "assigned")
        emit(traceparent=span.traceparent)
    telemetry.stop()

Whether a case is traced is decided once, by its trace id; every later span follows the flag in the traceparent. An
untraced case costs no SDK object at all: `span` then only hands out the next traceparent. A span of many cases
(`batch_span`) is recorded where one of them is. Without an OTLP endpoint nothing is recorded or exported.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from chassis.logs import current_traceparent
from chassis.settings import Settings

__all__ = ["Attribute", "Span", "SpanKind", "Telemetry", "Value", "child", "sampled"]

# OpenTelemetry's semantic conventions, and ours under `caseladder.`; a closed list keeps personal data out
Attribute = Literal[
    "messaging.system",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.destination.name",
    "messaging.destination.partition.id",
    "messaging.kafka.offset",
    "messaging.batch.message_count",
    "messaging.consumer.group.name",
    "messaging.message.id",
    "db.system.name",
    "db.namespace",
    "db.operation.name",
    "db.operation.batch.size",
    "server.address",
    "server.port",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "error.type",
    "caseladder.case_id",
    "caseladder.event.type",
    "caseladder.outcome",
    "caseladder.policy.version",
    "caseladder.unit",
]
Value = str | int | float | bool
MAX_LINKS: Final = 1000
"""Links of one span at most: as many as a batch can have cases (the SDK's own limit, 128, drops the later ones)."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_HALF: Final = 1 << 64


class Span(Protocol):
    """A span while it is open."""

    @property
    def traceparent(self) -> str:
        """What an effect of this span carries on."""

    def set(self, name: Attribute, value: Value) -> None:
        """Set an attribute."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Telemetry:
    """The tracing of one process. `provider` None: nothing is recorded."""

    def __init__(self, provider: TracerProvider | None, ratio: float) -> None:
        self._provider = provider
        self._tracer: Tracer | None = provider.get_tracer("caseladder") if provider else None
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Tracing as the settings want it; an OTLP/HTTP exporter only where an endpoint is set."""
        if settings.otlp_endpoint is None:
            return cls(None, settings.trace_ratio)
        # imported here: the exporter takes 20 MB and 0.3 s that a process without an endpoint need not spend
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        provider = new_provider(settings.service, settings.trace_ratio)
        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider, settings.trace_ratio)

    def stop(self) -> None:
        """Export what is left, and end."""
        if self._provider is not None:
            self._provider.shutdown()

    def new_traceparent(self) -> str:
        """The start of a new trace; the sampled flag is set for the configured share, as the SDK would."""
        trace_id = random.getrandbits(128) or 1
        flag = "01" if trace_id % _HALF < self._bound else "00"
        return f"00-{trace_id:032x}-{_span_id()}-{flag}"

    def accept(self, header: str | None) -> str | None:
        """The caller's span, to go on under it; None without a valid header: the first span then begins a trace."""
        return header[:55] if header and _TRACEPARENT.fullmatch(header) else None

    def span(
        self,
        name: str,
        parent: str | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Iterable[str] = (),
        attributes: Mapping[Attribute, Value] | None = None,
    ) -> Span:
        """A span to be used with `with`. Without `parent` it starts a trace. Unsampled links are left out.

        An exception passing through marks the span as failed with the exception's type, never its message.
        """
        if self._tracer is None:
            return _Unrecorded(child(parent) if parent else self.new_traceparent())
        if parent is None:
            return self._root(self._tracer, name, kind, links, attributes)
        if not sampled(parent):
            return _Unrecorded(child(parent))
        return _Recorded(_start(self._tracer, name, parent, kind, links, attributes))

    def batch_span(
        self, name: str, kind: SpanKind, links: Sequence[str], attributes: Mapping[Attribute, Value]
    ) -> Span:
        """A span of many cases, the first of a trace of its own: recorded where one of `links` is sampled.

        One that comes again (a case emits several events at once) is linked once.
        """
        if self._tracer is None or not any(map(sampled, links)):
            return _Unrecorded(f"00-{random.getrandbits(128) or 1:032x}-{_span_id()}-00")
        return _Recorded(_start(self._tracer, name, None, kind, dict.fromkeys(links), attributes))

    def _root(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        links: Iterable[str],
        attributes: Mapping[Attribute, Value] | None,
    ) -> Span:
        traceparent = self.new_traceparent()
        if not sampled(traceparent):
            return _Unrecorded(traceparent)
        return _Recorded(_start(tracer, name, None, kind, links, attributes))


def new_provider(service: str, ratio: float) -> TracerProvider:
    """A tracer provider of `service` without an exporter."""
    return TracerProvider(
        sampler=ParentBased(ALWAYS_ON),  # what is not to be recorded never comes so far
        span_limits=SpanLimits(max_links=MAX_LINKS),
        id_generator=_SampledIds(ratio),
        resource=Resource.create({"service.name": service, "service.namespace": "caseladder"}),
    )


def child(traceparent: str) -> str:
    """The same trace and flags with a new span id."""
    return f"{traceparent[:36]}{_span_id()}{traceparent[52:55]}"


def sampled(traceparent: str) -> bool:
    """Whether the trace is recorded."""
    return traceparent[54:55] in "13579bdf" and len(traceparent) > 54


class _SampledIds(RandomIdGenerator):
    """Trace ids from the part that the ratio samples: the SDK is asked for one only after that decision."""

    def __init__(self, ratio: float) -> None:
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)

    def generate_trace_id(self) -> int:
        low = random.randrange(self._bound) if self._bound else random.getrandbits(64)  # noqa: S311 - not a secret
        return (random.getrandbits(64) << 64 | low) or 1

    def is_trace_id_random(self) -> bool:
        return False  # the low half is not uniform


class _Unrecorded:
    """Carries the trace on and records nothing."""

    __slots__ = ("_token", "traceparent")

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def set(self, name: Attribute, value: Value) -> None:
        """Record nothing."""

    def __enter__(self) -> Self:
        self._token = current_traceparent.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_traceparent.reset(self._token)


class _Recorded:
    """An SDK span."""

    __slots__ = ("_span", "_token", "traceparent")

    def __init__(self, span: SdkSpan) -> None:
        context = span.get_span_context()
        self._span = span
        self._token: Token[str | None]
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"

    def set(self, name: Attribute, value: Value) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def __enter__(self) -> Self:
        self._token = current_traceparent.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_traceparent.reset(self._token)
        if kind is not None:
            self._span.set_attribute("error.type", kind.__qualname__)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _start(
    tracer: Tracer,
    name: str,
    parent: str | None,
    kind: SpanKind,
    links: Iterable[str],
    attributes: Mapping[Attribute, Value] | None,
) -> SdkSpan:
    context = set_span_in_context(NonRecordingSpan(_context(parent))) if parent else None
    linked = [Link(_context(link)) for link in links if sampled(link)]
    values: dict[str, Value] = {str(key): value for key, value in (attributes or {}).items()}
    return tracer.start_span(name, context, kind, values, linked)


def _context(traceparent: str) -> SpanContext:
    flags = TraceFlags(int(traceparent[53:55], 16))
    return SpanContext(
        int(traceparent[3:35], 16), int(traceparent[36:52], 16), is_remote=True, trace_flags=flags
    )


def _span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"
