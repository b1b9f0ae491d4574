"""Of a procedure that is over: whom words accuse that were added to the case (R-LAD-04, R-HOT-14)."""

from collections.abc import Callable

import pytest

from schemas import mediation as m
from schemas import petition as p
from schemas import router as r
from schemas.message import Actor, Event
from tests.petition_kit import BRANCH, BUREAU, OFFICE, delivered, investigating
from tests.petition_kit import Play as Petitioned
from tests.petition_kit import dispatched as petitioned
from tests.unit.mediation_kit import COMMUNITY, STREET, Play, build, dispatched, opened, signed

ROUTE = r.Route(policy="p", jurisdiction="j")


def found(*subjects: str, by: r.TriagedBy = r.TriagedBy.HUMAN, track: str = "M") -> r.Registration:
    return r.Registration(judgement=r.Judgement(by=by, track=track, urgency=3), subjects=subjects)


def taken(unit: str, *subjects: str) -> r.TriageQueued:
    """The router took the case from a unit."""
    return r.TriageQueued(
        route=ROUTE,
        registered=found(*(subjects or (unit,)), by=r.TriagedBy.ENGINE),
        unit="GL-HOTLINE",
        reason=r.QueueReason.POLICY,
        taken_from=unit,
    )


def over() -> Play:
    play = opened()
    play.do(m.TerminateMediation)
    return play


CLOSED = r.CaseClosed(outcome=r.Outcome.WITHDRAWN, unit="GL-HOTLINE")
EMERGENCY = r.EmergencyTransferred(route=ROUTE, line="110", words="打人", unit="GL-HOTLINE")
LATER: dict[str, Callable[[r.Registration], Event]] = {
    "answered": lambda said: r.CaseAnswered(route=ROUTE, registered=said, unit="GL-HOTLINE", answer="已解释"),
    "emergency": lambda said: EMERGENCY.model_copy(update={"registered": said}),
    "dispatched": lambda said: dispatched(unit=COMMUNITY, given_back=True).model_copy(
        update={"registered": said}
    ),
}


@pytest.mark.parametrize("event", [CLOSED, EMERGENCY], ids=["withdrawn", "emergency"])
def test_what_no_human_judged_stays_kept_from_the_accused(event: Event) -> None:
    """Withdrawn in the queue, or turned into an emergency there: nobody said that the words mean nothing."""
    mediation, petition = over(), investigating()
    petition.give(r.TrackChosen(track="S"))
    mediation.give(taken(COMMUNITY))
    petition.give(taken(BRANCH))
    assert (mediation.state.kept_from, petition.state.kept_from) == ((COMMUNITY,), (BRANCH,))
    mediation.give(event)
    petition.give(event)
    assert (mediation.state.kept_from, petition.state.kept_from) == ((COMMUNITY,), (BRANCH,))
    assert mediation.give(taken(COMMUNITY)) == petition.give(taken(BRANCH)) == []


@pytest.mark.parametrize("way", LATER)
@pytest.mark.parametrize("kept", [True, False])
def test_a_human_confirms_or_clears_whom_words_accuse(way: str, *, kept: bool) -> None:
    """Whatever they decide besides; who was known to be complained of before stays so in a procedure."""
    mediation = over()
    mediation.give(p.PetitionSubjectsNamed(subjects=("GL-LAND",)))
    mediation.give(taken(COMMUNITY, "GL-LAND", COMMUNITY))
    mediation.give(LATER[way](found(*([COMMUNITY] if kept else []))))
    assert mediation.state.subjects == (("GL-LAND", COMMUNITY) if kept else ("GL-LAND",))
    assert mediation.state.suspected == ()
    petition = investigating()
    petition.give(r.TrackChosen(track="S"))
    petition.give(taken(BRANCH))
    petition.give(LATER[way](found(*([BRANCH] if kept else []), track="S")))
    assert (petition.state.subjects, petition.state.suspected) == ((BRANCH,) if kept else (), ())


def test_a_petition_that_is_over_hears_whom_a_human_confirmed() -> None:
    """R-LAD-04, R-PET-18: the dispatch that follows is no news to it but for that."""
    play = delivered()
    play.wait(days=40)
    assert play.status() is p.PetitionStatus.LAPSED
    play.give(taken(BRANCH))
    play.give(petitioned(BUREAU, given_back=True, registered=found(BRANCH, track="P")))
    assert (play.state.subjects, play.state.suspected, play.state.is_open) == ((BRANCH,), (), False)


def test_a_petition_is_not_resumed_by_whom_words_accuse() -> None:
    """R-LAD-04, R-LAD-10: no human judged the words; it goes where it would if the unit were complained of."""
    play = investigating()
    play.give(r.TrackChosen(track="S"))
    play.give(taken(BRANCH))
    play.give(EMERGENCY)
    play.give(petitioned())
    assert (play.state.unit, play.state.subjects) == (OFFICE, (BRANCH,))


def test_who_is_accused_does_not_visit_either() -> None:
    """R-MED-08: what was agreed is followed up above it, until a human clears it."""
    play = signed()
    by = Actor(subject="m", role="mediator", unit=COMMUNITY)
    visit = build(m.RecordVisit, actor=by)
    play.give(taken(COMMUNITY))
    assert play.refused(visit).code == "INTERESTED"
    assert play.decider.desk.follower(play.state, play.state.agreements[0]) == STREET
    play.give(LATER["dispatched"](found()))
    play.give(visit)
    assert play.state.stage is m.Stage.PERFORMED


def test_a_later_round_keeps_whom_words_accuse() -> None:
    """R-HOT-08, R-LAD-04: mediated again without a human's word on it, as after an emergency."""
    play = over()
    play.give(taken(COMMUNITY))
    play.give(r.TrackChosen(track="S"))
    play.give(dispatched(unit=STREET))
    assert (play.state.round, play.state.kept_from) == (2, (COMMUNITY,))


def test_a_case_never_in_a_procedure_leaves_no_row() -> None:
    play, petition = Play(), Petitioned()
    assert play.give(taken(COMMUNITY)) == petition.give(taken(BRANCH)) == []
