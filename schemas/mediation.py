"""Events and commands of mediation (domain.md §2, §4).

Nothing here names a party: they are the labels A, B, C …, and what they said is sealed in the service's vault.
Every event that changes the clocks of a mediation carries `terms`: all the clocks that run after it.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from schemas.message import Actor, Command, Event, Instant, Value
from schemas.procedure import DutyMoved, HandedBack, ProcedureEvent
from schemas.replies import CLERK
from schemas.router import Term
from schemas.values import Sealed
from schemas.written import Note, Written

Label = Annotated[str, Written("^[A-Z]$", "the label of a party: one capital letter, such as A")]
"""A party of the dispute; who it is stands in the vault."""


_FAR_AHEAD: Final = date(2200, 1, 1)
"""No day of performance lies behind it: days near the year 9999 have no deadline after them."""
StaffCode = Annotated[str, Written(CLERK, "a staff code, never a name, such as GL-POLICE-7")]


class Stage(StrEnum):
    """The Mediation machine (domain.md §4)."""

    APPLIED = "APPLIED"
    REFERRED = "REFERRED"
    PROACTIVE = "PROACTIVE"
    CONSENT = "CONSENT"
    REFUSED = "REFUSED"
    ACCEPTED = "ACCEPTED"
    MEDIATING = "MEDIATING"
    AGREED_WRITTEN = "AGREED_WRITTEN"
    AGREED_ORAL = "AGREED_ORAL"
    PARTIAL = "PARTIAL"
    FOLLOW_UP = "FOLLOW_UP"
    PERFORMED = "PERFORMED"
    BREACHED = "BREACHED"
    LEGAL_INFORMED = "LEGAL_INFORMED"
    TERMINATED = "TERMINATED"


class Performance(StrEnum):
    """What becomes of one agreement (R-MED-08), whatever becomes of the mediation, or of a later one."""

    FOLLOW_UP = "FOLLOW_UP"
    PERFORMED = "PERFORMED"
    BREACHED = "BREACHED"


class Confirmation(StrEnum):
    """Judicial confirmation of one agreement, in parallel (R-MED-09)."""

    NONE = "NONE"
    CONFIRM_WINDOW = "CONFIRM_WINDOW"
    LAPSED = "LAPSED"
    FILED = "FILED"
    COURT_ACCEPTED = "COURT_ACCEPTED"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class TerminationReason(StrEnum):
    """Why a mediation ended without a (whole) agreement (R-MED-03, 10, 12)."""

    REFUSED = "refused"
    """A party clearly refused (TJ17)."""
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    """A party asked to end it (TJ23)."""
    RECONCILED = "reconciled"
    """The parties settled it themselves (OM25)."""
    FAILED = "failed"
    """Too far apart (TJ26, OM25)."""
    DECEIT = "deceit"
    COLLUSION = "collusion"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"
    """A party stayed away without good reason (traffic rules 94)."""
    EXPIRED = "expired"
    UNSIGNED = "unsigned"
    """A party would not sign the agreement (OM25)."""
    LAWSUIT = "lawsuit"
    """A party went to court or arbitration (R-MED-05)."""
    CONVERTED = "converted"
    """The case went on by another track or exit."""
    DANGER = "danger"
    """The case went to an emergency line (R-LAD-05)."""


ByStaff = Literal[
    "withdrawn",
    "stopped",
    "reconciled",
    "failed",
    "deceit",
    "collusion",
    "unreachable",
    "absent",
    "unsigned",
    "lawsuit",
]
"""The reasons that a mediator can state; the others come about by themselves."""


class Side(StrEnum):
    """On which side of the dispute a party stands."""

    APPLICANT = "applicant"
    RESPONDENT = "respondent"


class Party(Value):
    """A party by its label; `unit` is the territorial unit where it lives, or has its seat, where known."""

    label: Label
    side: Side
    unit: str | None = None


class Obligation(Value):
    """What one party owes by the agreement, by number; the words of it are sealed."""

    number: int = Field(ge=1, le=50)
    by: Label
    due: date = Field(lt=_FAR_AHEAD)
    """The last day of performance, in Asia/Shanghai."""


class PanelSeat(Value):
    """A seat of a panel and who takes it, by staff code."""

    seat: str
    staff: StaffCode


class OpenRoute(Value):
    """A way that stands open beside mediation; `until` where the law sets a time."""

    code: str
    name: str
    until: Instant | None = None


class MediationDutyMoved(DutyMoved):
    """Whose duty the mediation is now, and until when."""

    type: ClassVar[str] = "mediation.MediationDutyMoved.v1"


class MediationHandedBack(HandedBack):
    """The mediation is over for the router, or for the petition that it was part of (R-PET-16)."""

    type: ClassVar[str] = "mediation.MediationHandedBack.v1"


class MediationEvent(ProcedureEvent):
    """The base of mediation's own events; exactly `terms` run after it."""

    terms: tuple[Term, ...] = ()


class MediationOpened(MediationEvent):
    """R-MED-03: a dispute came to `unit` to be mediated; `round` counts from 1 where it comes again, higher up."""

    type: ClassVar[str] = "mediation.MediationOpened.v1"

    origin: Literal["APPLIED", "REFERRED", "PROACTIVE"]
    unit: str
    matter: str | None = None
    procedure: str
    """Code of the kind of mediation in mediation.yaml."""
    round: int = 1
    in_petition: bool = False
    """Part of a petition, which stays responsible (R-PET-16)."""
    subjects: tuple[str, ...] = ()
    waits: str | None = None
    """R-LAD-07: the department of the same rung that has the case where the parties ask for more."""
    opened_at: Instant
    applied_at: Instant | None = None
    """When it was first applied for, where this round goes on with an earlier one (R-LAD-02, R-MED-13)."""
    instead_of: str | None = None
    """The unit whose round a petition's took the place of; if the petition had left already, it gets it back."""


class MediationMoved(MediationEvent):
    """Another unit goes on with it, in the stage where it is; or the same, and more units are complained of."""

    type: ClassVar[str] = "mediation.MediationMoved.v1"

    unit: str
    subjects: tuple[str, ...] | None = None
    """All subjects now known, where some were added."""
    waits: str | None = None
    """As in `MediationOpened`, of this unit."""


class MediationSubjectsSuspected(MediationEvent):
    """R-LAD-04, R-HOT-14: whom words complain of that were added to the case; nobody once a human judged it."""

    type: ClassVar[str] = "mediation.MediationSubjectsSuspected.v1"

    suspected: tuple[str, ...]
    """All of them, beside those who are known to be complained of."""


class MediationReleased(MediationEvent):
    """The case went on without it; the performance of what was agreed is followed up all the same (R-MED-08)."""

    type: ClassVar[str] = "mediation.MediationReleased.v1"


class MediationSealed(MediationEvent):
    """R-PET-10: the case is accusation material; nothing goes on here, and only `unit` knows of it from now on."""

    type: ClassVar[str] = "mediation.MediationSealed.v1"

    unit: str
    subjects: tuple[str, ...] = ()


class PartiesRegistered(MediationEvent):
    """调解登记: who is in dispute, and by which kind of mediation; each party is asked whether it agrees."""

    type: ClassVar[str] = "mediation.PartiesRegistered.v1"

    parties: tuple[Party, ...]
    procedure: str
    starts: date | None = None


class ConsentRecorded(MediationEvent):
    """R-MED-03, R-MED-04: what one party said to being mediated."""

    type: ClassVar[str] = "mediation.ConsentRecorded.v1"

    party: str
    agrees: bool
    closed: bool = False
    """The party wants it not public."""
    public: bool = False
    """The party agreed to its being public, without which some kinds never are (医疗纠纷条例 42)."""
    said_at: Instant | None = None


class OpennessSaid(MediationEvent):
    """R-MED-04: a party asked for closed doors, or agreed to open ones, after all (TJ23)."""

    type: ClassVar[str] = "mediation.OpennessSaid.v1"

    party: str
    closed: bool


class MediationAccepted(MediationEvent):
    """All parties agreed; the time of this kind of mediation runs."""

    type: ClassVar[str] = "mediation.MediationAccepted.v1"

    open: bool
    accepted_at: Instant | None = None
    """When the last of them agreed: nothing of the mediation lies before it (R-MED-03)."""


class MediatorsAssigned(MediationEvent):
    """R-MED-02: who mediates, with the panel where there is one."""

    type: ClassVar[str] = "mediation.MediatorsAssigned.v1"

    mediators: tuple[str, ...]
    committee: str
    chosen_by_parties: bool
    panel: str | None = None
    seats: tuple[PanelSeat, ...] = ()


class MediatorLeft(MediationEvent):
    """R-MED-04: who mediates, or has a seat, was refused by a party or recused: no more part in the case."""

    type: ClassVar[str] = "mediation.MediatorLeft.v1"

    mediator: str
    refused_by: str | None = None
    """The party that refused; None for a recusal."""
    reason: str


class SessionScheduled(MediationEvent):
    """The parties were told when and where."""

    type: ClassVar[str] = "mediation.SessionScheduled.v1"

    at: Instant
    told_at: Instant


class SessionHeld(MediationEvent):
    """调解笔录 (TJ27): the record itself is sealed."""

    type: ClassVar[str] = "mediation.SessionHeld.v1"

    number: int
    held_at: Instant
    open: bool
    attended: tuple[str, ...]
    online: bool = False


class TermProlonged(MediationEvent):
    """R-MED-06: all parties agreed on more time."""

    type: ClassVar[str] = "mediation.TermProlonged.v1"

    days: int


class AppraisalStarted(MediationEvent):
    """The time stands still from `since` (R-MED-15)."""

    type: ClassVar[str] = "mediation.AppraisalStarted.v1"

    since: Instant
    reason: str


class AppraisalEnded(MediationEvent):
    """The rest of the time runs from now."""

    type: ClassVar[str] = "mediation.AppraisalEnded.v1"


class AgreementDrafted(MediationEvent):
    """R-MED-07: the paper that the parties are to sign; nothing is agreed yet."""

    type: ClassVar[str] = "mediation.AgreementDrafted.v1"

    number: int
    partial: bool
    obligations: tuple[Obligation, ...]


class AgreementReached(MediationEvent):
    """R-MED-07: written, from signatures and seal on; oral, from the agreement on. `effective_at` says when."""

    type: ClassVar[str] = "mediation.AgreementReached.v1"

    number: int
    written: bool
    partial: bool
    obligations: tuple[Obligation, ...]
    effective_at: Instant


class AgreementEvent(MediationEvent):
    """The base of what becomes of one agreement."""

    agreement: int = 1
    """Its number in the case."""


class MediationContinued(MediationEvent):
    """After a partial agreement, on to the rest."""

    type: ClassVar[str] = "mediation.MediationContinued.v1"


class FollowUpPlanned(AgreementEvent):
    """R-MED-08: the agreement is to be performed; the next visit is the term `visit/<number>`."""

    type: ClassVar[str] = "mediation.FollowUpPlanned.v1"


class VisitRecorded(AgreementEvent):
    """回访: which obligations were found performed; `breached`: a party does not perform."""

    type: ClassVar[str] = "mediation.VisitRecorded.v1"

    number: int
    performed: tuple[int, ...] = ()
    breached: bool = False
    note: str = ""


class AgreementPerformed(AgreementEvent):
    """All that was agreed is done."""

    type: ClassVar[str] = "mediation.AgreementPerformed.v1"


class AgreementBreached(AgreementEvent):
    """A party does not perform; the notice of the legal ways follows."""

    type: ClassVar[str] = "mediation.AgreementBreached.v1"

    obligations: tuple[int, ...]
    """Those that are not performed."""
    in_petition: bool = False
    """A petition was settled by this agreement, and may want to know (R-PET-16)."""


class RoutesInformed(MediationEvent):
    """R-MED-05, R-MED-10: the parties were told which ways stand open, and until when."""

    type: ClassVar[str] = "mediation.RoutesInformed.v1"

    routes: tuple[OpenRoute, ...]
    enforceable: bool = False
    """The court confirmed the agreement: the other side can have it enforced (TJ33)."""
    agreement: int | None = None
    """Whose breach, or rejection by the court, it is about; None where the mediation ended."""


class MediationTerminated(MediationEvent):
    """R-MED-10, R-MED-12: over without a (whole) agreement; a `RoutesInformed` follows always."""

    type: ClassVar[str] = "mediation.MediationTerminated.v1"

    reason: TerminationReason
    note: str = ""
    asks_higher: bool = False
    settlement: bool = False
    """The parties that reconciled signed a 和解协议书 (XF33)."""


class PoliceInformed(MediationEvent):
    """R-MED-11: a public-order or criminal case may come of it; the police of `unit` know."""

    type: ClassVar[str] = "mediation.PoliceInformed.v1"

    unit: str
    risk: Literal["public_order", "criminal"]
    note: str


class ConfirmationOpened(AgreementEvent):
    """R-MED-09: from the day of effect the parties have the time `confirm/<number>` to apply jointly."""

    type: ClassVar[str] = "mediation.ConfirmationOpened.v1"


class ConfirmationLapsed(AgreementEvent):
    """Nobody applied in time; the agreement binds as before."""

    type: ClassVar[str] = "mediation.ConfirmationLapsed.v1"


class ConfirmationFiled(AgreementEvent):
    """Both applied together; the court decides in the term `court/<number>` whether it accepts."""

    type: ClassVar[str] = "mediation.ConfirmationFiled.v1"

    court: str
    filed_at: Instant


class CourtAccepted(AgreementEvent):
    """The court took it; it decides within the term `court/<number>`."""

    type: ClassVar[str] = "mediation.CourtAccepted.v1"

    reference: str


class CourtTimeExtended(AgreementEvent):
    """The court's president approved ten days more, once (QR5)."""

    type: ClassVar[str] = "mediation.CourtTimeExtended.v1"


class CourtDecided(AgreementEvent):
    """`confirmed`: enforceable. Otherwise the agreement can be changed, or the matter go to court (TJ33)."""

    type: ClassVar[str] = "mediation.CourtDecided.v1"

    confirmed: bool
    reference: str


class ConfirmationWithdrawn(AgreementEvent):
    """One or both took the application back before the decision (QR5)."""

    type: ClassVar[str] = "mediation.ConfirmationWithdrawn.v1"


class MediationReminded(MediationEvent):
    """催办: `unit` let the time `term` pass; the case stays with it."""

    type: ClassVar[str] = "mediation.MediationReminded.v1"

    unit: str
    term: str


class MediationTimesRecomputed(MediationEvent):
    """A new year's schedule arrived: the provisional times named in `changed` were counted again."""

    type: ClassVar[str] = "mediation.MediationTimesRecomputed.v1"

    changed: tuple[str, ...]


EVENTS: Final[tuple[type[Event], ...]] = (
    MediationDutyMoved,
    MediationHandedBack,
    MediationOpened,
    MediationMoved,
    MediationSubjectsSuspected,
    MediationReleased,
    MediationSealed,
    PartiesRegistered,
    ConsentRecorded,
    OpennessSaid,
    MediationAccepted,
    MediatorsAssigned,
    MediatorLeft,
    SessionScheduled,
    SessionHeld,
    TermProlonged,
    AppraisalStarted,
    AppraisalEnded,
    AgreementDrafted,
    AgreementReached,
    MediationContinued,
    FollowUpPlanned,
    VisitRecorded,
    AgreementPerformed,
    AgreementBreached,
    RoutesInformed,
    MediationTerminated,
    PoliceInformed,
    ConfirmationOpened,
    ConfirmationLapsed,
    ConfirmationFiled,
    CourtAccepted,
    CourtTimeExtended,
    CourtDecided,
    ConfirmationWithdrawn,
    MediationReminded,
    MediationTimesRecomputed,
)


class MediationCommand(Command):
    """The base of mediation's commands. Units complained of, and units that do not have it, are refused."""

    actor: Actor


class AgreementCommand(MediationCommand):
    """A command about one agreement; `agreement`, its number, where more than one can be meant."""

    agreement: int | None = Field(default=None, ge=1)


class SealedCommand(MediationCommand):
    """A command with words that no event may hold: `sealed` keeps them."""

    sealed: Sealed


class RegisterParties(SealedCommand):
    """Say who is in dispute; `procedure` where the matter's own kind of mediation is not meant."""

    parties: tuple[Party, ...] = Field(min_length=2, max_length=20)
    procedure: str | None = None
    determined: date | None = None
    """Traffic police only: when the parties received the determination of the accident."""
    committee_ended: date | None = None
    """Traffic police only: when a committee's mediation of it was terminated."""
    starts: date | None = None
    """Traffic police only: the day from which the law lets it begin (end of treatment, loss determined …)."""


class KeepParties(MediationCommand):
    """沿用登记: the parties are those of the round before; each is asked again (R-LAD-02)."""


class RecordConsent(MediationCommand):
    """What a party says: agrees or clearly refuses, and whether it is to be closed to the public."""

    party: Label
    agrees: bool
    closed: bool | None = None
    """True: behind closed doors; false: it may be public; absent: as is usual for this kind of mediation."""
    said_at: Instant | None = None
    """When it said so; by default now."""


class SayOpenness(MediationCommand):
    """A party wants closed doors, or takes that back and lets it be public (TJ23)."""

    party: Label
    closed: bool


class AssignMediators(MediationCommand):
    """Name one or more mediators of one committee, and a panel whose seats are all taken."""

    mediators: tuple[str, ...] = Field(min_length=1, max_length=5)
    chosen_by_parties: bool = False
    panel: str | None = None
    seats: tuple[PanelSeat, ...] = ()
    parties_agree: bool = False
    """The parties agreed to who takes part beside the mediators (TJ20); needed for a panel."""


class RefuseMediator(MediationCommand):
    """A party does not accept a mediator."""

    party: Label
    mediator: str
    reason: Note


class RecuseMediator(MediationCommand):
    """A mediator is interested, and leaves."""

    mediator: str
    reason: Note


class ScheduleSession(MediationCommand):
    """Tell the parties when the session is."""

    at: Instant


class HoldSession(SealedCommand):
    """Record a session that was held; `held_at`: when it began, by default now."""

    held_at: Instant | None = None
    open: bool
    attended: tuple[Label, ...] = Field(min_length=1, max_length=20)
    online: bool = False


class ProlongMediation(MediationCommand):
    """More time, in calendar days from the end that it had; every party must agree."""

    days: int = Field(strict=True, ge=1, le=90)
    agreed: tuple[Label, ...] = Field(min_length=2, max_length=20)


class StartAppraisal(MediationCommand):
    """An appraisal was commissioned; the time stands still."""

    reason: Note


class EndAppraisal(MediationCommand):
    """The appraisal is there."""


class DraftAgreement(SealedCommand):
    """Write down what the parties are to sign (R-MED-07)."""

    partial: bool = False
    obligations: tuple[Obligation, ...] = Field(min_length=1, max_length=50)


class SignAgreement(MediationCommand):
    """The draft took effect, by default now: all parties and mediators signed, the committee sealed it."""

    signed: tuple[Label, ...] = Field(min_length=2, max_length=20)
    mediators: tuple[str, ...] = Field(min_length=1, max_length=20)
    """The staff codes of all mediators, and of who has a seat in the panel."""
    sealed_by_committee: bool
    signed_at: Instant | None = None


class RecordOralAgreement(SealedCommand):
    """The parties agreed orally, by default now; the mediator records what (TJ28)."""

    partial: bool = False
    agreed: tuple[Label, ...] = Field(min_length=2, max_length=20)
    obligations: tuple[Obligation, ...] = Field(min_length=1, max_length=50)
    agreed_at: Instant | None = None


class ContinueMediation(MediationCommand):
    """Go on with what the partial agreement left open."""


class TerminateMediation(MediationCommand):
    """End it for a stated reason; `asks_higher`: the parties ask for the next rung (R-LAD-02)."""

    reason: ByStaff
    note: Note
    asks_higher: bool = False
    settlement: bool = False
    """The parties that reconciled signed a 和解协议书: within a petition, only that settles it (XF33)."""


class ReportToPolice(MediationCommand):
    """R-MED-11: tell the police."""

    risk: Literal["public_order", "criminal"]
    note: Note


class RecordVisit(AgreementCommand):
    """What a follow-up visit found: the numbers of the obligations performed by now, or a breach."""

    performed: tuple[int, ...] = ()
    breached: bool = False
    note: Note | Literal[""] = ""


class FileConfirmation(AgreementCommand):
    """Both parties applied to the court; what the agreement is about decides whether it can (QR4)."""

    jointly: tuple[Label, ...] = Field(min_length=2, max_length=20)
    about: Literal["civil", "personal_status", "adoption", "marriage", "property_title", "ip_title"]
    filed_at: Instant | None = None
    """By default now."""


class RecordCourtAcceptance(AgreementCommand):
    """The court accepted, under its number 调确字."""

    reference: Annotated[Note, Field(max_length=100)]


class ExtendCourtTime(AgreementCommand):
    """The court's president approved more time."""


class RecordCourtDecision(AgreementCommand):
    """What the court decided; before acceptance only a no."""

    confirmed: bool
    reference: Annotated[Note, Field(max_length=100)]


class WithdrawConfirmation(AgreementCommand):
    """The application was taken back."""


class RecomputeMediationTimes(MediationCommand):
    """A new year's schedule was published: count provisional times again."""


COMMANDS: Final[tuple[type[MediationCommand], ...]] = (
    RegisterParties,
    KeepParties,
    RecordConsent,
    SayOpenness,
    AssignMediators,
    RefuseMediator,
    RecuseMediator,
    ScheduleSession,
    HoldSession,
    ProlongMediation,
    StartAppraisal,
    EndAppraisal,
    DraftAgreement,
    SignAgreement,
    RecordOralAgreement,
    ContinueMediation,
    TerminateMediation,
    ReportToPolice,
    RecordVisit,
    FileConfirmation,
    RecordCourtAcceptance,
    ExtendCourtTime,
    RecordCourtDecision,
    WithdrawConfirmation,
    RecomputeMediationTimes,
)
