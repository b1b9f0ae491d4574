"""The routes of attachments: added by staff or with the tracking code, read by the area and by who handles it."""

from contextlib import suppress
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Principal, Problem, allow, etag, public
from chassis.http.clients import address_of
from schemas.jurisdiction import Jurisdiction
from services.intake.access import log_access
from services.intake.answers import not_found
from services.intake.attachments.kinds import BY_MEDIA_TYPE, KINDS
from services.intake.attachments.receive import Receiver, Sending, view
from services.intake.attachments.storage import (
    MOST_BYTES,
    attachment_of,
    attachments_of,
    content,
    reports_with_files,
)
from services.intake.callers import ADDING, READING, Caller, caller, is_kept_from, is_of_the_centre, reaches
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.holders import Holders, holders
from services.intake.opening import Opening
from services.intake.storage import File, file_by_id
from services.intake.views import AttachmentList, AttachmentsAdded
from services.intake.writes import JSON, Writing

_SLACK: Final = 64 * 1024
BODY_LIMITS: Final = {
    "/v1/cases/{case_id}/attachments": MOST_BYTES + _SLACK,
    "/v1/track/{tracking_code}/attachments": MOST_BYTES + _SLACK,
}
"""The file's own limit answers first, with words about files."""
_TAG: Final = "attachments"
SAFELY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Whatever a file claims to be, a browser saves it, and shows or runs nothing of it."""
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "the file's bytes; what it is, is judged by them",
        "content": {kind.media_type: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS},
    }
}
Adder = Annotated[Principal, allow(*ADDING)]
Reader = Annotated[Principal, allow(*READING)]


def add_attachment_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add the routes."""
    receiver = Receiver(host, desk)
    opening = Opening(host, desk)

    address = address_of(host.settings)

    async def take(request: Request, file: File, sending: Sending) -> Response:
        sender = address(request) if sending.by is None else None
        stored, digest = await receiver.receive(file.case_id, request.stream(), sender)
        told = await receiver.name(file, [stored], [digest], sending)
        return Response(told.body, told.status, {"ETag": etag(told.version)}, JSON)

    @app.post(
        "/v1/cases/{case_id}/attachments",
        tags=[_TAG],
        summary="Add a file: a photo, a scanned letter, a recording",
        status_code=201,
        response_model=AttachmentsAdded,
        openapi_extra=_BODY,
    )
    async def add(case_id: UUID, request: Request, principal: Adder, given: Writing) -> Response:
        file, who = await opening.for_staff(case_id, principal, ADDING)
        return await take(request, file, Sending(who.actor, who.recorded_as, given.key, given.expected))

    @app.post(
        "/v1/track/{tracking_code}/attachments",
        tags=[_TAG],
        summary="Add a file to one's own case",
        status_code=201,
        response_model=AttachmentsAdded,
        openapi_extra=_BODY,
    )
    @public
    async def add_own(tracking_code: str, request: Request, given: Writing) -> Response:
        file = await opening.by_code(tracking_code, request)
        return await take(request, file, Sending(None, f"case {file.case_id}", given.key, given.expected))

    @app.get(
        "/v1/cases/{case_id}/attachments", tags=[_TAG], summary="Which files a case and its reports have"
    )
    async def files(case_id: UUID, principal: Reader) -> AttachmentList:
        await _readable(host.pool, case_id, principal, desk.jurisdiction)
        cases = [case_id]
        for report in await reports_with_files(host.pool, case_id):
            with suppress(Problem):  # whom that one is kept from does not hear of it
                await _readable(host.pool, report, principal, desk.jurisdiction)
                cases.append(report)
        found = [view(each) | {"case_id": each.case_id} for each in await attachments_of(host.pool, cases)]
        return AttachmentList.model_validate({"attachments": found})

    @app.get(
        "/v1/cases/{case_id}/attachments/{attachment_id}",
        tags=[_TAG],
        summary="Read a file; the access is recorded",
        response_class=Response,
    )
    async def read(case_id: UUID, attachment_id: UUID, principal: Reader) -> Response:
        who = await _readable(host.pool, case_id, principal, desk.jurisdiction)
        stored = await attachment_of(host.pool, case_id, attachment_id)
        if stored is None:
            detail = "There is no such file with this case, or it was erased."
            raise Problem(404, "attachment_unknown", "No such file", detail)
        await log_access(host.pool, case_id, who, f"attachment {attachment_id}")
        name = f"attachment-{attachment_id.hex[-8:]}.{BY_MEDIA_TYPE[stored.media_type].suffix}"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(stored.size),
            **SAFELY,
        }
        pieces = content(host.pool, desk.vault, stored)
        return StreamingResponse(pieces, media_type=stored.media_type, headers=headers)


async def _readable(pool: Pool, case_id: UUID, principal: Principal, jurisdiction: Jurisdiction) -> Caller:
    """Return the caller in the first of their roles that may read the files.

    Raises Problem 404 for whom there is no such case, 403 where confidence keeps them out (R-HOT-14).
    """
    whos = [caller(principal, jurisdiction, (role,)) for role in READING if role in principal.roles]
    file = await file_by_id(pool, case_id)
    if file is None or is_kept_from(whos[0], file.subjects, file.recipient, jurisdiction):
        raise not_found()  # which goes by the unit, the same in all roles
    holding = await holders(pool, file.handled_as)
    seeing = [who for who in whos if _sees(who, file, holding, jurisdiction)]
    if not seeing:
        raise not_found()
    for who in seeing:
        if not file.confidential or is_of_the_centre(who, jurisdiction) or who.unit == holding.lead:
            return who
    detail = "The reporter asked for confidence: ask the hotline centre for what you need."
    raise Problem(403, "confidential", "The files are confidential", detail)


def _sees(who: Caller, file: File, holding: Holders, jurisdiction: Jurisdiction) -> bool:
    """Whether the case lies or is handled in the caller's area (R-HOT-06), or is sealed and theirs (R-PET-10)."""
    if who.role in ADDING and (file.recipient is not None or reaches(who, file.unit, jurisdiction)):
        return True
    return holding.include(who, jurisdiction)
