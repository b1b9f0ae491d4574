"""Who is in dispute, and whether each of them wants to be mediated (R-MED-03, R-MED-04, R-MED-14)."""

from datetime import date, datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Actor, Event
from schemas.router import Term
from services.mediation.domain.clocks import is_before, noon
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.evolution import evolve
from services.mediation.domain.state import Mediation
from services.terms import day_of

BY_TRAFFIC_POLICE = "traffic-police"
_LATEST_START: Final = 365
"""Days (DES): so long may treatment or an appraisal still take when the parties apply to the police."""


class Consent:
    """Registration of the parties, and their consent."""

    def __init__(self, desk: Desk, ending: Ending) -> None:
        self._desk, self._ending = desk, ending

    def register(self, state: Mediation, c: m.RegisterParties, at: datetime) -> Decision:
        """调解登记: two sides at least; the kind of mediation is settled with it."""
        if wrong := self._wrong_parties(c):
            return wrong
        code = c.procedure or state.procedure
        if wrong := self._wrong_procedure(state, code) or self._too_late_for_police(state, c, code, at):
            return wrong
        return self._asked(state, c.actor, c.parties, code, c.starts, at)

    def keep(self, state: Mediation, c: m.KeepParties, at: datetime) -> Decision:
        """R-LAD-02: the parties of the round before, whose names are on paper already; each is asked again."""
        if not state.parties:
            return Refused("NO_PARTIES", "no earlier round of this case named its parties; register them")
        return self._asked(state, c.actor, state.parties, state.procedure, None, at)

    def _asked(
        self,
        state: Mediation,
        by: Actor,
        parties: tuple[m.Party, ...],
        code: str,
        starts: date | None,
        at: datetime,
    ) -> list[Event]:
        terms = (
            *state.without("register", "remind"),
            self._desk.clocks.start("consent", "mediation.consent", at),
        )
        return [m.PartiesRegistered(by=by, terms=terms, parties=parties, procedure=code, starts=starts)]

    def _wrong_procedure(self, state: Mediation, code: str) -> Refused | None:
        """Each kind of mediation is for its matters, and some for certain units only (mediation.yaml)."""
        known = self._desk.mediators.procedures
        procedure = known.get(code)
        if procedure is None:
            return Refused("UNKNOWN_PROCEDURE", f"expected one of {', '.join(known)}", "procedure")
        if procedure.fits(state.matter, state.unit):
            return None
        fitting = [one.code for one in known.values() if one.fits(state.matter, state.unit)]
        reason = f"{code} is not for {state.matter} at {state.unit}; here: {', '.join(fitting)}"
        return Refused("WRONG_PROCEDURE", reason, "procedure")

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
        self, state: Mediation, c: m.RegisterParties, code: str, at: datetime
    ) -> Refused | None:
        """R-MED-14: all apply together within ten days of the determination, or three after a committee ended."""
        days = {"determined": c.determined, "committee_ended": c.committee_ended, "starts": c.starts}
        given = [name for name, day in days.items() if day is not None]
        if code != BY_TRAFFIC_POLICE:
            wrong = f"only {BY_TRAFFIC_POLICE} asks for this day"
            return Refused("ANOTHER_PROCEDURE", wrong, given[0]) if given else None
        if c.determined is None and c.committee_ended is None:
            reason = (
                "say when the parties received the determination, or when the committee's mediation ended"
            )
            return Refused("DATE_NEEDED", reason, "determined")
        for name in ("determined", "committee_ended"):
            if (day := days[name]) is not None and day > day_of(at):
                return Refused("IN_THE_FUTURE", "name a day that has come", name)
        if c.starts is not None and (c.starts - day_of(at)).days > _LATEST_START:
            return Refused("TOO_FAR", f"it begins within {_LATEST_START} days; apply again later", "starts")
        in_time = self._within("mediation.traffic-apply", c.determined, at) or self._within(
            "mediation.traffic-apply-after-committee", c.committee_ended, at
        )
        if in_time:
            return None
        reason = (
            "R-MED-14: the time to apply to the police is over; a committee or the court can still be asked"
        )
        return Refused("TOO_LATE", reason, given[0])

    def _within(self, rule: str, day: date | None, at: datetime) -> bool:
        return day is not None and at < self._desk.clocks.start("apply", rule, noon(day)).at

    def record(self, state: Mediation, c: m.RecordConsent, at: datetime) -> Decision:
        """One clear no ends it (TJ17); when the last one agrees, the time of this kind of mediation runs."""
        if c.party not in state.labels:
            return Refused("UNKNOWN_PARTY", f"expected one of {', '.join(state.labels)}", "party")
        said_at = c.said_at or at
        if said_at > at:
            return Refused("IN_THE_FUTURE", "record it once it has happened", "said_at")
        if state.opened_at and is_before(said_at, state.opened_at):
            opened = state.opened_at.isoformat()
            return Refused("BEFORE_THE_OPENING", f"the case came to be mediated at {opened}", "said_at")
        said = m.ConsentRecorded(
            by=c.actor,
            terms=state.terms,
            party=c.party,
            agrees=c.agrees,
            closed=c.closed is True,
            public=c.closed is False,
            said_at=said_at,
        )
        if not c.agrees:
            return [said, *self._ending.terminated(state, m.TerminationReason.REFUSED, at, c.actor)]
        after = evolve(state, said)
        if set(after.agreed) != set(state.labels):
            return [said]
        agreed_at = max(after.consented_at, default=said_at)
        accepted = m.MediationAccepted(
            by=c.actor,
            terms=self._running(state, agreed_at),
            open=self._desk.may_be_open(after),
            accepted_at=agreed_at,
        )
        return [said, accepted]

    def openness(self, state: Mediation, c: m.SayOpenness, at: datetime) -> Decision:
        """TJ23: a party may ask for closed doors at any time, and may take that back."""
        if c.party not in state.labels:
            return Refused("UNKNOWN_PARTY", f"expected one of {', '.join(state.labels)}", "party")
        return [m.OpennessSaid(by=c.actor, terms=state.terms, party=c.party, closed=c.closed)]

    def _running(self, state: Mediation, agreed_at: datetime) -> tuple[Term, ...]:
        """R-MED-06, 13, 14, 15: from the application, the day that the law names, or the consent of all."""
        procedure = self._desk.procedure(state)
        since = max(agreed_at, noon(state.starts)) if state.starts else agreed_at
        if procedure.from_application:
            since = state.applied_at or since
        return (*state.without("consent"), self._desk.clocks.start("mediate", procedure.term, since))

    def expired(self, state: Mediation, at: datetime) -> list[Event]:
        """Whoever said nothing in all that time could not be reached (OM25)."""
        return self._ending.terminated(state, m.TerminationReason.UNREACHABLE, at)
