"""Intake's decider: what is taken, what is refused, and what never happens."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.decider import Refused, TimerDue
from schemas import intake, router
from schemas.department import HandlingMode
from schemas.intake import (
    CaseSubmitted,
    ErasePerson,
    Filing,
    GiveFeedback,
    ReopenCase,
    SubmitCase,
    SupplementCase,
    WithdrawCase,
)
from schemas.message import Command, Event
from schemas.procedure import HandBack
from schemas.values import Channel, Place, PlaceSource
from services.intake.domain import ENDINGS, PROGRESS, UNKNOWN, Intake, IntakeState
from services.intake.holders import HELPING
from services.intake.progress import TABLE, progress

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CASE = UUID(int=1)
DECIDER = Intake()

SUBMIT = SubmitCase(
    case=CaseSubmitted(
        channel=Channel.WEB,
        received_at=AT,
        title="路灯坏了",
        text="不亮",
        place=Place(source=PlaceSource.UNKNOWN),
    ),
    filing=Filing(unit="GL", code_digest=b"d"),
)
SUPPLEMENT = SupplementCase(text="补充")
WITHDRAW = WithdrawCase(reason="已解决")
LEFT = WITHDRAW.model_copy(update={"stands": True})
END = intake.EndAbandoned()
FEEDBACK = GiveFeedback(contacted=True, resolved=True, satisfied=True)
ERASE = ErasePerson(reason="本人申请")
CLOSED = router.CaseClosed(outcome=router.Outcome.RESOLVED, unit="GL0101")
ARCHIVED = router.CaseArchived()
SIGNED = router.AssignmentSigned(unit="GL0101")
Given = Command | Event

inputs = st.lists(
    st.sampled_from([SUBMIT, SUPPLEMENT, WITHDRAW, LEFT, END, FEEDBACK, ERASE, CLOSED, ARCHIVED, SIGNED]),
    max_size=12,
)


def run(given_inputs: list[Given]) -> tuple[IntakeState, list[Event]]:
    """Return state and events after the inputs, taking refusals as they come."""
    state, told = DECIDER.initial(CASE), list[Event]()
    for entry in given_inputs:
        decision = DECIDER.decide(state, entry, AT)
        for event in [] if isinstance(decision, Refused) else decision:
            state = DECIDER.evolve(state, event)
            told.append(event)
    return state, told


def refused(before: list[Given], command: Given) -> str:
    """Return the code with which a command is refused after some inputs."""
    state, _ = run(before)
    decision = DECIDER.decide(state, command, AT)
    assert isinstance(decision, Refused)
    assert len(decision.reason) > 10
    return decision.code


@given(inputs)
def test_a_case_is_submitted_and_concluded_once_at_most(sequence: list[Given]) -> None:
    """R-PET-18: no order of inputs does one of these twice, or says anything before the case is in."""
    _, told = run(sequence)
    for once in (intake.CaseSubmitted, intake.CaseConcluded):
        assert sum(isinstance(event, once) for event in told) <= 1
    assert sum(isinstance(event, intake.CaseWithdrawn) and not event.stands for event in told) <= 1
    if told:
        assert isinstance(told[0], intake.CaseSubmitted)


@given(inputs)
def test_nothing_is_said_after_the_end(sequence: list[Given]) -> None:
    """R-HOT-03: after withdrawal or conclusion only the conclusion and erasing are left."""
    _, told = run(sequence)
    ended = False
    for event in told:
        if ended:
            assert isinstance(event, intake.CaseConcluded | intake.PersonErased)
        withdrawn = isinstance(event, intake.CaseWithdrawn) and not event.stands
        ended = ended or withdrawn or isinstance(event, intake.CaseConcluded)


@given(inputs)
def test_a_state_survives_the_database(sequence: list[Given]) -> None:
    """The state read back decides as before, and wants no timers."""
    state, _ = run(sequence)
    assert DECIDER.load(DECIDER.dump(state)) == state
    assert DECIDER.due(state) == ()


def test_a_repeated_submission_changes_nothing() -> None:
    """R-PET-18: the chassis repeats an ambiguous commit; the case is there already."""
    state, _ = run([SUBMIT])
    assert DECIDER.decide(state, SUBMIT, AT) == []


@pytest.mark.parametrize("command", [SUPPLEMENT, WITHDRAW, FEEDBACK, ERASE])
def test_an_unknown_case_takes_nothing(command: Command) -> None:
    """R-PET-01: what is not registered cannot be added to."""
    assert refused([], command) == UNKNOWN.code == "case_unknown"


@pytest.mark.parametrize("command", [SUPPLEMENT, WITHDRAW, FEEDBACK])
def test_a_finished_case_says_why_it_takes_nothing(command: Command) -> None:
    """R-PET-18: new facts make a new case."""
    assert refused([SUBMIT, WITHDRAW], command) == "case_withdrawn"
    assert refused([SUBMIT, CLOSED], command) == "case_closed"
    assert refused([SUBMIT, ARCHIVED], command) == "case_closed"


def test_erasing_is_possible_at_any_time_and_once() -> None:
    """R-PRIV-01: also after the end; again only where a supplement may have brought something to erase."""
    state, told = run([SUBMIT, CLOSED, ERASE, ERASE])
    assert state.erased
    assert [type(event).__name__ for event in told] == ["CaseSubmitted", "CaseConcluded", "PersonErased"]
    _, told = run([SUBMIT, ERASE, SUPPLEMENT, ERASE])
    assert sum(isinstance(event, intake.PersonErased) for event in told) == 2


def test_a_case_that_its_reporter_left_ends_with_the_last_report() -> None:
    """R-PET-18, R-PRIV-01: said once, and in nobody's words; not while one stands, nor while a line has it."""
    kept = [END.model_copy(update={name: True}) for name in ("stands", "at_line")]
    state, told = run([SUBMIT, LEFT, *kept])
    assert (state.is_left, state.withdrawn, len(told)) == (True, False, 2)
    state, told = run([SUBMIT, LEFT, END, END])
    assert told[2:] == [intake.CaseWithdrawn(last=True)]
    assert (state.is_left, state.withdrawn) == (False, True)


@pytest.mark.parametrize(
    "before",
    [
        [],
        [SUBMIT],
        [SUBMIT, WITHDRAW],
        [SUBMIT, LEFT, CLOSED],
        [SUBMIT, WITHDRAW.model_copy(update={"stands": True, "at_line": True})],
    ],
)
def test_a_case_that_nobody_left_does_not_end_so(before: list[Given]) -> None:
    """R-PET-18."""
    state, _ = run(before)
    assert DECIDER.decide(state, END, AT) == []


def test_there_are_no_timers_to_fire() -> None:
    """A timer that intake never asked for is refused, so the chassis notices."""
    assert isinstance(DECIDER.decide(IntakeState(), TimerDue("any", AT), AT), Refused)


def test_a_co_report_is_linked_and_said_to_be_anothers() -> None:
    """R-PET-18, R-PRIV-01: one decision, two events; what stands against it is a refusal that names the field."""
    joining = SUBMIT.model_copy(
        update={
            "case": SUBMIT.case.model_copy(update={"repeat_of": UUID(int=7), "new_facts": False}),
            "joins": True,
        }
    )
    state, told = run([joining])
    assert [type(event) for event in told] == [CaseSubmitted, intake.CoReporterAdded]
    assert (state.co_report, state.linked_to) == (True, UUID(int=7))
    assert run([joining, WITHDRAW])[0].withdrawn
    obstacle = intake.Obstacle(code="case_closed", reason="the case is closed already", field="x")
    barred = joining.model_copy(update={"obstacle": obstacle})
    assert DECIDER.decide(IntakeState(), barred, AT) == Refused(obstacle.code, obstacle.reason, "x")
    assert DECIDER.decide(state, barred, AT) == []


def test_the_resident_is_told_of_every_event_that_is_consumed() -> None:
    """R-PET-13: what intake consumes is what the time line, the end of the case or who may read its files needs."""
    own = {
        intake.CoReporterAdded,
        intake.CaseSupplemented,
        intake.CaseWithdrawn,
        intake.FeedbackGiven,
        intake.ReopeningAsked,
        intake.PersonErased,
    }
    assert set(TABLE) - own == set(PROGRESS) - {router.CaseArchived, *HELPING}
    assert {event.type for event in PROGRESS} >= ENDINGS
    assert DECIDER.consumes == {event.type for event in PROGRESS}


def words(event: Event) -> str | None:
    told = progress(lambda code: f"〈{code}〉", event)
    return told.words if told is not None else None


def test_a_sealed_matter_names_no_authority() -> None:
    """R-PET-10: the time line does not tell where an accusation went."""
    registered = router.Registration(
        judgement=router.Judgement(by=router.TriagedBy.STAFF, matter=None, track="L", urgency=4),
        kind="report",
        place=None,
        sealed=True,
    )
    sealed = router.CaseDispatched(
        unit="GL-DISCIPLINE",
        number=1,
        rung=4,
        mode=HandlingMode.TRANSFER,
        matter=None,
        track="L",
        urgency=4,
        route=router.Route(policy="p", jurisdiction="GL"),
        registered=registered,
    )
    assert words(sealed) == "您的诉求已密转有权处理的机关。"


def test_words_of_the_events_that_carry_some() -> None:
    """R-HOT-07, R-LEDGER-01: the unsolved is explained, personal numbers masked; refused requests are not told."""
    reply = router.CaseReplied(
        unit="GL0101",
        result="暂不能修",
        solved=False,
        explanation="缺料，问13800138000或拨打0516-83712345、4008123456",
    )
    assert (
        words(reply)
        == "〈GL0101〉答复：暂不能修未解决的原因：缺料，问〔电话〕或拨打0516-83712345、4008123456"
    )
    assert words(router.ExtensionDecided(granted=False, reason="内部")) is None
    assert words(router.ExtensionDecided(granted=True, reason="内部")) == "经批准，办理期限已延长。"
    assert words(router.TrackChosen(track="M")) == "按您的选择，转入人民调解程序。"
    for outcome in router.Outcome:
        assert words(router.CaseClosed(outcome=outcome, unit=None))


def test_a_procedure_is_told_from_its_beginning_to_its_end() -> None:
    """R-PET-13, R-LAD-09: which procedure, how far, whose duty; its end once, in the reply or here."""
    entered = router.ProcedureAdvanced(procedure="mediation", unit="GL0101", stage="CONSENT", entered=True)
    assert words(entered) == "您的诉求已进入人民调解程序：正在征求各方当事人意见，由〈GL0101〉负责。"
    further = router.ProcedureAdvanced(procedure="petition", unit="GL", stage="REVIEW")
    assert words(further) == "信访程序有新进展：正在复查，由〈GL〉负责。"
    said = "三级终结，问13800138000，致电0516-83712345"
    told = {
        result: words(router.ProcedureEnded(procedure="petition", unit="GL", result=result, explanation=said))
        for result in HandBack
    }
    assert told == {
        HandBack.SETTLED: "信访程序已办结。",
        HandBack.FAILED: "信访程序已结束，未能达成一致。",
        HandBack.EXIT: "信访程序已结束，该事项依法转由其他法定途径办理：三级终结，问〔电话〕，致电0516-83712345",
        HandBack.ENDED: "信访程序已依法终结：三级终结，问〔电话〕，致电0516-83712345",
    }


def test_a_case_that_ended_by_law_offers_no_review() -> None:
    """R-PET-09: after three levels nobody is told that they may apply for a review."""
    unsettled = router.Outcome.UNSATISFIED
    assert words(router.CaseClosed(outcome=unsettled)) == "本件所在程序已依法终结。"
    assert "法定途径" in (words(router.CaseClosed(outcome=unsettled, review_offered=True)) or "")


UNTIL = AT + timedelta(days=1)
REOPENABLE = CLOSED.model_copy(update={"reopen_until": UNTIL})
REOPEN = ReopenCase(reason="灯又灭了")


def test_a_case_is_reopened_when_the_router_says_so() -> None:
    """R-HOT-08: asked for in time it is told the router, whose word opens it here as well: both always agree."""
    state, told = run([SUBMIT, REOPENABLE, REOPEN])
    assert isinstance(told[-1], intake.ReopeningAsked)
    assert (state.closed, refused([SUBMIT, REOPENABLE, REOPEN], SUPPLEMENT)) == (True, "case_closed")
    assert refused([SUBMIT, REOPENABLE, REOPEN], REOPEN) == "reopening_asked"
    again = router.CaseReopened(unit="GL0101", times=1)
    state, told = run([SUBMIT, REOPENABLE, REOPEN, again, SUPPLEMENT])
    assert [type(event) for event in told[-2:]] == [intake.ConclusionLifted, intake.CaseSupplemented]
    assert refused([SUBMIT, REOPENABLE, REOPEN, again], REOPEN) == "case_open"
    assert refused([SUBMIT, REOPENABLE, REOPEN, again, CLOSED], REOPEN) == "not_reopenable"
    late: list[Given] = [SUBMIT, REOPENABLE, REOPEN, ARCHIVED, again]
    assert run(late)[0].closed is False, "the router was away, and archived it before it read the wish"


def test_a_withdrawal_at_the_moment_of_closing_came_too_late() -> None:
    """R-HOT-08: the router closed the case as settled; it says so of one that it closed as withdrawn."""
    state, told = run([SUBMIT, WITHDRAW, REOPENABLE, REOPEN])
    assert isinstance(told[-1], intake.ReopeningAsked)
    assert (state.withdrawn, state.closed, state.reopen_until) == (False, True, UNTIL)
    taken_back = router.CaseClosed(outcome=router.Outcome.WITHDRAWN)
    assert refused([SUBMIT, WITHDRAW, taken_back], REOPEN) == "case_withdrawn"
    assert refused([SUBMIT, REOPENABLE], WITHDRAW) == "case_closed"


OWN = SUPPLEMENT.model_copy(update={"own": True})
OWN_REOPENING = REOPEN.model_copy(update={"own": True})
OTHERS = FEEDBACK.model_copy(update={"report": UUID(int=9)})


@pytest.mark.parametrize("said", [OWN, FEEDBACK, WITHDRAW, LEFT], ids=lambda said: type(said).__name__)
def test_who_withdrew_says_nothing_over_those_who_stand_by_it(said: Command) -> None:
    """R-PET-18: neither closes, rates nor adds; nor reopens, once it is closed. The others do."""
    assert refused([SUBMIT, LEFT], said) == "report_withdrawn"
    assert refused([SUBMIT, LEFT, REOPENABLE], OWN_REOPENING) == "report_withdrawn"
    for others in (SUPPLEMENT, OTHERS):
        assert not isinstance(DECIDER.decide(run([SUBMIT, LEFT])[0], others, AT), Refused)
    assert not isinstance(DECIDER.decide(run([SUBMIT, LEFT, REOPENABLE])[0], REOPEN, AT), Refused)


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ([], "case_unknown"),
        ([SUBMIT], "case_open"),
        ([SUBMIT, WITHDRAW], "case_withdrawn"),
        ([SUBMIT, CLOSED], "not_reopenable"),
        ([SUBMIT, ARCHIVED], "not_reopenable"),
    ],
)
def test_what_is_not_reopened(before: list[Given], code: str) -> None:
    """R-HOT-08: what is open, withdrawn, or closed for good, each with what to do instead."""
    assert refused(before, REOPEN) == code


@pytest.mark.parametrize(("at", "in_time"), [(UNTIL - timedelta(microseconds=1), True), (UNTIL, False)])
def test_the_window_is_the_routers(at: datetime, *, in_time: bool) -> None:
    """R-HOT-08: to the very instant that the router named when it closed the case."""
    decision = DECIDER.decide(run([SUBMIT, REOPENABLE])[0], REOPEN, at)
    assert (decision.code if isinstance(decision, Refused) else None) == (
        None if in_time else "reopening_over"
    )


def test_a_link_answers_one_callback_once() -> None:
    """R-HOT-08, R-HOT-09: replayed it is refused; the next callback has a link of its own."""
    first = FEEDBACK.model_copy(update={"callback": 1})
    second = FEEDBACK.model_copy(update={"callback": 2})
    assert refused([SUBMIT, first], first) == "callback_answered"
    assert refused([SUBMIT, first, second], first) == "callback_answered"
    assert run([SUBMIT, first, second, FEEDBACK])[0].answered == 2


def test_the_lawful_ways_are_told_to_the_resident() -> None:
    """R-LAD-06, R-LEDGER-01: each by its name; rule codes are for staff."""
    row = router.Fired(table="reviews", row="service", source="R-LAD-06")
    way = router.NamedExit(code="court", name="民事诉讼", authority="GL-COURT", source="TJ3")
    offer = router.LawfulReviewOffered(unit="GL0101", track="S", routes=(way,), row=row)
    told = progress(str, offer)
    assert told is not None
    assert told.words == "您对办理结果仍不满意，可以依法选择：民事诉讼。"
