"""The spans of one transaction, by OpenTelemetry's conventions for messaging and databases.

A batch has a trace of its own, linked to every traced case in it; what happens to a case stays in the case's trace
and links back to the batch. Where no case of a batch is traced, nothing is recorded of it.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from chassis.telemetry import Attribute, Span, SpanKind, Telemetry, Value, sampled
from chassis.transport import StreamBatch
from schemas.envelope import Envelope


class BatchSpans:
    """Opens the spans of one transaction of `service`; the parts of it that are traced are noted on the way."""

    def __init__(self, telemetry: Telemetry, service: str) -> None:
        self._telemetry = telemetry
        self._service = service
        self._origin: Mapping[Attribute, Value] = {}
        self._batch: StreamBatch
        self._receiving = ""
        self._traced: list[str] = []

    def receive(self, batch: StreamBatch, origin: Mapping[Attribute, Value]) -> Span:
        """Span the work on records of the stream; it links to the span that emitted each."""
        self._origin, self._batch = origin, batch
        span = self._telemetry.batch_span(
            f"receive {origin['messaging.destination.name']}",
            SpanKind.CLIENT,
            [record.traceparent for record in batch.records if sampled(record.traceparent)],
            {
                **origin,
                "messaging.operation.name": "receive",
                "messaging.operation.type": "receive",
                "messaging.batch.message_count": len(batch.records),
                **_of_one_partition(batch),
            },
        )
        self._receiving = span.traceparent
        return span

    def process(self, envelope: Envelope, number: int) -> Span:
        """Span what becomes of the record `number` of the batch, a traced one, in the trace of its case."""
        place = self._batch.places[number]
        attributes: dict[Attribute, Value] = {
            **self._origin,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.partition.id": str(place.partition),
            "messaging.message.id": envelope.id,
            "caseladder.case_id": str(envelope.case_id),
            "caseladder.event.type": envelope.type,
        }
        if place.offset is not None:
            attributes["messaging.kafka.offset"] = place.offset
        return self._telemetry.span(
            f"process {self._origin['messaging.destination.name']}",
            parent=envelope.traceparent,
            kind=SpanKind.CONSUMER,
            links=[self._receiving],
            attributes=attributes,
        )

    def of_case(self, name: str, case_id: UUID, case_trace: str, request: str | None = None) -> Span:
        """Span a command or a timer: in the trace of the case, else of the request, else in one of its own.

        A later request is linked to.
        """
        parent = case_trace or request or None
        links = [request] if request and request != parent else ()
        span = self._telemetry.span(f"{self._service} {name}", parent=parent, links=links)
        if sampled(span.traceparent):
            span.set("caseladder.case_id", str(case_id))
            self._traced.append(span.traceparent)
        return span

    def commit(self, cases: int) -> AbstractContextManager[object]:
        """Span the writing and committing of so many cases: under the batch's, else linked to the commands'."""
        attributes: dict[Attribute, Value] = {
            "db.system.name": "postgresql",
            "db.operation.name": "COMMIT",
            "db.namespace": self._service,
        }
        if cases > 1:  # the conventions know no batch of one
            attributes["db.operation.batch.size"] = cases
        name = f"COMMIT {self._service}"
        if self._receiving:
            return self._telemetry.span(name, self._receiving, SpanKind.CLIENT, attributes=attributes)
        if self._traced:
            return self._telemetry.batch_span(name, SpanKind.CLIENT, self._traced, attributes)
        return nullcontext()


def _of_one_partition(batch: StreamBatch) -> dict[Attribute, Value]:
    """The partition of a batch that lay in one; the spans of its records name each one's."""
    if len(batch.moves) > 1:
        return {}
    [number] = batch.moves
    return {"messaging.destination.partition.id": str(number)}
