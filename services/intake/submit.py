"""The hot routes: one case, and a batch of cases. Plain Starlette endpoints, documented like the others."""

from typing import Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chassis import commands
from chassis.host import Host
from chassis.http import (
    HotRoute,
    Principal,
    Problem,
    Role,
    add_hot_route,
    etag,
    idempotency_key,
    request_hash,
)
from chassis.idempotency import Answer, Idempotency
from services.intake import batch
from services.intake.answers import carry_out, not_found
from services.intake.bodies import CaseBody, LineBody
from services.intake.callers import SUBMITTING, Caller, caller
from services.intake.desk import Desk, Submission
from services.intake.domain import IntakeState
from services.intake.opening import is_open_to
from services.intake.storage import file_by_id
from services.intake.views import Accepted
from services.intake.writes import JSON

_TAG: Final = "cases"
_KEY_PARAMETER: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 255 visible ASCII characters. The same key and body give the first answer again.",
    "schema": {"type": "string", "maxLength": 255},
}
_BATCHING: Final = tuple(role for role in SUBMITTING if role is not Role.RESIDENT)


_SUBMIT: Final = HotRoute(
    "/v1/cases",
    "POST",
    "Take a case in",
    SUBMITTING,
    request=CaseBody,
    response=Accepted,
    status=201,
    tags=[_TAG],
    parameters=[_KEY_PARAMETER],
)
_SUBMIT_BATCH: Final = HotRoute(
    batch.PATH,
    "POST",
    "Take up to 10,000 cases in, one JSON object a line; one answer line for each, in order",
    _BATCHING,
    request=LineBody,
    tags=[_TAG],
    request_media_type="application/x-ndjson",
)


def add_submit_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add `POST /v1/cases` and `POST /v1/cases/batch`."""

    async def submit(request: Request, principal: Principal) -> Response:
        body = await request.body()
        who = caller(principal, desk.jurisdiction, SUBMITTING)
        headers = request.headers
        key = idempotency_key(headers.get("idempotency-key"))
        submission = desk.read(body, who, host.clock())
        asked = (
            Idempotency(desk.principal(who), key, request_hash("POST", _SUBMIT.path, body)) if key else None
        )
        trace = host.telemetry.accept(headers.get("traceparent"))
        answer = await carry_out(
            host,
            commands.Request(
                submission.case_id, submission.command, trace, idempotency=asked, answer=submission.answer
            ),
        )
        if asked is not None and not who.is_resident:
            await demand_still_theirs(answer, submission, who)
        return accepted(desk, submission, answer)

    async def demand_still_theirs(answer: Answer, submission: Submission, who: Caller) -> None:
        """Raise Problem 404 for a repeated request of staff who may not open the case any more (R-LAD-04)."""
        case_id = UUID(orjson.loads(answer.body)["case_id"])
        if case_id == submission.case_id:
            return  # no repeated one
        file = await file_by_id(host.pool, case_id)
        if file is None or not is_open_to(who, file, desk.jurisdiction):
            raise not_found()

    async def submit_batch(request: Request, principal: Principal) -> Response:
        who = caller(principal, desk.jurisdiction, _BATCHING)
        if "idempotency-key" in request.headers:
            detail = "A batch has a key for each line: its field idempotency_key. Nothing was taken in."
            raise Problem(400, "invalid_idempotency_key", "A batch takes no Idempotency-Key", detail)
        lines = batch.split(await request.body())
        return StreamingResponse(batch.answers(host, desk, who, lines), media_type="application/x-ndjson")

    add_hot_route(app, _SUBMIT, submit)
    add_hot_route(app, _SUBMIT_BATCH, submit_batch)


def accepted(desk: Desk, submission: Submission, answer: Answer) -> Response:
    """Return 201. The Location is one that this caller may read."""
    shown = desk.revealed(answer.body)
    own = f"/v1/track/{shown['tracking_code']}" if submission.to_resident else f"/v1/cases/{shown['case_id']}"
    headers = {"Location": own, "ETag": etag(answer.version)}
    return Response(orjson.dumps(shown), answer.status, headers, JSON)
