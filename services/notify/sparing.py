"""An address is told of so many reports an hour and of no more: else whoever files many cases in somebody's name
would have us send that person as many messages. What is told of a report already goes on."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from chassis.database import Connection, Pool
from services.notify.domain import Channel

WINDOW: Final = timedelta(hours=1)
# One process after the other: an address may have reports in the hands of several.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('notify.told', 0))"
_TOLD: Final = (
    "SELECT t.ref, t.channel, t.report, t.at FROM notify.told t"
    " JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) AS u(ref, channel)"
    " ON u.ref = t.ref AND u.channel = t.channel WHERE t.at > $3"
)
# One that is there no longer counts, and has not been forgotten yet.
_COUNT: Final = (
    "INSERT INTO notify.told (ref, channel, report, at) SELECT ref, channel, report, $4"
    " FROM unnest($1::text[], $2::text[], $3::uuid[]) AS u(ref, channel, report)"
    " ON CONFLICT (ref, channel, report) DO UPDATE SET at = excluded.at"
)
_FORGET: Final = "DELETE FROM notify.told WHERE at <= $1"


class Telling(NamedTuple):
    """An address, by its digest, is told of a report by a channel."""

    ref: str
    channel: Channel
    report: UUID


async def waits_of(pool: Pool, asked: Mapping[Telling, int], now: datetime) -> dict[Telling, datetime]:
    """Return those that have to wait, each with the moment until when; the others count from now on.

    asked: of how many reports an address may be told within the window; the first come first.
    """
    if not asked:
        return {}
    columns = [[one.ref for one in asked], [one.channel.value for one in asked]]
    told: dict[tuple[str, str], dict[UUID, datetime]] = defaultdict(dict)
    fresh: list[Telling] = []
    waits: dict[Telling, datetime] = {}
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_ALONE)
        for ref, channel, report, at in await connection.fetch(_TOLD, *columns, now - WINDOW):
            told[ref, channel][report] = at
        for one, most in asked.items():
            reports = told[one.ref, one.channel]
            if one.report in reports:
                continue
            if len(reports) < most:
                reports[one.report] = now
                fresh.append(one)
            else:
                waits[one] = min(reports.values()) + WINDOW
        if fresh:
            refs, channels, of = ([one[field] for one in fresh] for field in range(3))
            await connection.execute(_COUNT, refs, channels, of, now)
    return waits


async def forget(connection: Connection, now: datetime) -> None:
    """Delete what counts no longer."""
    await connection.execute(_FORGET, now - WINDOW)
