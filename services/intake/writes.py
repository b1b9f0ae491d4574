"""What all routes that change a case share: conditions, keys, and the one command through the bus."""

from collections.abc import Callable
from typing import Annotated, Protocol
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request
from starlette.responses import Response

from chassis import commands
from chassis.batch import Applied
from chassis.host import Host
from chassis.http import Problem, check_version, etag, expected_versions, idempotency_key, request_hash
from chassis.idempotency import Answer, Idempotency
from chassis.masking import mask, mask_names
from schemas.intake import GiveFeedback, ReopenCase, SupplementCase, WithdrawCase
from schemas.message import Actor, Command
from schemas.values import Emergency
from services.intake.access import names_known
from services.intake.answers import carry_out, plain
from services.intake.bodies import FeedbackBody, ReopeningBody, SupplementBody, WithdrawalBody
from services.intake.desk import Desk
from services.intake.domain import Asked, IntakeState
from services.intake.emergency import advice, call_now
from services.intake.rooms import without_rooms
from services.intake.storage import File

JSON = "application/json"


class Conditions:
    """The headers of a write: the versions it takes and the key under which it may be repeated."""

    def __init__(
        self,
        request: Request,
        if_match: Annotated[str | None, Header(description="the ETag that you read")] = None,
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    ) -> None:
        self.request = request
        self.expected = expected_versions(if_match)
        self.key = idempotency_key(key)

    def of_link(self, file: File) -> "Conditions":
        """For what changes the report itself: where it is linked, the ETag that was read is the first case's."""
        if file.linked_to is not None and self.expected is not None:
            check_version(self.expected, file.version)
            self.expected = None
        return self


Writing = Annotated[Conditions, Depends(Conditions)]
Answering = Callable[[Applied[IntakeState]], Answer]


class Change(Protocol):
    """Runs one command on a case for a caller named `principal`, and answers."""

    async def __call__(
        self,
        case_id: UUID,
        command: Command,
        given: Conditions,
        principal: str,
        answer: Answering = plain,
    ) -> Response:
        """Return the answer once it is committed. Raises Problem."""
        ...


def changer(host: Host[IntakeState]) -> Change:
    """Return the function that runs one command on a case for a caller named `principal`, and answers."""

    async def change(
        case_id: UUID, command: Command, given: Conditions, principal: str, answer: Answering = plain
    ) -> Response:
        request = given.request
        asked = None
        if given.key is not None:
            hashed = request_hash(request.method, request.url.path, await request.body())
            asked = Idempotency(principal, given.key, hashed)
        trace = host.telemetry.accept(request.headers.get("traceparent"))
        try:
            told = await carry_out(
                host, commands.Request(case_id, command, trace, given.expected, asked, answer)
            )
        except Problem as problem:
            raise with_advice(problem, command) from None
        return Response(told.body, told.status, {"ETag": etag(told.version)}, JSON)

    return change


def with_advice(problem: Problem, command: Command) -> Problem:
    """R-LAD-05: whoever reports a danger hears whom to call, also where the case takes nothing more."""
    danger = command.emergency if isinstance(command, Asked) else None
    if danger is None:
        return problem
    detail = f"{problem.detail} {call_now(danger)}"
    return Problem(problem.status_code, problem.code, problem.title, detail, problem.errors, problem.headers)


async def supplement(
    desk: Desk, host: Host[IntakeState], file: File, body: SupplementBody, by: Actor | None
) -> SupplementCase:
    """Return the command for further facts, to the case where the matter is handled; the words as given are
    encrypted where masking changed them.
    """
    text, danger = await _read(desk, host, file.case_id, body.text)
    return SupplementCase(
        text=text,
        new_facts=body.new_facts,
        attachments=tuple(mask(reference) for reference in body.attachments),
        emergency=danger,
        sealed=desk.seal_text(file.handled_as, body.text, text, host.clock()),
        by=by,
        own=by is None and file.linked_to is None,
    )


async def _read(
    desk: Desk, host: Host[IntakeState], report: UUID, given: str
) -> tuple[str, Emergency | None]:
    """Return a resident's words about their report as they may stand in an event, and the danger that they report
    (R-PRIV-01)."""
    masked = mask(given)
    if masked:
        masked = mask_names(masked, await names_known(host.pool, desk.vault, report))
    danger = desk.danger(masked)
    return (masked if danger is not None else without_rooms(masked)), danger


def heard(command: Asked, file: File, *, to_resident: bool) -> Answering:
    """Return what answers a resident's words: the version, and what to do at once where they report a danger."""
    danger = command.emergency
    if danger is None:
        return plain

    def answer(applied: Applied[IntakeState]) -> Answer:
        told = advice(danger, to_resident=to_resident, sealed=file.recipient is not None)
        body = {"version": applied.version, "emergency": told}
        return Answer(200, orjson.dumps(body), applied.version)

    return answer


async def withdrawal(
    desk: Desk, host: Host[IntakeState], report: UUID, body: WithdrawalBody, by: Actor | None
) -> WithdrawCase:
    """Return the command for a withdrawal."""
    reason, danger = await _read(desk, host, report, body.reason or "")
    return WithdrawCase(reason=reason, emergency=danger, by=by)


async def reopening(
    desk: Desk, host: Host[IntakeState], file: File, body: ReopeningBody, by: Actor | None
) -> ReopenCase:
    """Return the command for a closed case that is to be handled again, to the case where the matter is handled."""
    reason, danger = await _read(desk, host, file.case_id, body.reason)
    return ReopenCase(reason=reason, emergency=danger, by=by, own=file.linked_to is None)


async def feedback(
    desk: Desk,
    host: Host[IntakeState],
    report: UUID,
    body: FeedbackBody,
    by: Actor | None,
    *,
    callback: int | None = None,
) -> GiveFeedback:
    """Return the command for the resident's own answer to the callback, by a signed link to that `callback`."""
    note, danger = await _read(desk, host, report, body.note or "")
    return GiveFeedback(
        contacted=body.contacted,
        resolved=body.resolved,
        satisfied=body.satisfied,
        note=note,
        emergency=danger,
        by=by,
        callback=callback,
    )
