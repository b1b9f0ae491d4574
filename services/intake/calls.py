"""A call in which several matters are told: each becomes a case (`call_id`), and one answer closes the call."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import FastAPI
from pydantic import Field

from chassis import commands
from chassis.database import Pool
from chassis.host import Host
from chassis.http import FieldError, Principal, Problem, Role, allow
from chassis.http.problems import unprocessable
from chassis.idempotency import Idempotency
from chassis.masking import mask
from schemas.written import Note
from services.intake.answers import carry_out, plain
from services.intake.bodies import Body, FeedbackBody
from services.intake.callers import HEARING, Caller, caller, demand_centre, is_kept_from, is_of_the_centre
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.ids import new_id
from services.intake.progress import RECEIVED
from services.intake.views import View
from services.intake.writes import Writing, feedback

_TAG: Final = "hotline"
_SEEING: Final = (Role.OPERATOR, Role.SUPERVISOR)
Taker = Annotated[Principal, allow(Role.OPERATOR)]
Seer = Annotated[Principal, allow(*_SEEING)]
WAITING: Final = frozenset({"settled", "replied", "callback"})
"""Statuses of cases whose reporter is to be called back."""
CONCLUDED: Final = WAITING | {"answered", "redirected", "emergency", "closed", "withdrawn"}
"""Statuses of cases of which the caller can be told the outcome."""

_OPEN: Final = (
    "INSERT INTO intake.call (call_id, unit, opened_at, opened_by) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (call_id) DO NOTHING"
)
_CALL: Final = "SELECT unit, opened_at, closing, closed_at FROM intake.call WHERE call_id = $1"
_CASES: Final = (
    "SELECT c.case_id, l.data->>'title', t.status, f.subjects, f.recipient"
    " FROM intake.call_case c JOIN intake.case_file f USING (case_id) JOIN intake.aggregate a USING (case_id)"
    " JOIN chassis.event_log l ON l.case_id = c.case_id AND l.source = 'intake' AND l.sequence = 1"
    " LEFT JOIN LATERAL (SELECT status FROM intake.timeline WHERE status IS NOT NULL AND case_id = CASE"
    " WHEN a.state->>'withdrawn' IS NULL THEN coalesce((a.state->>'linked_to')::uuid, c.case_id)"
    " ELSE c.case_id END ORDER BY entry DESC LIMIT 1) AS t ON true"
    " WHERE c.call_id = $1 ORDER BY c.case_id"
)
_CLOSE: Final = (
    "UPDATE intake.call SET closing = $2, closed_at = $3, closed_by = $4"
    " WHERE call_id = $1 AND closed_at IS NULL RETURNING closed_at"
)


class CallCase(View):
    """A case of a call. `is_concluded`: the caller can be told what became of it."""

    case_id: UUID
    title: str
    status: str
    is_concluded: bool


class CallView(View):
    """A call: what was told in it, and how far that is. `is_ready`: for its one closing answer."""

    call_id: UUID
    opened_at: datetime
    cases: tuple[CallCase, ...]
    is_ready: bool
    closed_at: datetime | None = None
    answer: str | None = None


class CaseFeedback(FeedbackBody):
    """What the caller says of one of the cases (R-HOT-09)."""

    case_id: UUID


class ClosingBody(Body):
    """The one answer that the caller got, and what they say of each case that waits for it."""

    answer: Note
    cases: tuple[CaseFeedback, ...] = Field(default=(), max_length=50)


class Told(View):
    """What became of the feedback to one case: its new version, or the code of the refusal."""

    case_id: UUID
    version: int | None = None
    refused: str | None = None


class Closed(View):
    """The call is closed."""

    call_id: UUID
    closed_at: datetime
    cases: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    unit: str
    opened_at: datetime
    closing: str | None
    closed_at: datetime | None


def add_call_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add the routes of calls."""

    async def view(call_id: UUID, who: Caller) -> tuple[_Call, CallView]:
        call = await _read(host.pool, call_id)
        if call is None or not (who.unit == call.unit or is_of_the_centre(who, desk.jurisdiction)):
            detail = "There is no such call, or it is not of your unit."
            raise Problem(404, "call_unknown", "No such call", detail)
        cases = await _cases(host.pool, desk, call_id, who)
        answer = orjson.loads(call.closing)["answer"] if call.closing is not None else None
        return call, CallView(
            call_id=call_id,
            opened_at=call.opened_at,
            cases=tuple(cases),
            is_ready=bool(cases) and call.closed_at is None and all(case.is_concluded for case in cases),
            closed_at=call.closed_at,
            answer=answer,
        )

    @app.post(
        "/v1/calls", tags=[_TAG], summary="Open a call, for several matters of one caller", status_code=201
    )
    async def begin(principal: Taker, given: Writing) -> CallView:
        who = caller(principal, desk.jurisdiction, HEARING)
        call_id = new_id(host.clock())
        if given.key is not None:  # sent again, it is the same call
            digest = hashlib.blake2b(f"{who.subject}\n{given.key}".encode(), digest_size=16, person=b"call")
            call_id = UUID(bytes=digest.digest(), version=4)
        await host.pool.execute(_OPEN, call_id, who.unit, host.clock(), who.recorded_as)
        return (await view(call_id, who))[1]

    @app.get("/v1/calls/{call_id}", tags=[_TAG], summary="What was told in a call, and how far it is")
    async def see(call_id: UUID, principal: Seer) -> CallView:
        return (await view(call_id, caller(principal, desk.jurisdiction, _SEEING)))[1]

    @app.post("/v1/calls/{call_id}/closing", tags=[_TAG], summary="Record the one closing answer")
    async def close(call_id: UUID, body: ClosingBody, principal: Taker) -> Closed:
        who = caller(principal, desk.jurisdiction, HEARING)
        demand_centre(who, desk.jurisdiction)
        call, shown = await view(call_id, who)
        closing = _masked(body)
        closed_at = call.closed_at
        if closed_at is None:
            _check(shown, body)
            closed_at = await host.pool.fetchval(_CLOSE, call_id, closing, host.clock(), who.recorded_as)
        elif call.closing != closing:
            detail = "The call has its closing answer already, another one than this."
            raise Problem(409, "call_closed", "The call is closed", detail)
        if closed_at is None:
            raise Problem(409, "call_closed", "The call is closed", "Somebody else has just closed it.")
        told = await asyncio.gather(
            *(_tell(host, desk, call_id, body.answer, said, who) for said in body.cases)
        )
        return Closed(call_id=call_id, closed_at=closed_at, cases=tuple(told))


def _masked(body: ClosingBody) -> str:
    """Return the request as it is kept: without numbers of phones and the like (R-PRIV-01)."""
    cases = [said.model_copy(update={"note": mask(said.note or "")}) for said in body.cases]
    kept = body.model_copy(update={"answer": mask(body.answer), "cases": tuple(cases)})
    return kept.model_dump_json()


async def _read(pool: Pool, call_id: UUID) -> _Call | None:
    row = await pool.fetchrow(_CALL, call_id)
    return _Call(*row) if row is not None else None


async def _cases(pool: Pool, desk: Desk, call_id: UUID, who: Caller) -> list[CallCase]:
    """Return the cases of a call, but for those that were found to be kept from the caller (R-LAD-04, R-PET-10)."""
    rows = await pool.fetch(_CASES, call_id)
    return [
        CallCase(
            case_id=row[0],
            title=row[1],
            status=row[2] or RECEIVED,
            is_concluded=row[2] in CONCLUDED,
        )
        for row in rows
        if not is_kept_from(who, list(row[3] or ()), row[4], desk.jurisdiction)
    ]


def _check(shown: CallView, body: ClosingBody) -> None:
    """Raise Problem: 409 while a case is under way, 422 where the feedback is not one for each that waits."""
    if not shown.is_ready:
        under_way = [str(case.case_id) for case in shown.cases if not case.is_concluded]
        detail = f"Not yet concluded: {', '.join(under_way)}." if under_way else "No case was told in it."
        raise Problem(409, "call_not_ready", "The call cannot be closed yet", detail)
    faults = list(_faults(shown.cases, [said.case_id for said in body.cases]))
    if faults:
        raise unprocessable(faults)


def _faults(cases: Sequence[CallCase], named: Sequence[UUID]) -> list[FieldError]:
    known = {case.case_id for case in cases}
    faults = [
        FieldError(
            field=f"cases[{place}].case_id",
            message="It is none of this call, or twice.",
            expected="each once",
        )
        for place, case_id in enumerate(named)
        if case_id not in known or case_id in named[:place]
    ]
    for case in cases:
        if case.status in WAITING and case.case_id not in named:
            told = f"{case.case_id} waits for its reporter's word."
            faults.append(FieldError(field="cases", message=told, expected="the feedback to each such case"))
    return faults


async def _tell(
    host: Host[IntakeState], desk: Desk, call_id: UUID, answer: str, said: CaseFeedback, who: Caller
) -> Told:
    """Record the feedback to one case, once however often the closing is sent. The answer is the note where the
    caller said nothing of their own."""
    words = FeedbackBody(
        contacted=said.contacted, resolved=said.resolved, satisfied=said.satisfied, note=said.note or answer
    )
    command = await feedback(desk, host, said.case_id, words, who.actor)
    once = Idempotency(f"call {call_id}", str(said.case_id), b"closing")
    try:
        done = await carry_out(
            host,
            commands.Request(
                said.case_id, command, host.telemetry.accept(None), idempotency=once, answer=plain
            ),
        )
    except Problem as problem:
        if problem.status_code >= 500:
            raise
        return Told(case_id=said.case_id, refused=problem.code)
    return Told(case_id=said.case_id, version=done.version)
