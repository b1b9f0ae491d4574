"""R-GRD-01: what the grid settles on the spot, and what it could not."""

import pytest

from schemas import router as r
from schemas.department import DepartmentAssignmentEnded
from schemas.router import Ground
from schemas.router import OrderStatus as S
from schemas.values import OnSiteResolution
from tests.unit.router_kit import GRID, MONDAY, OPERATOR, STREET, open_case, proof

SETTLED = OnSiteResolution(unit=GRID, measure="已现场处置", resolved_at=MONDAY)
UNSETTLED = r.RecordCallback(actor=OPERATOR, contacted=True)


@pytest.mark.parametrize(
    ("matter", "unit", "rung"),
    [("municipal.manhole", "GL-URBAN", 3), ("traffic.bus", "GL-TRANSPORT", 4), ("property.leak", GRID, 1)],
)
def test_what_the_grid_could_not_settle_goes_to_the_competent_unit(matter: str, unit: str, rung: int) -> None:
    """R-GRD-01, R-COM-01: unsettled after all, uploaded with the grid's try as evidence, unless its own."""
    case = open_case(matter, resolved=SETTLED, worker=GRID)
    assert (case.status, case.state.unit) == (S.CALLBACK, GRID)
    case.give(UNSETTLED)
    assert (case.state.unit, case.state.rung) == (unit, rung)
    if unit == GRID:
        assert case.status is S.REDO
        return
    assert case.status is S.DISPATCHED
    route = case.last(r.CaseDispatched).route
    assert (route.ground, [e.kind for e in route.evidence]) == (Ground.NO_LEGAL_POWER, ["handling_record"])
    assert [e.unit for e in case.all(DepartmentAssignmentEnded)] == [GRID]


def test_a_step_up_from_below_the_entry_rung() -> None:
    """R-LAD-01, R-LAD-02: from an admitted grid, below the matter's own rung, the first step up is to that rung."""
    case = open_case("order.occupation")
    case.give(r.ObjectAssignment(actor=case.owner, reason="已准入社区"))
    case.give(r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="已准入", unit=GRID))
    assert case.state.rung == 1
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    evidence = proof("legal_basis", "handling_record")
    case.give(r.EscalateCase(actor=case.owner, ground=Ground.NO_LEGAL_POWER, evidence=evidence))
    assert (case.state.unit, case.state.rung) == (STREET, 3)
