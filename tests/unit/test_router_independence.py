"""Nobody is judge in their own case: who may decide, instruct and call back, and who may not."""

from datetime import timedelta

import pytest

from schemas import router as r
from schemas.router import OrderStatus as S
from tests.unit.router_kit import COMMUNITY, DISTRICT, GRID, OPERATOR, STREET, Played, actor, open_case
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
    for unit in (GRID, "GL01010101"):
        assert (
            case.refused(SATISFIED.model_copy(update={"actor": actor(unit, "operator")})).code == "OWN_CASE"
        )
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
