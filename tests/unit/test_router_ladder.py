"""The ladder: entry, skipping, lists, and every ground up."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import router as r
from schemas.department import AssignmentRole, DepartmentAssigned, DepartmentAssignmentEnded, EndReason
from schemas.intake import CaseSupplemented, ReopeningAsked
from schemas.jurisdiction import Admission, Rung
from schemas.router import Ground
from schemas.router import OrderStatus as S
from schemas.values import Emergency, Place, PlaceSource
from services.router.domain import explain
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Oracle,
    Played,
    actor,
    gulou,
    open_case,
    policy,
    proof,
    router,
    submitted,
)


def handled(matter: str = "property.leak", **more: Any) -> Played:
    """A case that its unit has begun to handle."""
    case = open_case(matter, **more)
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    assert case.status is S.HANDLING
    return case


def climb(case: Played, ground: Ground, *kinds: str, **more: Any) -> r.EscalateCase:
    return r.EscalateCase(actor=case.owner, ground=ground, evidence=proof(*kinds), **more)


@pytest.mark.parametrize(
    ("matter", "more", "rung", "unit"),
    [
        ("property.leak", {}, 1, GRID),
        ("property.leak", {"parties": ("GL010102",)}, 2, COMMUNITY),
        ("property.leak", {"parties": ("GL0102",)}, 3, STREET),
        ("property.leak", {"parties": ("GL02",)}, 4, "GL-HOUSING"),
        ("family.trivia", {}, 1, GRID),
        ("utilities.billing", {}, 3, STREET),
    ],
)
def test_entry_rung(matter: str, more: dict[str, object], rung: int, unit: str) -> None:
    """R-LAD-01: the matter's level, never below the lowest unit that contains the place and all parties."""
    case = open_case(matter, **more)
    assert (case.state.rung, case.state.unit) == (rung, unit)


BUILDING = "GL01010103"
AT_HOME = {"place": Place(source=PlaceSource.ADDRESS, grid=GRID, building_group=BUILDING)}


@pytest.mark.parametrize(
    "more", [AT_HOME, AT_HOME | {"parties": (BUILDING,)}, {"parties": (BUILDING, BUILDING)}]
)
def test_a_family_matter_stays_in_its_building(more: dict[str, Any]) -> None:
    """R-LAD-01, 家庭琐事不出楼组: by the building of the place, or that all parties live in, of its grid."""
    case = open_case("family.trivia", **more)
    assert (case.state.rung, case.state.unit, case.state.place) == (0, BUILDING, BUILDING)
    route = case.last(r.CaseDispatched).route
    assert route.skipped == ()
    assert route.entry == r.Entry(matter=0, common=0, unit=BUILDING)
    assert "楼组" in explain(route, {}, {})[0]


@pytest.mark.parametrize(
    ("more", "unit", "skipped"),
    [
        ({}, GRID, (GRID, "R-LAD-01", "地点未查到楼组")),
        (AT_HOME | {"parties": ("GL01010104",)}, GRID, (BUILDING, "R-LAD-01", "各方未查明在同一楼组")),
        ({"parties": (BUILDING, "GL01010104")}, GRID, (GRID, "R-LAD-01", "各方未查明在同一楼组")),
        (AT_HOME | {"parties": (GRID,)}, GRID, (BUILDING, "R-LAD-01", "各方未查明在同一楼组")),
        (AT_HOME | {"households": 30}, STREET, (BUILDING, "R-LAD-03", "涉及户数或部门较多")),
        (AT_HOME | {"subjects": (BUILDING,)}, GRID, (BUILDING, "R-LAD-04", None)),
    ],
)
def test_why_the_building_is_skipped(
    more: dict[str, Any], unit: str, skipped: tuple[str, str, str | None]
) -> None:
    """R-LAD-01, R-LAD-03, R-LAD-04: a family matter that enters above the building says why, in code and words."""
    case = open_case("family.trivia", **more)
    assert case.state.unit == unit
    route = case.last(r.CaseDispatched).route
    [skip] = route.skipped
    assert (skip.rung, skip.unit, skip.rule) == (0, *skipped[:2])
    assert skipped[2] in {skip.reason, None}
    assert any(f"跳过楼组（{skip.unit}）：{skip.reason}（{skip.rule}）" in s for s in explain(route, {}, {}))


def test_a_neighbours_matter_goes_to_the_grid_even_within_one_building() -> None:
    """R-LAD-01, 邻里纠纷不出网格: its own rung is the grid, and no building was passed over."""
    case = open_case("neighbour.noise", **AT_HOME, parties=(BUILDING,))
    assert (case.state.rung, case.state.unit) == (1, GRID)
    assert case.last(r.CaseDispatched).route.skipped == ()


def test_parties_of_another_grid_do_not_move_the_place() -> None:
    """R-LAD-01: the place stays what it is; the lowest unit that contains all decides."""
    case = open_case("family.trivia", parties=("GL01010201",))
    assert (case.state.rung, case.state.unit, case.state.place) == (2, COMMUNITY, GRID)


def test_a_human_may_name_the_building() -> None:
    """R-LAD-01: in triage as at submission, as the place or by the parties."""
    for told in ({"place": BUILDING}, {"parties": (BUILDING,)}):
        case = Played()
        case.give(submitted(None))
        case.give(r.TriageCase(actor=OPERATOR, judged=r.Judged.DISPATCH, matter="family.trivia", **told))
        assert (case.state.rung, case.state.unit) == (0, BUILDING)


def test_a_building_group_that_fails_gives_the_case_to_its_grid() -> None:
    """R-LAD-02: one rung up from the lowest, by ground and evidence."""
    case = handled("family.trivia", **AT_HOME)
    case.give(climb(case, Ground.MEDIATION_FAILED, "mediation_record", "parties_request"))
    assert (case.state.rung, case.state.unit) == (1, GRID)


def test_wide_matters_enter_higher() -> None:
    """R-LAD-03: from the configured number of households or departments on, straight to the street."""
    many = gulou().thresholds.many_households
    assert open_case(households=many).state.rung == 3
    assert open_case(households=many - 1).state.rung == 1
    assert open_case("environment.dust", households=many).state.rung == 4  # several departments, too
    assert open_case("environment.dust", households=many - 1).state.rung == 3
    assert open_case(households=10_000).state.rung == 3
    entry = open_case(households=many).last(r.CaseDispatched).route.entry
    assert entry is not None
    assert entry.floor == 3


def test_a_matter_of_several_departments_enters_at_the_street() -> None:
    """R-LAD-03: departments count, the lead included; bodies that are no departments do not."""
    base = gulou()
    rungs = []
    for helpers in (("GL-URBAN", "GL-HOUSING", "GL-POLICE"), ("GL-URBAN", "GL-HOUSING", "GL-WATER")):
        leak = replace(base.matters["property.leak"], helpers=helpers)
        case = Played(router(jurisdiction=replace(base, matters={**base.matters, "property.leak": leak})))
        case.give(submitted())
        rungs.append(case.state.rung)
    assert rungs == [3, 1]


def test_the_subject_is_skipped() -> None:
    """R-LAD-04: the unit complained of and all under it are passed over, with the reason on record."""
    case = open_case(subjects=(COMMUNITY,))
    assert case.state.unit == STREET
    skipped = case.last(r.CaseDispatched).route.skipped
    assert [(s.rung, s.unit, s.rule) for s in skipped] == [(1, GRID, "R-LAD-04"), (2, COMMUNITY, "R-LAD-04")]
    assert all(s.reason for s in skipped)


def test_helpers_and_copies_are_never_the_subject() -> None:
    """R-LAD-04: the unit complained of never sees the case, in whatever role."""
    case = open_case("municipal.streetlight", subjects=("GL-POWER", COMMUNITY))
    assert [e.unit for e in case.all(DepartmentAssigned)] == ["GL-URBAN"]


def test_all_rungs_skipped() -> None:
    """R-LAD-04: with the district complained of, the named exit is the superior petition authority."""
    case = open_case("municipal.road", subjects=(DISTRICT,))
    assert (case.status, case.state.unit, case.state.exit) == (S.REDIRECTED, None, "superior-petition")
    assert [s.rung for s in case.last(r.CaseRedirected).route.skipped] == [3, 4]
    queued = Played()
    queued.give(submitted(None, subjects=(DISTRICT,)))
    assert queued.state.exit == "superior-petition"


def test_interested_staff_recuse() -> None:
    """R-LAD-04, R-HOT-14: staff of the unit complained of, or under it, do nothing with the case."""
    case = open_case(subjects=(COMMUNITY,))
    for unit in (COMMUNITY, GRID):
        refusal = case.refused(r.SignAssignment(actor=actor(unit, "supervisor")))
        assert refusal.code == "INTERESTED"


def test_the_lists_bind_the_community() -> None:
    """R-COM-01, R-HOT-11: an unlisted or assist matter is not the community's to lead, save by entry approval."""
    base = gulou()
    garbage = replace(
        base.matters["order.occupation"],
        responsible={
            Rung.COMMUNITY: "territorial",
            Rung.STREET: "territorial",
            Rung.DISTRICT: "GL-URBAN",
        },
    )
    lowered = replace(garbage, entry=base.matters["order.garbage"].entry)
    known = replace(base, matters={**base.matters, "order.occupation": lowered})
    case = Played(router(jurisdiction=replace(known, lists=replace(known.lists, admissions=()))))
    case.give(submitted("order.occupation"))
    assert case.state.unit == STREET
    assert [s.rule for s in case.last(r.CaseDispatched).route.skipped] == ["R-COM-01"]
    admitted = Played(router(jurisdiction=known))
    admitted.give(submitted("order.occupation"))
    assert admitted.state.unit == COMMUNITY
    expired = Played(router(jurisdiction=known), at=datetime(2027, 1, 4, 2, tzinfo=UTC))
    expired.give(submitted("order.occupation"))
    assert expired.state.unit == STREET
    assert isinstance(known.lists.admissions[0], Admission)


def test_no_legal_power() -> None:
    """R-LAD-02, R-LAD-10: one rung up, by ground and evidence; the old owner is told that it is over."""
    case = handled()
    case.give(climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    assert (case.status, case.state.unit, case.state.rung) == (S.DISPATCHED, COMMUNITY, 2)
    escalated = case.last(r.CaseEscalated)
    assert (escalated.unit, escalated.ground, escalated.row.source) == (
        GRID,
        Ground.NO_LEGAL_POWER,
        "R-LAD-02",
    )
    route = case.last(r.CaseDispatched).route
    assert route.ground is Ground.NO_LEGAL_POWER
    assert len(route.evidence) == 2
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.ESCALATED
    words = "".join(explain(route, {}, policy().settings.evidence))
    assert "本级无法定职权" in words
    assert "法定职权依据 doc-1" in words


def test_evidence_is_demanded() -> None:
    """R-LAD-10: without all the evidence that the table names nothing climbs."""
    case = handled()
    refusal = case.refused(climb(case, Ground.NO_LEGAL_POWER, "legal_basis"))
    assert (refusal.code, refusal.field) == ("EVIDENCE_NEEDED", "evidence")
    assert "handling_record" in refusal.reason


@pytest.mark.parametrize(
    "ground",
    [
        Ground.CONSULT_ANSWERED,
        Ground.CALL_COUNT,
        Ground.IDENTITY,
        Ground.FINAL_CASE,
        Ground.DISSATISFIED_LAWFUL,
        Ground.RESIDENT_CHOICE,
        Ground.OBJECTION_UPHELD,
    ],
)
def test_never_a_ground(ground: Ground) -> None:
    """R-LAD-06: refused by code, with the lawful alternative, whatever the evidence."""
    case = handled()
    refusal = case.refused(climb(case, ground, *policy().settings.evidence))
    assert refusal.code.startswith("GROUND_")
    assert refusal.reason


def test_mediation_failed_needs_a_mediation() -> None:
    """R-LAD-02: a failed mediation, when the parties ask; not in a matter that was never mediated."""
    case = handled("property.fee")
    for alone in ("mediation_record", "parties_request"):
        assert case.refused(climb(case, Ground.MEDIATION_FAILED, alone)).code == "EVIDENCE_NEEDED"
    case.give(climb(case, Ground.MEDIATION_FAILED, "mediation_record", "parties_request"))
    assert case.state.unit == STREET
    service = handled("order.garbage")
    assert service.refused(climb(service, Ground.MEDIATION_FAILED)).code == "GROUND_NO_MEDIATION"


def test_noise_is_mediated_first() -> None:
    """R-LAD-07: residential noise goes to the department only after dissuasion and mediation."""
    case = handled("neighbour.noise")
    assert case.state.unit == GRID
    record = climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record")
    assert case.refused(record).code == "EVIDENCE_NEEDED"
    case.give(climb(case, Ground.NO_LEGAL_POWER, "mediation_record"))
    assert case.state.unit == COMMUNITY


def test_parties_outside() -> None:
    """R-LAD-02, R-LAD-01: up to the lowest unit that contains the further parties; not when all live inside."""
    case = handled()
    outside = climb(case, Ground.PARTIES_OUTSIDE, "residence_record", parties=("GL0102",))
    inside = climb(case, Ground.PARTIES_OUTSIDE, "residence_record", parties=(GRID,))
    assert case.refused(inside).code == "PARTIES_INSIDE"
    case.give(outside)
    assert (case.state.unit, case.state.parties) == (STREET, ("GL0102",))


@pytest.mark.parametrize(
    ("ground", "kind"),
    [(Ground.OWNER_UNCLEAR, "ownership_inquiry"), (Ground.COORDINATION_FAILED, "coordination_record")],
)
def test_street_to_district(ground: Ground, kind: str) -> None:
    """R-LAD-02, R-GRD-02 (BJJ17): owner unclear, or coordination failed: from the street to the district itself."""
    low = handled()
    assert low.refused(climb(low, ground, kind)).code == "GROUND_STREET_FIRST"
    case = handled("municipal.road")
    case.give(climb(case, ground, kind))
    assert (case.state.unit, case.state.rung) == (DISTRICT, 4)


@pytest.mark.parametrize(
    ("ground", "kind"),
    [(Ground.SEVERAL_DEPARTMENTS, "department_list"), (Ground.MANY_HOUSEHOLDS, "household_list")],
)
def test_straight_to_the_street(ground: Ground, kind: str) -> None:
    """R-LAD-03: found to be wide, it goes straight to the street, from there to the district."""
    case = handled()
    case.give(climb(case, ground, kind))
    assert (case.state.unit, case.state.rung) == (STREET, 3)


def test_interest_found_later() -> None:
    """R-LAD-04: units found to be interested are passed over, and never again see the case."""
    case = handled()
    assert case.refused(climb(case, Ground.SUBJECT_SKIPPED, "interest_declaration")).field == "subjects"
    above = climb(case, Ground.SUBJECT_SKIPPED, "interest_declaration", subjects=(COMMUNITY,))
    assert case.refused(above).code == "NOT_YOURS_TO_SAY", "a grid declares itself, not who stands above it"
    case.give(above.model_copy(update={"actor": SUPERVISOR}))
    assert (case.state.unit, case.state.subjects) == (STREET, (COMMUNITY,))
    assert case.refused(r.SignAssignment(actor=actor(COMMUNITY))).code == "INTERESTED"


def test_no_handler_sends_a_case_out_of_the_district() -> None:
    """R-LAD-04: that the district is interested is not for a unit of the district to say."""
    case = handled("municipal.streetlight")
    away = climb(case, Ground.SUBJECT_SKIPPED, "interest_declaration", subjects=("GL",))
    assert case.refused(away).code == "NOT_YOURS_TO_SAY"


def test_danger_bypasses_the_ladder() -> None:
    """R-LAD-05: from any open status to the emergency line; the unit is relieved."""
    case = open_case()
    danger = climb(case, Ground.DANGER, "danger_report")
    assert case.refused(danger).field == "line"
    case.give(danger.model_copy(update={"line": "119"}))
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "119")
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.EMERGENCY


def test_the_top_has_no_rung_above() -> None:
    """R-LAD-02: the district does not pass matters up (矛盾不上交); the resident's own ways stay open."""
    case = handled("land.compensation")
    refusal = case.refused(climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    assert refusal.code == "GROUND_TOP"


def test_second_breach_climbs_after_supervision() -> None:
    """R-LAD-08, R-LAD-02: first remind and supervise the same owner; only a second breach after that climbs."""
    case = handled()
    assert case.refused(climb(case, Ground.SECOND_BREACH)).code == "NO_SECOND_BREACH"
    case.wait("handle")
    assert (case.status, case.state.unit) == (S.CALLBACK, GRID)
    case.wait("supervise")
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True))
    assert (case.status, case.state.unit) == (S.REDO, GRID)
    assert case.state.term("escalate") is None
    case.wait("handle")
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)
    left = case.last(r.CaseEscalated)
    assert (left.by, left.ground, left.row.row) == (None, Ground.SECOND_BREACH, "second-breach")
    assert [e.kind for e in left.evidence] == ["breach_record"]
    assert case.state.breaches == 0


def test_silence_after_supervision_is_the_second_breach() -> None:
    """R-LAD-02, R-HOT-10: remind, supervise, escalate: also where the resident was never called back meanwhile."""
    case = handled()
    for name in ("handle", "supervise", "escalate"):
        case.wait(name)
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)
    assert [e.breaches for e in case.all(r.DeadlineBreached)] == [1, 2]


def test_supervision_by_a_person_warns_too() -> None:
    """R-HOT-10, R-LAD-02: it takes the place of the clock's, and silence after it is the second breach."""
    case = handled()
    case.wait("handle")
    case.give(r.SuperviseCase(actor=actor(STREET, "supervisor"), reason="群众反映"))
    assert case.state.term("supervise") is None
    case.wait("escalate")
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)


def test_an_answer_after_supervision_ends_the_climb() -> None:
    """R-LAD-08: who answers late, but answers, keeps the case."""
    case = handled()
    case.wait("handle")
    case.wait("supervise")
    case.give(r.ReplyCase(actor=case.owner, result="已修好", explanation="配件延误"))
    assert {t.name for t in case.router.due(case.state)} == {"callback"}


def test_silence_at_the_top_is_supervised_again_and_again() -> None:
    """R-HOT-10, R-LAD-02: where no rung is left above, supervision never ends by itself."""
    case = handled("traffic.bus")
    case.wait("handle")
    for _ in range(3):
        case.wait("supervise")
        case.wait("escalate")
    assert (case.status, case.state.unit, case.state.breaches) == (S.CALLBACK, "GL-TRANSPORT", 4)
    assert case.all(r.CaseEscalated) == []
    assert len([e for e in case.all(r.CaseSupervised) if e.term == "handle"]) == 3


def test_two_breaches_without_supervision_do_not_climb() -> None:
    """R-LAD-08: without supervision in between there is no second breach."""
    case = handled()
    case.wait("handle")
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True))
    case.state = case.state.model_copy(update={"terms": case.state.without("supervise")})
    case.wait("handle")
    assert case.refused(climb(case, Ground.SECOND_BREACH)).code == "NO_SECOND_BREACH"


@pytest.mark.parametrize("track", ["P", "L"])
def test_the_resident_chooses_from_any_rung(track: str) -> None:
    """R-LAD-09: petition or legal track from any rung and status; the route says whose choice it was."""
    for case in (
        open_case(),
        handled(),
        open_case("municipal.road"),
        open_case(resolved=None, households=99),
    ):
        case.give(r.ChooseTrack(actor=OPERATOR, track=track))
        if track == "P":
            assert (case.state.unit, case.state.exit) == ("GL-PETITION", None)
            assert case.last(r.CaseDispatched).route.ground is Ground.RESIDENT_CHOICE
        else:
            assert (case.status, case.state.unit) == (S.REDIRECTED, None)
        assert case.refused(r.ChooseTrack(actor=OPERATOR, track=track)).code == "SAME_TRACK"


def test_mediation_is_chosen_with_the_same_unit_or_back_from_the_petition() -> None:
    """R-LAD-09: another procedure with the same unit; from the petition office back to the ladder."""
    case = handled("order.garbage")
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    assert (case.status, case.state.unit, case.state.track) == (S.HANDLING, COMMUNITY, "M")
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)
    assert case.refused(r.ChooseTrack(actor=OPERATOR, track="L", exit="x")).field == "exit"


def test_petition_office_complained_of() -> None:
    """R-LAD-04, R-LAD-09: the choice stands, the petition goes to the superior authority."""
    case = open_case(subjects=("GL-PETITION",))
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    assert case.state.exit == "superior-petition"


def test_role_of_the_new_lead_is_lead() -> None:
    """R-HOT-06: after a step up exactly one unit leads."""
    case = handled()
    case.give(climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    leads = [e.unit for e in case.all(DepartmentAssigned) if e.role is AssignmentRole.LEAD]
    assert leads == [GRID, COMMUNITY]


FIRE = Emergency(line="119", ground="着火")


def with_the_police() -> Played:
    """Noise that grid and community have mediated in vain."""
    case = handled("neighbour.noise")
    for unit in (COMMUNITY, "GL-POLICE"):
        case.give(climb(case, Ground.MEDIATION_FAILED, "mediation_record"))
        assert case.state.unit == unit
        case.give(r.SignAssignment(actor=case.owner))
        case.give(r.RecordContact(actor=case.owner))
    return case


@pytest.mark.parametrize("silent", [True, False])
def test_what_remains_of_a_danger_goes_on_where_the_case_was(*, silent: bool) -> None:
    """R-LAD-10, R-HOT-13: no step that it had climbed is lost, nor by a second danger, at another line."""
    case = with_the_police()
    rung = case.state.rung
    case.give(CaseSupplemented(text="着火了", emergency=FIRE))
    case.give(CaseSupplemented(text="打人了", emergency=Emergency(line="110", ground="打人")))
    assert (case.status, case.state.rung, case.state.unit) == (S.EMERGENCY_XFER, None, "GL-HOTLINE")
    if silent:
        case.wait("emergency")
    else:
        case.give(r.ConfirmEmergency(actor=OPERATOR, reference="119-1"))
        case.give(r.DispatchRemainder(actor=OPERATOR))
    assert (case.state.unit, case.state.rung, case.state.taken_from) == ("GL-POLICE", rung, None)
    assert case.status is S.DISPATCHED_LOCKED  # R-HOT-05: they had signed
    assert case.last(r.CaseDispatched).route.skipped == ()


def test_a_danger_takes_no_right_to_object() -> None:
    """R-HOT-05: what the unit might still say before the danger, it may say of what remains."""
    case = open_case("livelihood.elderly")
    case.give(CaseSupplemented(text="着火了", emergency=FIRE))
    case.wait("emergency")
    assert (case.status, case.state.unit, case.state.urgency) == (S.DISPATCHED, COMMUNITY, 1)


def test_what_remains_of_a_danger_is_not_mediated_by_who_stands_below_the_accused() -> None:
    """R-LAD-04, R-LAD-07, R-LAD-10: up from where it was, and nobody mediates once a department had it."""
    case = with_the_police()
    case.router = router(Oracle(blamed=("GL-POLICE",)))
    case.give(CaseSupplemented(text="着火了，派出所民警收了钱", emergency=FIRE))
    case.wait("emergency")
    sent = case.last(r.CaseDispatched)
    assert (sent.unit, sent.rung, sent.route.ground) == (DISTRICT, 4, Ground.SUBJECT_SKIPPED)


def test_another_matter_that_remains_is_for_the_ladder() -> None:
    """R-LAD-01: what was climbed was another matter's ladder."""
    case = with_the_police()
    case.give(CaseSupplemented(text="着火了", emergency=FIRE))
    case.give(r.DispatchRemainder(actor=OPERATOR, matter="property.leak"))
    assert (case.state.matter, case.state.unit) == ("property.leak", GRID)


def test_what_is_reopened_for_a_danger_goes_back_to_who_had_it() -> None:
    """R-HOT-08, R-HOT-13: as it would without the danger."""
    case = handled("livelihood.elderly")
    case.give(climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
    case.give(r.SignAssignment(actor=case.owner))
    case.give(r.RecordContact(actor=case.owner))
    case.give(r.ReplyCase(actor=case.owner, result="已办结"))
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True))
    case.give(ReopeningAsked(reason="着火了", emergency=FIRE))
    case.wait("emergency")
    assert (case.state.unit, case.state.rung) == (STREET, 3)
