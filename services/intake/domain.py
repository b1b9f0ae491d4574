"""Intake's decider: what may still be said about a case that was taken in. Pure.

The handling itself is the router's; intake only needs to know when it has ended.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.decider import Decision, Input, Refused, Timer
from schemas import router
from schemas.intake import (
    CaseConcluded,
    CaseSubmitted,
    CaseSupplemented,
    CaseWithdrawn,
    CoReporterAdded,
    ErasePerson,
    FeedbackGiven,
    GiveFeedback,
    LinkRemoved,
    PersonErased,
    SubmitCase,
    SupplementCase,
    WithdrawCase,
)
from schemas.message import Event, Value

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
    router.CaseClosed,
    router.CaseArchived,
)
"""What the resident's time line is made of (R-PET-13, R-LEDGER-01)."""

UNKNOWN: Final = Refused("case_unknown", "There is no such case.")
_WITHDRAWN: Final = Refused(
    "case_withdrawn", "The case was withdrawn. If the matter persists, submit it as a new case."
)
_CLOSED: Final = Refused(
    "case_closed", "The case is closed. Submit new facts as a new case; it will be linked to this one."
)
Asked = SupplementCase | WithdrawCase | GiveFeedback


class IntakeState(Value):
    """What intake remembers of a case to judge the next command by."""

    submitted: bool = False
    withdrawn: bool = False
    closed: bool = False
    erased: bool = False
    repeat_of: UUID | None = None
    linked_to: UUID | None = None
    """The earlier case that is handled for this one as well; None where this one has news of its own."""
    co_report: bool = False
    """The earlier case is another person's."""


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
            case SupplementCase() | WithdrawCase() | GiveFeedback():
                return _refusal(state) or [_said(given)]
            case ErasePerson():
                return self._erase(state, given)
            case router.CaseUnlinked():
                return [LinkRemoved(was=given.was)] if state.linked_to == given.was else []
            case Event():
                ends = given.type in ENDINGS and state.submitted and not state.closed
                return [CaseConcluded(ended_by=given.type)] if ends else []
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
                ends = not event.stands and event.emergency is None
                return state.model_copy(update={"withdrawn": True}) if ends else state
            case LinkRemoved():
                return state.model_copy(update={"linked_to": None})
            case CaseConcluded():
                return state.model_copy(update={"closed": True})
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


def _refusal(state: IntakeState) -> Refused | None:
    if not state.submitted:
        return UNKNOWN
    if state.withdrawn:
        return _WITHDRAWN
    return _CLOSED if state.closed else None


def _said(given: Asked) -> Event:
    match given:
        case SupplementCase():
            return CaseSupplemented(
                text=given.text,
                new_facts=given.new_facts,
                attachments=given.attachments,
                emergency=given.emergency,
                by=given.by,
            )
        case WithdrawCase():
            return CaseWithdrawn(
                reason=given.reason, emergency=given.emergency, by=given.by, stands=given.stands
            )
        case GiveFeedback():
            return FeedbackGiven(
                contacted=given.contacted,
                resolved=given.resolved,
                satisfied=given.satisfied,
                note=given.note,
                emergency=given.emergency,
                by=given.by,
            )
