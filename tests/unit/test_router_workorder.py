"""The WorkOrder machine (domain.md §4): every edge walked, what is no edge refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from schemas import router as r
from schemas.department import (
    AssignmentRole,
    DepartmentAssigned,
    DepartmentAssignmentEnded,
    DepartmentReminded,
    EndReason,
    HandlingMode,
    ReminderKind,
)
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven
from schemas.router import OrderStatus as S
from schemas.values import Emergency
from services.router.domain.workorder import DIRECT, FINAL
from tests.unit.router_kit import (
    COMMUNITY,
    GRID,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Oracle,
    Played,
    actor,
    open_case,
    router,
    submitted,
)
from tests.unit.test_router_ladder import handled

SATISFIED = r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True)
UNSETTLED = r.RecordCallback(actor=OPERATOR, contacted=True)


def reply(case: Played, **more: Any) -> r.ReplyCase:
    return r.ReplyCase(actor=case.owner, result="已修好", **more)


def objected() -> Played:
    case = open_case("municipal.manhole")
    case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位", proposed="GL-HOUSING"))
    return case


def locked() -> Played:
    case = objected()
    case.give(r.AdjudicateObjection(actor=OPERATOR, upheld=False, reason="职责明确"))
    return case


def signed() -> Played:
    case = open_case()
    case.give(r.SignAssignment(actor=case.owner))
    return case


def extended() -> Played:
    case = handled()
    case.give(r.RequestExtension(actor=case.owner, reason="等待材料", days=5))
    case.give(r.DecideExtension(actor=OPERATOR, granted=True, reason="理由成立"))
    return case


def suspended() -> Played:
    case = handled()
    case.give(r.RequestSuspension(actor=case.owner, reason="汛期无法施工"))
    case.give(r.DecideSuspension(actor=SUPERVISOR, granted=True, reason="理由成立"))
    return case


def called_back() -> Played:
    case = handled()
    case.give(reply(case))
    return case


def redone() -> Played:
    case = called_back()
    case.give(UNSETTLED)
    return case


def closed() -> Played:
    case = called_back()
    case.give(SATISFIED)
    return case


def archived() -> Played:
    case = closed()
    case.wait("archive")
    return case


STAGES: dict[S, Callable[[], Played]] = {
    S.DISPATCHED: open_case,
    S.DISPATCHED_LOCKED: locked,
    S.OBJECTED: objected,
    S.SIGNED: signed,
    S.HANDLING: handled,
    S.EXTENDED: extended,
    S.SUSPENDED: suspended,
    S.CALLBACK: called_back,
    S.REDO: redone,
    S.CLOSED: closed,
    S.ARCHIVED: archived,
}
EDGES: dict[str, tuple[Callable[[Played], r.RouterCommand], set[S]]] = {
    "sign": (lambda c: r.SignAssignment(actor=c.owner), {S.DISPATCHED, S.DISPATCHED_LOCKED}),
    "object": (lambda c: r.ObjectAssignment(actor=c.owner, reason="无关"), {S.DISPATCHED}),
    "adjudicate": (
        lambda _: r.AdjudicateObjection(actor=OPERATOR, upheld=False, reason="明确"),
        {S.OBJECTED},
    ),
    "contact": (lambda c: r.RecordContact(actor=c.owner), {S.SIGNED, S.HANDLING, S.EXTENDED, S.REDO}),
    "progress": (
        lambda c: r.ReportProgress(actor=c.owner, note="在办"),
        {S.SIGNED, S.HANDLING, S.EXTENDED, S.REDO},
    ),
    "ask for time": (lambda c: r.RequestExtension(actor=c.owner, reason="等待", days=1), {S.HANDLING}),
    "ask to suspend": (
        lambda c: r.RequestSuspension(actor=c.owner, reason="等待"),
        {S.HANDLING, S.EXTENDED},
    ),
    "resume": (lambda c: r.ResumeCase(actor=c.owner, reason="可以"), {S.SUSPENDED}),
    "reply": (reply, {S.HANDLING, S.EXTENDED}),
    "call back": (lambda _: UNSETTLED, {S.CALLBACK}),
    "confirm emergency": (lambda _: r.ConfirmEmergency(actor=OPERATOR, reference="1"), set()),
    "remainder": (lambda _: r.DispatchRemainder(actor=OPERATOR), set()),
    "triage": (lambda _: r.TriageCase(actor=OPERATOR), set()),
    "decide extension": (lambda _: r.DecideExtension(actor=OPERATOR, granted=True, reason="好的"), set()),
    "decide suspension": (lambda _: r.DecideSuspension(actor=OPERATOR, granted=True, reason="好的"), set()),
    "track": (lambda _: r.ChooseTrack(actor=OPERATOR, track="P"), set(STAGES) - FINAL),
    "supervise": (lambda _: r.SuperviseCase(actor=SUPERVISOR, reason="群众反映"), set(STAGES) - FINAL),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("stage", STAGES)
def test_every_edge_and_no_other(stage: S, edge: str) -> None:
    """R-HOT-05, R-HOT-07, R-GRD-02: a command is accepted exactly where the machine has the edge."""
    case = STAGES[stage]()
    assert case.status is stage
    command, allowed = EDGES[edge][0](case), EDGES[edge][1]
    if stage in allowed:
        assert case.give(command)
        assert case.status is not None
        return
    before = case.state
    assert case.refused(command).reason
    assert case.state == before


def test_an_unknown_case_takes_no_command() -> None:
    for command, _ in EDGES.values():
        case = Played()
        assert case.refused(command(case)).code == "UNKNOWN_CASE"


def test_the_whole_life() -> None:
    """R-HOT-06, R-HOT-08: from dispatch to the archive, one owner all the way."""
    case = open_case()
    walked = []
    for command in (
        r.SignAssignment(actor=case.owner),
        r.RecordContact(actor=case.owner),
        reply(case),
        SATISFIED,
    ):
        events = case.give(command)
        walked.append([type(e).__name__ for e in events if e.topic() == "case.events"])
    assert walked == [
        ["AssignmentSigned"],
        ["ContactRecorded"],
        ["CaseReplied", "CallbackOpened"],
        ["CallbackRecorded", "CaseClosed"],
    ]
    assert (case.status, case.state.unit) == (S.CLOSED, GRID)
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.CLOSED
    case.wait("archive")
    assert case.status is S.ARCHIVED
    assert case.router.due(case.state) == []


def test_only_the_responsible_unit_acts() -> None:
    """R-HOT-06: the unit, one above it, or a supervisor; nobody else."""
    case = open_case()
    for other in ("GL-URBAN", "GL0102", None, "nowhere"):
        assert case.refused(r.SignAssignment(actor=actor(other))).code == "NOT_RESPONSIBLE"
    case.give(r.SignAssignment(actor=actor(STREET)))


def test_objection_upheld_designates() -> None:
    """R-HOT-05: upheld, the designated unit gets it and cannot return it (WF22); the first is relieved."""
    case = objected()
    assert case.last(r.AssignmentObjected).proposed == "GL-HOUSING"
    upheld = r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="属实")
    assert case.refused(upheld).field == "unit"
    assert case.refused(upheld.model_copy(update={"unit": "GL-URBAN"})).code == "SAME_UNIT"
    assert case.refused(upheld.model_copy(update={"unit": "x"})).code == "UNKNOWN_UNIT"
    case.give(upheld.model_copy(update={"unit": "GL-HOUSING"}))
    assert (case.status, case.state.unit) == (S.DISPATCHED_LOCKED, "GL-HOUSING")
    assert (case.state.term("object"), case.last(DepartmentAssigned).object_by) == (None, None)
    assert case.refused(r.ObjectAssignment(actor=case.owner, reason="无关")).code == "LOCKED"
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.OBJECTION_UPHELD


def test_objection_upheld_without_designation() -> None:
    """R-HOT-05: an unlocked re-dispatch may be objected to once more, by the new unit."""
    case = objected()
    case.give(
        r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="属实", unit="GL-HOUSING", locked=False)
    )
    assert case.status is S.DISPATCHED


def test_objection_up_a_rung_has_a_ground() -> None:
    """R-LAD-10: a unit designated higher up is an upward step, with the objection as its evidence."""
    case = objected()
    case.give(r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="属实", unit="GL-TRANSPORT"))
    route = case.last(r.CaseDispatched).route
    assert case.state.rung == 4
    assert route.ground is r.Ground.OBJECTION_UPHELD
    assert [e.kind for e in route.evidence] == ["objection"]


def test_not_passed_down() -> None:
    """R-HOT-11, R-COM-01: neither street nor community is named for a department's duty."""
    for below in (STREET, COMMUNITY, GRID):
        upheld = r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="属实", unit=below)
        assert objected().refused(upheld).code == "NOT_ITS_DUTY"


def test_objection_rejected_locks() -> None:
    """R-HOT-05: rejected, the same unit acts first and argues later; its time has run on."""
    case = open_case("municipal.manhole")
    before = case.state.term("handle")
    case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位"))
    assert "handle" not in {t.name for t in case.router.due(case.state)}
    case.give(r.AdjudicateObjection(actor=OPERATOR, upheld=False, reason="职责明确"))
    assert (case.status, case.state.unit) == (S.DISPATCHED_LOCKED, "GL-URBAN")
    assert case.state.term("handle") == before
    assert case.state.term("object") is None


def test_objection_only_in_time() -> None:
    """R-HOT-05: after the time to object, and after signing, there is no objection."""
    case = open_case()
    case.at = next(t.at for t in case.router.due(case.state) if t.name == "object")
    assert case.refused(r.ObjectAssignment(actor=case.owner, reason="无关")).code == "TOO_LATE"


def test_nobody_decides_on_their_own_case() -> None:
    """R-HOT-05, R-HOT-08: the objecting or asking unit is not its own judge."""
    case = open_case("municipal.manhole")
    case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位"))
    own = r.AdjudicateObjection(actor=actor("GL-URBAN", "supervisor"), upheld=False, reason="明确")
    assert case.refused(own).code == "OWN_CASE"


def test_extension_once_with_reason() -> None:
    """R-HOT-07: the time grows by the days granted, once; a refusal leaves it; no more than configured."""
    case = handled()
    before = case.state.term("handle")
    assert before is not None
    ask = r.RequestExtension(actor=case.owner, reason="等待材料", days=5)
    assert case.refused(ask.model_copy(update={"days": 90})).code == "TOO_LONG"
    case.give(ask)
    assert case.refused(ask).code == "PENDING"
    case.give(r.DecideExtension(actor=OPERATOR, granted=False, reason="理由不足"))
    assert (case.status, case.state.term("handle")) == (S.HANDLING, before)
    case.give(ask)
    case.give(r.DecideExtension(actor=OPERATOR, granted=True, reason="理由成立"))
    after = case.state.term("handle")
    assert after is not None
    assert after.at >= before.at + timedelta(days=5)
    assert case.refused(ask).code == "EXTENDED_ALREADY"
    case.give(r.ReportProgress(actor=case.owner, note="继续办理"))
    assert case.status is S.HANDLING


def test_suspension_stops_the_clock() -> None:
    """R-GRD-02: on the suspended register the handling time stands still; it comes back by itself."""
    case = suspended()
    handle = case.state.term("handle")
    assert handle is not None
    assert {t.name for t in case.router.due(case.state)} == {"resume"}
    case.later(days=20)
    case.give(r.ResumeCase(actor=case.owner, reason="可以施工"))
    after = case.state.term("handle")
    assert after is not None
    assert after.at >= handle.at + timedelta(days=19)
    assert case.status is S.HANDLING
    lapsed = suspended()
    lapsed.wait("resume")
    assert (lapsed.status, lapsed.last(r.CaseResumed).lapsed) == (S.HANDLING, True)


def test_suspension_refused_or_badly_dated() -> None:
    """R-GRD-02: justified and approved, with a day to come back that is not beyond the configured one."""
    case = handled()
    case.give(r.RequestSuspension(actor=case.owner, reason="汛期"))
    far = case.at + timedelta(days=900)
    late = r.DecideSuspension(actor=OPERATOR, granted=True, reason="同意", until=far)
    assert case.refused(late).field == "until"
    case.give(r.DecideSuspension(actor=OPERATOR, granted=False, reason="可以施工"))
    assert (case.status, case.state.pending) == (S.HANDLING, None)


def test_component_matters_close_only_after_a_matching_check() -> None:
    """R-GRD-02: no check, no reply that says solved; a check that does not match neither."""
    case = handled("municipal.manhole")
    assert case.refused(reply(case)).code == "CHECK_NEEDED"
    wrong = r.OnSiteCheck(unit=GRID, matches=False)
    assert case.refused(reply(case, check=wrong)).code == "CHECK_MISMATCH"
    case.give(reply(case, check=r.OnSiteCheck(unit=GRID, matches=True)))
    assert case.status is S.CALLBACK


def test_unsolved_is_explained() -> None:
    """R-HOT-07: an unsolved matter needs an explanation to the resident."""
    case = handled("municipal.manhole")
    assert case.refused(reply(case, solved=False)).code == "EXPLANATION_NEEDED"
    case.give(reply(case, solved=False, explanation="产权单位施工中"))


def test_helpers_deliver_or_report() -> None:
    """R-HOT-06: helpers deliver to the lead or report reasons; who owes its part is named in the reply."""
    case = handled("municipal.streetlight")
    helpers = [s.unit for s in case.state.helpers]
    assert helpers == ["GL-POWER", COMMUNITY]
    assert case.refused(r.DeliverHelp(actor=actor("GL-GAS"), done=True, note="完成")).code == "NOT_HELPER"
    case.give(r.DeliverHelp(actor=actor("GL-POWER"), done=False, note="等待停电窗口"))
    assert [s.answered for s in case.state.helpers] == [True, False]
    case.give(reply(case, check=r.OnSiteCheck(unit=GRID, matches=True)))
    assert case.last(r.CaseReplied).undelivered == (COMMUNITY,)
    case.give(SATISFIED)
    assert {e.unit for e in case.all(DepartmentAssignmentEnded)} == {"GL-URBAN", "GL-POWER", COMMUNITY}


def test_whistle() -> None:
    """R-HOT-12: the street summons departments; they and the street get assignments; the owner stays."""
    case = handled()
    call = r.WhistleDepartments(
        actor=actor(STREET), units=("GL-HOUSING", "GL-FIRE"), occasion="public_problem", reason="公共区域"
    )
    assert case.refused(call.model_copy(update={"actor": actor(GRID)})).code == "NOT_THE_STREET"
    assert case.refused(call.model_copy(update={"units": (COMMUNITY,)})).code == "UNKNOWN_UNIT"
    case.give(call)
    assert case.state.unit == GRID
    assert case.state.mode is HandlingMode.JOINT
    helpers = [e.unit for e in case.all(DepartmentAssigned) if e.role is AssignmentRole.HELPER]
    assert helpers == ["GL-HOUSING", "GL-FIRE", STREET]
    assert case.refused(call).code == "ALREADY_HERE"


def test_whistle_never_calls_the_subject() -> None:
    """R-LAD-04, R-HOT-12: a department complained of is not summoned."""
    case = handled(subjects=("GL-FIRE",))
    call = r.WhistleDepartments(actor=actor(STREET), units=("GL-FIRE",), occasion="emergency", reason="险情")
    assert case.refused(call).code == "INTERESTED"


def test_instruction() -> None:
    """R-MODE-01 批办: a leader sets owner and deadline; the owner cannot object; nothing climbs that way."""
    case = open_case("municipal.road")
    by = case.at + timedelta(days=2)
    order = r.InstructCase(
        actor=SUPERVISOR, unit="GL-URBAN", handle_by=by, leader="区政府办公室", note="尽快"
    )
    assert case.refused(order.model_copy(update={"handle_by": case.at})).field == "handle_by"
    assert case.refused(order.model_copy(update={"unit": "GL-EDUCATION"})).code == "GROUND_NEEDED"
    assert case.refused(order.model_copy(update={"unit": COMMUNITY})).code == "NOT_ITS_DUTY"
    assert case.refused(order.model_copy(update={"actor": actor(STREET)})).code == "NOT_A_SUPERIOR"
    case.give(order)
    handle = case.state.term("handle")
    assert handle is not None
    assert (case.status, case.state.unit, handle.at) == (S.DISPATCHED_LOCKED, "GL-URBAN", by)
    assert (case.state.mode, case.state.leader) == (HandlingMode.INSTRUCTED, "区政府办公室")


def test_instruction_to_the_same_unit_moves_the_deadline_only() -> None:
    """R-MODE-01: the owner goes on where it is, by the leader's deadline."""
    case = handled()
    by = case.at + timedelta(days=1)
    case.give(r.InstructCase(actor=SUPERVISOR, unit=GRID, handle_by=by, leader="街道办主任", note="尽快"))
    handle = case.state.term("handle")
    assert handle is not None
    assert (case.status, handle.at, len(case.all(r.CaseDispatched))) == (S.HANDLING, by, 1)


def test_redo_once_then_lawful_review() -> None:
    """R-HOT-08, R-LAD-06: unsettled: redo once with a new time; then close and offer the lawful review."""
    case = redone()
    assert (case.status, case.state.unit) == (S.REDO, GRID)
    assert case.last(DepartmentReminded).kind is ReminderKind.REDO
    case.give(r.ReportProgress(actor=case.owner, note="返工"))
    case.give(reply(case))
    case.give(UNSETTLED)
    end = case.last(r.CaseClosed)
    assert (case.status, end.outcome, end.review_offered) == (S.CLOSED, r.Outcome.UNSATISFIED, True)


def test_a_co_reporters_word_counts_without_ending_the_callback() -> None:
    """R-PET-18, R-HOT-08, R-HOT-09: content, it is counted and the reporter is still called; not, it is a redo."""
    content = FeedbackGiven(contacted=True, resolved=True, satisfied=True, report=uuid4())
    case = called_back()
    case.give(content)
    recorded = case.last(r.CallbackRecorded)
    assert (recorded.report, recorded.satisfied) == (content.report, True)
    assert (case.status, case.state.attempts) == (S.CALLBACK, 0)
    case.give(content.model_copy(update={"satisfied": False, "report": uuid4()}))
    assert case.status is S.REDO


def test_dissatisfaction_with_a_lawful_result() -> None:
    """R-LAD-06: a lawful, explained result is not redone; the review is offered."""
    case = handled()
    case.give(reply(case, solved=False, explanation="规划未批准"))
    case.give(UNSETTLED.model_copy(update={"lawful": True}))
    assert case.last(r.CaseClosed).review_offered


def test_what_nobody_explained_is_not_closed_as_lawful() -> None:
    """R-LAD-06, R-HOT-08: first it is redone; then the hotline may give the reasons, and has to."""
    lawful = UNSETTLED.model_copy(update={"lawful": True})
    why = lawful.model_copy(update={"explanation": "已按规定标准修复，无权再作改动"})
    case = called_back()
    assert [case.refused(said).code for said in (lawful, why)] == ["NOT_EXPLAINED"] * 2
    case.give(UNSETTLED)
    case.give(r.ReportProgress(actor=case.owner, note="返工"))
    case.give(reply(case))
    assert case.refused(lawful).code == "EXPLANATION_NEEDED"
    case.give(why)
    assert case.last(r.LawfulReviewOffered).explanation == why.explanation
    assert case.last(r.CaseClosed).review_offered


def test_unreachable_resident() -> None:
    """R-HOT-08, R-HOT-09: after the configured attempts a replied case is closed as unreachable."""
    case = called_back()
    missed = r.RecordCallback(actor=OPERATOR, contacted=False)
    assert case.refused(missed.model_copy(update={"resolved": True})).code == "CONTRADICTION"
    case.give(missed)
    assert case.refused(missed).code == "TOO_SOON"
    case.later(days=1)
    case.give(missed)
    assert case.status is S.CALLBACK
    case.wait("callback")
    case.give(missed)
    assert case.last(r.CaseClosed).outcome is r.Outcome.UNREACHABLE
    assert [e.attempt for e in case.all(r.CallbackRecorded)] == [1, 2, 3]


def test_resident_answers_by_themselves() -> None:
    """R-HOT-08, R-HOT-09: feedback counts as the callback; outside of a callback it changes nothing."""
    said = FeedbackGiven(contacted=False, resolved=True, satisfied=True)
    assert handled().give(said) == []
    case = called_back()
    case.give(said)
    assert case.status is S.CLOSED
    assert case.last(r.CallbackRecorded).by_resident


@pytest.mark.parametrize("stage", sorted(set(STAGES) - FINAL))
@pytest.mark.parametrize("last", [False, True])
def test_withdrawal(stage: S, last: bool) -> None:
    """R-HOT-08, R-PET-18: who asked last may end an open case in any status; every unit is told."""
    case = STAGES[stage]()
    assert case.give(CaseWithdrawn(stands=True)) == [], "R-PET-18: a linked report still asks for it"
    assert case.give(CaseWithdrawn(at_line=True)) == [], "R-HOT-13: the resident was told that it goes on"
    case.give(CaseWithdrawn(last=last))
    assert (case.status, case.last(r.CaseClosed).outcome) == (S.CLOSED, r.Outcome.WITHDRAWN)
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.WITHDRAWN


def test_a_danger_is_not_withdrawn() -> None:
    """R-LAD-05: the emergency line decides about the danger."""
    case = open_case("family.violence")
    assert case.give(CaseWithdrawn()) == []
    assert case.status in DIRECT


DANGER = Emergency(line="119", ground="燃气泄漏")


@pytest.mark.parametrize("stage", sorted(set(STAGES) - FINAL))
def test_a_danger_in_a_supplement_goes_to_its_line(stage: S) -> None:
    """R-LAD-05, R-HOT-13, R-LAD-10: from every status, with ground and evidence; never twice to the same line."""
    case = STAGES[stage]()
    seats, unit, rung = case.state.seats(), case.state.unit, case.state.rung
    told = case.give(CaseSupplemented(text="现在燃气泄漏", emergency=DANGER))
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "119")
    moved = case.last(r.EmergencyTransferred)
    assert (moved.words, moved.route.ground) == ("燃气泄漏", r.Ground.DANGER)
    assert [e.kind for e in moved.route.evidence] == ["danger_report"]
    assert {e.unit for e in told if isinstance(e, DepartmentAssignmentEnded)} == {s.unit for s in seats}
    left = [(e.unit, e.rung) for e in told if isinstance(e, r.CaseEscalated)]
    assert left == ([] if rung is None else [(unit, rung)])
    again = case.give(CaseSupplemented(text="还在泄漏", emergency=DANGER))
    assert not [e for e in again if isinstance(e, r.EmergencyTransferred)]
    case.give(r.ConfirmEmergency(actor=OPERATOR, reference="119-7"))
    anew = case.give(CaseSupplemented(text="又泄漏了", emergency=DANGER))
    assert [e for e in anew if isinstance(e, r.EmergencyTransferred)], "what was confirmed is over"
    case.give(CaseSupplemented(text="有人晕倒", emergency=Emergency(line="120", ground="有人晕倒")))
    assert case.state.line == "120"


WITH_DANGER = [
    CaseWithdrawn(reason="别来了，现在燃气泄漏", emergency=DANGER),
    FeedbackGiven(contacted=True, resolved=True, satisfied=True, note="燃气泄漏", emergency=DANGER),
]


@pytest.mark.parametrize("said", WITH_DANGER)
@pytest.mark.parametrize("stage", sorted(set(STAGES) - FINAL))
def test_a_danger_in_other_words_goes_to_its_line(stage: S, said: CaseWithdrawn | FeedbackGiven) -> None:
    """R-LAD-05, R-HOT-13: told in a withdrawal, which then ends nothing, or beside a rating."""
    case = STAGES[stage]()
    case.give(said)
    assert (case.status, case.last(r.EmergencyTransferred).line) == (S.EMERGENCY_XFER, "119")
    assert case.all(r.CaseClosed) == []
    case.give(said)
    assert (case.status, len(case.all(r.EmergencyTransferred))) == (S.EMERGENCY_XFER, 1)


def test_a_danger_does_not_unseal_an_accusation() -> None:
    """R-PET-10: the discipline inspection keeps it and is told; the caller is advised to call the line."""
    case = open_case("government.report")
    assert case.state.sealed
    for said in (CaseSupplemented(text="正在打人", emergency=DANGER), WITH_DANGER[0]):
        assert [type(e) for e in case.give(said)] == [DepartmentReminded]
    assert case.status is S.REDIRECTED


def test_supplement_reaches_those_who_work_on_it() -> None:
    """R-HOT-06: new material is announced to lead and helpers, without its text."""
    case = open_case("municipal.streetlight")
    events = case.give(CaseSupplemented(text="又坏了一盏"))
    assert [e.unit for e in events if isinstance(e, DepartmentReminded)] == [
        "GL-URBAN",
        "GL-POWER",
        COMMUNITY,
    ]
    assert closed().give(CaseSupplemented(text="补充")) == []


FIRE_ON_SITE = [
    r.RecordContact(actor=OPERATOR, note="现场着火了"),
    r.ReportProgress(actor=OPERATOR, note="现场着火了"),
]


@pytest.mark.parametrize("note", FIRE_ON_SITE)
def test_a_danger_in_a_note_of_the_unit_goes_to_its_line(note: r.RecordContact | r.ReportProgress) -> None:
    """R-LAD-05, R-HOT-13: the act counts, and the case leaves as by a supplement; no refusal hides the line."""
    oracle = Oracle()
    case = Played(router(oracle))
    case.give(submitted("municipal.streetlight"))
    worker = case.owner
    case.give(r.SignAssignment(actor=worker))
    oracle.danger = Emergency(line="119", ground="现场着火了")
    told = case.give(note.model_copy(update={"actor": worker}))
    assert isinstance(told[0], r.ContactRecorded | r.ProgressReported)
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "119")
    assert case.last(r.EmergencyTransferred).route.evidence[0].reference.startswith("note of ")
    for late in (worker, OPERATOR):
        no = case.refused(note.model_copy(update={"actor": late}))
        assert "119" in no.reason, "what the case no longer takes names the line all the same"


def test_a_unit_does_not_propose_itself() -> None:
    """R-HOT-05: an objection says that another is competent, or none."""
    case = open_case("municipal.manhole")
    own = r.ObjectAssignment(actor=case.owner, reason="不属于本单位", proposed=case.state.unit)
    assert (case.refused(own).code, case.refused(own).field) == ("SAME_UNIT", "proposed")
    case.give(own.model_copy(update={"proposed": "GL-HOUSING"}))


@pytest.mark.parametrize(
    ("stage", "first"),
    [
        (S.DISPATCHED, "sign the order"),
        (S.SIGNED, "record the contact"),
        (S.SUSPENDED, "resume the case first"),
    ],
)
def test_who_cannot_reply_yet_is_told_what_comes_first(stage: S, first: str) -> None:
    """R-GRD-02: the step that is missing, not one that is done already or not allowed."""
    case = STAGES[stage]()
    refused = case.refused(r.ReplyCase(actor=case.owner, result="已修好"))
    assert refused.code == "WRONG_STATUS"
    assert first in refused.reason


def test_what_the_rules_decide_is_said_in_chinese() -> None:
    """R-LAD-10: the reasons that a route shows to residents and units."""
    objected_to = objected()
    objected_to.wait("adjudicate")
    objected_to.wait("adjudicate_supervise")
    assert objected_to.last(r.ObjectionAdjudicated).reason == "期限内无人审定"
    again = called_back()
    again.give(r.RecordCallback(actor=OPERATOR, contacted=True))
    assert again.last(r.RedoOrdered).reason == "居民表示问题未解决或者不满意"
