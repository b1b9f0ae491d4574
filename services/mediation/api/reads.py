"""One mediation, its story, what a unit has to mediate, and who can mediate it."""

from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI, Response
from fastapi import Query as Parameter

from chassis.http import Principal, Problem, allow, etag
from schemas.mediation import MediationOpened, MediationSubjectsSuspected
from schemas.mediators import Committee
from schemas.message import CASE_EVENTS
from services.mediation.api.access import READERS, Access
from services.mediation.api.commands import allowed_actions
from services.mediation.api.office import Office
from services.mediation.api.views import (
    CommitteeView,
    MediationLine,
    MediationPage,
    MediationView,
    StoryEvent,
    mediation_view,
)

Reader = Annotated[Principal, allow(*READERS)]
_LIST: Final = (
    "SELECT d.case_id, d.unit, d.matter, d.procedure, d.stage, d.confirmation, d.opened_at, d.due_at"
    " FROM mediation.docket d WHERE d.units && $1::text[] AND d.ended = $2"
    " AND NOT d.subjects && $3::text[] AND NOT d.barred && $6::text[] AND (NOT d.sealed OR d.unit = $7)"
    " AND ($4::uuid IS NULL OR (d.opened_at, d.case_id) >"
    " (SELECT l.opened_at, l.case_id FROM mediation.docket l WHERE l.case_id = $4::uuid))"
    " ORDER BY d.opened_at, d.case_id LIMIT $5"
)
_STORY: Final = (
    "SELECT sequence, time, type, data::text FROM chassis.event_log"
    " WHERE case_id = $1 AND source = 'mediation' AND topic = $2 AND type <> $3 ORDER BY sequence"
)
"""Not of whom words complained: a unit that a human cleared reads the story again (R-HOT-14)."""


def add_read_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add the reading routes."""

    @app.get("/v1/mediations", tags=["mediations"], summary="What a unit, or its committee, has to mediate")
    async def mediations(
        principal: Reader,
        unit: Annotated[str | None, Parameter(description="by default your own")] = None,
        ended: bool = False,
        after: Annotated[UUID | None, Parameter(description="`next` of the page before")] = None,
        limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    ) -> MediationPage:
        access.check_unit(principal)
        of = _within(office, access, principal, unit)
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(
                _LIST,
                [of] if unit else [of, principal.subject],
                ended,
                access.above(principal),
                after,
                limit + 1,
                [principal.subject],
                principal.unit,
            )
        items = [MediationLine(**dict(row)) for row in rows[:limit]]
        return MediationPage(items=items, next=str(items[-1].case_id) if len(rows) > limit else None)

    @app.get(
        "/v1/mediations/{case_id}", tags=["mediations"], summary="One mediation; its ETag is for If-Match"
    )
    async def mediation(case_id: UUID, principal: Reader, response: Response) -> MediationView:
        found = access.require_seen(principal, await office.case(case_id), case_id)
        response.headers["ETag"] = etag(found.version)
        response.headers["Cache-Control"] = "no-store"
        return mediation_view(office, found, allowed_actions(office, access, principal, found))

    @app.get(
        "/v1/mediations/{case_id}/story",
        tags=["mediations"],
        summary="All that happened, in order, with each notice of other ways (R-MED-10)",
    )
    async def story(
        case_id: UUID,
        principal: Reader,
        round_: Annotated[
            int | None,
            Parameter(alias="round", ge=1, description="what happened from its opening to the next"),
        ] = None,
    ) -> list[StoryEvent]:
        access.require_seen(principal, await office.case(case_id), case_id)
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(_STORY, case_id, CASE_EVENTS, MediationSubjectsSuspected.type)
        told = [StoryEvent(sequence=row[0], time=row[1], type=row[2], data=_told(row[3])) for row in rows]
        return told if round_ is None else _of_round(told, round_)

    @app.get(
        "/v1/committees",
        tags=["mediators"],
        summary="The committees that may mediate for a unit, nearest first, with their mediators (R-MED-01)",
    )
    async def committees(
        principal: Reader,
        procedure: Annotated[str, Parameter(description="a kind of mediation, such as peoples")],
        unit: Annotated[str | None, Parameter(description="by default your own")] = None,
    ) -> list[CommitteeView]:
        access.check_unit(principal)
        of = _within(office, access, principal, unit)
        if procedure not in office.mediators.procedures:
            known = ", ".join(office.mediators.procedures)
            detail = f"There is no kind of mediation {procedure}; there are: {known}."
            raise Problem(404, "procedure_unknown", "No such kind of mediation", detail)
        lawful = office.mediators.committees_for(of, procedure, office.jurisdiction)
        return [_committee(office, committee) for committee in lawful]


def _within(office: Office, access: Access, principal: Principal, unit: str | None) -> str:
    """The unit that is asked for, the caller's own by default. Raises Problem 404 or 403."""
    of = unit or principal.unit
    if of is None or of not in office.jurisdiction.units:
        raise Problem(404, "unit_unknown", "No such unit", f"There is no unit {of} in this jurisdiction.")
    if not access.reaches(principal, of):
        detail = f"Your token covers {principal.unit}; {of} does not belong to it."
        raise Problem(403, "outside_jurisdiction", "This lies outside your jurisdiction", detail)
    return of


def _committee(office: Office, committee: Committee) -> CommitteeView:
    staff = [one.code for one in office.mediators.mediators.values() if one.committee == committee.code]
    return CommitteeView(
        code=committee.code,
        name=committee.name,
        unit=committee.unit,
        procedures=list(committee.procedures),
        mediators=staff,
    )


def _of_round(told: list[StoryEvent], round_: int) -> list[StoryEvent]:
    """The part of a story from the opening of a round to that of the next one."""
    current, kept = 0, []
    for event in told:
        if event.type == MediationOpened.type:
            current = int(str(event.data.get("round", 1)))
        if current == round_:
            kept.append(event)
    return kept


def _told(data: str) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(data)
    told.pop("terms", None)
    return told
