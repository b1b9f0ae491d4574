"""Setting events aside, and the story of it: each parking and each way out is an event of the topic `case.parked`.

Such an event stands in the log with the source `<service>.parked`. Its sequence goes on from the last one of that
source and case. Nobody else can take the number meanwhile: whoever writes such an event holds the stream, a batch
of the case by the row of its position, a retry by the whole table (`Store.hold_stream`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.database import Connection
from chassis.store import ParkedEvent, Store
from schemas.envelope import Envelope
from schemas.message import Actor, Event
from schemas.parked import EventParked, EventUnparked, Resolution

Told = tuple[Envelope, Event]
"""A parked event, and what there is to tell of it."""

_LAST: Final = (
    "SELECT case_id, max(sequence) FROM chassis.event_log WHERE case_id = ANY($1::uuid[]) AND source = $2"
    " GROUP BY case_id"
)


async def park(store: Store, connection: Connection, parked: Sequence[ParkedEvent], at: datetime) -> None:
    """Set events aside, in order, and tell of those that were not parked already. Joins the transaction."""
    new = await store.park(connection, parked)
    await tell(store, connection, [(entry.envelope, parked_event(store.schema, entry)) for entry in new], at)


async def tell(store: Store, connection: Connection, told: Sequence[Told], at: datetime) -> None:
    """Append what there is to tell of parked events to the log, in order. Joins the transaction."""
    if not told:
        return
    source = f"{store.schema}.parked"
    rows = await connection.fetch(_LAST, sorted({about.case_id for about, _ in told}), source)
    last: dict[UUID, int] = {row[0]: row[1] for row in rows}
    envelopes = []
    for about, event in told:
        last[about.case_id] = sequence = last.get(about.case_id, 0) + 1
        envelopes.append(
            Envelope(
                source=source,
                case_id=about.case_id,
                sequence=sequence,
                type=event.type,
                time=at,
                topic=event.topic(),
                traceparent=about.traceparent,
                data=event.model_dump_json(exclude_none=True),
            )
        )
    await store.append(connection, envelopes)


def parked_event(service: str, entry: ParkedEvent, by: Actor | None = None) -> EventParked:
    """Return what is told of an event that was set aside, or, with `by`, of one that failed again."""
    return EventParked(
        service=service,
        source=entry.envelope.source,
        sequence=entry.envelope.sequence,
        event_type=entry.envelope.type,
        reason=entry.reason,
        behind=entry.behind,
        by=by,
    )


def unparked_event(
    service: str, envelope: Envelope, resolution: Resolution, by: Actor, reason: str
) -> EventUnparked:
    """Return what is told of an event that is parked no longer."""
    return EventUnparked(
        service=service,
        source=envelope.source,
        sequence=envelope.sequence,
        event_type=envelope.type,
        resolution=resolution,
        by=by,
        reason=reason,
    )
