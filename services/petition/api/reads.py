"""One petition, its story, and the docket of a unit."""

from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import FastAPI, Query, Response

from chassis.http import Principal, Problem, allow, etag
from schemas.petition import PetitionStatus
from services.colours import Colour
from services.petition.api.access import READERS, Access
from services.petition.api.commands import view_of
from services.petition.api.office import Office, Told
from services.petition.api.views import DocketEntry, DocketPage, PetitionView, Step, StoryView

Reader = Annotated[Principal, allow(*READERS)]
_COLOUR: Final = (
    "CASE WHEN d.unit IS NULL THEN NULL WHEN d.due_at <= $1"
    " THEN CASE WHEN d.watched THEN 'red' ELSE 'orange' END"
    " WHEN d.yellow_at <= $1 THEN 'yellow' WHEN d.coordinated THEN 'blue' ELSE 'green' END"
)
"""R-CARD-01, the same as `domain.colour` gives for one."""
_LIST: Final = f"SELECT d.*, {_COLOUR} AS colour FROM petition.docket d WHERE"
_ORDER: Final = "ORDER BY d.received_at, d.case_id LIMIT"
_PLACE: Final = "SELECT e.received_at, e.case_id FROM petition.docket e WHERE e.case_id ="
_HIDDEN: Final = frozenset({"terms", "by"})


class _Wanted(NamedTuple):
    """What the caller wants of the docket."""

    unit: str | None
    status: PetitionStatus | None
    over: bool
    after: UUID | None


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
        wanted = _Wanted(unit, status, over, after)
        conditions, values = _conditions(office, access, own, wanted)
        async with office.host.pool.acquire() as connection:
            statement = f"{_LIST} {' AND '.join(conditions)} {_ORDER} {limit + 1}"
            rows = await connection.fetch(statement, office.host.clock(), *values)
        items = [_entry(row) for row in rows[:limit]]
        return DocketPage(items=items, next=items[-1].case_id if len(rows) > limit else None)


def _conditions(office: Office, access: Access, own: str, wanted: _Wanted) -> tuple[list[str], list[object]]:
    """What the docket is asked for, and the values of its parameters from $2 on; $1 is the instant."""
    values: list[object] = []

    def value(given: object, kind: str) -> str:
        values.append(given)
        return f"${len(values) + 1}::{kind}"

    conditions = [
        f"NOT d.subjects && {value(access.above(own), 'text[]')}",
        _visible(office, access, own, value),
    ]
    if not wanted.over:
        conditions.append("(d.unit IS NOT NULL OR d.sealed)")
    if wanted.unit is not None:
        conditions.append(
            "d.sealed"
            if wanted.unit == office.offices.discipline
            else f"d.unit = {value(wanted.unit, 'text')}"
        )
    if wanted.status is not None:
        conditions.append(f"d.status = {value(wanted.status, 'text')}")
    if wanted.after is not None:
        conditions.append(f"(d.received_at, d.case_id) > ({_PLACE} {value(wanted.after, 'uuid')})")
    return conditions, values


def _visible(office: Office, access: Access, own: str, value: Callable[[object, str], str]) -> str:
    """R-PET-10: what is sealed is for the discipline body alone; else the units whose petitions one's own sees."""
    if access.is_wide(own):
        return "NOT d.sealed"
    jurisdiction = office.jurisdiction
    reach = [code for code in jurisdiction.units if jurisdiction.in_scope(own, code)]
    held = f"d.holders && {value(reach, 'text[]')}"
    return f"(d.sealed OR {held})" if own == office.offices.discipline else f"NOT d.sealed AND {held}"


def _entry(row: Any) -> DocketEntry:
    plain = ("case_id", "status", "unit", "matter", "place", "urgent", "due_at", "received_at")
    colour = Colour(row["colour"]) if row["colour"] else None
    return DocketEntry(colour=colour, **{name: row[name] for name in plain})


def _step(told: Told) -> Step:
    by = told.data.get("by")
    shown = {"role": by["role"], "unit": by.get("unit")} if by else None
    data = {name: value for name, value in told.data.items() if name not in _HIDDEN}
    return Step(at=told.at, event=told.name, by=shown, data=data)
