"""Where a fresh case goes: triage, dispositions, emergencies, exits, helpers and copies."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from schemas import router as r
from schemas.department import (
    AssignmentRole,
    DepartmentAssigned,
    DepartmentReminded,
    HandlingMode,
    TextAccess,
)
from schemas.intake import CaseSubmitted, CaseSupplemented
from schemas.message import Event
from schemas.router import OrderStatus as S
from schemas.values import Emergency, OnSiteResolution, Place, PlaceSource, RequestKind
from tests.unit.router_kit import (
    CASE,
    COMMUNITY,
    DISTRICT,
    GRID,
    MONDAY,
    OPERATOR,
    STREET,
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


def told(case: Played, role: AssignmentRole) -> list[str]:
    return [e.unit for e in case.all(DepartmentAssigned) if e.role is role]


def test_dispatched_at_once_by_catalogue() -> None:
    """R-HOT-02, R-HOT-04: a clear duty goes to that unit in the same decision, text and deadlines included."""
    case = open_case("property.leak")
    assert case.status is S.DISPATCHED
    assert case.state.unit == GRID
    lead = case.last(DepartmentAssigned)
    assert (lead.unit, lead.assignment, lead.title) == (GRID, f"{CASE}/1", "标题")
    assert lead.handle_by is not None
    assert lead.topic() == f"dept.{GRID}.assigned"
    rows = {(row.table, row.row) for row in case.last(r.CaseDispatched).route.rows}
    assert ("dispositions", "dispatch") in rows


def test_street_case_is_copied_to_the_district() -> None:
    """R-HOT-04: an order to a street is copied to the district; a department's is not."""
    case = open_case("municipal.road")
    assert case.state.unit == STREET
    assert told(case, AssignmentRole.COPY) == [DISTRICT]
    assert told(open_case("municipal.manhole"), AssignmentRole.COPY) == []


def test_only_the_area_is_known() -> None:
    """R-HOT-04: without a grid the district gets it; without a matter too."""
    case = open_case("property.service", place=Place(source=PlaceSource.UNKNOWN))
    assert (case.state.rung, case.state.unit) == (4, "GL-HOUSING")
    queued = Played()
    queued.give(submitted(None))
    queued.give(r.TriageCase(actor=OPERATOR))
    assert (queued.state.unit, queued.state.rung) == (DISTRICT, 4)
    assert any(row.row == "area-only" for row in queued.last(r.CaseDispatched).route.rows)


def test_low_confidence_waits_for_a_human() -> None:
    """R-HOT-02 DES: below the threshold the hotline centre is responsible until a human decides."""
    case = Played(router(Oracle(Match((Hit("order.garbage"), Hit("municipal.toilet")), 0.3))))
    case.give(submitted(None))
    assert (case.status, case.state.unit) == (S.REGISTERED, "GL-HOTLINE")
    queued = case.last(r.TriageQueued)
    assert queued.reason is r.QueueReason.LOW_CONFIDENCE
    assert queued.registered is not None
    assert [c.matter for c in queued.registered.judgement.candidates] == ["order.garbage", "municipal.toilet"]
    case.give(r.TriageCase(actor=OPERATOR, matter="order.garbage"))
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)
    assert case.last(DepartmentAssigned).access is TextAccess.API
    assert case.refused(r.TriageCase(actor=OPERATOR)).code == "NOT_QUEUED"


def test_sure_triage_dispatches() -> None:
    """R-HOT-02: the engine's matter counts from the threshold on; the operator's own always wins."""
    sure = router(Oracle(Match((Hit("order.garbage"),), 0.9)))
    case = Played(sure)
    case.give(submitted(None))
    assert case.state.matter == "order.garbage"
    named = Played(sure)
    named.give(submitted("municipal.toilet"))
    assert named.state.matter == "municipal.toilet"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"matter": "no.such"}, r.QueueReason.UNKNOWN_MATTER),
        ({"subjects": ("NOBODY",)}, r.QueueReason.UNKNOWN_UNIT),
        ({"parties": ("GL-URBAN",)}, r.QueueReason.UNKNOWN_UNIT),
        ({"place": Place(source=PlaceSource.UNIT, grid="XX")}, r.QueueReason.UNKNOWN_UNIT),
    ],
)
def test_unknown_codes_wait_for_a_human(more: dict[str, Any], reason: r.QueueReason) -> None:
    """R-LAD-04: a submission whose units cannot be checked is never dispatched blindly."""
    case = Played()
    case.give(submitted(**{"matter": "order.garbage", **more}))
    assert case.last(r.TriageQueued).reason is reason


def test_accusation_material_under_another_matter_waits_for_a_human() -> None:
    """R-PET-10: as what a member of staff named it, it would reach the unit that it accuses."""
    case = Played(router(Oracle(accusation=True)))
    case.give(submitted("land.compensation"))
    assert (case.last(r.TriageQueued).reason, case.status) == (r.QueueReason.POLICY, S.REGISTERED)
    sealed = Played(router(Oracle(accusation=True)))
    sealed.give(submitted("government.report"))
    assert sealed.state.sealed


def test_triage_refuses_unknown_codes() -> None:
    case = Played()
    case.give(submitted(None))
    assert case.refused(r.TriageCase(actor=OPERATOR, matter="x")).field == "matter"
    assert case.refused(r.TriageCase(actor=OPERATOR, place="GL-URBAN")).field == "place"
    assert case.refused(r.TriageCase(actor=OPERATOR, subjects=("x",))).field == "subjects"
    assert case.refused(r.TriageCase(actor=OPERATOR, judged=r.Judged.STATUTORY, exit="x")).field == "exit"
    assert case.refused(r.TriageCase(actor=OPERATOR, judged=r.Judged.ANSWERED)).field == "answer"
    assert case.refused(r.TriageCase(actor=actor("GL-URBAN"))).code == "NOT_THE_HOTLINE"


@pytest.mark.parametrize(
    ("judged", "status", "exit_"),
    [
        (r.Judged.ANSWERED, S.ANSWERED_DIRECT, None),
        (r.Judged.SECRET, S.ANSWERED_DIRECT, None),
        (r.Judged.UNLAWFUL, S.ANSWERED_DIRECT, None),
        (r.Judged.STATUTORY, S.REDIRECTED, "court"),
        (r.Judged.OUTSIDE_REMIT, S.REDIRECTED, "other-channels"),
    ],
)
def test_what_is_not_dispatched(judged: r.Judged, status: S, exit_: str | None) -> None:
    """R-HOT-03: answered, explained or redirected, each with a keeper or a named exit."""
    case = Played()
    case.give(submitted(None))
    case.give(r.TriageCase(actor=OPERATOR, judged=judged, answer="已经说明"))
    assert (case.status, case.state.exit) == (status, exit_)
    assert (case.state.unit is None) == (exit_ is not None)


def test_consultation_is_answered_at_once_else_dispatched() -> None:
    """R-HOT-02: answered by the hotline on the call, else dispatched with the time for consultations."""
    answer = OnSiteResolution(unit="GL-HOTLINE", measure="已当场答复", resolved_at=MONDAY)
    case = open_case("livelihood.elderly", kind=RequestKind.CONSULT, resolved=answer)
    assert (case.status, case.state.unit) == (S.ANSWERED_DIRECT, "GL-HOTLINE")
    answer = answer.model_copy(update={"unit": "GL"})
    case = open_case(
        "livelihood.elderly", kind=RequestKind.CONSULT, resolved=answer, by=actor("GL", "operator")
    )
    assert (case.status, case.state.unit) == (S.ANSWERED_DIRECT, "GL-HOTLINE")
    assert case.last(r.CaseAnswered).answer == "已当场答复"
    open_ = open_case("livelihood.elderly", kind=RequestKind.CONSULT)
    handle = open_.state.term("handle")
    assert handle is not None
    assert (open_.status, handle.rule) == (S.DISPATCHED, "consult")


def test_repeat_without_new_facts_is_linked() -> None:
    """R-HOT-03, R-PET-18: linked to the first case; with new facts it is a case of its own."""
    first = UUID(int=1)
    case = open_case(repeat_of=first, new_facts=False)
    assert (case.status, case.state.unit) == (S.LINKED_DUP, "GL-HOTLINE")
    assert case.last(r.CaseLinked).to == first
    assert open_case(repeat_of=first, new_facts=True).status is S.DISPATCHED


def test_a_case_linked_wrongly_is_routed_as_its_own() -> None:
    """R-PET-18, R-HOT-03: by the hotline, with its reason; as what it was read as or as another matter."""
    first = UUID(int=1)
    for matter, owner in ((None, open_case().state.unit), ("municipal.streetlight", "GL-URBAN")):
        case = open_case(repeat_of=first, new_facts=False)
        done = case.give(r.UnlinkCase(actor=OPERATOR, reason="不是同一盏灯", matter=matter))
        assert isinstance(done[0], r.CaseUnlinked)
        assert (done[0].was, done[0].reason) == (first, "不是同一盏灯")
        assert (case.status, case.state.unit, case.state.linked_to) == (S.DISPATCHED, owner, None)
        assert "linked-wrongly" in [row.row for row in case.last(r.CaseDispatched).route.rows]
        again = case.refused(r.UnlinkCase(actor=OPERATOR, reason="不是同一盏灯"))
        assert again.code == "WRONG_STATUS"


def test_what_is_unlinked_may_be_a_danger() -> None:
    """R-LAD-05: read as violence, it goes to its line."""
    case = open_case(repeat_of=UUID(int=1), new_facts=False)
    case.give(r.UnlinkCase(actor=OPERATOR, reason="另有家暴", matter="family.violence"))
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "110")


def test_who_may_not_unlink() -> None:
    """R-HOT-03: no handling unit; and no matter that does not exist."""
    case = open_case(repeat_of=UUID(int=1), new_facts=False)
    handler = actor("GL0101", "handler")
    assert case.refused(r.UnlinkCase(actor=handler, reason="不是同一件")).code == "NOT_THE_HOTLINE"
    wrong = case.refused(r.UnlinkCase(actor=OPERATOR, reason="不是同一件", matter="no.such"))
    assert (wrong.code, wrong.field) == ("UNKNOWN_MATTER", "matter")


def test_a_second_submission_of_the_case_changes_nothing() -> None:
    """R-PET-18: the same submission delivered twice has no effect."""
    case = open_case()
    assert case.give(submitted()) == []


def test_grid_worker_settled_it() -> None:
    """R-GRD-01: the grid is the responsible unit, directly (直办); verification by callback follows."""
    done = OnSiteResolution(unit=GRID, measure="已清理", resolved_at=MONDAY)
    case = open_case("order.garbage", resolved=done, worker=GRID)
    assert (case.status, case.state.unit) == (S.CALLBACK, GRID)
    assert case.state.mode is HandlingMode.DIRECT
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True))
    assert case.status is S.CLOSED


def test_grid_that_is_complained_of_settles_nothing() -> None:
    """R-GRD-01, R-LAD-04: a settlement by the unit complained of does not count."""
    done = OnSiteResolution(unit=GRID, measure="已清理", resolved_at=MONDAY)
    case = open_case("order.garbage", resolved=done, subjects=(GRID,))
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)


def test_emergency_goes_to_its_line_and_is_confirmed() -> None:
    """R-LAD-05, R-HOT-13: at once to the line; once confirmed only what remains is dispatched."""
    case = open_case("property.leak", emergency=Emergency(line="119", ground="着火"))
    assert (case.status, case.state.line, case.state.unit) == (S.EMERGENCY_XFER, "119", "GL-HOTLINE")
    case.give(r.ConfirmEmergency(actor=OPERATOR, reference="119-1"))
    assert [t.name for t in case.state.terms] == ["archive"]
    assert case.refused(r.ConfirmEmergency(actor=OPERATOR, reference="119-1")).code == "WRONG_STATUS"
    case.give(r.DispatchRemainder(actor=OPERATOR))
    assert (case.status, case.state.unit) == (S.DISPATCHED, GRID)


def test_unconfirmed_emergency_stays_with_the_first_receiver() -> None:
    """R-HOT-13: still unclear when the time is over: it becomes a work order, nothing is lost."""
    case = open_case("utilities.gas-leak")
    assert case.state.line == "119"
    case.wait("emergency")
    assert (case.status, case.state.unit, case.state.urgency) == (S.DISPATCHED, "GL-GAS", 1)
    assert case.last(r.DeadlineReminded).unit == "GL-HOTLINE"
    assert any(row.row == "first-receiver-keeps-it" for row in case.last(r.CaseDispatched).route.rows)


def test_remainder_can_be_another_matter() -> None:
    """R-HOT-13: after the fire, the leak."""
    case = open_case("utilities.gas-leak")
    assert case.refused(r.DispatchRemainder(actor=OPERATOR, matter="x")).field == "matter"
    case.give(r.DispatchRemainder(actor=OPERATOR, matter="property.leak"))
    assert (case.state.matter, case.state.unit, case.state.track) == ("property.leak", GRID, "M")


def test_domestic_violence_is_never_trivia() -> None:
    """R-LAD-05: the police line first, and what remains is assisted by the police, not redirected or mediated."""
    case = open_case("family.violence")
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "110")
    case.wait("emergency")
    assert (case.status, case.state.unit, case.state.rung) == (S.DISPATCHED, "GL-POLICE", 3)
    assert "GL-WOMEN" in told(case, AssignmentRole.HELPER)


def test_statutory_exit_is_named() -> None:
    """R-PET-06: a legal matter leaves by its own exit; its authority is told; petition stays open (R-LAD-09)."""
    case = open_case("labour.injury")
    assert (case.status, case.state.unit, case.state.exit) == (
        S.REDIRECTED,
        None,
        "work-injury-determination",
    )
    assert told(case, AssignmentRole.EXIT) == ["GL-LABOUR"]
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    assert (case.status, case.state.unit, case.state.exit) == (S.DISPATCHED, "GL-PETITION", None)


def test_petition_matter_records_its_track_and_names_the_statutory_way() -> None:
    """R-PET-06: a petition matter waits visibly with its unit; the statutory route is named in the route."""
    case = open_case("land.compensation")
    assert (case.state.track, case.state.unit) == ("P", "GL-LAND")
    route = case.last(r.CaseDispatched).route
    assert route.open_exits == ("reconsideration",)
    assert any("R-PET-06" in row.source for row in route.rows)


def test_the_track_that_the_resident_asked_for() -> None:
    """R-LAD-09: a resident may come in on the petition or the legal track straight away."""
    assert open_case("order.garbage", track="P").state.unit == "GL-PETITION"
    assert open_case("order.garbage", track="L").state.exit == "court"


def test_accusations_are_sealed() -> None:
    """R-PET-10, R-HOT-14: to discipline inspection only, without words, text or place."""
    oracle = Oracle(Match((Hit("government.report"),), 0.9, ("贪污",)))
    case = Played(router(oracle))
    case.give(submitted(None))
    assert (case.status, case.state.exit, case.state.sealed) == (S.REDIRECTED, "discipline-inspection", True)
    assigned = case.all(DepartmentAssigned)
    assert [e.unit for e in assigned] == ["GL-DISCIPLINE"]
    assert assigned[0].text is assigned[0].title is assigned[0].grid is None
    left = case.last(r.CaseRedirected)
    assert left.registered is not None
    assert left.registered.judgement.words == ()
    assert case.refused(r.ChooseTrack(actor=OPERATOR, track="P")).code == "SEALED"


def test_community_helps_with_assist_matters() -> None:
    """R-COM-01, R-MODE-01: the department leads an assist matter, the community helps: joint handling (协办)."""
    case = open_case("order.greening")
    assert (case.state.unit, case.state.mode) == ("GL-URBAN", HandlingMode.JOINT)
    assert told(case, AssignmentRole.HELPER) == [COMMUNITY]
    assert open_case("property.leak").state.mode is HandlingMode.TRANSFER


def test_small_matters_call_no_departments_in() -> None:
    """R-MODE-01: at the community no department is called in with the first dispatch."""
    assert told(open_case("property.fee"), AssignmentRole.HELPER) == []


def test_what_a_confidential_case_says_of_a_danger_is_not_quoted() -> None:
    """R-HOT-14, R-PRIV-01: the line is called; the words stay with the responsible unit."""
    danger = Emergency(line="110", ground="拿着刀追我")
    case = open_case("municipal.streetlight", confidential=True)
    case.give(CaseSupplemented(text="他拿着刀追我", emergency=danger))
    moved, left = case.last(r.EmergencyTransferred), case.last(r.CaseEscalated)
    assert (moved.line, moved.words, [e.note for e in left.evidence]) == ("110", "", [""])


def test_confidential_text_goes_to_the_responsible_unit_only() -> None:
    """R-HOT-14: helpers and copies of a confidential case get no text."""
    case = open_case("municipal.streetlight", confidential=True)
    access = {e.unit: (e.access, e.text) for e in case.all(DepartmentAssigned)}
    assert access["GL-URBAN"] == (TextAccess.INLINE, "内容")
    assert access["GL-POWER"] == (TextAccess.WITHHELD, None)


def test_nothing_about_the_reporter_leaves() -> None:
    """R-HOT-14: no event of the router has a field about the reporter."""
    reporter = {"reporter", "phone", "name", "caller", "contact", "anonymous", "channel", "worker"}
    kinds: tuple[type[Event], ...] = (*r.EVENTS, DepartmentAssigned, DepartmentReminded)
    for event in kinds:
        assert not reporter & set(event.model_fields), event
    assert reporter & set(CaseSubmitted.model_fields)


def test_an_abolished_unit_has_its_successor() -> None:
    """R-PET-04: the duty passes to the successor, and the route says so."""
    known = gulou()
    gone = replace(known.units["GL-URBAN"], successor="GL-HOUSING")
    changed = replace(known, units={**known.units, "GL-URBAN": gone})
    case = Played(router(jurisdiction=changed))
    case.give(submitted("municipal.manhole"))
    assert case.state.unit == "GL-HOUSING"
    assert case.last(r.CaseDispatched).route.successor_of == "GL-URBAN"
