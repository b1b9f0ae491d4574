"""Events of intake: what a resident said, without who said it."""

from typing import ClassVar, Final
from uuid import UUID

from pydantic import Field

from schemas.message import Event, Instant
from schemas.values import Channel, Emergency, OnSiteResolution, Place, RequestKind


class CaseSubmitted(Event):
    """A matter came in. Title and text have phone and id numbers masked; the reporter stays in intake."""

    type: ClassVar[str] = "intake.CaseSubmitted.v1"

    channel: Channel
    received_at: Instant
    """When the resident spoke; may lie hours before the event's own time (an offline grid worker)."""
    kind: RequestKind = RequestKind.COMPLAIN
    title: str
    text: str
    place: Place
    matter: str | None = None
    """Matter code, where the member of staff who took the case in named it."""
    urgency: int | None = Field(default=None, ge=1, le=4)
    track: str | None = Field(default=None, pattern="^[SMPL]$")
    """The track that the resident asks for (R-LAD-09), if any."""
    parties: tuple[str, ...] = ()
    """Territorial unit codes where the other parties live (R-LAD-01)."""
    households: int | None = Field(default=None, ge=1)
    """How many households are affected, where known (R-LAD-03)."""
    subjects: tuple[str, ...] = ()
    """Codes of units complained of; they and all they control see nothing of the case (R-LAD-04)."""
    emergency: Emergency | None = None
    resolved: OnSiteResolution | None = None
    repeat_of: UUID | None = None
    """The earlier case of the same person and matter, if there is one (R-PET-18)."""
    new_facts: bool = True
    """Whether a repeat brings new facts; without them the resident gets the progress instead (R-HOT-03)."""
    anonymous: bool = False
    confidential: bool = False
    """The reporter asked that nobody but the responsible unit reads the text."""
    worker: str | None = None
    """Unit code of the grid worker who reported, if one did."""


class CaseSupplemented(Event):
    """The resident or an operator added facts to an open case."""

    type: ClassVar[str] = "intake.CaseSupplemented.v1"

    text: str
    new_facts: bool = True
    attachments: tuple[str, ...] = ()


class CaseWithdrawn(Event):
    """The resident withdrew the case."""

    type: ClassVar[str] = "intake.CaseWithdrawn.v1"

    reason: str = ""


class FeedbackGiven(Event):
    """The resident's own answer to the callback (R-HOT-08, R-HOT-09)."""

    type: ClassVar[str] = "intake.FeedbackGiven.v1"

    contacted: bool
    resolved: bool
    satisfied: bool
    note: str = ""


class PersonErased(Event):
    """The key of the case's personal data was deleted: the ciphertext can no longer be read anywhere."""

    type: ClassVar[str] = "intake.PersonErased.v1"

    reason: str


EVENTS: tuple[type[Event], ...] = (
    CaseSubmitted,
    CaseSupplemented,
    CaseWithdrawn,
    FeedbackGiven,
    PersonErased,
)
