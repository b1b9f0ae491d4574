"""A case goes into mediation or petition and comes back, with one responsible unit throughout."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import router as r
from schemas.department import (
    AssignmentRole,
    DepartmentAssigned,
    DepartmentAssignmentEnded,
    DepartmentInProcedure,
    DepartmentReminded,
    EndReason,
    ReminderKind,
)
from schemas.intake import CaseSupplemented, CaseWithdrawn
from schemas.mediation import MediationDutyMoved, MediationHandedBack
from schemas.message import Event
from schemas.petition import PetitionDutyMoved, PetitionHandedBack
from schemas.procedure import HandBack
from schemas.router import OrderStatus as S
from schemas.values import Channel, Emergency
from services.router.domain import Colour, colour
from tests.unit.router_kit import (
    COMMUNITY,
    GRID,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Played,
    open_case,
    proof,
    submitted,
)
from tests.unit.test_router_ladder import handled

DAYS_30 = timedelta(days=30)
COMMANDS: list[type[r.RouterCommand]] = [
    r.SignAssignment,
    r.ObjectAssignment,
    r.RequestExtension,
    r.RequestSuspension,
    r.InstructCase,
    r.ReplyCase,
]
WORDS: dict[str, Any] = {
    "reason": "理由充分",
    "days": 3,
    "unit": GRID,
    "leader": "街道办",
    "note": "尽快",
    "result": "完成",
}


def moved(case: Played, unit: str | None = None, stage: str = "MEDIATING", **more: Any) -> MediationDutyMoved:
    due = {"due": case.at + DAYS_30, "rule": "mediation.term", **more}
    return MediationDutyMoved(unit=unit or case.state.unit or "", stage=stage, **due)


def back(case: Played, result: HandBack, **more: Any) -> MediationHandedBack:
    return MediationHandedBack(
        result=result, unit=case.state.unit or "", explanation="双方未能达成一致。", **more
    )


def mediated(**more: Any) -> Played:
    case = open_case(**more)
    case.give(moved(case))
    return case


def petitioned(unit: str = "GL-PETITION") -> Played:
    case = open_case("land.title")
    case.give(PetitionDutyMoved(unit=unit, stage="REGISTERED", due=case.at + DAYS_30, rule="petition.notice"))
    return case


def test_entering_counts_as_signed_and_the_procedures_time_counts() -> None:
    """R-MED-06: from the first word of the procedure on the order is in hand, until the procedure's own time."""
    case = open_case()
    due = case.at + DAYS_30
    case.give(moved(case, due=due))
    assert (case.status, case.state.unit, case.state.procedure) == (S.HANDLING, GRID, "mediation")
    assert [(t.name, t.rule) for t in case.state.terms] == [
        ("handle", "mediation.term"),
        ("mark", "at_risk"),
    ]
    assert next(t.at for t in case.router.due(case.state) if t.name == "handle") == due
    told = case.last(DepartmentInProcedure)
    assert (told.unit, told.assignment, told.due) == (GRID, case.state.assignment(1), due)
    assert case.last(r.ProcedureAdvanced).entered
    case.give(moved(case, stage="AGREED_ORAL", due=None, rule=None))
    assert not case.last(r.ProcedureAdvanced).entered
    assert case.router.due(case.state) == []


@pytest.mark.parametrize("kind", COMMANDS)
def test_in_a_procedure_the_unit_acts_there(kind: type[r.RouterCommand]) -> None:
    """R-MED-02, R-PET-03: sign, object, reply and the like are refused in words that name the service."""
    case = mediated()
    fields = {name: value for name, value in WORDS.items() if name in kind.model_fields}
    if kind is r.InstructCase:
        fields["handle_by"] = case.at + DAYS_30
    refused = case.refused(kind(actor=SUPERVISOR, **fields))
    assert refused.code == "IN_PROCEDURE"
    assert "mediation service" in refused.reason


def test_in_a_procedure_only_danger_and_recusal_lift() -> None:
    """R-LAD-04, R-LAD-05: the ladder waits for the procedure, but who is interested or in danger does not."""
    ground = r.Ground.NO_LEGAL_POWER
    lift = r.EscalateCase(actor=SUPERVISOR, ground=ground, evidence=proof("legal_basis", "handling_record"))
    refused = mediated().refused(lift)
    assert (refused.code, refused.field) == ("IN_PROCEDURE", "ground")
    recused = mediated()
    recused.give(
        r.EscalateCase(
            actor=SUPERVISOR,
            ground=r.Ground.SUBJECT_SKIPPED,
            subjects=(GRID,),
            evidence=proof("interest_declaration"),
        )
    )
    assert (recused.state.unit, recused.state.procedure, recused.status) == (COMMUNITY, None, S.DISPATCHED)
    endangered = mediated()
    endangered.give(CaseSupplemented(text="着火", emergency=Emergency(line="119", ground="着火")))
    assert (endangered.status, endangered.state.procedure) == (S.EMERGENCY_XFER, None)


def test_another_unit_gets_its_own_assignment() -> None:
    """R-PET-01, R-HOT-06: a petition that is forwarded moves to that unit's topic; the office is relieved."""
    case = petitioned()
    due = case.at + DAYS_30
    case.give(PetitionDutyMoved(unit="GL-HOUSING", stage="FORWARDED", due=due, rule="petition.notice"))
    dispatched = case.last(r.CaseDispatched)
    assert (dispatched.unit, dispatched.locked, dispatched.procedure) == ("GL-HOUSING", True, "petition")
    given = case.last(DepartmentAssigned)
    assert (given.unit, given.role, given.handle_by, given.sign_by) == (
        "GL-HOUSING",
        AssignmentRole.LEAD,
        due,
        None,
    )
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.REASSIGNED
    assert (case.status, case.state.unit, case.state.procedure) == (S.HANDLING, "GL-HOUSING", "petition")
    assert case.last(DepartmentInProcedure).assignment == given.assignment


def test_a_review_by_the_superior_shows_its_ground() -> None:
    """R-PET-09, R-LAD-10: the next-higher unit gets the case on the petitioner's request, which is on record."""
    case = handled()
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    case.give(PetitionDutyMoved(unit=STREET, stage="FORWARDED"))
    case.give(PetitionDutyMoved(unit="GL", stage="REVIEW", due=case.at + DAYS_30, rule="petition.review"))
    dispatched = case.last(r.CaseDispatched)
    assert (dispatched.unit, dispatched.rung) == ("GL", 4)
    assert dispatched.route.ground is r.Ground.RESIDENT_CHOICE
    assert [e.kind for e in dispatched.route.evidence] == ["procedure_record"]


def test_who_is_interested_gets_nothing_from_a_procedure() -> None:
    """R-LAD-04: a duty that was on its way when the unit turned out to be interested stays where it is."""
    case = mediated(subjects=("GL-URBAN",))
    events = case.give(moved(case, "GL-URBAN"))
    assert case.state.unit == GRID
    assert {e.unit for e in events if isinstance(e, DepartmentInProcedure)} == {GRID}


def test_who_is_complained_of_in_the_procedure_loses_the_case() -> None:
    """R-LAD-04, R-PET-11: units named in the procedure are known from then on; nobody interested keeps a seat."""
    case = petitioned("GL-HOUSING")
    told = case.give(PetitionDutyMoved(unit="GL-PETITION", stage="REGISTERED", subjects=("GL-HOUSING",)))
    assert (case.state.unit, case.state.subjects) == ("GL-PETITION", ("GL-HOUSING",))
    assert [e.unit for e in told if isinstance(e, DepartmentAssignmentEnded)] == ["GL-HOUSING"]
    again = case.give(PetitionDutyMoved(unit="GL-PETITION", stage="FORWARDED", subjects=("GL-HOUSING",)))
    assert not [e for e in again if isinstance(e, r.CaseDispatched)]


def test_a_new_subject_takes_the_helpers_seats_away() -> None:
    """R-LAD-04: the same unit goes on, on a fresh order without those who helped until now."""
    case = open_case("municipal.streetlight", track="M")
    assert case.state.helpers
    case.give(moved(case, subjects=("GL-POWER",)))
    assert (case.state.unit, case.state.helpers, case.state.procedure) == ("GL-URBAN", (), "mediation")


def test_where_both_are_interested_the_ladder_names_another() -> None:
    """R-LAD-04, R-LAD-10: with its ground; the procedure hears of the unit by the dispatch."""
    case = mediated()
    case.give(moved(case, GRID, subjects=(GRID,)))
    dispatched = case.last(r.CaseDispatched)
    assert (dispatched.unit, dispatched.procedure, dispatched.track) == (COMMUNITY, None, "M")
    assert (dispatched.route.ground, case.state.procedure) == (r.Ground.SUBJECT_SKIPPED, None)


def test_an_unknown_unit_is_refused() -> None:
    """R-HOT-06: nobody is responsible who does not exist."""
    case = open_case()
    refused = case.refused(moved(case, "GL-NOBODY"))
    assert (refused.code, refused.field) == ("UNKNOWN_UNIT", "unit")


def test_late_in_a_procedure_is_reminded_and_supervised_without_end() -> None:
    """R-LAD-08, R-PET-14: reminder, red plate, again and again; no callback, no second breach, no climb."""
    case = mediated()
    case.wait("mark")
    assert colour(case.state, case.at) is Colour.YELLOW
    case.wait("handle")
    assert (case.status, colour(case.state, case.at)) == (S.HANDLING, Colour.ORANGE)
    for _ in range(3):
        case.wait("supervise")
    assert (case.status, case.state.unit, colour(case.state, case.at)) == (S.HANDLING, GRID, Colour.RED)
    assert not [e for e in case.events if isinstance(e, r.CallbackOpened | r.CaseEscalated)]
    kinds = [e.kind for e in case.all(DepartmentReminded)]
    assert kinds == [ReminderKind.YELLOW, ReminderKind.OVERDUE, *[ReminderKind.SUPERVISED] * 3]


def test_a_new_time_clears_the_plate_and_an_old_one_does_not() -> None:
    """R-CARD-01, R-LAD-08: late is who lets a time pass; a stage within the same time changes nothing of it."""
    case = open_case()
    due = case.at + DAYS_30
    case.give(moved(case, due=due))
    case.wait("handle")
    case.later(hours=1)
    before = case.state.terms
    case.give(moved(case, stage="PARTIAL", due=due))
    assert (case.state.overdue, case.state.terms) == (True, before)
    case.give(moved(case, due=case.at + DAYS_30))
    assert (case.state.overdue, colour(case.state, case.at)) == (False, Colour.GREEN)


def test_a_time_that_passed_while_the_service_was_down_is_reminded_at_once() -> None:
    """R-LAD-08: the procedure's word comes late, its time does not count less."""
    case = open_case()
    case.later(days=40)
    case.give(moved(case, due=case.at - timedelta(days=3)))
    case.wait("handle")
    assert case.last(DepartmentReminded).kind is ReminderKind.OVERDUE


def test_settled_is_called_back() -> None:
    """R-MED-07, R-HOT-08: an agreement is a reply that says solved; the resident is asked."""
    case = mediated()
    case.give(back(case, HandBack.SETTLED))
    replied = case.last(r.CaseReplied)
    assert (replied.solved, replied.late, replied.result) == (True, False, "双方未能达成一致。")
    assert (case.status, case.state.unit, case.state.procedure) == (S.CALLBACK, GRID, None)


def test_failed_climbs_with_its_evidence_where_the_parties_ask() -> None:
    """R-LAD-02, R-LAD-09, R-LAD-10: to the next lawful rung, who the parties are and what was tried intact."""
    case = mediated(parties=("GL010102",), subjects=("GL-HOUSING",))
    evidence = proof("mediation_record", "parties_request")
    case.give(back(case, HandBack.FAILED, asks_higher=True, evidence=evidence))
    left, dispatched = case.last(r.CaseEscalated), case.last(r.CaseDispatched)
    assert (left.ground, left.evidence, left.row.row) == (
        r.Ground.MEDIATION_FAILED,
        evidence,
        "mediation-failed",
    )
    assert (dispatched.unit, dispatched.track, dispatched.procedure) == (STREET, "M", None)
    assert dispatched.route.evidence == evidence
    assert (case.state.parties, case.state.subjects) == (("GL010102",), ("GL-HOUSING",))


@pytest.mark.parametrize("lacking", [(), ("mediation_record",)])
def test_failed_without_the_evidence_is_explained(lacking: tuple[str, ...]) -> None:
    """R-LAD-10, R-MED-10: no step up without its proof; the resident hears of the other routes."""
    case = mediated()
    case.give(
        back(
            case,
            HandBack.FAILED,
            asks_higher=True,
            evidence=proof(*lacking),
            routes=("court", "unheard-of"),
        )
    )
    replied = case.last(r.CaseReplied)
    assert (replied.solved, case.status) == (False, S.CALLBACK)
    assert replied.explanation == "双方未能达成一致。您还可以依法选择：民事诉讼、unheard-of。"
    assert case.all(r.CaseEscalated) == []


def test_failed_at_the_top_is_explained() -> None:
    """R-LAD-02: above the district there is no rung; the case stays, and the resident chooses."""
    case = open_case("livelihood.medical-dispute")
    assert case.state.rung == 4
    case.give(moved(case))
    evidence = proof("mediation_record", "parties_request")
    case.give(back(case, HandBack.FAILED, asks_higher=True, evidence=evidence))
    assert (case.status, case.last(r.CaseReplied).solved) == (S.CALLBACK, False)


def test_failed_and_content_with_that_rung_is_explained() -> None:
    """R-LAD-02: it climbs only where the parties ask."""
    case = mediated()
    case.give(back(case, HandBack.FAILED, evidence=proof("mediation_record", "parties_request")))
    assert (case.status, case.state.unit) == (S.CALLBACK, GRID)


def test_a_named_exit() -> None:
    """R-PET-06: what belongs to another procedure leaves by its name."""
    case = petitioned()
    case.give(
        PetitionHandedBack(result=HandBack.EXIT, unit="GL-PETITION", explanation="属行政复议", exit="court")
    )
    assert (case.status, case.state.exit, case.state.unit) == (S.REDIRECTED, "court", None)
    assert case.last(r.ProcedureEnded).explanation == "属行政复议"
    assert case.last(DepartmentAssigned).unit == "GL-COURT"


@pytest.mark.parametrize("code", [None, "nowhere"])
def test_an_exit_without_its_name_is_refused(code: str | None) -> None:
    """R-PET-06: an exit is one of the jurisdiction's."""
    case = petitioned()
    e = PetitionHandedBack(result=HandBack.EXIT, unit="GL-PETITION", explanation="不属于信访", exit=code)
    refused = case.refused(e)
    assert (refused.code, refused.field) == ("UNKNOWN_EXIT", "exit")


def test_an_accusation_found_in_a_petition_is_sealed() -> None:
    """R-PET-10: to the discipline inspection; no word of it on the stream, and nobody else finds the case."""
    case = petitioned()
    exit_ = "discipline-inspection"
    said = "检举某局收受财物"
    events = case.give(
        PetitionHandedBack(result=HandBack.EXIT, unit="GL-PETITION", explanation=said, exit=exit_)
    )
    assert (case.state.sealed, case.state.exit) == (True, exit_)
    assert all(said not in event.model_dump_json() for event in events)
    given = case.last(DepartmentAssigned)
    assert (given.unit, given.role, given.grid) == ("GL-DISCIPLINE", AssignmentRole.EXIT, None)


@pytest.mark.parametrize("offered", [True, False])
def test_ended_by_law_is_closed_without_a_callback(*, offered: bool) -> None:
    """R-PET-09: final after three levels, or lapsed."""
    case = petitioned()
    case.give(
        PetitionHandedBack(
            result=HandBack.ENDED, unit="GL-PETITION", explanation="三级终结", review_offered=offered
        )
    )
    closed = case.last(r.CaseClosed)
    assert (case.status, closed.outcome, closed.review_offered) == (S.CLOSED, r.Outcome.UNSATISFIED, offered)
    assert case.all(r.CallbackOpened) == []
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.CLOSED


def test_a_petitions_own_mediation_is_no_duty_of_the_routers() -> None:
    """R-PET-16: it comes back to the petition, whose clock runs; the router hears only the petition."""
    case = petitioned()
    before = case.state
    assert case.give(moved(case, GRID)) == []
    assert case.give(back(case, HandBack.SETTLED)) == []
    assert case.state == before


def left_for_court() -> Played:
    case = mediated()
    case.give(r.ChooseTrack(actor=OPERATOR, track="L", exit="court"))
    return case


def left_for_petition() -> Played:
    case = mediated()
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    return case


def left_for_service() -> Played:
    case = mediated()
    case.give(r.ChooseTrack(actor=OPERATOR, track="S"))
    return case


def withdrawn() -> Played:
    case = mediated()
    case.give(CaseWithdrawn())
    return case


def settled() -> Played:
    case = mediated()
    case.give(back(case, HandBack.SETTLED))
    return case


def redone() -> Played:
    case = settled()
    case.give(r.RecordCallback(actor=OPERATOR, contacted=True))
    assert case.status is S.REDO
    return case


@pytest.mark.parametrize(
    "left", [left_for_court, left_for_petition, left_for_service, withdrawn, settled, redone]
)
@pytest.mark.parametrize("late", [moved, lambda case: back(case, HandBack.FAILED, asks_higher=True)])
def test_what_comes_after_the_case_left_changes_nothing(left: Any, late: Any) -> None:
    """R-LAD-09: the procedure's last words, or a repetition of them, take nothing back."""
    case = left()
    before = case.state
    word: Event = late(mediated())
    assert case.give(word) == []
    assert case.state == before


def test_after_the_next_handover_the_procedure_counts_again() -> None:
    """R-LAD-02: on the next rung it is mediated anew."""
    case = mediated()
    evidence = proof("mediation_record", "parties_request")
    case.give(back(case, HandBack.FAILED, asks_higher=True, evidence=evidence))
    case.give(moved(case))
    assert (case.state.unit, case.state.procedure, case.state.given_back) == (COMMUNITY, "mediation", False)


def test_from_service_to_mediation_the_same_unit_goes_on() -> None:
    """R-LAD-09, R-MED-03: the resident applies for mediation; the unit that has the case is named to it."""
    case = handled("order.garbage")
    unit, before = case.state.unit, case.state.terms
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    chosen = case.last(r.TrackChosen)
    assert (chosen.track, chosen.unit, case.state.terms) == ("M", unit, before)
    assert chosen.registered is not None
    assert (chosen.registered.place, chosen.registered.judgement.matter) == (GRID, "order.garbage")
    case.give(moved(case))
    assert (case.state.procedure, case.state.unit) == ("mediation", unit)


def test_in_the_queue_nobody_goes_on_yet() -> None:
    """R-LAD-09: a choice before triage names no unit: who mediates is decided with the dispatch."""
    case = Played()
    case.give(submitted(None))
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    assert case.last(r.TrackChosen).unit is None


def test_after_a_reply_mediation_begins_all_the_same() -> None:
    """R-LAD-09: who does not accept the reply may choose mediation; the old reply no longer closes the case."""
    case = handled("order.garbage")
    check = r.OnSiteCheck(unit=case.state.unit or "", matches=True)
    case.give(r.ReplyCase(actor=case.owner, result="已清理", check=check))
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    case.give(moved(case))
    assert (case.status, case.state.procedure) == (S.HANDLING, "mediation")
    assert not case.state.replied


def test_from_mediation_to_petition_and_to_court() -> None:
    """R-LAD-09, R-MED-05: mediation blocks no other way; parties and subjects go along."""
    case = mediated(parties=("GL010102",))
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    assert (case.state.unit, case.state.procedure, case.state.parties) == (
        "GL-PETITION",
        None,
        ("GL010102",),
    )
    case.give(PetitionDutyMoved(unit="GL-PETITION", stage="REGISTERED"))
    in_petition = case.state
    assert in_petition.procedure == "petition"
    case.give(r.ChooseTrack(actor=OPERATOR, track="L", exit="court"))
    assert (case.status, case.state.exit, case.state.procedure) == (S.REDIRECTED, "court", None)


def test_from_mediation_to_service_the_unit_gets_an_order_with_its_times() -> None:
    """R-LAD-09, R-HOT-07: the same unit, the other track, the ordinary clocks, on its own topic."""
    case = left_for_service()
    given = case.last(DepartmentAssigned)
    assert (case.state.unit, case.state.rung, case.status) == (GRID, 1, S.DISPATCHED)
    assert (given.unit, given.track) == (GRID, "S")
    assert {t.name for t in case.state.terms} >= {"sign", "handle"}
    assert case.last(DepartmentAssignmentEnded).reason is EndReason.TRACK_CHOSEN


def test_from_petition_to_mediation_by_the_ladder() -> None:
    """R-LAD-01, R-LAD-09: the petition's unit may only forward or review; who mediates, the ladder says."""
    case = left_for_petition()
    case.give(PetitionDutyMoved(unit="GL-HOUSING", stage="FORWARDED"))
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    assert (case.state.unit, case.state.track, case.state.procedure) == (GRID, "M", None)


def test_from_petition_to_service_up_the_ladder_shows_the_choice() -> None:
    """R-LAD-09, R-LAD-10: the ladder's unit may stand above the one to which the petition was forwarded."""
    case = open_case("government.conduct")
    case.give(PetitionDutyMoved(unit=STREET, stage="FORWARDED"))
    assert case.state.rung == 3
    case.give(r.ChooseTrack(actor=OPERATOR, track="S"))
    route = case.last(r.CaseDispatched).route
    assert case.state.rung == 4
    assert route.ground is r.Ground.RESIDENT_CHOICE
    assert [e.kind for e in route.evidence] == ["resident_choice"]


@pytest.mark.parametrize("channel", [Channel.GRID, Channel.HOTLINE])
def test_the_channel_is_on_record_for_who_mediates(channel: Channel) -> None:
    """R-MED-03: what a grid worker brings is mediated proactively; a human's triage does not lose it."""
    at_once, triaged = open_case(channel=channel), Played()
    triaged.give(submitted(None, channel=channel))
    triaged.give(r.TriageCase(actor=OPERATOR, matter="property.leak"))
    for case in (at_once, triaged):
        registered = case.last(r.CaseDispatched).registered
        assert registered is not None
        assert registered.channel is channel
