"""The department feed over HTTP: a unit's own topic in commit order as server-sent events, resumable anywhere.

However many clients a unit has, one task looks for its new events; clients that are behind catch up from the log
in bounded batches.

R-LAD-04, R-HOT-14, R-PET-10: the log keeps what a unit was sent before it turned out to be complained of, or the
case to be sealed matter. So each batch is checked when it is delivered: of such a case the unit gets nothing but
the end of its assignment, which tells no more than the assignment's id.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Annotated, Final

from fastapi import FastAPI, Header, Query, Request
from starlette.responses import StreamingResponse

from chassis.cloudevents import structured
from chassis.database import Pool
from chassis.http import Principal, Problem, ServerSentEvent, allow, event_stream
from chassis.log import Position, read
from chassis.store import START
from schemas.department import DepartmentAssigned, DepartmentAssignmentEnded, TextAccess
from schemas.envelope import Envelope
from schemas.jurisdiction import Jurisdiction
from services.router.api.access import WORKERS, Access
from services.router.api.office import Office, linked_to_barred

BATCH: Final = 200
POLL_S: Final = 0.25
"""How long the one poller of a unit rests between two looks, in seconds."""
RECENT: Final = 1000
"""Events kept for the clients of a unit that are up to date."""

_log = logging.getLogger(__name__)
Found = tuple[Position, Envelope]
_LAST_POSITION: Final = 2**63 - 1
_SETTLED: Final = "SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text"
"""The transaction id up to which nothing can appear in the log any more."""
_AHEAD: Final = "SELECT $1::text::numeric >= pg_snapshot_xmax(pg_current_snapshot())::text::numeric"
"""Whether no transaction has that id yet."""
_HIDDEN: Final = (
    "SELECT case_id FROM router.aggregate a WHERE case_id = ANY($1::uuid[]) AND (state->'subjects' ?| $2::text[]"
    f" OR {linked_to_barred('a.case_id', '$2::text[]')}"
    " OR ((state->'sealed')::boolean AND $3 IS DISTINCT FROM"
    " coalesce(state->>'unit', state->'receiver'->>'unit')))"
)
"""Of the cases $1, those of which the unit $3 may see nothing; $2 are the unit and all above it."""


_HELD: Final = (
    "SELECT case_id, number FROM router.assignment"
    " WHERE case_id = ANY($1::uuid[]) AND unit = $2 AND ended_at IS NULL"
)
"""The assignments that the unit $2 has now: of what it had before, it no longer reads the words (R-PRIV-01)."""


def add_feed_route(app: FastAPI, office: Office, access: Access) -> None:
    """Add the feed."""
    feeds = Feeds(office.jurisdiction)

    @app.get(
        "/v1/units/{code}/feed",
        tags=["units"],
        summary="The unit's own topic `dept.<code>.assigned` as server-sent events, in commit order",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def feed(
        code: str,
        request: Request,
        principal: Annotated[Principal, allow(*WORKERS)],
        last_event_id: Annotated[str | None, Header(description="`id` of the last event you have")] = None,
        after: Annotated[str | None, Query(description="the same, for a first connection")] = None,
    ) -> StreamingResponse:
        access.check_unit(principal)
        if principal.unit != code:
            detail = f"A feed is its unit's own; your token is of {principal.unit}."
            raise Problem(403, "not_your_feed", "This is another unit's feed", detail)
        start = _position(last_event_id or after or START)
        await _demand_reached(office.host.pool, start)
        return event_stream(request, feeds.follow(office.host.pool, code, start), principal.expires_at)


def _position(text: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError as error:
        detail = f"{error}. Send the `id` of an event of this feed, or nothing to begin at its first."
        raise Problem(400, "invalid_position", "The position cannot be read", detail) from None


async def _demand_reached(pool: Pool, position: Position) -> None:
    """Raise Problem 409 for a place that the log has not come to: whoever waits behind it would miss what comes."""
    async with pool.acquire() as connection:
        ahead = await connection.fetchval(_AHEAD, position.xid)
    if ahead:
        detail = (
            f"The log ends before {position}: it is no `id` of this feed, or the log was restored from a backup. "
            "Begin again without a position, and pass over what you know by its id."
        )
        raise Problem(409, "position_ahead", "The position lies beyond the end", detail)


class Feeds:
    """The feeds that somebody follows now, one for each unit."""

    def __init__(self, jurisdiction: Jurisdiction) -> None:
        self._jurisdiction = jurisdiction
        self._feeds: dict[str, _Feed] = {}

    async def follow(self, pool: Pool, unit: str, after: Position) -> AsyncGenerator[ServerSentEvent, None]:
        """What the unit may see of its topic behind `after`, and then each event as it is committed."""
        feed = self._feeds.get(unit)
        if feed is None:
            feed = self._feeds[unit] = _Feed(pool, unit, self._jurisdiction.ancestors(unit))
        feed.followers += 1
        try:
            async for event in feed.follow(after):
                yield event
        finally:
            feed.followers -= 1
            if not feed.followers:
                del self._feeds[unit]
                feed.stop()


class _Feed:
    """A unit's topic that is followed: its latest events, found by one task."""

    def __init__(self, pool: Pool, unit: str, above: tuple[str, ...]) -> None:
        self._pool, self._unit, self._above = pool, unit, (unit, *above)
        self._topic = f"dept.{unit}.assigned"
        self._recent: deque[Found] = deque()
        self._since: Position | None = None
        """All events behind this place are in `_recent`; None until the first look."""
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._poll())
        self.followers = 0

    def stop(self) -> None:
        """Look no more."""
        self._task.cancel()

    async def follow(self, after: Position) -> AsyncGenerator[ServerSentEvent, None]:
        """What the unit may see behind `after`, without end."""
        while True:
            changed, since = self._changed, self._since
            if since is not None and _key(after) >= _key(since):
                found = [entry for entry in self._recent if _key(entry[0]) > _key(after)][:BATCH]
            else:
                found = await self._read(after)
                if not found and since is not None:
                    after = since  # the read came later than `since`: there is nothing between the two
                    continue
            if not found:
                await changed.wait()
                continue
            for position, event in await self._visible(found):
                yield ServerSentEvent(str(position), event.type, structured(event))
            after = found[-1][0]

    async def _visible(self, found: list[Found]) -> list[Found]:
        """Leave out what the unit may not see as things stand now, whenever it was sent."""
        cases = list({event.case_id for _, event in found})
        async with self._pool.acquire() as connection:
            hidden = {row[0] for row in await connection.fetch(_HIDDEN, cases, list(self._above), self._unit)}
            held = {f"{row[0]}/{row[1]}" for row in await connection.fetch(_HELD, cases, self._unit)}
        ended = DepartmentAssignmentEnded.type
        seen = [(at, event) for at, event in found if event.case_id not in hidden or event.type == ended]
        return [(at, _without_words(event, held)) for at, event in seen]

    async def _read(self, after: Position) -> list[Found]:
        async with self._pool.acquire() as connection:
            return await read(connection, self._topic, after, BATCH)

    async def _poll(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:  # whatever it is, the followers must not wait for nothing: look again
                _log.warning("the feed %s could not be read; trying again", self._topic, exc_info=True)
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        """Find what is new, and wake the followers."""
        if self._since is None:
            async with self._pool.acquire() as connection:
                settled = await connection.fetchval(_SETTLED)
            self._since = Position(settled, _LAST_POSITION)
        else:
            found = await self._read(self._recent[-1][0] if self._recent else self._since)
            if not found:
                return
            self._recent.extend(found)
            while len(self._recent) > RECENT:
                self._since = self._recent.popleft()[0]
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _without_words(event: Envelope, held: set[str]) -> Envelope:
    """The event as it was sent, but for an assignment that is over: without what the resident said."""
    if event.type != DepartmentAssigned.type:
        return event
    given = DepartmentAssigned.model_validate_json(event.data)
    if given.assignment in held or given.access is not TextAccess.INLINE:
        return event
    bare = given.model_copy(update={"access": TextAccess.WITHHELD, "title": None, "text": None})
    return replace(event, data=bare.model_dump_json(exclude_none=True))


def _key(position: Position) -> tuple[int, int]:
    return int(position.xid), position.position
