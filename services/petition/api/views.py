"""What petition's API shows: codes with their names, deadlines, and what the caller may do next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from schemas.petition import Nature, PetitionOutcome, PetitionStatus
from schemas.router import Term
from services.colours import Colour
from services.petition.api.office import Case, Office
from services.petition.domain import colour


class UnitName(BaseModel):
    """A unit by code and name."""

    code: str
    name: str


class PetitionView(BaseModel):
    """A petition as the caller may see it. While it runs, `unit` is the one responsible unit."""

    case_id: UUID
    version: int
    status: PetitionStatus
    colour: Colour | None = Field(
        description="R-CARD-01: of the petition, never of a person; null when it is over"
    )
    unit: UnitName | None
    sender: UnitName | None = Field(description="who forwarded or assigned it")
    exit: str | None = Field(description="the legal exit by which it left (R-PET-06)")
    matter: str | None
    place: str | None
    nature: Nature
    petitioners: int
    urgent: bool
    simple: bool
    leader: str | None = Field(description="the office that owns it (R-PET-19)")
    level: int = Field(description="0 opinion, 1 review, 2 re-review")
    outcome: PetitionOutcome | None
    terminated: bool = Field(description="three levels have spoken (XF36)")
    same_as: UUID | None
    supervised: bool
    evaluated: bool
    deadlines: list[Term]
    late: list[str] = Field(description="the clocks that ran out and still stand")
    actions: list[str] = Field(
        description="the last part of each `POST /v1/petitions/{id}/…` open to you now"
    )
    documents: list[str] = Field(
        description="the last part of each `GET /v1/petitions/{id}/documents/…` there is"
    )


class Step(BaseModel):
    """An event of the petition."""

    at: datetime
    event: str
    by: dict[str, Any] | None = Field(description="role and unit of who did it; null for a rule or a clock")
    data: dict[str, Any]


class StoryView(BaseModel):
    """What happened, in order."""

    case_id: UUID
    steps: list[Step]


class DocketEntry(BaseModel):
    """A petition as lists show it."""

    case_id: UUID
    status: PetitionStatus
    colour: Colour | None
    unit: str | None
    matter: str | None
    place: str | None
    urgent: bool
    due_at: datetime | None
    received_at: datetime


class DocketPage(BaseModel):
    """A page, longest waiting first; `after` of the next page is `next`, null at the end."""

    items: list[DocketEntry]
    next: UUID | None


def petition_view(
    office: Office, case: Case, at: datetime, actions: Sequence[str], documents: Sequence[str]
) -> PetitionView:
    """Show a petition at the instant `at`."""
    state = case.state
    if state.status is None:
        raise ValueError("a case without status is no petition and cannot be shown")
    return PetitionView(
        case_id=state.case_id,
        version=case.version,
        status=state.status,
        colour=colour(state, at),
        unit=_unit(office, state.unit),
        sender=_unit(office, state.sender),
        exit=state.exit,
        matter=state.matter,
        place=state.place,
        nature=state.nature,
        petitioners=state.petitioners,
        urgent=state.urgent,
        simple=state.simple,
        leader=state.leader,
        level=state.level,
        outcome=state.outcome,
        terminated=state.terminated,
        same_as=state.same_as,
        supervised=state.supervised,
        evaluated=state.evaluated,
        deadlines=list(state.terms),
        late=list(state.late),
        actions=list(actions),
        documents=list(documents),
    )


def _unit(office: Office, code: str | None) -> UnitName | None:
    return UnitName(code=code, name=office.name(code)) if code else None
