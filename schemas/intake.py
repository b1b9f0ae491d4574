"""Events and commands of intake: what a resident said, without who said it."""

from typing import ClassVar, Final
from uuid import UUID

from pydantic import Field

from schemas.message import Actor, Command, Event, Instant, Value
from schemas.values import Channel, Emergency, OnSiteResolution, Place, Reach, RequestKind, Sealed


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
    reachable_by: tuple[Reach, ...] = ()
    """By which ways the reporter can be told of the case; intake alone knows the numbers and addresses."""
    worker: str | None = None
    """Unit code of the grid worker who reported, if one did."""
    attachments: tuple[str, ...] = ()
    """References to documents, such as a scanned letter: never their contents."""
    by: Actor | None = None
    """The member of staff who took it in; None for the resident's own act."""

    @property
    def linked_to(self) -> UUID | None:
        """Return the earlier case that is handled for this one as well (R-HOT-03); None where this one has news."""
        return handled_for(self.repeat_of, new_facts=self.new_facts)


def handled_for(repeat_of: UUID | None, *, new_facts: bool) -> UUID | None:
    """Say `linked_to` for who reads only these two fields of a submission."""
    return None if new_facts else repeat_of


class CaseSupplemented(Event):
    """The resident or an operator added facts to an open case."""

    type: ClassVar[str] = "intake.CaseSupplemented.v1"

    text: str
    new_facts: bool = True
    attachments: tuple[str, ...] = ()
    emergency: Emergency | None = None
    """A danger that these words report as happening now (R-LAD-05, R-HOT-13)."""
    by: Actor | None = None
    """The member of staff who took it in; None for the resident's own act."""
    report: UUID | None = None
    """The linked report of another person with which these words came; None: the case's own reporter (R-PET-18)."""


class CaseWithdrawn(Event):
    """The resident withdrew the case. With `emergency` or `at_line` nothing ends: a danger is not
    theirs to withdraw."""

    type: ClassVar[str] = "intake.CaseWithdrawn.v1"

    reason: str = ""
    emergency: Emergency | None = None
    """A danger that the reason reports as happening now (R-LAD-05, R-HOT-13)."""
    by: Actor | None = None
    """The member of staff who took it in; None for the resident's own act."""
    stands: bool = False
    """Another report of the matter is linked to the case and was not withdrawn: the handling goes on (R-PET-18)."""
    at_line: bool = False
    """An emergency line has the case: it goes on until the line, or who takes what remains, is done (R-HOT-13)."""
    last: bool = False
    """Said of a case whose reporter had withdrawn while others stood: now none of them stands any more (R-PET-18).
    It has nobody's words."""


class FeedbackGiven(Event):
    """The resident's own answer to the callback (R-HOT-08, R-HOT-09)."""

    type: ClassVar[str] = "intake.FeedbackGiven.v1"

    contacted: bool
    resolved: bool
    satisfied: bool
    note: str = ""
    emergency: Emergency | None = None
    """A danger that the note reports as happening now (R-LAD-05, R-HOT-13)."""
    by: Actor | None = None
    """The member of staff who took it in; None for the resident's own act."""
    callback: int | None = None
    """By a signed link: which callback of the case it answers, counted from 1; each is answered once."""
    report: UUID | None = None
    """The linked report of another person who says it, while the case waits for callbacks; None: the case's own
    reporter (R-PET-18)."""


class ReopeningAsked(Event):
    """R-HOT-08: the case was closed, and is not settled as the resident sees it. The router reopens it."""

    type: ClassVar[str] = "intake.ReopeningAsked.v1"

    reason: str
    emergency: Emergency | None = None
    """A danger that the reason reports as happening now (R-LAD-05, R-HOT-13)."""
    by: Actor | None = None
    """The member of staff who took it in; None for the resident's own act."""


class ConclusionLifted(Event):
    """The router has reopened the case: intake takes words for it again."""

    type: ClassVar[str] = "intake.ConclusionLifted.v1"


class PersonErased(Event):
    """The keys of the case's personal data were deleted: the ciphertext can no longer be read anywhere."""

    type: ClassVar[str] = "intake.PersonErased.v1"

    reason: str
    by: Actor | None = None


class CaseConcluded(Event):
    """The handling has ended, as the event type `ended_by` said: intake takes nothing more for this case."""

    type: ClassVar[str] = "intake.CaseConcluded.v1"

    ended_by: str
    reopen_until: Instant | None = None
    """Before this instant it can be reopened; None: it cannot be."""
    settled: bool = False
    """Closed for another reason than a withdrawal: one that came at the same moment came too late."""


class LinkRemoved(Event):
    """The router found that the report is no repeat of case `was`: from now on its words belong to its own case."""

    type: ClassVar[str] = "intake.LinkRemoved.v1"

    was: UUID


class CoReporterAdded(Event):
    """Another person reported the incident of case `to`. This report is theirs alone: linked to that case like a
    repeat, with a tracking code, a withdrawal and a feedback of its own (R-PET-18)."""

    type: ClassVar[str] = "intake.CoReporterAdded.v1"

    to: UUID
    by: Actor | None = None


EVENTS: Final[tuple[type[Event], ...]] = (
    CaseSubmitted,
    CoReporterAdded,
    CaseSupplemented,
    CaseWithdrawn,
    FeedbackGiven,
    ReopeningAsked,
    PersonErased,
    CaseConcluded,
    ConclusionLifted,
    LinkRemoved,
)


class Filing(Value):
    """What intake keeps of a case beside the stream: nothing of it enters an event."""

    unit: str
    """Code of the grid of the place, else of the district: it decides who of the staff may see the case."""
    code_digest: bytes
    """Digest of the tracking code."""
    sealed: Sealed | None = None
    persons: tuple[bytes, ...] = ()
    """Blind indexes of the reporter's phone, id number or account (R-PET-18)."""
    listed: bool = False
    """Whether matter, place and date may stand in the public list at once (R-PRIV-01)."""
    call_id: UUID | None = None
    """The call in which the matter was told, with others perhaps."""


class Obstacle(Value):
    """Why something that was asked for cannot be, found by the service itself; `field`: the one to mend."""

    code: str
    reason: str
    field: str | None = None


class SubmitCase(Command):
    """Take a case in. `case` is the event to be published, complete but for the link to an earlier case."""

    case: CaseSubmitted
    filing: Filing
    new_facts: bool | None = None
    """As stated; None: judged by comparing the texts (R-HOT-03)."""
    joins: bool = False
    """The reporter of `case.repeat_of` is another person: a co-reporter."""
    obstacle: Obstacle | None = None
    """Found by intake: something that the submission names does not allow it."""


class SupplementCase(Command):
    """Add facts to an open case. `sealed` holds the words as given where the masked text differs."""

    text: str
    new_facts: bool = True
    attachments: tuple[str, ...] = ()
    emergency: Emergency | None = None
    sealed: Sealed | None = None
    by: Actor | None = None
    report: UUID | None = None
    own: bool = False
    """Said with the tracking code of the case itself, not of a report that is linked to it."""


class WithdrawCase(Command):
    """Take the case back, by the resident's wish."""

    reason: str = ""
    emergency: Emergency | None = None
    by: Actor | None = None
    stands: bool = False
    """Found by intake: another report of the matter is linked to the case and was not withdrawn (R-PET-18)."""
    at_line: bool = False
    """Found by intake: an emergency line has the case (R-HOT-13)."""


class EndAbandoned(Command):
    """End a case whose reporter withdrew while others stood, where none of them stands any more (R-PET-18)."""

    stands: bool = False
    """Found by intake, and so is `at_line`, as for `WithdrawCase`."""
    at_line: bool = False


class GiveFeedback(Command):
    """The resident's own answer to the callback (R-HOT-08, R-HOT-09, R-PET-13)."""

    contacted: bool
    resolved: bool
    satisfied: bool
    note: str = ""
    emergency: Emergency | None = None
    by: Actor | None = None
    callback: int | None = None
    report: UUID | None = None


class ReopenCase(Command):
    """Have a closed case handled again, within the time in which that can be asked for (R-HOT-08)."""

    reason: str
    emergency: Emergency | None = None
    by: Actor | None = None
    own: bool = False
    """Asked by, or for, the reporter of the case itself, not of a report that is linked to it."""


class ErasePerson(Command):
    """Delete the keys of the case's personal data (R-PRIV-01)."""

    reason: str
    by: Actor | None = None


COMMANDS: Final[tuple[type[Command], ...]] = (
    SubmitCase,
    SupplementCase,
    WithdrawCase,
    EndAbandoned,
    GiveFeedback,
    ReopenCase,
    ErasePerson,
)
