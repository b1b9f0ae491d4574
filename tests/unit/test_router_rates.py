"""R-HOT-09, R-KPI-01: the figures that single events add up to are those that a recount of the whole log finds."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decider import Input, Refused, TimerDue
from schemas import router as r
from schemas.intake import FeedbackGiven, ReopeningAsked
from schemas.message import Event
from schemas.router import OrderStatus as S
from services.router.api.rates import Figures
from services.router.domain import WorkOrder
from services.router.rates import MEASURES, counted
from tests.rates_kit import recount
from tests.unit.router_kit import CASE, MONDAY, OPERATOR, SUPERVISOR, actor, router, submitted

UNIT = "GL0101"

ANSWERS = st.tuples(st.booleans(), st.booleans(), st.booleans())
STEPS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "sign",
                "object",
                "uphold",
                "reject",
                "work",
                "reply",
                "miss",
                "next clock",
                "time over",
                "reopen",
            ]
        ),
        st.tuples(st.sampled_from(["call", "form"]), ANSWERS),
    ),
    min_size=5,
    max_size=40,
)
FORWARD: dict[S | None, str] = {
    S.DISPATCHED: "sign",
    S.DISPATCHED_LOCKED: "sign",
    S.OBJECTED: "reject",
    S.SIGNED: "work",
    S.REDO: "work",
    S.HANDLING: "reply",
    S.CLOSED: "reopen",
}


def given_by(step: Any, state: WorkOrder) -> Input | None:
    """The input that a step is; None for the clock."""
    owner = actor(state.unit)
    match step:
        case ("call", (responded, resolved, satisfied)):
            said = {"resolved": resolved, "satisfied": satisfied, "responded": responded}
            return r.RecordCallback(actor=OPERATOR, contacted=True, **said)
        case ("form", (contacted, resolved, satisfied)):
            return FeedbackGiven(contacted=contacted, resolved=resolved, satisfied=satisfied)
        case "uphold":
            return r.AdjudicateObjection(
                actor=SUPERVISOR, upheld=True, reason="属实", unit="GL-CIVIL", locked=False
            )
        case "reject":
            return r.AdjudicateObjection(actor=SUPERVISOR, upheld=False, reason="不属实")
        case "reply":
            return r.ReplyCase(actor=owner, result="已办理", explanation="情况如此")
        case "miss":
            return r.RecordCallback(actor=OPERATOR, contacted=False)
        case "reopen":
            return ReopeningAsked(reason="仍未解决")
        case "sign":
            return r.SignAssignment(actor=owner)
        case "object":
            return r.ObjectAssignment(actor=owner, reason="不属我单位")
        case "work":
            return r.ReportProgress(actor=owner, note="在办")
    return None


@given(steps=STEPS, is_late=st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_figures_are_those_of_a_recount(steps: list[Any], *, is_late: bool) -> None:
    """R-HOT-09, R-KPI-01: whatever happens in whatever order, replies before a late clock fires included."""
    decider = router()
    state, at = decider.initial(CASE), MONDAY
    again: Counter[tuple[str, str]] = Counter()
    figures: Counter[tuple[str, str]] = Counter()

    def apply(given_: Input) -> bool:
        nonlocal state
        decision = decider.decide(state, given_, at)
        if isinstance(decision, Refused):
            return False
        for event in decision:
            after = decider.evolve(state, event)
            again.update(recount(at, state, event, after))
            state = after
            if (count := counted(event)) is not None:
                figures.update((count[0], measure) for measure in count[1])
        return bool(decision)

    apply(submitted("livelihood.elderly"))
    for step in steps:
        wanted = given_by(step, state)
        if wanted is not None and apply(wanted):
            continue
        if step == "time over" and (over := state.term("handle") or state.term("escalate")):
            at = max(at, over.at)
            while not is_late and (due := [timer for timer in decider.due(state) if timer.at <= at]):
                first = min(due, key=lambda timer: timer.at)
                apply(TimerDue(first.name, first.at))
            continue
        if step != "next clock" and (forward := FORWARD.get(state.status)):
            apply(given_by(forward, state) or submitted())
            continue
        timers = sorted(decider.due(state), key=lambda timer: timer.at)
        if timers:
            at = max(at, timers[0].at)
            if not is_late:
                apply(TimerDue(timers[0].name, timers[0].at))
    assert figures == again
    assert {measure for _, measure in figures} <= set(MEASURES)


def recorded(**said: Any) -> r.CallbackRecorded:
    plain = {"contacted": True, "resolved": False, "satisfied": False, "attempt": 1, "unit": UNIT}
    return r.CallbackRecorded.model_validate(plain | said)


@pytest.mark.parametrize(
    ("event", "measures"),
    [
        (recorded(resolved=True), "valid contacted resolved"),
        (recorded(resolved=True, satisfied=True, responded=False), "valid resolved satisfied"),
        (recorded(contacted=False, by_resident=True, responded=False), "valid"),
        (recorded(contacted=False), None),
        (recorded(contacted=False, attempt=3, last=True), "not_reached"),
        (recorded(unit=None), None),
        (r.CaseReplied(unit=UNIT, result="已办", solved=True), "in_time"),
        (r.CaseReplied(unit=UNIT, result="已办", solved=True, late=True), "late"),
        (r.CaseReplied(unit=UNIT, result="已办", solved=True, late=True, breached=True), None),
        (r.DeadlineBreached(unit=UNIT, breaches=1), "late"),
        (r.DeadlineBreached(unit=UNIT, breaches=2, again=True), None),
        (r.RedoOrdered(unit=UNIT, reason="重办"), "redone"),
        (r.ObjectionAdjudicated(unit=UNIT, upheld=True, reason="属实"), "objections upheld"),
        (r.ObjectionAdjudicated(unit=UNIT, upheld=False, reason="否"), "objections"),
        (r.CaseReopened(unit=UNIT, times=1), "reopened"),
        (r.CaseClosed(unit=UNIT, outcome=r.Outcome.RESOLVED), None),
    ],
)
def test_what_an_event_counts_for(event: Event, measures: str | None) -> None:
    """R-HOT-09: the definitions, one by one."""
    assert counted(event) == (None if measures is None else (UNIT, tuple(measures.split())))


def test_rates_of_figures() -> None:
    """R-HOT-09, R-KPI-01: each over its own whole; of nothing there is no rate."""
    shown = Figures.of(
        Counter(
            valid=8,
            contacted=6,
            resolved=4,
            satisfied=2,
            not_reached=2,
            redone=1,
            in_time=3,
            late=1,
            objections=2,
        )
    )
    rates = (shown.response_rate, shown.resolution_rate, shown.satisfaction_rate, shown.timeliness)
    assert rates == (0.75, 0.5, 0.25, 0.75)
    assert (shown.redo_rate, shown.upheld_rate) == (0.1, 0.0)
    assert {value for name, value in Figures.of({}) if name.endswith("rate") or name == "timeliness"} == {
        None
    }
