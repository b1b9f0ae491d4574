"""Who is in dispute, and whether each of them wants to be mediated (R-MED-03, R-MED-04, R-MED-14)."""

from datetime import date, datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.mediators import Procedure
from schemas.message import Event
from schemas.router import Term
from services.mediation.domain.clocks import noon
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.state import Mediation

BY_TRAFFIC_POLICE = "traffic-police"


class Consent:
    """Registration of the parties, and their consent."""

    def __init__(self, desk: Desk, ending: Ending) -> None:
        self._desk, self._ending = desk, ending

    def register(self, state: Mediation, c: m.RegisterParties, at: datetime) -> Decision:
        """调解登记: two sides at least; the kind of mediation is settled with it."""
        if wrong := self._wrong_parties(c):
            return wrong
        code = c.procedure or state.procedure
        procedure = self._desk.mediators.procedures.get(code)
        if procedure is None:
            known = ", ".join(self._desk.mediators.procedures)
            return Refused("UNKNOWN_PROCEDURE", f"expected one of {known}", "procedure")
        if wrong := self._too_late_for_police(c, procedure, at):
            return wrong
        terms = (
            *state.without("register", "remind"),
            self._desk.clocks.start("consent", "mediation.consent", at),
        )
        return [
            m.PartiesRegistered(by=c.actor, terms=terms, parties=c.parties, procedure=code, starts=c.starts)
        ]

    def _wrong_parties(self, c: m.RegisterParties) -> Refused | None:
        labels = [party.label for party in c.parties]
        if len(set(labels)) != len(labels):
            return Refused("SAME_LABEL", "each party has a label of its own: A, B, C", "parties")
        if {party.side for party in c.parties} != set(m.Side):
            return Refused("ONE_SIDE", "name at least one applicant and one respondent", "parties")
        for party in c.parties:
            unit = self._desk.jurisdiction.units.get(party.unit or "")
            if party.unit is not None and (unit is None or unit.rung is None):
                return Refused(
                    "UNKNOWN_UNIT", f"{party.unit} is no territorial unit; leave it out", "parties"
                )
        return None

    def _too_late_for_police(
        self, c: m.RegisterParties, procedure: Procedure, at: datetime
    ) -> Refused | None:
        """R-MED-14: all apply together within ten days of the determination, or three after a committee ended."""
        if procedure.code != BY_TRAFFIC_POLICE:
            return None
        if c.determined is None and c.committee_ended is None:
            reason = (
                "say when the parties received the determination, or when the committee's mediation ended"
            )
            return Refused("DATE_NEEDED", reason, "determined")
        in_time = self._within("mediation.traffic-apply", c.determined, at) or self._within(
            "mediation.traffic-apply-after-committee", c.committee_ended, at
        )
        if in_time:
            return None
        reason = (
            "R-MED-14: the time to apply to the police is over; a committee or the court can still be asked"
        )
        return Refused("TOO_LATE", reason, "determined")

    def _within(self, rule: str, day: date | None, at: datetime) -> bool:
        return day is not None and at < self._desk.clocks.start("apply", rule, noon(day)).at

    def record(self, state: Mediation, c: m.RecordConsent, at: datetime) -> Decision:
        """One clear no ends it (TJ17); when the last one agrees, the time of this kind of mediation runs."""
        if c.party not in state.labels:
            return Refused("UNKNOWN_PARTY", f"expected one of {', '.join(state.labels)}", "party")
        said = m.ConsentRecorded(
            by=c.actor, terms=state.terms, party=c.party, agrees=c.agrees, closed=c.closed
        )
        if not c.agrees:
            return [said, *self._ending.terminated(state, m.TerminationReason.REFUSED, at, c.actor)]
        if set(state.agreed) | {c.party} != set(state.labels):
            return [said]
        accepted = m.MediationAccepted(
            by=c.actor, terms=self._running(state, at), open=not (state.closed or c.closed)
        )
        return [said, accepted]

    def _running(self, state: Mediation, at: datetime) -> tuple[Term, ...]:
        """R-MED-06, 13, 14, 15: from the application, from the day that the law names, or from now."""
        procedure = self._desk.procedure(state)
        since = max(at, noon(state.starts)) if state.starts else at
        if procedure.from_application and state.opened_at:
            since = state.opened_at
        return (*state.without("consent"), self._desk.clocks.start("mediate", procedure.term, since))

    def expired(self, state: Mediation, at: datetime) -> list[Event]:
        """Whoever said nothing in all that time could not be reached (OM25)."""
        return self._ending.terminated(state, m.TerminationReason.UNREACHABLE, at)
