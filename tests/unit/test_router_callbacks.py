"""Callback, review and reopening: who calls when, what is offered, and what may be opened again (R-HOT-08)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.calendar import SHANGHAI
from chassis.decider import TimerDue
from schemas import router as r
from schemas.department import DepartmentAssigned, DepartmentEvent
from schemas.intake import FeedbackGiven, ReopeningAsked
from schemas.router import OrderStatus as S
from schemas.values import Emergency, OnSiteResolution
from tests.unit.router_kit import (
    GRID,
    MONDAY,
    OPERATOR,
    Oracle,
    Played,
    gulou,
    open_case,
    router,
    submitted,
)

SERVICE = "livelihood.elderly"
MISSED = r.RecordCallback(actor=OPERATOR, contacted=False)
UNSETTLED = r.RecordCallback(actor=OPERATOR, contacted=True)
SATISFIED = r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True)
OTHER = OPERATOR.model_copy(update={"subject": "another"})
AGAIN = ReopeningAsked(reason="灯又灭了")


def reply(case: Played) -> None:
    case.give(r.ReplyCase(actor=case.owner, result="已办理"))


def called_back(matter: str = SERVICE, decider: Played | None = None, **more: object) -> Played:
    case = decider or Played()
    case.give(submitted(matter, **more))
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    reply(case)
    return case


def closed(matter: str = SERVICE, at: datetime = MONDAY) -> Played:
    case = called_back(matter, Played(at=at))
    case.give(SATISFIED)
    return case


def test_one_operator_calls_at_a_time() -> None:
    """R-HOT-08: another can neither call nor record meanwhile; a claim lapses, and ends with what came of it."""
    case = called_back()
    claimed = case.give(r.ClaimCallback(actor=OPERATOR))[0]
    assert isinstance(claimed, r.CallbackClaimed)
    assert claimed.until == case.at + timedelta(minutes=gulou().thresholds.callback_claim_minutes)
    for command in (r.ClaimCallback(actor=OTHER), SATISFIED.model_copy(update={"actor": OTHER})):
        assert case.refused(command).code == "CLAIMED"
    case.give(r.ClaimCallback(actor=OPERATOR))
    case.at = claimed.until - timedelta(microseconds=1)
    assert case.refused(r.ClaimCallback(actor=OTHER)).code == "CLAIMED"
    case.at = claimed.until
    case.give(r.ClaimCallback(actor=OTHER))
    case.give(MISSED.model_copy(update={"actor": OTHER}))
    case.give(r.ClaimCallback(actor=OPERATOR))
    case.give(FeedbackGiven(contacted=True, resolved=False, satisfied=False))
    assert case.status is S.REDO, "the resident's own word waits for nobody"
    assert case.refused(r.ClaimCallback(actor=OPERATOR)).code == "WRONG_STATUS"
    assert case.refused(r.ClaimCallback(actor=case.owner)).code == "NOT_THE_HOTLINE"


def test_attempts_count_on_different_days() -> None:
    """R-HOT-08, R-HOT-09: the second from the next day's first hour on; after the last it ends: not reached."""
    case = called_back()
    case.at = datetime(2026, 6, 8, 23, 59, tzinfo=SHANGHAI).astimezone(UTC)
    case.give(MISSED)
    opens = datetime(2026, 6, 9, gulou().thresholds.callback_from_hour, tzinfo=SHANGHAI)
    again = case.state.term("callback")
    assert again is not None
    assert again.at == opens
    case.at = opens.astimezone(UTC) - timedelta(microseconds=1)
    assert case.refused(MISSED).code == "TOO_SOON"
    case.at = opens.astimezone(UTC)
    case.give(MISSED)
    case.later(days=1)
    case.give(MISSED)
    assert [e.last for e in case.all(r.CallbackRecorded)] == [False, False, True]
    assert case.last(r.CaseClosed).outcome is r.Outcome.UNREACHABLE


def test_a_callback_says_whose_work_it_was_about() -> None:
    """R-HOT-09: the unit, and whether it had been in touch, as the resident says; if reached."""
    case = called_back()
    unit = case.state.unit
    case.give(MISSED)
    case.give(
        r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True, responded=False)
    )
    told = [(e.unit, e.responded) for e in case.all(r.CallbackRecorded)]
    assert told == [(unit, None), (unit, False)]
    case = called_back()
    case.give(FeedbackGiven(contacted=False, resolved=True, satisfied=True))
    assert case.last(r.CallbackRecorded).responded is False


@pytest.mark.parametrize(
    ("matter", "ways"),
    [
        (SERVICE, ["court", "mediation", "petition", "reconsideration"]),
        ("property.leak", ["court", "petition"]),
        ("labour.dismissal", ["labour-arbitration", "court", "petition"]),
    ],
)
def test_the_second_time_the_lawful_review_is_offered(matter: str, ways: list[str]) -> None:
    """R-HOT-08, R-LAD-06: redone once with a new time; then the lawful ways, the matter's own first."""
    case = called_back(matter)
    first = case.at
    case.give(UNSETTLED)
    redo = case.state.term("handle")
    assert redo is not None
    assert redo.since == first
    assert case.all(r.LawfulReviewOffered) == []
    case.give(r.ReportProgress(actor=case.owner, note="返工"))
    reply(case)
    case.give(UNSETTLED)
    offer = case.last(r.LawfulReviewOffered)
    assert [way.code for way in offer.routes] == ways
    assert all(way.name and way.source for way in offer.routes)
    assert case.events.index(offer) < case.events.index(case.last(r.CaseClosed))
    assert case.last(r.CaseClosed).reopen_until is None, "R-LAD-06: the review is the way on"
    assert case.give(AGAIN) == []


@pytest.mark.parametrize(
    ("closed_at", "last_moment"),
    [
        # the day of closing does not count, the fifteenth day does, to its midnight
        (datetime(2026, 6, 8, 0, 0, tzinfo=SHANGHAI), datetime(2026, 6, 24, tzinfo=SHANGHAI)),
        (datetime(2026, 6, 8, 23, 59, 59, tzinfo=SHANGHAI), datetime(2026, 6, 24, tzinfo=SHANGHAI)),
        (datetime(2026, 6, 9, 0, 0, tzinfo=SHANGHAI), datetime(2026, 6, 25, tzinfo=SHANGHAI)),
        # over the end of a month, and of February
        (datetime(2026, 6, 30, 18, tzinfo=SHANGHAI), datetime(2026, 7, 16, tzinfo=SHANGHAI)),
        (datetime(2026, 2, 16, 12, tzinfo=SHANGHAI), datetime(2026, 3, 4, tzinfo=SHANGHAI)),
        # the last day is a Sunday, or lies in the National Day holiday: the next working day (MS85)
        (datetime(2026, 6, 13, 9, tzinfo=SHANGHAI), datetime(2026, 6, 30, tzinfo=SHANGHAI)),
        (datetime(2026, 9, 17, 9, tzinfo=SHANGHAI), datetime(2026, 10, 9, tzinfo=SHANGHAI)),
    ],
)
def test_the_window_ends_at_a_midnight(closed_at: datetime, last_moment: datetime) -> None:
    """R-HOT-08: so many calendar days after the day of closing, in Asia/Shanghai."""
    case = called_back()
    case.at = closed_at.astimezone(UTC)
    case.give(SATISFIED)
    assert case.last(r.CaseClosed).reopen_until == last_moment


def test_a_reopened_case_goes_back_to_its_unit() -> None:
    """R-HOT-08, R-HOT-06: to who had it, locked, with a new time; then the review, no second redo."""
    case = closed()
    unit, number = case.state.unit, case.state.issued
    case.later(days=3)
    told = case.give(AGAIN)
    assert [type(e) for e in told[:3]] == [r.CaseReopened, r.CaseDispatched, DepartmentAssigned]
    assert (case.status, case.state.unit, case.state.number) == (S.DISPATCHED_LOCKED, unit, number + 1)
    handle = case.state.term("handle")
    assert handle is not None
    assert handle.since == case.at
    assert case.give(AGAIN) == [], "it is open"
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.ReportProgress(actor=case.owner, note="返工"))
    reply(case)
    case.give(UNSETTLED)
    assert (case.status, case.last(r.CaseClosed).review_offered) == (S.CLOSED, True)


def test_only_so_often() -> None:
    """R-HOT-08: the policy says how often at most; the next closing names no day."""
    case = closed()
    for times in (1, 2):
        case.give(AGAIN)
        assert case.last(r.CaseReopened).times == times
        case.give(r.SignAssignment(actor=case.owner))
        case.give(r.RecordContact(actor=case.owner))
        reply(case)
        case.give(SATISFIED)
    assert case.last(r.CaseClosed).reopen_until is None
    assert case.give(AGAIN) == []


@pytest.mark.parametrize("matter", ["property.leak", "land.compensation"])
def test_what_a_procedure_settled_has_its_own_way(matter: str) -> None:
    """R-MED-08, R-PET-09: a broken agreement goes to court, an opinion to review; neither is reopened here."""
    case = called_back(matter)
    case.give(SATISFIED)
    assert case.last(r.CaseClosed).reopen_until is None


def test_a_repeat_is_another_thing() -> None:
    """R-PET-18: the same person's new report is a case of its own or a link; it reopens nothing."""
    case = closed()
    assert case.give(submitted(SERVICE, repeat_of=case.state.case_id, new_facts=True)) == []
    assert case.status is S.CLOSED


def test_what_its_settler_had_no_power_for_goes_to_the_competent_unit() -> None:
    """R-GRD-01, R-LAD-10: settled on the spot, closed, and back again: up, with ground and evidence."""
    done = OnSiteResolution(unit=GRID, measure="已劝离", resolved_at=MONDAY)
    case = open_case("traffic.bus", resolved=done, worker=GRID)
    case.give(SATISFIED)
    case.give(AGAIN)
    sent = case.last(r.CaseDispatched)
    assert sent.unit != GRID
    assert (sent.route.ground, bool(sent.route.evidence)) == (r.Ground.NO_LEGAL_POWER, True)


def test_a_danger_in_the_reason_goes_to_its_line() -> None:
    """R-LAD-05, R-HOT-13: reopened, and with the line at once."""
    case = closed()
    case.give(ReopeningAsked(reason="线路冒火花", emergency=Emergency(line="119", ground="冒火花")))
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "119")


@pytest.mark.parametrize("clears", [True, False])
def test_who_is_complained_of_in_the_reason_does_not_get_the_case_back(clears: bool) -> None:
    """R-LAD-04, R-HOT-14: it waits for a human, who clears the unit or has it go to who stands above."""
    oracle = Oracle(blamed=())
    case = called_back(decider=Played(router(oracle)))
    case.give(SATISFIED)
    unit, number = case.state.unit or "", case.state.issued
    oracle.blamed = (unit,)
    told = case.give(ReopeningAsked(reason="该单位敷衍了事"))
    assert [type(e) for e in told] == [r.CaseReopened, r.TriageQueued], (
        "nobody is told, and no assignment ends"
    )
    assert (case.status, case.state.subjects) == (S.REGISTERED, (unit,))
    judged: dict[str, Any] = {"judged": "dispatch", "subjects": () if clears else None}
    case.give(r.TriageCase(actor=OPERATOR, **judged))
    sent = case.last(r.CaseDispatched)
    assert ((sent.unit, sent.locked) == (unit, True)) is clears
    assert sent.number == number + 1
    assert sent.route.ground is (None if clears else r.Ground.SUBJECT_SKIPPED)


def test_who_else_is_complained_of_in_the_reason_is_kept_from_the_case() -> None:
    """R-LAD-04: the unit that had it gets it back."""
    oracle = Oracle(blamed=())
    case = called_back(decider=Played(router(oracle)))
    case.give(SATISFIED)
    unit = case.state.unit
    oracle.blamed = ("GL020101",)
    case.give(ReopeningAsked(reason="另一网格员也在场"))
    assert (case.status, case.state.unit) == (S.DISPATCHED_LOCKED, unit)
    assert case.state.subjects == ("GL020101",)


def test_who_is_complained_of_beside_a_danger_does_not_get_what_remains() -> None:
    """R-LAD-05, R-LAD-04, R-HOT-13: the line first, as with a supplement in the same words."""
    oracle = Oracle(blamed=())
    case = called_back(decider=Played(router(oracle)))
    case.give(SATISFIED)
    unit = case.state.unit or ""
    oracle.blamed = (unit,)
    case.give(ReopeningAsked(reason="收了钱，现在打人", emergency=Emergency(line="110", ground="打人")))
    assert (case.status, case.state.line, case.state.subjects) == (S.EMERGENCY_XFER, "110", (unit,))
    case.give(r.DispatchRemainder(actor=OPERATOR))
    sent = case.last(r.CaseDispatched)
    assert sent.unit not in {unit, "GL-HOTLINE"}
    assert (sent.locked, sent.route.ground) == (False, r.Ground.SUBJECT_SKIPPED)


def test_a_helper_complained_of_in_the_reason_hears_nothing_of_the_reopening() -> None:
    """R-LAD-04, R-HOT-14: not even that it was to help."""
    oracle = Oracle(blamed=())
    case = Played(router(oracle))
    case.give(submitted("municipal.streetlight"))
    for step in (r.SignAssignment(actor=case.owner), r.RecordContact(actor=case.owner)):
        case.give(step)
    check = r.OnSiteCheck(unit="GL0101", matches=True)
    case.give(r.ReplyCase(actor=case.owner, result="已修好", check=check))
    case.give(SATISFIED)
    oracle.blamed = ("GL-POWER",)
    told = case.give(ReopeningAsked(reason="供电公司收了钱，灯又灭了"))
    assert "GL-POWER" not in {e.unit for e in told if isinstance(e, DepartmentEvent)}
    assert (case.state.unit, case.state.subjects) == ("GL-URBAN", ("GL-POWER",))
    assert [seat.unit for seat in case.state.helpers] == ["GL0101"]


def test_asked_in_time_it_is_reopened_even_from_the_archive() -> None:
    """R-HOT-08: intake took the wish within the window; the router was away, and archived the case first."""
    case = closed()
    archive = next(timer for timer in case.router.due(case.state) if timer.name == "archive")
    case.at = archive.at
    assert isinstance(case.give(TimerDue(archive.name, archive.at))[0], r.CaseArchived)
    case.give(AGAIN)
    assert case.status is S.DISPATCHED_LOCKED


def test_what_was_never_closed_is_not_reopened() -> None:
    """R-HOT-08: an exit, an answer and a link end in the archive without having been closed."""
    case = open_case("government.penalty")
    assert case.status is S.REDIRECTED
    case.wait("archive")
    assert case.give(AGAIN) == []
