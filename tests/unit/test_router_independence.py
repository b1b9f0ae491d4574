"""Nobody is judge in their own case: who may decide, instruct and call back, and who may not."""

from datetime import timedelta

import pytest

from schemas import router as r
from schemas.router import OrderStatus as S
from tests.unit.router_kit import COMMUNITY, DISTRICT, GRID, OPERATOR, STREET, Played, actor, open_case, proof
from tests.unit.test_router_ladder import handled
from tests.unit.test_router_workorder import called_back

SATISFIED = r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True)


def asking(kind: str) -> tuple[Played, r.RouterCommand]:
    """A street's case with something to be decided, and the decision."""
    if kind == "objection":
        case = open_case("municipal.road")
        case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位"))
        return case, r.AdjudicateObjection(actor=OPERATOR, upheld=False, reason="职责明确")
    case = handled("municipal.road")
    if kind == "extension":
        case.give(r.RequestExtension(actor=case.owner, reason="等待材料", days=3))
        return case, r.DecideExtension(actor=OPERATOR, granted=True, reason="属实")
    case.give(r.RequestSuspension(actor=case.owner, reason="汛期"))
    return case, r.DecideSuspension(actor=OPERATOR, granted=True, reason="属实")


@pytest.mark.parametrize("kind", ["objection", "extension", "suspension"])
def test_only_somebody_above_decides_what_a_unit_asked_for(kind: str) -> None:
    """R-HOT-05, R-HOT-07, R-GRD-02: not the unit, not those under it, not its neighbours, whatever their role."""
    for unit, code in (
        (STREET, "OWN_CASE"),
        (COMMUNITY, "OWN_CASE"),
        (GRID, "OWN_CASE"),
        ("GL02", "NOT_A_SUPERIOR"),
        ("GL-URBAN", "NOT_A_SUPERIOR"),
        (None, "NOT_A_SUPERIOR"),
    ):
        case, decision = asking(kind)
        refusal = case.refused(decision.model_copy(update={"actor": actor(unit, "supervisor")}))
        assert refusal.code == code, unit
    for unit in ("GL-HOTLINE", DISTRICT):
        case, decision = asking(kind)
        assert case.give(decision.model_copy(update={"actor": actor(unit, "supervisor")}))


def test_a_street_decides_for_its_community() -> None:
    """R-HOT-07: the next unit above may decide."""
    case = handled("property.service")
    assert case.state.unit == COMMUNITY
    case.give(r.RequestExtension(actor=case.owner, reason="等待材料", days=3))
    case.give(r.DecideExtension(actor=actor(STREET, "supervisor"), granted=True, reason="属实"))
    assert case.status is S.EXTENDED


def test_those_under_the_owner_do_not_call_back() -> None:
    """R-HOT-08: the callback is the centre's; neither the unit nor one that it controls reports on itself."""
    case = called_back()
    for unit in (GRID, "GL01010101", "GL-CIVIL", STREET, None):
        own = SATISFIED.model_copy(update={"actor": actor(unit, "operator")})
        assert case.refused(own).code == "NOT_THE_HOTLINE", unit
    case.give(SATISFIED)
    assert case.status is S.CLOSED


def test_the_districts_own_case_is_called_back_by_the_centre() -> None:
    """R-HOT-08, R-LAD-04: the centre checks the district, too; if accused, the district must itself."""
    for subjects, caller in (((), "GL-HOTLINE"), (("GL-HOTLINE",), DISTRICT)):
        case = handled("municipal.manhole", subjects=("GL-URBAN", *subjects))
        assert case.state.unit == DISTRICT
        check = r.OnSiteCheck(unit="GL01", matches=True)
        case.give(r.ReplyCase(actor=case.owner, result="已修好", check=check))
        if not subjects:
            own = SATISFIED.model_copy(update={"actor": actor(DISTRICT, "operator")})
            assert case.refused(own).code == "OWN_CASE"
        case.give(SATISFIED.model_copy(update={"actor": actor(caller, "operator")}))
        assert case.status is S.CLOSED


def test_no_unit_instructs_itself() -> None:
    """R-MODE-01, R-HOT-07: a new deadline by instruction comes from above the owner and the unit named."""
    case = handled("property.service")
    far = case.at + timedelta(days=300)
    order = r.InstructCase(
        actor=actor(STREET, "supervisor"), unit=COMMUNITY, handle_by=far, leader="街道办", note="限期办结"
    )
    for unit in (COMMUNITY, GRID, "GL-URBAN", "GL02"):
        own = order.model_copy(update={"actor": actor(unit, "supervisor")})
        assert case.refused(own).code == "NOT_A_SUPERIOR", unit
    other = order.model_copy(update={"unit": "GL-URBAN"})
    assert case.refused(other).field == "unit"
    case.give(order)
    assert case.state.leader == "街道办"


@pytest.mark.parametrize(
    "command",
    [
        r.SuperviseCase(actor=OPERATOR, reason="请加快办理"),
        r.ResumeCase(actor=OPERATOR, reason="恢复办理"),
        r.RecomputeDeadlines(actor=OPERATOR),
        r.EscalateCase(
            actor=OPERATOR,
            ground=r.Ground.SUBJECT_SKIPPED,
            evidence=proof("interest_declaration"),
            subjects=("GL-URBAN",),
        ),
    ],
    ids=lambda command: type(command).__name__,
)
def test_an_area_puts_no_supervisor_over_a_department_that_works_there(command: r.RouterCommand) -> None:
    """R-HOT-10: the district, the centre and who stands above the unit; never those in whose area it lies."""
    case = handled("municipal.streetlight")
    assert case.state.unit == "GL-URBAN"
    for unit in (GRID, COMMUNITY, STREET, "GL-CIVIL", None):
        refusal = case.refused(command.model_copy(update={"actor": actor(unit, "supervisor")}))
        assert refusal.code in {"NOT_A_SUPERIOR", "NOT_RESPONSIBLE"}, unit


@pytest.mark.parametrize(
    "command",
    [
        SATISFIED,
        r.TriageCase(actor=OPERATOR, judged=r.Judged.DISPATCH, matter="property.service"),
        r.ConfirmEmergency(actor=OPERATOR, reference="接警单1"),
        r.DispatchRemainder(actor=OPERATOR),
        r.ChooseTrack(actor=OPERATOR, track="P"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_only_the_centre_speaks_with_residents_and_lines(command: r.RouterCommand) -> None:
    """R-HOT-08, R-HOT-13: operators and supervisors of a unit, even of a helper, do not do the centre's work."""
    case = called_back()
    for unit in (STREET, COMMUNITY, "GL-CIVIL", None):
        for role in ("operator", "supervisor"):
            refusal = case.refused(command.model_copy(update={"actor": actor(unit, role)}))
            assert refusal.code == "NOT_THE_HOTLINE", (unit, role)
