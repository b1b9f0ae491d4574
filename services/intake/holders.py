"""Who handles a case now, as the router's events tell: the lead from the time line, which names the unit of each
turn, and the helpers, for which alone something is written. A case without helpers costs nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.database import Connection, Pool
from chassis.http import Role
from chassis.service import Change
from schemas.jurisdiction import Jurisdiction
from schemas.message import Event
from schemas.router import CaseDispatched, DepartmentsWhistled, HelpersRecused, PoliceJoined, SeatGiven
from services.intake.callers import Caller
from services.intake.domain import IntakeState

HELPING: Final[tuple[type[Event], ...]] = (DepartmentsWhistled, PoliceJoined, HelpersRecused)
"""Events of which the resident is told nothing: only who helps changes."""
_GIVING: Final = ("dispatched", "settled")
"""Statuses with which a case gets a new lead, and the helpers before it are released."""
_HELD: Final = (*_GIVING, "redo", "mediation", "petition")
_TURNS: Final = (*_HELD, "redirected", "triage", "answered", "linked", "emergency", "closed")
"""Statuses by which the router says who has the case from then on; no other gives or takes it. A case that was
taken back is lost when the router closes it: other reports may stand (R-PET-18)."""
_WORKERS: Final = {Role.MEDIATOR: "mediation", Role.PETITION_OFFICER: "petition"}
"""Who works only on a case that is in that procedure."""
_WORKING: Final = (Role.HANDLER, Role.GRID_WORKER, Role.SUPERVISOR, *_WORKERS)
_HELPERS: Final = (
    "INSERT INTO intake.helper (case_id, unit, at)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])"
    " ON CONFLICT (case_id, unit) DO UPDATE SET at = excluded.at"
)
_RELEASED: Final = (
    "DELETE FROM intake.helper h USING unnest($1::uuid[], $2::text[]) AS u(case_id, unit)"
    " WHERE h.case_id = u.case_id AND h.unit = u.unit"
)
_HOLDERS: Final = (
    "SELECT t.status, t.unit, ARRAY(SELECT h.unit FROM intake.helper h WHERE h.case_id = $1 AND h.at >="
    " (SELECT g.at FROM intake.timeline g WHERE g.case_id = $1 AND g.status = ANY($3::text[])"
    " ORDER BY g.entry DESC LIMIT 1))"
    " FROM intake.timeline t WHERE t.case_id = $1 AND t.status = ANY($2::text[]) ORDER BY t.entry DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Holders:
    """The units with a running assignment. `procedure`: in which the case is, if in one."""

    lead: str | None = None
    helpers: tuple[str, ...] = ()
    procedure: str | None = None

    def include(self, who: Caller, jurisdiction: Jurisdiction) -> bool:
        """Whether the caller works for one of them, or oversees it (R-HOT-06)."""
        if who.unit is None or who.role not in _WORKING:
            return False
        if who.role in _WORKERS and _WORKERS[who.role] != self.procedure:
            return False
        units = [unit for unit in (self.lead, *self.helpers) if unit and unit in jurisdiction.units]
        return any(jurisdiction.in_scope(who.unit, unit) for unit in units)


async def holders(pool: Pool, case_id: UUID) -> Holders:
    """Return who handles a case now; nobody before it is dispatched and after it has ended."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(_HOLDERS, case_id, list(_TURNS), list(_GIVING))
    if row is None:
        return Holders()
    status, unit, helpers = row
    if status not in _HELD:
        return Holders(unit if status == "redirected" else None)
    return Holders(unit, tuple(helpers), status if status in _WORKERS.values() else None)


async def keep_helpers(connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
    """Write down who helps; joins the transaction and never commits."""
    found: dict[tuple[UUID, str], datetime | None] = {}
    """Since when it helps; None: it left."""
    for change in changes:
        if isinstance(change.given, HelpersRecused):  # whoever is interested is asked no more (R-LAD-04)
            found |= {(change.case_id, seat.unit): None for seat in change.given.helpers}
        elif isinstance(change.given, Event):
            found |= {(change.case_id, seat.unit): change.given_at for seat in _seats(change.given)}
    rows = [(*key, at) for key, at in found.items() if at is not None]
    left = [key for key, at in found.items() if at is None]
    if rows:
        await connection.execute(_HELPERS, *(list(column) for column in zip(*rows, strict=True)))
    if left:
        await connection.execute(_RELEASED, *(list(column) for column in zip(*left, strict=True)))


def _seats(event: Event) -> tuple[SeatGiven, ...]:
    match event:
        case CaseDispatched(helpers=helpers) | DepartmentsWhistled(helpers=helpers):
            return helpers
        case PoliceJoined(police=police):
            return (police,)
        case _:
            return ()
