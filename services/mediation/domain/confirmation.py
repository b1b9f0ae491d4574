"""司法确认: both apply within thirty days of effect; the court's own dates; what it cannot confirm (R-MED-09)."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import mediation as m
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.state import Mediation
from services.terms import day_of

COURT: Final = "court"
"""The legal exit whose authority is the court that has jurisdiction (QR2)."""


class Confirmations:
    """The application to the court and what becomes of it."""

    def __init__(self, desk: Desk, ending: Ending) -> None:
        self._desk, self._ending = desk, ending

    def file(self, state: Mediation, c: m.FileConfirmation, at: datetime) -> Decision:
        """TJ33: jointly and in time. QR4: personal status, adoption, marriage; also title to property or IP."""
        if c.about != "civil":
            return Refused("EXCLUDED", "R-MED-09: the court confirms no agreement about this", "about")
        if set(c.jointly) != set(state.labels):
            return Refused("JOINTLY", f"all parties apply together: {', '.join(state.labels)}", "jointly")
        window = state.term("confirm")
        end = window.at if window else state.window_ended
        if c.filed_at > at:
            return Refused("IN_THE_FUTURE", "record it once it has happened", "filed_at")
        if end is None or c.filed_at >= end:
            return Refused("TOO_LATE", "R-MED-09: the thirty days from effect are over", "filed_at")
        if state.effective_at and day_of(c.filed_at) < day_of(state.effective_at):
            reason = f"the agreement has effect from {day_of(state.effective_at)} on"
            return Refused("TOO_EARLY", reason, "filed_at")
        court = self._desk.jurisdiction.legal_exits[COURT].authority or COURT
        decides = self._desk.clocks.start("court", "mediation.court-accept", c.filed_at)
        terms = (*state.without("confirm"), decides)
        return [m.ConfirmationFiled(by=c.actor, terms=terms, court=court, filed_at=c.filed_at)]

    def accepted(self, state: Mediation, c: m.RecordCourtAcceptance, at: datetime) -> Decision:
        """QR5: fifteen days from acceptance."""
        decides = self._desk.clocks.start("court", "mediation.court-decide", at)
        return [m.CourtAccepted(by=c.actor, terms=(*state.without("court"), decides), reference=c.reference)]

    def extended(self, state: Mediation, c: m.ExtendCourtTime, at: datetime) -> Decision:
        """QR5: ten days more, once, by the court's president."""
        term = state.term("court")
        if state.court_extended:
            return Refused("EXTENDED_ALREADY", "the court has had its one extension")
        if term is None:
            return Refused("TOO_LATE", "the court's time is over already")
        days = self._desk.jurisdiction.deadlines["mediation.court-extension"].amount
        longer = self._desk.clocks.prolonged(term, days, "QR5")
        return [m.CourtTimeExtended(by=c.actor, terms=(*state.without("court"), longer))]

    def decided(self, state: Mediation, c: m.RecordCourtDecision, at: datetime) -> Decision:
        """Confirmed: enforceable. If not, the parties learn what they can do (TJ33)."""
        if c.confirmed and state.confirmation is m.Confirmation.FILED:
            return Refused("NOT_ACCEPTED_YET", "the court accepts before it confirms", "confirmed")
        terms = state.without("court")
        decided = m.CourtDecided(by=c.actor, terms=terms, confirmed=c.confirmed, reference=c.reference)
        if c.confirmed:
            return [decided]
        return [decided, self._ending.informed(state, terms, at, c.actor, with_agreement=True)]

    def withdrawn(self, state: Mediation, c: m.WithdrawConfirmation, at: datetime) -> Decision:
        """QR5: at any time before the decision."""
        return [m.ConfirmationWithdrawn(by=c.actor, terms=state.without("court"))]
