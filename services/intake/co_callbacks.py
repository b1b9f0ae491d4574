"""Each co-reporter is called back alone, while their first case waits for it (R-PET-18, R-HOT-08).

What they say then is said of the first case, with the number of their report: so it counts there, and an unsettled
matter goes back to the unit. What they say before a callback opens is kept with their report and is no callback.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Principal, Role, allow
from schemas.intake import GiveFeedback
from services.intake.callers import HEARING, Caller, caller, demand_centre, is_kept_from
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.progress import RECEIVED_WORDS, public_steps
from services.intake.storage import Called, File, called
from services.intake.views import View

_MOST: Final = 200
_SINCE: Final = (
    "coalesce((SELECT max(t.at) FROM intake.timeline t WHERE t.case_id = r.first AND t.status = 'callback'),"
    " (SELECT max(t.at) FROM intake.timeline t WHERE t.case_id = r.first"
    " AND t.status IN ('answered', 'redirected', 'closed')), 'infinity')"
)
CALLED_BACK: Final = (
    "EXISTS (SELECT FROM chassis.event_log l WHERE l.case_id IN (r.case_id, r.first) AND l.source = 'intake'"
    " AND l.type = 'intake.FeedbackGiven.v1' AND (l.case_id = r.case_id OR l.data->>'report' = r.case_id::text)"
    f" AND l.time >= {_SINCE})"
)
"""SQL: whether the reporter of `r`, a row of `intake.linked_report`, was heard since the last callback opened."""
_IS_CALLED_BACK: Final = f"SELECT {CALLED_BACK} FROM intake.linked_report r WHERE r.case_id = $1"
_WAITING: Final = (
    "SELECT r.case_id, r.first, c.at, f.subjects || first.subjects AS subjects,"
    " coalesce(f.recipient, first.recipient) AS recipient FROM intake.linked_report r"
    " JOIN intake.aggregate own ON own.case_id = r.case_id JOIN intake.aggregate h ON h.case_id = r.first"
    " JOIN intake.case_file f ON f.case_id = r.case_id JOIN intake.case_file first ON first.case_id = r.first"
    " CROSS JOIN LATERAL (SELECT t.status FROM intake.timeline t WHERE t.case_id = r.first"
    " AND t.status IS NOT NULL ORDER BY t.entry DESC LIMIT 1) s"
    " CROSS JOIN LATERAL (SELECT max(t.at) AS at FROM intake.timeline t"
    " WHERE t.case_id = r.first AND t.status = 'callback') c"
    " WHERE (own.state->>'co_report')::boolean AND own.state->>'linked_to' IS NOT NULL"
    " AND own.state->>'withdrawn' IS NULL AND c.at IS NOT NULL"
    " AND (s.status = 'callback' OR (h.state->>'reopen_until')::timestamptz > $1)"
    f" AND NOT {CALLED_BACK} ORDER BY c.at, r.case_id LIMIT {_MOST}"
)


class CoReporterCallback(View):
    """A co-reporter to be called back: `/v1/cases/{case_id}/person` says who, `…/feedback` takes the answer."""

    case_id: UUID
    first: UUID
    """The case that was handled."""
    opened_at: datetime


class CoReporterCallbacks(View):
    """The longest waiting first, 200 at most."""

    callbacks: tuple[CoReporterCallback, ...]


def add_co_callback_route(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add the list."""

    @app.get(
        "/v1/callbacks/co-reporters",
        tags=["hotline"],
        summary="The co-reporters to be called back one by one (R-PET-18)",
    )
    async def callbacks(principal: Annotated[Principal, allow(Role.OPERATOR)]) -> CoReporterCallbacks:
        who = caller(principal, desk.jurisdiction, HEARING)
        demand_centre(who, desk.jurisdiction)
        return CoReporterCallbacks(callbacks=tuple(await _waiting(host.pool, desk, who, host.clock())))


async def _waiting(pool: Pool, desk: Desk, who: Caller, now: datetime) -> Sequence[CoReporterCallback]:
    rows = await pool.fetch(_WAITING, now)
    return [
        CoReporterCallback(case_id=row["case_id"], first=row["first"], opened_at=row["at"])
        for row in rows
        if not is_kept_from(who, list(row["subjects"] or ()), row["recipient"], desk.jurisdiction)
    ]


async def called_for(pool: Pool, file: File) -> Called | None:
    """Return how a report stands with its callbacks; a co-report by those of its first case, without what that
    one's reporter was told (R-PRIV-01). None where there is no such case.

    Who withdrew from it is not called back."""
    if not _is_others(file):
        own = await called(pool, file.case_id)
        return replace(own, callbacks=0, reopen_until=None) if own is not None and file.has_left else own
    found = await called(pool, file.handled_as)
    if found is None:
        return None
    is_called = bool(await pool.fetchval(_IS_CALLED_BACK, file.case_id))
    told = public_steps([(file.received_at, found.status, found.words)])
    words = told[0][2] if told else RECEIVED_WORDS
    answered = found.callbacks if is_called else found.callbacks - 1
    return replace(found, words=words, reply=None, answered=answered)


async def placed(pool: Pool, file: File, said: GiveFeedback) -> tuple[UUID, GiveFeedback]:
    """Return of which case the feedback is given: a co-reporter's of the first case while that waits for it."""
    if _is_others(file) and (found := await called(pool, file.handled_as)) and found.is_waiting:
        return file.handled_as, said.model_copy(update={"report": UUID(bytes=file.case_id.bytes)})
    return file.case_id, said


def _is_others(file: File) -> bool:
    return file.is_co_report and file.linked_to is not None
