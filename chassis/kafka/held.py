"""Topics that the broker does not have whole: their events are held back, and those of all other topics go on.

Behind which place of the log the events of a topic wait is stored before the relay passes over the first of them.
Once the topic is there, with all that was published to it, they are published from that place up to where the relay
stands; from then on the relay takes them along again. So each topic still gets its events in commit order, whole;
only between topics there is no order, and nobody relies on one.
"""

from collections.abc import Collection
from typing import Final

from chassis.database import Connection
from chassis.log import Position, read
from schemas.envelope import Envelope

AT_ONCE: Final = 1000
"""Events of a topic that are published at one look, so that the other topics do not wait for long."""


async def held_topics(connection: Connection, service: str) -> dict[str, Position]:
    """Return the held topics of a service, each with the place behind which its events wait."""
    rows = await connection.fetch("SELECT topic, position FROM relay.held WHERE service = $1", service)
    return {row[0]: Position.parse(row[1]) for row in rows}


async def hold(connection: Connection, service: str, topics: Collection[str], position: Position) -> None:
    """Note that all events of the topics behind `position` wait; one that is held already stays as it is."""
    await connection.execute(
        "INSERT INTO relay.held (service, topic, position) SELECT $1, topic, $3 FROM unnest($2::text[]) AS a(topic)"
        " ON CONFLICT DO NOTHING",
        service,
        sorted(topics),
        str(position),
    )


async def next_held(
    connection: Connection, topic: str, after: Position, end: Position
) -> list[tuple[Position, Envelope]]:
    """Return the next events of a held topic from behind `after` up to `end`, where the relay stands."""
    rows = await read(connection, topic, after, AT_ONCE)
    return [(place, event) for place, event in rows if place.order <= end.order]


async def move_held(connection: Connection, service: str, topic: str, position: Position) -> None:
    """Note that the events of a held topic are published up to `position`."""
    await connection.execute(
        "UPDATE relay.held SET position = $3 WHERE service = $1 AND topic = $2", service, topic, str(position)
    )


async def release(connection: Connection, service: str, topics: Collection[str]) -> None:
    """Hold topics no longer: all their events up to where the relay stands are published."""
    await connection.execute(
        "DELETE FROM relay.held WHERE service = $1 AND topic = ANY($2::text[])", service, sorted(topics)
    )
