"""Whatever happens in whatever order: no deadline rule breaks, no state but the final ones is without a way on."""

from datetime import timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decider import Refused, TimerDue
from schemas import mediation as m
from schemas import router as r
from services.mediation.domain import machine
from services.mediation.domain.duty import CLOCK_OF
from services.mediation.domain.state import FINAL
from tests.unit.mediation_kit import Play, dispatched

COMMANDS: Final = [kind for kind in m.COMMANDS if kind is not m.ScheduleSession]
AWAY: Final = [
    r.TrackChosen(track="P"),
    r.CaseClosed(outcome=r.Outcome.WITHDRAWN),
    dispatched(),
    dispatched(unit="GL01"),
    dispatched(matter="livelihood.medical-dispute"),
    dispatched(matter="labour.dismissal", unit="GL01"),
]
step = st.one_of(
    st.tuples(st.just("do"), st.sampled_from(COMMANDS)),
    st.tuples(st.just("hear"), st.sampled_from(AWAY)),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("consent"), st.sampled_from(["A", "B"])),
    st.tuples(st.just("stale"), st.sampled_from(["mediate", "visit", "consent", "court", "confirm"])),
)


def take(play: Play, what: str, with_: Any) -> None:
    """One step; a refusal is an answer, too, and changes nothing."""
    if what == "wait":
        play.wait(days=with_)
    elif what == "stale":  # a timer of a state that has passed
        play.give(TimerDue(with_, play.at - timedelta(days=1)))
    elif what == "hear":
        play.give(with_)
    else:
        kind, fields = (m.RecordConsent, {"party": with_}) if what == "consent" else (with_, {})
        command = play.command(kind, **fields)
        if not isinstance(play.decider.decide(play.state, command, play.at), Refused):
            play.give(command)


@settings(max_examples=100, deadline=None)
@given(st.lists(step, max_size=30), st.booleans())
def test_no_order_of_inputs_breaks_a_rule(steps: list[tuple[str, Any]], twice: bool) -> None:
    """R-MED-06, R-MED-08, R-MED-10: a running stage has its clock; each end has its notice, and is told once."""
    play = Play()
    play.give(dispatched())
    for what, with_ in steps:
        take(play, what, with_)
        if twice and what == "hear" and with_.type != "router.CaseDispatched.v1":
            assert play.give(with_) == []  # the same news again is no news
        state = play.state
        if state.stage is not None and state.stage not in FINAL:
            assert state.stage in CLOCK_OF
            assert state.term(CLOCK_OF[state.stage]) is not None or state.appraisal_since
        assert all(term.at > play.at for term in state.due_terms())
        assert len({term.name for term in state.terms}) == len(state.terms)
        rounds = play.count(m.MediationOpened)
        assert play.count(m.MediationHandedBack) <= rounds
        ended = play.count(m.MediationTerminated)
        assert play.count(m.RoutesInformed) >= ended


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=20))
def test_left_alone_every_mediation_waits_for_performance_or_ends(steps: list[tuple[str, Any]]) -> None:
    """R-MED-12: clocks alone lead out of each stage in which nobody owes a visit or the parties' names."""
    play = Play()
    play.give(dispatched())
    for what, with_ in steps:
        take(play, what, with_)
    if play.state.appraisal_since:
        play.do(m.EndAppraisal)
    play.wait(days=400)
    stage = play.state.stage
    assert stage in {*FINAL, m.Stage.FOLLOW_UP, m.Stage.APPLIED, m.Stage.REFERRED, m.Stage.PROACTIVE}
    if stage not in FINAL:
        assert any(source is stage for source, _ in machine.EDGES)
        assert play.decider.due(play.state)
