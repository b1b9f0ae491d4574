"""Reports that are linked to a first case: repeats of one person, and co-reporters (R-PET-18).

A first case whose own reporter has withdrawn is written down as long as other reports keep it open.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chassis.database import Connection
from chassis.service import Change
from schemas.intake import CaseConcluded, CaseWithdrawn, ConclusionLifted
from services.intake.domain import IntakeState

_STANDING: Final = (
    "SELECT u.first FROM unnest($1::uuid[]) AS u(first)"
    " CROSS JOIN LATERAL ({reports}) AS c WHERE c.reports > 0"
)
_LEFT: Final = "INSERT INTO intake.left_case SELECT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING"
_OVER: Final = "DELETE FROM intake.left_case WHERE case_id = ANY($1::uuid[])"


def standing_reports(first: str) -> str:
    """SQL: how many reports are linked to the case `first` (an expression) and were not withdrawn, as `reports`.

    What the router unlinked counts no longer. LIMIT keeps the planner to the index.
    """
    return (
        "SELECT count(*) AS reports FROM intake.linked_report r"
        " CROSS JOIN LATERAL (SELECT state FROM intake.aggregate WHERE case_id = r.case_id LIMIT 1) AS own"
        f" WHERE r.first = {first} AND own.state->>'linked_to' IS NOT NULL AND own.state->>'withdrawn' IS NULL"
    )


_ABANDONED: Final = (
    "SELECT l.case_id FROM intake.left_case l"
    f" CROSS JOIN LATERAL ({standing_reports('l.case_id')}) AS c WHERE c.reports = 0"
)


async def standing(connection: Connection, firsts: Sequence[UUID]) -> set[UUID]:
    """Return those of some cases to which a report is linked that its reporter has not withdrawn."""
    if not firsts:
        return set()
    rows = await connection.fetch(_STANDING.format(reports=standing_reports("u.first")), firsts)
    return {UUID(bytes=row[0].bytes) for row in rows}


async def keep_left(connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
    """Write down which cases only other reports keep open; joins the transaction and never commits."""
    found = {
        change.case_id: change.state.is_left
        for change in changes
        if change.state.left
        and any(
            isinstance(event, CaseWithdrawn | CaseConcluded | ConclusionLifted) for event in change.events
        )
    }
    if left := [case_id for case_id, is_left in found.items() if is_left]:
        await connection.execute(_LEFT, left)
    if over := [case_id for case_id, is_left in found.items() if not is_left]:
        await connection.execute(_OVER, over)


async def abandoned(connection: Connection) -> list[UUID]:
    """Return cases whose own reporter has withdrawn, and all others since."""
    return [UUID(bytes=row[0].bytes) for row in await connection.fetch(_ABANDONED)]
