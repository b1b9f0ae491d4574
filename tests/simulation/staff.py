"""What the staff do with an order: mostly what they should, in time, in office hours where it can wait."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple, Protocol

from chassis.calendar import SHANGHAI, WorkingCalendar
from schemas import router as r
from schemas.intake import GiveFeedback, ReopenCase
from schemas.jurisdiction import Jurisdiction, UnitKind
from schemas.message import Actor, Command
from schemas.router import OrderStatus as S
from schemas.values import Evidence
from services.router.domain import WorkOrder
from tests.simulation.residents import OPERATOR

SUPERVISOR: Final = Actor(subject="supervisor", role="supervisor", unit="GL")
_OPENS, _CLOSES = 9, 18
_SLOWNESS: Final = {1: 0.01, 2: 0.1, 3: 1.0, 4: 2.0}
"""How long things take by urgency, beside an ordinary matter."""
_WORDS: Final = "情况属实"
_TO_INTAKE: Final = (GiveFeedback, ReopenCase)
_OTHER_OPERATOR: Final = OPERATOR.model_copy(update={"subject": "operator-2"})
Plan = tuple[float, Command]
"""In how many hours somebody does something about a case as it is; a change of the case makes a new plan."""


class Planned(NamedTuple):
    """What somebody will do unless the case changes before."""

    at: datetime
    service: str
    command: Command


class Staff(Protocol):
    """Those who act on the cases of one service."""

    def plan(self, state: object, at: datetime, rng: Random) -> Planned | None:
        """Say what comes next for a case in this state; None: nobody does anything."""
        ...


class Office:
    """Office hours."""

    def __init__(self, calendar: WorkingCalendar) -> None:
        self._calendar = calendar

    def open_from(self, at: datetime) -> datetime:
        """The first moment from `at` on at which the office works."""
        local = at.astimezone(SHANGHAI)
        if local.hour >= _CLOSES:
            local = (local + timedelta(days=1)).replace(hour=_OPENS, minute=local.minute)
        elif local.hour < _OPENS:
            local = local.replace(hour=_OPENS)
        while not self._calendar.is_working_day(local.date()):
            local += timedelta(days=1)
        return local.astimezone(at.tzinfo)


def often(rng: Random, hours: float) -> float:
    """A time around `hours`, now and then many times as long."""
    return hours * rng.lognormvariate(0, 1)


class RouterStaff:
    """Hotline centre, units, leaders and supervisors."""

    def __init__(self, jurisdiction: Jurisdiction, office: Office) -> None:
        self._office = office
        self._matters = list(jurisdiction.matters)
        self._departments = [c for c, u in jurisdiction.units.items() if u.kind is UnitKind.DEPARTMENT]
        self._acts: dict[S, Callable[[WorkOrder, datetime, Random], Plan | None]] = {
            S.REGISTERED: self._triage,
            S.EMERGENCY_XFER: self._emergency,
            S.DISPATCHED: self._dispatched,
            S.DISPATCHED_LOCKED: lambda s, at, rng: self._sign(s, rng),
            S.OBJECTED: self._adjudicate,
            S.SIGNED: self._begin,
            S.REDO: self._begin,
            S.HANDLING: self._handle,
            S.EXTENDED: self._handle,
            S.SUSPENDED: self._resume,
            S.CALLBACK: self._call_back,
            S.CLOSED: self._reopen,
        }

    def plan(self, state: object, at: datetime, rng: Random) -> Planned | None:
        """What comes next for the order."""
        assert isinstance(state, WorkOrder)
        act = self._acts.get(state.status) if state.status else None
        plan = act(state, at, rng) if act else None
        if plan is None:
            return None
        hours, command = plan
        when = at + timedelta(hours=hours)
        if state.urgency > 2 and state.status not in {S.EMERGENCY_XFER, S.REGISTERED, S.CALLBACK, S.CLOSED}:
            when = self._office.open_from(when)
        return Planned(when, "intake" if isinstance(command, _TO_INTAKE) else "router", command)

    def _triage(self, state: WorkOrder, _: datetime, rng: Random) -> Plan:
        hours, actor = often(rng, 1), OPERATOR
        if state.taken_from is not None and rng.random() < 0.7:
            return hours, r.TriageCase(actor=actor, subjects=rng.choice((None, ())))
        if rng.random() < 0.85:
            return hours, r.TriageCase(actor=actor, matter=rng.choice(self._matters))
        judged = rng.choice(
            [r.Judged.ANSWERED, r.Judged.STATUTORY, r.Judged.OUTSIDE_REMIT, r.Judged.UNLAWFUL]
        )
        return hours, r.TriageCase(actor=actor, judged=judged, answer="已当面说明")

    def _emergency(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        if state.term("emergency") is not None:
            confirmed = r.ConfirmEmergency(actor=OPERATOR, reference="接警单")
            return (often(rng, 0.1), confirmed) if rng.random() < 0.9 else None
        return (often(rng, 24), r.DispatchRemainder(actor=OPERATOR)) if rng.random() < 0.4 else None

    def _dispatched(self, state: WorkOrder, at: datetime, rng: Random) -> Plan | None:
        chance = rng.random()
        if chance < 0.05:
            proposed = rng.choice(self._departments)
            return self._slow(state, rng, 3), r.ObjectAssignment(
                actor=_owner(state), reason=_WORDS, proposed=proposed
            )
        if chance < 0.06:
            by, unit = at + timedelta(days=5), state.unit or ""
            return 4, r.InstructCase(
                actor=SUPERVISOR, unit=unit, handle_by=by, leader="分管领导", note=_WORDS
            )
        return self._sign(state, rng)

    def _sign(self, state: WorkOrder, rng: Random) -> Plan | None:
        signed = r.SignAssignment(actor=_owner(state))
        return (self._slow(state, rng, 4), signed) if rng.random() < 0.94 else None

    def _adjudicate(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        if rng.random() < 0.1:
            return None
        upheld, unit = rng.random() < 0.4, rng.choice(self._departments)
        decided = r.AdjudicateObjection(actor=SUPERVISOR, upheld=upheld, reason=_WORDS, unit=unit)
        return self._slow(state, rng, 5), decided

    def _begin(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        contacted = r.RecordContact(actor=_owner(state))
        return (self._slow(state, rng, 6), contacted) if rng.random() < 0.93 else None

    def _handle(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        if state.procedure is not None:
            return None
        if state.pending is not None:
            return self._decide(state, rng)
        chance = rng.random()
        if chance < 0.06:
            longer = r.RequestExtension(actor=_owner(state), reason=_WORDS, days=rng.randint(1, 15))
            return self._slow(state, rng, 20), longer
        if chance < 0.08:
            return self._slow(state, rng, 20), r.RequestSuspension(actor=_owner(state), reason=_WORDS)
        if chance < 0.13:
            return self._slow(state, rng, 20), self._escalation(state, rng)
        if chance < 0.15:
            units = (rng.choice(self._departments),)
            return 10, r.WhistleDepartments(
                actor=SUPERVISOR, units=units, occasion="public_problem", reason=_WORDS
            )
        return (self._slow(state, rng, 50), self._reply(state, rng)) if rng.random() < 0.93 else None

    def _decide(self, state: WorkOrder, rng: Random) -> Plan | None:
        if rng.random() < 0.2:
            return None
        kind = r.DecideExtension if state.pending == "extension" else r.DecideSuspension
        return 6, kind(actor=SUPERVISOR, granted=rng.random() < 0.7, reason=_WORDS)

    def _escalation(self, state: WorkOrder, rng: Random) -> r.EscalateCase:
        ground = rng.choice(list(r.Ground))
        kinds = (
            "legal_basis handling_record mediation_record parties_request residence_record ownership_inquiry"
            " coordination_record department_list household_list interest_declaration danger_report"
        )
        subjects = (state.unit or "",) if ground is r.Ground.SUBJECT_SKIPPED else ()
        evidence = tuple(Evidence(kind=kind, reference="记录") for kind in kinds.split())
        return r.EscalateCase(
            actor=SUPERVISOR, ground=ground, evidence=evidence, subjects=subjects, line="110"
        )

    def _reply(self, state: WorkOrder, rng: Random) -> r.ReplyCase:
        solved = rng.random() < 0.85
        unit = state.place or "GL"
        check = r.OnSiteCheck(unit=unit, matches=solved or rng.random() < 0.5)
        return r.ReplyCase(
            actor=_owner(state), result="已办理", solved=solved, explanation=_WORDS, check=check
        )

    def _resume(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        resumed = r.ResumeCase(actor=_owner(state), reason=_WORDS)
        return (often(rng, 400), resumed) if rng.random() < 0.5 else None

    def _call_back(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        if state.claim is None and rng.random() < 0.3:
            return often(rng, 10), r.ClaimCallback(actor=rng.choice((OPERATOR, _OTHER_OPERATOR)))
        hours, resolved = (0.2 if state.claim else often(rng, 20)), rng.random() < 0.8
        satisfied = resolved and rng.random() < 0.9
        chance = rng.random()
        if chance < 0.15:
            return hours, GiveFeedback(contacted=True, resolved=resolved, satisfied=satisfied)
        if chance < 0.35:
            return max(hours, 25), r.RecordCallback(actor=OPERATOR, contacted=False)
        return hours, r.RecordCallback(
            actor=OPERATOR,
            contacted=True,
            resolved=resolved,
            satisfied=satisfied,
            responded=rng.random() < 0.9,
            lawful=rng.random() < 0.1,
        )

    def _reopen(self, state: WorkOrder, _: datetime, rng: Random) -> Plan | None:
        """Some residents find that it is not settled; some of them too late, or where it cannot be reopened."""
        return (rng.uniform(1, 500), ReopenCase(reason="又坏了")) if rng.random() < 0.1 else None

    def _slow(self, state: WorkOrder, rng: Random, hours: float) -> float:
        return often(rng, hours * _SLOWNESS[state.urgency])


def _owner(state: WorkOrder) -> Actor:
    return Actor(subject="handler", role="handler", unit=state.unit)
