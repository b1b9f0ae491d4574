"""The official documents of a petition as PDF: only for who may read what they say, and every reading is noted."""

import asyncio
from typing import Annotated, Final, TypeVar
from uuid import UUID

from fastapi import FastAPI, Response

from chassis.http import Principal, Problem, Role, allow
from services.documents import MEDIA_TYPE, render
from services.petition.api.access import WORKERS, Access
from services.petition.api.office import Case, Office
from services.petition.papers import LEVELS, Facts, Made, Paper, available, document, event_of
from services.petition.records import Kind, OpinionWords, Petitioner, note_reading, opened

M = TypeVar("M", Petitioner, OpinionWords)
Reader = Annotated[Principal, allow(*WORKERS, Role.SUPERVISOR)]
_KINDS: Final = {Paper.OPINION: Kind.OPINION, Paper.REVIEW: Kind.REVIEW, Paper.RECHECK: Kind.RECHECK}


def add_document_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add `GET /v1/petitions/{case_id}/documents/{paper}`."""

    @app.get(
        "/v1/petitions/{case_id}/documents/{paper}",
        tags=["documents"],
        summary="受理、转送、延期告知书，处理、复查、复核意见书 as PDF",
        response_class=Response,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
    )
    async def read(case_id: UUID, paper: Paper, principal: Reader) -> Response:
        case = access.require_seen(principal, await office.case(case_id), case_id)
        if not access.reads_records(principal, case.state):
            detail = "Only who has the petition, sent it, or oversees petitions reads its documents."
            raise Problem(403, "not_yours_to_read", "These documents are not for you", detail)
        if paper not in available(case.state):
            raise _none(paper)
        await note_reading(office.host.pool, case_id, principal, paper)
        made = document(paper, await _facts(office, case, paper))
        pdf = await asyncio.to_thread(render, made)
        return Response(pdf, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


async def _facts(office: Office, case: Case, paper: Paper) -> Facts:
    """Collect what the document says. Raises Problem 404 where the petitioner's data were erased."""
    state = case.state
    story = [(told.name, Made(told.at, told.data)) for told in await office.story(state.case_id)]
    made = event_of(paper, story)
    if made is None:
        raise _none(paper)
    who = await _opened(office, state.case_id, Kind.PETITIONER, Petitioner, None)
    words = None
    if paper in LEVELS:
        record = UUID(made.data["record"]) if "record" in made.data else None
        words = await _opened(office, state.case_id, _KINDS[paper], OpinionWords, record)
    unit = made.data.get("sender") if paper is Paper.FORWARDING else made.data.get("unit", state.handler)
    above = office.jurisdiction.ancestors(str(unit))
    matter = office.jurisdiction.matters.get(state.matter or "")
    return Facts(
        case_id=state.case_id,
        made=made,
        unit=office.name(unit),
        petitioner=who,
        matter=matter.name if matter else "（未分类）",
        other=office.name(made.data.get("unit")),
        above=office.name(above[0]) if above else "",
        words=words,
    )


async def _opened(office: Office, case_id: UUID, kind: Kind, model: type[M], record: UUID | None) -> M:
    async with office.host.pool.acquire() as connection:
        found = await opened(connection, office.vault, case_id, kind, model, record)
    if found is None:
        raise Problem(404, "erased", "The data are gone", "The personal data of this case were erased.")
    return found


def _none(paper: Paper) -> Problem:
    detail = f"There is no {paper} document yet; `documents` of the petition names those there are."
    return Problem(404, "no_document", "No such document", detail)
