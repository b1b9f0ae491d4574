"""The papers of a mediation, as they were written and as PDF; each reading leaves a trace (R-MED-07, R-MED-09)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI, Response
from fastapi import Query as Parameter

from chassis.http import Principal, Problem, Role, allow
from chassis.vault import VaultError
from schemas.written import Note
from services.documents import MEDIA_TYPE, Document, render
from services.mediation.api.access import Access
from services.mediation.api.office import Case, Office
from services.mediation.api.papers import (
    PARTIES,
    Paper,
    PartiesPaper,
    Reader,
    StoredAgreement,
    read_papers,
)
from services.mediation.api.views import PaperView
from services.mediation.printing import Printed, agreement_document, confirmation_application

Worker = Annotated[Principal, allow(Role.MEDIATOR, Role.HANDLER)]
Purpose = Annotated[Note, Parameter(max_length=200, description="what you read it for; it is kept")]
Round = Annotated[
    int | None, Parameter(alias="round", ge=1, description="of one round only; by default of all")
]
Number = Annotated[
    int | None,
    Parameter(ge=1, description="number of the agreement; by default the draft, else the newest on paper"),
]
_PDF: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "A PDF of A4 pages in Chinese"}
}


def add_document_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add the routes on which personal data are read."""

    async def papers(
        case_id: UUID, principal: Principal, what: str, purpose: str
    ) -> tuple[Case, list[Paper]]:
        case = access.require_seen(principal, await office.case(case_id), case_id)
        reading = access.reads_papers(principal, case)
        reader = Reader(principal, reading.role, what, purpose)
        try:
            found = await read_papers(office.host.pool, office.vault, case_id, reader)
        except VaultError:
            detail = "A paper of this case cannot be decrypted with the key that this service has."
            raise Problem(500, "paper_unreadable", "A paper cannot be read", detail) from None
        return case, [paper for paper in found if reading.allows(paper)]

    @app.get(
        "/v1/mediations/{case_id}/papers",
        tags=["papers"],
        summary="Who the parties are, the records and the agreements, as written; who reads is logged (R-PRIV-01)",
    )
    async def read(
        case_id: UUID, principal: Worker, purpose: Purpose, response: Response, round_: Round = None
    ) -> list[PaperView]:
        _, found = await papers(case_id, principal, "papers", purpose)
        response.headers["Cache-Control"] = "no-store"
        return [
            PaperView(round=paper.round, kind=paper.kind, at=paper.at, content=orjson.loads(paper.text))
            for paper in found
            if round_ in {None, paper.round}
        ]

    @app.get(
        "/v1/mediations/{case_id}/agreement.pdf",
        tags=["papers"],
        summary="人民调解协议书: an agreement, to be signed or as signed (R-MED-07)",
        responses=_PDF,
        response_class=Response,
    )
    async def agreement(
        case_id: UUID, principal: Worker, purpose: Purpose, agreement: Number = None
    ) -> Response:
        case, found = await papers(case_id, principal, "agreement.pdf", purpose)
        draft = case.state.draft
        wanted = agreement or (draft.number if draft else None)
        return await _printed(agreement_document(office, _needed(case, found, wanted)))

    @app.get(
        "/v1/mediations/{case_id}/confirmation.pdf",
        tags=["papers"],
        summary="司法确认申请书: the joint application to the court; what it lacks is marked on it (R-MED-09)",
        responses=_PDF,
        response_class=Response,
    )
    async def confirmation(
        case_id: UUID, principal: Worker, purpose: Purpose, agreement: Number = None
    ) -> Response:
        case, found = await papers(case_id, principal, "confirmation.pdf", purpose)
        written = [one.number for one in case.state.agreements if one.written]
        if not written or (agreement is not None and agreement not in written):
            detail = (
                "Only a written agreement that took effect can be confirmed; record the signatures first."
            )
            raise Problem(409, "not_in_effect", "There is nothing to confirm yet", detail)
        wanted = agreement or written[-1]
        return await _printed(confirmation_application(office, _needed(case, found, wanted)))


def _needed(case: Case, found: Sequence[Paper], number: int | None) -> Printed:
    """An agreement, the newest on paper unless one is named, with its parties. Raises Problem 409 where one of the
    papers is missing, or was erased."""
    written = [paper for paper in found if paper.kind.startswith("agreement/") and b'"facts"' in paper.text]
    wanted = [paper for paper in written if number is None or paper.kind == f"agreement/{number}"]
    newest = max(wanted, key=lambda paper: paper.at, default=None)
    named = [paper for paper in found if newest and paper.kind == PARTIES and paper.round <= newest.round]
    if newest is None or not named:
        detail = "It needs registered parties and a drafted agreement whose papers were not erased."
        raise Problem(409, "nothing_to_print", "There is nothing to print", detail)
    return Printed(
        case.state,
        int(newest.kind.removeprefix("agreement/")),
        PartiesPaper.model_validate_json(named[-1].text),
        StoredAgreement.model_validate_json(newest.text),
    )


async def _printed(document: Document) -> Response:
    pdf = await asyncio.to_thread(render, document)
    return Response(pdf, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
