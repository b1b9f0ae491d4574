"""The clocks of a mediation, counted by the jurisdiction's rules and calendar (domain.md §6)."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from chassis.calendar import SHANGHAI, WorkingCalendar
from schemas.deadline import DeadlineRule, TimeUnit
from schemas.router import Term

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


class Clocks:
    """Starts, prolongs, stops and recounts terms; pure."""

    def __init__(self, rules: Mapping[str, DeadlineRule], calendar: WorkingCalendar) -> None:
        self._rules, self._calendar = rules, calendar

    def start(self, name: str, rule: str, since: datetime) -> Term:
        """The clock `name` by the deadline rule `rule`, counted from `since`."""
        return self._count(name, self._rules[rule], since, amended=False)

    def prolonged(self, term: Term, days: int, source: str) -> Term:
        """The clock with `days` calendar days more, from the end that it had."""
        rule = DeadlineRule(name=term.rule, amount=days, unit="days", source=source)
        return self._count(term.name, rule, term.at - _MOMENT, amended=True)

    def resumed(self, term: Term, paused: datetime, at: datetime) -> Term:
        """The clock after a pause: the days that were left when it began are counted from today."""
        unit = term.unit or self._rules[term.rule].unit
        left = max(1, self._days_left(paused, term.at, unit))
        rest = DeadlineRule(name=term.rule, amount=left, unit=unit, source="R-MED-15")
        return self._count(term.name, rest, at, amended=True)

    def again(self, term: Term) -> Term:
        """The clock by today's calendar."""
        amended = term.amount is not None and term.unit is not None
        rule = (
            DeadlineRule(name=term.rule, amount=term.amount or 1, unit=term.unit or "days", source="R-MED-06")
            if amended
            else self._rules[term.rule]
        )
        return self._count(term.name, rule, term.since, amended=amended)

    def _days_left(self, since: datetime, until: datetime, unit: TimeUnit) -> int:
        first, last = day_of(since), day_of(until - _MOMENT)
        days = (first + n * _DAY for n in range(1, (last - first).days + 1))
        return sum(1 for one in days if unit == "days" or self._calendar.is_working_day(one))

    def _count(self, name: str, rule: DeadlineRule, since: datetime, *, amended: bool) -> Term:
        deadline = self._calendar.deadline(rule, since)
        return Term(
            name=name,
            at=deadline.at,
            since=since,
            rule=rule.name,
            amount=rule.amount if amended else None,
            unit=rule.unit if amended else None,
            calendar=deadline.calendar_version,
            provisional=deadline.provisional,
        )


def day_of(at: datetime) -> date:
    """The day in Shanghai."""
    return at.astimezone(SHANGHAI).date()


def noon(day: date) -> datetime:
    """A moment of that day in Shanghai, from which days are counted."""
    return datetime.combine(day, time(12), SHANGHAI)
