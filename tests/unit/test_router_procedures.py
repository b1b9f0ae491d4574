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
from schemas.intake import CaseSupplemented
from schemas.mediation import MediationDutyMoved, MediationHandedBack, PoliceInformed
from schemas.petition import PetitionDutyMoved, PetitionHandedBack
from schemas.procedure import HandBack
from schemas.router import OrderStatus as S
from schemas.values import Emergency
from services.colours import Colour
from services.router.domain import colour
from tests.unit.router_kit import (
    COMMUNITY,
    GRID,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Played,
    actor,
    open_case,
    proof,
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


def test_the_police_that_mediation_told_help_with_the_case() -> None:
    """R-MED-11: an assignment on their own topic, once; not where they are complained of, nor in a sealed case."""
    told = PoliceInformed(unit="GL-POLICE", risk="criminal", note="扬言报复")
    case = mediated()
    case.give(told)
    given = case.last(DepartmentAssigned)
    assert (given.unit, given.role, given.lead) == ("GL-POLICE", AssignmentRole.HELPER, GRID)
    assert [seat.unit for seat in case.state.helpers] == ["GL-POLICE"]
    assert (case.status, case.state.unit, case.state.procedure) == (S.HANDLING, GRID, "mediation")
    assert case.give(told) == []
    for change in ({"subjects": ("GL-POLICE",)}, {"sealed": True}, {"status": S.CLOSED}):
        other = mediated()
        other.state = other.state.model_copy(update=change)
        assert other.give(told) == []


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


def test_a_unit_is_not_rid_of_a_petition_on_its_own_word() -> None:
    """R-PET-03, R-LAD-04: it objects there, with its sender's consent; who stands above may say so."""
    case = petitioned("GL-TRAFFIC-POLICE")
    lift = r.EscalateCase(
        actor=actor("GL-TRAFFIC-POLICE"),
        ground=r.Ground.SUBJECT_SKIPPED,
        subjects=("GL-TRAFFIC-POLICE",),
        evidence=proof("interest_declaration"),
    )
    for who in (lift.actor, actor("GL-TRAFFIC-POLICE", "supervisor"), actor("GL-POLICE")):
        refused = case.refused(lift.model_copy(update={"actor": who}))
        assert refused.code == "NOT_YOURS_TO_SAY"
        assert "petition office" in refused.reason
    case.give(lift.model_copy(update={"actor": actor("GL-POLICE", "supervisor")}))
    assert case.state.subjects == ("GL-TRAFFIC-POLICE",)


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


def test_a_petition_that_was_routed_away_is_not_chosen_again() -> None:
    """R-PET-06, R-PET-18: it is over, which is another thing than being on that track."""
    case = petitioned()
    choose = r.ChooseTrack(actor=OPERATOR, track="P")
    assert case.refused(choose).code == "SAME_TRACK"
    case.give(PetitionHandedBack(result=HandBack.EXIT, unit="GL-PETITION", explanation="依法", exit="court"))
    assert case.refused(choose).code == "PETITION_OVER"


@pytest.mark.parametrize("result", [HandBack.SETTLED, HandBack.ENDED, HandBack.EXIT])
def test_who_the_procedure_named_is_known_when_it_is_over(result: HandBack) -> None:
    """R-LAD-04, R-PET-11: with those known before, however it ends; nothing is told where nobody is new."""
    case = petitioned("GL-HOUSING")
    given = PetitionHandedBack(
        result=result, unit="GL-HOUSING", explanation="办结", exit="court", subjects=("GL-LAND",)
    )
    case.give(given)
    assert case.state.subjects == ("GL-LAND",)
    assert case.last(r.ProcedureEnded).subjects == ("GL-LAND",)
    plain = petitioned("GL-HOUSING")
    plain.give(given.model_copy(update={"subjects": ()}))
    assert plain.last(r.ProcedureEnded).subjects is None


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
