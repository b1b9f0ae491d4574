"""Spans as bytes of OTLP, written field by field: the library builds an object of each attribute, 65 µs a span.

Only what `chassis/recording.py` makes is written: no events, no attributes of links, no lists. A test compares the
bytes with the library's.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, StatusCode

_double: Final = Struct("<d").pack
_times: Final = Struct("<BQBQ").pack
_HAS_IS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
_SEVEN_BITS: Final = 0x7F


def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """Return an ExportTraceServiceRequest of spans, at least one, that have one resource and one scope."""
    frame = encode_spans(spans[:1]).resource_spans[0]
    scope = _field(b"\x0a", frame.scope_spans[0].scope.SerializeToString())
    scope += b"".join([_field(b"\x12", _span(span)) for span in spans])
    resource = _field(b"\x0a", frame.resource.SerializeToString())
    return _field(b"\x0a", resource + _field(b"\x12", scope))


def _span(span: ReadableSpan) -> bytes:
    context = span.context
    parts = [_identity(context)]
    if span.parent is not None:
        parts += [b"\x22\x08", span.parent.span_id.to_bytes(8, "big")]
    parts += [
        _field(b"\x2a", span.name.encode()),
        b"\x30%c" % (span.kind.value + 1),
        _times(0x39, span.start_time or 0, 0x41, span.end_time or 0),
    ]
    parts += [_attribute(key, type(value).__name__, value) for key, value in (span.attributes or {}).items()]
    parts += [
        _field(b"\x6a", _identity(link.context) + b"\x35" + _flags(link.context)) for link in span.links
    ]
    parts.append(b"\x7a\x02\x18\x02" if span.status.status_code is StatusCode.ERROR else b"\x7a\x00")
    parts += [b"\x85\x01", _flags(span.parent)]
    return b"".join(parts)


def _identity(context: SpanContext) -> bytes:
    return b"\x0a\x10%b\x12\x08%b" % (
        context.trace_id.to_bytes(16, "big"),
        context.span_id.to_bytes(8, "big"),
    )


def _flags(context: SpanContext | None) -> bytes:
    is_remote = context is not None and context.is_remote
    return (_HAS_IS_REMOTE | (_IS_REMOTE if is_remote else 0)).to_bytes(4, "little")


@lru_cache(maxsize=8192)  # most values come again and again; the type keeps 1 and True apart
def _attribute(key: str, kind: str, value: object) -> bytes:
    if kind == "str":
        encoded = _field(b"\x0a", str(value).encode())
    elif kind == "bool":
        encoded = b"\x10\x01" if value else b"\x10\x00"
    elif isinstance(value, int):
        encoded = b"\x18" + _varint(value % 2**64)
    elif isinstance(value, float):
        encoded = b"\x21" + _double(value)
    else:
        raise TypeError(f"the attribute {key} is a {kind}")
    return _field(b"\x4a", _field(b"\x0a", key.encode()) + _field(b"\x12", encoded))


def _field(tag: bytes, content: bytes) -> bytes:
    length = len(content)
    return (tag + bytes((length,)) if length <= _SEVEN_BITS else tag + _varint(length)) + content


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > _SEVEN_BITS:
        made.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)
