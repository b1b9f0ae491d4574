"""Intake's HTTP routes for staff; the hot routes and the resident's have modules of their own."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Query, Response

from chassis.host import Host
from chassis.http import Principal, Problem, Role, allow, etag
from chassis.masking import mask
from schemas.intake import ErasePerson
from schemas.written import Note
from services.intake.access import read_person
from services.intake.answers import not_found
from services.intake.bodies import ErasureBody, FeedbackBody, SupplementBody, WithdrawalBody
from services.intake.callers import (
    ADDING,
    HEARING,
    STAFF,
    WITHDRAWING,
    Caller,
    caller,
    demand_centre,
    demand_district,
    demand_scope,
    is_kept_from,
    is_of_the_centre,
)
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.progress import WITHHELD_WORDS
from services.intake.storage import File, file_by_id, submitter
from services.intake.submit import add_submit_routes
from services.intake.tracking import add_tracking_routes, seen
from services.intake.views import CaseView, Changed, Heard, PersonView
from services.intake.writes import Writing, changer, feedback, heard, supplement, withdrawal

_CASES: Final = "cases"
_PERSONS: Final = "personal data"
Staff = Annotated[Principal, allow(*STAFF)]
Adder = Annotated[Principal, allow(*ADDING)]
Withdrawer = Annotated[Principal, allow(*WITHDRAWING)]
Hearer = Annotated[Principal, allow(*HEARING)]
Reader = Annotated[Principal, allow(Role.OPERATOR, Role.SUPERVISOR)]
Eraser = Annotated[Principal, allow(Role.SUPERVISOR)]


def add_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add all of intake's routes."""
    add_submit_routes(app, host, desk)
    add_tracking_routes(app, host, desk)
    _add_case_routes(app, host, desk)
    _add_person_routes(app, host, desk)


async def _opened(
    host: Host[IntakeState],
    desk: Desk,
    case_id: UUID,
    principal: Principal,
    roles: tuple[Role, ...] = STAFF,
) -> tuple[File, Caller]:
    """Return the file, and the caller in the first of `roles` that they hold.

    Raises Problem 404 for whom it is kept from, 403 outside their area.
    """
    who = caller(principal, desk.jurisdiction, roles)
    file = await file_by_id(host.pool, case_id)
    if file is None or is_kept_from(who, file.subjects, file.recipient, desk.jurisdiction):
        raise not_found()
    if file.recipient is None:  # whom sealed matter was sent to may well have no area
        demand_scope(who, file.unit, desk.jurisdiction)
    return file, who


async def _demand_own(host: Host[IntakeState], case_id: UUID, who: Caller) -> None:
    """Raise Problem 403 where a grid worker would take back what another submitted."""
    if who.role is not Role.GRID_WORKER or await submitter(host.pool, case_id) == who.recorded_as:
        return
    detail = (
        "A grid worker takes back only what they submitted themselves. The resident takes their case back by its "
        "tracking code, or asks the hotline (role operator) to do it."
    )
    raise Problem(403, "not_your_submission", "This case is not yours to take back", detail)


def _add_case_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    change = changer(host)

    @app.get("/v1/cases/{case_id}", tags=[_CASES], summary="Status and time line; the ETag for If-Match")
    async def case(case_id: UUID, principal: Staff, response: Response) -> CaseView:
        file, who = await _opened(host, desk, case_id, principal)
        response.headers["ETag"] = etag(file.version)
        shown = await seen(host, file)
        if file.confidential and not is_of_the_centre(who, desk.jurisdiction):
            shown = shown.model_copy(update={"words": WITHHELD_WORDS, "timeline": ()})
        return CaseView(case_id=case_id, unit=file.unit, **dict(shown))

    @app.post("/v1/cases/{case_id}/supplements", tags=[_CASES], summary="Add facts", response_model=Heard)
    async def add(case_id: UUID, body: SupplementBody, principal: Adder, given: Writing) -> Response:
        file, who = await _opened(host, desk, case_id, principal, ADDING)
        there = file.handled_as
        command = supplement(desk, host, there, body, who.actor)
        told = heard(command, file, to_resident=False)
        return await change(there, command, given, who.subject, told)

    @app.post(
        "/v1/cases/{case_id}/withdrawal",
        tags=[_CASES],
        summary="Take the case back for the resident",
        response_model=Heard,
    )
    async def withdraw(
        case_id: UUID, body: WithdrawalBody, principal: Withdrawer, given: Writing
    ) -> Response:
        file, who = await _opened(host, desk, case_id, principal, WITHDRAWING)
        demand_centre(who, desk.jurisdiction)
        await _demand_own(host, case_id, who)
        command = withdrawal(desk, body, who.actor)
        told = heard(command, file, to_resident=False)
        return await change(case_id, command, given.of_link(file), who.subject, told)

    @app.post(
        "/v1/cases/{case_id}/feedback",
        tags=[_CASES],
        summary="Record what the resident says of the handling",
        response_model=Heard,
    )
    async def give(case_id: UUID, body: FeedbackBody, principal: Hearer, given: Writing) -> Response:
        file, who = await _opened(host, desk, case_id, principal, HEARING)
        demand_centre(who, desk.jurisdiction)
        command = feedback(desk, body, who.actor)
        told = heard(command, file, to_resident=False)
        return await change(case_id, command, given.of_link(file), who.subject, told)


def _add_person_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    change = changer(host)

    @app.get(
        "/v1/cases/{case_id}/person", tags=[_PERSONS], summary="Read personal data; the access is recorded"
    )
    async def person(
        case_id: UUID,
        principal: Reader,
        purpose: Annotated[Note, Query(description="why you need it; it is recorded")],
        response: Response,
    ) -> PersonView:
        file, who = await _opened(host, desk, case_id, principal)
        found = await read_person(host.pool, desk.vault, case_id, who, purpose)
        if found is not None:
            response.headers["Cache-Control"] = "no-store"
            return found
        if file.erased:
            raise Problem(
                410, "person_erased", "The personal data were erased", "Their keys were deleted for good."
            )
        detail = "The reporter gave no personal data with this case."
        raise Problem(404, "no_personal_data", "There are no personal data", detail)

    @app.post(
        "/v1/cases/{case_id}/person/erasure",
        tags=[_PERSONS],
        summary="Erase the personal data of a case for good",
        response_model=Changed,
    )
    async def erase(case_id: UUID, body: ErasureBody, principal: Eraser, given: Writing) -> Response:
        _, who = await _opened(host, desk, case_id, principal)
        demand_district(who, desk.jurisdiction)
        command = ErasePerson(reason=mask(body.reason), by=who.actor)
        return await change(case_id, command, given, who.subject)
