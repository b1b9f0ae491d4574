"""Lists for units, operators and supervisors: assignments, the triage queue, the suspended register.

No list shows a caller a case in which their unit, or one above it, is complained of (R-LAD-04, R-HOT-14), nor
sealed matter to anyone but its one recipient (R-PET-10).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import orjson
from fastapi import FastAPI
from fastapi import Query as Parameter

from chassis.http import FieldError, Principal, Problem, Role, allow, etag
from chassis.http.problems import unprocessable
from schemas.department import AssignmentRole, TextAccess
from schemas.router import OrderStatus, QueueReason
from services.colours import Colour
from services.router.api.access import DESKS, READERS, WORKERS, Access
from services.router.api.office import Office
from services.router.api.paging import Query, decode, encode
from services.router.api.views import (
    AssignmentPage,
    AssignmentView,
    CandidateView,
    QueuedView,
    QueuePage,
    Supplement,
    SuspendedPage,
    SuspendedView,
    unit_name,
)
from services.router.card import COLOUR_SQL
from services.router.domain.colour import colour
from services.router.domain.workorder import OPEN

Reader = Annotated[Principal, allow(*READERS)]
Desk = Annotated[Principal, allow(*DESKS, Role.OPS)]
Cursor = Annotated[str | None, Parameter(description="`next` of the page before", max_length=400)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
T = TypeVar("T")
_QUEUE_KEY: Final = (datetime, int, int, datetime, UUID)
"""The types of the triage queue's sort key, which begins with the instant at which the first page was asked for."""
_OPEN: Final = {status.value for status in OPEN}


def add_list_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add the lists."""
    lists = Lists(office, access)

    @app.get("/v1/assignments", tags=["units"], summary="What a unit has to do; open ones unless `ended`")
    async def assignments(
        principal: Reader,
        unit: Annotated[str | None, Parameter(description="by default your own")] = None,
        status: OrderStatus | None = None,
        role: AssignmentRole | None = None,
        matter: str | None = None,
        ended: bool = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> AssignmentPage:
        access.check_unit(principal)
        of = unit or principal.unit
        if of is None or of not in office.jurisdiction.units:
            raise Problem(404, "unit_unknown", "No such unit", f"There is no unit {of} in this jurisdiction.")
        if not access.reaches(principal, of):
            raise outside(principal, of)
        if matter is not None and matter not in office.jurisdiction.matters:
            raise _no_matter(matter)
        query = lists.query(principal, "a")
        query.where(f"a.unit = {query.value(of, 'text')}")
        query.where(f"a.ended_at IS {'NOT ' if ended else ''}NULL")
        if ended:  # who had it before it was sealed is not its recipient (R-PET-10)
            query.where("(NOT a.sealed OR a.role = 'exit')")
        for column, chosen in (("status", status), ("role", role), ("matter", matter)):
            if chosen is not None:
                query.where(f"a.{column} = {query.value(chosen, 'text')}")
        tracks = lists.tracks(principal)
        if tracks is not None:
            query.where(f"a.track = ANY({query.value(tracks, 'text[]')})")
        return await lists.assignments(principal, query, cursor, limit)

    @app.get(
        "/v1/queue/triage",
        tags=["desk"],
        summary="Cases that wait for a human, overdue and most urgent first",
    )
    async def triage(principal: Desk, cursor: Cursor = None, limit: Limit = 50) -> QueuePage:
        access.check_unit(principal)
        return await lists.triage(principal, cursor, limit)

    @app.get("/v1/register/suspended", tags=["desk"], summary="挂账: the suspended register (R-GRD-02)")
    async def suspended(principal: Reader, cursor: Cursor = None, limit: Limit = 50) -> SuspendedPage:
        access.check_unit(principal)
        return await lists.suspended(principal, cursor, limit)


def outside(principal: Principal, unit: str) -> Problem:
    """403 for a unit that is not in the caller's jurisdiction."""
    detail = f"Your token covers {principal.unit}; {unit} does not belong to it."
    return Problem(403, "outside_jurisdiction", "This lies outside your jurisdiction", detail)


def _no_matter(code: str) -> Problem:
    message = f"There is no matter {code}."
    return unprocessable(
        [FieldError(field="query.matter", message=message, expected="a code of GET /v1/matters")]
    )


def _barred(of: str, above: str, unit: str, is_wide: bool) -> str:
    """SQL: whether the state of the aggregate `of` keeps the case from a caller of `unit`, with those `above` it
    (R-LAD-04, R-HOT-14, R-PET-10). Never null."""
    sealed = f"coalesce(({of}.state->'sealed')::boolean, false)"
    has_it = f"coalesce({of}.state->>'unit', {of}.state->'receiver'->>'unit')"
    barred = [
        f"coalesce({of}.state->'subjects' ?| {above}, false)",
        f"({sealed} AND {has_it} IS DISTINCT FROM {unit})",
    ]
    if not is_wide:  # whom it accuses only a human can tell: it may be whoever asks
        barred.append(f"coalesce({of}.state->>'queue' = '{QueueReason.POLICY}', false)")
    return f"({' OR '.join(barred)})"


class Lists:
    """Builds and reads the pages of one jurisdiction."""

    def __init__(self, office: Office, access: Access) -> None:
        self._office, self._access = office, access

    def query(self, principal: Principal, table: str) -> Query:
        """A query that hides what the caller must not know of, in a statement that calls the case's aggregate `g`.

        By the row, which is read first, and by the states, as `Access.sees` judges: a list never shows a case that
        is no case for the caller when they ask for it alone.
        """
        query = Query()
        above = query.value(self._access.above(principal), "text[]")
        unit = query.value(principal.unit or "", "text")
        query.where(f"NOT {table}.subjects && {above}")
        query.where(f"(NOT {table}.sealed OR {table}.unit = {unit})")
        own, first = (_barred(of, above, unit, self._access.is_wide(principal)) for of in ("g", "first"))
        query.where(f"NOT {own}")
        query.where(
            f"NOT EXISTS (SELECT FROM router.aggregate first"
            f" WHERE first.case_id = (g.state->>'linked_to')::uuid AND {first})"
        )
        return query

    def tracks(self, principal: Principal) -> list[str] | None:
        """The tracks to which the caller's roles are limited; None: all."""
        if principal.has(Role.HANDLER, Role.GRID_WORKER, *DESKS, Role.OPS):
            return None
        return [t for role, t in ((Role.MEDIATOR, "M"), (Role.PETITION_OFFICER, "P")) if principal.has(role)]

    def within(self, query: Query, principal: Principal, *columns: str) -> None:
        """Demand that one of the columns names a unit in the caller's jurisdiction."""
        if self._access.is_wide(principal):
            return
        reach = [code for code in self._office.jurisdiction.units if self._access.reaches(principal, code)]
        codes = query.value(reach, "text[]")
        query.where("(" + " OR ".join(f"{column} = ANY({codes})" for column in columns) + ")")

    async def assignments(
        self, principal: Principal, query: Query, cursor: str | None, limit: int
    ) -> AssignmentPage:
        after(query, cursor, {"a.dispatched_at": datetime, "a.case_id": UUID, "a.number": int})
        at = query.value(self._office.host.clock(), "timestamptz")
        rows = await self.fetch(
            f"SELECT a.*, {COLOUR_SQL.format(at=at)} AS colour, g.version, g.state->>'unit' AS holder,"
            " t.title, t.body"
            " FROM router.assignment a JOIN router.aggregate g ON g.case_id = a.case_id"
            " LEFT JOIN router.case_text t ON t.case_id = a.case_id"
            f" WHERE {query.conditions} ORDER BY a.dispatched_at, a.case_id, a.number",
            query,
            limit,
        )
        items = [self._assignment(principal, row) for row in rows[:limit]]
        return AssignmentPage(
            items=items, next=next_cursor(rows, limit, "dispatched_at", "case_id", "number")
        )

    def _assignment(self, principal: Principal, row: Any) -> AssignmentView:
        readable = self._reads(principal, row)
        return AssignmentView(
            assignment=f"{row['case_id']}/{row['number']}",
            etag=etag(row["version"]),
            colour=Colour(row["colour"]) if row["status"] in _OPEN and row["ended_at"] is None else None,
            matter_name=self.matter(row["matter"]),
            title=row["title"] if readable else None,
            text=row["body"] if readable else None,
            locked=row["locked"] or row["status"] == OrderStatus.DISPATCHED_LOCKED,
            **{name: row[name] for name in _PLAIN},
        )

    def _reads(self, principal: Principal, row: Any) -> bool:
        """Whether the caller, who reaches the row's unit, may read the text (R-PRIV-01)."""
        is_open = row["ended_at"] is None
        if row["sealed"] or row["confidential"]:
            holds = row["role"] in {AssignmentRole.LEAD, AssignmentRole.EXIT}
            return is_open and holds and principal.has(*WORKERS, *DESKS) and principal.unit == row["unit"]
        if principal.has(*DESKS) and (
            is_open or self._access.reaches_any(principal, row["place"], row["holder"])
        ):
            return True
        at_work = principal.has(*WORKERS) and self._access.works_for(principal, row["unit"])
        return at_work and is_open and row["access"] != TextAccess.WITHHELD

    async def triage(self, principal: Principal, cursor: str | None, limit: int) -> QueuePage:
        query = self.query(principal, "q")
        self.within(query, principal, "q.place", "q.unit")
        start = self._office.host.clock() if cursor is None else decode(cursor, _QUEUE_KEY)[0]
        at = query.value(start, "timestamptz")  # a case that turns late between two pages is on one of them
        late = f"CASE WHEN q.due_at <= {at} THEN 0 ELSE 1 END"
        columns = (at, late, "q.urgency", "q.queued_at", "q.case_id")
        after(query, cursor, dict(zip(columns, _QUEUE_KEY, strict=True)))
        rows = await self.fetch(
            f"SELECT q.*, {at} AS start, {late} AS late, q.candidates::text AS ranked, g.version, g.state::text,"
            " t.title, t.body, t.supplements::text AS supplements FROM router.triage q"
            " JOIN router.aggregate g ON g.case_id = q.case_id"
            " LEFT JOIN router.case_text t ON t.case_id = q.case_id"
            f" WHERE {query.conditions} ORDER BY late, q.urgency, q.queued_at, q.case_id",
            query,
            limit,
        )
        items = [self._queued(principal, row) for row in rows[:limit]]
        return QueuePage(
            items=items, next=next_cursor(rows, limit, "start", "late", "urgency", "queued_at", "case_id")
        )

    def _queued(self, principal: Principal, row: Any) -> QueuedView:
        seen = colour(self._office.decider.load(row["state"]), row["start"])
        readable = principal.has(Role.OPERATOR) or (principal.has(*DESKS) and not row["confidential"])
        said = orjson.loads(row["supplements"] or "[]") if readable else []
        return QueuedView(
            case_id=row["case_id"],
            etag=etag(row["version"]),
            unit=row["unit"],
            reason=row["reason"],
            place=row["place"],
            urgency=row["urgency"],
            confidence=row["confidence"],
            candidates=[
                CandidateView(
                    matter=found["matter"], matter_name=self.matter(found["matter"]), score=found["score"]
                )
                for found in orjson.loads(row["ranked"])
            ],
            subjects=row["subjects"],
            queued_at=row["queued_at"],
            due_at=row["due_at"],
            overdue=seen is not Colour.GREEN,
            colour=seen,
            title=row["title"] if readable else None,
            text=row["body"] if readable else None,
            supplements=[
                Supplement.model_validate(entry)
                for entry in self._office.shown(
                    said,
                    self._access.above(principal),
                    of_the_centre=self._access.is_of_the_centre(principal) or row["sealed"],
                )
            ],
        )

    async def suspended(self, principal: Principal, cursor: str | None, limit: int) -> SuspendedPage:
        query = self.query(principal, "a")
        query.where("a.status = 'SUSPENDED' AND a.role = 'lead' AND a.ended_at IS NULL")
        self.within(query, principal, "a.place", "a.unit")
        tracks = self.tracks(principal)
        if tracks is not None:
            query.where(f"a.track = ANY({query.value(tracks, 'text[]')})")
        after(query, cursor, {"a.dispatched_at": datetime, "a.case_id": UUID})
        rows = await self.fetch(
            "SELECT a.case_id, a.unit, a.matter, a.dispatched_at, a.confidential, g.version, g.state::text,"
            " (SELECT l.data->>'reason' FROM chassis.event_log l WHERE l.case_id = a.case_id"
            " AND l.source = 'router' AND l.type = 'router.SuspensionDecided.v1'"
            " ORDER BY l.sequence DESC LIMIT 1) AS reason"
            " FROM router.assignment a JOIN router.aggregate g ON g.case_id = a.case_id"
            f" WHERE {query.conditions} ORDER BY a.dispatched_at, a.case_id",
            query,
            limit,
        )
        items = [self._suspended(row) for row in rows[:limit]]
        return SuspendedPage(items=items, next=next_cursor(rows, limit, "dispatched_at", "case_id"))

    def _suspended(self, row: Any) -> SuspendedView:
        state = self._office.decider.load(row["state"])
        back = state.term("resume")
        unit = unit_name(self._office, row["unit"])
        if unit is None or state.suspended_at is None:
            raise LookupError(f"case {row['case_id']} stands on the register without unit or date")
        return SuspendedView(
            case_id=row["case_id"],
            etag=etag(row["version"]),
            unit=unit,
            matter=row["matter"],
            matter_name=self.matter(row["matter"]),
            since=state.suspended_at,
            until=back.at if back else None,
            reason=None if row["confidential"] else row["reason"],
        )

    def matter(self, code: str | None) -> str | None:
        """The name of a matter."""
        matter = self._office.jurisdiction.matters.get(code) if code else None
        return matter.name if matter else None

    async def fetch(self, statement: str, query: Query, limit: int) -> list[Any]:
        """One row more than the page, to know whether there is another page."""
        async with self._office.host.pool.acquire() as connection:
            return await connection.fetch(f"{statement} LIMIT {limit + 1}", *query.values)


_PLAIN: Final = (
    "case_id",
    "unit",
    "role",
    "lead",
    "rung",
    "status",
    "matter",
    "track",
    "urgency",
    "mode",
    "place",
    "dispatched_at",
    "sign_by",
    "handle_by",
    "ended_at",
    "end_reason",
)


def after(query: Query, cursor: str | None, key: dict[str, type[datetime] | type[UUID] | type[int]]) -> None:
    """Demand that the sort key lies behind the cursor's."""
    if cursor is None:
        return
    types: dict[type, str] = {datetime: "timestamptz", UUID: "uuid", int: "int"}
    kinds = list(key.values())
    parts = [query.value(v, types[k]) for v, k in zip(decode(cursor, kinds), kinds, strict=True)]
    query.where(f"({', '.join(key)}) > ({', '.join(parts)})")


def next_cursor(rows: Sequence[Any], limit: int, *key: str) -> str | None:
    """The cursor of the page after these rows; None at the end."""
    return encode([rows[limit - 1][name] for name in key]) if len(rows) > limit else None
