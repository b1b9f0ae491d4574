"""Where many cases stand, in one question: for whoever sent a batch and wants to know that none is missing."""

from typing import Annotated
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from chassis.http import Principal, allow
from schemas.router import OrderStatus, QueueReason
from services.router.api.access import READERS, Access
from services.router.api.office import Case, Office

MOST_CASES = 1000


class StatusQuestion(BaseModel):
    """Which cases are asked for."""

    model_config = ConfigDict(extra="forbid")

    case_ids: list[UUID] = Field(min_length=1, max_length=MOST_CASES)


class CaseStatus(BaseModel):
    """Where a case stands; exactly one of `unit` and `exit` is set."""

    case_id: UUID
    version: int
    status: OrderStatus
    unit: str | None
    unit_name: str | None
    exit: str | None
    rung: int | None = Field(description="0 building group … 4 district; null where no unit handles it")
    track: str
    matter: str | None
    queue_reason: QueueReason | None = Field(description="why it waits for a human; null where it does not")


class StatusAnswer(BaseModel):
    """Those of the cases that the router knows and the caller may see."""

    cases: list[CaseStatus]
    withheld: int = Field(
        description="how many more of them the router has without showing them to you. Counted only for who runs"
        " the system and belongs to no unit (ops without a unit): a unit must not learn that there is a case"
    )


def add_status_route(app: FastAPI, office: Office, access: Access) -> None:
    """Add `POST /v1/cases/statuses`."""

    @app.post(
        "/v1/cases/statuses",
        tags=["cases"],
        summary="Where up to 1,000 cases stand; one that is unknown or not for you is left out",
    )
    async def statuses(
        question: StatusQuestion, principal: Annotated[Principal, allow(*READERS)]
    ) -> StatusAnswer:
        access.check_unit(principal)
        cases = await office.cases(question.case_ids)
        seen = [_status(office, case) for case in cases if access.sees(principal, case)]
        return StatusAnswer(cases=seen, withheld=len(cases) - len(seen) if principal.unit is None else 0)


def _status(office: Office, case: Case) -> CaseStatus:
    state = case.state
    assert state.status is not None  # noqa: S101  `Office.cases` returns known cases only
    return CaseStatus(
        case_id=state.case_id,
        version=case.version,
        status=state.status,
        unit=state.unit,
        unit_name=office.name(state.unit),
        exit=state.exit,
        rung=state.rung,
        track=state.track,
        matter=state.matter,
        queue_reason=state.queue,
    )
