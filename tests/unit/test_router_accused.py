"""A supplement accuses a unit by name: it loses the case at once, until a human says (R-LAD-04, R-HOT-14)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas import router as r
from schemas.department import (
    DepartmentAssigned,
    DepartmentAssignmentEnded,
    DepartmentEvent,
    DepartmentReminded,
    EndReason,
    HandlingMode,
    ReminderKind,
)
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.mediation import MediationDutyMoved
from schemas.petition import PetitionHandedBack
from schemas.procedure import HandBack
from schemas.router import Ground, QueueReason
from schemas.router import OrderStatus as S
from schemas.values import Emergency, OnSiteResolution
from services.intake.ledger import OPEN as OPEN_AGAIN
from services.intake.ledger import result
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    MONDAY,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Oracle,
    Played,
    open_case,
    router,
    submitted,
)
from tests.unit.test_router_ladder import climb, handled
from tests.unit.test_router_procedures import back, mediated, petitioned
from tests.unit.test_router_recusal import OPEN_STAGES
from tests.unit.test_router_workorder import (
    SATISFIED,
    STAGES,
    called_back,
    extended,
    objected,
    reply,
    suspended,
)

HOTLINE = "GL-HOTLINE"
PLAIN = "livelihood.elderly"
"""On the community's own list, on track S: no procedure begins."""
LIGHT = "municipal.streetlight"


def accuse(case: Played, *units: str, **more: Any) -> list[Any]:
    """Further words that complain of the units."""
    case.router = router(Oracle(blamed=units))
    return case.give(CaseSupplemented(text="工作人员收了对方的钱", **more))


def on_track_s(case: Played) -> Played:
    if case.state.track != "S":
        case.give(r.ChooseTrack(actor=OPERATOR, track="S"))
    return case


def judge(case: Played, **more: Any) -> r.CaseDispatched:
    case.give(r.TriageCase(actor=OPERATOR, **more))
    return case.last(r.CaseDispatched)


@pytest.mark.parametrize("stage", OPEN_STAGES)
def test_who_is_accused_loses_the_case_at_once_in_any_status(stage: S) -> None:
    """R-LAD-04, R-HOT-14, R-HOT-06: told only that it is over; one responsible unit, one clock, nothing pending."""
    case = on_track_s(STAGES[stage]())
    assert case.status is stage
    unit, number, seats = case.state.unit or "", case.state.number, case.state.seats()
    *ended, queued = accuse(case, unit)
    assert [(e.unit, e.assignment, e.reason) for e in ended if isinstance(e, DepartmentAssignmentEnded)] == [
        (seat.unit, case.state.assignment(seat.number), EndReason.REASSIGNED) for seat in seats
    ]
    assert len(ended) == len(seats)
    assert isinstance(queued, r.TriageQueued)
    assert (queued.unit, queued.reason, queued.taken_from) == (HOTLINE, QueueReason.POLICY, unit)
    assert [row.row for row in queued.route.rows] == ["accused-in-words"]
    known = case.state.taken_from
    assert known is not None
    assert (known.unit, known.number, case.state.seats()) == (unit, number, ())
    assert (case.status, case.state.subjects) == (S.REGISTERED, (unit,))
    assert [term.name for term in case.state.terms] == ["triage"]
    assert case.state.terms[0].since == case.at
    given = case.router.initial(case.state.case_id)
    for name in ("overdue", "supervised", "pending", "replied", "attempts", "rung", "leader", "suspended_at"):
        assert getattr(case.state, name) == getattr(given, name), name


@pytest.mark.parametrize("stage", OPEN_STAGES)
def test_a_human_clears_it_or_sends_it_to_who_stands_above(stage: S) -> None:
    """R-LAD-04, R-LAD-10: with the matter, track and urgency that it had; up only by ground and evidence."""
    for subjects in (None, ()):
        case = on_track_s(STAGES[stage]())
        before = case.state
        accuse(case, before.unit or "")
        sent = judge(case, subjects=subjects)
        assert (sent.matter, sent.track, sent.urgency) == (before.matter, before.track, before.urgency)
        assert sent.number == before.issued + 1
        assert case.state.taken_from is None
        if subjects is None:
            assert (sent.rung, sent.locked) >= (before.rung, False)
            assert sent.unit not in {before.unit, HOTLINE}
            assert (sent.route.ground, len(sent.route.evidence)) == (Ground.SUBJECT_SKIPPED, 1)
        else:
            assert (sent.unit, sent.rung, case.state.subjects) == (before.unit, before.rung, ())
            assert sent.locked is (stage not in {S.DISPATCHED, S.OBJECTED})  # R-HOT-05: no second objection
            assert sent.route.ground is None


def test_the_clocks_and_plates_of_the_next_owner_are_fresh() -> None:
    """R-LAD-08, R-CARD-01: the delay was the accused unit's."""
    case = handled(PLAIN)
    for clock in ("handle", "supervise"):
        case.wait(clock)
    assert (case.state.overdue, case.state.supervised) == (True, True)
    accuse(case, COMMUNITY)
    assert (case.state.overdue, case.state.supervised) == (False, False)
    case.wait("triage")
    assert case.last(DepartmentReminded).unit == HOTLINE
    judge(case)
    assert (case.state.unit, case.state.overdue, case.state.breaches) == (STREET, False, 0)
    assert {term.since for term in case.state.terms} == {case.at}


@pytest.mark.parametrize("start", [objected, extended, suspended])
def test_what_the_unit_had_asked_for_is_over(start: Any) -> None:
    """R-HOT-05, R-HOT-07: there is nothing left to decide on."""
    case = on_track_s(start())
    accuse(case, case.state.unit or "")
    upheld = r.AdjudicateObjection(actor=SUPERVISOR, upheld=False, reason="职责明确")
    assert case.refused(upheld).code == "WRONG_STATUS"
    more = r.DecideExtension(actor=SUPERVISOR, granted=True, reason="理由成立")
    assert case.refused(more).code == "NOTHING_PENDING"


def test_no_step_that_the_case_had_climbed_is_lost() -> None:
    """R-LAD-02, R-LAD-04: the community had no power for it, and gets it back neither way."""
    for subjects, unit, rung in ((None, DISTRICT, 4), ((), STREET, 3)):
        case = handled(PLAIN)
        case.give(climb(case, Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"))
        assert (case.state.unit, case.state.rung) == (STREET, 3)
        accuse(case, STREET)
        sent = judge(case, subjects=subjects)
        assert (sent.unit, sent.rung) == (unit if unit == STREET else sent.unit, max(rung, sent.rung))
        assert sent.unit not in {COMMUNITY, GRID}
        assert (sent.unit == STREET) is (subjects == ())


def test_a_department_that_review_designated_is_not_passed_down_from() -> None:
    """R-HOT-05: it gets the case back as it was, locked; found complained of, the case stays at its rung."""
    for subjects in (None, ()):
        case = open_case(PLAIN)
        case.give(r.ObjectAssignment(actor=case.owner, reason="不属于本单位"))
        upheld = r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason="属实", unit="GL-CIVIL")
        case.give(upheld)
        assert case.status is S.DISPATCHED_LOCKED
        rung = case.state.rung or 0
        accuse(case, "GL-CIVIL")
        sent = judge(case, subjects=subjects)
        assert sent.rung >= rung > 2
        assert ((sent.unit, sent.locked) == ("GL-CIVIL", True)) is (subjects == ())


def test_another_matter_or_place_is_for_the_ladder() -> None:
    """R-LAD-01: what the human finds it to be goes where it belongs, as any case does; it names its own unit."""
    case = handled(PLAIN)
    accuse(case, COMMUNITY)
    sent = judge(case, matter="municipal.manhole", subjects=())
    assert (sent.unit, sent.matter, sent.locked) == ("GL-URBAN", "municipal.manhole", False)
    moved = handled(PLAIN)
    accuse(moved, COMMUNITY)
    assert judge(moved, place="GL020101", subjects=()).unit == "GL0201"


def test_a_second_accusation_waits_in_the_same_turn() -> None:
    """R-HOT-14: what is said again changes nothing; who else is accused is kept from it, too."""
    case = handled(PLAIN)
    accuse(case, COMMUNITY)
    held, terms = case.state.taken_from, case.state.terms
    case.later(minutes=10)
    assert accuse(case, COMMUNITY) == []
    [queued] = accuse(case, STREET)
    assert isinstance(queued, r.TriageQueued)
    assert queued.taken_from is None
    assert (case.state.subjects, case.state.taken_from, case.state.terms) == (
        (COMMUNITY, STREET),
        held,
        terms,
    )
    assert case.give(r.TriageCase(actor=OPERATOR))
    assert case.state.unit not in {COMMUNITY, STREET, HOTLINE}
    before = case.state
    told = accuse(case, COMMUNITY)
    assert {(e.unit, e.kind) for e in told} == {(s.unit, ReminderKind.SUPPLEMENT) for s in before.seats()}
    assert case.state == before


def test_who_stands_under_the_accused_loses_it_and_who_stands_above_does_not() -> None:
    """R-LAD-04: control counts: a street may look into its community, a community not into its street."""
    case = handled(PLAIN)
    accuse(case, STREET)
    assert (case.status, case.state.subjects) == (S.REGISTERED, (STREET,))
    above = open_case(PLAIN, subjects=(COMMUNITY,))
    assert above.state.unit == STREET
    accuse(above, "GL0102")
    assert (above.state.unit, above.state.subjects) == (STREET, (COMMUNITY, "GL0102"))


def test_a_helper_that_is_accused_leaves_and_the_lead_goes_on() -> None:
    """R-LAD-04, R-LAD-10: as where a supervisor says so; the lead is told of the words, the helper of the end."""
    case = handled(LIGHT)
    before = case.state
    ended, recused, *told = accuse(case, "GL-POWER")
    assert (ended.unit, ended.reason) == ("GL-POWER", EndReason.REASSIGNED)
    assert [seat.unit for seat in recused.helpers] == ["GL-POWER"]
    assert recused.evidence[0].kind == "interest_declaration"
    assert {e.unit for e in told} == {"GL-URBAN", COMMUNITY}
    assert (case.state.unit, case.state.terms, case.status) == (before.unit, before.terms, before.status)
    assert [seat.unit for seat in case.state.helpers] == [COMMUNITY]


def test_a_unit_without_part_in_it_is_only_kept_from_it() -> None:
    """R-HOT-14: subjects grow, nothing else changes; its words reach those who work on the case."""
    case = handled(PLAIN)
    before = case.state
    recused, told = accuse(case, "GL-EDUCATION")
    assert isinstance(recused, r.HelpersRecused)
    assert recused.helpers == ()
    assert (told.unit, told.kind) == (COMMUNITY, ReminderKind.SUPPLEMENT)
    assert case.state == before.model_copy(update={"subjects": ("GL-EDUCATION",)})
    assert [type(e) for e in accuse(case, "GL-EDUCATION")] == [DepartmentReminded]


def test_a_procedure_keeps_the_case_and_the_centre_is_told() -> None:
    """R-PET-11, R-MED-04: running or about to begin, it has its own ways; sealed matter has its one recipient."""
    begins, runs = open_case(), open_case()
    runs.give(MediationDutyMoved(unit=COMMUNITY, stage="MEDIATING"))
    for one in (begins, runs):
        before = one.state
        [told] = accuse(one, one.state.unit or "")
        assert (told.unit, told.kind) == (HOTLINE, ReminderKind.SUPPLEMENT)
        assert one.state == before
    sealed = open_case("government.report")
    before = sealed.state
    accuse(sealed, "GL-DISCIPLINE")
    assert sealed.state == before


@pytest.mark.parametrize("stage", [S.CLOSED, S.ARCHIVED])
def test_what_is_over_stays_as_it_is(stage: S) -> None:
    """R-LAD-06."""
    case = STAGES[stage]()
    assert accuse(case, COMMUNITY) == []


def test_a_danger_goes_to_its_line_and_its_remainder_not_to_the_accused() -> None:
    """R-LAD-05, R-LAD-04, R-HOT-13: the line first; whom the same words accuse does not get the case back."""
    case = handled(PLAIN)
    accuse(case, COMMUNITY, emergency=Emergency(line="110", ground="打人"))
    assert (case.status, case.state.subjects) == (S.EMERGENCY_XFER, (COMMUNITY,))
    case.wait("emergency")
    assert case.state.unit == STREET
    assert not [e for e in case.events[-4:] if isinstance(e, DepartmentEvent) and e.unit == COMMUNITY]


def test_where_nobody_is_left_it_leaves_by_the_named_exit() -> None:
    """R-LAD-04: not even who is outside the district's control keeps what nobody here may review or call back."""
    case = handled("utilities.water")
    unit = case.state.unit
    accuse(case, DISTRICT)
    assert (case.status, case.state.unit, case.state.exit) == (S.REDIRECTED, None, "superior-petition")
    assert unit in {e.unit for e in case.all(DepartmentAssignmentEnded)}
    assert case.state.subjects == (DISTRICT,)


def test_what_a_grid_settled_is_taken_from_it() -> None:
    """R-GRD-01: accused with its community before the callback, it does not count as settled any more."""
    case = Played()
    settled = OnSiteResolution(unit=GRID, measure="已清理", resolved_at=MONDAY)
    case.give(submitted("property.leak", resolved=settled))
    assert case.status is S.CALLBACK
    accuse(case, COMMUNITY)
    assert (case.status, case.state.replied) == (S.REGISTERED, False)
    assert judge(case).unit not in {GRID, COMMUNITY}


def test_what_came_of_the_case_no_longer_stands() -> None:
    """R-LEDGER-01: the unit had replied; what is only taken in has had no result yet."""
    case = on_track_s(called_back())
    accuse(case, case.state.unit or "")
    found = result(case.last(r.TriageQueued))
    assert found is not None
    assert found.kind == OPEN_AGAIN
    fresh = Played(router(Oracle(blamed=(COMMUNITY,))))
    fresh.give(submitted(PLAIN))
    assert result(fresh.last(r.TriageQueued)) is None


def test_no_text_goes_with_the_case_when_it_comes_back() -> None:
    """R-HOT-14: on the topic stands no word of the resident, the accusing ones least."""
    case = handled(PLAIN)
    accuse(case, COMMUNITY)
    judge(case, subjects=())
    assert (case.last(DepartmentAssigned).unit, case.last(DepartmentAssigned).text) == (COMMUNITY, None)


def test_a_lapsed_right_to_object_does_not_come_back() -> None:
    """R-HOT-05: once, before `object_by`; that the clock has not rung yet gives no second window."""
    rung, silent = open_case(PLAIN), open_case(PLAIN)
    rung.wait("object")
    window = silent.state.term("object")
    assert window is not None
    silent.at = window.at
    for case in (rung, silent):
        assert case.status is S.DISPATCHED
        objection = r.ObjectAssignment(actor=case.owner, reason="不属于本单位")
        assert case.refused(objection).code == "TOO_LATE"
        accuse(case, COMMUNITY)
        assert judge(case, subjects=()).locked
        assert case.state.term("object") is None
        assert case.refused(objection).code == "LOCKED"


def instructed() -> Played:
    case = handled(PLAIN)
    by, leader = case.at + timedelta(days=30), "街道办主任"
    case.give(r.InstructCase(actor=SUPERVISOR, unit=COMMUNITY, handle_by=by, leader=leader, note="尽快"))
    return case


def test_a_leaders_instruction_survives() -> None:
    """R-MODE-01: cleared, the unit has it by the leader's time, as before; whoever is next is under none."""
    for subjects in (None, ()):
        case = instructed()
        handle = case.state.term("handle")
        assert handle is not None
        accuse(case, COMMUNITY)
        case.later(days=1)
        sent = judge(case, subjects=subjects)
        told = case.last(DepartmentAssigned)
        kept = (sent.mode, case.state.leader) == (HandlingMode.INSTRUCTED, "街道办主任")
        assert kept is ((told.handle_by, told.lead) == (handle.at, COMMUNITY)) is (subjects == ())


def test_a_leaders_time_does_not_put_off_what_remains_of_a_danger() -> None:
    """R-LAD-05, R-MODE-01: set before the danger; the instruction stands, with the times of life and property."""
    case = instructed()
    case.give(CaseSupplemented(text="着火了", emergency=Emergency(line="119", ground="着火")))
    case.wait("emergency")
    handle = case.state.term("handle")
    assert handle is not None
    assert handle.at - case.at < timedelta(days=3)
    assert (case.state.unit, case.state.urgency, case.state.leader) == (COMMUNITY, 1, "街道办主任")


def test_a_dangerous_matter_that_a_human_finds_is_not_for_who_had_another() -> None:
    """R-LAD-05: first the line, then whom its own ladder names."""
    case = handled(PLAIN)
    accuse(case, COMMUNITY)
    case.give(r.TriageCase(actor=OPERATOR, matter="family.violence", subjects=()))
    assert (case.status, case.state.taken_from) == (S.EMERGENCY_XFER, None)
    case.wait("emergency")
    assert (case.state.unit, case.state.matter) == ("GL-POLICE", "family.violence")


@pytest.mark.parametrize("replied", [True, False])
def test_a_leaders_time_that_is_over_is_not_given_again(*, replied: bool) -> None:
    """R-MODE-01, R-HOT-07: the instruction stands, as it does for what is to be done again; the time is fresh."""
    case = instructed()
    if replied:
        case.give(reply(case))
    accuse(case, COMMUNITY)
    case.later(days=0 if replied else 31)
    sent = judge(case, subjects=())
    handle = case.state.term("handle")
    assert handle is not None
    assert (handle.since, handle.at > case.at) == (case.at, True)
    assert handle.rule != "instruction"
    assert (sent.mode, case.state.leader) == (HandlingMode.INSTRUCTED, "街道办主任")


def test_the_one_extension_stays_used() -> None:
    """R-HOT-07: once per owner, also after a human cleared it; the next owner has its own."""
    for subjects in (None, ()):
        case = on_track_s(extended())
        accuse(case, case.state.unit or "")
        judge(case, subjects=subjects)
        case.give(r.SignAssignment(actor=case.owner))
        case.give(r.RecordContact(actor=case.owner))
        more = r.RequestExtension(actor=case.owner, reason="等待材料", days=5)
        if subjects is None:
            case.give(more)
        else:
            assert case.refused(more).code == "EXTENDED_ALREADY"


def test_who_had_a_closed_case_begins_anew() -> None:
    """R-HOT-08: reopened and cleared, the unit has what it has where the reason accuses nobody."""
    case = on_track_s(extended())
    case.give(reply(case))
    case.give(SATISFIED)
    case.router = router(Oracle(blamed=(case.state.unit or "",)))
    case.give(ReopeningAsked(reason="又坏了，工作人员收了钱"))
    judge(case, subjects=())
    assert (case.state.unit, case.state.extended) == (GRID, False)


def test_what_the_resident_or_a_human_finds_it_to_be_begins_its_own_procedure() -> None:
    """R-LAD-09, R-MED-03, R-PET-18: another track or matter begins; a petition that is over does not."""
    for more, is_over in (
        ({"track": "M"}, False),
        ({"matter": "neighbour.pets"}, False),
        ({"place": "GL020101"}, True),
        ({"matter": "land.title"}, True),
    ):
        case = petitioned()
        case.give(PetitionHandedBack(result=HandBack.SETTLED, unit="GL-PETITION", explanation="已办结"))
        accuse(case, "GL-PETITION")
        assert (case.status, case.state.given_back) == (S.REGISTERED, True)
        sent = judge(case, subjects=(), **more)
        assert (sent.given_back, case.state.given_back) == (is_over, is_over), more
    case = mediated()
    case.give(back(case, HandBack.SETTLED))
    accuse(case, GRID)
    case.give(r.ChooseTrack(actor=OPERATOR, track="S"))
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    assert not judge(case, subjects=()).given_back


def test_who_is_recused_after_a_procedure_passes_on_a_case_of_which_it_is_over() -> None:
    """R-MED-03, R-LAD-04: the next unit handles it, and nothing is opened there; by command as by words."""
    case = mediated()
    case.give(back(case, HandBack.SETTLED))
    recused = climb(case, Ground.SUBJECT_SKIPPED, "interest_declaration", subjects=(case.state.unit or "",))
    case.give(recused)
    sent = case.last(r.CaseDispatched)
    assert (sent.unit != GRID, sent.track, sent.given_back) == (True, "M", True)
    assert case.state.given_back


def in_emergency() -> Played:
    return open_case(PLAIN, emergency=Emergency(line="119", ground="着火"))


def answered() -> Played:
    measure = OnSiteResolution(unit=HOTLINE, measure="已告知", resolved_at=MONDAY)
    return open_case(PLAIN, resolved=measure)


def linked() -> Played:
    return open_case(PLAIN, repeat_of=UUID(int=1), new_facts=False)


@pytest.mark.parametrize("start", [in_emergency, answered, linked])
def test_the_centre_does_not_keep_what_accuses_it(start: Any) -> None:
    """R-HOT-14, R-LAD-04: the district does, and is told; clocks and outcome stay; beyond it nobody is left."""
    case = start()
    before = case.state
    assert before.unit == HOTLINE
    recused, told = accuse(case, HOTLINE)
    assert isinstance(recused, r.HelpersRecused)
    assert (told.unit, told.kind) == (DISTRICT, ReminderKind.SUPPLEMENT)
    assert case.state == before.model_copy(update={"subjects": (HOTLINE,), "unit": DISTRICT})
    assert case.refused(r.ChooseTrack(actor=OPERATOR, track="P")).code == "INTERESTED"
    assert accuse(case, HOTLINE) == []
    accuse(case, DISTRICT)
    assert (case.status, case.state.exit) == (S.REDIRECTED, "superior-petition")
    assert case.state.subjects == (HOTLINE, DISTRICT)


def test_after_the_emergency_the_centre_that_is_accused_has_no_part() -> None:
    """R-HOT-13, R-HOT-14: the line keeps its work; that it stays silent is the district's to hear."""
    case = in_emergency()
    accuse(case, HOTLINE)
    assert case.refused(r.ConfirmEmergency(actor=OPERATOR, reference="119-1")).code == "INTERESTED"
    case.wait("emergency")
    assert case.last(r.DeadlineReminded).unit == DISTRICT
    assert (case.status, case.state.unit) == (S.DISPATCHED, COMMUNITY)


def test_words_that_tell_of_a_danger_and_accuse_the_centre() -> None:
    """R-LAD-05, R-HOT-14: the line first, and whoever may keep it meanwhile does."""
    case = handled(PLAIN)
    accuse(case, HOTLINE, emergency=Emergency(line="110", ground="打人"))
    assert (case.status, case.state.unit, case.state.line) == (S.EMERGENCY_XFER, DISTRICT, "110")


@pytest.mark.parametrize("happy", [True, False])
def test_a_rating_that_accuses_who_has_the_case_takes_it_to_a_human(happy: bool) -> None:
    """R-LAD-04, R-HOT-09, R-HOT-14: as a reopening in such words; nothing is closed or redone."""
    case = on_track_s(called_back())
    unit = case.state.unit or ""
    case.router = router(Oracle(blamed=(unit,)))
    rated = FeedbackGiven(contacted=True, resolved=happy, satisfied=happy, note="工作人员威胁我，收钱不办事")
    recorded, *ended, queued = case.give(rated)
    assert isinstance(recorded, r.CallbackRecorded)
    assert (recorded.unit, recorded.satisfied) == (unit, happy)
    assert {type(e) for e in ended} == {DepartmentAssignmentEnded}
    assert isinstance(queued, r.TriageQueued)
    assert (queued.taken_from, case.status, case.state.subjects) == (unit, S.REGISTERED, (unit,))
    assert judge(case).unit not in {unit, HOTLINE}


def test_a_rating_that_accuses_somebody_else_goes_on_without_them() -> None:
    """R-LAD-04, R-HOT-08: whoever else is accused is kept from the case; its unit does it again."""
    case = on_track_s(called_back())
    unit = case.state.unit or ""
    case.router = router(Oracle(blamed=("GL-EDUCATION",)))
    case.give(FeedbackGiven(contacted=True, resolved=False, satisfied=False, note="教育局收钱"))
    assert (case.status, case.state.unit, case.state.subjects) == (S.REDO, unit, ("GL-EDUCATION",))


def test_a_rating_that_nobody_waits_for_is_heard_where_it_accuses() -> None:
    """R-LAD-04, R-HOT-14: outside of a callback its score is nothing to the router, its words are."""
    case = handled(PLAIN)
    case.router = router(Oracle(blamed=(COMMUNITY,)))
    events = case.give(FeedbackGiven(contacted=True, resolved=False, satisfied=False, note="社区收钱"))
    assert not [e for e in events if isinstance(e, r.CallbackRecorded)]
    assert (case.status, case.state.subjects) == (S.REGISTERED, (COMMUNITY,))


def test_a_withdrawal_under_threat_ends_the_case_and_the_centre_is_told() -> None:
    """R-LAD-04, R-HOT-14, R-PET-11: it stays a withdrawal; the accused lose sight of it, in a procedure too."""
    plain, begins, runs, waits = handled(PLAIN), open_case(), open_case(), Played()
    runs.give(MediationDutyMoved(unit=COMMUNITY, stage="MEDIATING"))
    waits.give(submitted(None))
    for case in (plain, begins, runs, waits):
        case.router = router(Oracle(blamed=(COMMUNITY,)))
        told = case.give(CaseWithdrawn(reason="社区上门威胁我撤回"))
        assert isinstance(told[0], r.HelpersRecused)
        assert (case.status, case.state.subjects) == (S.CLOSED, (COMMUNITY,))
        assert case.last(r.CaseClosed).outcome is r.Outcome.WITHDRAWN
        [reminded] = [e for e in told if isinstance(e, DepartmentReminded)]
        assert (reminded.unit, reminded.kind) == (HOTLINE, ReminderKind.SUPPLEMENT)


def test_a_danger_told_in_a_rating_or_a_withdrawal_keeps_the_accused_from_what_remains() -> None:
    """R-LAD-05, R-LAD-04."""
    danger = Emergency(line="110", ground="打人")
    for words in (
        CaseWithdrawn(reason="社区的人打我", emergency=danger),
        FeedbackGiven(contacted=True, resolved=False, satisfied=False, note="社区的人打我", emergency=danger),
    ):
        case = handled(PLAIN)
        case.router = router(Oracle(blamed=(COMMUNITY,)))
        case.give(words)
        assert (case.status, case.state.subjects) == (S.EMERGENCY_XFER, (COMMUNITY,))
        case.wait("emergency")
        assert case.state.unit == STREET
