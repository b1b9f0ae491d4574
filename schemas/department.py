"""What a department is told on its own topic `dept.<unit code>.assigned`. Never anything about the reporter.

The unit complained of, and everyone it controls, never appears as `unit` here (R-HOT-14, R-LAD-04).
"""

from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from schemas.message import Event, Instant
from schemas.procedure import ProcedureName


class AssignmentRole(StrEnum):
    """What the case asks of the unit."""

    LEAD = "lead"
    """The one responsible unit (首接负责, R-HOT-06)."""
    HELPER = "helper"
    """Delivers its part to the lead, or reports why it cannot (R-HOT-06)."""
    COPY = "copy"
    """The district, told of its street's case so that it can urge and coordinate (R-HOT-04)."""
    EXIT = "exit"
    """The authority of a named legal exit that receives what left the ladder (R-PET-06, R-PET-10)."""


class HandlingMode(StrEnum):
    """R-MODE-01: who owns the case and in which way."""

    DIRECT = "direct"
    """直办: the receiver closes it."""
    TRANSFER = "transfer"
    """转办: one owner."""
    JOINT = "joint"
    """协办: an owner and helpers."""
    INSTRUCTED = "instructed"
    """批办: a leader set owner and deadline."""


class TextAccess(StrEnum):
    """Where the unit reads what the resident said."""

    INLINE = "inline"
    """In `title` and `text` of this message, with phone and id numbers masked."""
    API = "api"
    """Not in this message; read it at the router's API with the assignment id."""
    WITHHELD = "withheld"
    """The reporter asked that only the responsible unit reads it, or the case is sealed."""


class ReminderKind(StrEnum):
    """Why a unit is reminded."""

    SIGN = "sign"
    CONTACT = "contact"
    YELLOW = "yellow"
    """75 % of the time is gone: the yellow plate (R-CARD-01)."""
    OVERDUE = "overdue"
    SUPERVISED = "supervised"
    """The red plate: overdue and supervised (R-CARD-01, R-HOT-10)."""
    HELP = "help"
    """A helper has neither delivered nor reported reasons (R-HOT-06)."""
    TRIAGE = "triage"
    ADJUDICATE = "adjudicate"
    CALLBACK = "callback"
    DECIDE = "decide"
    SUPPLEMENT = "supplement"
    """The resident added facts; read them at the API."""
    REDO = "redo"
    """Once more, with a new time (R-HOT-08)."""
    DECIDED = "decided"
    """The unit's objection or request was decided; read how at the API."""
    INSTRUCTED = "instructed"
    """A leader set a new time (R-MODE-01)."""


class EndReason(StrEnum):
    """Why an assignment ended."""

    OBJECTION_UPHELD = "objection_upheld"
    ESCALATED = "escalated"
    REASSIGNED = "reassigned"
    TRACK_CHOSEN = "track_chosen"
    EMERGENCY = "emergency"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class DepartmentEvent(Event):
    """The base of what goes to one unit's own topic."""

    unit: str
    assignment: str
    """`<case id>/<number>`: the number counts the assignments of the case from 1."""

    def topic(self) -> str:
        """Return the unit's own topic."""
        return f"dept.{self.unit}.assigned"


class DepartmentAssigned(DepartmentEvent):
    """The unit has something to do, or to know (`role`)."""

    type: ClassVar[str] = "router.DepartmentAssigned.v1"

    case_id: UUID
    role: AssignmentRole
    lead: str | None = None
    """The responsible unit, to which helpers deliver; None for the receiver of a named exit."""
    matter: str | None = None
    track: str
    urgency: int
    mode: HandlingMode
    grid: str | None = None
    """Code of the grid or other territorial unit where the matter lies."""
    access: TextAccess
    title: str | None = None
    text: str | None = None
    locked: bool = False
    """Designated by review or instruction: the unit cannot object (R-HOT-05)."""
    sign_by: Instant | None = None
    object_by: Instant | None = None
    handle_by: Instant | None = None


class DepartmentAssignmentEnded(DepartmentEvent):
    """The unit has nothing more to do with the case."""

    type: ClassVar[str] = "router.DepartmentAssignmentEnded.v1"

    reason: EndReason


class DepartmentReminded(DepartmentEvent):
    """催办: the unit is reminded, given a plate, or told that it is supervised.

    For a unit without an assignment of its own (the hotline centre at a waiting triage) the number is 0.
    """

    type: ClassVar[str] = "router.DepartmentReminded.v1"

    kind: ReminderKind
    due: Instant | None = None


class DepartmentInProcedure(DepartmentEvent):
    """The unit's case is in a procedure: until `due` the unit acts at the API of the service `procedure`."""

    type: ClassVar[str] = "router.DepartmentInProcedure.v1"

    procedure: ProcedureName
    stage: str
    due: Instant | None = None


EVENTS: Final[tuple[type[DepartmentEvent], ...]] = (
    DepartmentAssigned,
    DepartmentInProcedure,
    DepartmentAssignmentEnded,
    DepartmentReminded,
)
