"""CloudEvents 1.0 in Kafka's binary mode: the attributes are record headers, the value is the event's data."""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from schemas.envelope import Envelope, event_id

EDITION: Final = "edition"
"""The header that names the edition of the log: absent in the first, then another one each time the event logs are
published again. By it readers see that what they read is not the log that they read before.
"""
UNREADABLE: Final = "unreadable"
"""The type of a record that is no event of ours; no decider knows it, so it is parked."""
_NOBODY: Final = UUID(int=0)
_NAME: Final = re.compile(r"[!-~]{1,100}")
"""Of a source or type: a longer one fits no index, and one with a blank cannot be named on a command line."""
_EDITION: Final = re.compile(r"[0-9a-z]{1,40}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|")
_TOO_HIGH: Final = 2**63
_LATEST_MS: Final = 9_000_000_000_000
"""A timestamp after it (the year 2255) is no time; and a sequence made of it would not fit 64 bits."""


def headers(event: Envelope, edition: str = "") -> list[tuple[str, bytes]]:
    """Return the record headers of an event. `ce_id` was fixed when the event was stored."""
    case_id, sequence = str(event.case_id), str(event.sequence)
    return [
        *([(EDITION, edition.encode())] if edition else []),
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id(event.source, case_id, event.sequence).encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_time", event.time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("ce_subject", case_id.encode()),
        ("ce_sequence", sequence.encode()),
        *([("traceparent", event.traceparent.encode())] if event.traceparent else []),
        ("content-type", b"application/json"),
    ]


def milliseconds(event: Envelope) -> int:
    """Return the record's timestamp: the event's own time, in milliseconds."""
    return int(event.time.timestamp() * 1000)


def type_and_edition(record: Any) -> tuple[str, str]:
    """Return the type of event that a record tells, `UNREADABLE` where it tells none, and the edition of its log:
    the empty text for the first."""
    found: dict[str, bytes] = dict(record.headers)
    named = (found.get(EDITION) or b"").decode("ascii", "replace")
    edition = named if _EDITION.fullmatch(named) else ""
    try:
        return found["ce_type"].decode(), edition
    except (KeyError, AttributeError, UnicodeDecodeError):
        return UNREADABLE, edition


def decode(record: Any, topic: str) -> Envelope:
    """Return the event of a record; of one that is none of ours, an `UNREADABLE` that names its place.

    `topic` is the topic's name without a prefix.
    """
    found: dict[str, bytes] = dict(record.headers)
    try:
        event = Envelope(
            source=found["ce_source"].decode(),
            case_id=UUID(found["ce_subject"].decode()),
            sequence=int(found["ce_sequence"]),
            type=found["ce_type"].decode(),
            time=datetime.fromisoformat(found["ce_time"].decode()),
            topic=topic,
            traceparent=found.get("traceparent", b"").decode(),
            data=record.value.decode(),
        )
    except KeyError as error:
        return _unreadable(record, topic, f"it has no header {error.args[0]}")
    except (ValueError, AttributeError, TypeError):
        return _unreadable(record, topic, "its body or one of its ce_ headers cannot be read")
    if _can_be_stored(event) and event.type != UNREADABLE:
        return event
    return _unreadable(
        record, topic, "its source, type, sequence, time or trace is none, or a NUL stands in it"
    )


def why_unreadable(event: Envelope) -> str | None:
    """Return why a record is no event of ours, in our own words; None for an event."""
    if event.type != UNREADABLE:
        return None
    why: str | None = json.loads(event.data).get("unreadable")
    return why


def instant_of(record: Any) -> tuple[int, datetime]:
    """Return the time that Kafka has of a record, in milliseconds and as an instant: what a sender can give there
    need not be a time at all."""
    at = min(max(0, record.timestamp or 0), _LATEST_MS)
    return at, datetime.fromtimestamp(at / 1000, UTC)


def _can_be_stored(event: Envelope) -> bool:
    """Whether the database could hold the event: what it cannot hold could not even be parked."""
    named = _NAME.fullmatch(event.source) and _NAME.fullmatch(event.type)
    traced = _TRACEPARENT.fullmatch(event.traceparent)
    is_a_time = event.time.tzinfo is not None and 1 < event.time.year < 9999  # also in another zone
    is_whole = named is not None and traced is not None and is_a_time
    return is_whole and 0 < event.sequence < _TOO_HIGH and "\0" not in event.data


def _unreadable(record: Any, topic: str, reason: str) -> Envelope:
    return Envelope(
        source=f"{topic}/{record.partition}",
        case_id=_NOBODY,
        sequence=record.offset + 1,
        type=UNREADABLE,
        time=instant_of(record)[1],
        topic=topic,
        traceparent="",
        data=f'{{"unreadable": "{reason}"}}',  # whatever it holds is not ours to keep; the place names it
    )
