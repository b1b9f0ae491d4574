"""CloudEvents 1.0 in Kafka's binary mode: the attributes are record headers, the value is the event's data."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from schemas.envelope import Envelope

EDITION: Final = "edition"
"""The header that names the edition of the log: absent in the first, then another one each time the event logs are
published again. By it readers see that what they read is not the log that they read before.
"""
UNREADABLE: Final = "unreadable"
"""The type of a record that is no event of ours; no decider knows it, so it is parked."""
_NOBODY: Final = UUID(int=0)


def headers(event: Envelope, edition: str = "") -> list[tuple[str, bytes]]:
    """Return the record headers of an event. `ce_id` was fixed when the event was stored."""
    return [
        *([(EDITION, edition.encode())] if edition else []),
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_time", event.time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("ce_subject", str(event.case_id).encode()),
        ("ce_sequence", str(event.sequence).encode()),
        ("traceparent", event.traceparent.encode()),
        ("content-type", b"application/json"),
    ]


def edition_of(record: Any) -> str:
    """Return the edition of the log that a record names, the empty text for the first."""
    for name, value in record.headers:
        if name == EDITION:
            return bytes(value or b"").decode("ascii", "replace")
    return ""


def milliseconds(event: Envelope) -> int:
    """Return the record's timestamp: the event's own time, in milliseconds."""
    return int(event.time.timestamp() * 1000)


def decode(record: Any, topic: str) -> Envelope:
    """Return the event of a record; of one that is none of ours, an `UNREADABLE` that names its place.

    `topic` is the topic's name without a prefix.
    """
    found: dict[str, bytes] = dict(record.headers)
    try:
        return Envelope(
            source=found["ce_source"].decode(),
            case_id=UUID(found["ce_subject"].decode()),
            sequence=int(found["ce_sequence"]),
            type=found["ce_type"].decode(),
            time=datetime.fromisoformat(found["ce_time"].decode()),
            topic=topic,
            traceparent=found["traceparent"].decode(),
            data=record.value.decode(),
        )
    except (KeyError, ValueError, AttributeError, TypeError):
        return _unreadable(record, topic)


def _unreadable(record: Any, topic: str) -> Envelope:
    return Envelope(
        source=f"{topic}/{record.partition}",
        case_id=_NOBODY,
        sequence=record.offset + 1,
        type=UNREADABLE,
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        topic=topic,
        traceparent="",
        data="",  # whatever it holds is not ours to keep; the place names it
    )
