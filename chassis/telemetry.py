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

from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind

from chassis.logs import current_traceparent
from chassis.recording import Recorder, Recording, context_of
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
    "url.scheme",
    "error.type",
    "caseladder.case_id",
    "caseladder.event.type",
    "caseladder.outcome",
    "caseladder.policy.version",
    "caseladder.unit",
]
Value = str | int | float | bool
MAX_WAITING: Final = 8192
"""Spans that wait to be exported at most, two seconds of full load; what is more is dropped."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_HALF: Final = 1 << 64


class Span(Protocol):
    """A span while it is open."""

    @property
    def traceparent(self) -> str:
        """What an effect of this span carries on."""

    def set(self, name: Attribute, value: Value) -> None:
        """Set an attribute. `error.type` says that the span failed."""

    def rename(self, name: str) -> None:
        """Name it anew, where its beginning did not know what it would be."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Telemetry:
    """The tracing of one process. `recorder` None: nothing is recorded."""

    def __init__(self, recorder: Recorder | None, ratio: float) -> None:
        self._recorder = recorder
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Tracing as the settings want it; an OTLP/HTTP exporter only where an endpoint is set."""
        if settings.otlp_endpoint is None:
            return cls(None, settings.trace_ratio)
        # imported here: the exporter takes memory and time that a process without an endpoint need not spend
        from chassis.span_exporter import HttpSpanExporter  # noqa: PLC0415

        exporter = HttpSpanExporter(f"{settings.otlp_endpoint}/v1/traces")
        processor = BatchSpanProcessor(exporter, max_queue_size=MAX_WAITING)
        return cls(Recorder(settings.service, processor), settings.trace_ratio)

    def stop(self) -> None:
        """Export what is left, and end."""
        if self._recorder is not None:
            self._recorder.processor.shutdown()

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
        traceparent = child(parent) if parent else self.new_traceparent()
        if self._recorder is None or not sampled(traceparent):
            return _Unrecorded(traceparent)
        return _recorded(self._recorder, name, traceparent, parent, kind, links, attributes)

    def batch_span(
        self, name: str, kind: SpanKind, links: Sequence[str], attributes: Mapping[Attribute, Value]
    ) -> Span:
        """A span of many cases, the first of a trace of its own: recorded where one of `links` is sampled.

        One that comes again (a case emits several events at once) is linked once.
        """
        is_recorded = self._recorder is not None and any(map(sampled, links))
        traceparent = f"00-{random.getrandbits(128) or 1:032x}-{_span_id()}-0{is_recorded:d}"
        if self._recorder is None or not is_recorded:
            return _Unrecorded(traceparent)
        return _recorded(self._recorder, name, traceparent, None, kind, dict.fromkeys(links), attributes)


def child(traceparent: str) -> str:
    """The same trace and flags with a new span id."""
    return f"{traceparent[:36]}{_span_id()}{traceparent[52:55]}"


def sampled(traceparent: str) -> bool:
    """Whether the trace is recorded."""
    return traceparent[54:55] in "13579bdf" and len(traceparent) > 54


class _Unrecorded:
    """Carries the trace on and records nothing."""

    __slots__ = ("_token", "traceparent")

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def set(self, name: Attribute, value: Value) -> None:
        """Record nothing."""

    def rename(self, name: str) -> None:
        """Record nothing."""

    def __enter__(self) -> Self:
        self._token = current_traceparent.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_traceparent.reset(self._token)


class _Recorded:
    """A span that is exported."""

    __slots__ = ("_span", "_token", "traceparent")

    def __init__(self, span: Recording, traceparent: str) -> None:
        self._span = span
        self._token: Token[str | None]
        self.traceparent = traceparent

    def set(self, name: Attribute, value: Value) -> None:
        """Set an attribute."""
        self._span.attributes[name] = value

    def rename(self, name: str) -> None:
        """Name it anew."""
        self._span.name = name

    def __enter__(self) -> Self:
        self._token = current_traceparent.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_traceparent.reset(self._token)
        if kind is not None:
            self._span.attributes["error.type"] = kind.__qualname__
        self._span.end(has_failed="error.type" in self._span.attributes)


def _recorded(
    recorder: Recorder,
    name: str,
    traceparent: str,
    parent: str | None,
    kind: SpanKind,
    links: Iterable[str],
    attributes: Mapping[Attribute, Value] | None,
) -> _Recorded:
    above = context_of(parent, is_remote=True) if parent else None
    linked = [Link(context_of(link, is_remote=True)) for link in links if sampled(link)]
    values: dict[str, Value] = dict(attributes or {})  # type: ignore[arg-type]  # a Literal is a str
    context = context_of(traceparent, is_remote=False)
    return _Recorded(Recording(recorder, name, context, above, kind, linked, values), traceparent)


def _span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"
