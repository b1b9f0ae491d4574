"""The working-day calendar on the schedules of 2025 and 2026; 2027 is not published."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.calendar import SHANGHAI, WorkingCalendar
from reference.source import Findings
from reference.times import read_calendar
from schemas.deadline import DeadlineRule, TimeUnit

GULOU = Path(__file__).parents[2] / "reference" / "gulou"
CALENDAR = WorkingCalendar(read_calendar(GULOU, Findings()))
SPAN_START = datetime(2024, 12, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 900 * 86_400).map(lambda seconds: SPAN_START + timedelta(seconds=seconds))
RULES = st.builds(
    DeadlineRule,
    name=st.just("any"),
    amount=st.integers(1, 60),
    unit=st.sampled_from(["hours", "days", "working_days"]),
    source=st.just("DES"),
)


def rule(amount: int, unit: TimeUnit) -> DeadlineRule:
    return DeadlineRule(name="r", amount=amount, unit=unit, source="DES")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-09-20", True),  # Sunday, worked for National Day
        ("2026-09-25", False),  # Mid-Autumn, a Friday
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),  # Saturday, worked for National Day
        ("2026-10-11", False),  # the Sunday after it
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2025-10-08", False),
        ("2025-10-11", True),
        ("2027-10-01", True),  # unpublished: Monday to Friday, even on National Day
        ("2027-10-02", False),
    ],
)
def test_working_days_follow_the_published_schedule(day: str, working: bool) -> None:
    """Domain §6: working days follow the State Council's schedule with make-up workdays."""
    assert CALENDAR.is_working_day(date.fromisoformat(day)) is working


def test_each_published_year_has_as_many_working_days_as_its_notice_gives() -> None:
    """Domain §6: 248 working days in 2025 and 2026, counted independently from the notices."""
    for year in (2025, 2026):
        days = [date(year, 1, 1) + timedelta(days=offset) for offset in range(365)]
        assert sum(CALENDAR.is_working_day(day) for day in days) == 248


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        # hours are exact, holidays or not
        ("2026-09-30T23:59:30", 2, "hours", "2026-10-01T01:59:30"),
        # the start day does not count, whatever the hour
        ("2026-11-23T00:00:00", 1, "working_days", "2026-11-25T00:00:00"),
        ("2026-11-23T23:59:59", 1, "working_days", "2026-11-25T00:00:00"),
        ("2026-11-24T00:00:00", 1, "working_days", "2026-11-26T00:00:00"),
        # Friday to Monday, month end
        ("2026-11-27T10:00:00", 1, "working_days", "2026-12-01T00:00:00"),
        ("2026-04-30T10:00:00", 1, "working_days", "2026-05-07T00:00:00"),
        # just before the National Day week: the 8th, 9th and Saturday the 10th are worked
        ("2026-09-30T23:59:00", 1, "working_days", "2026-10-09T00:00:00"),
        ("2026-09-30T23:59:00", 3, "working_days", "2026-10-11T00:00:00"),
        ("2026-09-30T23:59:00", 4, "working_days", "2026-10-13T00:00:00"),
        # the make-up Sunday before it counts
        ("2026-09-18T12:00:00", 1, "working_days", "2026-09-21T00:00:00"),
        # MS85: a last calendar day in the holiday moves to the next working day
        ("2026-09-24T09:00:00", 7, "days", "2026-10-09T00:00:00"),
        ("2026-09-30T09:00:00", 15, "days", "2026-10-16T00:00:00"),
        ("2026-09-13T09:00:00", 7, "days", "2026-09-21T00:00:00"),
        ("2026-11-15T09:00:00", 7, "days", "2026-11-24T00:00:00"),
        # a leap-free February and 60 days
        ("2026-01-30T09:00:00", 60, "days", "2026-04-01T00:00:00"),
    ],
)
def test_deadlines_end_with_their_last_day(start: str, amount: int, unit: TimeUnit, end: str) -> None:
    """MS85: the start day is excluded, a last day off work moves on, the end is the following midnight."""
    deadline = CALENDAR.deadline(rule(amount, unit), local(start))
    assert deadline.at.astimezone(SHANGHAI) == local(end)
    assert deadline.at.utcoffset() == timedelta(0)
    assert not deadline.provisional


def test_the_day_is_shanghais_not_utcs() -> None:
    """Domain §6: 16:30 UTC is already the next day in Shanghai."""
    before = CALENDAR.deadline(rule(1, "days"), datetime(2026, 11, 23, 15, 59, tzinfo=UTC))
    after = CALENDAR.deadline(rule(1, "days"), datetime(2026, 11, 23, 16, 0, tzinfo=UTC))
    assert after.at - before.at == timedelta(days=1)


def test_a_published_deadline_carries_the_notices_number() -> None:
    """Domain §6: the schedule's version is stamped on each deadline."""
    assert (
        CALENDAR.deadline(rule(5, "days"), local("2026-03-02T08:00:00")).calendar_version
        == "国办发明电〔2025〕7号"
    )
    assert CALENDAR.deadline(rule(5, "hours"), local("2026-03-02T08:00:00")).calendar_version == "exact"
    over_new_year = CALENDAR.deadline(rule(10, "working_days"), local("2025-12-29T08:00:00"))
    assert over_new_year.calendar_version == "国办发明电〔2024〕12号; 国办发明电〔2025〕7号"


def test_a_deadline_into_an_unpublished_year_is_provisional() -> None:
    """Domain §6: 2027 falls back to Monday to Friday, marked provisional."""
    assert CALENDAR.provisional(date(2027, 1, 1))
    assert not CALENDAR.provisional(date(2026, 12, 31))
    deadline = CALENDAR.deadline(rule(2, "working_days"), local("2026-12-30T08:00:00"))
    assert deadline.at.astimezone(SHANGHAI) == local("2027-01-02T00:00:00")
    assert deadline.provisional
    assert deadline.calendar_version == "国办发明电〔2025〕7号; 2027 Mon-Fri"
    assert not CALENDAR.deadline(rule(1, "working_days"), local("2026-12-30T08:00:00")).provisional


def test_a_start_on_the_last_published_day_counts_only_unpublished_days() -> None:
    """Domain §6: the start day is not counted, so it does not lend its schedule to the deadline."""
    deadline = CALENDAR.deadline(rule(1, "working_days"), local("2026-12-31T08:00:00"))
    assert (deadline.provisional, deadline.calendar_version) == (True, "2027 Mon-Fri")


def test_a_naive_datetime_is_refused() -> None:
    """Design §1: time is passed in, and always with its offset."""
    with pytest.raises(ValueError, match="timezone-aware"):
        CALENDAR.deadline(rule(1, "days"), datetime(2026, 1, 5))  # noqa: DTZ001 - the point of the test


@given(RULES, MOMENTS, MOMENTS)
def test_a_later_start_never_ends_earlier(any_rule: DeadlineRule, one: datetime, other: datetime) -> None:
    """MS85: counting is monotonic in the start."""
    first, last = sorted((one, other))
    assert CALENDAR.deadline(any_rule, first).at <= CALENDAR.deadline(any_rule, last).at


@given(MOMENTS, st.integers(1, 59), st.sampled_from(["hours", "days", "working_days"]))
def test_a_longer_rule_never_ends_earlier(start: datetime, amount: int, unit: TimeUnit) -> None:
    """MS85: counting is monotonic in the amount; working days even strictly."""
    shorter = CALENDAR.deadline(rule(amount, unit), start).at
    longer = CALENDAR.deadline(rule(amount + 1, unit), start).at
    assert shorter < longer or (unit == "days" and shorter == longer)


@given(MOMENTS, st.integers(1, 60), st.sampled_from(["days", "working_days"]))
def test_a_counted_deadline_leaves_the_whole_amount_and_ends_after_a_working_day(
    start: datetime, amount: int, unit: TimeUnit
) -> None:
    """MS85: never shorter than the amount of whole days, always at a midnight that closes a working day."""
    end = CALENDAR.deadline(rule(amount, unit), start).at.astimezone(SHANGHAI)
    assert (end.hour, end.minute, end.second, end.microsecond) == (0, 0, 0, 0)
    assert end - start >= timedelta(days=amount)
    assert CALENDAR.is_working_day(end.date() - timedelta(days=1))


def test_a_year_ends_on_the_same_day_of_the_next() -> None:
    """Domain §6: 民法典 202; of a 29 February, on the last day of the month where there is none."""
    year = DeadlineRule(name="r", amount=1, unit="years", source="DES")
    for start, end in (("2023-06-08T10:00", "2024-06-11T00:00"), ("2024-02-29T10:00", "2025-03-01T00:00")):
        assert CALENDAR.deadline(year, local(start)).at == local(end)
