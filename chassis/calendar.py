"""The working-day calendar: pure counting of deadlines in Asia/Shanghai.

Rules: the start day is not counted; a year ends on the same day of the next one (民法典 202); a last calendar day
that is no working day moves to the next one (MS85); a deadline falls at the end of its last day, which is 00:00 of
the following day in Asia/Shanghai.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final

from schemas.deadline import Deadline, DeadlineRule, RuleUnit
from schemas.jurisdiction import CalendarYear

# China has had one zone without summer time since 1992; a fixed offset needs no tz database on the machine.
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
EXACT: Final = "exact"
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class WorkingCalendar:
    """Working days by the State Council's yearly schedules; a year without one counts Monday to Friday."""

    def __init__(self, years: Mapping[int, CalendarYear]) -> None:
        self._versions = {number: year.version for number, year in years.items()}
        self._holidays = frozenset[date]().union(*(year.holidays for year in years.values()))
        self._workdays = frozenset[date]().union(*(year.workdays for year in years.values()))
        self._count = lru_cache(maxsize=4096)(self._counted)  # cases of one day share their deadlines

    def is_working_day(self, day: date) -> bool:
        """Whether offices work that day; Monday to Friday in a year without a published schedule."""
        if day in self._workdays:
            return True
        return day.weekday() < _SATURDAY and day not in self._holidays

    def provisional(self, day: date) -> bool:
        """Whether the day lies in a year whose schedule has not been published."""
        return day.year not in self._versions

    def deadline(self, rule: DeadlineRule, start: datetime) -> Deadline:
        """The deadline of `rule` counted from the instant `start`. Raises `ValueError` if naive."""
        if start.tzinfo is None:
            raise ValueError(
                f"start must be timezone-aware, got {start.isoformat()}; give it an offset, e.g. +08:00"
            )
        if rule.unit == "hours":
            at = start.astimezone(UTC) + timedelta(hours=rule.amount)
            return Deadline(at=at, rule=rule.name, calendar_version=EXACT, provisional=False)
        at, version, provisional = self._count(start.astimezone(SHANGHAI).date(), rule.amount, rule.unit)
        return Deadline(at=at, rule=rule.name, calendar_version=version, provisional=provisional)

    def _counted(self, start: date, amount: int, unit: RuleUnit) -> tuple[datetime, str, bool]:
        if unit == "years":
            last = _years_on(start, amount)
        else:
            last = self._last_working_day(start, amount) if unit == "working_days" else start + amount * _DAY
        while not self.is_working_day(last):
            last += _DAY
        years = range((start + _DAY).year, last.year + 1)
        version = "; ".join(self._versions.get(year, f"{year} Mon-Fri") for year in years)
        end = datetime.combine(last + _DAY, time(), SHANGHAI).astimezone(UTC)
        return end, version, any(year not in self._versions for year in years)

    def _last_working_day(self, start: date, amount: int) -> date:
        day = start
        for _ in range(amount):
            day += _DAY
            while not self.is_working_day(day):
                day += _DAY
        return day


def _years_on(start: date, years: int) -> date:
    """The same day of that year; of a 29 February, where there is none, the last day of the month (民法典 202)."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)
