"""Noise between neighbours: dissuaded and mediated before a department has it, at whatever rung it enters."""

from typing import Any

import pytest

from reference.mediation import load_mediation
from schemas import router as r
from schemas.department import AssignmentRole, DepartmentAssigned
from schemas.jurisdiction import Rung
from schemas.mediation import MediationHandedBack
from schemas.procedure import HandBack
from schemas.router import Ground
from schemas.router import OrderStatus as S
from schemas.values import Emergency, Place, PlaceSource
from services.router.explain import Recorded
from services.router.explain import explain as explained
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    OPERATOR,
    ROOT,
    STREET,
    SUPERVISOR,
    Played,
    actor,
    gulou,
    open_case,
    policy,
    proof,
)
from tests.unit.test_router_accused import accuse, judge
from tests.unit.test_router_ladder import climb, handled
from tests.unit.test_router_machine import instruct
from tests.unit.test_router_procedures import moved

POLICE = "GL-POLICE"
NOISE: list[str] = ["neighbour.noise", "neighbour.pets"]
NEXT_COMMUNITY, NEXT_STREET = ("GL0102",), ("GL0201",)
UNKNOWN = Place(source=PlaceSource.UNKNOWN)
POWER = ("legal_basis", "handling_record", "mediation_record")


def waiting(case: Played) -> list[tuple[int, str]]:
    """The departments that the last dispatch passed over for the mediation."""
    skipped = case.last(r.CaseDispatched).route.skipped
    return [(skip.rung, skip.unit) for skip in skipped if skip.rule == "R-LAD-07"]


def at(case: Played) -> tuple[int | None, str | None]:
    return case.state.rung, case.state.unit


@pytest.mark.parametrize("matter", NOISE)
@pytest.mark.parametrize(
    ("more", "rung", "unit"),
    [
        ({}, 1, GRID),
        ({"parties": ("GL010102",)}, 2, COMMUNITY),
        ({"parties": NEXT_COMMUNITY}, 3, STREET),
        ({"parties": NEXT_STREET}, 4, DISTRICT),
        ({"parties": (*NEXT_COMMUNITY, *NEXT_STREET)}, 4, DISTRICT),
        ({"place": UNKNOWN}, 4, DISTRICT),
        ({"place": UNKNOWN, "parties": NEXT_COMMUNITY}, 4, DISTRICT),
        ({"households": 1000}, 3, STREET),
        ({"subjects": (COMMUNITY,)}, 3, STREET),
        ({"subjects": (STREET,)}, 4, DISTRICT),
    ],
)
def test_the_lowest_common_unit_mediates_first(
    matter: str, more: dict[str, Any], rung: int, unit: str
) -> None:
    """R-LAD-07, R-LAD-01, R-LAD-04: at every rung the unit around all parties, not the police."""
    case = open_case(matter, **more)
    assert at(case) == (rung, unit)
    assert waiting(case) == ([(rung, POLICE)] if rung >= 3 else [])
    fired = {row.row for row in case.last(r.CaseDispatched).route.rows if row.table == "mediations"}
    assert fired == ({"residential-noise"} if rung >= 3 else set())


def test_who_mediates_has_a_committee() -> None:
    """R-LAD-07, R-MED-02: each street, and the district, has one of its own that mediates such matters."""
    mediators, upper = load_mediation(ROOT, gulou()), {Rung.STREET, Rung.DISTRICT}
    for code in (code for code, unit in gulou().units.items() if unit.rung in upper):
        for matter in NOISE:
            procedure = mediators.procedure_of(matter).code
            assert mediators.committees_for(code, procedure, gulou())[0].unit == code


def test_other_matters_go_to_their_department() -> None:
    """R-LAD-07: only what the table names is mediated before the department."""
    case = open_case("property.leak", parties=NEXT_STREET)
    assert (at(case), waiting(case)) == ((4, "GL-HOUSING"), [])


def test_the_route_says_why_the_department_waits() -> None:
    """R-LAD-07, R-LAD-10: the rung, the department passed over, the reason and the rule's source, in words."""
    case = open_case("neighbour.noise", parties=NEXT_COMMUNITY)
    kinds = policy().settings.evidence
    [step] = explained([Recorded(1, case.at, case.last(r.CaseDispatched))], gulou(), kinds)
    for words in (
        "派单给澄湖街道（街道级）",
        "澄湖街道为涵盖地点和各方的最低层级",
        "跳过街道（公安分局）：该事项先由澄湖街道劝阻、调解，无效的再由该部门处理（R-LAD-07）",
        "噪声污染防治法 70",
        "规则 mediations/residential-noise",
    ):
        assert words in step.text


def test_no_department_helps_before_its_turn() -> None:
    """R-LAD-07: what helps the department waits with it, and comes in with it."""
    case = handled("neighbour.pets", parties=NEXT_COMMUNITY)
    assert not case.state.helpers
    case.give(climb(case, Ground.NO_LEGAL_POWER, *POWER))
    assert {seat.unit for seat in case.state.helpers} == {"GL-URBAN"}


@pytest.mark.parametrize("matter", NOISE)
@pytest.mark.parametrize(("more", "rung"), [(NEXT_COMMUNITY, 3), (NEXT_STREET, 4)])
def test_after_the_mediation_the_department_of_the_same_rung(
    matter: str, more: tuple[str, ...], rung: int
) -> None:
    """R-LAD-07, R-LAD-10: mediation failed, by its record; nobody above is asked to mediate once more."""
    case = open_case(matter, parties=more)
    assert case.last(r.CaseDispatched).waits == POLICE
    case.give(moved(case))
    record = proof("mediation_record", "parties_request")
    over = {"explanation": "双方未能达成一致。", "asks_higher": True, "evidence": record}
    case.give(MediationHandedBack(result=HandBack.FAILED, unit=case.state.unit or "", **over))
    assert at(case) == (rung, POLICE)
    assert case.last(r.CaseDispatched).route.ground is Ground.MEDIATION_FAILED
    assert waiting(case) == []
    assert case.last(r.CaseDispatched).waits is None
    assert case.last(DepartmentAssigned).role is not AssignmentRole.EXIT


def test_who_chooses_to_mediate_is_told_which_department_waits() -> None:
    """R-LAD-07, R-LAD-09: also where the case stays with its unit and no dispatch says so."""
    case = handled("neighbour.noise", parties=NEXT_STREET, track="S")
    assert at(case) == (4, DISTRICT)
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    assert (case.last(r.TrackChosen).unit, case.last(r.TrackChosen).waits) == (DISTRICT, POLICE)


@pytest.mark.parametrize(("more", "rung"), [(NEXT_COMMUNITY, 3), (NEXT_STREET, 4)])
def test_without_legal_power_the_department(more: tuple[str, ...], rung: int) -> None:
    """R-LAD-07: no legal power: of noise by the mediation's record, of pets by the law and the handling."""
    noise = handled("neighbour.noise", parties=more)
    refusal = noise.refused(climb(noise, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    assert refusal.code == "EVIDENCE_NEEDED"
    noise.give(climb(noise, Ground.NO_LEGAL_POWER, "mediation_record"))
    pets = handled("neighbour.pets", parties=more)
    pets.give(climb(pets, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    assert at(noise) == at(pets) == (rung, POLICE)


def test_a_community_that_mediated_sends_to_the_department() -> None:
    """R-LAD-07: as before: grid, community, then the police; the street does not mediate what a community did."""
    case = handled("neighbour.noise")
    for unit in (COMMUNITY, POLICE):
        case.give(climb(case, Ground.MEDIATION_FAILED, "mediation_record"))
        assert case.state.unit == unit
        case.give(r.SignAssignment(actor=case.owner))
        case.give(r.RecordContact(actor=case.owner))


def test_a_party_found_later_in_another_community() -> None:
    """R-LAD-07, R-LAD-01: nothing was mediated between these parties yet, so the street does it, not the police."""
    case = handled("neighbour.noise")
    case.give(climb(case, Ground.PARTIES_OUTSIDE, "residence_record", parties=NEXT_COMMUNITY))
    assert (at(case), waiting(case)) == ((3, STREET), [(3, POLICE)])


def test_who_mediates_turns_out_to_be_interested() -> None:
    """R-LAD-04, R-LAD-07: the next rung's unit mediates; after a department had the case, nobody does so again."""
    case = handled("neighbour.noise", parties=NEXT_COMMUNITY)
    above = climb(case, Ground.SUBJECT_SKIPPED, "interest_declaration", subjects=(STREET,))
    case.give(above.model_copy(update={"actor": SUPERVISOR}))
    assert at(case) == (4, DISTRICT)
    late = handled("neighbour.noise", parties=NEXT_COMMUNITY)
    late.give(climb(late, Ground.NO_LEGAL_POWER, "mediation_record"))
    late.give(climb(late, Ground.SUBJECT_SKIPPED, "interest_declaration", subjects=(POLICE,)))
    assert at(late) == (4, DISTRICT)
    assert late.state.status is S.DISPATCHED


def test_an_interested_department_does_not_wait() -> None:
    """R-LAD-04: the police complained of never get it; at the district no further step is left."""
    case = handled("neighbour.noise", parties=NEXT_STREET, subjects=(POLICE,))
    [skip] = case.last(r.CaseDispatched).route.skipped
    assert (skip.unit, skip.rule) == (POLICE, "R-LAD-04")
    refusal = case.refused(climb(case, Ground.MEDIATION_FAILED, "mediation_record"))
    assert refusal.code == "GROUND_TOP"


@pytest.mark.parametrize(
    "ground",
    [
        Ground.SECOND_BREACH,
        Ground.PARTIES_OUTSIDE,
        Ground.OWNER_UNCLEAR,
        Ground.COORDINATION_FAILED,
        Ground.SEVERAL_DEPARTMENTS,
        Ground.MANY_HOUSEHOLDS,
    ],
)
def test_nothing_else_lifts_it_from_the_district(ground: Ground) -> None:
    """R-LAD-02, R-LAD-07: above the district is no rung; the refusal names the two ways to the department."""
    case = handled("neighbour.noise", parties=NEXT_STREET)
    refusal = case.refused(climb(case, ground, *policy().settings.evidence))
    assert refusal.code == "GROUND_TOP_MEDIATES"
    assert "MEDIATION_FAILED" in refusal.reason


def test_the_police_climb_no_further_than_the_district() -> None:
    """R-LAD-02: once the department of the top rung has it, the ladder ends."""
    case = handled("neighbour.noise", parties=NEXT_STREET)
    case.give(climb(case, Ground.NO_LEGAL_POWER, "mediation_record"))
    case.give(r.SignAssignment(actor=actor(POLICE)))
    case.give(r.RecordContact(actor=actor(POLICE)))
    assert case.refused(climb(case, Ground.NO_LEGAL_POWER, *POWER)).code == "GROUND_TOP"


@pytest.mark.parametrize("more", [{}, {"parties": NEXT_COMMUNITY}, {"parties": NEXT_STREET}])
def test_violence_goes_to_the_line_at_once(more: dict[str, Any]) -> None:
    """R-LAD-07, R-LAD-05: nothing is mediated while there is danger: at submission, and once it is seen later."""
    danger = Emergency(line="110", ground="邻居拿刀砸门")
    case = open_case("neighbour.noise", emergency=danger, **more)
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "110")
    later = handled("neighbour.noise", **more)
    later.give(climb(later, Ground.DANGER, "danger_report", line="110"))
    assert (later.status, later.state.line) == (S.EMERGENCY_XFER, "110")


def test_an_objection_may_send_it_to_who_mediates() -> None:
    """R-LAD-07, R-HOT-05, R-HOT-11: the street around the place; another street's duty it is not."""
    case = handled("neighbour.noise", parties=NEXT_COMMUNITY)
    case.give(climb(case, Ground.NO_LEGAL_POWER, "mediation_record"))
    case.give(r.ObjectAssignment(actor=case.owner, reason="街道尚未劝阻"))
    upheld = r.AdjudicateObjection(actor=SUPERVISOR, upheld=True, unit=STREET, reason="先行劝阻、调解")
    assert case.refused(upheld.model_copy(update={"unit": "GL02"})).code == "NOT_ITS_DUTY"
    case.give(upheld)
    assert at(case) == (3, STREET)


@pytest.mark.parametrize("track", ["S", "M"])
@pytest.mark.parametrize(("more", "unit"), [(NEXT_COMMUNITY, STREET), (NEXT_STREET, DISTRICT)])
def test_no_leader_takes_it_past_who_mediates(track: str, more: tuple[str, ...], unit: str) -> None:
    """R-LAD-07, R-LAD-10, R-MODE-01: to the department that waits leads only a ground with its evidence."""
    case = open_case("neighbour.noise", parties=more, track=track)
    refusal = case.refused(instruct(POLICE)(case))
    assert (refusal.code, refusal.field) == ("GROUND_NEEDED", "unit")
    assert "EscalateCase" in refusal.reason
    case.give(instruct(unit)(case))
    assert (at(case)[1], case.status) == (unit, S.DISPATCHED_LOCKED)


@pytest.mark.parametrize("more", [{}, {"parties": NEXT_COMMUNITY}, {"parties": NEXT_STREET}])
def test_no_objection_takes_it_past_who_mediates(more: dict[str, Any]) -> None:
    """R-LAD-07, R-LAD-10, R-HOT-05: nor where it is a rung higher; another, whose matter it may be, is named."""
    case = open_case("neighbour.noise", **more)
    case.give(r.ObjectAssignment(actor=case.owner, reason="应由公安处理"))
    upheld = r.AdjudicateObjection(actor=OPERATOR, upheld=True, unit=POLICE, reason="属公安职责")
    refusal = case.refused(upheld)
    assert (refusal.code, refusal.field) == ("GROUND_NEEDED", "unit")
    case.give(upheld.model_copy(update={"unit": "GL-URBAN", "reason": "系施工噪声"}))
    assert at(case)[1] == "GL-URBAN"


def test_a_leader_instructs_the_department_that_has_it() -> None:
    """R-MODE-01, R-LAD-07: once it has the case, nothing waits."""
    case = handled("neighbour.noise", parties=NEXT_COMMUNITY)
    case.give(climb(case, Ground.NO_LEGAL_POWER, "mediation_record"))
    case.give(instruct(POLICE)(case))
    assert case.state.leader is not None


def test_no_step_is_lost_where_words_accuse_the_department() -> None:
    """R-LAD-04, R-LAD-07, R-HOT-14: where a human confirms, as by `SUBJECT_SKIPPED`: no second mediation."""
    case, escalated = (handled("neighbour.noise", parties=NEXT_COMMUNITY) for _ in range(2))
    for one in (case, escalated):
        one.give(climb(one, Ground.NO_LEGAL_POWER, "mediation_record"))
    accuse(case, POLICE)
    judge(case)
    escalated.give(climb(escalated, Ground.SUBJECT_SKIPPED, "interest_declaration", subjects=(POLICE,)))
    assert at(case) == at(escalated) == (4, DISTRICT)


def test_who_mediates_is_accused_and_another_mediates() -> None:
    """R-LAD-04, R-LAD-07: no department had it yet, so it still waits."""
    case = handled("neighbour.noise", parties=NEXT_COMMUNITY, track="S")
    accuse(case, STREET)
    judge(case)
    assert (at(case), waiting(case)) == ((4, DISTRICT), [(4, POLICE)])


@pytest.mark.parametrize("matter", NOISE)
@pytest.mark.parametrize("ground", [Ground.MEDIATION_FAILED, Ground.NO_LEGAL_POWER])
def test_the_department_handles_it_by_its_own_powers(matter: str, ground: Ground) -> None:
    """R-LAD-07: on the track of service; a street that gets it to mediate has it on the track of mediation."""
    case = handled(matter, parties=NEXT_COMMUNITY)
    assert case.state.track == "M"
    case.give(climb(case, ground, *POWER, "parties_request"))
    assert (at(case), case.state.track) == ((3, POLICE), "S")
    case.give(r.SignAssignment(actor=case.owner))
    other = handled(matter)
    other.give(climb(other, ground, *POWER, "parties_request"))
    assert (at(other), other.state.track) == ((2, COMMUNITY), "M")


def test_other_matters_are_mediated_on_the_next_rung() -> None:
    """R-LAD-02: by whom the catalogue names there, a department too: the parties ask for just that."""
    case = handled("property.leak", parties=NEXT_COMMUNITY)
    case.give(climb(case, Ground.MEDIATION_FAILED, "mediation_record", "parties_request"))
    assert (at(case), case.state.track) == ((4, "GL-HOUSING"), "M")
