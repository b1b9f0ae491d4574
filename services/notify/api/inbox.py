"""A unit's inbox: what it was told, oldest first, and what of it somebody has read."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict

from chassis.database import Record
from chassis.http import Principal, Problem, Role, allow
from services.notify.api.office import Office
from services.notify.domain import Language

WORKERS: Final = (Role.HANDLER, Role.GRID_WORKER, Role.MEDIATOR, Role.PETITION_OFFICER)
READERS: Final = (*WORKERS, Role.SUPERVISOR)
MOST: Final = 200
_TAG: Final = "inbox"
_ITEMS: Final = (
    "SELECT message_id, item, case_id, event_id, template, facts::text, at, read_at, read_by"
    " FROM notify.inbox_item i WHERE unit = $1 AND item > $2 AND (NOT $3 OR read_at IS NULL)"
    " AND NOT EXISTS (SELECT FROM notify.subject s WHERE s.case_id = i.case_id AND s.unit = ANY($4::text[]))"
    " AND NOT EXISTS (SELECT FROM notify.recipient r WHERE r.case_id = i.case_id AND r.unit <> $6)"
    " ORDER BY item LIMIT $5"
)
_READ: Final = (
    "UPDATE notify.inbox_item i SET read_at = coalesce(read_at, $3), read_by = coalesce(read_by, $4)"
    " WHERE message_id = $1 AND unit = $2"
    " AND NOT EXISTS (SELECT FROM notify.subject s WHERE s.case_id = i.case_id AND s.unit = ANY($5::text[]))"
    " RETURNING read_at, read_by"
)


class View(BaseModel):
    """The base of answers."""

    model_config = ConfigDict(frozen=True)


class ItemView(View):
    """One notice to the unit."""

    id: UUID
    item: int
    """Its number: `after` of the next page."""
    case_id: UUID
    event: str
    notice: str
    subject: str
    text: str
    at: datetime
    read_at: datetime | None = None
    read_by: str | None = None


class InboxView(View):
    """A page of the inbox; `more`: there is another after its last item."""

    items: tuple[ItemView, ...]
    more: bool


class ReadView(View):
    """When and by whom the notice was first read."""

    read_at: datetime
    read_by: str


def add_inbox_routes(app: FastAPI, office: Office) -> None:
    """Add the list and the mark that something was read."""

    def opened(principal: Principal, code: str) -> list[str]:
        """The unit and all above it. Raises Problem 403 for whoever is of another unit, or not above it."""
        own = office.demand_unit(principal)
        overseen = principal.has(Role.SUPERVISOR) and code in office.jurisdiction.units
        if own != code and not (overseen and office.jurisdiction.in_scope(own, code)):
            detail = f"An inbox is its unit's own; your token is of {own}."
            raise Problem(403, "not_your_inbox", "This is another unit's inbox", detail)
        return list(dict.fromkeys([*office.above(code), *office.above(own)]))

    @app.get("/v1/units/{code}/inbox", tags=[_TAG], summary="What a unit was told, oldest first")
    async def inbox(
        code: str,
        principal: Annotated[Principal, allow(*READERS)],
        after: Annotated[int, Query(ge=0, description="`item` of the last one you have")] = 0,
        unread: Annotated[bool, Query(description="only what nobody has read")] = False,
        language: Language = "zh",
    ) -> InboxView:
        above = opened(principal, code)
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(_ITEMS, code, after, unread, above, MOST + 1, principal.unit)
        items = [_item(office, row, language) for row in rows[:MOST]]
        return InboxView(items=tuple(items), more=len(rows) > MOST)

    @app.put("/v1/units/{code}/inbox/{message_id}/read", tags=[_TAG], summary="Mark a notice as read")
    async def read(code: str, message_id: UUID, principal: Annotated[Principal, allow(*WORKERS)]) -> ReadView:
        above = opened(principal, code)
        async with office.host.pool.acquire() as connection:
            row = await connection.fetchrow(
                _READ, message_id, code, office.host.clock(), principal.recorded_as, above
            )
        if row is None:
            detail = f"There is no notice {message_id} in the inbox of {code}."
            raise Problem(404, "notice_unknown", "No such notice", detail)
        return ReadView(read_at=row[0], read_by=row[1])


def _item(office: Office, row: Record, language: Language) -> ItemView:
    message_id, item, case_id, event_id, template, facts, at, read_at, read_by = row
    shown = office.composer.shown(str(template), orjson.loads(str(facts)), UUID(str(case_id)), language)
    return ItemView.model_validate(
        {
            "id": message_id,
            "item": item,
            "case_id": case_id,
            "event": event_id,
            "notice": template,
            "subject": shown.subject if shown else template,
            "text": shown.text if shown else "",
            "at": at,
            "read_at": read_at,
            "read_by": read_by,
        }
    )
