"""The department feed over HTTP: a unit's own topic in commit order as server-sent events, resumable anywhere.

However many clients a unit has, one task looks for its new events; clients that are behind catch up from the log
in bounded batches. The log keeps for good what a unit was told; whether it may still be told is asked again at each
delivery (R-LAD-04, R-PET-10).
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Final, NamedTuple
from uuid import UUID

from fastapi import FastAPI, Header, Query, Request
from starlette.responses import StreamingResponse

from chassis.cloudevents import structured
from chassis.database import Pool
from chassis.http import Principal, Problem, ServerSentEvent, allow, event_stream
from chassis.log import Position, read
from chassis.store import START
from schemas.department import DepartmentAssignmentEnded
from services.router.api.access import WORKERS, Access
from services.router.api.office import Office

BATCH: Final = 200
POLL_S: Final = 0.25
"""How long the one poller of a unit rests between two looks, in seconds."""
RECENT: Final = 1000
"""Events kept for the clients of a unit that are up to date."""

_log = logging.getLogger(__name__)
_LAST_POSITION: Final = 2**63 - 1
_SETTLED: Final = "SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text"
"""The transaction id up to which nothing can appear in the log any more."""
_HIDDEN: Final = (
    "SELECT case_id FROM router.assignment WHERE case_id = ANY($1::uuid[]) AND unit = $2"
    " AND (subjects && $3::text[] OR (sealed AND ended_at IS NOT NULL AND role <> 'exit'))"
)


class Found(NamedTuple):
    """An event of a topic. That an assignment ended tells nothing of the case: `case_id` is None then."""

    at: Position
    event: ServerSentEvent
    case_id: UUID | None


def add_feed_route(app: FastAPI, office: Office, access: Access) -> None:
    """Add the feed."""
    feeds = Feeds()

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
        events = feeds.follow(office.host.pool, code, access.above(principal), start)
        return event_stream(request, events, principal.expires_at)


def _position(text: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError as error:
        detail = f"{error}. Send the `id` of an event of this feed, or nothing to begin at its first."
        raise Problem(400, "invalid_position", "The position cannot be read", detail) from None


class Feeds:
    """The feeds that somebody follows now, one for each unit."""

    def __init__(self) -> None:
        self._feeds: dict[str, _Feed] = {}

    async def follow(
        self, pool: Pool, unit: str, above: Sequence[str], after: Position
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """All events for the unit behind `after`, and then each as it is committed.

        Left out are cases in which the unit, or one `above` it, is complained of by now, and those that turned out
        to be sealed matter after the unit had them. The end of an assignment is always told.
        """
        feed = self._feeds.get(unit)
        if feed is None:
            feed = self._feeds[unit] = _Feed(pool, unit, above)
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

    def __init__(self, pool: Pool, unit: str, above: Sequence[str]) -> None:
        self._pool, self._unit, self._above = pool, unit, list(above)
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
        """All events behind `after`, without end."""
        while True:
            changed, since = self._changed, self._since
            if since is not None and after.order >= since.order:
                found = [entry for entry in self._recent if entry.at.order > after.order]
            else:
                found = await self._read(after)
                if not found and since is not None:
                    after = since  # the read came later than `since`: there is nothing between the two
                    continue
            hidden = await self._hidden(found)
            for at, event, case_id in found:
                if case_id not in hidden:
                    yield event
                after = at
            if not found:
                await changed.wait()

    async def _read(self, after: Position) -> list[Found]:
        async with self._pool.acquire() as connection:
            rows = await read(connection, self._topic, after, BATCH)
        return [
            Found(
                at,
                ServerSentEvent(str(at), event.type, structured(event)),
                None if event.type == DepartmentAssignmentEnded.type else event.case_id,
            )
            for at, event in rows
        ]

    async def _hidden(self, found: Sequence[Found]) -> frozenset[UUID]:
        """The cases among these that the unit may not see any more."""
        cases = {entry.case_id for entry in found if entry.case_id is not None}
        if not cases:
            return frozenset()
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_HIDDEN, list(cases), self._unit, self._above)
        return frozenset(row[0] for row in rows)

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
            found = await self._read(self._recent[-1].at if self._recent else self._since)
            if not found:
                return
            self._recent.extend(found)
            while len(self._recent) > RECENT:
                self._since = self._recent.popleft().at
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
