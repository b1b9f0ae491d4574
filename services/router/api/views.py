"""What the router's API shows of a case: codes with their names, deadlines, and what the caller may do next."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from schemas.department import AssignmentRole, HandlingMode
from schemas.router import Fired, OrderStatus, QueueReason, Term
from services.colours import Colour
from services.router.api.office import Case, Office, Words
from services.router.domain import colour
from services.router.domain.workorder import OPEN
from services.router.explain import Step


class UnitName(BaseModel):
    """A unit by code and name."""

    code: str
    name: str | None


class Running(BaseModel):
    """An assignment that runs."""

    assignment: str = Field(description="`<case id>/<number>`")
    role: AssignmentRole
    unit: UnitName
    answered: bool = Field(description="a helper delivered its part or reported its reasons (R-HOT-06)")


class Supplement(BaseModel):
    """What the resident added later."""

    at: datetime
    text: str


class Text(BaseModel):
    """What the resident said; phone and id numbers are masked."""

    title: str
    text: str
    address: str | None
    received_at: datetime
    supplements: list[Supplement]


class CaseView(BaseModel):
    """A work order as the caller may see it; exactly one of `unit` and `exit` is set."""

    case_id: UUID
    version: int
    status: OrderStatus
    colour: Colour | None = Field(
        description="R-CARD-01: of the case, never of a person; null when it is over"
    )
    unit: UnitName | None = Field(description="the one responsible unit")
    exit: str | None = Field(description="the named legal exit by which the case left the ladder")
    queue: QueueReason | None = Field(description="why it waits for a human")
    rung: int | None
    mode: HandlingMode
    matter: str | None
    matter_name: str | None
    track: str
    urgency: int
    place: UnitName | None
    line: str | None = Field(description="the emergency line to which the case went")
    leader: str | None = Field(description="the office that set owner and deadline")
    overdue: bool
    supervised: bool
    procedure: str | None = Field(
        description="the service in whose procedure the case is: mediation or petition; there the unit acts"
    )
    pending: str | None = Field(description="a request that waits for its decision: extension or suspension")
    deadlines: list[Term]
    assignments: list[Running]
    actions: list[str] = Field(description="the last part of each `POST /v1/cases/{id}/…` open to you now")
    text: Text | None = Field(description="null where you may not read it, and in the answers to commands")


class RouteView(BaseModel):
    """R-LAD-10: why the case is where it is, step by step, in words and codes."""

    case_id: UUID
    steps: list[Step]


class AssignmentView(BaseModel):
    """An assignment as a unit lists it; `etag` is the case's, for If-Match."""

    assignment: str
    case_id: UUID
    etag: str
    unit: str
    role: AssignmentRole
    lead: str | None
    rung: int | None
    status: OrderStatus
    colour: Colour | None
    matter: str | None
    matter_name: str | None
    track: str
    urgency: int
    mode: HandlingMode
    place: str | None
    locked: bool
    dispatched_at: datetime
    sign_by: datetime | None
    handle_by: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    title: str | None = Field(description="null where you may not read it")
    text: str | None


class AssignmentPage(BaseModel):
    """A page, oldest dispatch first; `next` is the `cursor` of the page after it, null at the end."""

    items: list[AssignmentView]
    next: str | None


class CandidateView(BaseModel):
    """A matter that the triage engine considered."""

    matter: str
    matter_name: str | None
    score: float


class QueuedView(BaseModel):
    """A case that waits for a human."""

    case_id: UUID
    etag: str
    unit: str
    reason: QueueReason
    place: str | None
    urgency: int
    confidence: float
    candidates: list[CandidateView]
    subjects: list[str] = Field(description="complained of; your decision keeps them, names others or none")
    queued_at: datetime
    due_at: datetime | None
    overdue: bool = Field(description="the time to decide has run out")
    colour: Colour
    title: str | None
    text: str | None
    supplements: list[Supplement] = Field(description="none where you may not read them")


class QueuePage(BaseModel):
    """A page: what is overdue first, then the most urgent, then the longest waiting; `next` goes on with what was
    overdue when the first page was asked for."""

    items: list[QueuedView]
    next: str | None


class SuspendedView(BaseModel):
    """An entry of the suspended register (挂账, R-GRD-02)."""

    case_id: UUID
    etag: str
    unit: UnitName
    matter: str | None
    matter_name: str | None
    since: datetime
    until: datetime | None = Field(description="when it comes back by itself")
    reason: str | None


class SuspendedPage(BaseModel):
    """A page of the register, longest dispatched first."""

    items: list[SuspendedView]
    next: str | None


class UnitView(BaseModel):
    """A unit and how its open lead assignments stand; figures of the unit, of no person (R-KPI-01)."""

    code: str
    name: str
    kind: str
    rung: int | None
    above: list[UnitName]
    open: int
    overdue: int
    by_colour: dict[Colour, int]


class RowView(BaseModel):
    """A row of a decision table."""

    row: Fired
    when: dict[str, list[str]] = Field(description="fields that the row restricts, with the values it takes")
    then: dict[str, str]


class TableView(BaseModel):
    """A decision table: the first row that holds decides."""

    name: str
    fields: list[str]
    rows: list[RowView]


class PolicyView(BaseModel):
    """The policy in force."""

    version: str
    jurisdiction: str
    tables: list[TableView]


class MatterView(BaseModel):
    """A matter of the catalogue with the lawful unit at each rung (`territorial`: the unit of the place)."""

    code: str
    name: str
    head: str
    entry: int
    track: str
    urgency: int
    emergency_line: str | None
    sealed: bool
    legal_exit: str | None
    community_duty: str
    responsible: dict[int, str]
    helpers: list[str]


def case_view(
    office: Office, case: Case, at: datetime, actions: Sequence[str], words: Words | None
) -> CaseView:
    """Show a case at the instant `at`, with those words of the resident that the caller may read."""
    state = case.state
    if state.status is None:
        raise ValueError("a case without status is unknown and cannot be shown")
    matter = office.jurisdiction.matters.get(state.matter) if state.matter else None
    return CaseView(
        case_id=state.case_id,
        version=case.version,
        status=state.status,
        colour=colour(state, at) if state.status in OPEN or state.queue is not None else None,
        unit=unit_name(office, state.unit),
        exit=state.exit,
        queue=state.queue,
        rung=state.rung,
        mode=state.mode,
        matter=state.matter,
        matter_name=matter.name if matter else None,
        track=state.track,
        urgency=state.urgency,
        place=unit_name(office, state.place),
        line=state.line,
        leader=state.leader,
        overdue=state.overdue,
        supervised=state.supervised,
        procedure=state.procedure,
        pending=state.pending,
        deadlines=list(state.terms),
        assignments=_running(office, case),
        actions=list(actions),
        text=text_view(words) if words else None,
    )


def unit_name(office: Office, code: str | None) -> UnitName | None:
    """A unit by code and name."""
    return UnitName(code=code, name=office.name(code)) if code else None


def text_view(words: Words) -> Text:
    """What the resident said."""
    supplements = [Supplement.model_validate(entry) for entry in words.supplements]
    return Text(
        title=words.title,
        text=words.body,
        address=words.address,
        received_at=words.received_at,
        supplements=supplements,
    )


def _running(office: Office, case: Case) -> list[Running]:
    state = case.state
    if state.status not in OPEN:
        return []
    helpers = {seat.number for seat in state.helpers}
    copies = {seat.number for seat in state.copies}
    return [
        Running(
            assignment=state.assignment(seat.number),
            role=AssignmentRole.HELPER
            if seat.number in helpers
            else AssignmentRole.COPY
            if seat.number in copies
            else AssignmentRole.LEAD,
            unit=UnitName(code=seat.unit, name=office.name(seat.unit)),
            answered=seat.answered,
        )
        for seat in state.seats()
    ]
