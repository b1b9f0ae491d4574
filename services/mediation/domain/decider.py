"""Mediation's decider: which part answers which input."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, Final
from uuid import UUID

from chassis.calendar import WorkingCalendar
from chassis.decider import Decision, Input, Refused, Timer, TimerDue
from schemas import mediation as m
from schemas import router as r
from schemas.envelope import Envelope
from schemas.intake import PersonErased
from schemas.jurisdiction import Jurisdiction
from schemas.mediators import Mediators
from schemas.message import Event
from schemas.petition import (
    OfficerRecused,
    PetitionLeft,
    PetitionRegistered,
    PetitionSealed,
    PetitionSentToMediation,
    PetitionSubjectsNamed,
)
from services.mediation.domain import machine
from services.mediation.domain.agreement import Agreements
from services.mediation.domain.confirmation import Confirmations
from services.mediation.domain.consent import Consent
from services.mediation.domain.desk import Desk
from services.mediation.domain.duty import Duty
from services.mediation.domain.ending import Ending
from services.mediation.domain.evolution import evolve
from services.mediation.domain.follow_up import FollowUp
from services.mediation.domain.opening import MEDIATION, Opening
from services.mediation.domain.panel import Bench
from services.mediation.domain.sessions import Sessions
from services.mediation.domain.state import Agreement, Mediation
from services.mediation.domain.timers import Timers

Act = Callable[[Mediation, Any, datetime], Decision]
ActOn = Callable[[Mediation, Agreement, Any, datetime], Decision]
CONSUMED: tuple[type[Event], ...] = (
    r.TriageQueued,
    r.CaseAnswered,
    r.CaseDispatched,
    r.TrackChosen,
    r.CaseRedirected,
    r.HelpersRecused,
    r.EmergencyTransferred,
    r.CaseClosed,
    PetitionRegistered,
    PetitionSubjectsNamed,
    PetitionSealed,
    PetitionSentToMediation,
    PetitionLeft,
    OfficerRecused,
    PersonErased,
)
"""What mediation hears of others. Whose personal data were erased in intake, has them erased here as well."""

_ON_THIS_TRACK: Final = re.compile(rf'"track": ?"{MEDIATION}"')


def may_begin(envelope: Envelope) -> bool:
    """Whether `MediationDecider.begins` may hold for an event, judged by its unread text."""
    return envelope.type == PetitionSentToMediation.type or _ON_THIS_TRACK.search(envelope.data) is not None


class MediationDecider:
    """`Decider[Mediation]`: from the application to the performed agreement, or to the notice of other ways."""

    name = "mediation"
    consumes = frozenset(event.type for event in CONSUMED)

    def __init__(self, jurisdiction: Jurisdiction, mediators: Mediators, calendar: WorkingCalendar) -> None:
        self.desk = desk = Desk(jurisdiction, mediators, calendar)
        ending = Ending(desk)
        self._opening = opening = Opening(desk, ending)
        consent = Consent(desk, ending)
        sessions, bench = Sessions(desk), Bench(desk)
        agreements = Agreements(desk, sessions)
        confirmations = Confirmations(desk, ending)
        self._duty = Duty()
        self._timers = Timers(desk, consent, ending)
        self._acts: dict[type[Any], Act] = {
            r.TriageQueued: opening.queued,
            r.CaseAnswered: opening.answered,
            r.CaseDispatched: opening.dispatched,
            r.TrackChosen: opening.track_chosen,
            r.CaseRedirected: opening.redirected,
            r.HelpersRecused: opening.helpers_recused,
            r.EmergencyTransferred: opening.endangered,
            r.CaseClosed: opening.closed,
            PetitionRegistered: opening.registered_as_petition,
            PetitionSubjectsNamed: opening.complained_of,
            PetitionSealed: opening.sealed,
            PetitionSentToMediation: opening.sent_by_petition,
            PetitionLeft: opening.petition_left,
            OfficerRecused: opening.officer_recused,
            m.RegisterParties: consent.register,
            m.KeepParties: consent.keep,
            m.RecordConsent: consent.record,
            m.SayOpenness: consent.openness,
            m.AssignMediators: bench.assign,
            m.RefuseMediator: bench.refuse,
            m.RecuseMediator: bench.recuse,
            m.ScheduleSession: sessions.schedule,
            m.HoldSession: sessions.hold,
            m.ProlongMediation: sessions.prolong,
            m.StartAppraisal: sessions.start_appraisal,
            m.EndAppraisal: sessions.end_appraisal,
            m.DraftAgreement: agreements.draft,
            m.SignAgreement: agreements.sign,
            m.RecordOralAgreement: agreements.oral,
            m.ContinueMediation: agreements.go_on,
            m.TerminateMediation: ending.terminate,
            m.ReportToPolice: ending.report,
            m.RecomputeMediationTimes: lambda state, _, __: self._timers.recomputed(state),
        }
        self._on_agreements: dict[type[Any], ActOn] = {
            m.RecordVisit: FollowUp(agreements, ending).record,
            m.FileConfirmation: confirmations.file,
            m.RecordCourtAcceptance: confirmations.accepted,
            m.ExtendCourtTime: confirmations.extended,
            m.RecordCourtDecision: confirmations.decided,
            m.WithdrawConfirmation: confirmations.withdrawn,
        }

    @staticmethod
    def begins(event: Event) -> bool:
        """Whether the event makes a mediation of a case of which nothing is known here."""
        match event:
            case r.CaseDispatched(track=track):
                return track == MEDIATION
            case r.TrackChosen(track=track, unit=unit):
                return track == MEDIATION and unit is not None
        return isinstance(event, PetitionSentToMediation)

    def initial(self, case_id: UUID) -> Mediation:
        """A case that nobody asked to mediate."""
        return Mediation(case_id=case_id)

    def decide(self, state: Mediation, given: Input, at: datetime) -> Decision:
        """Answer an event of another service, a command or a due timer, and tell whose duty it is then."""
        decision = self._decided(state, given, at)
        if isinstance(decision, Refused) or not decision:
            return decision
        after = state
        for event in decision:
            before, after = after, evolve(after, event)
            machine.check(before, after)
        if isinstance(given, r.CaseClosed):  # the router closed it itself
            return decision
        by = given.actor if isinstance(given, m.MediationCommand) else None
        return [*decision, *self._duty.told(state, after, decision, by)]

    def _decided(self, state: Mediation, given: Input, at: datetime) -> Decision:
        if isinstance(given, TimerDue):
            return self._timers.fired(state, given, at)
        if isinstance(given, m.MediationCommand):
            return self._commanded(state, given, at)
        if isinstance(given, Event) and (state.is_sealed or (state.stage is None and not self.begins(given))):
            return []  # sealed for good; or no row: a case of another track costs nothing
        judged = self._opening.judged(state, given) if isinstance(given, r.Disposition) else []
        act = self._acts.get(type(given))
        decision = act(reduce(evolve, judged, state), given, at) if act else []
        return decision if isinstance(decision, Refused) else [*judged, *decision]

    def _commanded(self, state: Mediation, command: m.MediationCommand, at: datetime) -> Decision:
        """Who may not do this, and when it cannot be done; else what it brings about."""
        if state.stage is None:
            return Refused("UNKNOWN_CASE", "this case was not handed over to be mediated")
        if state.is_sealed:
            return Refused("SEALED", "R-PET-10: the discipline body has it; nothing is mediated any more")
        if no := self.desk.barred(state, command.actor):
            return no
        about = machine.meant(state, command) if isinstance(command, m.AgreementCommand) else None
        if isinstance(about, Refused):
            return self.desk.not_in_charge(state, command.actor, None) or about
        if no := self.desk.not_in_charge(state, command.actor, about) or machine.refused(state, command):
            return no
        if about is not None:
            return self._on_agreements[type(command)](state, about, command, at)
        return self._acts[type(command)](state, command, at)

    def evolve(self, state: Mediation, event: Event) -> Mediation:
        """The state after one of mediation's own events."""
        return evolve(state, event)

    def due(self, state: Mediation) -> Sequence[Timer]:
        """All clocks that can run out as things stand."""
        return [Timer(term.name, term.at) for term in state.due_terms()]

    def dump(self, state: Mediation) -> str:
        """The state as JSON text."""
        return state.model_dump_json(exclude_defaults=True)

    def load(self, text: str) -> Mediation:
        """Read what `dump` wrote."""
        return Mediation.model_validate_json(text)
