"""What cannot wait does not: the shorter lawful time, urgent reviews and supervision, urgent redo."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.calendar import WorkingCalendar
from schemas import router as r
from schemas.router import OrderStatus as S
from schemas.values import RequestKind
from tests.unit.router_kit import OPERATOR, Played, gulou, policy, submitted
from tests.unit.test_router_ladder import handled

HOLIDAY_EVE = datetime(2026, 9, 30, 8, 0, tzinfo=UTC)
"""16:00 in Shanghai before eight days in which no office works."""
UNSETTLED = r.RecordCallback(actor=OPERATOR, contacted=True)


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("urgency", [1, 2, 3, 4])
def test_the_shorter_lawful_time_is_taken(kind: RequestKind, urgency: int) -> None:
    """R-HOT-07: of the times for the urgency and for the kind of request the one that ends first, on any day."""
    by_kind = {"consult": "consult", "help": "help", "suggest": "help"}.get(kind, "complaint")
    rules = [gulou().deadlines[name] for name in (f"handle.{urgency}", by_kind)]
    calendar = WorkingCalendar(gulou().calendar)
    for day in range(0, 365, 3):
        case = Played(at=datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(days=day))
        case.give(submitted("order.garbage", kind=kind, urgency=urgency))
        handle = case.state.term("handle")
        assert handle is not None
        assert handle.at == min(calendar.deadline(rule, case.at).at for rule in rules), case.at


@pytest.mark.parametrize(("matter", "hours"), [("municipal.manhole", 2), ("municipal.flooding", 8)])
def test_an_objection_to_what_is_urgent_is_decided_in_hours(matter: str, hours: int) -> None:
    """R-HOT-05, R-HOT-06: even before a holiday the review lapses within hours, and the first receiver must act."""
    case = Played(at=HOLIDAY_EVE)
    case.give(submitted(matter))
    owner = case.state.unit
    case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位"))
    case.wait("adjudicate")
    case.wait("adjudicate_supervise")
    assert (case.status, case.state.unit) == (S.DISPATCHED_LOCKED, owner)
    assert case.at - HOLIDAY_EVE <= timedelta(hours=hours)


def test_what_is_urgent_is_supervised_in_hours() -> None:
    """R-HOT-10, R-LAD-08: the expired order for a danger is supervised the same night, holiday or not."""
    case = Played(at=HOLIDAY_EVE)
    case.give(submitted("municipal.manhole"))
    case.wait("handle")
    case.wait("supervise")
    assert case.at - HOLIDAY_EVE == timedelta(hours=3)
    assert case.state.supervised


@pytest.mark.parametrize("matter", ["neighbour.corridor", "order.garbage", "family.inheritance"])
def test_a_redo_never_has_more_time_than_the_order(matter: str) -> None:
    """R-HOT-08: five working days at most, and no more than the matter's own time."""
    case = handled(matter)
    check = r.OnSiteCheck(unit="GL01", matches=True)
    case.give(r.ReplyCase(actor=case.owner, result="已办", check=check))
    case.give(UNSETTLED)
    handle = case.state.term("handle")
    assert handle is not None
    assert handle.rule == ("handle.2" if matter == "neighbour.corridor" else "redo")


def test_every_deadline_rule_of_the_orders_exists() -> None:
    """R-HOT-07: each row of the terms names rules of the jurisdiction for all its times."""
    for row in policy().terms.rows:
        assert set(row.then) == {"handle", "sign", "object", "contact", "adjudicate", "supervise", "escalate"}
        assert {rule for rules in row.then.values() for rule in rules.split()} <= set(gulou().deadlines)
