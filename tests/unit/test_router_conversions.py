"""Complaint, mediation, petition and the legal way: what goes along when a case goes from one to another."""

from typing import Any

import pytest

from schemas import router as r
from schemas.department import DepartmentAssigned, DepartmentAssignmentEnded, EndReason
from schemas.intake import CaseWithdrawn
from schemas.message import Event
from schemas.petition import PetitionDutyMoved
from schemas.procedure import HandBack
from schemas.router import OrderStatus as S
from schemas.values import Channel
from tests.unit.router_kit import COMMUNITY, GRID, OPERATOR, STREET, Played, open_case, proof, submitted
from tests.unit.test_router_ladder import handled
from tests.unit.test_router_procedures import back, mediated, moved


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
    check = r.OnSiteCheck(unit="GL01", matches=True)
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
