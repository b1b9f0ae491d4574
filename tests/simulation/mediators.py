"""What mediators, courts and parties do: mostly agree in the end, sometimes neither agree nor perform."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from schemas import mediation as m
from schemas.jurisdiction import Jurisdiction
from schemas.mediation import Confirmation, Stage
from schemas.mediators import Mediators
from schemas.message import Actor
from schemas.values import Sealed
from services.mediation.domain import Mediation
from services.mediation.domain.state import Agreement
from tests.simulation.staff import Office, Plan, Planned, often

_SEALED = Sealed(record_id=UUID(int=1), key_id="master-1", wrapped_key=b"k", ciphertext=b"c")
_WORDS = "情况属实"
_GIVEN_UP: tuple[m.ByStaff, ...] = (
    "withdrawn",
    "stopped",
    "failed",
    "failed",
    "failed",
    "unreachable",
    "absent",
    "deceit",
)


class MediationStaff:
    """Mediators of all committees, and the court."""

    def __init__(self, jurisdiction: Jurisdiction, mediators: Mediators, office: Office) -> None:
        self._jurisdiction, self._mediators, self._office = jurisdiction, mediators, office
        begin = self._register
        self._acts: dict[Stage, Callable[[Mediation, datetime, Random], Plan | None]] = {
            Stage.APPLIED: begin,
            Stage.REFERRED: begin,
            Stage.PROACTIVE: begin,
            Stage.CONSENT: self._ask,
            Stage.ACCEPTED: self._mediate,
            Stage.MEDIATING: self._mediate,
            Stage.PARTIAL: self._go_on,
        }

    def plan(self, state: object, at: datetime, rng: Random) -> Planned | None:
        """What comes next for the mediation, or for the confirmation of its agreement."""
        assert isinstance(state, Mediation)
        if state.is_sealed:
            return None
        plan = self._about_agreements(state, at, rng)
        act = self._acts.get(state.stage) if state.stage else None
        if act is not None and (plan is None or rng.random() < 0.5):
            plan = act(state, at, rng)
        if plan is None:
            return None
        hours, command = plan
        return Planned(self._office.open_from(at + timedelta(hours=hours)), "mediation", command)

    def _actor(self, state: Mediation) -> Actor:
        return Actor(subject="mediator", role="mediator", unit=state.unit)

    def _register(self, state: Mediation, _: datetime, rng: Random) -> Plan | None:
        lives = state.unit if self._jurisdiction.units[state.unit].rung is not None else None
        sides = [m.Side.APPLICANT, m.Side.RESPONDENT, m.Side.RESPONDENT][: rng.choice((2, 2, 2, 3))]
        parties = tuple(
            m.Party(label=label, side=side, unit=lives) for label, side in zip("ABC", sides, strict=False)
        )
        registered: m.MediationCommand = m.RegisterParties(
            actor=self._actor(state), sealed=_SEALED, parties=parties
        )
        if state.parties and rng.random() < 0.7:
            registered = m.KeepParties(actor=self._actor(state))
        return (often(rng, 20), registered) if rng.random() < 0.95 else None

    def _ask(self, state: Mediation, _: datetime, rng: Random) -> Plan | None:
        waiting = [label for label in state.labels if label not in state.agreed]
        if not waiting or rng.random() < 0.05:
            return None
        agrees = rng.random() < 0.93
        said = m.RecordConsent(
            actor=self._actor(state), party=waiting[0], agrees=agrees, closed=rng.random() < 0.2
        )
        return often(rng, 24), said

    def _mediate(self, state: Mediation, at: datetime, rng: Random) -> Plan | None:
        actor = self._actor(state)
        if not state.mediators:
            return often(rng, 12), self._assigned(state, rng)
        chance = rng.random()
        if state.appraisal_since is not None:
            return often(rng, 200), m.EndAppraisal(actor=actor)
        if chance < 0.04:
            refused = m.RefuseMediator(actor=actor, party="A", mediator=state.mediators[0], reason=_WORDS)
            return 5, refused
        if chance < 0.07:
            return 5, m.RecuseMediator(actor=actor, mediator=state.mediators[0], reason=_WORDS)
        if chance < 0.10:
            return 50, m.StartAppraisal(actor=actor, reason=_WORDS)
        if chance < 0.14:
            return often(rng, 100), m.ProlongMediation(actor=actor, days=20, agreed=state.labels)
        if chance < 0.15:
            return 5, m.ReportToPolice(actor=actor, risk="public_order", note=_WORDS)
        if chance < 0.20:
            return None
        if state.stage is Stage.ACCEPTED or state.sessions < 1 or chance < 0.4:
            return self._session(state, at, rng)
        if chance < 0.55:
            reason, asks = rng.choice(_GIVEN_UP), rng.random() < 0.4
            ended = m.TerminateMediation(actor=actor, reason=reason, note=_WORDS, asks_higher=asks)
            return often(rng, 60), ended
        return self._agree(state, at, rng)

    def _assigned(self, state: Mediation, rng: Random) -> m.AssignMediators:
        committees = self._mediators.committees_for(state.unit, state.procedure, self._jurisdiction)
        near = {committee.code for committee in committees[:1]}
        known = self._mediators.mediators.values()
        free = [one.code for one in known if one.committee in near and one.code not in state.barred]
        chosen = (rng.choice(free),) if free else ("nobody",)
        return m.AssignMediators(
            actor=self._actor(state), mediators=chosen, chosen_by_parties=rng.random() < 0.3
        )

    def _session(self, state: Mediation, at: datetime, rng: Random) -> Plan:
        actor, notice = self._actor(state), self._mediators.procedures[state.procedure].notice_days
        if notice and state.session_at is None:
            return 4, m.ScheduleSession(actor=actor, at=at + timedelta(days=notice + 2))
        hours = often(rng, 40)
        if state.session_at is not None:
            hours = max(hours, (state.session_at - at) / timedelta(hours=1) + 1)
        return hours, m.HoldSession(
            actor=actor,
            sealed=_SEALED,
            held_at=state.session_at or at,
            open=not state.closed_for and not self._mediators.procedures[state.procedure].closed,
            attended=state.labels,
        )

    def _agree(self, state: Mediation, at: datetime, rng: Random) -> Plan:
        actor = self._actor(state)
        if state.draft is not None:
            signed = m.SignAgreement(
                actor=actor,
                signed=state.labels,
                mediators=state.mediators,
                sealed_by_committee=True,
                signed_at=at,
            )
            return often(rng, 10), signed
        due = (at + timedelta(days=rng.choice((3, 20, 40)))).date()
        owed = tuple(m.Obligation(number=n, by="B", due=due) for n in range(1, rng.choice((2, 3))))
        partial = rng.random() < 0.1
        if self._mediators.procedures[state.procedure].oral and rng.random() < 0.4:
            return often(rng, 20), m.RecordOralAgreement(
                actor=actor,
                sealed=_SEALED,
                partial=partial,
                agreed=state.labels,
                obligations=owed,
                agreed_at=at,
            )
        return often(rng, 20), m.DraftAgreement(
            actor=actor, sealed=_SEALED, partial=partial, obligations=owed
        )

    def _go_on(self, state: Mediation, at: datetime, rng: Random) -> Plan | None:
        if rng.random() < 0.3:
            ended = m.TerminateMediation(actor=self._actor(state), reason="failed", note=_WORDS)
            return often(rng, 80), ended
        return often(rng, 40), m.ContinueMediation(actor=self._actor(state))

    def _about_agreements(self, state: Mediation, at: datetime, rng: Random) -> Plan | None:
        """Visits and the court, for an agreement of any round, whatever the case is at."""
        if not state.agreements:
            return None
        one = rng.choice(state.agreements)
        actor = Actor(subject="mediator", role="mediator", unit=one.unit)
        court = self._at_court(one, actor, at, rng)
        return self._visit(one, actor, rng) if court is None or rng.random() < 0.5 else court

    def _visit(self, one: Agreement, actor: Actor, rng: Random) -> Plan | None:
        if not one.is_followed_up or rng.random() < 0.1:
            return None
        breached = rng.random() < 0.08
        done = () if breached else tuple(owed.number for owed in one.outstanding if rng.random() < 0.7)
        visited = m.RecordVisit(
            actor=actor, agreement=one.number, performed=done, breached=breached, note=_WORDS
        )
        return often(rng, 200), visited

    def _at_court(self, one: Agreement, actor: Actor, at: datetime, rng: Random) -> Plan | None:
        about: dict[str, Any] = {"actor": actor, "agreement": one.number}
        if one.confirmation is Confirmation.CONFIRM_WINDOW and rng.random() < 0.3:
            what = "property_title" if rng.random() < 0.1 else "civil"
            filed = m.FileConfirmation(**about, jointly=one.labels, about=what, filed_at=at)
            return often(rng, 100), filed
        if one.confirmation is Confirmation.FILED:
            chance = rng.random()
            if chance < 0.1:
                return 20, m.RecordCourtDecision(**about, confirmed=False, reference="不予受理")
            if chance < 0.15:
                return 20, m.WithdrawConfirmation(**about)
            return often(rng, 40), m.RecordCourtAcceptance(**about, reference="调确字1号")
        if one.confirmation is Confirmation.COURT_ACCEPTED:
            if rng.random() < 0.1:
                return 100, m.ExtendCourtTime(**about)
            decided = m.RecordCourtDecision(**about, confirmed=rng.random() < 0.9, reference="裁定书")
            return often(rng, 200), decided
        return None
