"""Ending without a (whole) agreement: always with the reason and the notice of the other ways (R-MED-10, 12)."""

from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Actor, Event
from schemas.router import Term
from services.mediation.domain.desk import Desk
from services.mediation.domain.state import Mediation


class Ending:
    """Termination, the notice of routes, and the report to the police."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def terminate(self, state: Mediation, c: m.TerminateMediation, at: datetime) -> Decision:
        """R-MED-04, R-MED-12: for a reason that the law knows."""
        reason = m.TerminationReason(c.reason)
        if reason is m.TerminationReason.UNSIGNED and state.draft is None:
            return Refused("NO_DRAFT", "nobody can refuse to sign before an agreement is drafted", "reason")
        if c.asks_higher and reason is m.TerminationReason.RECONCILED:
            return Refused(
                "SETTLED", "parties that settled it themselves ask for no higher rung", "asks_higher"
            )
        return self.terminated(state, reason, at, c.actor, note=c.note, asks_higher=c.asks_higher)

    def terminated(
        self,
        state: Mediation,
        reason: m.TerminationReason,
        at: datetime,
        by: Actor | None = None,
        *,
        note: str = "",
        asks_higher: bool = False,
    ) -> list[Event]:
        """The end and the notice. What runs of a confirmation goes on."""
        terms = tuple(term for term in state.terms if term.name in {"confirm", "court"})
        over = m.MediationTerminated(by=by, terms=terms, reason=reason, note=note, asks_higher=asks_higher)
        return [over, self.informed(state, terms, at, by)]

    def informed(
        self,
        state: Mediation,
        terms: tuple[Term, ...],
        at: datetime,
        by: Actor | None = None,
        *,
        with_agreement: bool = False,
    ) -> m.RoutesInformed:
        """The notice of the ways that stand open; a confirmed agreement that is broken can be enforced (TJ33)."""
        return m.RoutesInformed(
            by=by,
            terms=terms,
            routes=self._desk.routes(state, at, with_agreement=with_agreement),
            enforceable=with_agreement and state.confirmation is m.Confirmation.CONFIRMED,
        )

    def report(self, state: Mediation, c: m.ReportToPolice, at: datetime) -> Decision:
        """R-MED-11: whenever it may come to a public-order or criminal case; the mediation itself goes on."""
        if not state.is_open:
            return Refused("OVER", "the mediation is over; call 110")
        return [
            m.PoliceInformed(
                by=c.actor, terms=state.terms, unit=self._desk.mediators.police, risk=c.risk, note=c.note
            )
        ]
