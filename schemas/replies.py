"""What a department writes on its topic `dept.<unit code>.replies`, and what it hears on `dept.<code>.rejected`.

A reply is one JSON object: `action`, `case_id`, and the fields which that action has over HTTP as well.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas import router as r
from schemas.message import Event, Instant, Value
from schemas.written import Written

REPLY_TOPIC: Final = "dept.{code}.replies"
OWN_ID: Final = "^[!-~]{1,255}$"
"""Visible ASCII without spaces, as an Idempotency-Key over HTTP."""
CLERK: Final = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
_OwnId = Annotated[str, Written(OWN_ID, "1 to 255 visible ASCII characters without spaces, such as order-77")]
_Clerk = Annotated[str, Written(CLERK, "up to 64 letters, digits, dots and dashes, such as clerk-12")]

OF_UNITS: Final[Mapping[str, type[r.RouterCommand]]] = MappingProxyType(
    {
        "sign": r.SignAssignment,
        "objection": r.ObjectAssignment,
        "contact": r.RecordContact,
        "progress": r.ReportProgress,
        "extension": r.RequestExtension,
        "suspension": r.RequestSuspension,
        "resume": r.ResumeCase,
        "help": r.DeliverHelp,
        "escalation": r.EscalateCase,
        "whistle": r.WhistleDepartments,
        "reply": r.ReplyCase,
    }
)
"""What a unit may do with its case, by the action's name over HTTP and in a reply."""


class Reply(BaseModel):
    """The base of all replies. A field that the action does not have is refused: it may be a typing error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: ClassVar[type[r.RouterCommand]]

    action: str
    case_id: UUID
    """As in the `ce_subject`, and the key, of what the department was told."""
    id: _OwnId | None = None
    """The department's own name of this reply: sent again with it (within 48 hours), it takes effect once."""
    version: int | None = Field(default=None, ge=0, strict=True)
    """The number in the `etag` that was read over HTTP; the reply is rejected if the case has changed since."""
    by: _Clerk | None = None
    """The department's own code of the member of staff; no name. It is kept in the audit trail."""

    def fields(self) -> dict[str, Any]:
        """Return the action's own fields."""
        return self.model_dump(exclude=set(Reply.model_fields))


_OUR_OWN: Final = frozenset({"actor", "kept_from"})


def body_fields(command: type[r.RouterCommand]) -> Any:
    """Return the fields that a sender states, as `create_model` takes them; the others are the router's own."""
    return {
        name: (info.annotation, info) for name, info in command.model_fields.items() if name not in _OUR_OWN
    }


def _reply(action: str, command: type[r.RouterCommand]) -> type[Reply]:
    fields: Any = {"action": (Literal[action], ...), **body_fields(command)}
    made = create_model(
        f"{command.__name__}Reply", __base__=Reply, __module__=__name__, __doc__=command.__doc__, **fields
    )
    made.command = command
    return made


REPLIES: Final[Mapping[str, type[Reply]]] = MappingProxyType(
    {action: _reply(action, command) for action, command in OF_UNITS.items()}
)
"""The replies by action."""


class FieldAtFault(Value):
    """A field of a reply that is not right, by its path (`evidence[0].kind`), and what would be."""

    field: str
    expected: str


class ReplyRejected(Event):
    """A reply had no effect, and why. What was sent stays on `dept.<code>.replies` at the place named here."""

    type: ClassVar[str] = "router.ReplyRejected.v1"

    unit: str
    code: str
    """Stable, the same as over HTTP: `case_unknown`, `validation_failed`, `version_mismatch` …"""
    reason: str
    """In plain words."""
    errors: tuple[FieldAtFault, ...] = ()
    replies: str
    """The topic of the reply."""
    partition: int
    offset: int
    sent_at: Instant
    """The time that Kafka has of the reply."""
    id: str | None = None
    """The department's own, where it could be read; like the next two. What looks like a personal number in it is
    masked; `partition` and `offset` name the reply whatever it is called."""
    action: str | None = None
    case_id: UUID | None = None

    def topic(self) -> str:
        """Return the unit's own topic."""
        return f"dept.{self.unit}.rejected"


EVENTS: Final[tuple[type[Event], ...]] = (ReplyRejected,)
