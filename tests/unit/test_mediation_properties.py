"""Whatever happens in whatever order: no deadline rule breaks, no state but the final ones is without a way on."""

from datetime import timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decider import Refused, TimerDue
from schemas import mediation as m
from schemas import petition as p
from schemas import router as r
from schemas.message import Actor
from services.mediation.domain import machine
from services.mediation.domain.duty import CLOCK_OF
from services.mediation.domain.state import FINAL, OF_AGREEMENTS, kind_of
from tests.unit.mediation_kit import COMMUNITY, STREET, Play, build, dispatched

COMMANDS: Final = [kind for kind in m.COMMANDS if kind is not m.ScheduleSession]
LAND: Final = "GL-LAND"
NEWS: Final = [
    r.TrackChosen(track="P"),
    r.TrackChosen(track="M", unit=STREET),
    r.CaseClosed(outcome=r.Outcome.WITHDRAWN),
    p.PetitionSubjectsNamed(subjects=(COMMUNITY,)),
    r.HelpersRecused(
        unit=COMMUNITY,
        helpers=(r.SeatGiven(unit=LAND, number=2),),
        subjects=(LAND,),
        evidence=(),
        row=r.Fired(table="escalations", row="subject-skipped", source="R-LAD-04"),
    ),
    p.PetitionSubjectsNamed(subjects=(LAND,), unit="GL-PETITION"),
    p.PetitionSealed(unit="GL-DISCIPLINE", subjects=(STREET,)),
    p.OfficerRecused(terms=(), officer="GLM-0101-01", unit=COMMUNITY, reason="系近亲属"),
    *(p.PetitionLeft(reason=reason) for reason in p.Left),
]
"""What is no news any more when it comes again."""
OUTSIDERS: Final = (COMMUNITY, STREET, LAND, "GL-POLICE")
"""Some have the case, some had it, and follow up what was agreed then."""
COMES: Final = [
    dispatched(),
    dispatched(unit=STREET),
    dispatched(matter="livelihood.medical-dispute", unit="GL"),
    dispatched(matter="labour.dismissal", unit=STREET),
    dispatched(track="S"),
    dispatched(track="P", subjects=(COMMUNITY,)),
    p.PetitionSentToMediation(unit=LAND),
    p.PetitionSentToMediation(unit=COMMUNITY, subjects=(LAND,)),
]
step = st.one_of(
    st.tuples(st.just("do"), st.sampled_from(COMMANDS)),
    st.tuples(st.just("hear"), st.sampled_from([*NEWS, *COMES])),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("consent"), st.sampled_from(["A", "B"])),
    st.tuples(st.just("mediate"), st.booleans()),
    st.tuples(st.just("stale"), st.sampled_from(["mediate", "visit/1", "consent", "court/1", "confirm/2"])),
)


def take(play: Play, what: str, with_: Any) -> None:
    """One step; a refusal is an answer, too, and changes nothing."""
    if what == "wait":
        play.wait(days=with_)
    elif what == "stale":  # a timer of a state that has passed
        play.give(TimerDue(with_, play.at - timedelta(days=1)))
    elif what == "hear":
        play.give(with_)
    elif what == "mediate":  # so that what comes afterwards often finds an agreement
        for kind, fields in (
            (m.RegisterParties, {}),
            (m.RecordConsent, {"party": "A"}),
            (m.RecordConsent, {"party": "B"}),
            (m.AssignMediators, {}),
            (m.HoldSession, {"held_at": play.at}),
            (
                m.DraftAgreement,
                {"partial": with_, "obligations": ({"number": 1, "by": "B", "due": "2030-01-01"},)},
            ),
            (m.SignAgreement, {"signed_at": play.at}),
        ):
            attempt(play, kind, fields)
    else:
        attempt(play, *((m.RecordConsent, {"party": with_}) if what == "consent" else (with_, {})))


def attempt(play: Play, kind: type[m.MediationCommand], fields: dict[str, Any]) -> None:
    command = play.command(kind, **fields)
    if not isinstance(play.decider.decide(play.state, command, play.at), Refused):
        play.give(command)


def hands_to_subject(play: Play, news: Any) -> bool:
    """Whether a petition that hears what we hear would not say this: its unit is complained of."""
    is_sent = isinstance(news, p.PetitionSentToMediation)
    return is_sent and play.decider.desk.interested(news.unit, (*play.state.subjects, *news.subjects))


def heard(play: Play, news: Any) -> None:
    """R-PET-10, R-LAD-04: whoever is named is known from then on; what is sealed is sealed at once."""
    assert play.state.is_sealed or not isinstance(news, p.PetitionSealed)
    within = play.state.in_petition and play.state.is_under_way
    assert not within or not isinstance(
        news, p.PetitionLeft
    )  # R-PET-16: no mediation of a petition that left
    named = getattr(news, "subjects", None) or ()
    assert set(named) <= set(play.state.subjects) or play.state.is_sealed


def holds(play: Play) -> None:
    """What must hold after every step."""
    state = play.state
    if state.is_under_way and state.stage is not None:
        assert state.term(CLOCK_OF[state.stage]) is not None or state.appraisal_since
    assert all(term.at > play.at for term in state.due_terms())
    assert len({term.name for term in state.terms}) == len(state.terms)
    assert play.count(m.MediationHandedBack) <= play.count(m.MediationOpened)
    assert play.count(m.RoutesInformed) >= play.count(m.MediationTerminated)
    owed = {one.clock("visit") for one in state.followed_up()}
    assert {term.name for term in state.lasting() if kind_of(term.name) == "visit"} == owed
    running = {term.name.partition("/")[2] for term in state.terms if kind_of(term.name) in OF_AGREEMENTS}
    assert running <= {str(one.number) for one in state.agreements}
    for unit in state.subjects:
        acted = build(m.TerminateMediation, actor=Actor(subject="x", role="supervisor", unit=unit))
        assert isinstance(play.decider.decide(state, acted, play.at), Refused)
        assert unit not in {play.decider.desk.follower(state, one) for one in state.followed_up()}
    desk = play.decider.desk
    for role, unit in ((role, unit) for role in ("mediator", "supervisor") for unit in OUTSIDERS):
        acted = build(m.TerminateMediation, actor=Actor(subject="x", role=role, unit=unit))
        taken = not isinstance(play.decider.decide(state, acted, play.at), Refused)
        rounds = {one for one in (state.unit, desk.committee_unit(state.committee)) if one}
        assert not taken or any(desk.jurisdiction.in_scope(unit, one) for one in rounds)
    if state.in_petition and state.is_under_way:
        assert not play.decider.desk.interested(state.unit, state.subjects)
    if state.is_sealed:
        assert not state.is_open
        assert not state.terms


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=30), st.booleans())
def test_no_order_of_inputs_breaks_a_rule(steps: list[tuple[str, Any]], twice: bool) -> None:
    """R-MED-06, R-MED-08, R-MED-10, R-PET-10, R-PET-11, R-LAD-04: a running stage has its clock, each end its
    notice, each agreement its visits; no unit complained of acts, follows up, or mediates within a petition, and
    nobody ends a round who does not stand over it."""
    play = Play()
    play.give(dispatched())
    for what, with_ in steps:
        if hands_to_subject(play, with_):
            continue
        sealed = play.state.is_sealed
        opened, numbered = play.count(m.MediationOpened), play.state.numbered
        take(play, what, with_)
        if twice and what == "hear" and with_ in NEWS:
            assert play.give(with_) == []  # the same news again is no news
        play.wait(days=0)  # what was recorded late may be due at once
        holds(play)
        assert play.state.numbered >= numbered
        if what == "hear":
            heard(play, with_)
        if what == "hear" and isinstance(with_, p.PetitionSentToMediation):
            fresh = play.state.in_petition and play.count(m.MediationOpened) == opened + 1
            assert fresh is not sealed  # R-PET-16: a petition in MEDIATING has its mediation


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=20))
def test_left_alone_every_mediation_waits_for_performance_or_ends(steps: list[tuple[str, Any]]) -> None:
    """R-MED-12: clocks alone lead out of each stage in which nobody owes a visit or the parties' names."""
    play = Play()
    play.give(dispatched())
    for what, with_ in steps:
        take(play, what, with_)
    if play.state.appraisal_since:
        attempt(play, m.EndAppraisal, {"actor": Actor(subject="s", role="supervisor", unit="GL")})
    play.wait(days=400)
    stage = play.state.stage
    assert stage in {*FINAL, m.Stage.FOLLOW_UP, m.Stage.APPLIED, m.Stage.REFERRED, m.Stage.PROACTIVE}
    if stage not in FINAL:
        assert any(source is stage for source, _ in machine.EDGES)
        assert play.decider.due(play.state)
