"""The unit's own acts: sign, object, contact, progress, ask, help, reply (R-HOT-05…07, R-GRD-02)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import router as r
from schemas.department import AssignmentRole, HandlingMode
from schemas.jurisdiction import Rung
from schemas.message import Event
from services.router.domain.assignments import assigned
from services.router.domain.case import Desk
from services.router.domain.clocks import SUPERVISED
from services.router.domain.ladder import BODIES
from services.router.domain.routing import Routing
from services.router.domain.workorder import TO_SIGN, WORKING, S, WorkOrder

WHISTLED_FROM: Final = TO_SIGN | WORKING | {S.SIGNED, S.REDO}
CONTACTED_FROM: Final = WORKING | {S.SIGNED, S.REDO}
_BEFORE_A_REPLY: Final[Mapping[S | None, str]] = {
    S.DISPATCHED: "sign the order and record the contact with the resident first",
    S.DISPATCHED_LOCKED: "sign the order and record the contact with the resident first",
    S.SIGNED: "record the contact with the resident first",
    S.REDO: "record the contact with the resident first",
    S.SUSPENDED: "resume the case first",
}
"""What a unit has to do before it can reply, by the status of its case."""


class Handling:
    """What the responsible unit and its helpers do."""

    def __init__(self, desk: Desk, routing: Routing) -> None:
        self._desk, self._routing = desk, routing

    def sign(self, state: WorkOrder, c: r.SignAssignment, at: datetime) -> Decision:
        """签收: the contact clock starts, the time to object is over."""
        if state.status not in TO_SIGN:
            return wrong_status(state, "signed", TO_SIGN)
        return [r.AssignmentSigned(by=c.actor, terms=self.signed_terms(state, at), unit=state.unit or "")]

    def signed_terms(self, state: WorkOrder, at: datetime) -> tuple[r.Term, ...]:
        """The clocks after signing."""
        rules = self._desk.rules(state)
        kept = state.without("sign", "sign" + SUPERVISED, "object")
        return (self._desk.clocks.start("contact", rules["contact"], at), *kept)

    def object(self, state: WorkOrder, c: r.ObjectAssignment, at: datetime) -> Decision:
        """R-HOT-05: once, before signing, within the time to object; a designated unit never."""
        if state.status is S.DISPATCHED_LOCKED:
            return Refused("LOCKED", "a unit designated by review or instruction acts first and argues later")
        if state.status is not S.DISPATCHED:
            return wrong_status(state, "objected to", {S.DISPATCHED})
        window = state.term("object")
        if window is None or window.at <= at:
            return Refused("TOO_LATE", "the time to object has passed; sign the order and act")
        if c.proposed is not None and c.proposed not in self._desk.jurisdiction.units:
            return Refused("UNKNOWN_UNIT", "propose a unit of this jurisdiction, or none", "proposed")
        if c.proposed is not None and self._desk.jurisdiction.current(c.proposed) == state.unit:
            return Refused(
                "SAME_UNIT", f"{state.unit} has the case; propose another unit, or none", "proposed"
            )
        terms = (self._desk.asked(state, "adjudicate", at), *state.only("handle", "mark"))
        unit = state.unit or ""
        return [
            r.AssignmentObjected(by=c.actor, terms=terms, unit=unit, reason=c.reason, proposed=c.proposed)
        ]

    def contact(self, state: WorkOrder, c: r.RecordContact, at: datetime) -> Decision:
        """BJ15: the unit listened to the resident; handling begins."""
        if state.status not in CONTACTED_FROM:
            return wrong_status(state, "contacted", CONTACTED_FROM)
        terms = state.without("contact", "contact" + SUPERVISED)
        return [r.ContactRecorded(by=c.actor, terms=terms, unit=state.unit or "", note=c.note)]

    def progress(self, state: WorkOrder, c: r.ReportProgress, at: datetime) -> Decision:
        """The unit is at work; handling begins, or goes on in extended time. The duty to contact stays."""
        if state.status not in CONTACTED_FROM:
            return wrong_status(state, "worked on", CONTACTED_FROM)
        return [r.ProgressReported(by=c.actor, terms=state.terms, unit=state.unit or "", note=c.note)]

    def ask_extension(self, state: WorkOrder, c: r.RequestExtension, at: datetime) -> Decision:
        """R-HOT-07: more time needs a reason, once per owner, before the time is over."""
        if wrong := self._may_ask(state, at):
            return wrong
        if state.extended:
            return Refused("EXTENDED_ALREADY", "the unit has had its one extension")
        handle = state.term("handle")
        longer = self._desk.clocks.extended(handle, c.days)[0].at if handle else at
        if handle and longer > self._desk.clocks.longest_extension(handle.at):
            return Refused("TOO_LONG", "ask for fewer days; the configured extension is the longest", "days")
        terms = (*state.without("decide"), self._desk.asked(state, "decide", at))
        unit = state.unit or ""
        return [r.ExtensionRequested(by=c.actor, terms=terms, unit=unit, reason=c.reason, days=c.days)]

    def ask_suspension(self, state: WorkOrder, c: r.RequestSuspension, at: datetime) -> Decision:
        """R-GRD-02: insoluble for now; needs a justification and an approval."""
        if wrong := self._may_ask(state, at):
            return wrong
        terms = (*state.without("decide"), self._desk.asked(state, "decide", at))
        return [r.SuspensionRequested(by=c.actor, terms=terms, unit=state.unit or "", reason=c.reason)]

    def _may_ask(self, state: WorkOrder, at: datetime) -> Refused | None:
        if state.status not in WORKING:
            return wrong_status(state, "extended or suspended", WORKING)
        if state.pending is not None:
            return Refused("PENDING", f"a request for {state.pending} waits for its decision")
        handle = state.term("handle")
        if handle is None or handle.at <= at:
            return Refused("TOO_LATE", "the handling time is over")
        return None

    def resume(self, state: WorkOrder, c: r.ResumeCase, at: datetime) -> Decision:
        """Off the suspended register; the rest of the time runs from now."""
        if state.status is not S.SUSPENDED:
            return wrong_status(state, "resumed", {S.SUSPENDED})
        return [r.CaseResumed(by=c.actor, terms=self.resumed_terms(state, at), reason=c.reason)]

    def resumed_terms(self, state: WorkOrder, at: datetime) -> tuple[r.Term, ...]:
        """The clocks after a suspension."""
        return (*state.without("resume", "handle", "mark"), *self._desk.clocks.resumed(state, at))

    def help(self, state: WorkOrder, c: r.DeliverHelp, at: datetime) -> Decision:
        """R-HOT-06: a helper delivers its part to the lead, or reports its reasons."""
        seats = [s for s in state.helpers if self._desk.acts_for(c.actor, s.unit)]
        seats.sort(key=lambda seat: (seat.unit != c.actor.unit, seat.answered))
        own = [seat.unit for seat in seats]
        if not own:
            return Refused("NOT_HELPER", "only a unit that was asked to help this case can deliver")
        return [r.HelpDelivered(by=c.actor, unit=own[0], done=c.done, note=c.note)]

    def reply(self, state: WorkOrder, c: r.ReplyCase, at: datetime) -> Decision:
        """Say what was done; unsolved needs an explanation, component matters a check that matches (R-GRD-02)."""
        expired = state.status is S.CALLBACK and not state.replied
        handle = state.term("handle")
        late = expired or (handle is not None and handle.at <= at)
        if state.status not in WORKING and not expired:
            return wrong_status(state, "replied to", WORKING, _BEFORE_A_REPLY.get(state.status, ""))
        if (late or not c.solved) and not c.explanation:
            reason = "R-HOT-07: lateness, or an unsolved matter, is explained to the resident"
            return Refused("EXPLANATION_NEEDED", reason, "explanation")
        if wrong := self._check(state, c):
            return wrong
        replied = r.CaseReplied(
            by=c.actor,
            unit=state.unit or "",
            result=c.result,
            solved=c.solved,
            explanation=c.explanation,
            check=c.check,
            undelivered=tuple(s.unit for s in state.helpers if not s.answered),
            late=late,
            breached=late and state.overdue,
        )
        return [replied, self._routing.callback("replied", at)]

    def _check(self, state: WorkOrder, c: r.ReplyCase) -> Refused | None:
        if c.check is not None and c.check.unit not in self._desk.jurisdiction.units:
            return Refused("UNKNOWN_UNIT", "name the unit that looked, one of this jurisdiction", "check")
        if c.check is not None and self._desk.ladder.interested(c.check.unit, state.subjects):
            return Refused("INTERESTED", f"R-LAD-04: {c.check.unit} checks nothing in this case", "check")
        if c.check is not None and self._desk.jurisdiction.current(c.check.unit) == state.unit:
            reason = f"R-GRD-02: {state.unit} did the work; name another unit that looked at it"
            return Refused("OWN_WORK", reason, "check")
        if c.check is not None and not self._is_on_the_spot(state, c.check.unit):
            reason = f"R-GRD-02: {c.check.unit} is not of the place; one of its area looks, or a helper"
            return Refused("NOT_ON_THE_SPOT", reason, "check")
        if c.check is not None and c.solved and not c.check.matches:
            return Refused(
                "CHECK_MISMATCH", "the check on the spot does not match; go on or ask to suspend", "check"
            )
        needed = self._desk.policy.checks.decide(self._desk.ladder.matter_key(state.matter))
        if c.solved and c.check is None and needed.then["check"] == "required":
            return Refused("CHECK_NEEDED", "this matter is closed only after a check on the spot", "check")
        return None

    def _is_on_the_spot(self, state: WorkOrder, unit: str) -> bool:
        """Whether the unit has the place in its area, or helps with the case."""
        helps = any(seat.unit == unit for seat in state.helpers)
        place = state.place or self._desk.ladder.district
        nowhere = place == self._desk.ladder.district
        return helps or nowhere or self._desk.jurisdiction.in_scope(unit, place)

    def whistle(self, state: WorkOrder, c: r.WhistleDepartments, at: datetime) -> Decision:
        """R-HOT-12: the street summons departments; all of them, and the street, get an assignment."""
        if state.status not in WHISTLED_FROM:
            return wrong_status(state, "whistled for", WHISTLED_FROM)
        j = self._desk.jurisdiction
        street = j.territorial(state.place or self._desk.ladder.district, Rung.STREET)
        if not self._desk.acts_for(c.actor, street):
            return Refused(
                "NOT_THE_STREET", f"only {street}, a unit above it or a supervisor of the centre may whistle"
            )
        if wrong := self._unfit(state, c.units):
            return wrong
        present = {seat.unit for seat in state.seats()}
        called = dict.fromkeys(j.current(unit) for unit in (*c.units, street))
        summoned = [unit for unit in called if unit not in present]
        if self._desk.ladder.interested(street, state.subjects) and street in summoned:
            summoned.remove(street)
        if not summoned:
            return Refused("ALREADY_HERE", "all these units have an assignment in this case", "units")
        seats = tuple(r.SeatGiven(unit=u, number=state.issued + i) for i, u in enumerate(summoned, 1))
        source = f"R-HOT-12: BJ16 {c.occasion}"
        whistled = r.DepartmentsWhistled(
            by=c.actor, street=street, helpers=seats, reason=c.reason, source=source
        )
        return [whistled, *(self._summoned(state, seat) for seat in seats)]

    def _unfit(self, state: WorkOrder, units: tuple[str, ...]) -> Refused | None:
        known = self._desk.jurisdiction.units
        for unit in units:
            if unit not in known or known[unit].kind not in BODIES:
                return Refused("UNKNOWN_UNIT", f"{unit} is no department or public body here", "units")
            if self._desk.ladder.interested(self._desk.jurisdiction.current(unit), state.subjects):
                return Refused("INTERESTED", f"{unit} is complained of or under a unit that is", "units")
        return None

    def _summoned(self, state: WorkOrder, seat: r.SeatGiven) -> Event:
        role, mode = AssignmentRole.HELPER, HandlingMode.JOINT
        return assigned(
            state, seat.unit, seat.number, role, lead=state.unit, mode=mode, terms=state.only("handle")
        )


def wrong_status(state: WorkOrder, done: str, allowed: frozenset[S] | set[S], hint: str = "") -> Refused:
    """The machine has no such edge."""
    states = ", ".join(sorted(allowed))
    now = state.status or "unknown"
    reason = f"a case can be {done} in {states}; it is {now}" + (f" - {hint}" if hint else "")
    return Refused("WRONG_STATUS", reason)
