"""`POST /v1/cases/batch`: NDJSON in, one answer line for each line in, in the same order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from chassis.commands import MAX_BATCH, Reply, Request, Unavailable
from chassis.host import Host
from chassis.http import Problem, request_hash
from chassis.http.replies import unavailable
from chassis.idempotency import Idempotency
from services.intake.answers import settled
from services.intake.bodies import LineBody, read_case
from services.intake.callers import Caller
from services.intake.check import Check
from services.intake.desk import Desk, Submission
from services.intake.domain import IntakeState

PATH: Final = "/v1/cases/batch"
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_LINES: Final = 10_000
MAX_LINE_BYTES: Final = 256 * 1024
_PARSED_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class _Line:
    """One line under way: its problem, or the request and the reply to come."""

    number: int
    problem: Problem | None = None
    request: Request[IntakeState] | None = None
    reply: "asyncio.Future[Reply[IntakeState]] | None" = None


def split(body: bytes) -> list[tuple[int, bytes]]:
    """Return the lines that hold anything, with their numbers from 1. Raises Problem 413 for too many."""
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    if len(lines) > MAX_LINES:
        detail = (
            f"The batch has {len(lines)} lines; send at most {MAX_LINES} at a time. Nothing was taken in."
        )
        raise Problem(413, "too_many_lines", "The batch is too long", detail)
    return lines


async def answers(
    host: Host[IntakeState], desk: Desk, who: Caller, lines: Sequence[tuple[int, bytes]]
) -> AsyncIterator[bytes]:
    """Take the lines in and yield their answers, group by group; one group is parsed while another commits."""
    before: list[_Line] = []
    for start in range(0, len(lines), MAX_BATCH):
        under_way: list[_Line] = []
        for number, raw in lines[start : start + MAX_BATCH]:
            under_way.append(_begin(host, desk, who, number, raw))
            if len(under_way) % _PARSED_AT_ONCE == 0:
                await asyncio.sleep(0)  # a long batch must not keep others waiting
        if before:
            yield await _together(host, desk, before)
        before = under_way
    yield await _together(host, desk, before)


async def _together(host: Host[IntakeState], desk: Desk, lines: Sequence[_Line]) -> bytes:
    return b"".join([await _end(host, desk, line) for line in lines])


def _begin(host: Host[IntakeState], desk: Desk, who: Caller, number: int, raw: bytes) -> _Line:
    """Parse one line and put its command in line."""
    try:
        if len(raw) > MAX_LINE_BYTES:
            raise _too_long(len(raw))
        submission, key = _read(desk, who, raw, host.clock())
        asked = Idempotency(who.subject, key, request_hash("POST", PATH, raw)) if key is not None else None
        request = Request(
            submission.case_id, submission.command, None, idempotency=asked, answer=submission.answer
        )
        return _Line(number, request=request, reply=host.bus.enqueue(request))
    except Problem as problem:
        return _Line(number, problem)
    except Unavailable as error:
        return _Line(number, unavailable(error))


def _read(desk: Desk, who: Caller, raw: bytes, now: datetime) -> tuple[Submission, str | None]:
    check = Check(desk.around, now)
    body = read_case(LineBody, raw, check)
    return desk.submission(body, check, who), body.idempotency_key


async def _end(host: Host[IntakeState], desk: Desk, line: _Line) -> bytes:
    """Wait for the commit and return the answer line."""
    answer: dict[str, Any] = {"line": line.number}
    problem = line.problem
    if line.request is not None and line.reply is not None:
        try:
            stored = settled(host, line.request, await line.reply)
            answer |= {"status": stored.status} | desk.revealed(stored.body)
        except Problem as found:
            problem = found
        except Unavailable as error:
            problem = unavailable(error)
    if problem is not None:
        answer |= {"status": problem.status_code, "problem": problem.document()}
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)


def _too_long(size: int) -> Problem:
    detail = f"The line has {size} bytes; a line may have at most {MAX_LINE_BYTES}."
    return Problem(413, "line_too_long", "The line is too long", detail)
