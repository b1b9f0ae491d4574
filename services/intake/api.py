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
from services.intake.attachments.routes import add_attachment_routes
from services.intake.bodies import (
    ErasureBody,
    FeedbackBody,
    ReopeningBody,
    SupplementBody,
    WithdrawalBody,
)
from services.intake.callback import add_callback_routes
from services.intake.callers import (
    ADDING,
    HEARING,
    STAFF,
    WITHDRAWING,
    Caller,
    demand_centre,
    demand_district,
    is_of_the_centre,
)
from services.intake.calls import add_call_routes
from services.intake.co_callbacks import add_co_callback_route, placed
from services.intake.co_reporters import add_co_reporter_routes
from services.intake.contacts import add_contact_route
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.ledger_api import add_ledger_route
from services.intake.opening import Opening
from services.intake.progress import WITHHELD_WORDS
from services.intake.storage import submitter
from services.intake.submit import add_submit_routes
from services.intake.tracking import add_tracking_routes, seen
from services.intake.views import CaseView, Changed, Heard, PersonView
from services.intake.writes import Writing, changer, feedback, heard, reopening, supplement, withdrawal

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
    add_co_reporter_routes(app, host, desk)
    add_co_callback_route(app, host, desk)
    add_call_routes(app, host, desk)
    add_callback_routes(app, host, desk)
    add_ledger_route(app, host, desk)
    _add_case_routes(app, host, desk)
    _add_person_routes(app, host, desk)
    add_contact_route(app, host, desk)
    add_attachment_routes(app, host, desk)


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
    opening = Opening(host, desk)

    @app.get("/v1/cases/{case_id}", tags=[_CASES], summary="Status and time line; the ETag for If-Match")
    async def case(case_id: UUID, principal: Staff, response: Response) -> CaseView:
        file, who = await opening.for_staff(case_id, principal)
        response.headers["ETag"] = etag(file.version)
        shown = await seen(host, file)
        if file.confidential and not is_of_the_centre(who, desk.jurisdiction):
            shown = shown.model_copy(update={"words": WITHHELD_WORDS, "timeline": ()})
        return CaseView(case_id=case_id, unit=file.unit, **dict(shown))

    @app.post("/v1/cases/{case_id}/supplements", tags=[_CASES], summary="Add facts", response_model=Heard)
    async def add(case_id: UUID, body: SupplementBody, principal: Adder, given: Writing) -> Response:
        file, who = await opening.for_staff(case_id, principal, ADDING)
        there = file.handled_as
        command = await supplement(desk, host, file, body, who.actor)
        told = heard(command, file, to_resident=False)
        return await change(there, command, given, who.recorded_as, told)

    @app.post(
        "/v1/cases/{case_id}/withdrawal",
        tags=[_CASES],
        summary="Take the case back for the resident",
        response_model=Heard,
    )
    async def withdraw(
        case_id: UUID, body: WithdrawalBody, principal: Withdrawer, given: Writing
    ) -> Response:
        file, who = await opening.for_staff(case_id, principal, WITHDRAWING, demand_centre)
        await _demand_own(host, case_id, who)
        command = await withdrawal(desk, host, file.case_id, body, who.actor)
        told = heard(command, file, to_resident=False)
        return await change(case_id, command, given.of_link(file), who.recorded_as, told)

    @app.post(
        "/v1/cases/{case_id}/feedback",
        tags=[_CASES],
        summary="Record what the resident says of the handling",
        response_model=Heard,
    )
    async def give(case_id: UUID, body: FeedbackBody, principal: Hearer, given: Writing) -> Response:
        file, who = await opening.for_staff(case_id, principal, HEARING, demand_centre)
        there, command = await placed(
            host.pool, file, await feedback(desk, host, file.case_id, body, who.actor)
        )
        told = heard(command, file, to_resident=False)
        own = given if there == file.handled_as else given.of_link(file)
        return await change(there, command, own, who.recorded_as, told)

    @app.post(
        "/v1/cases/{case_id}/reopening",
        tags=[_CASES],
        summary="Have a closed case handled again for the resident (R-HOT-08)",
        response_model=Heard,
    )
    async def reopen(case_id: UUID, body: ReopeningBody, principal: Hearer, given: Writing) -> Response:
        file, who = await opening.for_staff(case_id, principal, HEARING, demand_centre)
        command = await reopening(desk, host, file, body, who.actor)
        told = heard(command, file, to_resident=False)
        return await change(file.handled_as, command, given, who.recorded_as, told)


def _add_person_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    change = changer(host)
    opening = Opening(host, desk)

    @app.get(
        "/v1/cases/{case_id}/person", tags=[_PERSONS], summary="Read personal data; the access is recorded"
    )
    async def person(
        case_id: UUID,
        principal: Reader,
        purpose: Annotated[Note, Query(description="why you need it; it is recorded")],
        response: Response,
    ) -> PersonView:
        file, who = await opening.for_staff(case_id, principal)
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
        _, who = await opening.for_staff(case_id, principal, demand=demand_district)
        command = ErasePerson(reason=mask(body.reason), by=who.actor)
        return await change(case_id, command, given, who.recorded_as)
