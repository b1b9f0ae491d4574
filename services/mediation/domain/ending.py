"""Ending without a (whole) agreement: always with the reason and the notice of the other ways (R-MED-10, 12)."""

from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Actor, Event
from schemas.router import Term
from services.mediation.domain.desk import Desk
from services.mediation.domain.state import Agreement, Mediation


class Ending:
    """Termination, the notice of routes, and the report to the police."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def terminate(self, state: Mediation, c: m.TerminateMediation, at: datetime) -> Decision:
        """R-MED-04, R-MED-12: for a reason that the law knows."""
        reason = m.TerminationReason(c.reason)
        if reason is m.TerminationReason.UNSIGNED and state.draft is None:
            return Refused("NO_DRAFT", "nobody can refuse to sign before an agreement is drafted", "reason")
        reconciled = reason is m.TerminationReason.RECONCILED
        if c.asks_higher and reconciled:
            return Refused(
                "SETTLED", "parties that settled it themselves ask for no higher rung", "asks_higher"
            )
        if c.asks_higher and not state.in_petition and not self._desk.has_higher(state):
            reason_ = f"R-LAD-02: nobody has this after {state.unit}; the parties learn the other ways"
            return Refused("NO_HIGHER_RUNG", reason_, "asks_higher")
        if c.settlement and not reconciled:
            return Refused("NOT_RECONCILED", "only parties that reconciled sign one", "settlement")
        return self.terminated(
            state, reason, at, c.actor, note=c.note, asks_higher=c.asks_higher, settlement=c.settlement
        )

    def terminated(
        self,
        state: Mediation,
        reason: m.TerminationReason,
        at: datetime,
        by: Actor | None = None,
        *,
        note: str = "",
        asks_higher: bool = False,
        settlement: bool = False,
    ) -> list[Event]:
        """The end and the notice. What runs of agreements goes on."""
        terms = state.lasting()
        over = m.MediationTerminated(
            by=by, terms=terms, reason=reason, note=note, asks_higher=asks_higher, settlement=settlement
        )
        return [over, self.informed(state, terms, at, by)]

    def informed(
        self,
        state: Mediation,
        terms: tuple[Term, ...],
        at: datetime,
        by: Actor | None = None,
        agreement: Agreement | None = None,
    ) -> m.RoutesInformed:
        """The notice of the ways that stand open; a confirmed agreement that is broken can be enforced (TJ33)."""
        return m.RoutesInformed(
            by=by,
            terms=terms,
            routes=self._desk.routes(state, at, agreement),
            enforceable=agreement is not None and agreement.confirmation is m.Confirmation.CONFIRMED,
            agreement=agreement.number if agreement else None,
        )

    def report(self, state: Mediation, c: m.ReportToPolice, at: datetime) -> Decision:
        """R-MED-11: whenever it may come to a public-order or criminal case; the mediation itself goes on."""
        police = self._desk.mediators.police
        if not state.is_open and not state.followed_up():
            return Refused("OVER", "the mediation is over; call 110")
        if self._desk.interested(police, state.kept_from):
            return Refused("INTERESTED", f"R-LAD-04: {police} is complained of; report to 110, or above it")
        return [m.PoliceInformed(by=c.actor, terms=state.terms, unit=police, risk=c.risk, note=c.note)]
