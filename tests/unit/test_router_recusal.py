"""Who is complained of: never responsible, never told, from the first moment or from when it became known."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

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
from schemas.intake import CaseSupplemented
from schemas.router import Ground
from schemas.router import OrderStatus as S
from schemas.values import Emergency
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Played,
    actor,
    gulou,
    open_case,
    proof,
    router,
    submitted,
)
from tests.unit.test_router_ladder import climb, handled
from tests.unit.test_router_workorder import STAGES

OPEN_STAGES = sorted(set(STAGES) - {S.CLOSED, S.ARCHIVED})


def recuse(case: Played, *subjects: str) -> r.EscalateCase:
    evidence = proof("interest_declaration")
    return r.EscalateCase(
        actor=SUPERVISOR, ground=Ground.SUBJECT_SKIPPED, evidence=evidence, subjects=subjects
    )


@pytest.mark.parametrize(
    ("matter", "department"),
    [("municipal.manhole", "GL-URBAN"), ("traffic.bus", "GL-TRANSPORT"), ("land.compensation", "GL-LAND")],
)
def test_a_department_complained_of_leaves_the_matter_to_the_district(matter: str, department: str) -> None:
    """R-LAD-04: the district stands above its departments; it keeps them unless it is itself complained of."""
    case = open_case(matter, subjects=(department,))
    assert (case.status, case.state.unit, case.state.rung) == (S.DISPATCHED, DISTRICT, 4)
    assert {s.unit for s in case.last(r.CaseDispatched).route.skipped} == {department}


def test_the_district_complained_of_leaves_nobody_to_watch() -> None:
    """R-LAD-04: not even a body outside its control keeps a case that nobody here could review or call back."""
    case = open_case("utilities.water", subjects=(DISTRICT,))
    assert (case.status, case.state.unit, case.state.exit) == (S.REDIRECTED, None, "superior-petition")
    assert case.all(DepartmentAssigned) == []


def test_the_hotline_complained_of_keeps_nothing() -> None:
    """R-LAD-04: the district keeps, decides and calls back instead; the centre's staff may do nothing."""
    case = open_case(subjects=("GL-HOTLINE",))
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    case.give(r.ReplyCase(actor=case.owner, result="已修好"))
    heard = r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True)
    assert case.refused(heard).code == "INTERESTED"
    case.wait("callback")
    assert case.last(DepartmentReminded).unit == DISTRICT
    case.give(heard.model_copy(update={"actor": actor(DISTRICT, "operator")}))
    assert case.status is S.CLOSED


@pytest.mark.parametrize("matter", ["property.leak", "family.violence", None])
def test_danger_goes_to_its_line_even_where_everybody_is_complained_of(matter: str | None) -> None:
    """R-LAD-05, R-LAD-04: the line at once, then the named exit; neither the district nor its hotline keeps it."""
    case = Played()
    case.give(submitted(matter, subjects=(DISTRICT,), emergency=Emergency(line="110", ground="打人")))
    kinds = [type(e) for e in case.events]
    assert kinds == [r.EmergencyTransferred, r.CaseRedirected]
    assert case.last(r.EmergencyTransferred).unit is None
    assert (case.state.line, case.state.exit, case.state.unit) == ("110", "superior-petition", None)
    assert [t.name for t in case.state.terms] == ["archive"]


def test_violence_with_the_police_complained_of_is_assisted_by_the_others() -> None:
    """R-LAD-05, R-LAD-04: the district leads, the women's federation helps; the police's unit is told nothing."""
    case = open_case("family.violence", subjects=("GL-POLICE",))
    case.wait("emergency")
    assert (case.state.unit, case.state.exit) == (DISTRICT, None)
    told = [e.unit for e in case.all(DepartmentAssigned)]
    assert "GL-WOMEN" in told
    assert not {"GL-POLICE", "GL-TRAFFIC-POLICE"} & set(told)


@pytest.mark.parametrize(
    ("matter", "authority"),
    [("government.report", "GL-DISCIPLINE"), ("government.litigation", "GL-COURT")],
)
def test_an_authority_complained_of_receives_nothing(matter: str, authority: str) -> None:
    """R-PET-10, R-LAD-04: the way stands, but no accused authority is named; its superior receives."""
    case = open_case(matter, subjects=(authority,))
    left = case.last(r.CaseRedirected)
    assert (left.exit.authority, left.assignment, case.state.receiver) == (None, None, None)
    assert [(s.unit, s.rule) for s in left.route.skipped] == [(authority, "R-LAD-04")]
    assert case.all(DepartmentAssigned) == []


@pytest.mark.parametrize("stage", OPEN_STAGES)
def test_interest_found_in_any_status(stage: S) -> None:
    """R-LAD-04: the owner found interested is relieved at once, whatever was done before."""
    case = STAGES[stage]()
    owner = case.state.unit
    assert owner is not None
    case.give(recuse(case, owner))
    assert case.status is S.DISPATCHED
    assert case.state.unit not in {owner, None}
    assert owner in case.state.subjects
    assert case.last(r.CaseEscalated).ground is Ground.SUBJECT_SKIPPED


def test_interest_found_at_the_highest_rung() -> None:
    """R-LAD-04: a department at the district's rung is passed over for the district, that for the named exit."""
    case = handled("land.compensation")
    case.give(recuse(case, "GL-LAND"))
    assert (case.state.unit, case.state.rung) == (DISTRICT, 4)
    case.give(r.SignAssignment(actor=case.owner))
    case.give(recuse(case, DISTRICT))
    assert (case.status, case.state.exit) == (S.REDIRECTED, "superior-petition")
    assert case.state.subjects == ("GL-LAND", DISTRICT)
    assert case.refused(r.ChooseTrack(actor=OPERATOR, track="P")).code == "INTERESTED"


@pytest.mark.parametrize("stage", [S.DISPATCHED, S.HANDLING])
def test_a_helper_found_interested_leaves_and_the_lead_stays(stage: S) -> None:
    """R-LAD-04, R-LAD-10: its assignment ends, it hears of nothing more and is not summoned again."""
    case = open_case("municipal.streetlight") if stage is S.DISPATCHED else handled("municipal.streetlight")
    helper, community = case.state.helpers
    assert (case.state.unit, helper.unit, community.unit) == ("GL-URBAN", "GL-POWER", COMMUNITY)
    terms = case.state.terms
    events = case.give(recuse(case, "GL-POWER"))
    [left] = [e for e in events if isinstance(e, DepartmentAssignmentEnded)]
    assert (left.unit, left.assignment, left.reason) == (
        "GL-POWER",
        case.state.assignment(helper.number),
        EndReason.REASSIGNED,
    )
    assert [type(e) for e in events] == [DepartmentAssignmentEnded, r.HelpersRecused]
    assert (case.status, case.state.unit, case.state.terms) == (stage, "GL-URBAN", terms)
    assert (case.state.helpers, case.state.subjects) == ((community,), ("GL-POWER",))
    own = actor("GL-POWER")
    assert case.refused(r.DeliverHelp(actor=own, done=True, note="已到场")).code == "INTERESTED"
    again = r.WhistleDepartments(
        actor=actor(STREET), units=("GL-POWER",), occasion="public_problem", reason="联合处置"
    )
    assert case.refused(again).code == "INTERESTED"
    assert case.state.mode is HandlingMode.JOINT
    case.give(recuse(case, COMMUNITY))
    assert (case.state.unit, case.state.helpers, case.state.mode) == ("GL-URBAN", (), HandlingMode.TRANSFER)


def test_a_unit_above_a_helper_takes_the_helper_along() -> None:
    """R-LAD-04: control counts, not the name; the other helpers stay, and the case stays joint."""
    case = handled("municipal.streetlight")
    called = ("GL-TRAFFIC-POLICE", "GL-HOUSING")
    case.give(
        r.WhistleDepartments(actor=actor(STREET), units=called, occasion="public_problem", reason="联合处置")
    )
    before = {seat.unit for seat in case.state.helpers}
    case.give(recuse(case, "GL-POLICE"))
    assert {seat.unit for seat in case.state.helpers} == before - {"GL-TRAFFIC-POLICE"}
    assert (case.state.unit, case.state.mode) == ("GL-URBAN", HandlingMode.JOINT)
    assert [seat.unit for seat in case.last(r.HelpersRecused).helpers] == ["GL-TRAFFIC-POLICE"]
    said = recuse(case, "GL-HOUSING").model_copy(update={"actor": actor("GL-URBAN")})
    assert case.refused(said).code == "NOT_YOURS_TO_SAY"


def test_interest_is_the_owners_or_a_helpers_and_has_its_own_ground() -> None:
    """R-LAD-10: no rung is jumped by naming units or parties under another ground, nor strange units."""
    case = handled()
    other: dict[str, Any] = {"subjects": (STREET,)}
    plain = ("legal_basis", "handling_record")
    assert case.refused(climb(case, Ground.NO_LEGAL_POWER, *plain, **other)).field == "subjects"
    far: dict[str, Any] = {"parties": ("GL02",)}
    assert case.refused(climb(case, Ground.NO_LEGAL_POWER, *plain, **far)).field == "parties"
    assert case.refused(recuse(case, "GL-EDUCATION")).code == "NOT_INTERESTED"
    unheard = case.refused(climb(case, Ground.NO_LEGAL_POWER, "legal_basys", "handling_record"))
    assert unheard.code == "EVIDENCE_NEEDED"
    assert "'legal_basys'" in unheard.reason


def test_a_successor_of_the_complained_of_is_complained_of() -> None:
    """R-LAD-04, R-PET-04: the duties of an abolished unit carry the complaint along, in submission and later."""
    known = gulou()
    gone = replace(known.units["GL-URBAN"], successor="GL-HOUSING")
    decider = router(jurisdiction=replace(known, units={**known.units, "GL-URBAN": gone}))
    case = Played(decider)
    case.give(submitted("municipal.manhole", subjects=("GL-URBAN",)))
    assert (case.state.unit, case.state.subjects) == (DISTRICT, ("GL-URBAN", "GL-HOUSING"))
    later = Played(decider)
    later.give(submitted("municipal.manhole"))
    assert later.state.unit == "GL-HOUSING"
    later.give(recuse(later, "GL-URBAN", "GL-HOUSING"))
    assert later.state.unit == DISTRICT


def test_the_exits_authority_is_told_and_relieved() -> None:
    """R-PET-06, R-PET-10: it hears of supplements; its assignment ends with another choice, or in the archive."""
    case = open_case("labour.injury")
    assert [e.unit for e in case.all(DepartmentAssigned) if e.role is AssignmentRole.EXIT] == ["GL-LABOUR"]
    case.give(CaseSupplemented(text="补充材料"))
    assert (case.last(DepartmentReminded).unit, case.last(DepartmentReminded).kind) == (
        "GL-LABOUR",
        ReminderKind.SUPPLEMENT,
    )
    kept = Played()
    kept.state, kept.at = case.state, case.at
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    ended = case.last(DepartmentAssignmentEnded)
    assert (ended.unit, ended.reason) == ("GL-LABOUR", EndReason.TRACK_CHOSEN)
    assert case.state.receiver is None
    kept.wait("archive")
    assert (kept.status, kept.last(DepartmentAssignmentEnded).unit) == (S.ARCHIVED, "GL-LABOUR")


def test_a_sealed_supplement_reaches_the_one_recipient() -> None:
    """R-PET-10: new material of an accusation is announced to the discipline inspection, and to nobody else."""
    case = open_case("government.report")
    events = case.give(CaseSupplemented(text="新证据"))
    assert [e.unit for e in events if isinstance(e, DepartmentReminded)] == ["GL-DISCIPLINE"]


def test_the_grid_of_a_community_complained_of() -> None:
    """R-LAD-04: control counts, not the name: the grid settles, keeps and reads nothing."""
    case = open_case(subjects=(COMMUNITY,))
    assert case.state.unit == STREET
    for unit in (GRID, COMMUNITY):
        assert case.refused(r.ChooseTrack(actor=actor(unit, "operator"), track="P")).code == "INTERESTED"


@pytest.mark.parametrize("accused", ["GL-HOUSING", "GL-TRAFFIC-POLICE"])
def test_nobody_designates_who_is_complained_of(accused: str) -> None:
    """R-LAD-04, R-HOT-05, R-MODE-01: neither review nor leader gives the case to the accused."""
    case = open_case("municipal.manhole", subjects=("GL-HOUSING", "GL-POLICE"))
    case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位"))
    upheld = r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="属实", unit=accused)
    assert case.refused(upheld).code == "INTERESTED"
    by = case.at + timedelta(days=2)
    order = r.InstructCase(actor=SUPERVISOR, unit=accused, handle_by=by, leader="区政府", note="尽快")
    assert case.refused(order).code == "INTERESTED"


@pytest.mark.parametrize("role", ["handler", "supervisor"])
def test_a_helper_takes_itself_off_and_nobody_else(role: str) -> None:
    """R-LAD-04, R-HOT-14: its own people say so; neither the lead nor another helper goes by their word."""
    case = handled("municipal.streetlight")
    own = actor("GL-POWER", role)
    for others in (("GL-URBAN",), (COMMUNITY,), ("GL-POWER", "GL-URBAN"), (DISTRICT,)):
        refused = case.refused(recuse(case, *others).model_copy(update={"actor": own}))
        assert refused.code == "NOT_RESPONSIBLE"
    lift = climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record")
    assert case.refused(lift.model_copy(update={"actor": own})).code == "NOT_RESPONSIBLE"
    before = case.state
    ended, recused = case.give(recuse(case, "GL-POWER").model_copy(update={"actor": own}))
    assert isinstance(ended, DepartmentAssignmentEnded)
    assert ended.unit == "GL-POWER"
    assert isinstance(recused, r.HelpersRecused)
    assert [seat.unit for seat in recused.helpers] == ["GL-POWER"]
    assert (case.state.unit, case.state.terms, case.status) == (before.unit, before.terms, before.status)
    assert case.refused(recuse(case, "GL-POWER").model_copy(update={"actor": own})).code == "INTERESTED"
    other = recuse(case, "GL-CIVIL").model_copy(update={"actor": actor("GL-CIVIL", role)})
    assert case.refused(other).code == "NOT_RESPONSIBLE"
