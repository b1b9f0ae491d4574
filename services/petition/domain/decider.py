"""The petition decider: which part answers which input, who may do what, and whose duty it is afterwards."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, Final
from uuid import UUID

from chassis.calendar import WorkingCalendar
from chassis.decider import Decision, Input, Refused, Timer, TimerDue
from schemas import petition as p
from schemas import router as r
from schemas.envelope import Envelope
from schemas.intake import FeedbackGiven, PersonErased
from schemas.jurisdiction import Jurisdiction
from schemas.mediation import MediationHandedBack
from schemas.message import Command, Event
from services.petition.domain.arrival import Arrival
from services.petition.domain.desk import Desk, Offices
from services.petition.domain.evolution import evolve
from services.petition.domain.handling import Handling
from services.petition.domain.machine import refused
from services.petition.domain.opinions import Opinions
from services.petition.domain.oversight import Oversight
from services.petition.domain.petition import Petition
from services.petition.domain.reactions import TRACK, Reactions
from services.petition.domain.registration import Register
from services.petition.domain.sorting import Sorting
from services.petition.domain.subjects import Subjects
from services.petition.domain.timers import Timers

Act = Callable[[Petition, Any, datetime], Decision]

CONSUMED: Final[tuple[type[Event], ...]] = (
    r.TriageQueued,
    r.CaseAnswered,
    r.CaseDispatched,
    r.TrackChosen,
    r.CaseRedirected,
    r.HelpersRecused,
    r.EmergencyTransferred,
    r.CaseClosed,
    MediationHandedBack,
    FeedbackGiven,
    PersonErased,
)
"""`PersonErased` changes no state: the keys of the petition's own records go with it (`projection`)."""

OWNERS: Final = frozenset(
    {
        p.RegisterPetition,
        p.ForwardPetition,
        p.AssignPetition,
        p.RoutePetition,
        p.DeclinePetition,
        p.ObjectPetition,
        p.AcceptPetition,
        p.InvestigatePetition,
        p.OpenPetitionHearing,
        p.ClosePetitionHearing,
        p.MediatePetition,
        p.ExtendPetition,
        p.LeaveSimpleProcedure,
        p.IssueOpinion,
        p.IssueReviewOpinion,
        p.DeliverOpinion,
        p.ReportExecution,
        p.AnswerPetition,
        p.InviteThirdParty,
        p.AnswerSupervision,
        p.ReportUrgentPetition,
    }
)
"""Commands of the responsible unit and of those above it. The others say themselves who may give them."""

_OUTCOMES: Final = {
    p.PetitionOutcome.SUPPORT: "对您的请求予以支持",
    p.PetitionOutcome.EXPLAIN: "对您的请求作出解释说明",
    p.PetitionOutcome.NOT_SUPPORT: "对您的请求不予支持",
}
_ON_THIS_TRACK: Final = re.compile(rf'"track": ?"{TRACK}"')


def may_begin(envelope: Envelope) -> bool:
    """Whether `PetitionDecider.begins` may hold for an event, judged by its unread text."""
    return _ON_THIS_TRACK.search(envelope.data) is not None


class PetitionDecider:
    """`Decider[Petition]`."""

    name = "petition"
    consumes = frozenset(event.type for event in CONSUMED)

    def __init__(self, jurisdiction: Jurisdiction, offices: Offices, calendar: WorkingCalendar) -> None:
        self._desk = desk = Desk(jurisdiction, offices, calendar)
        subjects, sorting, opinions = Subjects(desk), Sorting(desk), Opinions(desk)
        arrival, handling, oversight = Arrival(desk, sorting), Handling(desk), Oversight(desk)
        self._reactions = reactions = Reactions(desk, subjects)
        self._timers = Timers(desk, opinions)
        self._acts: dict[type[Any], Act] = {
            r.TriageQueued: reactions.queued,
            r.CaseDispatched: reactions.dispatched,
            r.TrackChosen: reactions.track_chosen,
            r.CaseRedirected: reactions.redirected,
            r.HelpersRecused: reactions.helpers_recused,
            r.EmergencyTransferred: reactions.endangered,
            r.CaseClosed: reactions.closed,
            MediationHandedBack: handling.mediated,
            FeedbackGiven: oversight.feedback,
            p.RegisterPetition: Register(desk, subjects).register,
            p.ForwardPetition: sorting.forward,
            p.AssignPetition: sorting.assign,
            p.RoutePetition: sorting.route,
            p.SealPetition: sorting.seal,
            p.DeclinePetition: sorting.decline,
            p.ObjectPetition: arrival.object,
            p.DecidePetitionObjection: arrival.decide,
            p.DecidePetitionDispute: sorting.dispute,
            p.AcceptPetition: arrival.accept,
            p.InvestigatePetition: handling.investigate,
            p.OpenPetitionHearing: handling.open_hearing,
            p.ClosePetitionHearing: handling.close_hearing,
            p.MediatePetition: handling.mediate,
            p.ExtendPetition: handling.extend,
            p.LeaveSimpleProcedure: handling.leave_simple,
            p.IssueOpinion: opinions.issue,
            p.IssueReviewOpinion: opinions.review,
            p.DeliverOpinion: opinions.deliver,
            p.ReportExecution: opinions.execute,
            p.RequestReview: opinions.request_review,
            p.ReportPetitionCompletion: opinions.complete,
            p.AnswerPetition: handling.answer,
            p.SetPetitionLeader: oversight.lead,
            p.InviteThirdParty: handling.invite,
            p.RecuseOfficer: oversight.recuse,
            p.NamePetitionSubjects: subjects.name,
            p.SupervisePetition: oversight.supervise,
            p.AnswerSupervision: oversight.answer,
            p.ReportUrgentPetition: oversight.report_urgent,
            p.EvaluatePetition: oversight.evaluate,
            p.RecomputePetitionDeadlines: oversight.recompute,
        }

    @staticmethod
    def begins(event: Event) -> bool:
        """Whether the event makes a petition of a case of which nothing is known here."""
        return isinstance(event, r.CaseDispatched) and event.track == TRACK

    def initial(self, case_id: UUID) -> Petition:
        """A case that is no petition."""
        return Petition(case_id=case_id)

    def decide(self, state: Petition, given: Input, at: datetime) -> Decision:
        """Answer an event of another service, a command or a due timer."""
        if isinstance(given, Command) and (no := self._refused(state, given)):
            return no
        if isinstance(given, TimerDue):
            decision: Decision = self._timers.fired(state, given, at)
        else:
            decision = self._answered(state, given, at)
        if isinstance(decision, Refused) or not decision:
            return decision
        return self._told(state, _signed(decision, given))

    def _answered(self, state: Petition, given: Event | Command, at: datetime) -> Decision:
        """What a human judged counts before what becomes of the case."""
        judged = self._reactions.judged(state, given, at) if isinstance(given, r.Disposition) else []
        act = self._acts.get(type(given))
        decision = act(reduce(evolve, judged, state), given, at) if act else []
        return decision if isinstance(decision, Refused) else [*judged, *decision]

    def _refused(self, state: Petition, command: Command) -> Refused | None:
        """Who may not do this: on no petition, interested, not in charge, or not in this state."""
        if state.status is None:
            return Refused("UNKNOWN_CASE", "this case is no petition")
        if not isinstance(command, p.PetitionCommand):
            return Refused("UNKNOWN_COMMAND", f"petition knows no {type(command).__name__}")
        if barred := self._desk.barred(state, command.actor):
            return barred
        if no := refused(state.status, type(command)):
            return no
        if type(command) in OWNERS and not self._desk.acts_for(command.actor, state.unit):
            return Refused("NOT_RESPONSIBLE", f"only {state.unit} or a unit above it may do this")
        return None

    def _told(self, state: Petition, events: Sequence[Event]) -> Sequence[Event]:
        """Tell the router whose duty it is now, wherever that changed (one responsible unit at any moment)."""
        after = state
        for event in events:
            after = evolve(after, event)
        if not after.is_open:
            return [_with_subjects(event, after.subjects) for event in events]
        if after.unit is None or after.status is None or _duty(after) == _duty(state):
            return events
        main = after.main()
        moved = p.PetitionDutyMoved(
            unit=after.unit,
            stage=after.status,
            due=main.at if main else None,
            rule=main.rule if main else None,
            subjects=after.subjects,
            told="".join(_told(event) for event in events),
        )
        return [*events, moved]

    def evolve(self, state: Petition, event: Event) -> Petition:
        """The state after one of petition's own events."""
        return evolve(state, event)

    def due(self, state: Petition) -> Sequence[Timer]:
        """All clocks that can run out as things stand."""
        return [Timer(term.name, term.at) for term in state.running()]

    def dump(self, state: Petition) -> str:
        """The state as JSON text."""
        return state.model_dump_json(exclude_defaults=True)

    def load(self, stored: str) -> Petition:
        """Read what `dump` wrote."""
        return Petition.model_validate_json(stored)


def _with_subjects(event: Event, subjects: tuple[str, ...]) -> Event:
    """R-LAD-04: who is complained of stays known after the petition is over."""
    if not isinstance(event, p.PetitionHandedBack):
        return event
    return event.model_copy(update={"subjects": subjects})


def _duty(state: Petition) -> tuple[str | None, datetime | None, tuple[str, ...]]:
    """Unit and due time, and who may have no part in it (R-PET-11)."""
    main = state.main()
    return state.unit, main.at if main else None, state.subjects


def _told(event: Event) -> str:
    """What the petitioner hears of it on the way: why it takes longer (R-PET-07), what an opinion decides."""
    match event:
        case p.OpinionExtended():
            return f"办理期限延长{event.days}日，理由：{event.reason}。"
        case p.OpinionIssued():
            return f"{_OUTCOMES[event.outcome]}，详见书面意见。"
        case _:
            return ""


def _signed(events: Sequence[Event], given: Input) -> Sequence[Event]:
    """Note whose command it was in the first event."""
    if not isinstance(given, p.PetitionCommand):
        return events
    first, *rest = events
    return [first.model_copy(update={"by": given.actor}), *rest]
