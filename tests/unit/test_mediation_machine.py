"""Every edge of the Mediation machine is walked, every edge that does not exist is refused (domain.md §4)."""

from collections.abc import Callable

import pytest

from schemas import mediation as m
from schemas import router as r
from schemas.mediation import Confirmation, Stage
from schemas.petition import PetitionSealed
from services.mediation.domain import machine
from services.mediation.domain.evolution import evolve
from services.mediation.domain.state import Mediation
from tests.unit.mediation_kit import (
    CASE,
    Play,
    accepted,
    asked,
    build,
    dispatched,
    in_confirmation,
    mediating,
    opened,
    signed,
)

S, C = Stage, Confirmation


def _over() -> Play:
    play = opened()
    play.do(m.TerminateMediation)
    return play


def _performed() -> Play:
    play = signed()
    play.do(m.RecordVisit)
    return play


def _breached() -> Play:
    play = signed()
    play.do(m.RecordVisit, performed=(), breached=True)
    return play


def _oral() -> Play:
    play = mediating()
    play.do(m.RecordOralAgreement)
    return play


REACHED: dict[Stage, Callable[[], Play]] = {
    S.APPLIED: lambda: opened(track_asked="M"),
    S.REFERRED: opened,
    S.PROACTIVE: lambda: opened(channel="grid"),
    S.CONSENT: asked,
    S.ACCEPTED: accepted,
    S.MEDIATING: mediating,
    S.PARTIAL: lambda: signed(partial=True),
    S.FOLLOW_UP: signed,
    S.PERFORMED: _performed,
    S.LEGAL_INFORMED: _breached,
    S.TERMINATED: _over,
}
"""How to come to each stage that lasts."""


def walked(play: Play) -> set[tuple[Stage | None, Stage]]:
    """The edges that a played mediation went over, event by event."""
    state, edges = Mediation(case_id=CASE), set[tuple[Stage | None, Stage]]()
    for event in play.events:
        after = evolve(state, event)
        if after.stage is not state.stage and after.stage is not None:
            edges.add((state.stage, after.stage))
        state = after
    return edges


def test_each_stage_is_reached() -> None:
    """The walk below starts where it says."""
    assert {stage: play().state.stage for stage, play in REACHED.items()} == {s: s for s in REACHED}


def test_every_edge_is_walked() -> None:
    """The table promises no edge that no input takes."""
    plays = [make() for make in REACHED.values()]
    for stage in (S.APPLIED, S.REFERRED, S.PROACTIVE, S.CONSENT, S.ACCEPTED, S.MEDIATING, S.PARTIAL):
        play = REACHED[stage]()
        play.do(m.TerminateMediation)
        plays.append(play)
    for stage in (S.APPLIED, S.PROACTIVE):
        play = REACHED[stage]()
        play.do(m.RegisterParties)
        plays.append(play)
    for stage in (S.TERMINATED, S.PERFORMED, S.LEGAL_INFORMED, S.FOLLOW_UP):
        for more in ({}, {"track_asked": "M"}, {"channel": "grid"}):
            play = REACHED[stage]()
            play.give(r.TrackChosen(track="P"))
            play.give(dispatched(**more))
            plays.append(play)
    sealed = signed()
    sealed.give(PetitionSealed(unit="GL-DISCIPLINE"))
    plays.append(sealed)
    refused = asked()
    refused.do(m.RecordConsent, agrees=False)
    again = signed(partial=True)
    again.do(m.ContinueMediation)
    edges = set().union(*(walked(play) for play in (*plays, refused, again, _oral())))
    assert edges == set(machine.EDGES)


@pytest.mark.parametrize("command", machine.IN_STAGES)
@pytest.mark.parametrize("stage", REACHED)
def test_a_command_out_of_its_stages_is_refused(stage: Stage, command: type[m.MediationCommand]) -> None:
    """Each with the stage that it is for; within its stages it is refused for other reasons only."""
    play = REACHED[stage]()
    before = play.state
    decision = play.decider.decide(play.state, build(command), play.at)
    code = getattr(decision, "code", None)
    assert (code == "WRONG_STAGE") is (stage not in machine.IN_STAGES[command])
    assert play.state == before
    if code == "WRONG_STAGE":
        assert str(stage) in getattr(decision, "reason", "")


@pytest.mark.parametrize("command", machine.IN_CONFIRMATION)
@pytest.mark.parametrize(
    "step", [C.CONFIRM_WINDOW, C.LAPSED, C.FILED, C.COURT_ACCEPTED, C.CONFIRMED, C.REJECTED, C.WITHDRAWN]
)
def test_a_step_of_the_confirmation_out_of_turn_is_refused(
    step: Confirmation, command: type[m.AgreementCommand]
) -> None:
    """R-MED-09: decided and withdrawn have no way on; lapsed has, for what was filed before."""
    play = in_confirmation(step)
    assert play.state.confirmation is step
    decision = play.decider.decide(play.state, build(command), play.at)
    assert (getattr(decision, "code", None) == "WRONG_STAGE") is (
        step not in machine.IN_CONFIRMATION[command]
    )


def test_every_step_of_the_confirmation_is_walked() -> None:
    """R-MED-09: the edges of the parallel machine of an agreement."""
    edges = set[tuple[Confirmation, Confirmation]]()

    def follow(play: Play) -> None:
        state = Mediation(case_id=CASE)
        for event in play.events:
            after = evolve(state, event)
            if after.confirmation is not state.confirmation or isinstance(event, m.ConfirmationOpened):
                edges.add((state.confirmation, after.confirmation))
            state = after

    for step in (C.LAPSED, C.FILED, C.COURT_ACCEPTED, C.CONFIRMED, C.REJECTED, C.WITHDRAWN):
        follow(in_confirmation(step))
    for command, fields in ((m.RecordCourtDecision, {"confirmed": False}), (m.WithdrawConfirmation, {})):
        play = in_confirmation(C.COURT_ACCEPTED)
        play.do(command, **fields)
        follow(play)
    for over in (C.LAPSED, C.WITHDRAWN):
        again = in_confirmation(over)
        again.do(m.FileConfirmation, filed_at=again.state.agreements[0].effective_at)
        follow(again)
    assert edges == set(machine.CONFIRMATION_EDGES)


def test_an_edge_that_does_not_exist_is_a_defect() -> None:
    """The decider notices when one of its own decisions leaves the machine."""
    start = opened().state
    with pytest.raises(machine.NoSuchEdge, match="REFERRED to PERFORMED"):
        machine.check(start, start.model_copy(update={"stage": S.PERFORMED}))
    made = _oral().state
    for wrong in ({"confirmation": C.CONFIRMED}, {"confirmation": C.FILED}):
        [one] = made.agreements
        after = made.model_copy(update={"agreements": (one.model_copy(update=wrong),)})
        with pytest.raises(machine.NoSuchEdge, match=f"NONE to {wrong['confirmation']}"):
            machine.check(made, after)
    [one] = _breached().state.agreements
    performed = one.model_copy(update={"performance": m.Performance.PERFORMED})
    before, after = (made.model_copy(update={"agreements": (which,)}) for which in (one, performed))
    with pytest.raises(machine.NoSuchEdge, match="BREACHED to PERFORMED"):
        machine.check(before, after)


@pytest.mark.parametrize("stage", REACHED)
def test_visits_do_not_depend_on_the_stage(stage: Stage) -> None:
    """R-MED-08: an agreement is followed up whatever became of the mediation; without one there is no visit."""
    play = REACHED[stage]()
    decision = play.decider.decide(play.state, build(m.RecordVisit), play.at)
    assert (getattr(decision, "code", None) == "WRONG_STAGE") is (stage not in {S.PARTIAL, S.FOLLOW_UP})


@pytest.mark.parametrize(
    "stage", [s for s in REACHED if s not in {S.PERFORMED, S.LEGAL_INFORMED, S.TERMINATED}]
)
@pytest.mark.parametrize(
    "left",
    [
        r.TrackChosen(track="P"),
        r.CaseClosed(outcome=r.Outcome.WITHDRAWN),
        r.EmergencyTransferred.model_validate(
            {"route": {"policy": "p", "jurisdiction": "j"}, "line": "110", "words": "打人", "unit": "GL"}
        ),
        dispatched(track="S"),
    ],
)
def test_a_case_that_leaves_ends_its_mediation(stage: Stage, left: object) -> None:
    """R-MED-05: other routes are never blocked; the router took the case and is not told again."""
    play = REACHED[stage]()
    told = play.count(m.MediationHandedBack)
    play.give(left)  # type: ignore[arg-type]
    assert play.count(m.MediationHandedBack) == told
    if stage is S.FOLLOW_UP:
        assert play.state.handed_back
        assert play.state.is_open
    else:
        assert play.state.stage is S.TERMINATED
        assert play.count(m.RoutesInformed) == 1
