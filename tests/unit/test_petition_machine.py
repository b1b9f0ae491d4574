"""The petition machine: every edge is walked, and every edge that does not exist is refused with a clear reason."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product

import pytest

from chassis.decider import Input, Refused, TimerDue
from schemas import petition as p
from schemas import router as r
from schemas.mediation import MediationHandedBack
from schemas.message import Command, Event
from schemas.petition import PetitionStatus as S
from schemas.procedure import HandBack
from services.petition.api.actions import ACTIONS
from services.petition.domain.machine import MOVES, OPEN, By
from services.petition.domain.petition import OVER
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    CASE,
    DISTRICT,
    LAND,
    OFFICE,
    Play,
    actor,
    delivered,
    dispatched,
    forwarded,
    investigating,
    issued,
    opinion,
    registered,
    registration,
    review_opinion,
    reviewed,
)

ROUTE = p.RoutePetition(
    actor=actor(OFFICE), way=p.LegalWay.ADMINISTRATIVE, exit="reconsideration", explanation="请申请复议"
)
SEAL = p.SealPetition(actor=actor(OFFICE), subjects=("GL-WOMEN",))
CONSENT = p.DecidePetitionObjection(actor=actor(OFFICE), consents=True, reason="同意")
DISPUTE = p.DecidePetitionDispute(actor=actor(DISTRICT), units=(BUREAU, LAND), unit=BUREAU, reason="依职责")
DONE = p.ReportExecution(actor=actor(BRANCH), done=True, note="已补发")
REVIEW = p.RequestReview(actor=actor(OFFICE))
ROW = r.Route(policy="p", jurisdiction="j")
EXIT = r.NamedExit(code="court", name="民事诉讼", source="TJ3")


def received() -> Play:
    play = Play()
    play.give(dispatched())
    return play


def assigned() -> Play:
    play = registered()
    due = play.at + timedelta(days=80)
    play.give(p.AssignPetition(actor=actor(OFFICE), unit=BRANCH, reason="请办理", report_by=due))
    return play


def objected(play: Play | None = None) -> Play:
    play = play or forwarded()
    play.give(p.ObjectPetition(actor=actor(BRANCH), reason="非我职责"))
    return play


def accepted() -> Play:
    play = forwarded()
    play.give(p.AcceptPetition(actor=actor(BRANCH)))
    return play


def hearing() -> Play:
    play = investigating()
    play.give(p.OpenPetitionHearing(actor=actor(BRANCH), reason="事项重大"))
    return play


def mediating() -> Play:
    play = investigating()
    play.give(p.MediatePetition(actor=actor(BRANCH), both_consent=True, within_discretion=True))
    return play


def review() -> Play:
    play = delivered()
    play.give(REVIEW)
    return play


def recheck() -> Play:
    play = reviewed()
    play.give(REVIEW)
    return play


def recheck_hearing() -> Play:
    play = recheck()
    play.give(p.OpenPetitionHearing(actor=actor(DISTRICT), reason="事项重大"))
    return play


def direct() -> Play:
    """Received by the competent unit itself."""
    play = Play()
    play.give(dispatched(BRANCH))
    play.give(registration(BRANCH))
    return play


def received_by_petitioner(play: Play) -> Play:
    return after(play, p.DeliverOpinion(actor=actor(play.state.unit or ""), received_at=play.at))


def reviewed_by_the_district() -> Play:
    play = delivered(unit=LAND)
    play.give(REVIEW)
    play.give(review_opinion(play))
    return received_by_petitioner(play)


def after(play: Play, given: Input) -> Play:
    play.give(given)
    return play


def lapsed() -> Play:
    play = delivered()
    play.wait(days=40)
    return play


def unreviewed() -> Play:
    """Supported, and nobody asked for a review in time."""
    play = delivered("SUPPORT")
    play.wait(days=31)
    return play


def declined() -> Play:
    return after(registered(), p.DeclinePetition(actor=actor(OFFICE), explanation="不属本级", go_to="市局"))


PLAYS: dict[S | None, list[Callable[[], Play]]] = {
    None: [Play],
    S.RECEIVED: [received],
    S.REGISTERED: [registered, direct],
    S.FORWARDED: [forwarded],
    S.ASSIGNED: [assigned],
    S.OBJECTED: [objected, lambda: objected(assigned())],
    S.ACCEPTED: [accepted],
    S.INVESTIGATING: [investigating],
    S.HEARING: [hearing, recheck_hearing],
    S.MEDIATING: [mediating],
    S.OPINION: [issued, delivered, lambda: issued("SUPPORT"), lambda: delivered(unit=DISTRICT)],
    S.EXECUTING: [
        lambda: delivered("SUPPORT"),
        lambda: after(delivered("SUPPORT"), DONE),
        unreviewed,
        lambda: delivered("SUPPORT", DISTRICT),
        lambda: received_by_petitioner(supported(review())),
    ],
    S.REVIEW: [review],
    S.REVIEW_OPINION: [
        reviewed,
        lambda: after(review(), review_opinion(review())),
        lambda: supported(review()),
        reviewed_by_the_district,
    ],
    S.RECHECK: [recheck],
    S.FINAL: [lambda: after(recheck(), review_opinion(recheck()))],
    S.SETTLED: [lambda: after(unreviewed(), DONE)],
    S.LAPSED: [lapsed],
    S.NOT_ACCEPTED: [declined],
    S.STATUTORY_ROUTED: [lambda: after(registered(), ROUTE)],
    S.DISCIPLINE_SEALED: [lambda: after(registered(), SEAL)],
    S.LEFT: [lambda: after(registered(), r.CaseClosed(outcome=r.Outcome.WITHDRAWN))],
}


def left(make: Callable[[], Play]) -> Callable[[], Play]:
    return lambda: after(make(), r.TrackChosen(track="M"))


PLAYS[S.LEFT] += [left(make) for status in OPEN for make in PLAYS[status]]


def supported(play: Play) -> Play:
    return after(play, review_opinion(play, "SUPPORT", confirms=False))


def sealed_exit() -> r.CaseRedirected:
    """Accusation material leaves the router (R-PET-10)."""
    judged = r.Judgement(by=r.TriagedBy.HUMAN, matter=None, track="L", urgency=4)
    found = r.Registration(judgement=judged, sealed=True)
    named = r.NamedExit(
        code="discipline-inspection", name="纪检监察", authority="GL-DISCIPLINE", source="XF30"
    )
    return r.CaseRedirected(route=ROW, exit=named, registered=found, subjects=("GL-WOMEN",))


def recused(subjects: tuple[str, ...]) -> r.HelpersRecused:
    """A helper left the router's order, since it is complained of (R-LAD-04)."""
    row = r.Fired(table="escalations", row="subject-skipped", source="R-LAD-04")
    return r.HelpersRecused(unit=OFFICE, helpers=(), subjects=subjects, evidence=(), row=row)


def inputs(play: Play) -> Iterator[Input]:
    """Every input there is, in the shapes that lead to different states; each from who may give it here."""
    unit = play.state.unit or OFFICE
    me = actor(unit, "supervisor", "somebody")
    over_me = actor(DISTRICT if unit == OFFICE else OFFICE, "supervisor", "somebody-above")
    for action in ACTIONS:
        yield action.sample(me)
        yield action.sample(over_me)
    yield registration(unit, same_as=CASE, earlier=p.EarlierPetition(status=S.FINAL, terminated=True))
    yield registration(unit, subjects=("GL",))
    yield p.RoutePetition.model_validate({**dict(ROUTE), "actor": me})
    for consents in (True, False):
        yield CONSENT.model_copy(update={"consents": consents})
    yield DISPUTE.model_copy(update={"units": (unit, LAND), "unit": LAND})
    yield p.EvaluatePetition(
        actor=actor("GL-HOTLINE", "operator"), office_satisfied=True, unit_satisfied=True
    )
    for subjects in (("GL-WOMEN",), (unit,), ("GL",)):
        yield p.NamePetitionSubjects(actor=actor(OFFICE), subjects=subjects, reason="被反映")
        yield dispatched(subjects=subjects)
        yield recused(subjects)
    yield p.DeliverOpinion(actor=me, received_at=play.at)
    yield p.ReportExecution(actor=me, done=False, note="正在办理")
    yield p.ReportExecution(actor=me, done=True, note="已补发")
    for outcome in ("NOT_SUPPORT", "SUPPORT"):
        yield review_opinion(play, outcome, confirms=outcome == play.state.outcome)
        yield opinion(outcome, unit)
    for result in HandBack:
        yield MediationHandedBack(result=result, unit=unit, explanation="结束", exit="court")
    for track in "SMPL":
        yield r.TrackChosen(track=track)
        yield dispatched(track=track)
        yield dispatched(track=track, subjects=("GL-WOMEN",))
    yield r.CaseRedirected(route=ROW, exit=EXIT)
    yield sealed_exit()
    yield from said_at_the_queue()
    yield r.EmergencyTransferred(route=ROW, line="110", words="打人", unit=OFFICE)
    yield r.CaseClosed(outcome=r.Outcome.WITHDRAWN)


def said_at_the_queue() -> Iterator[Event]:
    """R-LAD-04, R-HOT-14: words accuse a unit; a human at the queue confirms it."""
    engine, human = (
        r.Registration(judgement=r.Judgement(by=by, track="S", urgency=3), subjects=("GL-WOMEN",))
        for by in (r.TriagedBy.ENGINE, r.TriagedBy.HUMAN)
    )
    yield r.TriageQueued(route=ROW, registered=engine, unit="GL-HOTLINE", reason=r.QueueReason.POLICY)
    yield r.CaseAnswered(route=ROW, registered=human, unit="GL-HOTLINE")
    yield r.EmergencyTransferred(route=ROW, registered=human, line="110", words="打人", unit=OFFICE)
    yield r.CaseRedirected(route=ROW, registered=human, exit=EXIT)
    yield dispatched(track="S", registered=human)
    yield dispatched(registered=human)


def variants(play: Play) -> Iterator[Play]:
    """The same state as it is of an assigned and supervised petition, of a simple one, of a suggestion."""
    yield play
    if not play.state.is_open:
        return
    report = r.Term(name="report", at=play.at + timedelta(days=90), since=play.at, rule="stated")
    for change in (
        {"terms": (*play.state.terms, report), "supervised": True},
        {"simple": True},
        {"nature": p.Nature.SUGGESTION},
    ):
        yield Play(by=play.by, at=play.at, state=play.state.model_copy(update=change))


def _moves() -> set[tuple[S | None, By, S]]:
    return {(old, by, new) for by, moves in MOVES.items() for old, news in moves.items() for new in news}


def _walked() -> Iterator[tuple[S | None, By, S]]:
    """Every step that the decider takes, from every state, by every input."""
    for old, makers in PLAYS.items():
        for play in (variant for make in makers for variant in variants(make())):
            assert play.state.status is old
            for given in inputs(play):
                if new := _after(play, given, play.at):
                    yield old, type(given), new
            window = play.state.term("review_apply")
            if window and play.state.is_open:
                new = _after(play, TimerDue("review_apply", window.at), window.at)
                assert new is not None
                yield old, "review_apply", new


def _after(play: Play, given: Input, at: datetime) -> S | None:
    """The state that an input leads to; None where it is refused, or nothing follows."""
    decision = play.by.decide(play.state, given, at)
    if isinstance(decision, Refused) or not decision:
        return None
    state = play.state
    for event in decision:
        state = play.by.evolve(state, event)
    return state.status


def test_every_edge_is_walked_and_no_other() -> None:
    """domain.md §4: the table and what the decider does are the same. New calendars are tested elsewhere."""
    walked = set(_walked())
    assert not walked - _moves()
    assert {edge for edge in _moves() - walked if edge[1] is not p.RecomputePetitionDeadlines} == set()


@pytest.mark.parametrize(
    ("status", "command"),
    [
        (status, by)
        for status, by in product(PLAYS, MOVES)
        if isinstance(by, type) and issubclass(by, Command) and status is not None and status not in MOVES[by]
    ],
)
def test_an_edge_that_does_not_exist_is_refused(status: S, command: type[p.PetitionCommand]) -> None:
    """domain.md §4: with a code, and a reason that names the states in which it is possible."""
    play = PLAYS[status][0]()
    given = next(action for action in ACTIONS if action.command is command).sample(actor("GL", "supervisor"))
    if status in {S.DISCIPLINE_SEALED}:
        given = given.model_copy(update={"actor": actor("GL-DISCIPLINE", "supervisor")})
    decision = play.by.decide(play.state, given, play.at)
    assert isinstance(decision, Refused)
    assert decision.code == ("OVER" if status in OVER else "NOT_IN_THIS_STATE")
    assert command.__name__ in decision.reason


def test_what_is_over_has_no_clock_and_no_exit() -> None:
    """R-PET-09: FINAL and the other ends wait for nothing; only what left may come again as a petition."""
    for status in OVER:
        play = PLAYS[status][0]()
        assert not play.by.due(play.state)
        assert play.state.unit is None
        again = play.by.decide(play.state, dispatched(), play.at)
        assert bool(again) is (status is S.LEFT)


def test_unknown_cases_and_foreign_commands_are_refused() -> None:
    """A case that is no petition takes no command."""
    assert Play().refuse(REVIEW) == "UNKNOWN_CASE"


def test_every_open_state_leads_to_an_end_by_petitions_own_steps() -> None:
    """domain.md §4: no dead end, whatever the router says or does not say."""
    own = [moves for by, moves in MOVES.items() if isinstance(by, str) or by.__module__ != r.__name__]
    leading: set[S | None] = set(OVER)
    while fresh := {
        old
        for moves in own
        for old, news in moves.items()
        if old not in leading and not leading.isdisjoint(news)
    }:
        leading |= fresh
    assert set(OPEN) <= leading


def test_final_and_the_other_ends_are_left_by_nothing_but_a_fresh_petition() -> None:
    """R-PET-09, R-PET-10: only what was converted or withdrawn may come again; a sealed exit seals all."""
    for by, moves in MOVES.items():
        for status in OVER & set(moves):
            again = by is r.CaseDispatched and status is S.LEFT
            sealed = by is r.CaseRedirected and moves[status] == {status, S.DISCIPLINE_SEALED}
            assert again or sealed or moves[status] == {status}, (by, status)
