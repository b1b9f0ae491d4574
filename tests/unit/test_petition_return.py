"""A petition that the case left and comes back to goes on where it was (R-LAD-09, R-PET-07, R-PET-09)."""

from schemas import petition as p
from schemas import router as r
from schemas.petition import PetitionStatus as S
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    OFFICE,
    Play,
    actor,
    delivered,
    dispatched,
    forwarded,
    investigating,
    registration,
)


def test_what_was_never_registered_begins_anew() -> None:
    """R-PET-01, R-LAD-09: nothing was done yet, so nothing goes on."""
    play = Play()
    play.give(dispatched())
    play.wait(days=3)
    play.give(r.TrackChosen(track="M"))
    play.give(dispatched(BRANCH))
    assert (play.state.status, play.state.unit) == (S.RECEIVED, BRANCH)
    assert play.due("register") == play.by._desk.clocks.start("register", "register", play.at).at


def test_a_way_out_and_back_wins_no_time() -> None:
    """R-PET-07, R-PET-11, R-LAD-09: level, outcome, authors, extension, supervision and times are as they were;
    what ran out meanwhile is reminded of at once, and not before."""
    play = investigating()
    extend = p.ExtendPetition(actor=actor(BRANCH, "supervisor"), days=30, reason="需要鉴定", head="大队长")
    play.give(extend)
    ground = p.SupervisionGround.DELAY
    play.give(p.SupervisePetition(actor=actor(OFFICE), ground=ground, reason="进展缓慢"))
    was = play.state
    play.give(r.TrackChosen(track="S"))
    assert play.wait(days=100) == []
    play.give(dispatched())
    assert play.state == was
    assert play.refuse(extend) == "EXTENDED_ALREADY"
    assert play.refuse(registration()) == "NOT_IN_THIS_STATE"
    late = play.pass_time(play.at)
    assert p.PetitionReminded in {type(event) for event in late}


def test_a_mediation_inside_the_petition_is_not_resumed() -> None:
    """R-PET-16: it ended when the case went another way; the investigation goes on."""
    play = investigating()
    play.give(p.MediatePetition(actor=actor(BRANCH), both_consent=True, within_discretion=True))
    play.give(r.TrackChosen(track="M"))
    play.give(dispatched())
    assert (play.state.status, play.state.unit) == (S.INVESTIGATING, BRANCH)


def test_a_review_is_asked_for_while_the_case_goes_another_way() -> None:
    """R-PET-09: within its window; the reviewer has it, in its own time, when the case comes back."""
    review = p.RequestReview(actor=actor(OFFICE))
    play = delivered()
    play.give(r.TrackChosen(track="M"))
    play.wait(days=5)
    told = play.give(review)
    assert [type(one) for one in told] == [p.ReviewRequested]
    assert (play.state.status, play.state.unit) == (S.LEFT, None)
    assert play.refuse(review) == "OVER"
    asked = play.at
    play.wait(days=2)
    play.give(dispatched())
    assert (play.state.status, play.state.unit, play.state.level) == (S.REVIEW, BUREAU, 1)
    assert play.due("review") == play.by._desk.clocks.start("review", "review", asked).at


def test_the_window_of_a_review_runs_on_while_the_case_is_away() -> None:
    """R-PET-09: its 30 days over, nothing is asked for; back again, the petition lapses. What was withdrawn, or is
    reviewed outside, is no matter for a request."""
    review = p.RequestReview(actor=actor(OFFICE))
    play = delivered()
    play.give(r.TrackChosen(track="M"))
    assert play.wait(days=31) == []
    assert play.refuse(review) == "TOO_LATE"
    play.give(dispatched())
    play.pass_time(play.at)
    assert play.status() is S.LAPSED
    withdrawn = delivered()
    withdrawn.give(r.CaseClosed(outcome=r.Outcome.WITHDRAWN))
    assert withdrawn.refuse(review) == "OVER"
    outside = delivered(unit="GL")
    outside.give(r.TrackChosen(track="M"))
    assert outside.refuse(review) == "OUTSIDE"


def test_who_was_complained_of_meanwhile_does_not_go_on() -> None:
    """R-LAD-04, R-PET-11: known at once, and acted upon when the case comes back."""
    play = forwarded()
    play.give(r.TrackChosen(track="M"))
    play.give(dispatched("GL", "M", subjects=(BRANCH,)))
    assert play.state.subjects == (BRANCH,)
    play.give(dispatched())
    assert (play.state.status, play.state.unit) == (S.REGISTERED, OFFICE)
