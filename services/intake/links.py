"""Reports that are linked to a first case: repeats of one person, and co-reporters (R-PET-18)."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chassis.database import Connection

_STANDING: Final = (
    "SELECT u.first FROM unnest($1::uuid[]) AS u(first)"
    " CROSS JOIN LATERAL ({reports}) AS c WHERE c.reports > 0"
)


def standing_reports(first: str) -> str:
    """SQL: how many reports are linked to the case `first` (an expression) and were not withdrawn, as `reports`.

    What the router unlinked counts no longer. LIMIT keeps the planner to the index.
    """
    return (
        "SELECT count(*) AS reports FROM intake.linked_report r"
        " CROSS JOIN LATERAL (SELECT state FROM intake.aggregate WHERE case_id = r.case_id LIMIT 1) AS own"
        f" WHERE r.first = {first} AND own.state->>'linked_to' IS NOT NULL AND own.state->>'withdrawn' IS NULL"
    )


async def standing(connection: Connection, firsts: Sequence[UUID]) -> set[UUID]:
    """Return those of some cases to which a report is linked that its reporter has not withdrawn."""
    if not firsts:
        return set()
    rows = await connection.fetch(_STANDING.format(reports=standing_reports("u.first")), firsts)
    return {UUID(bytes=row[0].bytes) for row in rows}
