"""One case, its route in words, a unit's figures, and the rules themselves."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Response

from chassis.http import Principal, Problem, allow, etag
from schemas.message import CASE_EVENTS, Event
from schemas.router import EVENTS
from services.colours import Colour
from services.router.api.access import READERS, Access
from services.router.api.commands import allowed_actions
from services.router.api.lists import outside
from services.router.api.office import Office, linked_to_barred
from services.router.api.views import (
    CaseView,
    MatterView,
    PolicyView,
    RouteView,
    RowView,
    TableView,
    UnitName,
    UnitView,
    case_view,
)
from services.router.card import COLOUR_SQL
from services.router.explain import Recorded, explain
from services.router.policy.tables import Row, Table

Reader = Annotated[Principal, allow(*READERS)]
_TYPES: Final[dict[str, type[Event]]] = {event.type: event for event in EVENTS}
_STORY: Final = (
    "SELECT sequence, time, type, data::text FROM chassis.event_log"
    " WHERE case_id = $1 AND source = 'router' AND topic = $2 ORDER BY sequence"
)
_FIGURES: Final = (
    f"SELECT {COLOUR_SQL.format(at='$2::timestamptz')} AS colour, count(*) AS cases FROM router.assignment a"
    " WHERE a.unit = $1 AND a.ended_at IS NULL AND a.role = 'lead' AND NOT a.subjects && $3::text[]"
    f" AND NOT {linked_to_barred('a.case_id', '$3::text[]')} AND (NOT a.sealed OR a.unit = $4) GROUP BY 1"
)
_LATE: Final = (Colour.ORANGE, Colour.RED)


def add_read_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add the reading routes."""
    _add_case_routes(app, office, access)
    _add_rule_routes(app, office)

    @app.get(
        "/v1/units/{code}",
        tags=["units"],
        summary="A unit, what stands above it, and its open cases by colour",
    )
    async def unit(code: str, principal: Reader) -> UnitView:
        access.check_unit(principal)
        found = office.jurisdiction.units.get(code)
        if found is None:
            raise Problem(404, "unit_unknown", "No such unit", f"There is no unit {code}.")
        if not access.reaches(principal, code):
            raise outside(principal, code)
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(
                _FIGURES, code, office.host.clock(), access.above(principal), principal.unit or ""
            )
        figures = {Colour(row["colour"]): int(row["cases"]) for row in rows}
        above = office.jurisdiction.ancestors(code)
        return UnitView(
            code=code,
            name=found.name,
            kind=found.kind,
            rung=found.rung,
            above=[UnitName(code=one, name=office.name(one)) for one in above],
            open=sum(figures.values()),
            overdue=sum(figures.get(colour, 0) for colour in _LATE),
            by_colour={colour: figures.get(colour, 0) for colour in Colour},
        )


def _add_case_routes(app: FastAPI, office: Office, access: Access) -> None:
    @app.get("/v1/cases/{case_id}", tags=["cases"], summary="The work order; its ETag is for If-Match")
    async def case(case_id: UUID, principal: Reader, response: Response) -> CaseView:
        found = access.require_seen(principal, await office.case(case_id), case_id)
        actions = allowed_actions(office, access, principal, found)
        response.headers["ETag"] = etag(found.version)
        response.headers["Cache-Control"] = "no-store"
        may_read = access.reads_words(principal, found)
        above, of_the_centre = access.above(principal), access.is_of_the_centre(principal)
        words = office.words_for(found, above, of_the_centre=of_the_centre) if may_read else None
        return case_view(office, found, office.host.clock(), actions, words)

    @app.get(
        "/v1/cases/{case_id}/route",
        tags=["cases"],
        summary="Why the case is where it is, in words and codes (R-LAD-10)",
    )
    async def route(case_id: UUID, principal: Reader) -> RouteView:
        access.require_seen(principal, await office.case(case_id), case_id)
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(_STORY, case_id, CASE_EVENTS)
        story = [
            Recorded(row[0], row[1], _TYPES[row[2]].model_validate_json(row[3]))
            for row in rows
            if row[2] in _TYPES
        ]
        kinds = office.policy.settings.evidence
        return RouteView(case_id=case_id, steps=explain(story, office.jurisdiction, kinds))


def _add_rule_routes(app: FastAPI, office: Office) -> None:
    policy, jurisdiction = _policy(office), office.jurisdiction

    @app.get(
        "/v1/policy",
        tags=["rules"],
        summary="The policy in force: version and tables",
        dependencies=[allow(*READERS)],
    )
    async def read_policy() -> PolicyView:
        return policy

    @app.get("/v1/matters", tags=["rules"], summary="The matter catalogue", dependencies=[allow(*READERS)])
    async def matters() -> list[MatterView]:
        return [
            MatterView(
                code=matter.code,
                name=matter.name,
                head=jurisdiction.heads[matter.head],
                entry=matter.entry,
                track=matter.track,
                urgency=matter.urgency,
                emergency_line=matter.emergency_line,
                sealed=matter.sealed,
                legal_exit=matter.legal_exit,
                community_duty=matter.community_duty,
                responsible={int(rung): unit for rung, unit in matter.responsible.items()},
                helpers=list(matter.helpers),
            )
            for matter in jurisdiction.matters.values()
        ]


def _policy(office: Office) -> PolicyView:
    policy = office.policy
    tables = [getattr(policy, name) for name in type(policy).model_fields]
    return PolicyView(
        version=policy.version,
        jurisdiction=office.jurisdiction.version,
        tables=[
            TableView(
                name=table.name, fields=list(table.fields), rows=[_row(table, row) for row in table.rows]
            )
            for table in tables
            if isinstance(table, Table)
        ],
    )


def _row(table: Table, row: Row) -> RowView:
    asked = zip(table.fields, table.domains, row.when, strict=True)
    when = {name: sorted(taken) for name, domain, taken in asked if taken != domain}
    return RowView(row=row.fired, when=when, then=dict(row.then))
