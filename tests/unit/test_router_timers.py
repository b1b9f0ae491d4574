"""Every clock: what it brings about when it runs out, on which day it does, and after downtime."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chassis.calendar import WorkingCalendar
from chassis.decider import TimerDue
from schemas import router as r
from schemas.department import DepartmentReminded, ReminderKind
from schemas.intake import CaseSupplemented
from schemas.jurisdiction import CalendarYear
from schemas.router import OrderStatus as S
from services.colours import Colour
from services.router.domain import Router, colour
from tests.unit.router_kit import (
    COMMUNITY,
    GRID,
    OPERATOR,
    SUPERVISOR,
    Oracle,
    Played,
    gulou,
    open_case,
    policy,
    router,
    submitted,
)
from tests.unit.test_router_ladder import handled
from tests.unit.test_router_workorder import called_back, objected, reply, suspended


def reminded(case: Played) -> list[tuple[str, ReminderKind]]:
    return [(e.unit, e.kind) for e in case.all(DepartmentReminded)]


def test_the_human_queue_is_never_silent() -> None:
    """R-HOT-10: a case in the queue is reminded, then supervised, again and again, until a human decides."""
    case = Played()
    case.give(submitted(None))
    case.wait("triage")
    case.wait("triage_supervise")
    case.wait("triage_supervise")
    assert [k for _, k in reminded(case)] == [ReminderKind.TRIAGE, *[ReminderKind.SUPERVISED] * 2]
    assert (case.status, case.state.unit) == (S.REGISTERED, "GL-HOTLINE")


def test_unsigned() -> None:
    """R-HOT-10: not signed in time: reminded, then supervised and deemed signed; the owner stays."""
    case = open_case()
    case.wait("object")
    case.wait("sign")
    assert (case.status, reminded(case)[-1]) == (S.DISPATCHED, (GRID, ReminderKind.SIGN))
    case.wait("sign_supervise")
    assert (case.status, case.state.unit) == (S.SIGNED, GRID)
    assert case.last(r.AssignmentSigned).deemed
    assert case.state.supervised


def test_objection_window_lapses() -> None:
    """R-HOT-05: the right to object lapses by itself."""
    case = open_case()
    assert isinstance(case.wait("object")[0], r.ObjectionLapsed)
    assert case.refused(r.ObjectAssignment(actor=case.owner, reason="无关")).code == "TOO_LATE"


def test_contact_is_reminded_and_supervised() -> None:
    """R-HOT-10: who does not contact the resident is reminded, then supervised."""
    case = open_case()
    case.give(r.SignAssignment(actor=case.owner))
    case.wait("contact")
    case.wait("contact_supervise")
    assert [k for _, k in reminded(case)] == [ReminderKind.CONTACT, ReminderKind.SUPERVISED]
    assert not [t for t in case.state.terms if t.name.startswith("contact")]


def test_undecided_objection_stays_with_the_first_receiver() -> None:
    """R-HOT-05, R-HOT-06: reminded, then the objection lapses and the unit is locked."""
    case = objected()
    case.wait("adjudicate")
    assert reminded(case)[-1] == ("GL-HOTLINE", ReminderKind.ADJUDICATE)
    case.wait("adjudicate_supervise")
    assert (case.status, case.state.unit) == (S.DISPATCHED_LOCKED, "GL-URBAN")
    assert case.last(r.ObjectionAdjudicated).lapsed


@pytest.mark.parametrize("kind", ["extension", "suspension"])
def test_undecided_requests_lapse(kind: str) -> None:
    """R-HOT-07, R-GRD-02: a request that nobody decides is refused."""
    case = handled()
    ask: r.RouterCommand = r.RequestExtension(actor=case.owner, reason="等待", days=3)
    if kind == "suspension":
        ask = r.RequestSuspension(actor=case.owner, reason="等待")
    case.give(ask)
    case.wait("decide")
    assert (case.status, case.state.pending) == (S.HANDLING, None)
    decided = [e for e in case.events if isinstance(e, r.ExtensionDecided | r.SuspensionDecided)]
    assert [(e.granted, e.lapsed) for e in decided] == [(False, True)]


def test_the_plates() -> None:
    """R-CARD-01: green, yellow at 75 %, orange when overdue, red when supervised too; plates to the unit."""
    case = handled()
    handle, mark = case.state.term("handle"), case.state.term("mark")
    assert handle is not None
    assert mark is not None
    assert mark.at - handle.since == (handle.at - handle.since) * 0.75
    assert colour(case.state, case.at) is Colour.GREEN
    assert colour(case.state, mark.at) is Colour.YELLOW
    assert colour(case.state, handle.at) is Colour.ORANGE
    case.wait("mark")
    assert (colour(case.state, case.at), reminded(case)[-1]) == (Colour.YELLOW, (GRID, ReminderKind.YELLOW))
    case.wait("handle")
    assert (colour(case.state, case.at), reminded(case)[-1]) == (Colour.ORANGE, (GRID, ReminderKind.OVERDUE))
    case.wait("supervise")
    assert (colour(case.state, case.at), reminded(case)[-1]) == (Colour.RED, (GRID, ReminderKind.SUPERVISED))
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True))
    assert colour(case.state, case.at) is Colour.GREEN


def test_coordinated_is_blue_and_leader_owned_is_red() -> None:
    """R-CARD-01: blue with helpers; overdue under a leader is red at once; a closed case has no colour to show."""
    joint = open_case("municipal.streetlight")
    assert colour(joint.state, joint.at) is Colour.BLUE
    case = handled()
    by = case.at + timedelta(days=1)
    case.give(r.InstructCase(actor=SUPERVISOR, unit=GRID, handle_by=by, leader="街道办", note="尽快"))
    assert colour(case.state, by) is Colour.RED
    queued = Played()
    assert colour(queued.state, queued.at) is Colour.GREEN


def test_suspended_time_does_not_colour() -> None:
    """R-CARD-01, R-GRD-02: on the register a case keeps the colour that it had."""
    case = suspended()
    assert colour(case.state, case.at + timedelta(days=60)) is Colour.GREEN


def test_helpers_are_reminded_at_the_mark() -> None:
    """R-HOT-06: a helper that owes its part is reminded with the yellow plate."""
    case = open_case("municipal.streetlight")
    case.wait("mark")
    assert ("GL-POWER", ReminderKind.HELP) in reminded(case)


def test_first_delay_stays_with_the_owner() -> None:
    """R-LAD-08, R-HOT-08: on expiry the resident is called; remind, supervise, redo - the same owner."""
    case = handled()
    case.wait("handle")
    assert (case.status, case.state.unit) == (S.CALLBACK, GRID)
    assert case.last(r.CallbackOpened).reason == "expired"
    assert case.last(r.DeadlineBreached).breaches == 1
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True))
    assert (case.status, case.state.unit) == (S.REDO, GRID)
    assert case.last(r.RedoOrdered).unanswered
    assert case.state.term("supervise") is not None


def test_late_reply_needs_reasons() -> None:
    """R-HOT-07: lateness needs reasons; a late reply is called back again."""
    case = handled()
    case.wait("handle")
    assert case.refused(reply(case)).code == "EXPLANATION_NEEDED"
    case.give(reply(case, explanation="配件延误"))
    assert (case.status, case.last(r.CaseReplied).late) == (S.CALLBACK, True)


def test_never_signed_order_expires_all_the_same() -> None:
    """R-HOT-08: urgent matters expire before they are deemed signed; the resident is called all the same."""
    case = open_case("municipal.manhole")
    case.wait("handle")
    assert (case.status, case.state.unit) == (S.CALLBACK, "GL-URBAN")
    assert case.last(r.AssignmentSigned).deemed


def test_unreached_and_unanswered_goes_back() -> None:
    """R-HOT-08: without reply and without the resident a case is not closed but redone."""
    case = handled()
    case.wait("handle")  # at midnight
    case.later(hours=10)
    for _ in range(gulou().thresholds.callback_attempts):
        case.give(r.RecordCallback(actor=OPERATOR, contacted=False))
        case.later(days=1)
    assert case.status is S.REDO


def test_callback_is_never_forgotten() -> None:
    """R-HOT-08: the hotline centre is reminded of its callback, then supervised."""
    case = called_back()
    case.wait("callback")
    assert reminded(case)[-1] == ("GL-HOTLINE", ReminderKind.CALLBACK)
    case.wait("callback_supervise")
    assert case.status is S.CALLBACK
    assert not case.state.supervised


def test_supervision_by_a_person() -> None:
    """R-HOT-10: a supervisor supervises for a stated reason; the unit gets the plate."""
    case = handled()
    case.give(r.SuperviseCase(actor=SUPERVISOR, reason="集中反映"))
    assert case.state.supervised
    assert reminded(case)[-1] == (GRID, ReminderKind.SUPERVISED)


def test_a_timer_that_is_not_due_does_nothing() -> None:
    """R-HOT-10: too early, unknown, or standing still: no event."""
    case = open_case()
    assert case.give(TimerDue("handle", case.at)) == []
    assert case.give(TimerDue("nothing", case.at)) == []
    still = suspended()
    still.later(days=30)
    assert still.give(TimerDue("handle", still.at)) == []


def test_each_timer_fires_once() -> None:
    """R-HOT-10: a timer delivered twice has no second effect."""
    case = open_case()
    timer = min(case.router.due(case.state), key=lambda t: t.at)
    case.at = timer.at
    assert case.give(TimerDue(timer.name, timer.at))
    assert case.give(TimerDue(timer.name, timer.at)) == []


def test_after_downtime_everything_is_caught_up() -> None:
    """R-LAD-08: after two weeks without the service each reminder comes once; new times start from now."""
    case = handled()
    case.later(days=14)
    for name in ("mark", "handle"):
        case.give(TimerDue(name, case.at))
    assert [k for _, k in reminded(case)][-2:] == [ReminderKind.YELLOW, ReminderKind.OVERDUE]
    assert all(t.at > case.at for t in case.router.due(case.state))


@pytest.mark.parametrize(
    ("start", "sign_by"),
    [
        (datetime(2026, 6, 8, 15, 59, 59, tzinfo=UTC), date(2026, 6, 9)),
        (datetime(2026, 6, 8, 16, 0, 0, tzinfo=UTC), date(2026, 6, 10)),
        (datetime(2026, 6, 12, 2, 0, tzinfo=UTC), date(2026, 6, 15)),
        (datetime(2026, 9, 30, 2, 0, tzinfo=UTC), date(2026, 10, 8)),
        (datetime(2026, 10, 9, 2, 0, tzinfo=UTC), date(2026, 10, 10)),
    ],
)
def test_sign_deadline_at_the_edges(start: datetime, sign_by: date) -> None:
    """R-HOT-07: one working day in Shanghai: at midnight, over a weekend, over the holiday, on a make-up day."""
    case = Played(at=start)
    case.give(submitted())
    sign = case.state.term("sign")
    assert sign is not None
    assert (sign.at + timedelta(hours=8) - timedelta(seconds=1)).date() == sign_by


def test_the_rest_of_a_working_day_time_is_counted_anew() -> None:
    """R-GRD-02: two working days left at the pause are two working days after it, also over a weekend."""
    case = Played(at=datetime(2026, 6, 4, 2, tzinfo=UTC))
    case.give(submitted("livelihood.elderly", kind="consult"))
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    case.give(r.RequestSuspension(actor=case.owner, reason="等待材料"))
    case.give(r.DecideSuspension(actor=OPERATOR, granted=True, reason="同意"))
    case.at = datetime(2026, 6, 13, 2, tzinfo=UTC)
    case.give(r.ResumeCase(actor=case.owner, reason="材料已到"))
    handle = case.state.term("handle")
    assert handle is not None
    assert handle.at == datetime(2026, 6, 16, 16, tzinfo=UTC)


def test_new_schedule_recomputes_provisional_times() -> None:
    """R-HOT-07: a new year's schedule moves provisional deadlines only, and names them."""
    late = datetime(2026, 12, 31, 2, tzinfo=UTC)
    case = Played(at=late)
    case.give(submitted())
    sign = case.state.term("sign")
    assert sign is not None
    assert sign.provisional
    same = r.RecomputeDeadlines(actor=SUPERVISOR)
    assert case.give(same) == []
    off = frozenset(date(2027, 1, day) for day in range(1, 5))
    years = {**gulou().calendar, 2027: CalendarYear(2027, "2027-test", off, frozenset())}
    known = replace(gulou(), calendar=years)
    case.router = Router(known, policy(), Oracle(), WorkingCalendar(years))
    case.give(same)
    moved = case.state.term("sign")
    assert moved is not None
    assert (moved.provisional, moved.at > sign.at) == (False, True)
    assert {"sign", "object"} <= set(case.last(r.DeadlineRecomputed).changed)
    assert case.give(same) == []


def new_year(*holidays: int) -> Router:
    """The router after a restart with a schedule for 2027 in which those days of January are off."""
    off = frozenset(date(2027, 1, day) for day in holidays)
    years = {**gulou().calendar, 2027: CalendarYear(2027, "2027-test", off, frozenset())}
    return Router(replace(gulou(), calendar=years), policy(), Oracle(), WorkingCalendar(years))


def test_a_provisional_time_that_was_put_off_does_not_run_out() -> None:
    """R-HOT-07, R-HOT-10: a schedule published before it ends moves it without a command."""
    case = Played(at=datetime(2026, 12, 30, 2, tzinfo=UTC))
    case.give(submitted(urgency=3))
    handle = case.state.term("handle")
    assert handle is not None
    assert handle.provisional
    case.router = new_year(*range(4, 9))
    case.at = handle.at
    events = case.give(TimerDue("handle", handle.at))
    assert [type(e) for e in events] == [r.DeadlineRecomputed]
    moved = case.state.term("handle")
    assert moved is not None
    assert (moved.provisional, moved.at > handle.at, case.status) == (False, True, S.DISPATCHED)
    case.wait("handle")
    assert case.status is S.CALLBACK


def test_a_provisional_time_that_stands_runs_out() -> None:
    """R-HOT-10: where nothing was published, or it changes nothing, the time counts as it is."""
    for decider in (None, new_year(1)):
        case = Played(at=datetime(2026, 12, 30, 2, tzinfo=UTC))
        case.give(submitted(urgency=3))
        case.router = decider or case.router
        case.wait("handle")
        assert case.status is S.CALLBACK


def test_the_mark_of_an_extended_time_is_recounted_from_its_beginning() -> None:
    """R-CARD-01, R-HOT-07: 75 % of the whole time, extension included, after a new schedule, too."""
    case = Played(at=datetime(2026, 12, 25, 2, tzinfo=UTC))
    case.give(submitted(urgency=3))
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    began = case.state.term("mark")
    assert began is not None
    case.give(r.RequestExtension(actor=case.owner, reason="等待材料", days=5))
    case.give(r.DecideExtension(actor=OPERATOR, granted=True, reason="属实"))
    case.router = new_year(*range(4, 15))
    case.give(r.RecomputeDeadlines(actor=SUPERVISOR))
    handle, mark = case.state.term("handle"), case.state.term("mark")
    assert handle is not None
    assert mark is not None
    assert mark.at - began.since == (handle.at - began.since) * 0.75


def test_a_case_that_waits_is_as_late_as_before_when_something_is_added_to_it() -> None:
    """R-CARD-01, R-LAD-04: an accusation queues it anew with its subject; it stays overdue, supervised and red."""
    oracle = Oracle()
    case = Played(router(oracle))
    case.give(submitted(None))
    case.wait("triage")
    case.wait("triage_supervise")
    oracle.blamed = (COMMUNITY,)
    (queued,) = case.give(CaseSupplemented(text="举报居委会"))
    assert isinstance(queued, r.TriageQueued)
    assert (case.state.overdue, case.state.supervised) == (True, True)
    assert colour(case.state, case.at) is Colour.RED


def test_a_case_that_waits_too_long_for_a_human_is_marked() -> None:
    """R-CARD-01: overdue by the time of triage, red once supervised; who gets it in the end starts afresh."""
    case = Played()
    case.give(submitted(None))
    due = next(term for term in case.state.terms if term.name == "triage")
    assert colour(case.state, case.at) is Colour.GREEN
    assert colour(case.state, due.at) is Colour.ORANGE
    case.wait("triage")
    assert (case.state.overdue, colour(case.state, case.at)) == (True, Colour.ORANGE)
    case.wait("triage_supervise")
    assert (case.state.overdue, colour(case.state, case.at)) == (True, Colour.RED)
    judged: dict[str, Any] = {"judged": "dispatch", "matter": "property.leak"}
    case.give(r.TriageCase(actor=OPERATOR, **judged))
    assert (case.state.overdue, case.state.supervised) == (False, False)
    assert colour(case.state, case.at) is Colour.GREEN
