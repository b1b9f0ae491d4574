"""Events and commands of the router: where a case is, who is responsible, and why.

Every event that changes the clocks of a case carries `terms`: all the clocks that run after it.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, Final, Literal
from uuid import UUID

from pydantic import Field

from schemas.deadline import TimeUnit
from schemas.department import HandlingMode
from schemas.message import Actor, Command, Event, Instant, Value
from schemas.procedure import HandBack, ProcedureName
from schemas.values import Channel, Evidence
from schemas.written import EmergencyLine, TrackCode

_FAR_AHEAD: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""No deadline lies behind it; moments near the year 9999 cannot even be told in another time zone."""
Reason = Field(min_length=2, max_length=2000)
"""A reason in words is never empty."""


class OrderStatus(StrEnum):
    """The WorkOrder machine (domain.md §4)."""

    REGISTERED = "REGISTERED"
    """Known, not yet disposed of; with a `QueueReason` it waits in the human triage queue."""
    ANSWERED_DIRECT = "ANSWERED_DIRECT"
    REDIRECTED = "REDIRECTED"
    """Left by a named legal exit."""
    LINKED_DUP = "LINKED_DUP"
    EMERGENCY_XFER = "EMERGENCY_XFER"
    DISPATCHED = "DISPATCHED"
    DISPATCHED_LOCKED = "DISPATCHED_LOCKED"
    """Dispatched to a unit that may not object (R-HOT-05)."""
    SIGNED = "SIGNED"
    OBJECTED = "OBJECTED"
    HANDLING = "HANDLING"
    EXTENDED = "EXTENDED"
    """Handling, in extended time."""
    SUSPENDED = "SUSPENDED"
    """挂账: on the suspended register; the handling clock stands still (R-GRD-02)."""
    ESCALATED = "ESCALATED"
    REPLIED = "REPLIED"
    CALLBACK = "CALLBACK"
    REDO = "REDO"
    CLOSED = "CLOSED"
    ARCHIVED = "ARCHIVED"


class QueueReason(StrEnum):
    """Why a human must decide on a registered case."""

    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    UNKNOWN_MATTER = "UNKNOWN_MATTER"
    UNKNOWN_UNIT = "UNKNOWN_UNIT"
    """The submission names a place, party or subject that this jurisdiction does not have."""
    POLICY = "POLICY"
    """A row of the disposition table asks for it."""


class Judged(StrEnum):
    """What the human at the triage queue found (R-HOT-03); `dispatch` is the plain case."""

    DISPATCH = "dispatch"
    ANSWERED = "answered"
    """Answered at once (R-HOT-02)."""
    STATUTORY = "statutory"
    """Belongs to, or already is in, a statutory procedure or a petition."""
    SECRET = "secret"  # noqa: S105 - a state secret, trade secret or private matter, not a password
    OUTSIDE_REMIT = "outside_remit"
    UNLAWFUL = "unlawful"


class Ground(StrEnum):
    """Why a case is to climb. Those from CONSULT_ANSWERED on are never a ground (R-LAD-06)."""

    NO_LEGAL_POWER = "NO_LEGAL_POWER"
    MEDIATION_FAILED = "MEDIATION_FAILED"
    SECOND_BREACH = "SECOND_BREACH"
    PARTIES_OUTSIDE = "PARTIES_OUTSIDE"
    OWNER_UNCLEAR = "OWNER_UNCLEAR"
    COORDINATION_FAILED = "COORDINATION_FAILED"
    SEVERAL_DEPARTMENTS = "SEVERAL_DEPARTMENTS"
    MANY_HOUSEHOLDS = "MANY_HOUSEHOLDS"
    SUBJECT_SKIPPED = "SUBJECT_SKIPPED"
    DANGER = "DANGER"
    OBJECTION_UPHELD = "OBJECTION_UPHELD"
    """A review of the objection designated a unit higher up (R-HOT-05); only `AdjudicateObjection` gives it."""
    RESIDENT_CHOICE = "RESIDENT_CHOICE"
    """The resident entered another track (R-LAD-09); only `ChooseTrack` gives it."""
    CONSULT_ANSWERED = "CONSULT_ANSWERED"
    CALL_COUNT = "CALL_COUNT"
    IDENTITY = "IDENTITY"
    FINAL_CASE = "FINAL_CASE"
    DISSATISFIED_LAWFUL = "DISSATISFIED_LAWFUL"


class Outcome(StrEnum):
    """How a closed case ended."""

    RESOLVED = "resolved"
    UNSATISFIED = "unsatisfied"
    """Replied to, redone, still unsettled for the resident: lawful review was offered (R-LAD-06).

    Without `review_offered`: its procedure ended by law, and the `ProcedureEnded` before it says how.
    """
    UNREACHABLE = "unreachable"
    """Replied to; the resident could not be reached for the callback."""
    WITHDRAWN = "withdrawn"


class TriagedBy(StrEnum):
    """Whose judgement the matter is."""

    STAFF = "staff"
    """Named at intake by the member of staff who took the case in."""
    ENGINE = "engine"
    HUMAN = "human"
    """Decided from the triage queue."""


class Candidate(Value):
    """A matter that the triage engine considered; `score` only ranks."""

    matter: str
    score: float


class Judgement(Value):
    """What the case was found to be; `confidence` 0 to 1 and `words` are the engine's."""

    by: TriagedBy
    matter: str | None = None
    track: str
    urgency: int
    confidence: float = 1.0
    words: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


class Term(Value):
    """A running clock. `rule`, `amount` and `unit` counted from `since` gave `at`, by `calendar`'s schedule."""

    name: str
    at: Instant
    since: Instant
    rule: str
    amount: int | None = None
    unit: TimeUnit | None = None
    """Set with `amount` where they differ from the configured rule (an extension, the rest after a pause)."""
    calendar: str = "exact"
    provisional: bool = False


class Fired(Value):
    """A row of a decision table that decided something."""

    table: str
    row: str
    source: str


class Skip(Value):
    """A rung that was passed over, and the rule that demands it (R-LAD-01, 03, 04 and 07, R-COM-01, R-HOT-11)."""

    rung: int
    unit: str
    rule: str
    reason: str


class Entry(Value):
    """R-LAD-01, R-LAD-03: the highest of the three rungs is where the case entered."""

    matter: int
    common: int
    """The rung of `unit`, the lowest unit that contains the place and all parties."""
    unit: str
    floor: int = 0


class Route(Value):
    """Why the case is where it is: enough to explain it in words and codes."""

    policy: str
    """Content hash of the policy that decided."""
    jurisdiction: str
    rows: tuple[Fired, ...] = ()
    entry: Entry | None = None
    skipped: tuple[Skip, ...] = ()
    ground: Ground | None = None
    evidence: tuple[Evidence, ...] = ()
    open_exits: tuple[str, ...] = ()
    """Codes of the statutory routes that stand open beside the ladder (R-PET-06, R-LAD-09, TJ3)."""
    successor_of: str | None = None
    """R-PET-04: the abolished unit whose duty passed to this one."""


class NamedExit(Value):
    """A statutory route outside the ladder. `authority` is the unit that receives it, if it is one of ours."""

    code: str
    name: str
    authority: str | None = None
    source: str


class OnSiteCheck(Value):
    """R-GRD-02: what the check on the spot found."""

    unit: str
    matches: bool = Field(strict=True)
    note: str = Field(default="", max_length=1000)


class RouterEvent(Event):
    """The base of the router's events on the case stream."""

    by: Actor | None = None
    """The member of staff whose command it was; None for the rules themselves or a clock."""


class ClockedEvent(RouterEvent):
    """An event after which exactly `terms` run."""

    terms: tuple[Term, ...] = ()


class Registration(Value):
    """What a fresh case was found to be: what later decisions need of it."""

    judgement: Judgement
    kind: str = "complain"
    place: str | None = None
    """Code of the territorial unit where the matter lies."""
    parties: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Units complained of: as staff said or, until a human decides, as the words suggest."""
    households: int | None = None
    sealed: bool = False
    confidential: bool = False
    track_asked: str | None = None
    """The track that the resident asked for (R-LAD-09); a later judgement of the matter does not change it."""
    urgency_stated: int | None = None
    """The urgency that a human stated, for as long as no human states another."""
    channel: Channel | None = None
    """By which way it came in: what a grid worker brings is mediated proactively (R-MED-03)."""


class Disposition(ClockedEvent):
    """The base of what can become of a case when it is registered, and of some later turns."""

    route: Route
    registered: Registration | None = None
    """Set when this is the first that the router says of the case, or a human judged it anew."""


class TriageQueued(Disposition):
    """A human must decide; until then `unit` (the hotline centre) is responsible."""

    type: ClassVar[str] = "router.TriageQueued.v1"

    unit: str
    reason: QueueReason
    taken_from: str | None = None
    """R-LAD-04: the unit that had the case until now, of which words complain that were added to it."""


class CaseAnswered(Disposition):
    """R-HOT-02, R-HOT-03: answered or explained at once by `unit`."""

    type: ClassVar[str] = "router.CaseAnswered.v1"

    unit: str
    judged: Judged = Judged.ANSWERED
    answer: str = ""


class CaseRedirected(Disposition):
    """R-PET-06, R-LAD-04: the case left the ladder by a named legal exit; the resident is told why."""

    type: ClassVar[str] = "router.CaseRedirected.v1"

    exit: NamedExit
    assignment: int | None = None
    """Number of the exit authority's assignment, where it is one of our units."""
    parties: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    """All parties and subjects now known, where the step that led here adds some."""


class CaseLinked(Disposition):
    """R-HOT-03, R-PET-18: a repeat without new facts; `to` holds progress and result."""

    type: ClassVar[str] = "router.CaseLinked.v1"

    to: UUID
    unit: str
    """The hotline centre, which tells the resident the progress or result."""


class CaseUnlinked(ClockedEvent):
    """R-PET-18, R-HOT-03: not the same as case `was` after all; what follows makes it a case of its own."""

    type: ClassVar[str] = "router.CaseUnlinked.v1"

    was: UUID
    reason: str


class EmergencyTransferred(Disposition):
    """R-LAD-05, R-HOT-13: to the emergency line at once. `unit` is responsible until the line confirms."""

    type: ClassVar[str] = "router.EmergencyTransferred.v1"

    line: str
    words: str
    unit: str | None = None
    """None where whoever could keep the case is complained of: a `CaseRedirected` follows at once."""


class EmergencyConfirmed(ClockedEvent):
    """The line took the case over."""

    type: ClassVar[str] = "router.EmergencyConfirmed.v1"

    line: str
    reference: str


class SeatGiven(Value):
    """A unit's assignment within the case: `<case id>/<number>`."""

    unit: str
    number: int


class CaseDispatched(Disposition):
    """派单: from here on `unit` is the responsible unit."""

    type: ClassVar[str] = "router.CaseDispatched.v1"

    unit: str
    number: int
    """Number of the lead's assignment."""
    rung: int
    mode: HandlingMode
    locked: bool = False
    matter: str | None = None
    """None where only the area is known (R-HOT-04)."""
    track: str
    urgency: int
    helpers: tuple[SeatGiven, ...] = ()
    copies: tuple[SeatGiven, ...] = ()
    parties: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    """All parties and subjects now known, where this dispatch adds some."""
    procedure: ProcedureName | None = None
    """The procedure that named the unit, to which this dispatch is no news; None where the router chose it."""
    given_back: bool = False
    """The procedure of the track had the case and is over: none begins (R-MED-03, R-PET-18)."""
    waits: str | None = None
    """R-LAD-07: the department of the same rung that waits until `unit` has mediated."""


class AssignmentSigned(ClockedEvent):
    """签收. `deemed`: the time to sign passed, so the order counts as signed (R-HOT-10)."""

    type: ClassVar[str] = "router.AssignmentSigned.v1"

    unit: str
    deemed: bool = False


class AssignmentObjected(ClockedEvent):
    """退单: the unit says that it is not competent (R-HOT-05)."""

    type: ClassVar[str] = "router.AssignmentObjected.v1"

    unit: str
    reason: str
    proposed: str | None = None


class ObjectionLapsed(ClockedEvent):
    """The time to object passed unused."""

    type: ClassVar[str] = "router.ObjectionLapsed.v1"

    unit: str


class ObjectionAdjudicated(ClockedEvent):
    """R-HOT-05. Upheld: a `CaseDispatched` follows. Rejected or lapsed: the unit keeps it and is locked."""

    type: ClassVar[str] = "router.ObjectionAdjudicated.v1"

    unit: str
    upheld: bool
    reason: str
    lapsed: bool = False


class ContactRecorded(ClockedEvent):
    """The unit spoke with the resident (BJ15)."""

    type: ClassVar[str] = "router.ContactRecorded.v1"

    unit: str
    note: str = ""


class ProgressReported(ClockedEvent):
    """The unit reported how far it is."""

    type: ClassVar[str] = "router.ProgressReported.v1"

    unit: str
    note: str


class ExtensionRequested(ClockedEvent):
    """The unit asks for more time, with its reason (R-HOT-07)."""

    type: ClassVar[str] = "router.ExtensionRequested.v1"

    unit: str
    reason: str
    days: int
    """Calendar days."""


class ExtensionDecided(ClockedEvent):
    """`lapsed`: nobody decided in time, which counts as a no."""

    type: ClassVar[str] = "router.ExtensionDecided.v1"

    granted: bool
    reason: str
    lapsed: bool = False


class SuspensionRequested(ClockedEvent):
    """The unit asks for the suspended register: insoluble for now (R-GRD-02)."""

    type: ClassVar[str] = "router.SuspensionRequested.v1"

    unit: str
    reason: str


class SuspensionDecided(ClockedEvent):
    """Granted: the handling clock stands still from `since`; the case comes back at its `resume` term."""

    type: ClassVar[str] = "router.SuspensionDecided.v1"

    granted: bool
    reason: str
    since: Instant
    lapsed: bool = False


class CaseResumed(ClockedEvent):
    """The case left the suspended register; the rest of its time runs from now."""

    type: ClassVar[str] = "router.CaseResumed.v1"

    reason: str
    lapsed: bool = False


class HelpDelivered(RouterEvent):
    """R-HOT-06: a helper delivered its part, or reported its reasons (`done` False)."""

    type: ClassVar[str] = "router.HelpDelivered.v1"

    unit: str
    done: bool
    note: str


class DepartmentsWhistled(RouterEvent):
    """吹哨报到 (R-HOT-12): the street summoned departments; both sides are assessed."""

    type: ClassVar[str] = "router.DepartmentsWhistled.v1"

    street: str
    helpers: tuple[SeatGiven, ...]
    reason: str
    source: str
    """Which of the lawful occasions it is, as a policy row's source."""


class PoliceJoined(RouterEvent):
    """R-MED-11: mediation reported a risk to the police, who help from here on; the lead stays responsible."""

    type: ClassVar[str] = "router.PoliceJoined.v1"

    police: SeatGiven


class HelpersRecused(RouterEvent):
    """R-LAD-04, R-LAD-10: helpers found interested have no part in the case any more; `unit`, the lead, goes on.

    Without `helpers`: words that were added complain of a unit that had no part in it, or of who kept a case that
    nobody handles; `unit` keeps it from now on (R-HOT-14). Or they are the reason of a withdrawal, which follows,
    and may complain of `unit` itself.
    """

    type: ClassVar[str] = "router.HelpersRecused.v1"

    unit: str
    helpers: tuple[SeatGiven, ...]
    """Who left."""
    subjects: tuple[str, ...]
    """All subjects now known."""
    evidence: tuple[Evidence, ...]
    row: Fired


class CaseEscalated(ClockedEvent):
    """R-LAD-02, R-LAD-10: one step up, with ground and evidence; a `CaseDispatched` follows."""

    type: ClassVar[str] = "router.CaseEscalated.v1"

    unit: str
    """The unit that the case leaves."""
    rung: int
    ground: Ground
    evidence: tuple[Evidence, ...]
    row: Fired


class CaseInstructed(ClockedEvent):
    """批办 (R-MODE-01): a leader set owner and deadline. `leader` is an office, not a name."""

    type: ClassVar[str] = "router.CaseInstructed.v1"

    unit: str
    leader: str
    note: str
    handle_by: Instant


class CaseReplied(ClockedEvent):
    """The unit says what it did; a `CallbackOpened` follows."""

    type: ClassVar[str] = "router.CaseReplied.v1"

    unit: str
    result: str
    solved: bool
    explanation: str = ""
    check: OnSiteCheck | None = None
    undelivered: tuple[str, ...] = ()
    """Helpers that had neither delivered nor reported reasons."""
    late: bool = False
    breached: bool = False
    """Late, and a `DeadlineBreached` of this handling has said so before."""


class CallbackOpened(ClockedEvent):
    """回访 is due: after the reply, on expiry of the time (R-HOT-08), or after a settlement on the spot."""

    type: ClassVar[str] = "router.CallbackOpened.v1"

    reason: Literal["replied", "expired", "on_site"]


class SettledOnSite(Disposition):
    """R-GRD-01: the grid settled it on the spot and is the responsible unit; verification follows."""

    type: ClassVar[str] = "router.SettledOnSite.v1"

    unit: str
    rung: int
    measure: str


class CallbackClaimed(RouterEvent):
    """The operator `by` is calling the resident: until `until` nobody else does (R-HOT-08)."""

    type: ClassVar[str] = "router.CallbackClaimed.v1"

    until: Instant


class CallbackRecorded(ClockedEvent):
    """One callback, or the resident's own feedback (R-HOT-09: contacted, resolved, satisfied).

    `contacted` of a callback: the resident was reached; of feedback: the unit had been in touch with them.
    """

    type: ClassVar[str] = "router.CallbackRecorded.v1"

    contacted: bool
    resolved: bool
    satisfied: bool
    by_resident: bool = False
    attempt: int
    unit: str | None = None
    """The unit whose work it is about; None from a writer that did not say."""
    responded: bool | None = None
    """Whether the unit had been in touch with the resident, as they say; None where nobody was reached."""
    last: bool = False
    """Not reached, and there will be no further attempt: the callback ended without the resident's word."""
    report: UUID | None = None
    """The linked report of another person who was called back; None: the case's own reporter (R-PET-18)."""


class RedoOrdered(ClockedEvent):
    """Back to the same unit with a new time (R-HOT-08, R-LAD-08)."""

    type: ClassVar[str] = "router.RedoOrdered.v1"

    unit: str
    reason: str
    unanswered: bool = False
    """The unit never replied, so this is not the one redo of a reply."""


class LawfulReviewOffered(RouterEvent):
    """R-LAD-06: unsatisfied with what is done and explained, so the ways are named that the law leaves open."""

    type: ClassVar[str] = "router.LawfulReviewOffered.v1"

    unit: str
    track: str
    routes: tuple[NamedExit, ...]
    """The matter's own way first, where it has one."""
    row: Fired
    explanation: str = ""
    """Why no more can be done, where it was told in the callback."""


class CaseClosed(ClockedEvent):
    """结案. `review_offered`: the resident was told of the lawful review (R-LAD-06)."""

    type: ClassVar[str] = "router.CaseClosed.v1"

    outcome: Outcome
    unit: str | None = None
    exit: str | None = None
    review_offered: bool = False
    reopen_until: Instant | None = None
    """Before this instant the resident may have it reopened; None: it cannot be (R-HOT-08)."""


class CaseReopened(RouterEvent):
    """R-HOT-08: closed, but not settled after all, as the resident said in time; where it goes now follows."""

    type: ClassVar[str] = "router.CaseReopened.v1"

    unit: str
    """The unit that had the case when it was closed."""
    times: int
    """How often it has been reopened, this time included."""


class CaseArchived(RouterEvent):
    """The end."""

    type: ClassVar[str] = "router.CaseArchived.v1"


class TrackChosen(ClockedEvent):
    """R-LAD-09: the resident entered the petition, legal, mediation or service track."""

    type: ClassVar[str] = "router.TrackChosen.v1"

    track: str
    unit: str | None = None
    """The unit that goes on with the case on the new track; None where a dispatch or an exit follows."""
    waits: str | None = None
    """With `unit`: the department of the same rung that waits until it has mediated (R-LAD-07)."""
    registered: Registration | None = None
    """With `unit`, what is known of the case: a procedure that had nothing to do with it until now begins here."""


class ProcedureAdvanced(ClockedEvent):
    """The procedure that has the case says whose duty it is, in which stage and, by `terms`, until when."""

    type: ClassVar[str] = "router.ProcedureAdvanced.v1"

    procedure: ProcedureName
    unit: str
    stage: str
    """A state of the procedure's own machine (domain.md §4)."""
    entered: bool = False
    """The case was not in it before; from here on its work order counts as signed."""
    told: str = ""
    """What the resident is told beside the stage (R-PET-07)."""


class ProcedureEnded(RouterEvent):
    """The procedure gave the case back; what becomes of it now follows."""

    type: ClassVar[str] = "router.ProcedureEnded.v1"

    procedure: ProcedureName
    unit: str
    result: HandBack
    explanation: str
    """What the resident is told."""
    routes: tuple[str, ...] = ()
    """Codes of the legal exits that stand open (R-MED-10)."""
    subjects: tuple[str, ...] | None = None
    """All subjects now known, where the procedure named some more (R-LAD-04)."""


class DeadlineAtRisk(ClockedEvent):
    """R-CARD-01: 75 % of the time is gone; the yellow plate."""

    type: ClassVar[str] = "router.DeadlineAtRisk.v1"

    unit: str
    handle_by: Instant


class DeadlineReminded(ClockedEvent):
    """催办: `unit` let the time `term` pass; supervision comes next."""

    type: ClassVar[str] = "router.DeadlineReminded.v1"

    unit: str
    term: str


class DeadlineBreached(ClockedEvent):
    """The handling time is over without a reply (R-LAD-08)."""

    type: ClassVar[str] = "router.DeadlineBreached.v1"

    unit: str
    breaches: int
    """Times that this unit has let the handling time of the case pass, this one included."""
    again: bool = False
    """The same time: it had been over before, and the unit has stayed silent since."""


class CaseSupervised(ClockedEvent):
    """督办 (R-HOT-10) of `unit`, over the time `term` or for a supervisor's own reason."""

    type: ClassVar[str] = "router.CaseSupervised.v1"

    unit: str
    term: str
    reason: str = ""


class DeadlineRecomputed(ClockedEvent):
    """A new year's schedule arrived: the provisional times named in `changed` were counted again."""

    type: ClassVar[str] = "router.DeadlineRecomputed.v1"

    changed: tuple[str, ...]


EVENTS: Final[tuple[type[RouterEvent], ...]] = (
    TriageQueued,
    CaseAnswered,
    CaseRedirected,
    CaseLinked,
    CaseUnlinked,
    EmergencyTransferred,
    EmergencyConfirmed,
    CaseDispatched,
    AssignmentSigned,
    AssignmentObjected,
    ObjectionLapsed,
    ObjectionAdjudicated,
    ContactRecorded,
    ProgressReported,
    ExtensionRequested,
    ExtensionDecided,
    SuspensionRequested,
    SuspensionDecided,
    CaseResumed,
    HelpDelivered,
    DepartmentsWhistled,
    PoliceJoined,
    HelpersRecused,
    CaseEscalated,
    CaseInstructed,
    CaseReplied,
    CallbackOpened,
    SettledOnSite,
    CallbackClaimed,
    CallbackRecorded,
    RedoOrdered,
    LawfulReviewOffered,
    CaseClosed,
    CaseReopened,
    CaseArchived,
    TrackChosen,
    ProcedureAdvanced,
    ProcedureEnded,
    DeadlineAtRisk,
    DeadlineReminded,
    DeadlineBreached,
    CaseSupervised,
    DeadlineRecomputed,
)


class RouterCommand(Command):
    """The base of the router's commands. The decider refuses units complained of and units not in charge."""

    actor: Actor


class TriageCase(RouterCommand):
    """Decide on a case in the triage queue; without `matter` only the area is known (R-HOT-04).

    Of a case that was taken from a unit the matter that it had stands, with its track and urgency.
    """

    judged: Judged = Judged.DISPATCH
    matter: str | None = None
    track: TrackCode | None = None
    urgency: int | None = Field(default=None, strict=True, ge=1, le=4)
    place: str | None = None
    parties: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    exit: str | None = None
    """Code of the legal exit, for `statutory` and `outside_remit`; by default the matter's own."""
    answer: str = Field(default="", max_length=2000)
    """What the resident was told; needed for `answered`, `secret` and `unlawful`."""


class SignAssignment(RouterCommand):
    """签收: the responsible unit accepts the order."""


class ObjectAssignment(RouterCommand):
    """退单, once, before signing and within the time to object (R-HOT-05)."""

    reason: str = Reason
    proposed: str | None = None


class AdjudicateObjection(RouterCommand):
    """Decide an objection. Upheld needs `unit`; a unit designated so cannot return it (WF22) if `locked`."""

    upheld: bool = Field(strict=True)
    reason: str = Reason
    unit: str | None = None
    locked: bool = Field(default=True, strict=True)


class RecordContact(RouterCommand):
    """The unit spoke with the resident."""

    note: str = Field(default="", max_length=2000)


class ReportProgress(RouterCommand):
    """Tell how far it is."""

    note: str = Reason


class RequestExtension(RouterCommand):
    """Ask for more time, once per owner; `days` are calendar days."""

    reason: str = Reason
    days: int = Field(strict=True, ge=1, le=90)


class DecideExtension(RouterCommand):
    """Grant or refuse more time; nobody decides on their own unit's request."""

    granted: bool = Field(strict=True)
    reason: str = Reason


class RequestSuspension(RouterCommand):
    """Ask for the suspended register (挂账)."""

    reason: str = Reason


class DecideSuspension(RouterCommand):
    """Grant or refuse the suspended register, until `until` at the latest (default: the configured time)."""

    granted: bool = Field(strict=True)
    reason: str = Reason
    until: Instant | None = None


class ResumeCase(RouterCommand):
    """Take the case off the suspended register."""

    reason: str = Reason


class DeliverHelp(RouterCommand):
    """A helper delivers (`done`) or reports why it cannot yet."""

    done: bool = Field(strict=True)
    note: str = Reason


class EscalateCase(RouterCommand):
    """Lift the case, with ground and the evidence that the policy demands for it (R-LAD-02, R-LAD-10)."""

    ground: Ground
    evidence: tuple[Evidence, ...] = ()
    subjects: tuple[str, ...] = ()
    """For SUBJECT_SKIPPED: the units found to be interested. Where only helpers are, they leave; the lead stays."""
    parties: tuple[str, ...] = ()
    """For PARTIES_OUTSIDE: territorial units where further parties live."""
    line: EmergencyLine | None = None
    """For DANGER: the emergency line."""


class WhistleDepartments(RouterCommand):
    """吹哨 (R-HOT-12): the street, or a unit above it, summons departments to help."""

    units: tuple[str, ...] = Field(min_length=1)
    occasion: Literal["public_problem", "joint_enforcement", "emergency"]
    reason: str = Reason


class InstructCase(RouterCommand):
    """批办: a leader sets owner and deadline. `leader` names an office, never a person."""

    unit: str
    handle_by: Instant = Field(lt=_FAR_AHEAD)
    leader: str = Field(min_length=2, max_length=100)
    note: str = Reason


class ReplyCase(RouterCommand):
    """Say what was done. An unsolved case needs `explanation`; component matters need a matching `check`."""

    result: str = Reason
    solved: bool = Field(default=True, strict=True)
    explanation: str = Field(default="", max_length=2000)
    check: OnSiteCheck | None = None


class ClaimCallback(RouterCommand):
    """Say that you are calling the resident now, so that nobody else does. It lapses by itself."""


class RecordCallback(RouterCommand):
    """One callback to the resident, who answers `resolved` and `satisfied` when contacted, else neither.

    `responded`: whether the unit had been in touch with them, as they say; yes, unless they say no.
    `lawful`: what the resident dislikes is lawful and was explained: by the reply, or now by `explanation`, which
    suffices once the case was redone or reopened.
    """

    contacted: bool = Field(strict=True)
    resolved: bool = Field(default=False, strict=True)
    satisfied: bool = Field(default=False, strict=True)
    responded: bool = Field(default=True, strict=True)
    lawful: bool = Field(default=False, strict=True)
    explanation: str = Field(default="", max_length=2000)
    """Why what was done is lawful and all that can be done, as the resident was told."""


class ChooseTrack(RouterCommand):
    """The resident chooses a track, through staff (R-LAD-09). `exit` is for L; default the matter's own."""

    track: TrackCode
    exit: str | None = None
    kept_from: tuple[str, ...] = ()
    """Of a linked report: the units that the first case is kept from (R-LAD-04). The router states it itself."""


class ConfirmEmergency(RouterCommand):
    """The emergency line took the case over."""

    reference: str = Field(min_length=1, max_length=200)


class DispatchRemainder(RouterCommand):
    """After the emergency: what remains becomes an ordinary work order."""

    matter: str | None = None


class UnlinkCase(RouterCommand):
    """A case was linked wrongly: route it as one of its own. `matter`: by default what it was read as."""

    reason: str = Reason
    matter: str | None = None


class SuperviseCase(RouterCommand):
    """督办 by a supervisor, for a stated reason."""

    reason: str = Reason


class RecomputeDeadlines(RouterCommand):
    """A new year's schedule was published: count provisional times again."""


COMMANDS: Final[tuple[type[RouterCommand], ...]] = (
    TriageCase,
    SignAssignment,
    ObjectAssignment,
    AdjudicateObjection,
    RecordContact,
    ReportProgress,
    RequestExtension,
    DecideExtension,
    RequestSuspension,
    DecideSuspension,
    ResumeCase,
    DeliverHelp,
    EscalateCase,
    WhistleDepartments,
    InstructCase,
    ReplyCase,
    ClaimCallback,
    RecordCallback,
    ChooseTrack,
    ConfirmEmergency,
    DispatchRemainder,
    UnlinkCase,
    SuperviseCase,
    RecomputeDeadlines,
)
