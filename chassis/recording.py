"""Finished spans, handed to a processor of the SDK as they are.

The SDK's own live span checks and copies each attribute, takes five locks and asks a sampler what we have decided
already: 40 µs a span, ours 8. It is open in one place only, and its attributes are a closed list.
"""

from collections.abc import Sequence
from time import time_ns

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

_SCOPE = InstrumentationScope("caseladder")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_FAILED = Status(StatusCode.ERROR)
_UNSET = Status(StatusCode.UNSET)


class Recorder:
    """Where the finished spans of `service` go."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self.resource = Resource.create({"service.name": service, "service.namespace": "caseladder"})
        self.processor = processor


class Recording:
    """A span while it is open; `end` hands it on."""

    __slots__ = ("_kind", "_links", "_parent", "_recorder", "_started", "attributes", "context", "name")

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        links: Sequence[Link],
        attributes: dict[str, str | int | float | bool],
    ) -> None:
        self._recorder = recorder
        self.name = name
        self.context = context
        self._parent = parent
        self._kind = kind
        self._links = links
        self.attributes = attributes
        self._started = time_ns()

    def end(self, *, has_failed: bool) -> None:
        """Finish the span."""
        span = ReadableSpan(
            self.name,
            self.context,
            self._parent,
            self._recorder.resource,
            self.attributes,
            (),
            self._links,
            self._kind,
            status=_FAILED if has_failed else _UNSET,
            start_time=self._started,
            end_time=time_ns(),
            instrumentation_scope=_SCOPE,
        )
        self._recorder.processor.on_end(span)


def context_of(traceparent: str, *, is_remote: bool) -> SpanContext:
    """Return the identity of a sampled span. `traceparent` is valid."""
    return SpanContext(int(traceparent[3:35], 16), int(traceparent[36:52], 16), is_remote, _SAMPLED)
