"""The spans of letters, by OpenTelemetry's conventions for messaging: of those whose writer traces them.

A letter's writer says so by the header `traceparent`. What becomes of it stays in the writer's trace, and links to
the receipt of the batch, which has a trace of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from chassis.kafka.letters import Letter
from chassis.telemetry import Attribute, Span, SpanKind, Telemetry, Value, sampled


class LetterSpans:
    """Opens the spans of letters; `origin` says in them how the broker is reached."""

    def __init__(self, telemetry: Telemetry, origin: Mapping[Attribute, Value]) -> None:
        self._telemetry = telemetry
        self._origin = origin

    @contextmanager
    def settling(self, topic: str, letters: Sequence[Letter]) -> Iterator[list[Letter]]:
        """Span the settling of the letters of one partition; `topic` with its prefix.

        Yields the letters in their order, those that are traced with their own span as `traceparent`.
        """
        parents = [self._traced(letter) for letter in letters]
        if not any(parents):
            yield list(letters)
            return
        with ExitStack() as spans:
            receiving = spans.enter_context(self._receive(topic, letters, list(filter(None, parents))))
            yield [
                _under(letter, spans.enter_context(self._process(topic, letter, parent, receiving)))
                if parent
                else letter
                for letter, parent in zip(letters, parents, strict=True)
            ]

    def _traced(self, letter: Letter) -> str | None:
        parent = self._telemetry.accept(letter.headers.get("traceparent", b"").decode("ascii", "replace"))
        return parent if parent and sampled(parent) else None

    def _receive(self, topic: str, letters: Sequence[Letter], parents: Sequence[str]) -> Span:
        attributes = self._attributes("receive", topic, letters[0].partition)
        attributes["messaging.batch.message_count"] = len(letters)
        return self._telemetry.batch_span(f"receive {topic}", SpanKind.CLIENT, parents, attributes)

    def _process(self, topic: str, letter: Letter, parent: str, receiving: Span) -> Span:
        attributes = self._attributes("process", topic, letter.partition)
        attributes["messaging.message.id"] = letter.place
        attributes["messaging.kafka.offset"] = letter.offset
        return self._telemetry.span(
            f"process {topic}", parent, SpanKind.CONSUMER, [receiving.traceparent], attributes
        )

    def _attributes(self, operation: str, topic: str, partition: int) -> dict[Attribute, Value]:
        return {
            **self._origin,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }


def _under(letter: Letter, span: Span) -> Letter:
    return replace(letter, headers={**letter.headers, "traceparent": span.traceparent.encode()})
