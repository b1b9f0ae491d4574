"""What was agreed goes on by itself: each agreement has its parties, visits and confirmation (domain.md §2)."""

from datetime import date

import pytest

from schemas import mediation as m
from schemas.mediation import Stage
from schemas.message import Actor
from schemas.procedure import HandBack
from tests.unit.mediation_kit import COMMUNITY, PARTIES, STREET, Play, dispatched, mediating, opened, signed


def rest_signed() -> Play:
    """One part agreed and signed, then the rest."""
    play = signed(partial=True)
    play.do(m.ContinueMediation)
    play.do(m.DraftAgreement, obligations=(OTHER_DEBT,))
    play.do(m.SignAgreement)
    return play


OTHER_DEBT = m.Obligation(number=1, by="A", due=date(2026, 7, 2))


def test_a_partial_agreement_binds_and_the_rest_goes_on() -> None:
    """R-MED-07, R-MED-08, SZ26: each agreement has its own obligations and its own visits, from its effect on."""
    play = signed(partial=True)
    assert (play.state.stage, play.state.confirmation) == (Stage.PARTIAL, m.Confirmation.CONFIRM_WINDOW)
    assert play.state.term("visit/1") is not None
    play = rest_signed()
    assert [one.number for one in play.state.agreements] == [1, 2]
    assert play.no(m.RecordVisit) == "WHICH_AGREEMENT"
    assert play.no(m.RecordVisit, agreement=3) == "UNKNOWN_AGREEMENT"
    play.do(m.RecordVisit, agreement=1)
    assert (play.state.stage, play.count(m.MediationHandedBack)) == (Stage.FOLLOW_UP, 0)
    play.do(m.RecordVisit, agreement=2)
    assert (play.state.stage, play.last(m.MediationHandedBack).result) == (Stage.PERFORMED, HandBack.SETTLED)


@pytest.mark.parametrize("end", ["failed", "lawsuit"])
def test_what_was_agreed_in_part_is_followed_up_after_the_rest_failed(end: str) -> None:
    """R-MED-08, R-MED-09: visits and the way to the court stay; the end is told once."""
    play = signed(partial=True)
    play.do(m.TerminateMediation, reason=end)
    assert (play.state.stage, play.state.term("visit/1") is not None) == (Stage.TERMINATED, True)
    assert any(isinstance(event, m.MediationReminded) for event in play.wait(days=40))
    play.do(m.RecordVisit, performed=(), breached=True)
    assert [route.code for route in play.last(m.RoutesInformed).routes] == ["court"]
    assert (play.state.stage, play.count(m.MediationHandedBack)) == (Stage.TERMINATED, 1)


def test_a_round_with_a_broken_part_is_no_success() -> None:
    """R-MED-08: all but one agreement performed is not all; either order."""
    play = signed(partial=True)
    play.do(m.RecordVisit, performed=(), breached=True)
    assert play.state.stage is Stage.PARTIAL
    play.do(m.ContinueMediation)
    play.do(m.DraftAgreement)
    play.do(m.SignAgreement)
    play.do(m.RecordVisit)
    assert (play.state.stage, play.last(m.MediationHandedBack).result) == (
        Stage.LEGAL_INFORMED,
        HandBack.FAILED,
    )
    other = rest_signed()
    other.do(m.RecordVisit, agreement=2, performed=(), breached=True)
    assert (other.state.stage, other.state.term("visit/1") is not None) == (Stage.LEGAL_INFORMED, True)
    other.do(m.RecordVisit)
    assert (other.state.stage, other.count(m.MediationHandedBack)) == (Stage.LEGAL_INFORMED, 1)


def test_each_agreement_has_its_own_way_through_the_court() -> None:
    """R-MED-09: its window, its application by its own parties, whatever the other's is at."""
    play = signed(partial=True)
    play.do(m.FileConfirmation)
    play.do(m.ContinueMediation)
    play.do(m.DraftAgreement, obligations=(OTHER_DEBT,))
    play.do(m.SignAgreement)
    assert [one.confirmation for one in play.state.agreements] == ["FILED", "CONFIRM_WINDOW"]
    play.do(m.WithdrawConfirmation)
    assert play.no(m.FileConfirmation) == "WHICH_AGREEMENT"  # what was withdrawn can be filed again
    play.do(m.FileConfirmation, agreement=2)
    assert [one.confirmation for one in play.state.agreements] == ["WITHDRAWN", "FILED"]


def test_the_parties_of_an_agreement_stay_its_parties() -> None:
    """R-MED-08, R-MED-09, R-LAD-02: the next round may have others; the old agreement goes on between its own."""
    play = signed(partial=True)
    play.do(m.TerminateMediation, asks_higher=True)
    play.give(dispatched(unit=STREET))
    assert (play.state.round, play.state.labels) == (2, ("A", "B"))
    third = m.Party(label="C", side=m.Side.RESPONDENT)
    play.do(m.RegisterParties, parties=(*PARTIES, third))
    community = Actor(subject="m-2", role="mediator", unit=COMMUNITY)
    assert play.no(m.FileConfirmation, jointly=("A", "B", "C"), actor=community) == "JOINTLY"
    play.do(m.FileConfirmation, actor=community)
    play.do(m.RecordVisit, actor=community)
    assert play.state.agreements[0].performance is m.Performance.PERFORMED
    assert (play.state.stage, play.count(m.MediationHandedBack)) == (Stage.CONSENT, 1)


def test_the_parties_of_the_round_before_are_asked_again_without_being_registered_anew() -> None:
    """R-LAD-02: their identity goes along; their consent does not (R-MED-03)."""
    assert opened().no(m.KeepParties) == "NO_PARTIES"
    play = mediating()
    play.do(m.TerminateMediation, asks_higher=True)
    play.give(dispatched(unit=STREET))
    play.do(m.KeepParties)
    assert (play.state.stage, play.state.labels, play.state.agreed) == (Stage.CONSENT, ("A", "B"), ())
