"""The router's decider: which part answers which input."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from chassis.calendar import WorkingCalendar
from chassis.decider import Decision, Input, Refused, Timer, TimerDue
from schemas import router as r
from schemas.intake import CaseSubmitted, CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.jurisdiction import Jurisdiction
from schemas.mediation import MediationDutyMoved, MediationHandedBack, PoliceInformed
from schemas.message import Event
from schemas.petition import PetitionDutyMoved, PetitionHandedBack
from services.router.domain.case import Desk
from services.router.domain.evolution import evolve
from services.router.domain.handling import Handling
from services.router.domain.links import Links
from services.router.domain.oversight import Oversight
from services.router.domain.procedures import Procedures, in_procedure
from services.router.domain.reading import Triage
from services.router.domain.registration import Register
from services.router.domain.routing import Routing
from services.router.domain.steering import Steering
from services.router.domain.supplements import Supplements
from services.router.domain.timers import Timers
from services.router.domain.workorder import WorkOrder
from services.router.policy.model import Policy

Act = Callable[[WorkOrder, Any, datetime], Decision]

OWNERS: Final = frozenset(
    {
        r.SignAssignment,
        r.ObjectAssignment,
        r.RecordContact,
        r.ReportProgress,
        r.RequestExtension,
        r.RequestSuspension,
        r.ResumeCase,
        r.ReplyCase,
        r.EscalateCase,
        r.RecomputeDeadlines,
    }
)
"""Commands of the responsible unit, of those above it, and of supervisors of the centre; a helper escalates to
take itself off, and for nothing else."""
OF_THE_CENTRE: Final = frozenset(
    {
        r.TriageCase,
        r.ClaimCallback,
        r.RecordCallback,
        r.ConfirmEmergency,
        r.DispatchRemainder,
        r.UnlinkCase,
        r.ChooseTrack,
    }
)
"""Commands of the hotline centre and the district: they speak with residents and emergency lines (R-HOT-08)."""
FROM_ABOVE: Final = frozenset({r.AdjudicateObjection, r.DecideExtension, r.DecideSuspension, r.SuperviseCase})
"""Commands of the centre, the district, or a unit above the one that has the case (R-HOT-10)."""


CONSUMED: Final[tuple[type[Event], ...]] = (
    CaseSubmitted,
    CaseSupplemented,
    CaseWithdrawn,
    FeedbackGiven,
    ReopeningAsked,
    MediationDutyMoved,
    MediationHandedBack,
    PoliceInformed,
    PetitionDutyMoved,
    PetitionHandedBack,
)


class Router:
    """`Decider[WorkOrder]`: triage, ladder, work order, deadlines."""

    name = "router"
    consumes = frozenset(event.type for event in CONSUMED)

    def __init__(
        self, jurisdiction: Jurisdiction, policy: Policy, triage: Triage, calendar: WorkingCalendar
    ) -> None:
        self._desk = desk = Desk(jurisdiction, policy, calendar)
        routing = Routing(desk)
        register = Register(desk, routing, triage)
        handling = Handling(desk, routing)
        self._steering = steering = Steering(desk, routing, register)
        oversight = Oversight(desk, routing, register)
        self._supplements = supplements = Supplements(desk, register, steering, oversight, triage)
        self.accused, self.accuses_an_office = supplements.accused, supplements.accuses_an_office
        procedures = Procedures(desk, routing, steering, oversight)
        self._timers = Timers(desk, routing, register, handling, steering, oversight)
        self._acts: dict[type[Any], Act] = {
            CaseSubmitted: register.submitted,
            CaseSupplemented: supplements.supplemented,
            CaseWithdrawn: supplements.withdrawn,
            FeedbackGiven: supplements.feedback,
            ReopeningAsked: supplements.reopening,
            MediationDutyMoved: procedures.duty_moved,
            MediationHandedBack: procedures.handed_back,
            PoliceInformed: procedures.police_informed,
            PetitionDutyMoved: procedures.duty_moved,
            PetitionHandedBack: procedures.handed_back,
            r.TriageCase: register.triaged,
            r.SignAssignment: handling.sign,
            r.ObjectAssignment: handling.object,
            r.AdjudicateObjection: steering.adjudicate,
            r.RecordContact: supplements.noted(handling.contact),
            r.ReportProgress: supplements.noted(handling.progress),
            r.RequestExtension: handling.ask_extension,
            r.DecideExtension: oversight.decide_extension,
            r.RequestSuspension: handling.ask_suspension,
            r.DecideSuspension: oversight.decide_suspension,
            r.ResumeCase: handling.resume,
            r.DeliverHelp: supplements.noted(handling.help),
            r.EscalateCase: steering.escalate,
            r.WhistleDepartments: handling.whistle,
            r.InstructCase: steering.instruct,
            r.ReplyCase: handling.reply,
            r.ClaimCallback: oversight.claim,
            r.RecordCallback: oversight.callback,
            r.ChooseTrack: steering.choose_track,
            r.ConfirmEmergency: oversight.confirm_emergency,
            r.DispatchRemainder: steering.remainder,
            r.UnlinkCase: Links(desk, register).unlink,
            r.SuperviseCase: oversight.supervise,
            r.RecomputeDeadlines: oversight.recompute,
        }

    def initial(self, case_id: UUID) -> WorkOrder:
        """A case of which nothing is known."""
        return WorkOrder(case_id=case_id)

    def decide(self, state: WorkOrder, given: Input, at: datetime) -> Decision:
        """Answer an event of another service, a command or a due timer."""
        if isinstance(given, TimerDue):
            return self._timers.fired(state, given, at)
        if isinstance(given, r.RouterCommand) and (no := self._refused(state, given)):
            return self._supplements.refused(no, given)
        act = self._acts.get(type(given))
        return act(state, given, at) if act else []

    def _refused(self, state: WorkOrder, command: r.RouterCommand) -> Refused | None:
        """Who may not do this: nobody on an unknown case, nobody interested, nobody not in charge."""
        if state.status is None:
            return Refused("UNKNOWN_CASE", "the router knows no such case")
        if barred := self._desk.barred(state, command.actor):
            return barred
        if isinstance(command, r.EscalateCase) and self._steering.leaves(state, command):
            return None
        kind = type(command)
        if kind in OWNERS and (no := self._desk.not_in_charge(state, command.actor)):
            return no
        if kind in OF_THE_CENTRE | FROM_ABOVE and (no := self._not_from_above(state, command)):
            return no
        return in_procedure(self._desk, state, command)

    def _not_from_above(self, state: WorkOrder, command: r.RouterCommand) -> Refused | None:
        actor, kind = command.actor, type(command)
        if kind in OF_THE_CENTRE and not self._desk.is_centre(actor):
            return Refused("NOT_THE_HOTLINE", "only the hotline centre or the district may do this")
        if no := self._desk.not_independent(state, actor):
            return no
        if kind in FROM_ABOVE and not self._desk.oversees(actor, state.unit):
            return Refused(
                "NOT_A_SUPERIOR",
                f"only the hotline centre, the district or a unit above {state.unit} may do this",
            )
        return None

    def evolve(self, state: WorkOrder, event: Event) -> WorkOrder:
        """The state after one of the router's own events."""
        return evolve(state, event)

    def due(self, state: WorkOrder) -> Sequence[Timer]:
        """All clocks that can run out as things stand."""
        return [Timer(term.name, term.at) for term in state.due_terms()]

    def dump(self, state: WorkOrder) -> str:
        """The state as JSON text."""
        return state.model_dump_json(exclude_defaults=True)

    def load(self, text: str) -> WorkOrder:
        """Read what `dump` wrote."""
        return WorkOrder.model_validate_json(text)
