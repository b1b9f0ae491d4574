"""From deadline rules to the terms that events carry, for every service that keeps times (domain.md §6). Pure."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from chassis.calendar import SHANGHAI, WorkingCalendar
from schemas.deadline import DeadlineRule, TimeUnit
from schemas.router import Term

INSTANT: Final = timedelta(microseconds=1)
"""A term ends at a midnight: so much before it lies its last day."""
_DAY: Final = timedelta(days=1)


class Terms:
    """Counts terms by a jurisdiction's deadline rules and calendar."""

    def __init__(self, rules: Mapping[str, DeadlineRule], calendar: WorkingCalendar) -> None:
        self._rules, self._calendar = rules, calendar

    def start(self, name: str, rule: str, since: datetime) -> Term:
        """The clock `name` by the deadline rule `rule`, counted from `since`. Raises KeyError for another."""
        return self._count(name, self._rules[rule], since, amended=False)

    def amended(self, name: str, rule: DeadlineRule, since: datetime) -> Term:
        """The clock by a rule made for it alone (an extension, the rest after a pause), which it carries along."""
        return self._count(name, rule, since, amended=True)

    def again(self, term: Term) -> Term:
        """The clock by today's calendar; one that no rule gave stays as it is."""
        if term.amount is not None and term.unit is not None:
            rule = DeadlineRule(name=term.rule, amount=term.amount, unit=term.unit, source=term.rule)
            return self.amended(term.name, rule, term.since)
        return self.start(term.name, term.rule, term.since) if term.rule in self._rules else term

    def unit_of(self, term: Term) -> TimeUnit | None:
        """In what the clock is counted; None where no rule gave it."""
        rule = self._rules.get(term.rule)
        return term.unit or (_own(rule) if rule else None)

    def days_left(self, since: datetime, until: datetime, unit: TimeUnit) -> int:
        """Days of that kind after the day of `since`, up to the last day before `until`, which is a midnight."""
        first, last = day_of(since), day_of(until - INSTANT)
        days = (first + n * _DAY for n in range(1, (last - first).days + 1))
        return sum(1 for day in days if unit == "days" or self._calendar.is_working_day(day))

    def _count(self, name: str, rule: DeadlineRule, since: datetime, *, amended: bool) -> Term:
        deadline = self._calendar.deadline(rule, since)
        return Term(
            name=name,
            at=deadline.at,
            since=since,
            rule=rule.name,
            amount=rule.amount if amended else None,
            unit=_own(rule) if amended else None,
            calendar=deadline.calendar_version,
            provisional=deadline.provisional,
        )


def _own(rule: DeadlineRule) -> TimeUnit | None:
    """By what a clock with this rule counts where it carries that along."""
    return None if rule.unit == "years" else rule.unit


def day_of(at: datetime) -> date:
    """The day of an instant in Asia/Shanghai."""
    return at.astimezone(SHANGHAI).date()
