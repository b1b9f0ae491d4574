"""An address is told of so many reports an hour and of no more: else whoever files many cases in somebody's name
would have us send that person as many messages. What is told of a report already goes on."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from chassis.database import Connection, Pool
from services.notify.domain import Channel

WINDOW: Final = timedelta(hours=1)
# One after the other for an address: its reports are told by lanes that work side by side.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('notify.told ' || $1 || $2, 0))"
_TAKE: Final = (
    "INSERT INTO notify.told AS t (ref, channel, report, at) SELECT $1, $2, $3, $4"
    " WHERE (SELECT count(*) FROM notify.told"
    " WHERE ref = $1 AND channel = $2 AND report <> $3 AND at > $5) < $6"
    " OR EXISTS (SELECT FROM notify.told WHERE ref = $1 AND channel = $2 AND report = $3 AND at > $5)"
    " ON CONFLICT (ref, channel, report)"
    " DO UPDATE SET at = CASE WHEN t.at > $5 THEN t.at ELSE excluded.at END RETURNING at"
)
_FIRST: Final = "SELECT min(at) FROM notify.told WHERE ref = $1 AND channel = $2 AND at > $3"
_FORGET: Final = "DELETE FROM notify.told WHERE at <= $1"


async def wait_of(
    pool: Pool, ref: str, channel: Channel, report: UUID, most: int, now: datetime
) -> datetime | None:
    """Return until when a message of the report waits; None: it may go, and the report counts from now on."""
    since = now - WINDOW
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_ALONE, ref, channel.value)
        taken = await connection.fetchval(_TAKE, ref, channel.value, report, now, since, most)
        if taken is not None:
            return None
        first: datetime = await connection.fetchval(_FIRST, ref, channel.value, since)
        return first + WINDOW


async def forget(connection: Connection, now: datetime) -> None:
    """Delete what counts no longer."""
    await connection.execute(_FORGET, now - WINDOW)
