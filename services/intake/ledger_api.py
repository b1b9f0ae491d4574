"""R-LEDGER-01: the concerns ledger over HTTP: what both sides were told of each case, and what is missing.

Newest first. Case ids begin with the moment at which the case was taken in: a period is a range of the primary key.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Query
from pydantic import Field

from chassis.calendar import SHANGHAI
from chassis.host import Host
from chassis.http import FieldError, Principal, Role, allow
from chassis.http.problems import unprocessable
from services.intake.callers import Caller, caller, demand_scope, is_of_the_centre
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.ids import first_id
from services.intake.ledger import MOST_DAYS, REASONS
from services.intake.progress import RECEIVED, WITHHELD_WORDS
from services.intake.views import View

READING: Final = (Role.SUPERVISOR, Role.OPERATOR, Role.OPS)
_USUAL_DAYS: Final = 31
_REASONS: Final = (
    "array_remove(ARRAY["
    "CASE WHEN r.at IS NULL THEN 'resident_not_told' END,"
    " CASE WHEN h.at IS NULL AND l.kind IS DISTINCT FROM 'redirected' AND w.first IS NULL"
    " THEN 'handler_not_told' END,"
    " CASE WHEN NOT l.solved AND l.explanation = '' THEN 'unexplained' END,"
    " CASE WHEN EXISTS (SELECT FROM intake.parked p WHERE p.case_id = f.case_id AND p.resolved_at IS NULL)"
    " THEN 'waiting' END], NULL)"
)
_LATEST: Final = "(SELECT t.at, t.status, t.words, t.unit FROM intake.timeline t WHERE t.case_id = f.case_id"
_STATUS: Final = (
    "(SELECT t.status FROM intake.timeline t WHERE t.case_id = f.case_id AND t.status IS NOT NULL"
    " ORDER BY t.entry DESC LIMIT 1)"
)
_CONFIDENTIAL: Final = (
    "coalesce((SELECT (e.data ->> 'confidential')::boolean FROM chassis.event_log e"
    " WHERE e.case_id = f.case_id AND e.source = 'intake' AND e.sequence = 1), false)"
)
_WITH_FIRST: Final = (
    "(SELECT c.case_id AS first, c.explanation, (SELECT (e.data ->> 'resolved')::boolean FROM chassis.event_log e"
    " WHERE e.case_id IN (f.case_id, first.case_id) AND e.source = 'intake'"
    " AND e.type = 'intake.FeedbackGiven.v1'"
    " AND (e.case_id = f.case_id OR e.data ->> 'report' = f.case_id::text)"
    " ORDER BY e.time DESC LIMIT 1) AS solved"
    " FROM (SELECT first.case_id, (SELECT o.explanation FROM intake.ledger o WHERE o.case_id = first.case_id)"
    " AS explanation) c WHERE c.case_id IS NOT NULL)"
)
"""R-PET-18: a unit is told of a linked report with the first case; whether it is solved, its own reporter says."""
_ENTRIES: Final = (
    f"SELECT f.case_id, coalesce(first.unit, f.unit) AS unit, f.received_at,"
    f" r.at AS resident_at, r.words AS resident_words, h.at AS unit_at,"
    f" h.unit AS unit_told, h.words AS unit_words, l.kind, l.unit AS by_unit,"
    " coalesce(l.solved, w.solved) AS solved, CASE WHEN w.solved THEN l.explanation"
    " ELSE coalesce(nullif(l.explanation, ''), w.explanation, '') END AS explanation,"
    f" l.at AS result_at, {_STATUS} AS status, {_CONFIDENTIAL} AS confidential, {_REASONS} AS reasons, k.kept"
    " FROM intake.case_file f JOIN intake.aggregate a ON a.case_id = f.case_id"
    " LEFT JOIN intake.case_file first ON first.case_id = (a.state ->> 'linked_to')::uuid"
    " LEFT JOIN intake.ledger l ON l.case_id = f.case_id"
    f" LEFT JOIN LATERAL {_WITH_FIRST} w ON true"
    f" LEFT JOIN LATERAL {_LATEST} ORDER BY t.entry DESC LIMIT 1) r ON true"
    f" LEFT JOIN LATERAL {_LATEST} AND t.unit IS NOT NULL ORDER BY t.entry DESC LIMIT 1) h ON true"
    " CROSS JOIN LATERAL (SELECT coalesce(f.subjects && $1 OR first.subjects && $1, false)"
    " OR coalesce(coalesce(f.recipient, first.recipient) <> $2, false) AS kept) k"
    " WHERE f.case_id >= $3 AND f.case_id < $4"
    " AND ($5::text[] IS NULL OR coalesce(first.unit, f.unit) = ANY($5))"
)
"""$1: units that keep a case from the caller when complained of (R-LAD-04); $2: the caller's unit (R-PET-10)."""
_PAGE: Final = "SELECT * FROM ({entries}) e WHERE NOT e.kept{missing} ORDER BY e.case_id DESC LIMIT $6"
_MISSING: Final = " AND cardinality(e.reasons) > 0"
_WITHHELD: Final = f"SELECT count(*) FROM ({_ENTRIES}) e WHERE e.kept{_MISSING}"


class Told(View):
    """What one side was told last. `unit` is of the handlers' side."""

    at: datetime
    words: str
    unit: str | None = None
    unit_name: str | None = None


class Outcome(View):
    """What came of the case, by whom. `explanation`: why it is unsolved, as the resident was told."""

    at: datetime
    kind: str = Field(
        description="replied, answered, redirected, linked, emergency, ended, closed, withdrawn"
    )
    unit: str | None
    unit_name: str | None
    solved: bool | None
    explanation: str


class LedgerEntry(View):
    """A case of the ledger. `missing`: why it has not been reported back to both sides; empty: it has."""

    case_id: UUID
    unit: str = Field(description="the unit of the place")
    received_at: datetime
    status: str
    resident: Told | None
    handler: Told | None
    result: Outcome | None
    missing: tuple[str, ...] = Field(description=f"codes: {', '.join(REASONS)}")


class LedgerPage(View):
    """A page, newest first; `next` is the `cursor` of the page after it, null at the end."""

    items: tuple[LedgerEntry, ...]
    next: UUID | None
    withheld: int = Field(
        description="how many more entries of the period lack something without being shown. Counted only with"
        " `unreported`, and only for who runs the system and belongs to no unit"
    )


def add_ledger_route(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add `GET /v1/ledger`."""

    @app.get(
        "/v1/ledger",
        tags=["ledger"],
        summary="民情台账: what resident and unit were told of each case, why what is unsolved is (R-LEDGER-01)",
    )
    async def ledger(
        principal: Annotated[Principal, allow(*READING)],
        unit: Annotated[
            str | None, Query(description="cases whose place lies in this unit; default: yours")
        ] = None,
        first: Annotated[date | None, Query(alias="from", description="taken in from this day on")] = None,
        last: Annotated[
            date | None, Query(alias="to", description="and until this day; default: today")
        ] = None,
        unreported: Annotated[bool, Query(description="only those that lack something")] = False,
        grace: Annotated[
            int, Query(ge=0, le=10_000, description="minutes that a case has to be routed in")
        ] = 60,
        cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> LedgerPage:
        who = caller(principal, desk.jurisdiction, READING)
        begin, end = _period(first, last, host.clock())
        if unreported:
            end = min(end, first_id(host.clock() - timedelta(minutes=grace)))
        scope = (_above(who, desk), who.unit or "", begin, min(end, cursor or end), _reach(who, desk, unit))
        statement = _PAGE.format(entries=_ENTRIES, missing=_MISSING if unreported else "")
        async with host.pool.acquire() as connection:
            rows = await connection.fetch(statement, *scope, limit + 1)
            counts = unreported and who.unit is None
            withheld = await connection.fetchval(_WITHHELD, *scope) if counts else 0
        items = tuple(_entry(desk, who, row) for row in rows[:limit])
        return LedgerPage(
            items=items, next=items[-1].case_id if len(rows) > limit else None, withheld=int(withheld)
        )


def _period(first: date | None, last: date | None, now: datetime) -> tuple[UUID, UUID]:
    """The case ids of a period. Raises Problem 422 for one that is none, or too long to look through."""
    last = last or now.astimezone(SHANGHAI).date()
    first = first or last - timedelta(days=_USUAL_DAYS - 1)
    if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
        expected = f"a period of 1 to {MOST_DAYS} days: from=2026-06-01&to=2026-06-30"
        raise unprocessable([FieldError(field="query.from", message="not a period", expected=expected)])
    return first_id(_midnight(first)), first_id(_midnight(last + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def _above(who: Caller, desk: Desk) -> list[str]:
    """R-LAD-04: of a caller without a unit nobody knows under whom they stand, so any subject keeps them out."""
    if who.unit is None:
        return list(desk.jurisdiction.units)
    return [who.unit, *desk.jurisdiction.ancestors(who.unit)]


def _reach(who: Caller, desk: Desk, unit: str | None) -> list[str] | None:
    """The places whose cases are shown; None: all. Raises Problem 403 and 422."""
    known = desk.jurisdiction
    if unit is not None and unit not in known.units:
        message = f"There is no unit {unit}."
        raise unprocessable([FieldError(field="query.unit", message=message, expected="a unit's code")])
    if unit is not None:
        demand_scope(who, unit, known)
    elif who.unit is None or is_of_the_centre(who, known):
        return None
    of = unit or who.unit
    return [code for code in known.units if of is not None and known.in_scope(of, code)]


def _entry(desk: Desk, who: Caller, row: Any) -> LedgerEntry:
    is_withheld = row["confidential"] and not is_of_the_centre(who, desk.jurisdiction)

    def words(said: str) -> str:
        return WITHHELD_WORDS if is_withheld and said else said

    def name(code: str | None) -> str | None:
        found = desk.jurisdiction.units.get(code) if code else None
        return found.name if found else None

    resident = Told(at=row["resident_at"], words=words(row["resident_words"])) if row["resident_at"] else None
    handler = row["unit_at"] and Told(
        at=row["unit_at"],
        words=words(row["unit_words"]),
        unit=row["unit_told"],
        unit_name=name(row["unit_told"]),
    )
    result = row["kind"] and Outcome(
        at=row["result_at"],
        kind=row["kind"],
        unit=row["by_unit"],
        unit_name=name(row["by_unit"]),
        solved=row["solved"],
        explanation=words(row["explanation"]),
    )
    return LedgerEntry(
        case_id=row["case_id"],
        unit=row["unit"],
        received_at=row["received_at"],
        status=row["status"] or RECEIVED,
        resident=resident,
        handler=handler,
        result=result,
        missing=tuple(row["reasons"]),
    )
