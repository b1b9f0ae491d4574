"""One petition, its story, and the docket of a unit."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Query, Response

from chassis.http import Principal, Problem, allow, etag
from schemas.petition import PetitionStatus
from services.petition.api.access import READERS, Access
from services.petition.api.commands import view_of
from services.petition.api.office import Office, Told
from services.petition.api.views import DocketEntry, DocketPage, PetitionView, Step, StoryView
from services.petition.domain import Colour

Reader = Annotated[Principal, allow(*READERS)]
_COLOUR: Final = (
    "CASE WHEN d.unit IS NULL THEN NULL WHEN d.due_at <= $1"
    " THEN CASE WHEN d.watched THEN 'red' ELSE 'orange' END"
    " WHEN d.yellow_at <= $1 THEN 'yellow' WHEN d.coordinated THEN 'blue' ELSE 'green' END"
)
"""R-CARD-01, the same as `domain.colour` gives for one."""
_LIST: Final = (
    f"SELECT d.*, {_COLOUR} AS colour FROM petition.docket d"
    " WHERE NOT d.subjects && $2::text[] AND NOT d.sealed"
    " AND ($3::text[] IS NULL OR d.holders && $3::text[]) AND ($4::text IS NULL OR d.unit = $4)"
    " AND ($5::text IS NULL OR d.status = $5) AND ($6::bool OR d.unit IS NOT NULL)"
    " AND ($7::uuid IS NULL OR (d.received_at, d.case_id) >"
    " (SELECT e.received_at, e.case_id FROM petition.docket e WHERE e.case_id = $7))"
    " ORDER BY d.received_at, d.case_id LIMIT $8"
)
_HIDDEN: Final = frozenset({"terms", "by"})


def add_read_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add the reading routes."""

    @app.get("/v1/petitions/{case_id}", tags=["petitions"], summary="A petition; its ETag is for If-Match")
    async def petition(case_id: UUID, principal: Reader, response: Response) -> PetitionView:
        case = access.require_seen(principal, await office.case(case_id), case_id)
        response.headers["ETag"] = etag(case.version)
        response.headers["Cache-Control"] = "no-store"
        return view_of(office, principal, case)

    @app.get("/v1/petitions/{case_id}/story", tags=["petitions"], summary="What happened, step by step")
    async def story(case_id: UUID, principal: Reader) -> StoryView:
        access.require_seen(principal, await office.case(case_id), case_id)
        steps = [_step(told) for told in await office.story(case_id)]
        return StoryView(case_id=case_id, steps=steps)

    @app.get("/v1/petitions", tags=["petitions"], summary="The docket: petitions that you may see")
    async def docket(
        principal: Reader,
        *,
        unit: str | None = None,
        status: PetitionStatus | None = None,
        over: Annotated[bool, Query(description="with those that are over")] = False,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> DocketPage:
        own = access.unit_of(principal)
        if unit is not None and unit not in office.jurisdiction.units:
            raise Problem(404, "unit_unknown", "No such unit", f"There is no unit {unit}.")
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(
                _LIST,
                office.host.clock(),
                access.above(own),
                _reach(office, access, own),
                unit,
                status,
                over,
                after,
                limit + 1,
            )
        items = [_entry(row) for row in rows[:limit]]
        return DocketPage(items=items, next=items[-1].case_id if len(rows) > limit else None)


def _reach(office: Office, access: Access, own: str) -> list[str] | None:
    """The units whose petitions the caller's unit sees; None: all."""
    if access.is_wide(own):
        return None
    jurisdiction = office.jurisdiction
    return [code for code in jurisdiction.units if jurisdiction.in_scope(own, code)]


def _entry(row: Any) -> DocketEntry:
    plain = ("case_id", "status", "unit", "matter", "place", "urgent", "due_at", "received_at")
    colour = Colour(row["colour"]) if row["colour"] else None
    return DocketEntry(colour=colour, **{name: row[name] for name in plain})


def _step(told: Told) -> Step:
    by = told.data.get("by")
    shown = {"role": by["role"], "unit": by.get("unit")} if by else None
    data = {name: value for name, value in told.data.items() if name not in _HIDDEN}
    return Step(at=told.at, event=told.name, by=shown, data=data)
