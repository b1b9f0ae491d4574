"""The resident's routes: whoever holds the tracking code sees the case and may add to it (R-PET-13)."""

from operator import itemgetter
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Request, Response

from chassis.host import Host
from chassis.http import etag, public
from services.intake.bodies import FeedbackBody, ReopeningBody, SupplementBody, WithdrawalBody
from services.intake.co_callbacks import placed
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.opening import Opening
from services.intake.progress import RECEIVED, RECEIVED_WORDS, public_steps
from services.intake.storage import File, timeline
from services.intake.views import Heard, TimelineEntry, Tracking
from services.intake.writes import Writing, changer, feedback, heard, reopening, supplement, withdrawal

_TAG: Final = "resident"


async def seen(host: Host[IntakeState], file: File) -> Tracking:
    """Return status and time line of a case, the registration first; of a co-report with what may be told of the
    first case."""
    entries = await timeline(host.pool, file.case_id)
    if file.is_co_report and file.linked_to is not None:
        entries += public_steps(await timeline(host.pool, file.linked_to))
        entries.sort(key=itemgetter(0))
    status, words = RECEIVED, RECEIVED_WORDS
    for _, changed, said in entries:
        if changed is not None:
            status, words = changed, said
    first = TimelineEntry(at=file.received_at, words=RECEIVED_WORDS)
    rest = (TimelineEntry(at=at, words=said) for at, _, said in sorted(entries, key=itemgetter(0)))
    return Tracking(
        status=status,
        words=words,
        received_at=file.received_at,
        reopen_until=None if file.has_left else file.reopen_until,
        timeline=(first, *rest),
    )


def add_tracking_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add what a resident may do with a tracking code."""
    change = changer(host)

    files = Opening(host, desk)

    async def opened(tracking_code: str, request: Request) -> File:
        return await files.by_code(tracking_code, request)

    opening = Depends(opened)

    @app.get("/v1/track/{tracking_code}", tags=[_TAG], summary="Where a case is, in plain words")
    @public
    async def track(file: Annotated[File, opening], response: Response) -> Tracking:
        response.headers["ETag"] = etag(file.version)
        response.headers["Cache-Control"] = "no-store"
        return await seen(host, file)

    @app.post("/v1/track/{tracking_code}/supplements", tags=[_TAG], summary="Add facts", response_model=Heard)
    @public
    async def add(file: Annotated[File, opening], body: SupplementBody, given: Writing) -> Response:
        there = file.handled_as
        command = await supplement(desk, host, file, body, None)
        told = heard(command, file, to_resident=True)
        return await change(there, command, given, f"case {file.case_id}", told)

    @app.post(
        "/v1/track/{tracking_code}/withdrawal",
        tags=[_TAG],
        summary="Take the case back",
        response_model=Heard,
    )
    @public
    async def withdraw(file: Annotated[File, opening], body: WithdrawalBody, given: Writing) -> Response:
        command = await withdrawal(desk, host, file.case_id, body, None)
        told = heard(command, file, to_resident=True)
        return await change(file.case_id, command, given.of_link(file), f"case {file.case_id}", told)

    @app.post(
        "/v1/track/{tracking_code}/feedback",
        tags=[_TAG],
        summary="Say how it was handled",
        response_model=Heard,
    )
    @public
    async def give(file: Annotated[File, opening], body: FeedbackBody, given: Writing) -> Response:
        there, command = await placed(host.pool, file, await feedback(desk, host, file.case_id, body, None))
        told = heard(command, file, to_resident=True)
        own = given if there == file.handled_as else given.of_link(file)
        return await change(there, command, own, f"case {file.case_id}", told)

    @app.post(
        "/v1/track/{tracking_code}/reopening",
        tags=[_TAG],
        summary="Have a closed case handled again (R-HOT-08)",
        response_model=Heard,
    )
    @public
    async def reopen(file: Annotated[File, opening], body: ReopeningBody, given: Writing) -> Response:
        command = await reopening(desk, host, file, body, None)
        told = heard(command, file, to_resident=True)
        return await change(file.handled_as, command, given, f"case {file.case_id}", told)
