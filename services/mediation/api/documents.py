"""The papers of a mediation, as they were written and as PDF; each reading leaves a trace (R-MED-07, R-MED-09)."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI, Response
from fastapi import Query as Parameter

from chassis.http import Principal, Problem, Role, allow
from chassis.vault import VaultError
from services.documents import MEDIA_TYPE, Document, render
from services.mediation.api.access import Access
from services.mediation.api.office import Case, Office
from services.mediation.api.papers import PartiesPaper, Reader, StoredAgreement, read_papers
from services.mediation.api.views import PaperView
from services.mediation.printing import agreement_document, confirmation_application

Worker = Annotated[Principal, allow(Role.MEDIATOR, Role.HANDLER)]
Purpose = Annotated[
    str, Parameter(min_length=2, max_length=200, description="what you read it for; it is kept")
]
Round = Annotated[
    int | None, Parameter(alias="round", ge=1, description="an earlier one, before the case climbed")
]
_PDF: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "A PDF of A4 pages in Chinese"}
}
Papers = dict[str, tuple[datetime, bytes]]


def add_document_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add the routes on which personal data are read."""

    async def papers(
        case_id: UUID, principal: Principal, what: str, purpose: str, round_: int | None = None
    ) -> tuple[Case, Papers]:
        case = access.require_seen(principal, await office.case(case_id), case_id)
        role = access.reads_papers(principal, case)
        reader = Reader(principal, role, what, purpose)
        try:
            of = case.state.round if round_ is None else round_
            found = await read_papers(office.host.pool, office.vault, case_id, of, reader)
        except VaultError:
            detail = "A paper of this case cannot be decrypted with the key that this service has."
            raise Problem(500, "paper_unreadable", "A paper cannot be read", detail) from None
        return case, found

    @app.get(
        "/v1/mediations/{case_id}/papers",
        tags=["papers"],
        summary="Who the parties are, the records and the agreement, as written; who reads is logged (R-PRIV-01)",
    )
    async def read(
        case_id: UUID, principal: Worker, purpose: Purpose, response: Response, round_: Round = None
    ) -> list[PaperView]:
        _, found = await papers(case_id, principal, "papers", purpose, round_)
        response.headers["Cache-Control"] = "no-store"
        return [PaperView(kind=kind, at=at, content=orjson.loads(text)) for kind, (at, text) in found.items()]

    @app.get(
        "/v1/mediations/{case_id}/agreement.pdf",
        tags=["papers"],
        summary="人民调解协议书: the agreement, to be signed or as signed (R-MED-07)",
        responses=_PDF,
        response_class=Response,
    )
    async def agreement(case_id: UUID, principal: Worker, purpose: Purpose) -> Response:
        case, found = await papers(case_id, principal, "agreement.pdf", purpose)
        parties, content = _needed(found)
        return await _printed(agreement_document(office, case.state, parties, content))

    @app.get(
        "/v1/mediations/{case_id}/confirmation.pdf",
        tags=["papers"],
        summary="司法确认申请书: the joint application to the court (R-MED-09)",
        responses=_PDF,
        response_class=Response,
    )
    async def confirmation(case_id: UUID, principal: Worker, purpose: Purpose) -> Response:
        case, found = await papers(case_id, principal, "confirmation.pdf", purpose)
        if case.state.effective_at is None:
            detail = "Only an agreement that took effect can be confirmed; record the signatures first."
            raise Problem(409, "not_in_effect", "There is nothing to confirm yet", detail)
        parties, content = _needed(found)
        return await _printed(confirmation_application(office, case.state, parties, content))


def _needed(found: Papers) -> tuple[PartiesPaper, StoredAgreement]:
    """The parties and the newest written agreement. Raises Problem 409 where one is missing, or was erased."""
    agreements = (paper for kind, paper in found.items() if kind.startswith("agreement/"))
    written = [text for _, text in sorted(agreements) if b'"facts"' in text]
    if "parties" not in found or not written:
        detail = "It needs registered parties and a drafted agreement whose papers were not erased."
        raise Problem(409, "nothing_to_print", "There is nothing to print", detail)
    parties = PartiesPaper.model_validate_json(found["parties"][1])
    return parties, StoredAgreement.model_validate_json(written[-1])


async def _printed(document: Document) -> Response:
    pdf = await asyncio.to_thread(render, document)
    return Response(pdf, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
