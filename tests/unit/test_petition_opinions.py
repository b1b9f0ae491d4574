"""Opinion, execution, review, re-review: contents, times, and who is asked next."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from chassis.decider import Refused
from schemas import petition as p
from schemas.petition import PetitionStatus as S
from schemas.procedure import HandBack
from services.petition.records import OpinionWords
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    DISTRICT,
    LAND,
    OFFICE,
    actor,
    delivered,
    investigating,
    issued,
    opinion,
    review_opinion,
    reviewed,
)


def _shanghai(year: int, month: int, day: int) -> datetime:
    """The end of the last day before midnight in Shanghai."""
    return datetime(year, month, day, 16, 0, tzinfo=UTC)


def test_an_opinion_carries_claim_facts_reasons_basis_and_outcome() -> None:
    """R-PET-08: the words are complete or refused; the event names outcome and basis, never the words."""
    whole = {"claim": "请求", "facts": "事实", "reasons": "理由", "decision": "意见"}
    for part in whole:
        with pytest.raises(ValidationError, match=part):
            OpinionWords.model_validate({name: text for name, text in whole.items() if name != part})
    with pytest.raises(ValidationError, match="legal_basis"):
        p.IssueOpinion(actor=actor(BRANCH), outcome=p.PetitionOutcome.SUPPORT, legal_basis=())
    play = issued("EXPLAIN")
    told = play.last(p.OpinionIssued)
    assert (told.level, told.unit, told.outcome, told.legal_basis) == (0, BRANCH, "EXPLAIN", ("法第一条",))
    assert told.record is not None


def test_the_opinion_is_due_60_days_after_acceptance_and_once_30_more() -> None:
    """R-PET-07: accepted on 8 June; day 60 is 7 August. Extended by the head on the last day, to 6 September, which
    is a Sunday, so Monday the 7th."""
    play = investigating()
    assert play.due("opinion") == _shanghai(2026, 8, 7)
    play.pass_time(_shanghai(2026, 8, 7) - timedelta(seconds=1))
    head = actor(BRANCH, "supervisor")
    ask = p.ExtendPetition(actor=head, days=30, reason="需要鉴定", head="大队长")
    assert play.refuse(ask.model_copy(update={"actor": actor(BRANCH)})) == "NOT_THE_HEAD"
    play.give(ask)
    assert play.due("opinion") == _shanghai(2026, 9, 7)
    assert play.last(p.OpinionExtended).reason == "需要鉴定"
    assert play.last(p.PetitionDutyMoved).due == _shanghai(2026, 9, 7)
    assert play.refuse(ask) == "EXTENDED_ALREADY"
    with pytest.raises(ValidationError, match="days"):
        p.ExtendPetition(actor=head, days=31, reason="需要鉴定", head="大队长")


def test_an_extension_after_the_last_day_is_refused_though_no_clock_was_fired() -> None:
    """R-PET-07: the service was down when the time passed."""
    play = investigating()
    play.at = _shanghai(2026, 8, 7)
    ask = p.ExtendPetition(actor=actor(BRANCH, "supervisor"), days=1, reason="需要鉴定", head="大队长")
    assert play.refuse(ask) == "TOO_LATE"


def test_review_goes_to_the_next_higher_unit_and_ends_after_three_levels() -> None:
    """R-PET-09: branch → bureau → district, 30 days each; then nothing is accepted any more."""
    play = delivered()
    play.wait(days=3)
    play.give(p.RequestReview(actor=actor(OFFICE)))
    assert (play.state.status, play.state.unit) == (S.REVIEW, BUREAU)
    assert play.last(p.PetitionDutyMoved).unit == BUREAU
    assert play.last(p.PetitionDutyMoved).rule == "petition.review"
    assert play.refuse(review_opinion(play).model_copy(update={"actor": actor(BRANCH)})) == "NOT_RESPONSIBLE"
    play.give(review_opinion(play))
    assert play.refuse(p.RequestReview(actor=actor(OFFICE))) == "NO_WINDOW"
    play.give(p.DeliverOpinion(actor=actor(BUREAU), received_at=play.at))
    play.give(p.RequestReview(actor=actor(OFFICE)))
    assert (play.state.status, play.state.unit) == (S.RECHECK, DISTRICT)
    play.give(review_opinion(play))
    assert play.status() is S.FINAL
    assert play.state.terminated
    assert play.last(p.PetitionHandedBack).result is HandBack.ENDED
    assert play.refuse(p.RequestReview(actor=actor(OFFICE))) == "OVER"
    assert not play.by.due(play.state)


@pytest.mark.parametrize("level", [0, 1])
def test_review_can_be_asked_for_on_day_30_and_not_on_day_31(level: int) -> None:
    """R-PET-09: received on 8 June, day 30 is 8 July; at midnight it lapses, with or without its clock."""
    for has_fired in (False, True):
        play = delivered() if level == 0 else reviewed()
        end = _shanghai(2026, 7, 8)
        play.pass_time(end - timedelta(microseconds=1))
        asked = play.by.decide(play.state, p.RequestReview(actor=actor(OFFICE)), play.at)
        assert not isinstance(asked, Refused)
        if has_fired:
            play.pass_time(end)
            assert play.status() is S.LAPSED
            assert play.last(p.PetitionHandedBack).result is HandBack.ENDED
        else:
            play.at = end
            assert play.refuse(p.RequestReview(actor=actor(OFFICE))) == "TOO_LATE"


def test_above_the_district_a_review_is_a_named_exit() -> None:
    """R-PET-09: the district's own superior is no unit of ours."""
    play = delivered(unit=LAND)
    play.give(p.RequestReview(actor=actor(OFFICE)))
    assert play.state.unit == DISTRICT
    play.give(review_opinion(play))
    play.give(p.DeliverOpinion(actor=actor(DISTRICT), received_at=play.at))
    play.give(p.RequestReview(actor=actor(OFFICE)))
    assert (play.state.status, play.state.exit) == (S.STATUTORY_ROUTED, "superior-petition")
    back = play.last(p.PetitionHandedBack)
    assert (back.result, back.exit) == (HandBack.EXIT, "superior-petition")


def test_the_days_of_a_hearing_do_not_count_in_a_re_review() -> None:
    """R-PET-09 (XF36): 10 days used, a hearing of 8 days, 20 left."""
    play = reviewed()
    play.give(p.RequestReview(actor=actor(OFFICE)))
    assert play.due("recheck") == _shanghai(2026, 7, 8)
    play.wait(days=10)
    play.give(p.OpenPetitionHearing(actor=actor(DISTRICT), reason="事项重大"))
    assert play.status() is S.HEARING
    assert play.last(p.PetitionDutyMoved).due is None
    play.wait(days=8)
    play.give(p.ClosePetitionHearing(actor=actor(DISTRICT)))
    assert play.status() is S.RECHECK
    assert play.due("recheck") == _shanghai(2026, 7, 16)


def test_a_supported_claim_is_executed_and_its_execution_supervised() -> None:
    """R-PET-08, R-PET-14: undone after 30 days it is reminded, then supervised; done, it settles."""
    play = delivered("SUPPORT")
    assert (play.state.status, play.state.unit) == (S.EXECUTING, BRANCH)
    told = play.wait(days=45)
    assert p.PetitionReminded in {type(event) for event in told}
    assert play.last(p.PetitionSupervised).ground is p.SupervisionGround.NOT_EXECUTED
    assert play.status() is S.EXECUTING
    play.give(p.ReportExecution(actor=actor(BRANCH), done=True, note="已补发"))
    play.wait(days=31)
    assert play.status() is S.SETTLED
    assert play.last(p.PetitionHandedBack).result is HandBack.SETTLED


def test_what_was_executed_settles_when_no_review_can_be_asked_for() -> None:
    """R-PET-09: the 30 days are the petitioner's, whatever the unit says of it."""
    play = delivered("SUPPORT")
    play.give(p.ReportExecution(actor=actor(BRANCH), done=True, note="已补发"))
    assert play.status() is S.EXECUTING
    play.wait(days=31)
    assert play.status() is S.SETTLED


def test_what_is_reported_as_not_executed_is_supervised() -> None:
    """R-PET-08, R-PET-14: at once, for that ground, and the execution stays due."""
    play = delivered("SUPPORT")
    play.give(p.ReportExecution(actor=actor(BRANCH), done=False, note="资金未到位"))
    told = play.last(p.PetitionSupervised)
    assert (told.ground, told.unit, told.reason) == ("not_executed", BRANCH, "资金未到位")
    assert (play.status(), play.state.supervised) == (S.EXECUTING, True)
    assert play.state.term("execute") is not None


def test_no_level_speaks_for_another() -> None:
    """R-PET-09: who stands above a unit reviews its opinion, and so never writes it."""
    for unit, role in ((BUREAU, "petition_officer"), (DISTRICT, "supervisor")):
        play = investigating()
        given = opinion().model_copy(update={"actor": actor(unit, role)})
        assert play.refuse(given) == "NOT_THIS_LEVEL"
    play = delivered()
    play.give(p.RequestReview(actor=actor(OFFICE)))
    theirs = review_opinion(play).model_copy(update={"actor": actor(DISTRICT, subject="g2")})
    assert play.refuse(theirs) == "NOT_THIS_LEVEL"


def test_a_review_that_supports_is_carried_out_by_the_first_unit() -> None:
    """R-PET-08: the review opinion takes the place of the first."""
    play = delivered()
    play.give(p.RequestReview(actor=actor(OFFICE)))
    assert play.refuse(review_opinion(play, "SUPPORT")) == "CONTRADICTION"
    play.give(review_opinion(play, "SUPPORT", confirms=False))
    play.give(p.DeliverOpinion(actor=actor(BUREAU), received_at=play.at))
    assert (play.state.status, play.state.unit, play.state.level) == (S.EXECUTING, BRANCH, 1)


def test_a_re_review_that_supports_is_carried_out_and_yet_final() -> None:
    """R-PET-09: no review above it, and the same facts are not accepted again."""
    play = reviewed()
    play.give(p.RequestReview(actor=actor(OFFICE)))
    play.give(review_opinion(play, "SUPPORT", confirms=False))
    play.give(p.DeliverOpinion(actor=actor(DISTRICT), received_at=play.at))
    assert play.refuse(p.RequestReview(actor=actor(OFFICE))) == "TERMINATED"
    play.give(p.ReportExecution(actor=actor(BRANCH), done=True, note="已补发"))
    assert play.status() is S.SETTLED
    assert play.state.terminated


def test_whoever_issued_an_opinion_does_not_review_it() -> None:
    """R-PET-11: the same officer, moved to the unit above."""
    play = delivered()
    play.give(p.RequestReview(actor=actor(OFFICE)))
    moved = actor(BUREAU, subject=f"officer-{BRANCH}")
    assert play.refuse(review_opinion(play).model_copy(update={"actor": moved})) == "OWN_OPINION"


def test_a_receipt_lies_between_issue_and_now() -> None:
    """R-PET-09: the window cannot be moved by a wrong date."""
    play = issued()
    for wrong in (play.at - timedelta(days=1), play.at + timedelta(days=1)):
        assert play.refuse(p.DeliverOpinion(actor=actor(BRANCH), received_at=wrong)) == "IMPOSSIBLE_TIME"


def test_suggestions_and_duties_are_answered_without_an_opinion() -> None:
    """R-PET-06: XF29, XF31 (5)."""
    play = investigating(nature=p.Nature.SUGGESTION)
    assert play.refuse(opinion()) == "NO_OPINION"
    wrong = p.AnswerPetition(actor=actor(BRANCH), answer="performed", explanation="已研究")
    assert play.refuse(wrong) == "WRONG_ANSWER"
    play.give(wrong.model_copy(update={"answer": "adopted"}))
    assert play.status() is S.SETTLED
    assert play.last(p.PetitionHandedBack).explanation == "已研究"
    duty = investigating(nature=p.Nature.DUTY)
    duty.give(wrong)
    assert duty.state.status is S.SETTLED
    assert investigating().refuse(wrong) == "NEEDS_AN_OPINION"
