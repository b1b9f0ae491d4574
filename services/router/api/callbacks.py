"""The operators' list: whom to call back, oldest due first (R-HOT-08)."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from chassis.http import Principal, Problem, Role, allow, etag
from services.router.api.access import Access
from services.router.api.lists import Cursor, Limit, Lists, after, next_cursor
from services.router.api.office import Office
from services.router.api.views import UnitName, unit_name

_WAITING: Final = (
    "SELECT c.*, g.version, t.title FROM router.callback c JOIN router.aggregate g ON g.case_id = c.case_id"
    " LEFT JOIN router.case_text t ON t.case_id = c.case_id"
    " WHERE {conditions} ORDER BY c.due_at, c.case_id"
)
Free = Annotated[bool, Parameter(description="leave out those that another operator is calling now")]


class CallbackView(BaseModel):
    """A case whose resident is to be called; who it is, intake says, and records that it was asked."""

    case_id: UUID
    etag: str
    unit: UnitName = Field(description="whose work it is about")
    reason: str = Field(description="replied; expired: the unit has not answered in time; on_site")
    matter: str | None
    matter_name: str | None
    track: str
    urgency: int
    opened_at: datetime
    due_at: datetime = Field(description="call by then; after an attempt: the next one counts from then on")
    attempts: int = Field(description="how often the resident was not reached, each on another day")
    attempts_left: int = Field(description="after so many more the callback ends as not reached")
    tried_at: datetime | None
    claimed_until: datetime | None = Field(description="somebody is calling, until then at most; null: free")
    claimed_by_you: bool
    title: str | None = Field(description="null where only the responsible unit may read it")


class CallbackPage(BaseModel):
    """A page, oldest due first; `next` is the `cursor` of the page after it, null at the end."""

    items: list[CallbackView]
    next: str | None


def add_callback_route(app: FastAPI, office: Office, access: Access) -> None:
    """Add `GET /v1/callbacks`."""
    lists = Lists(office, access)

    @app.get("/v1/callbacks", tags=["desk"], summary="回访: whom to call back, oldest due first (R-HOT-08)")
    async def callbacks(
        principal: Annotated[Principal, allow(Role.OPERATOR)],
        free: Free = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> CallbackPage:
        access.check_unit(principal)
        if not access.is_wide(principal):
            detail = (
                f"Your token is of {principal.unit}; operators of the hotline centre call residents back."
            )
            raise Problem(403, "not_the_centre", "Only the district's hotline calls back", detail)
        query, now, own = lists.query(principal, "c"), office.host.clock(), principal.recorded_as
        if free:
            you, at = query.value(own, "text"), query.value(now, "timestamptz")
            query.where(f"(c.claimed_until IS NULL OR c.claimed_until <= {at} OR c.claimed_by = {you})")
        after(query, cursor, {"c.due_at": datetime, "c.case_id": UUID})
        rows = await lists.fetch(_WAITING.format(conditions=query.conditions), query, limit)
        items = [_view(office, lists, row, own, now) for row in rows[:limit]]
        return CallbackPage(items=items, next=next_cursor(rows, limit, "due_at", "case_id"))


def _view(office: Office, lists: Lists, row: Any, own: str, now: datetime) -> CallbackView:
    unit = unit_name(office, row["unit"])
    if unit is None:
        raise LookupError(f"case {row['case_id']} waits for a callback about no unit")
    is_claimed = row["claimed_until"] is not None and now < row["claimed_until"]
    most = office.jurisdiction.thresholds.callback_attempts
    return CallbackView(
        case_id=row["case_id"],
        etag=etag(row["version"]),
        unit=unit,
        reason=row["reason"],
        matter=row["matter"],
        matter_name=lists.matter(row["matter"]),
        track=row["track"],
        urgency=row["urgency"],
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        attempts_left=max(1, most - row["attempts"]),
        tried_at=row["tried_at"],
        claimed_until=row["claimed_until"] if is_claimed else None,
        claimed_by_you=is_claimed and row["claimed_by"] == own,
        title=None if row["confidential"] or row["sealed"] else row["title"],
    )
