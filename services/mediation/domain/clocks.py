"""The clocks of a mediation, counted by the jurisdiction's rules and calendar (domain.md §6)."""

from collections.abc import Mapping
from datetime import date, datetime, time

from chassis.calendar import SHANGHAI, WorkingCalendar
from schemas.deadline import DeadlineRule
from schemas.router import Term
from services.terms import INSTANT, Terms


class Clocks:
    """Starts, prolongs, stops and recounts terms; pure."""

    def __init__(self, rules: Mapping[str, DeadlineRule], calendar: WorkingCalendar) -> None:
        self._terms = Terms(rules, calendar)

    def start(self, name: str, rule: str, since: datetime) -> Term:
        """The clock `name` by the deadline rule `rule`, counted from `since`."""
        return self._terms.start(name, rule, since)

    def prolonged(self, term: Term, days: int, source: str) -> Term:
        """The clock with `days` calendar days more, from the end that it had."""
        rule = DeadlineRule(name=term.rule, amount=days, unit="days", source=source)
        return self._terms.amended(term.name, rule, term.at - INSTANT)

    def resumed(self, term: Term, paused: datetime, at: datetime) -> Term:
        """The clock after a pause: the days that were left when it began are counted from today."""
        unit = self._terms.unit_of(term) or "days"
        left = max(1, self._terms.days_left(paused, term.at, unit))
        rest = DeadlineRule(name=term.rule, amount=left, unit=unit, source="R-MED-15")
        return self._terms.amended(term.name, rest, at)

    def again(self, term: Term) -> Term:
        """The clock by today's calendar."""
        return self._terms.again(term)


def noon(day: date) -> datetime:
    """A moment of that day in Shanghai, from which days are counted."""
    return datetime.combine(day, time(12), SHANGHAI)


def is_before(when: datetime, other: datetime) -> bool:
    """Whether an instant that somebody wrote down lies before another: people write hours and minutes."""
    return when < other.replace(second=0, microsecond=0)
