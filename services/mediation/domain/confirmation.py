"""司法确认: both apply within thirty days of effect; the court's own dates; what it cannot confirm (R-MED-09).

Each agreement has its own window and its own way through the court.
"""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import mediation as m
from services.mediation.domain.clocks import is_before
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.state import Agreement, Mediation

COURT: Final = "court"
"""The legal exit whose authority is the court that has jurisdiction (QR2)."""


class Confirmations:
    """The application to the court and what becomes of it."""

    def __init__(self, desk: Desk, ending: Ending) -> None:
        self._desk, self._ending = desk, ending

    def file(self, state: Mediation, one: Agreement, c: m.FileConfirmation, at: datetime) -> Decision:
        """TJ33: jointly and in time. QR4: personal status, adoption, marriage; also title to property or IP."""
        if c.about != "civil":
            return Refused("EXCLUDED", "R-MED-09: the court confirms no agreement about this", "about")
        if set(c.jointly) != set(one.labels):
            return Refused("JOINTLY", f"all its parties apply together: {', '.join(one.labels)}", "jointly")
        filed = c.filed_at or at
        end = self._window_end(state, one)
        if filed > at:
            return Refused("IN_THE_FUTURE", "record it once it has happened", "filed_at")
        if end is None or filed >= end:
            return Refused("TOO_LATE", "R-MED-09: the thirty days from effect are over", "filed_at")
        if is_before(filed, one.effective_at):
            reason = f"the agreement has effect from {one.effective_at.isoformat()} on"
            return Refused("TOO_EARLY", reason, "filed_at")
        court = self._desk.jurisdiction.legal_exits[COURT].authority or COURT
        decides = self._desk.clocks.start(one.clock("court"), "mediation.court-accept", filed)
        terms = (*state.without(one.clock("confirm")), decides)
        return [
            m.ConfirmationFiled(by=c.actor, terms=terms, agreement=one.number, court=court, filed_at=filed)
        ]

    def _window_end(self, state: Mediation, one: Agreement) -> datetime | None:
        """What was withdrawn can be filed again within the same thirty days."""
        if one.confirmation is m.Confirmation.WITHDRAWN:
            return self._desk.clocks.start("confirm", "mediation.confirm-apply", one.effective_at).at
        window = state.term(one.clock("confirm"))
        return window.at if window else one.window_ended

    def accepted(
        self, state: Mediation, one: Agreement, c: m.RecordCourtAcceptance, at: datetime
    ) -> Decision:
        """QR5: fifteen days from acceptance."""
        clock = one.clock("court")
        decides = self._desk.clocks.start(clock, "mediation.court-decide", at)
        terms = (*state.without(clock), decides)
        return [m.CourtAccepted(by=c.actor, terms=terms, agreement=one.number, reference=c.reference)]

    def extended(self, state: Mediation, one: Agreement, c: m.ExtendCourtTime, at: datetime) -> Decision:
        """QR5: ten days more, once, by the court's president."""
        clock = one.clock("court")
        term = state.term(clock)
        if one.court_extended:
            return Refused("EXTENDED_ALREADY", "the court has had its one extension")
        if term is None:
            return Refused("TOO_LATE", "the court's time is over already")
        days = self._desk.jurisdiction.deadlines["mediation.court-extension"].amount
        longer = self._desk.clocks.prolonged(term, days, "QR5")
        return [m.CourtTimeExtended(by=c.actor, terms=(*state.without(clock), longer), agreement=one.number)]

    def decided(self, state: Mediation, one: Agreement, c: m.RecordCourtDecision, at: datetime) -> Decision:
        """Confirmed: enforceable. If not, the parties learn what they can do (TJ33)."""
        if c.confirmed and one.confirmation is m.Confirmation.FILED:
            return Refused("NOT_ACCEPTED_YET", "the court accepts before it confirms", "confirmed")
        terms = state.without(one.clock("court"))
        decided = m.CourtDecided(
            by=c.actor, terms=terms, agreement=one.number, confirmed=c.confirmed, reference=c.reference
        )
        if c.confirmed:
            return [decided]
        return [decided, self._ending.informed(state, terms, at, c.actor, one)]

    def withdrawn(
        self, state: Mediation, one: Agreement, c: m.WithdrawConfirmation, at: datetime
    ) -> Decision:
        """QR5: at any time before the decision."""
        terms = state.without(one.clock("court"))
        return [m.ConfirmationWithdrawn(by=c.actor, terms=terms, agreement=one.number)]
