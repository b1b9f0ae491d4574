"""What a clock that ran out brings about: a reminder, the end with its notice, a lapse - never silence."""

from collections.abc import Callable
from datetime import datetime

from chassis.decider import TimerDue
from schemas import mediation as m
from schemas.message import Event
from services.mediation.domain.confirmation import COURT
from services.mediation.domain.consent import Consent
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.state import Agreement, Mediation


class Timers:
    """One answer for each clock; none of them leaves its clock as it was."""

    def __init__(self, desk: Desk, consent: Consent, ending: Ending) -> None:
        self._desk = desk
        self._answers: dict[str, Callable[[Mediation, datetime], list[Event]]] = {
            "register": lambda s, at: self._remind(s, "register", at, s.unit),
            "consent": consent.expired,
            "mediate": lambda s, at: ending.terminated(s, m.TerminationReason.EXPIRED, at),
        }
        self._of_agreements: dict[str, Callable[[Mediation, Agreement, datetime], list[Event]]] = {
            "visit": lambda s, one, at: self._remind(s, one.clock("visit"), at, desk.follower(s, one)),
            "confirm": self._lapsed,
            "court": self._court,
        }

    def fired(self, state: Mediation, timer: TimerDue, at: datetime) -> list[Event]:
        """Answer a due timer; one that is not due in this state, with nothing."""
        if not any(term.name == timer.name and term.at <= at for term in state.due_terms()):
            return []
        return self._moved(state, timer.name, at) or self._answered(state, timer.name, at)

    def _answered(self, state: Mediation, name: str, at: datetime) -> list[Event]:
        kind, _, number = name.partition("/")
        if not number:
            return self._answers[kind](state, at)
        one = state.agreement(int(number))
        return self._of_agreements[kind](state, one, at) if one else []

    def recomputed(self, state: Mediation) -> list[Event]:
        """domain.md §6: all provisional times by today's calendar; nothing where none changed."""
        fresh = tuple(self._desk.clocks.again(term) if term.provisional else term for term in state.terms)
        pairs = zip(state.terms, fresh, strict=True)
        changed = tuple(new.name for old, new in pairs if old != new)
        return [m.MediationTimesRecomputed(terms=fresh, changed=changed)] if changed else []

    def _moved(self, state: Mediation, name: str, at: datetime) -> list[Event]:
        """A provisional time that the schedule published since then puts off does not run out."""
        term = state.term(name)
        if term is None or not term.provisional:
            return []
        return self.recomputed(state) if self._desk.clocks.again(term).at > at else []

    def _remind(self, state: Mediation, name: str, at: datetime, unit: str) -> list[Event]:
        again = self._desk.clocks.start(name, "mediation.remind", at)
        terms = (*state.without(name), again)
        return [m.MediationReminded(terms=terms, unit=unit, term=name)]

    def _lapsed(self, state: Mediation, one: Agreement, _: datetime) -> list[Event]:
        return [m.ConfirmationLapsed(terms=state.without(one.clock("confirm")), agreement=one.number)]

    def _court(self, state: Mediation, one: Agreement, _: datetime) -> list[Event]:
        """The court is late: it is asked once; every step of the confirmation stays possible."""
        unit = self._desk.jurisdiction.legal_exits[COURT].authority or COURT
        return [
            m.MediationReminded(terms=state.without(one.clock("court")), unit=unit, term=one.clock("court"))
        ]
