"""What is cut off, late, refused or unproven: said to the unit, and never passed off as done."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas import router as r
from schemas.department import DepartmentAssigned, DepartmentReminded, ReminderKind
from schemas.router import Ground
from schemas.router import OrderStatus as S
from schemas.values import Emergency, OnSiteResolution
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    MONDAY,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Hit,
    Match,
    Oracle,
    Played,
    actor,
    gulou,
    open_case,
    router,
    submitted,
)
from tests.unit.test_router_ladder import climb, handled
from tests.unit.test_router_workorder import UNSETTLED, called_back, reply

MATCHES = r.OnSiteCheck(unit=GRID, matches=True)


@pytest.mark.parametrize("kind", ["extension", "suspension"])
def test_a_request_of_the_last_minute_lapses_with_the_time(kind: str) -> None:
    """R-HOT-07, R-GRD-02, R-LAD-08: it stops no clock; at the end of the time it is refused, and that is said."""
    case = handled()
    handle = case.state.term("handle")
    assert handle is not None
    case.later(seconds=(handle.at - case.at).total_seconds() - 1)
    ask: r.RouterCommand = r.RequestExtension(actor=case.owner, reason="等待材料", days=3)
    if kind == "suspension":
        ask = r.RequestSuspension(actor=case.owner, reason="等待材料")
    case.give(ask)
    case.wait("handle")
    decided = [e for e in case.events if isinstance(e, r.ExtensionDecided | r.SuspensionDecided)]
    assert [(e.granted, e.lapsed) for e in decided] == [(False, True)]
    assert ReminderKind.DECIDED in [e.kind for e in case.all(DepartmentReminded)]
    assert (case.status, case.state.breaches, case.state.pending) == (S.CALLBACK, 1, None)


def test_on_the_register_the_resident_is_contacted_all_the_same() -> None:
    """R-GRD-02, R-HOT-10: a pause stops the handling time, not the duty to contact nor supervision that is due."""
    case = open_case()
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.ReportProgress(actor=case.owner, note="在办"))
    case.give(r.RequestSuspension(actor=case.owner, reason="汛期"))
    case.give(r.DecideSuspension(actor=SUPERVISOR, granted=True, reason="属实"))
    case.wait("contact")
    case.wait("contact_supervise")
    assert (case.status, case.state.supervised) == (S.SUSPENDED, True)
    case.give(r.ResumeCase(actor=case.owner, reason="可以施工"))
    assert {t.name for t in case.state.terms} == {"handle", "mark"}


def test_a_reply_before_the_clock_was_looked_at_is_late_all_the_same() -> None:
    """R-HOT-07: after downtime the late reply may come first; it is late, and needs its reasons."""
    case = handled()
    case.later(days=30)
    assert case.refused(reply(case)).code == "EXPLANATION_NEEDED"
    case.give(reply(case, explanation="配件延误"))
    assert case.last(r.CaseReplied).late


@pytest.mark.parametrize("settled", [False, True])
def test_the_register_and_not_the_file_for_what_is_unsolved(settled: bool) -> None:
    """R-GRD-02: what must be seen is not closed over an unreachable resident without a check."""
    case = handled("municipal.manhole")
    case.give(reply(case, check=MATCHES) if settled else reply(case, solved=False, explanation="等待配件"))
    for _ in range(gulou().thresholds.callback_attempts):
        case.give(r.RecordCallback(actor=OPERATOR, contacted=False))
        case.later(days=1)
    assert case.status is (S.CLOSED if settled else S.REDO)


def test_an_unsolved_component_is_not_closed_over_the_resident() -> None:
    """R-GRD-02, R-LAD-06: unsettled after the redo it goes back again, unless it is lawful and was explained."""
    case = handled("municipal.manhole")
    for _ in range(2):
        case.give(reply(case, solved=False, explanation="等待配件"))
        case.give(UNSETTLED)
        assert case.status is S.REDO
        case.give(r.ReportProgress(actor=case.owner, note="返工"))
    case.give(reply(case, solved=False, explanation="规划未批准"))
    case.give(UNSETTLED.model_copy(update={"lawful": True}))
    assert case.last(r.CaseClosed).review_offered


def test_what_the_grid_settled_was_seen() -> None:
    """R-GRD-01, R-GRD-02: settled on the spot is seen there; an unreachable resident re-opens nothing."""
    done = OnSiteResolution(unit=GRID, measure="已清理", resolved_at=MONDAY)
    case = open_case("order.garbage", resolved=done, worker=GRID)
    for _ in range(gulou().thresholds.callback_attempts):
        case.give(r.RecordCallback(actor=OPERATOR, contacted=False))
        case.later(days=1)
    assert case.last(r.CaseClosed).outcome is r.Outcome.UNREACHABLE


def test_a_check_is_somebodys() -> None:
    """R-GRD-02, R-LAD-04: made by a unit that exists, is not complained of, and did not do the work itself."""
    case = handled("municipal.manhole", subjects=(COMMUNITY,))
    own = case.state.unit or ""
    for unit, code in (("nowhere", "UNKNOWN_UNIT"), (GRID, "INTERESTED"), (own, "OWN_WORK")):
        no = case.refused(reply(case, check=r.OnSiteCheck(unit=unit, matches=True)))
        assert (no.code, no.field) == (code, "check")
    for elsewhere in ("GL0505", "GL070101", "GL-COURT"):
        no = case.refused(reply(case, check=r.OnSiteCheck(unit=elsewhere, matches=True)))
        assert (no.code, no.field) == ("NOT_ON_THE_SPOT", "check")
    case.give(reply(case, check=r.OnSiteCheck(unit=STREET, matches=True)))


def test_one_above_delivers_for_each_helper_in_turn() -> None:
    """R-HOT-06: who stands above several helpers delivers what is still owed first."""
    case = handled("municipal.streetlight")
    above = r.DeliverHelp(actor=SUPERVISOR, done=True, note="完成")
    case.give(above)
    case.give(above)
    assert [s.answered for s in case.state.helpers] == [True, True]


def test_an_abolished_department_is_not_summoned() -> None:
    """R-HOT-12, R-PET-04: the whistle reaches the successor."""
    known = gulou()
    gone = replace(known.units["GL-FIRE"], successor="GL-EMERGENCY")
    case = Played(router(jurisdiction=replace(known, units={**known.units, "GL-FIRE": gone})))
    case.give(submitted())
    call = r.WhistleDepartments(actor=actor(STREET), units=("GL-FIRE",), occasion="emergency", reason="险情")
    case.give(call)
    assert [s.unit for s in case.state.helpers] == ["GL-EMERGENCY", STREET]


def test_supervision_before_the_first_delay_is_not_the_warning() -> None:
    """R-LAD-08, R-LAD-02: only supervision after the first delay makes the next one the second breach."""
    case = handled()
    case.give(r.SuperviseCase(actor=SUPERVISOR, reason="群众反映"))
    case.wait("handle")
    case.give(reply(case, explanation="配件延误"))
    case.give(UNSETTLED)
    assert case.state.term("supervise") is None
    case.wait("handle")
    assert (case.state.breaches, case.state.second_breach) == (2, False)


def test_a_department_is_everywhere() -> None:
    """R-LAD-02: a department does not lift a case to itself because a party lives in another street."""
    case = handled("labour.wages")
    outside = climb(case, Ground.PARTIES_OUTSIDE, "residence_record", parties=("GL02",))
    assert case.refused(outside).code == "PARTIES_INSIDE"


def test_who_failed_twice_does_not_get_it_again_a_rung_up() -> None:
    """R-LAD-08, R-LAD-02: where the same department answers at the district's rung too, the district takes over."""
    case = handled("labour.wages")
    assert case.state.unit == "GL-LABOUR"
    case.wait("handle")
    case.wait("supervise")
    case.give(UNSETTLED)
    case.wait("handle")
    assert (case.state.unit, case.state.rung) == (DISTRICT, 4)
    skipped = case.last(r.CaseDispatched).route.skipped
    assert [(s.unit, s.rule) for s in skipped] == [("GL-LABOUR", "R-LAD-08")]
    assert case.last(DepartmentAssigned).lead == DISTRICT


def test_late_callbacks_keep_their_distance() -> None:
    """R-HOT-08: three calls within a minute are one attempt; who is reached in between is heard at once."""
    case = called_back()
    missed = r.RecordCallback(actor=OPERATOR, contacted=False)
    case.give(missed)
    for _ in range(3):
        case.later(minutes=1)
        assert case.refused(missed).field == "contacted"
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True))
    assert case.status is S.CLOSED


def test_more_time_counts_from_the_end_that_was() -> None:
    """R-HOT-07: two days after Monday's end are Wednesday's end; asked for at the end itself is too late."""
    case = handled()
    handle = case.state.term("handle")
    assert handle is not None
    assert handle.at == datetime(2026, 6, 15, 16, tzinfo=UTC)
    ask = r.RequestExtension(actor=case.owner, reason="等待材料", days=2)
    late = Played(at=handle.at)
    late.state = case.state
    for kind in (ask, r.RequestSuspension(actor=case.owner, reason="汛期")):
        assert late.refused(kind).code == "TOO_LATE"
    case.give(ask)
    case.give(r.DecideExtension(actor=OPERATOR, granted=True, reason="属实"))
    longer = case.state.term("handle")
    assert longer is not None
    assert longer.at == datetime(2026, 6, 17, 16, tzinfo=UTC)


def test_a_redo_without_an_answer_is_not_the_one_redo() -> None:
    """R-HOT-08, R-LAD-08: only a reply that fell short uses up the redo; silence does not."""
    case = handled()
    case.wait("handle")
    case.give(UNSETTLED)
    case.give(r.ReportProgress(actor=case.owner, note="在办"))
    case.give(reply(case))
    case.give(UNSETTLED)
    assert [e.unanswered for e in case.all(r.RedoOrdered)] == [True, False]
    case.give(r.ReportProgress(actor=case.owner, note="返工"))
    case.give(reply(case))
    case.give(UNSETTLED)
    assert case.status is S.CLOSED


def test_a_new_owner_has_an_extension_of_its_own() -> None:
    """R-HOT-07: once per owner."""
    case = handled()
    ask = r.RequestExtension(actor=SUPERVISOR, reason="等待材料", days=2)
    case.give(ask)
    case.give(r.DecideExtension(actor=OPERATOR, granted=True, reason="属实"))
    case.give(climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    case.give(ask)
    assert case.state.pending == "extension"


def test_a_helper_that_delivered_is_left_in_peace() -> None:
    """R-HOT-06: only who owes its part is reminded of it."""
    case = open_case("municipal.streetlight")
    case.give(r.DeliverHelp(actor=actor("GL-POWER"), done=True, note="完成"))
    case.wait("mark")
    assert [e.unit for e in case.all(DepartmentReminded) if e.kind is ReminderKind.HELP] == [COMMUNITY]


def test_a_perhaps_dangerous_case_waits_no_longer_than_the_line() -> None:
    """R-LAD-05, R-HOT-02: what may be a danger is looked at within the time in which a line confirms."""
    waits = {}
    for matter in ("family.violence", "order.garbage"):
        case = Played(router(Oracle(Match((Hit(matter),), 0.3))))
        case.give(submitted(None))
        term = case.state.term("triage")
        assert term is not None
        waits[matter] = term.rule
    assert waits == {"family.violence": "emergency.confirm", "order.garbage": "triage"}


def test_a_sealed_emergency_tells_no_words() -> None:
    """R-PET-10, R-LAD-05: the line is told on the telephone; the event does not say what was accused."""
    case = open_case("government.report", emergency=Emergency(line="110", ground="科长收受贿赂并威胁"))
    assert case.last(r.EmergencyTransferred).words == ""
    assert (
        open_case(emergency=Emergency(line="119", ground="着火")).last(r.EmergencyTransferred).words == "着火"
    )
