"""What mediation's API shows: codes with their names, times, and what the caller may do next; never a person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from schemas.mediation import (
    Confirmation,
    Obligation,
    PanelSeat,
    Party,
    Performance,
    Stage,
    TerminationReason,
)
from schemas.router import Term
from services.mediation.api.office import Case, Office
from services.mediation.domain.state import Agreement, Mediation


class AgreementView(BaseModel):
    """An agreement, and what has become of it."""

    number: int
    round: int
    written: bool
    partial: bool
    unit: str = Field(description="the unit that follows it up")
    parties: list[str] = Field(description="labels; they are those of its round")
    obligations: list[Obligation]
    effective_at: datetime
    performance: Performance
    performed: list[int]
    visits: int
    confirmation: Confirmation


class MediationView(BaseModel):
    """A mediation as it stands."""

    case_id: UUID
    version: int
    stage: Stage
    round: int = Field(description="1, and more where the case came again, higher up")
    origin: str | None
    unit: str
    unit_name: str
    in_petition: bool = Field(description="part of a petition, which stays responsible (R-PET-16)")
    matter: str | None
    procedure: str
    procedure_name: str
    parties: list[Party] = Field(description="of this round, or until they are registered of the one before")
    agreed: list[str] = Field(description="the parties that agreed to be mediated")
    closed: bool = Field(description="it is not public (R-MED-04)")
    committee: str | None
    mediators: list[str]
    panel: str | None
    seats: list[PanelSeat] = Field(description="who sits beside the mediators, by staff code (TJ20)")
    session_at: datetime | None
    sessions: int
    appraisal_since: datetime | None
    drafted: bool
    agreements: list[AgreementView] = Field(description="all that took effect, in any round")
    confirmation: Confirmation = Field(description="of the newest agreement")
    reason: TerminationReason | None
    deadlines: list[Term]
    actions: list[str] = Field(
        description="the last part of each `POST /v1/mediations/{id}/…` open to you now"
    )


class MediationLine(BaseModel):
    """A mediation as a unit lists it."""

    case_id: UUID
    unit: str
    matter: str | None
    procedure: str
    stage: Stage
    confirmation: Confirmation
    opened_at: datetime
    due_at: datetime | None


class MediationPage(BaseModel):
    """A page, oldest first; `next` is the `after` of the page behind it, null at the end."""

    items: list[MediationLine]
    next: str | None


class StoryEvent(BaseModel):
    """An event of the mediation, without its clocks."""

    sequence: int
    time: datetime
    type: str
    data: dict[str, object]


class CommitteeView(BaseModel):
    """A committee and its mediators by staff code; mediation is free of charge (R-MED-01)."""

    code: str
    name: str
    unit: str
    procedures: list[str]
    mediators: list[str]


class PaperView(BaseModel):
    """A paper as it was written, with personal data."""

    round: int
    kind: str
    at: datetime
    content: dict[str, object]


def mediation_view(office: Office, case: Case, actions: Sequence[str]) -> MediationView:
    """What the caller sees of a case."""
    state = case.state
    if state.stage is None:
        raise AssertionError("a case without a stage is not shown")
    return MediationView(
        case_id=state.case_id,
        version=case.version,
        stage=state.stage,
        round=state.round,
        origin=state.origin,
        unit=state.unit,
        unit_name=office.name(state.unit),
        in_petition=state.in_petition,
        matter=state.matter,
        procedure=state.procedure,
        procedure_name=office.mediators.procedures[state.procedure].name,
        parties=list(state.parties),
        agreed=list(state.agreed),
        closed=not office.desk.may_be_open(state),
        committee=state.committee,
        mediators=list(state.mediators),
        panel=state.panel,
        seats=list(state.seats),
        session_at=state.session_at,
        sessions=state.sessions,
        appraisal_since=state.appraisal_since,
        drafted=state.draft is not None,
        agreements=[_agreement_view(office, state, one) for one in state.agreements],
        confirmation=state.confirmation,
        reason=state.reason,
        deadlines=list(state.terms),
        actions=list(actions),
    )


def _agreement_view(office: Office, state: Mediation, one: Agreement) -> AgreementView:
    return AgreementView(
        number=one.number,
        round=one.round,
        written=one.written,
        partial=one.partial,
        unit=office.desk.follower(state, one),
        parties=list(one.labels),
        obligations=list(one.obligations),
        effective_at=one.effective_at,
        performance=one.performance,
        performed=list(one.performed),
        visits=one.visits,
        confirmation=one.confirmation,
    )
