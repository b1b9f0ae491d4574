"""The parked events of a service over HTTP, the same at every service, for ops only.

No Idempotency-Key: an event that was taken up or given up is parked no longer, so the same request again does
nothing to it. A discard names the event that it gives up, and is refused where that is not the first.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from chassis.commands import Unavailable
from chassis.decider import Refused
from chassis.http.access import allow
from chassis.http.auth import Principal, Role
from chassis.http.problems import Problem
from chassis.http.replies import unavailable
from chassis.kafka.records import why_unreadable
from chassis.parked import Attempt, ParkedCases, Waiting, WaitingCase
from chassis.store import ParkedEvent
from schemas.envelope import Envelope
from schemas.parked import Resolution
from schemas.written import Written

Desk = Callable[[], ParkedCases[Any]]
"""Returns the parked events of the running service; asked at each request, for it exists only while it runs."""
_LAST: Final = 2**63 - 1
_STATUS: Final = {
    "nothing_parked": (404, "Nothing is parked"),
    "not_first": (409, "Another event comes first"),
}
_BLOCKED: Final = (409, "The case cannot be read")


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("PostgreSQL cannot store the character U+0000; leave it out")
    return text


Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_storable),
    Field(description="Why. It is kept and told on the topic case.parked: no personal data."),
]
EventName = Annotated[
    str,
    Written(r"^[^\s\x00]+/[1-9][0-9]{0,18}$", "source and sequence of an event, such as intake/2"),
    Field(description="Source and sequence of an event, such as intake/2."),
]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ParkedEventView(_View):
    """An event that could not be applied, or waits behind one."""

    event: str = Field(description="Source and sequence of the event, such as intake/2.")
    type: str
    time: datetime = Field(description="When it happened, by the clock of its source.")
    reason: str
    behind: bool = Field(description="Nothing is wrong with it: an earlier event of its case is parked.")
    since: datetime = Field(description="When it was parked.")
    data: str | None = Field(None, description="The event itself as it came, where it was asked for.")


class ParkedCaseView(_View):
    """A case with parked events; `first` keeps the others waiting."""

    case_id: UUID
    events: int = Field(description="How many of its events wait.")
    first: ParkedEventView


class ParkedPage(_View):
    """Cases with parked events, the longest waiting first."""

    service: str
    items: list[ParkedCaseView]
    next: int | None = Field(description="The cursor of the next page; null on the last.")


class ParkedStoryView(_View):
    """All parked events of one case, in the order in which they must be applied."""

    service: str
    case_id: UUID
    events: list[ParkedEventView]


class RetryBody(_Body):
    """What may be said about a retry."""

    reason: Reason | None = None


class DiscardBody(_Body):
    """Which event is given up, and why."""

    event: EventName
    reason: Reason
    all: bool = Field(False, description="Give up all that is parked behind it, too; nothing is tried again.")


class SettledView(_View):
    """An event that is parked no longer."""

    event: str = Field(description="Source and sequence of the event, such as intake/2.")
    type: str
    resolution: Resolution


class FailedView(_View):
    """The event that could not be applied, with the reason of now."""

    event: str = Field(description="Source and sequence of the event, such as intake/2.")
    type: str
    reason: str


class AttemptView(_View):
    """What became of the parked events of the case. What is `settled` stays so, also where a later one failed."""

    service: str
    case_id: UUID
    settled: list[SettledView]
    failed: FailedView | None
    waiting: int = Field(description="How many of its events are parked still.")


Ops = Annotated[Principal, allow(Role.OPS)]
_TAGS: Final[list[str | Enum]] = ["parked events"]


def add_parked_routes(app: FastAPI, service: str, desk: Desk) -> None:
    """Add /v1/parked and what is below it."""
    _add_reads(app, service, desk)

    @app.post(
        "/v1/parked/{case_id}/retry", tags=_TAGS, summary="Apply what of a case is parked, in order, again"
    )
    async def retry(case_id: UUID, principal: Ops, body: RetryBody | None = None) -> AttemptView:
        reason = (body.reason if body else None) or ""
        return _answer(
            service, case_id, await _done(desk().retry(case_id, principal.actor(Role.OPS), reason))
        )

    @app.post(
        "/v1/parked/{case_id}/discard",
        tags=_TAGS,
        summary="Give up the event that keeps a case waiting, and apply the rest in order",
    )
    async def discard(case_id: UUID, body: DiscardBody, principal: Ops) -> AttemptView:
        source, _, sequence = body.event.rpartition("/")  # the source of an unreadable record names its place
        named = (source, int(sequence))
        work = desk().discard(case_id, named, principal.actor(Role.OPS), body.reason, all_behind=body.all)
        return _answer(service, case_id, await _done(work))


def _add_reads(app: FastAPI, service: str, desk: Desk) -> None:
    @app.get("/v1/parked", tags=_TAGS, summary="Cases with events that this service could not apply")
    async def cases(
        principal: Ops,
        cursor: Annotated[int, Query(ge=0, le=_LAST, description="`next` of the page before.")] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ParkedPage:
        found = await desk().cases(cursor, limit + 1)
        following = found[limit - 1].place if len(found) > limit else None
        return ParkedPage(service=service, items=[_case(one) for one in found[:limit]], next=following)

    @app.get("/v1/parked/{case_id}", tags=_TAGS, summary="The parked events of a case, in order")
    async def story(
        case_id: UUID,
        principal: Ops,
        data: Annotated[bool, Query(description="Show the events themselves: a resident's words.")] = False,
    ) -> ParkedStoryView:
        waiting = await desk().story(case_id)
        if not waiting:
            raise _problem(service, Refused("nothing_parked", "nothing of this case is parked here"))
        return ParkedStoryView(
            service=service, case_id=case_id, events=[_event(one, data=data) for one in waiting]
        )


async def _done(work: Awaitable[Attempt | Refused]) -> Attempt | Refused:
    try:
        return await work
    except Unavailable as error:
        raise unavailable(error) from error


def _answer(service: str, case_id: UUID, done: Attempt | Refused) -> AttemptView:
    if isinstance(done, Refused):
        raise _problem(service, done)
    return AttemptView(
        service=service,
        case_id=case_id,
        settled=[
            SettledView(event=_name(one.envelope), type=one.envelope.type, resolution=one.resolution)
            for one in done.settled
        ],
        failed=_failed(done.failed),
        waiting=done.waiting,
    )


def _failed(entry: ParkedEvent | None) -> FailedView | None:
    if entry is None:
        return None
    return FailedView(event=_name(entry.envelope), type=entry.envelope.type, reason=_reason(entry))


def _problem(service: str, refused: Refused) -> Problem:
    status, title = _STATUS.get(refused.code, _BLOCKED)
    return Problem(status, refused.code, title, f"At {service}, {refused.reason}.")


def _case(found: WaitingCase) -> ParkedCaseView:
    case_id = found.first.event.envelope.case_id
    return ParkedCaseView(case_id=case_id, events=found.events, first=_event(found.first))


def _event(waiting: Waiting, *, data: bool = False) -> ParkedEventView:
    envelope = waiting.event.envelope
    return ParkedEventView(
        event=_name(envelope),
        type=envelope.type,
        time=envelope.time,
        reason=_reason(waiting.event),
        behind=waiting.event.behind,
        since=waiting.since,
        data=envelope.data if data else None,
    )


def _reason(entry: ParkedEvent) -> str:
    """Why it is parked; of a foreign record also what is wrong with it, which holds nothing that stood in it."""
    why = why_unreadable(entry.envelope)
    return f"{entry.reason}: {why}" if why else entry.reason


def _name(envelope: Envelope) -> str:
    return f"{envelope.source}/{envelope.sequence}"
