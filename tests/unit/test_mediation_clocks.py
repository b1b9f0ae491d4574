"""Deadlines of mediation at their edges: holiday weeks, make-up workdays, years without a schedule."""

from datetime import UTC, date, datetime, timedelta

from chassis.calendar import SHANGHAI, WorkingCalendar
from chassis.decider import TimerDue
from schemas import mediation as m
from schemas.jurisdiction import CalendarYear
from services.mediation.domain import MediationDecider
from tests.unit.mediation_kit import Play, build, decider, dispatched, gulou, mediating, mediators


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of 2026 in Shanghai."""
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


def end(month: int, day: int) -> datetime:
    """The end of a day of 2026 in Shanghai."""
    return at(month, day) + timedelta(days=1)


def opened_at(moment: datetime) -> Play:
    """A mediation that came in then."""
    play = Play(at=moment)
    play.give(dispatched())
    return play


def due(play: Play, name: str) -> datetime:
    """When a clock runs out."""
    term = play.state.term(name)
    assert term is not None
    return term.at


def test_a_minute_before_a_holiday_week() -> None:
    """23:59 on 30 September is still that day; three working days on it is 10 October, a make-up Saturday."""
    calendar = WorkingCalendar(gulou().calendar)
    assert calendar.is_working_day(date(2026, 10, 10))
    assert not calendar.is_working_day(date(2026, 10, 7))
    play = opened_at(at(9, 30, 23, 59))
    assert due(play, "register") == end(10, 10)
    later = opened_at(at(10, 1, 0, 0))
    assert due(later, "register") == end(10, 10)


def test_a_month_that_ends_in_a_holiday_week_ends_behind_it() -> None:
    """R-MED-06, MS85: 30 days from 2 September end on 2 October, a holiday; so on 8 October."""
    play = opened_at(at(9, 2, 10))
    play.do(m.RegisterParties)
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    assert due(play, "mediate") == end(10, 8)


def test_more_time_asked_on_the_last_day() -> None:
    """R-MED-06: until the last moment of the last day, and counted from its end; a moment later never."""
    play = mediating()
    last = due(play, "mediate")
    play.at = last - timedelta(seconds=1)
    play.do(m.ProlongMediation, days=1)
    assert due(play, "mediate") == last + timedelta(days=1)
    over = mediating()
    over.at = last
    assert over.no(m.ProlongMediation) == "EXPIRED"


def test_what_came_due_while_the_service_was_down_is_made_up_for() -> None:
    """R-MED-10: after the start the timers fire on the state they find, the end with its notice first."""
    play = mediating()
    fired = play.decider.due(play.state)
    play.at = due(play, "mediate") + timedelta(days=3)
    events = play.give(TimerDue(fired[0].name, fired[0].at))
    assert [type(event).__name__ for event in events] == [
        "MediationTerminated",
        "RoutesInformed",
        "MediationHandedBack",
    ]
    assert play.decider.due(play.state) == []


def with_2027() -> MediationDecider:
    """The decider once the schedule of 2027 is published, with a long holiday in January."""
    january = frozenset(date(2027, 1, day) for day in range(1, 16))
    years = {**gulou().calendar, 2027: CalendarYear(2027, "2027-1", january, frozenset())}
    return MediationDecider(gulou(), mediators(), WorkingCalendar(years))


def test_provisional_times_are_counted_again() -> None:
    """domain.md §6: by the command, and before a time runs out that the new schedule puts off."""
    play = Play(at=datetime(2026, 12, 30, 2, tzinfo=UTC), decider=decider())
    play.give(dispatched())
    term = play.state.term("register")
    assert term is not None
    assert term.provisional
    assert play.do(m.RecomputeMediationTimes) == []
    play.decider = with_2027()
    play.at = term.at
    events = play.give(TimerDue("register", term.at))
    assert isinstance(events[0], m.MediationTimesRecomputed)
    assert events[0].changed == ("register",)
    assert isinstance(events[1], m.MediationDutyMoved)
    assert due(play, "register") > term.at
    assert play.give(build(m.RecomputeMediationTimes)) == []
