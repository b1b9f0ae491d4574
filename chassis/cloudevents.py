"""CloudEvents 1.0 in its JSON format: what an HTTP feed and a reader of the log get of an event."""

from datetime import UTC
from typing import Any

import orjson

from schemas.envelope import Envelope


def structured(event: Envelope) -> bytes:
    """The event on one line of JSON; `subject` is the case, `topic` our extension."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": str(event.case_id),
        "time": event.time.astimezone(UTC),
        "datacontenttype": "application/json",
        "sequence": str(event.sequence),
        **({"traceparent": event.traceparent} if event.traceparent else {}),
        "topic": event.topic,
        "data": orjson.loads(event.data),
    }
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)
