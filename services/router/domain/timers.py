"""What a clock that ran out brings about: a reminder, a supervision, a lapse - never silence."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from chassis.decider import TimerDue
from schemas import router as r
from schemas.department import EndReason, ReminderKind
from schemas.message import Event
from services.router.domain.case import Desk, ended, remind
from services.router.domain.clocks import SUPERVISED
from services.router.domain.handling import Handling
from services.router.domain.oversight import Oversight
from services.router.domain.registration import FIRST_RECEIVER, Register
from services.router.domain.routing import Routing, Terms
from services.router.domain.steering import Steering
from services.router.domain.workorder import TO_SIGN, S, WorkOrder

URGENT: Final = 1
"""Life or property (domain.md §7)."""
HOTLINE_WAITS: Final = {"triage": ReminderKind.TRIAGE, "callback": ReminderKind.CALLBACK}
LAPSED: Final = "期限内无人审定"


class Timers:
    """One method for each clock. Each answer's last clocked event no longer carries the clock, or a later one."""

    def __init__(
        self,
        desk: Desk,
        routing: Routing,
        register: Register,
        handling: Handling,
        steering: Steering,
        oversight: Oversight,
    ) -> None:
        self._desk, self._routing, self._register = desk, routing, register
        self._handling, self._steering, self._oversight = handling, steering, oversight
        self._answers: dict[str, Callable[[WorkOrder, datetime], list[Event]]] = {
            "triage": lambda s, at: self._waits(s, "triage", at),
            "triage_supervise": lambda s, at: self._still_waits(s, "triage", at),
            "callback": lambda s, at: self._waits(s, "callback", at),
            "callback_supervise": lambda s, at: self._still_waits(s, "callback", at),
            "adjudicate": self._adjudicate,
            "adjudicate_supervise": self._undecided_objection,
            "decide": self._undecided_request,
            "sign": self._sign,
            "sign_supervise": self._unsigned,
            "object": self._objection_lapses,
            "contact": self._contact,
            "contact_supervise": self._uncontacted,
            "mark": self._at_risk,
            "handle": self._expired,
            "supervise": self._supervise,
            "escalate": self._silent,
            "emergency": self._unconfirmed,
            "resume": self._resume,
            "archive": self._archive,
        }

    def fired(self, state: WorkOrder, timer: TimerDue, at: datetime) -> list[Event]:
        """Answer a due timer; one that is not due in this state, with nothing."""
        if not state.is_due(timer.name, at) or timer.name not in self._answers:
            return []
        return self._moved(state, timer.name, at) or self._answers[timer.name](state, at)

    def _moved(self, state: WorkOrder, name: str, at: datetime) -> list[Event]:
        """domain.md §6: a provisional time that the schedule published since then puts off does not run out."""
        term = state.term(name)
        if term is None or not term.provisional:
            return []
        terms, changed = self._desk.clocks.recomputed(state)
        is_put_off = any(fresh.name == name and fresh.at > at for fresh in terms)
        return [r.DeadlineRecomputed(terms=terms, changed=changed)] if is_put_off else []

    def _hotline(self, state: WorkOrder) -> str:
        """Who is reminded that the hotline's work waits: the hotline centre, or whoever keeps its cases."""
        return self._desk.keeper(state.subjects) or state.unit or self._desk.hotline

    def _waits(self, state: WorkOrder, name: str, at: datetime) -> list[Event]:
        unit = self._hotline(state)
        terms = (*state.without(name), self._desk.supervision(state, name, at))
        return [
            r.DeadlineReminded(terms=terms, unit=unit, term=name),
            remind(state, unit, HOTLINE_WAITS[name]),
        ]

    def _still_waits(self, state: WorkOrder, name: str, at: datetime) -> list[Event]:
        """A wait that only a human can end is supervised again and again."""
        unit = self._hotline(state)
        terms = (*state.without(name + SUPERVISED), self._desk.supervision(state, name, at))
        supervised = r.CaseSupervised(terms=terms, unit=unit, term=name)
        return [supervised, remind(state, unit, ReminderKind.SUPERVISED)]

    def _adjudicate(self, state: WorkOrder, at: datetime) -> list[Event]:
        unit = self._hotline(state)
        terms = (*state.without("adjudicate"), self._desk.supervision(state, "adjudicate", at))
        reminded = r.DeadlineReminded(terms=terms, unit=unit, term="adjudicate")
        return [reminded, remind(state, unit, ReminderKind.ADJUDICATE)]

    def _undecided_objection(self, state: WorkOrder, at: datetime) -> list[Event]:
        """An objection that nobody decides lapses: the first receiver keeps the case (R-HOT-06)."""
        rejected = self._steering.rejected(state, LAPSED, at, lapsed=True)
        return [rejected, self._decided(state)]

    def _undecided_request(self, state: WorkOrder, at: datetime) -> list[Event]:
        """A request that nobody decides is refused; the time runs as before."""
        if state.pending == "suspension":
            suspension = self._oversight.suspension(state, LAPSED, at, None, lapsed=True)
            return [suspension, self._decided(state)]
        return [self._oversight.extension(state, LAPSED, granted=False, lapsed=True), self._decided(state)]

    def _decided(self, state: WorkOrder) -> Event:
        return remind(state, state.unit or "", ReminderKind.DECIDED)

    def _sign(self, state: WorkOrder, at: datetime) -> list[Event]:
        return self._remind_unit(state, "sign", ReminderKind.SIGN, at)

    def _contact(self, state: WorkOrder, at: datetime) -> list[Event]:
        return self._remind_unit(state, "contact", ReminderKind.CONTACT, at)

    def _remind_unit(self, state: WorkOrder, name: str, kind: ReminderKind, at: datetime) -> list[Event]:
        unit = state.unit or ""
        terms = (*state.without(name), self._desk.supervision(state, name, at))
        return [r.DeadlineReminded(terms=terms, unit=unit, term=name), remind(state, unit, kind)]

    def _unsigned(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-HOT-10: refusing to receive is supervised, and the order counts as signed."""
        supervised = r.CaseSupervised(
            terms=state.without("sign_supervise"), unit=state.unit or "", term="sign"
        )
        return [
            supervised,
            remind(state, state.unit or "", ReminderKind.SUPERVISED),
            self._deemed_signed(state, at),
        ]

    def _deemed_signed(self, state: WorkOrder, at: datetime) -> r.AssignmentSigned:
        terms = self._handling.signed_terms(state, at)
        return r.AssignmentSigned(terms=terms, unit=state.unit or "", deemed=True)

    def _objection_lapses(self, state: WorkOrder, _: datetime) -> list[Event]:
        return [r.ObjectionLapsed(terms=state.without("object"), unit=state.unit or "")]

    def _uncontacted(self, state: WorkOrder, _: datetime) -> list[Event]:
        terms = state.without("contact_supervise")
        unit = state.unit or ""
        return [
            r.CaseSupervised(terms=terms, unit=unit, term="contact"),
            remind(state, unit, ReminderKind.SUPERVISED),
        ]

    def _at_risk(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-CARD-01: the yellow plate; helpers that owe their part are reminded (R-HOT-06)."""
        handle = state.term("handle")
        due = handle.at if handle else at
        unit = state.unit or ""
        risk = r.DeadlineAtRisk(terms=state.without("mark"), unit=unit, handle_by=due)
        return [risk, remind(state, unit, ReminderKind.YELLOW, due), *self._helpers(state, due)]

    def _helpers(self, state: WorkOrder, due: datetime) -> list[Event]:
        return [remind(state, s.unit, ReminderKind.HELP, due) for s in state.helpers if not s.answered]

    def _expired(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-LAD-08, R-HOT-08: remind the unit and, but in a procedure, ask the resident; supervision follows."""
        events: list[Event] = [self._deemed_signed(state, at)] if state.status in TO_SIGN else []
        if state.pending is not None:
            events += self._undecided_request(state, at)
        unit = state.unit or ""
        handle = state.term("handle")
        due = handle.at if handle else at
        supervise = self._desk.clocks.start("supervise", self._desk.rules(state)["supervise"], at)
        breach = r.DeadlineBreached(
            terms=(supervise,), unit=unit, breaches=state.breaches + 1, again=state.overdue
        )
        overdue = remind(state, unit, ReminderKind.OVERDUE, due)
        told = [*events, breach, overdue, *self._helpers(state, due)]
        if state.procedure is not None:  # its own way on: no callback, no second breach
            return told
        if state.warned and (lifted := self._steering.breached_again(state, at)):
            return [*told, *lifted]
        return [*told, self._routing.callback("expired", at, supervise)]

    def _supervise(self, state: WorkOrder, at: datetime) -> list[Event]:
        """The red plate (R-CARD-01): overdue and supervised, still the same owner (R-LAD-08)."""
        unit = state.unit or ""
        return [
            r.CaseSupervised(terms=self._desk.warned(state, at), unit=unit, term="handle"),
            remind(state, unit, ReminderKind.SUPERVISED),
        ]

    def _silent(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-LAD-02: supervised and still without an answer is a second breach; at the top, supervised again."""
        unit = state.unit or ""
        supervise = self._desk.clocks.start("supervise", self._desk.rules(state)["supervise"], at)
        terms = (*state.without("escalate"), supervise)
        breach = r.DeadlineBreached(terms=terms, unit=unit, breaches=state.breaches + 1, again=state.overdue)
        lifted = self._steering.breached_again(state, at)
        return [breach, remind(state, unit, ReminderKind.OVERDUE), *lifted]

    def _archive(self, state: WorkOrder, _: datetime) -> list[Event]:
        """The end; the authority of a named exit goes on in its own procedure, no longer here."""
        left = [state.receiver] if state.receiver else []
        return [r.CaseArchived(), *ended(state, EndReason.CLOSED, left)]

    def _unconfirmed(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-HOT-13: still unclear, so it becomes a work order, with the times of life and property (urgency 1); the
        hotline hears that its line never answered."""
        hotline = self._hotline(state)
        reminded = r.DeadlineReminded(terms=state.without("emergency"), unit=hotline, term="emergency")
        urgent = state.model_copy(update={"urgency": URGENT})
        ordered = self._register.after_emergency(urgent, FIRST_RECEIVER, Terms(), at)
        return [reminded, remind(state, hotline, ReminderKind.OVERDUE), *ordered]

    def _resume(self, state: WorkOrder, at: datetime) -> list[Event]:
        """The day on which a suspended case comes back (R-GRD-02)."""
        if state.status is not S.SUSPENDED:
            return []
        terms = self._handling.resumed_terms(state, at)
        return [r.CaseResumed(terms=terms, reason="挂账期限届满", lapsed=True)]
