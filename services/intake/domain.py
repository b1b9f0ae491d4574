"""Intake's decider: what may still be said about a case that was taken in. Pure.

The handling itself is the router's; intake only needs to know when it has ended.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import Field

from chassis.decider import Decision, Input, Refused, Timer
from schemas import router
from schemas.intake import (
    CaseConcluded,
    CaseSubmitted,
    CaseSupplemented,
    CaseWithdrawn,
    ConclusionLifted,
    CoReporterAdded,
    EndAbandoned,
    ErasePerson,
    FeedbackGiven,
    GiveFeedback,
    LinkRemoved,
    PersonErased,
    ReopenCase,
    ReopeningAsked,
    SubmitCase,
    SupplementCase,
    WithdrawCase,
)
from schemas.message import Event, Instant, Value

ENDINGS: Final = frozenset({router.CaseClosed.type, router.CaseArchived.type})
"""Events after which nothing more can be said about a case."""
PROGRESS: Final[tuple[type[Event], ...]] = (
    router.TriageQueued,
    router.CaseAnswered,
    router.CaseRedirected,
    router.CaseLinked,
    router.CaseUnlinked,
    router.EmergencyTransferred,
    router.CaseDispatched,
    router.AssignmentSigned,
    router.ContactRecorded,
    router.ProgressReported,
    router.ExtensionDecided,
    router.SuspensionDecided,
    router.CaseResumed,
    router.CaseEscalated,
    router.TrackChosen,
    router.ProcedureAdvanced,
    router.ProcedureEnded,
    router.SettledOnSite,
    router.CaseReplied,
    router.CallbackOpened,
    router.RedoOrdered,
    router.LawfulReviewOffered,
    router.CaseClosed,
    router.CaseReopened,
    router.CaseArchived,
    router.DepartmentsWhistled,
    router.PoliceJoined,
    router.HelpersRecused,
)
"""What the resident's time line is made of (R-PET-13, R-LEDGER-01), and who helps (R-HOT-06)."""

UNKNOWN: Final = Refused("case_unknown", "There is no such case.")
_WITHDRAWN: Final = Refused(
    "case_withdrawn", "The case was withdrawn. If the matter persists, submit it as a new case."
)
_LEFT: Final = Refused(
    "report_withdrawn",
    "You took your report back; the case goes on for the others who reported the matter. If it concerns you again, "
    "submit it as a new case.",
)
_ANEW: Final = "Submit new facts as a new case; it will be linked to this one."
_CLOSED: Final = Refused("case_closed", f"The case is closed. {_ANEW}")
_OPEN: Final = Refused(
    "case_open", "The case is being handled. Add what is new as further facts, or answer the callback."
)
_FINAL: Final = Refused(
    "not_reopenable",
    f"This case cannot be reopened. The lawful ways stay open: ask the hotline (12345) which. {_ANEW}",
)
_ASKED: Final = Refused("reopening_asked", "That the case be reopened has been asked for already.")
_ANSWERED: Final = Refused("callback_answered", "This callback has been answered already.")
Asked = SupplementCase | WithdrawCase | GiveFeedback | ReopenCase


class IntakeState(Value):
    """What intake remembers of a case to judge the next command by."""

    submitted: bool = False
    withdrawn: bool = False
    left: bool = False
    """Its own reporter withdrew, and only other reports stand (R-PET-18)."""
    closed: bool = False
    erased: bool = False
    repeat_of: UUID | None = None
    reopen_until: Instant | None = None
    """Closed: before this instant it can be reopened (R-HOT-08)."""
    reopening: bool = False
    """That was asked for, and the router has not done it yet."""
    answered: int = 0
    """The callbacks that a signed link answered go up to this one."""
    answers: Mapping[UUID, int] = Field(default_factory=dict)
    """The same of the linked reports of others."""
    linked_to: UUID | None = None
    """The earlier case that is handled for this one as well; None where this one has news of its own."""
    co_report: bool = False
    """The earlier case is another person's."""

    @property
    def is_left(self) -> bool:
        """Whether the case goes on for other reports alone, and ends with the last of them."""
        return self.left and not (self.withdrawn or self.closed)


class Intake:
    """The decider of intake."""

    name = "intake"
    consumes = frozenset(event.type for event in PROGRESS)

    def initial(self, case_id: UUID) -> IntakeState:
        """Return the state of a case that nobody has submitted yet."""
        return IntakeState()

    def decide(self, state: IntakeState, given: Input, at: datetime) -> Decision:
        """Answer a command, or note that the handling ended; other progress changes only the time line."""
        match given:
            case SubmitCase():
                return self._submit(state, given)
            case GiveFeedback(callback=callback) if callback is not None and callback <= _answered(
                state, given
            ):
                return _ANSWERED
            case EndAbandoned():
                ends = state.is_left and not (given.stands or given.at_line)
                return [CaseWithdrawn(last=True)] if ends else []
            case SupplementCase() | WithdrawCase() | GiveFeedback():
                return _refusal(state) or _of_who_left(state, given) or [_said(given)]
            case ReopenCase():
                return _of_who_left(state, given) or _kept_closed(state, at) or [_said(given)]
            case ErasePerson():
                return self._erase(state, given)
            case router.CaseUnlinked():
                return [LinkRemoved(was=given.was)] if state.linked_to == given.was else []
            case router.CaseReopened():
                return [ConclusionLifted()] if state.closed else []
            case Event():
                ends = given.type in ENDINGS and state.submitted and not state.closed
                return [_concluded(given)] if ends else []
            case _:
                return Refused("not_understood", f"Intake has no answer to {type(given).__name__}.")

    def _submit(self, state: IntakeState, given: SubmitCase) -> Decision:
        if state.submitted:
            return []  # a second one repeats an ambiguous commit
        if given.obstacle is not None:
            return Refused(given.obstacle.code, given.obstacle.reason, given.obstacle.field)
        if given.joins and given.case.linked_to is not None:
            return [given.case, CoReporterAdded(to=given.case.linked_to, by=given.case.by)]
        return [given.case]

    def _erase(self, state: IntakeState, given: ErasePerson) -> Decision:
        if not state.submitted:
            return UNKNOWN
        return [] if state.erased else [PersonErased(reason=given.reason, by=given.by)]

    def evolve(self, state: IntakeState, event: Event) -> IntakeState:
        """Return the state after one of intake's own events."""
        match event:
            case CaseSubmitted():
                return IntakeState(submitted=True, repeat_of=event.repeat_of, linked_to=event.linked_to)
            case CoReporterAdded():
                return state.model_copy(update={"co_report": True})
            case CaseSupplemented():
                return state.model_copy(update={"erased": False})  # there may be something to erase again
            case CaseWithdrawn():
                if event.at_line or event.emergency is not None:
                    return state
                return state.model_copy(update={"left" if event.stands else "withdrawn": True})
            case LinkRemoved():
                return state.model_copy(update={"linked_to": None})
            case FeedbackGiven(callback=callback, report=report) if callback is not None and report:
                return state.model_copy(update={"answers": {**state.answers, report: callback}})
            case FeedbackGiven(callback=callback) if callback is not None:
                return state.model_copy(update={"answered": callback})
            case CaseConcluded():
                withdrawn = state.withdrawn and not event.settled
                ended = {"closed": True, "withdrawn": withdrawn, "reopen_until": event.reopen_until}
                return state.model_copy(update=ended)
            case ReopeningAsked():
                return state.model_copy(update={"reopening": True})
            case ConclusionLifted():
                lifted = {"closed": False, "reopening": False, "reopen_until": None}
                return state.model_copy(update=lifted)
            case PersonErased():
                return state.model_copy(update={"erased": True})
            case _:
                return state

    def due(self, state: IntakeState) -> Sequence[Timer]:
        """Return no timers: intake waits for nothing."""
        return ()

    def dump(self, state: IntakeState) -> str:
        """Return the state as JSON text."""
        return state.model_dump_json(exclude_defaults=True)

    def load(self, text: str) -> IntakeState:
        """Read what `dump` wrote."""
        return IntakeState.model_validate_json(text)


def _answered(state: IntakeState, given: GiveFeedback) -> int:
    return state.answered if given.report is None else state.answers.get(given.report, 0)


def _refusal(state: IntakeState) -> Refused | None:
    if not state.submitted:
        return UNKNOWN
    if state.withdrawn:
        return _WITHDRAWN
    return _CLOSED if state.closed else None


def _of_who_left(state: IntakeState, given: Asked) -> Refused | None:
    """R-PET-18: who withdrew closes, rates, adds to and reopens nothing over those who stand by the matter."""
    if not state.left or state.withdrawn:
        return None
    match given:
        case SupplementCase() | ReopenCase():
            return _LEFT if given.own else None
        case GiveFeedback():
            return _LEFT if given.report is None else None
        case WithdrawCase():
            return _LEFT


def _kept_closed(state: IntakeState, at: datetime) -> Refused | None:
    """Why a case is not reopened now: by what the router said when it closed it (R-HOT-08)."""
    refused = _refusal(state)
    if refused is None:
        return _OPEN
    if refused is not _CLOSED:
        return refused
    if state.reopening:
        return _ASKED
    if state.reopen_until is None:
        return _FINAL
    if at < state.reopen_until:
        return None
    return Refused("reopening_over", f"It could be reopened until {state.reopen_until.isoformat()}. {_ANEW}")


def _concluded(given: Event) -> CaseConcluded:
    if not isinstance(given, router.CaseClosed):
        return CaseConcluded(ended_by=given.type)
    settled = given.outcome is not router.Outcome.WITHDRAWN
    return CaseConcluded(ended_by=given.type, reopen_until=given.reopen_until, settled=settled)


def _said(given: Asked) -> Event:
    match given:
        case SupplementCase():
            return CaseSupplemented(
                text=given.text,
                new_facts=given.new_facts,
                attachments=given.attachments,
                emergency=given.emergency,
                by=given.by,
                report=given.report,
            )
        case WithdrawCase():
            return CaseWithdrawn(
                reason=given.reason,
                emergency=given.emergency,
                by=given.by,
                stands=given.stands,
                at_line=given.at_line,
            )
        case GiveFeedback():
            return FeedbackGiven(
                contacted=given.contacted,
                resolved=given.resolved,
                satisfied=given.satisfied,
                note=given.note,
                emergency=given.emergency,
                by=given.by,
                callback=given.callback,
                report=given.report,
            )
        case ReopenCase():
            return ReopeningAsked(reason=given.reason, emergency=given.emergency, by=given.by)
