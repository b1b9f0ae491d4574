"""What of the cases that fit may be shown, read from the database at that moment: an index is never asked who may
see what (R-LAD-04, R-HOT-14, R-PET-10)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.database import Pool
from schemas.jurisdiction import Jurisdiction
from services.intake.callers import Caller, is_kept_from, is_of_the_centre, reaches
from services.intake.links import standing_reports
from services.intake.progress import ENDED_STATUSES, QUEUED, RECEIVED
from services.intake.similar.index import Hit
from services.intake.views import View

ENDED: Final = 0.5
"""What a case counts whose handling has ended: whoever reports it again has most likely news."""

_FOUND: Final = (
    "SELECT u.case_id, l.data->>'title', f.unit, f.received_at, t.status, c.reports, f.subjects"
    " FROM unnest($1::uuid[]) AS u(case_id)"
    " CROSS JOIN LATERAL (SELECT unit, subjects, recipient, received_at FROM intake.case_file"
    " WHERE case_id = u.case_id LIMIT 1) AS f"
    " CROSS JOIN LATERAL (SELECT state, seen FROM intake.aggregate WHERE case_id = u.case_id LIMIT 1) AS a"
    " CROSS JOIN LATERAL (SELECT data FROM chassis.event_log"
    " WHERE case_id = u.case_id AND source = 'intake' AND sequence = 1 LIMIT 1) AS l"
    " LEFT JOIN LATERAL (SELECT status FROM intake.timeline WHERE case_id = u.case_id AND status IS NOT NULL"
    " ORDER BY entry DESC LIMIT 1) AS t ON true"
    f" CROSS JOIN LATERAL ({standing_reports('u.case_id')}) AS c"
    " WHERE f.recipient IS NULL AND a.seen ? 'router'"
    " AND a.state->>'withdrawn' IS NULL AND a.state->>'linked_to' IS NULL"
)
"""Nothing of which the router has not spoken yet: until then nobody knows whether it is to be sealed (R-PET-10)."""


class SimilarCase(View):
    """A case that may be the same incident. It says nothing of a person."""

    case_id: UUID
    title: str
    grid: str | None
    received_at: datetime
    status: str
    reporters: int
    """How many reported it and stand by it, the first included."""
    score: float


async def shown(
    pool: Pool, hits: Sequence[Hit], who: Caller, jurisdiction: Jurisdiction, most: int
) -> list[SimilarCase]:
    """Return those of the hits that the caller may see, best first."""
    scores = {hit.case_id: hit.score for hit in hits}
    if not scores:
        return []
    async with pool.acquire() as connection:
        rows = await connection.fetch(_FOUND, list(scores))
    found = []
    for row in rows:
        case_id, unit, status = UUID(bytes=row[0].bytes), row[2], row[4] or RECEIVED
        if not _may_see(who, unit, list(row[6] or ()), status, jurisdiction):
            continue
        grid = unit if unit != jurisdiction.code else None
        score = scores[case_id] * (ENDED if status in ENDED_STATUSES else 1.0)
        found.append(
            SimilarCase(
                case_id=case_id,
                title=row[1],
                grid=grid,
                received_at=row[3],
                status=status,
                reporters=1 + row[5],
                score=round(score, 3),
            )
        )
    found.sort(key=lambda case: -case.score)
    return found[:most]


def _may_see(who: Caller, unit: str, subjects: list[str], status: str, jurisdiction: Jurisdiction) -> bool:
    """What waits for a human may complain of an office without saying which: only the centre sees it until then."""
    if is_kept_from(who, subjects, None, jurisdiction) or not reaches(who, unit, jurisdiction):
        return False
    return status != QUEUED or is_of_the_centre(who, jurisdiction)
