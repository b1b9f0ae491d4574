"""What every part of the domain needs: jurisdiction, policy, clocks, and small makers of events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from chassis.calendar import WorkingCalendar
from chassis.decider import Refused
from schemas.department import DepartmentAssignmentEnded, DepartmentReminded, EndReason, ReminderKind
from schemas.jurisdiction import Jurisdiction, Rung
from schemas.message import Actor, Event
from schemas.router import Ground, NamedExit, Outcome, Route, Term
from services.router.domain.clocks import SUPERVISED, Clocks
from services.router.domain.ladder import Ladder, Placement
from services.router.domain.workorder import Seat, WorkOrder
from services.router.policy.model import Policy
from services.router.policy.tables import Row
from services.terms import day_of

OPERATOR: Final = "operator"
SUPERVISOR: Final = "supervisor"


class Desk:
    """The shared working place of the router's decisions; pure."""

    def __init__(self, jurisdiction: Jurisdiction, policy: Policy, calendar: WorkingCalendar) -> None:
        self.jurisdiction, self.policy = jurisdiction, policy
        self.ladder = Ladder(jurisdiction, policy)
        self.clocks = Clocks(jurisdiction.deadlines, policy, calendar)
        self.hotline = jurisdiction.hotline
        matters = jurisdiction.matters.values()
        self.sealed_exits = frozenset(matter.legal_exit for matter in matters if matter.sealed)
        """R-PET-10: what goes by one of these is sealed, whatever matter it is."""
        self.bare_route = Route(policy=policy.version, jurisdiction=jurisdiction.version)

    def keeper(self, subjects: Sequence[str]) -> str | None:
        """Who keeps a case that no unit handles: the hotline centre, else the district, else nobody."""
        for unit in (self.hotline, self.ladder.district):
            if not subjects or not self.ladder.interested(unit, subjects):
                return unit
        return None

    def exit(self, code: str) -> NamedExit:
        """A legal exit of the jurisdiction as events carry it."""
        found = self.jurisdiction.legal_exits[code]
        return NamedExit(code=found.code, name=found.name, authority=found.authority, source=found.source)

    def way(self, code: str) -> NamedExit:
        """A way of review: one of the policy's own, else a legal exit (R-LAD-06)."""
        own = self.policy.settings.reviews.get(code)
        if own is None:
            return self.exit(code)
        return NamedExit(code=code, name=own.name, authority=own.authority, source=own.source)

    def reopen_until(self, state: WorkOrder, outcome: Outcome, at: datetime) -> datetime | None:
        """R-HOT-08: before which instant a case closed now may be reopened; None: it may not (any more)."""
        then = self.policy.reopenings.decide(outcome, state.track).then
        if state.reopened >= int(then["most"]):
            return None
        return self.clocks.start("reopen", then["window"], at).at

    def department_that_waits(self, case: WorkOrder, unit: str | None, rung: int) -> str | None:
        """R-LAD-07: the department of the rung before which `unit` has, or is to have, the case."""
        place = case.place or self.ladder.district
        return self.ladder.department_that_waits(case.matter, rung, place, unit, case.subjects)

    def onward(
        self,
        case: WorkOrder,
        had: str | None,
        lowest: int,
        at: datetime,
        beyond: str | None = None,
        *,
        mediated: bool = False,
    ) -> Placement:
        """The lowest lawful unit from the rung `lowest` up, never below that of place and parties (R-LAD-01).

        R-LAD-07: once a department had the case (`had`), none waits for a mediation any more. `beyond` and
        `mediated` as in `Ladder.place`.
        """
        place = case.place or self.ladder.district
        _, common = self.ladder.common_rung(place, case.parties)
        mediated = mediated or self.ladder.is_body(had)
        from_rung, day = max(lowest, common), day_of(at)
        return self.ladder.place(case.matter, place, case.subjects, from_rung, day, beyond, mediated=mediated)

    def escalation(self, state: WorkOrder, ground: Ground) -> Row:
        """R-LAD-02, R-LAD-06, R-LAD-10: whether the ground lifts the case from where it is, and by what proof."""
        matter = self.ladder.matter_key(state.matter)
        rung = int(Rung.DISTRICT) if state.rung is None else state.rung
        department = "waits" if self.department_that_waits(state, state.unit, rung) else "none"
        return self.policy.escalations.decide(ground, str(rung), state.track, matter, department)

    def rules(self, state: WorkOrder) -> Mapping[str, str]:
        """The deadline rules by which the case's times run (domain.md §6)."""
        return self.policy.terms.decide(state.kind, str(state.urgency)).then

    def asked(self, state: WorkOrder, name: str, at: datetime) -> Term:
        """The time to decide on an objection or a request (R-HOT-05, R-HOT-07)."""
        return self.clocks.start(name, self.rules(state)["adjudicate"], at)

    def supervision(self, state: WorkOrder, name: str, at: datetime) -> Term:
        """From the reminder about `name` to its supervision (R-LAD-08)."""
        own = self.rules(state)["supervise"]
        rule = self.policy.settings.clocks.supervise if name == "callback" else own
        return self.clocks.start(name + SUPERVISED, rule, at)

    def warned(self, state: WorkOrder, at: datetime) -> tuple[Term, ...]:
        """The clocks after supervision: whoever stays silent is at the second breach next (R-LAD-02).

        In a procedure nothing climbs for lateness; its unit is supervised until the procedure goes on (R-PET-14).
        """
        terms = state.without("supervise")
        if not state.overdue or state.replied or state.term("escalate") is not None:
            return terms
        next_ = "escalate" if state.procedure is None else "supervise"
        return (*terms, self.clocks.start(next_, self.rules(state)["escalate"], at))

    def barred(self, state: WorkOrder, actor: Actor) -> Refused | None:
        """R-LAD-04, R-HOT-14: an interested unit does nothing with the case, whatever its role."""
        if actor.unit is not None and self.ladder.interested(actor.unit, state.subjects):
            return Refused(
                "INTERESTED", "the unit complained of, and all that it controls, must recuse itself"
            )
        return None

    def acts_for(self, actor: Actor, unit: str | None) -> bool:
        """Whether the actor may act for the unit: a member of it or of one above it, or a supervisor of the centre.

        That the case lies in a supervisor's area does not put them over a unit that is not under theirs.
        """
        if actor.role == SUPERVISOR and self.is_centre(actor):
            return True
        current = self.jurisdiction.current(unit) if unit in self.jurisdiction.units and unit else None
        return self._controls(actor.unit, current) or (current is not None and actor.unit == unit)

    def _controls(self, above: str | None, below: str | None) -> bool:
        """Whether both are units of ours, and the one is the other or stands above it."""
        if above is None or below is None or not self.jurisdiction.units.keys() >= {above, below}:
            return False
        return self.jurisdiction.controls(above, below)

    def not_in_charge(self, state: WorkOrder, actor: Actor) -> Refused | None:
        """Refuse who does not act for the responsible unit."""
        if self.acts_for(actor, state.unit):
            return None
        return Refused(
            "NOT_RESPONSIBLE", f"only {state.unit}, a unit above it or a supervisor of the centre may do this"
        )

    def is_centre(self, actor: Actor) -> bool:
        """Whether the actor is of the hotline centre, or of the district to which it belongs."""
        return actor.unit in {self.hotline, self.ladder.district}

    def not_independent(self, state: WorkOrder, actor: Actor) -> Refused | None:
        """Nobody decides on, or checks, the work of their own unit or of one above it; the hotline centre may.

        Where the centre is complained of, whoever keeps its cases does its work, with their own cases too.
        """
        centre = self.keeper(state.subjects)
        own = bool(state.number) and self._controls(state.unit, actor.unit)
        if not own or (actor.unit == centre and (actor.unit != state.unit or centre != self.hotline)):
            return None
        return Refused(
            "OWN_CASE", f"{state.unit} is responsible for the case; the hotline centre must decide"
        )

    def oversees(self, actor: Actor, unit: str | None) -> bool:
        """Whether the actor's unit stands above the other: in the tree, or as district or its hotline centre."""
        if actor.unit == unit:
            return unit == self.ladder.district
        return self.is_centre(actor) or self._controls(actor.unit, unit)


def ended(state: WorkOrder, reason: EndReason, seats: Sequence[Seat] | None = None) -> list[Event]:
    """Tell every unit with an assignment that it is over."""
    return [
        DepartmentAssignmentEnded(unit=seat.unit, assignment=state.assignment(seat.number), reason=reason)
        for seat in (state.seats() if seats is None else seats)
    ]


def remind(
    state: WorkOrder, unit: str, kind: ReminderKind, due: datetime | None = None
) -> DepartmentReminded:
    """A reminder on the unit's own topic; number 0 where it has no assignment of this case."""
    number = next((seat.number for seat in state.seats() if seat.unit == unit), 0)
    return DepartmentReminded(unit=unit, assignment=state.assignment(number), kind=kind, due=due)
