"""`POST /v1/cases/batch`: NDJSON in, one answer line for each line in, in the same order."""

import asyncio
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from chassis.commands import MAX_BATCH, Reply, Request, Unavailable
from chassis.host import Host
from chassis.http import Problem, Role, request_hash
from chassis.http.replies import unavailable
from chassis.idempotency import Answer, Idempotency
from services.intake.answers import not_found, settled
from services.intake.bodies import LineBody, read_case
from services.intake.callers import Caller
from services.intake.check import Check
from services.intake.desk import Desk, Submission
from services.intake.domain import IntakeState
from services.intake.opening import is_open_to
from services.intake.storage import files_by_id

PATH: Final = "/v1/cases/batch"
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_LINES: Final = 10_000
MAX_LINE_BYTES: Final = 256 * 1024
_PARSED_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class _Taken:
    """The request of a line, and the reply to come."""

    request: Request[IntakeState]
    reply: "asyncio.Future[Reply[IntakeState]]"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line under way, or what is wrong with it."""

    number: int
    taken: Problem | _Taken


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
            yield await _together(host, desk, who, before)
        before = under_way
    yield await _together(host, desk, who, before)


async def _together(host: Host[IntakeState], desk: Desk, who: Caller, lines: Sequence[_Line]) -> bytes:
    """Wait for the commits and return the answer lines."""
    found = [await _end(host, line) for line in lines]
    repeated = {case_id for _, case_id in found if case_id is not None}
    closed = await _closed_to(host, desk, who, repeated) if repeated else frozenset[UUID]()
    told = [not_found() if case_id in closed else end for end, case_id in found]
    return b"".join([_answer(desk, line.number, end) for line, end in zip(lines, told, strict=True)])


async def _closed_to(host: Host[IntakeState], desk: Desk, who: Caller, repeated: Set[UUID]) -> Set[UUID]:
    """Return which cases of repeated lines their sender may not open any more (R-LAD-04).

    Who runs the system, and imports files, hears the same again: only so a repeat shows that nothing is missing.
    """
    if who.role is Role.OPS and who.unit in {None, desk.jurisdiction.code}:
        return frozenset()
    files = await files_by_id(host.pool, repeated)
    return repeated - {case for case, file in files.items() if is_open_to(who, file, desk.jurisdiction)}


def _begin(host: Host[IntakeState], desk: Desk, who: Caller, number: int, raw: bytes) -> _Line:
    """Parse one line and put its command in line."""
    try:
        if len(raw) > MAX_LINE_BYTES:
            raise _too_long(len(raw))
        submission, key = _read(desk, who, raw, host.clock())
        asked = (
            Idempotency(desk.principal(who), key, request_hash("POST", PATH, raw))
            if key is not None
            else None
        )
        request = Request(
            submission.case_id, submission.command, None, idempotency=asked, answer=submission.answer
        )
        return _Line(number, _Taken(request, host.bus.enqueue(request)))
    except Problem as problem:
        return _Line(number, problem)
    except Unavailable as error:
        return _Line(number, unavailable(error))


def _read(desk: Desk, who: Caller, raw: bytes, now: datetime) -> tuple[Submission, str | None]:
    check = Check(desk.around, now)
    body = read_case(LineBody, raw, check)
    return desk.submission(body, check, who), body.idempotency_key


async def _end(host: Host[IntakeState], line: _Line) -> tuple[Problem | Answer, UUID | None]:
    """Wait for the commit and return what came of the line; of a repeated one its case, too."""
    if isinstance(line.taken, Problem):
        return line.taken, None
    request = line.taken.request
    try:
        stored = settled(host, request, await line.taken.reply)
    except Problem as problem:
        return problem, None
    except Unavailable as error:
        return unavailable(error), None
    case_id = UUID(orjson.loads(stored.body)["case_id"])
    return stored, case_id if case_id != request.case_id else None


def _answer(desk: Desk, number: int, end: Problem | Answer) -> bytes:
    answer: dict[str, Any] = {"line": number}
    if isinstance(end, Problem):
        answer |= {"status": end.status_code, "problem": end.document()}
    else:
        answer |= {"status": end.status} | desk.revealed(end.body)
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)


def _too_long(size: int) -> Problem:
    detail = f"The line has {size} bytes; a line may have at most {MAX_LINE_BYTES}."
    return Problem(413, "line_too_long", "The line is too long", detail)
