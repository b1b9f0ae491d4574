"""Sessions with their record, and the time they may take (R-MED-04, R-MED-06, R-MED-15)."""

from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from services.mediation.domain.clocks import is_before
from services.mediation.domain.desk import Desk
from services.mediation.domain.state import Mediation
from services.terms import day_of


class Sessions:
    """What happens while the parties are mediated."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def schedule(self, state: Mediation, c: m.ScheduleSession, at: datetime) -> Decision:
        """Tell the parties, in time where the law says how long before."""
        if c.at <= at:
            return Refused("IN_THE_PAST", "the session must lie ahead", "at")
        if state.is_late(c.at):
            return Refused("AFTER_THE_TERM", "the time of the mediation is over by then", "at")
        days = self._desk.procedure(state).notice_days
        if (day_of(c.at) - day_of(at)).days < days:
            return Refused("SHORT_NOTICE", f"the parties are told {days} days before the session", "at")
        return [m.SessionScheduled(by=c.actor, terms=state.terms, at=c.at, told_at=at)]

    def hold(self, state: Mediation, c: m.HoldSession, at: datetime) -> Decision:
        """TJ27: every session is recorded; it is open only where the parties let it be (R-MED-04)."""
        if not state.mediators:
            return Refused("NO_MEDIATOR", "assign a mediator first (R-MED-02)")
        if empty := self._desk.empty_seats(state):
            return Refused("SEATS", f"assign anew: nobody has the seat {', '.join(empty)} of the panel")
        held = c.held_at or at
        if held > at:
            return Refused("IN_THE_FUTURE", "record a session after it was held", "held_at")
        if state.accepted_at and is_before(held, state.accepted_at):
            agreed = state.accepted_at.isoformat()
            return Refused("BEFORE_CONSENT", f"R-MED-03: the parties agreed at {agreed}", "held_at")
        if late := self.too_late(state, held):
            return late
        if c.open and not self._desk.may_be_open(state):
            return Refused("CLOSED", "R-MED-04: it is public only where the parties let it be", "open")
        if unknown := sorted(set(c.attended) - set(state.labels)):
            return Refused("UNKNOWN_PARTY", f"{', '.join(unknown)}: no party of this mediation", "attended")
        if len(set(c.attended)) != len(c.attended):
            return Refused("SAME_LABEL", "name each party that was there once", "attended")
        needs_notice = self._desk.procedure(state).notice_days > 0
        if needs_notice and (state.session_at is None or held < state.session_at):
            return Refused(
                "NOT_SCHEDULED", "schedule the session first; it is not held before its time", "held_at"
            )
        return [
            m.SessionHeld(
                by=c.actor,
                terms=state.terms,
                number=state.sessions + 1,
                held_at=held,
                open=c.open,
                attended=c.attended,
                online=c.online,
            )
        ]

    def too_late(self, state: Mediation, at: datetime) -> Refused | None:
        """Refuse what was done after the time of the mediation."""
        if state.is_late(at):
            return Refused(
                "EXPIRED", "the time of the mediation is over; it ends with the notice of other ways"
            )
        return None

    def prolong(self, state: Mediation, c: m.ProlongMediation, at: datetime) -> Decision:
        """R-MED-06: longer if all agree, where this kind of mediation can be prolonged."""
        procedure = self._desk.procedure(state)
        if not procedure.prolongable:
            return Refused("FIXED_TERM", f"{procedure.code} has a fixed time ({procedure.source})")
        if state.appraisal_since:
            return Refused("STANDS_STILL", "the time stands still during an appraisal; prolong it afterwards")
        term = state.term("mediate")
        if term is None or term.at <= at:
            return Refused("EXPIRED", "agree on more time before it is over")
        if set(c.agreed) != set(state.labels):
            return Refused("ALL_AGREE", f"all parties must agree: {', '.join(state.labels)}", "agreed")
        longer = self._desk.clocks.prolonged(term, c.days, "R-MED-06")
        return [m.TermProlonged(by=c.actor, terms=(*state.without("mediate"), longer), days=c.days)]

    def start_appraisal(self, state: Mediation, c: m.StartAppraisal, at: datetime) -> Decision:
        """R-MED-15, OM26: the time of an appraisal does not count."""
        procedure = self._desk.procedure(state)
        if not procedure.appraisal_excluded:
            return Refused("COUNTS", f"in {procedure.code} an appraisal does not stop the time")
        if state.appraisal_since:
            return Refused("STANDS_STILL", "an appraisal is under way already")
        if late := self.too_late(state, at):
            return late
        return [m.AppraisalStarted(by=c.actor, terms=state.terms, since=at, reason=c.reason)]

    def end_appraisal(self, state: Mediation, c: m.EndAppraisal, at: datetime) -> Decision:
        """The days that were left run from now."""
        term = state.term("mediate")
        if state.appraisal_since is None or term is None:
            return Refused("NO_APPRAISAL", "no appraisal is under way")
        rest = self._desk.clocks.resumed(term, state.appraisal_since, at)
        return [m.AppraisalEnded(by=c.actor, terms=(*state.without("mediate"), rest))]
