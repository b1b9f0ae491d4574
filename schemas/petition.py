"""Events and commands of petition (domain.md §1, §4). Article numbers XF: 信访工作条例 (2022).

Every event that changes the clocks of a petition carries `terms`: all the clocks that run after it. No event holds
a petitioner's name, nor what an opinion says: those are encrypted records, named by their id.
"""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator

from schemas.message import Actor, Command, Event, Instant, Value
from schemas.procedure import DutyMoved, HandBack, HandedBack, ProcedureEvent
from schemas.router import NamedExit, Reason, Term
from schemas.values import Channel, Sealed
from schemas.written import seen

MOST_REPRESENTATIVES: Final = 5
"""R-PET-12 (XF20): of a group that comes in person."""
MOST_EXTENSION_DAYS: Final = 30
"""R-PET-07 (XF34): calendar days, once."""


class PetitionStatus(StrEnum):
    """The petition machine (domain.md §4)."""

    RECEIVED = "RECEIVED"
    REGISTERED = "REGISTERED"
    FORWARDED = "FORWARDED"
    """转送."""
    ASSIGNED = "ASSIGNED"
    """交办: with a deadline and a completion report."""
    OBJECTED = "OBJECTED"
    ACCEPTED = "ACCEPTED"
    INVESTIGATING = "INVESTIGATING"
    HEARING = "HEARING"
    MEDIATING = "MEDIATING"
    OPINION = "OPINION"
    EXECUTING = "EXECUTING"
    REVIEW = "REVIEW"
    """复查."""
    REVIEW_OPINION = "REVIEW_OPINION"
    RECHECK = "RECHECK"
    """复核."""
    FINAL = "FINAL"
    """三级终结."""
    SETTLED = "SETTLED"
    LAPSED = "LAPSED"
    """The time to ask for review or re-review passed unused."""
    NOT_ACCEPTED = "NOT_ACCEPTED"
    STATUTORY_ROUTED = "STATUTORY_ROUTED"
    """Left by a named legal exit."""
    DISCIPLINE_SEALED = "DISCIPLINE_SEALED"
    LEFT = "LEFT"
    """Withdrawn, or the case went another way; once registered, it goes on where it was if it comes back."""


class Nature(StrEnum):
    """What is asked, and with it how it must be answered."""

    CLAIM = "claim"
    """申诉求决: what remains after XF31 (1) to (5); answered by an opinion."""
    SUGGESTION = "suggestion"
    """Studied and replied to (XF29)."""
    DUTY = "duty"
    """To punish a breach or protect a right: performed, or answered (XF31 (5))."""


class LegalWay(StrEnum):
    """XF31 (1) to (4): the procedures to which a matter goes instead (R-PET-06)."""

    LITIGATION = "litigation"
    ARBITRATION = "arbitration"
    PARTY_APPEAL = "party_appeal"
    ADMINISTRATIVE = "administrative"
    SUPERIOR = "superior"
    """The petition authority above this jurisdiction (XF24, XF35)."""


class NotAccepted(StrEnum):
    """Why a petition is not accepted."""

    FINAL = "final"
    """The same facts and reasons after three levels (XF36)."""
    IN_PROGRESS = "in_progress"
    """The same matter is accepted or in progress, and within time (XF19)."""
    NOT_OURS = "not_ours"
    """Outside the remit of the unit and of those below it; the petitioner is told where to go (XF23)."""


class PetitionOutcome(StrEnum):
    """XF32: what an opinion decides."""

    SUPPORT = "SUPPORT"
    EXPLAIN = "EXPLAIN"
    """Reasonable, without a legal basis."""
    NOT_SUPPORT = "NOT_SUPPORT"


class SupervisionGround(StrEnum):
    """XF40 (R-PET-14)."""

    UNLAWFUL = "unlawful_handling"
    SHIRKING = "shirking"
    DELAY = "delay"
    FALSIFICATION = "falsification"
    NOT_EXECUTED = "not_executed"


class ThirdParty(StrEnum):
    """R-PET-20: who may be invited to help."""

    DEPUTY = "deputy"
    ELDER = "elder"
    LAWYER = "lawyer"
    ASSOCIATION = "association"


class Left(StrEnum):
    """Why the case is no petition now."""

    WITHDRAWN = "withdrawn"
    CONVERTED = "converted"
    DANGER = "danger"


class EarlierPetition(Value):
    """What petition knows of the earlier one that a repeat names (R-PET-05, R-PET-09, R-PET-18)."""

    status: PetitionStatus
    terminated: bool
    """Three levels have spoken."""
    due: Instant | None = None
    """When the unit that has it must have acted."""


class PetitionDutyMoved(DutyMoved):
    """Whose duty the petition is now, and until when."""

    type: ClassVar[str] = "petition.PetitionDutyMoved.v1"


class PetitionHandedBack(HandedBack):
    """The petition is over for the router."""

    type: ClassVar[str] = "petition.PetitionHandedBack.v1"


class PetitionSentToMediation(ProcedureEvent):
    """R-PET-16: both sides agreed to mediate; `unit` stays responsible and its clock runs as the law says."""

    type: ClassVar[str] = "petition.PetitionSentToMediation.v1"

    unit: str
    matter: str | None = None
    """By which the kind of mediation is found."""
    subjects: tuple[str, ...] = ()
    """Units complained of: they have no part in the mediation either (R-PET-11)."""
    recused: tuple[str, ...] = ()
    """Staff codes of those who were recused from the petition: nor have they (R-PET-11)."""


class PetitionEvent(ProcedureEvent):
    """An event after which exactly `terms` run."""

    terms: tuple[Term, ...] = ()


class PetitionReceived(PetitionEvent):
    """The router handed the case over to `unit`, which registers it (R-PET-01, R-PET-02)."""

    type: ClassVar[str] = "petition.PetitionReceived.v1"

    unit: str
    matter: str | None = None
    place: str | None = None
    kind: str = "complain"
    subjects: tuple[str, ...] = ()


class PetitionRegistered(PetitionEvent):
    """登记. `identified`: the petitioner's name and address are clear, so they are written to (XF23)."""

    type: ClassVar[str] = "petition.PetitionRegistered.v1"

    channel: Channel
    nature: Nature
    petitioners: int
    representatives: int | None = None
    identified: bool
    urgent: bool = False
    same_as: UUID | None = None
    """The earlier petition of the same person and matter (R-PET-18)."""
    subjects: tuple[str, ...] = ()
    """All units complained of that are known now."""


class PetitionForwarded(PetitionEvent):
    """转送, or with `assigned` 交办: `unit` is responsible from here on (R-PET-01)."""

    type: ClassVar[str] = "petition.PetitionForwarded.v1"

    sender: str
    unit: str
    reason: str
    assigned: bool = False
    simple: bool = False
    successor_of: str | None = None
    """R-PET-04: the abolished unit whose duty passed to this one."""


class PetitionRouted(PetitionEvent):
    """R-PET-06: to the statutory procedure `exit`; the petitioner is told `explanation`."""

    type: ClassVar[str] = "petition.PetitionRouted.v1"

    way: LegalWay
    exit: NamedExit
    explanation: str


class PetitionSealed(PetitionEvent):
    """R-PET-10: accusation material; from here on only `unit`, the discipline body, knows of it."""

    type: ClassVar[str] = "petition.PetitionSealed.v1"

    unit: str
    subjects: tuple[str, ...] = ()


class PetitionDeclined(PetitionEvent):
    """Not accepted, for a stated ground."""

    type: ClassVar[str] = "petition.PetitionDeclined.v1"

    ground: NotAccepted
    explanation: str
    go_to: str | None = None
    same_as: UUID | None = None


class PetitionObjected(PetitionEvent):
    """The unit says that it is not competent; `sender` decides (R-PET-03)."""

    type: ClassVar[str] = "petition.PetitionObjected.v1"

    unit: str
    sender: str
    reason: str
    proposed: str | None = None


class PetitionObjectionDecided(PetitionEvent):
    """Consented: back to the sender. Refused: the unit keeps it and objects no more (R-PET-03)."""

    type: ClassVar[str] = "petition.PetitionObjectionDecided.v1"

    consented: bool
    unit: str
    """Who is responsible now."""
    reason: str


class PetitionDisputeDecided(PetitionEvent):
    """R-PET-04: the common superior, or a joint conference of its own, named the unit that accepts."""

    type: ClassVar[str] = "petition.PetitionDisputeDecided.v1"

    units: tuple[str, ...]
    unit: str
    decided_by: str
    conference: bool = False
    """联席会议: no common superior."""
    reason: str


class PetitionAccepted(PetitionEvent):
    """受理: the time for the opinion runs from here."""

    type: ClassVar[str] = "petition.PetitionAccepted.v1"

    unit: str
    nature: Nature
    simple: bool = False
    direct: bool = False
    """Received by the unit itself, not through a sender (R-PET-02)."""
    reason: str = ""
    """Why it is not handled simply, where it was sent to be."""


class InvestigationBegun(PetitionEvent):
    """The petitioner is heard and the facts are looked into (XF31 (6))."""

    type: ClassVar[str] = "petition.InvestigationBegun.v1"

    note: str = ""


class HearingOpened(PetitionEvent):
    """听证; `pauses`: the time of a re-review stands still (XF36)."""

    type: ClassVar[str] = "petition.HearingOpened.v1"

    reason: str
    pauses: bool = False


class HearingClosed(PetitionEvent):
    """The hearing is over."""

    type: ClassVar[str] = "petition.HearingClosed.v1"

    note: str = ""


class MediationReturned(PetitionEvent):
    """R-PET-16: the mediation inside the petition ended with `result`."""

    type: ClassVar[str] = "petition.MediationReturned.v1"

    result: HandBack


class OpinionExtended(PetitionEvent):
    """R-PET-07: `reason` is told to the petitioner; `head` is the office that approved."""

    type: ClassVar[str] = "petition.OpinionExtended.v1"

    days: int
    reason: str
    head: str
    due: Instant


class SimpleProcedureLeft(PetitionEvent):
    """R-PET-17: it proved not simple; the ordinary time counts from the acceptance."""

    type: ClassVar[str] = "petition.SimpleProcedureLeft.v1"

    reason: str


class OpinionIssued(PetitionEvent):
    """R-PET-08: an opinion of level 0, a review opinion (1) or a re-review opinion (2)."""

    type: ClassVar[str] = "petition.OpinionIssued.v1"

    level: int
    unit: str
    outcome: PetitionOutcome
    legal_basis: tuple[str, ...]
    confirms: bool | None = None
    """Whether a review opinion leaves the earlier one standing."""
    record: UUID | None = None
    """The encrypted record that holds its words."""


class OpinionDelivered(PetitionEvent):
    """The petitioner has it since `received_at`; the time to ask for review counts from then (R-PET-09)."""

    type: ClassVar[str] = "petition.OpinionDelivered.v1"

    level: int
    received_at: Instant
    executing: str | None = None
    """The unit that carries out what was supported."""


class ExecutionReported(PetitionEvent):
    """What became of the supported claim."""

    type: ClassVar[str] = "petition.ExecutionReported.v1"

    done: bool
    note: str


class ReviewWindowClosed(PetitionEvent):
    """No review was asked for in time; what was supported is still to be carried out."""

    type: ClassVar[str] = "petition.ReviewWindowClosed.v1"


class ReviewRequested(PetitionEvent):
    """R-PET-09: `unit`, next above `issuer`, reviews (level 1) or re-reviews (2)."""

    type: ClassVar[str] = "petition.ReviewRequested.v1"

    level: int
    unit: str
    issuer: str


class CompletionReported(PetitionEvent):
    """办结报告 of an assigned petition (R-PET-01)."""

    type: ClassVar[str] = "petition.CompletionReported.v1"

    unit: str
    note: str


class PetitionAnswered(PetitionEvent):
    """A suggestion was studied and replied to, or a duty performed or answered."""

    type: ClassVar[str] = "petition.PetitionAnswered.v1"

    answer: Literal["adopted", "partly_adopted", "not_adopted", "performed", "answered"]
    explanation: str


class PetitionSettled(PetitionEvent):
    """The end: carried out, answered, or agreed upon."""

    type: ClassVar[str] = "petition.PetitionSettled.v1"

    by_way: Literal["executed", "answered", "mediated"]


class PetitionLapsed(PetitionEvent):
    """No review of the opinion of `level` was asked for within 30 days (XF35, XF36)."""

    type: ClassVar[str] = "petition.PetitionLapsed.v1"

    level: int


class PetitionTerminated(PetitionEvent):
    """三级终结: the same facts and reasons are not accepted again (XF36)."""

    type: ClassVar[str] = "petition.PetitionTerminated.v1"


class PetitionLeft(PetitionEvent):
    """The case went another way. Its times run on by the law (XF34 to XF36), and nobody is reminded of them."""

    type: ClassVar[str] = "petition.PetitionLeft.v1"

    reason: Left


class PetitionResumed(PetitionEvent):
    """A petition that left came back: `unit` goes on in the state `stage`, with what was decided until then."""

    type: ClassVar[str] = "petition.PetitionResumed.v1"

    unit: str
    stage: PetitionStatus


class PetitionLeaderSet(PetitionEvent):
    """领导包案 (R-PET-19); `leader` is an office, not a name."""

    type: ClassVar[str] = "petition.PetitionLeaderSet.v1"

    leader: str
    note: str


class ThirdPartyInvited(PetitionEvent):
    """R-PET-20."""

    type: ClassVar[str] = "petition.ThirdPartyInvited.v1"

    kind: ThirdParty
    note: str


class OfficerRecused(PetitionEvent):
    """R-PET-11: this member of staff takes no more part."""

    type: ClassVar[str] = "petition.OfficerRecused.v1"

    officer: str
    unit: str
    reason: str


class PetitionSubjectsNamed(PetitionEvent):
    """All units complained of. `unit`: where the petition went, because its unit was interested (R-PET-11)."""

    type: ClassVar[str] = "petition.PetitionSubjectsNamed.v1"

    subjects: tuple[str, ...]
    unit: str | None = None
    reason: str = ""


class PetitionSubjectsSuspected(PetitionEvent):
    """R-LAD-04, R-HOT-14: whom words complain of that were added to the case; nobody once a human judged it."""

    type: ClassVar[str] = "petition.PetitionSubjectsSuspected.v1"

    suspected: tuple[str, ...]
    """All of them, beside those who are known to be complained of."""


class PetitionSupervised(PetitionEvent):
    """督办 of `unit` (R-PET-14): over the time `term`, or as the petition office found."""

    type: ClassVar[str] = "petition.PetitionSupervised.v1"

    unit: str
    ground: SupervisionGround
    term: str | None = None
    reason: str = ""
    recommendation: str = ""
    """What the office recommends the unit to improve (XF40)."""


class SupervisionAnswered(PetitionEvent):
    """XF40: the unit answers the recommendation in writing."""

    type: ClassVar[str] = "petition.SupervisionAnswered.v1"

    adopted: bool
    note: str


class UrgentReported(PetitionEvent):
    """R-PET-15: reported upward at once; `recipients` are offices."""

    type: ClassVar[str] = "petition.UrgentReported.v1"

    recipients: tuple[str, ...]
    note: str


class PetitionEvaluated(PetitionEvent):
    """R-PET-13: what the petitioner thinks of the handling; their own word where nobody recorded it."""

    type: ClassVar[str] = "petition.PetitionEvaluated.v1"

    office_satisfied: bool | None = None
    unit_satisfied: bool


class PetitionReminded(PetitionEvent):
    """催办: `unit` let the time `term` pass; supervision comes next."""

    type: ClassVar[str] = "petition.PetitionReminded.v1"

    unit: str
    term: str


class PetitionAtRisk(PetitionEvent):
    """R-CARD-01: 75 % of the time is gone; the yellow plate."""

    type: ClassVar[str] = "petition.PetitionAtRisk.v1"

    unit: str
    due: Instant


class PetitionDeadlinesRecomputed(PetitionEvent):
    """A new year's schedule arrived: the provisional times named in `changed` were counted again."""

    type: ClassVar[str] = "petition.PetitionDeadlinesRecomputed.v1"

    changed: tuple[str, ...]


EVENTS: Final[tuple[type[Event], ...]] = (
    PetitionDutyMoved,
    PetitionHandedBack,
    PetitionSentToMediation,
    PetitionReceived,
    PetitionRegistered,
    PetitionForwarded,
    PetitionRouted,
    PetitionSealed,
    PetitionDeclined,
    PetitionObjected,
    PetitionObjectionDecided,
    PetitionDisputeDecided,
    PetitionAccepted,
    InvestigationBegun,
    HearingOpened,
    HearingClosed,
    MediationReturned,
    OpinionExtended,
    SimpleProcedureLeft,
    OpinionIssued,
    OpinionDelivered,
    ExecutionReported,
    ReviewWindowClosed,
    ReviewRequested,
    CompletionReported,
    PetitionAnswered,
    PetitionSettled,
    PetitionLapsed,
    PetitionTerminated,
    PetitionLeft,
    PetitionResumed,
    PetitionLeaderSet,
    ThirdPartyInvited,
    OfficerRecused,
    PetitionSubjectsNamed,
    PetitionSubjectsSuspected,
    PetitionSupervised,
    SupervisionAnswered,
    UrgentReported,
    PetitionEvaluated,
    PetitionReminded,
    PetitionAtRisk,
    PetitionDeadlinesRecomputed,
)


LegalBasis = Annotated[
    tuple[Annotated[str, Field(min_length=2, max_length=300)], ...], Field(min_length=1, max_length=20)
]


class PetitionCommand(Command):
    """The base of petition's commands. The decider refuses units complained of and units not in charge."""

    model_config = ConfigDict(str_strip_whitespace=True)

    actor: Actor

    @field_validator("*", mode="before")
    @classmethod
    def _what_shows_nothing_is_blank(cls, value: Any) -> Any:
        return seen(value)


class RegisterPetition(PetitionCommand):
    """登记, with the petitioner's name and address as an encrypted record.

    A repeat names the earlier petition; a group that comes in person elects at most 5 representatives (R-PET-12).
    """

    channel: Channel
    nature: Nature = Nature.CLAIM
    petitioners: int = Field(default=1, strict=True, ge=1)
    representatives: int | None = Field(default=None, strict=True, ge=1)
    identified: bool = True
    urgent: bool = False
    subjects: tuple[str, ...] = ()
    same_as: UUID | None = None
    new_facts: bool = False
    """R-PET-18: new facts make it a new matter."""
    earlier: EarlierPetition | None = None
    same_person: bool = False
    """Whether both petitions name the same person at the same address. These two are found by petition itself."""
    sealed: Sealed | None = None


class ForwardPetition(PetitionCommand):
    """转送 to the competent unit, within 15 days (R-PET-01). `simple`: it is to be handled simply (R-PET-17)."""

    unit: str
    reason: str = Reason
    simple: bool = False


class AssignPetition(PetitionCommand):
    """交办: with a time by which the unit reports its completion (R-PET-01)."""

    unit: str
    reason: str = Reason
    report_by: Instant
    simple: bool = False


class RoutePetition(PetitionCommand):
    """诉访分离: send it to the statutory procedure to which it belongs, and explain (R-PET-06)."""

    way: LegalWay
    exit: str
    """Code of the legal exit."""
    explanation: str = Reason


class SealPetition(PetitionCommand):
    """It is accusation material: to the discipline body, sealed (R-PET-10). No words, for no event may hold any."""

    subjects: tuple[str, ...] = ()


class DeclinePetition(PetitionCommand):
    """Not ours: say where to go (R-PET-02)."""

    explanation: str = Reason
    go_to: str = Field(min_length=2, max_length=200)


class ObjectPetition(PetitionCommand):
    """Not our remit: within 5 working days, with reasons, for the sender's consent (R-PET-03)."""

    reason: str = Reason
    proposed: str | None = None


class DecidePetitionObjection(PetitionCommand):
    """The sender consents, or leaves it with the unit."""

    consents: bool
    reason: str = Reason


class DecidePetitionDispute(PetitionCommand):
    """The units disagree who accepts: their common superior decides (R-PET-04)."""

    units: tuple[str, ...] = Field(min_length=2)
    unit: str
    reason: str = Reason


class AcceptPetition(PetitionCommand):
    """受理, within 15 days; `simple` within 3 working days (R-PET-17)."""

    simple: bool = False
    nature: Nature | None = None
    """Where it turned out to be another than registered; a claim stays one, for only an opinion can be reviewed."""
    reason: str | None = Field(default=None, min_length=2, max_length=2000)
    """Why it is not handled simply, where it was sent to be."""


class InvestigatePetition(PetitionCommand):
    """Hear the petitioner and look into the facts."""

    note: str = Field(default="", max_length=2000)


class OpenPetitionHearing(PetitionCommand):
    """听证 on a major, complex or difficult matter (XF31), or in the re-review (XF36)."""

    reason: str = Reason


class ClosePetitionHearing(PetitionCommand):
    """The hearing is over."""

    note: str = Field(default="", max_length=2000)


class MediatePetition(PetitionCommand):
    """R-PET-16: both sides consent, and the matter lies within the unit's discretion."""

    both_consent: bool
    within_discretion: bool


class ExtendPetition(PetitionCommand):
    """R-PET-07: once, at most 30 calendar days, approved by the unit's head; the reason goes to the petitioner."""

    days: int = Field(strict=True, ge=1, le=MOST_EXTENSION_DAYS)
    reason: str = Reason
    head: str = Field(min_length=2, max_length=100)


class LeaveSimpleProcedure(PetitionCommand):
    """It proved not simple: go on in the ordinary procedure (R-PET-17)."""

    reason: str = Reason


class IssueOpinion(PetitionCommand):
    """信访处理意见书 (R-PET-08). Its words are an encrypted record; the decider sees the outcome and its basis."""

    outcome: PetitionOutcome
    legal_basis: LegalBasis
    sealed: Sealed | None = None


class IssueReviewOpinion(PetitionCommand):
    """复查 or 复核意见 (R-PET-09): confirm the earlier opinion, or put another in its place."""

    confirms: bool
    outcome: PetitionOutcome
    legal_basis: LegalBasis
    sealed: Sealed | None = None


class DeliverOpinion(PetitionCommand):
    """The petitioner received it in writing, at `received_at` or now."""

    received_at: Instant | None = None


class ReportExecution(PetitionCommand):
    """What became of the supported claim: undone, it is supervised; done, it is settled once no review is open."""

    done: bool
    note: str = Reason


class RequestReview(PetitionCommand):
    """The petitioner asks for review, or for re-review of a review opinion, within 30 days (R-PET-09)."""


class ReportPetitionCompletion(PetitionCommand):
    """办结报告 of an assigned petition (R-PET-01)."""

    note: str = Reason


class AnswerPetition(PetitionCommand):
    """Reply to a suggestion (XF29); perform a duty, or answer (XF31 (5))."""

    answer: Literal["adopted", "partly_adopted", "not_adopted", "performed", "answered"]
    explanation: str = Reason


class SetPetitionLeader(PetitionCommand):
    """领导包案 (R-PET-19): `leader` names an office, never a person."""

    leader: str = Field(min_length=2, max_length=100)
    note: str = Reason


class InviteThirdParty(PetitionCommand):
    """R-PET-20: deputies, elders, lawyers or associations help to settle it."""

    kind: ThirdParty
    note: str = Reason


class RecuseOfficer(PetitionCommand):
    """R-PET-11: `officer`, the subject of a token, of `unit` takes no more part."""

    officer: str = Field(min_length=1, max_length=128)
    unit: str
    reason: str = Reason


class NamePetitionSubjects(PetitionCommand):
    """Further units are complained of; they and all that they control are kept out (R-PET-11).

    It takes the petition from a unit, so who has it cannot say so of itself or of those above: it objects.
    """

    subjects: tuple[str, ...] = Field(min_length=1)
    reason: str = Reason


class SupervisePetition(PetitionCommand):
    """督办 (R-PET-14), with what the office recommends."""

    ground: SupervisionGround
    reason: str = Reason
    recommendation: str = Field(default="", max_length=2000)


class AnswerSupervision(PetitionCommand):
    """XF40: say whether the recommendation is adopted."""

    adopted: bool
    note: str = Reason


class ReportUrgentPetition(PetitionCommand):
    """R-PET-15: report a major or urgent matter at once."""

    note: str = Reason


class EvaluatePetition(PetitionCommand):
    """R-PET-13: the petitioner's evaluation of the petition office and of the responsible unit."""

    office_satisfied: bool
    unit_satisfied: bool


class RecomputePetitionDeadlines(PetitionCommand):
    """A new year's schedule was published: count provisional times again."""


COMMANDS: Final[tuple[type[Command], ...]] = (
    RegisterPetition,
    ForwardPetition,
    AssignPetition,
    RoutePetition,
    SealPetition,
    DeclinePetition,
    ObjectPetition,
    DecidePetitionObjection,
    DecidePetitionDispute,
    AcceptPetition,
    InvestigatePetition,
    OpenPetitionHearing,
    ClosePetitionHearing,
    MediatePetition,
    ExtendPetition,
    LeaveSimpleProcedure,
    IssueOpinion,
    IssueReviewOpinion,
    DeliverOpinion,
    ReportExecution,
    RequestReview,
    ReportPetitionCompletion,
    AnswerPetition,
    SetPetitionLeader,
    InviteThirdParty,
    RecuseOfficer,
    NamePetitionSubjects,
    SupervisePetition,
    AnswerSupervision,
    ReportUrgentPetition,
    EvaluatePetition,
    RecomputePetitionDeadlines,
)
