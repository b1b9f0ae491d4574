"""Several people, one incident: each further caller has a report of their own, linked to the first case (R-PET-18).

Their data are encrypted by themselves; their code, withdrawal and feedback are theirs, and the first case goes on
while any report of it stands. What they add goes to who handles it (`POST /v1/cases/{id}/supplements`).
"""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import FastAPI, Response
from httpx import codes

from chassis import commands
from chassis.database import Pool
from chassis.host import Host
from chassis.http import Principal, Problem, Role, allow, request_hash
from chassis.idempotency import Idempotency
from schemas.intake import CaseSubmitted, SupplementCase
from services.intake.answers import carry_out, not_found
from services.intake.bodies import CoReporterBody
from services.intake.callers import HEARING, Caller, demand_centre
from services.intake.check import Check
from services.intake.co_callbacks import CALLED_BACK
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.opening import Opening
from services.intake.storage import file_by_id, submission_of
from services.intake.submit import accepted
from services.intake.views import Accepted, View
from services.intake.writes import Conditions, Writing

_TAG: Final = "hotline"
Taker = Annotated[Principal, allow(Role.OPERATOR)]
_REPORTS: Final = (
    "SELECT r.case_id, f.received_at, coalesce((a.state->>'co_report')::boolean, false),"
    f" coalesce((a.state->>'withdrawn')::boolean, false), {CALLED_BACK}"
    " FROM intake.linked_report r JOIN intake.case_file f USING (case_id) JOIN intake.aggregate a USING (case_id)"
    " WHERE r.first = $1 AND a.state->>'linked_to' IS NOT NULL ORDER BY f.received_at"
)


class Report(View):
    """A report that is linked to a case: who is to be called back by `/v1/cases/{case_id}`."""

    case_id: UUID
    received_at: datetime
    is_co_report: bool
    """False: the first reporter said the same again."""
    withdrawn: bool
    called_back: bool
    """Whether a feedback was recorded for this one since the last callback opened."""


class Reports(View):
    """The reports of an incident beside the first, oldest first."""

    reports: tuple[Report, ...]


def add_co_reporter_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add what an operator does with several callers about one incident."""
    opening = Opening(host, desk)

    @app.post(
        "/v1/cases/{case_id}/co-reporters",
        tags=[_TAG],
        summary="Add a further caller to a case; they get a tracking code of their own",
        response_model=Accepted,
        status_code=201,
    )
    async def join(case_id: UUID, body: CoReporterBody, principal: Taker, given: Writing) -> Response:
        file, who = await opening.for_staff(case_id, principal, HEARING)
        if file.linked_to is not None:
            first = await file_by_id(host.pool, file.linked_to)
            file = first if first is not None else file
        said = await submission_of(host.pool, file.case_id)
        if said is None or file.recipient is not None:
            raise not_found()
        if file.confidential:
            detail = (
                "Its reporter wants only the responsible unit to know of it: take the caller's case in anew."
            )
            raise Problem(409, "case_confidential", "The case is confidential", detail)
        submission = desk.joining(file, said, body, Check(desk.around, host.clock()), who)
        asked = None
        if given.key is not None:
            path = given.request.url.path
            asked = Idempotency(
                who.recorded_as, given.key, request_hash("POST", path, await given.request.body())
            )
        trace = host.telemetry.accept(given.request.headers.get("traceparent"))
        answer = await carry_out(
            host,
            commands.Request(
                submission.case_id, submission.command, trace, idempotency=asked, answer=submission.answer
            ),
        )
        if submission.command.case.linked_to is not None and "text" in body.model_fields_set:
            await tell_unit(submission.command.case, UUID(orjson.loads(answer.body)["case_id"]), given, who)
        return accepted(desk, submission, answer)

    async def tell_unit(said: CaseSubmitted, report: UUID, given: Conditions, who: Caller) -> None:
        """Let the unit that has the first case read what the further caller adds. A request sent again under its
        key catches up on what was left undone; where the first case has ended meanwhile, nobody handles it."""
        assert said.linked_to is not None  # noqa: S101 - the caller has looked
        words = SupplementCase(text=said.text, by=said.by, report=report)
        asked = None
        if given.key is not None:
            hashed = request_hash("POST", given.request.url.path, b"words")
            asked = Idempotency(who.recorded_as, f"{given.key} words", hashed)
        trace = host.telemetry.accept(given.request.headers.get("traceparent"))
        try:
            await carry_out(host, commands.Request(said.linked_to, words, trace, idempotency=asked))
        except Problem as problem:
            if problem.status_code != codes.CONFLICT:
                raise

    @app.get(
        "/v1/cases/{case_id}/co-reporters",
        tags=[_TAG],
        summary="The other reports, to be called back one by one",
    )
    async def reports(case_id: UUID, principal: Taker) -> Reports:
        file, _ = await opening.for_staff(case_id, principal, HEARING, demand_centre)
        return Reports(reports=tuple(await _reports(host.pool, file.handled_as)))


async def _reports(pool: Pool, first: UUID) -> list[Report]:
    rows = await pool.fetch(_REPORTS, first)
    return [
        Report(case_id=row[0], received_at=row[1], is_co_report=row[2], withdrawn=row[3], called_back=row[4])
        for row in rows
    ]
