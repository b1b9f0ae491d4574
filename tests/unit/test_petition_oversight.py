"""Supervision, colours, leaders, recusal, urgent reports, third parties, evaluation, mediation, calendars."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import pytest

from chassis.calendar import WorkingCalendar
from chassis.decider import TimerDue
from schemas import petition as p
from schemas.intake import FeedbackGiven
from schemas.jurisdiction import CalendarYear
from schemas.mediation import MediationHandedBack
from schemas.petition import PetitionStatus as S
from schemas.procedure import HandBack
from services.colours import Colour
from services.petition.domain import colour
from services.petition.domain.clocks import Clocks
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    DISTRICT,
    OFFICE,
    actor,
    decider_for,
    delivered,
    forwarded,
    gulou,
    investigating,
    issued,
    registered,
)


def _supervise(ground: p.SupervisionGround, unit: str = OFFICE) -> p.SupervisePetition:
    return p.SupervisePetition(actor=actor(unit), ground=ground, reason="推诿", recommendation="请限期办理")


@pytest.mark.parametrize("ground", list(p.SupervisionGround))
def test_supervision_has_its_five_grounds_and_the_unit_answers(ground: p.SupervisionGround) -> None:
    """R-PET-14: by the office or a unit above, never by the unit itself; XF40 has the unit answer."""
    play = delivered("SUPPORT")
    assert play.refuse(_supervise(ground, BRANCH)) == "NOT_A_SUPERIOR"
    assert (
        play.refuse(p.AnswerSupervision(actor=actor(BRANCH), adopted=True, note="已改进")) == "NOT_SUPERVISED"
    )
    play.give(_supervise(ground))
    told = play.last(p.PetitionSupervised)
    assert (told.unit, told.ground, told.recommendation) == (BRANCH, ground, "请限期办理")
    play.give(p.AnswerSupervision(actor=actor(BRANCH), adopted=True, note="已改进"))
    assert investigating().refuse(_supervise(p.SupervisionGround.NOT_EXECUTED)) == "NOTHING_TO_EXECUTE"


def test_delay_is_reminded_once_and_then_supervised_for_as_long_as_it_lasts() -> None:
    """R-PET-14: nothing waits in silence, and the owner stays the same."""
    play = investigating()
    told = play.wait(days=120)
    kinds = [type(event) for event in told]
    assert kinds.count(p.PetitionAtRisk) == 1
    assert kinds.count(p.PetitionReminded) == 1
    assert kinds.count(p.PetitionSupervised) > 3
    assert p.PetitionDutyMoved not in kinds
    assert play.state.unit == BRANCH
    assert play.by.due(play.state)


def test_the_five_colours() -> None:
    """R-CARD-01: green, blue when helped, yellow from 75 %, orange when overdue, red when supervised or led."""
    play = investigating()
    due = play.due("opinion")
    yellow = play.at + (due - play.at) * 0.75
    assert colour(play.state, play.at) is Colour.GREEN
    assert colour(play.state, yellow) is Colour.YELLOW
    assert colour(play.state, due - timedelta(microseconds=1)) is Colour.YELLOW
    assert colour(play.state, due) is Colour.ORANGE
    play.give(p.InviteThirdParty(actor=actor(BRANCH), kind=p.ThirdParty.ELDER, note="请长者"))
    assert colour(play.state, play.at) is Colour.BLUE
    led = p.SetPetitionLeader(actor=actor(OFFICE), leader="分管副区长", note="突出问题")
    assert play.refuse(led.model_copy(update={"actor": actor(BRANCH)})) == "NOT_A_SUPERIOR"
    play.give(led)
    assert colour(play.state, due) is Colour.RED
    assert colour(forwarded().state, play.at) is Colour.GREEN
    over = delivered()
    over.wait(days=40)
    assert colour(over.state, over.at) is None


def test_a_leader_is_an_office_and_owns_the_petition() -> None:
    """R-PET-19: 领导包案."""
    play = investigating()
    play.give(p.SetPetitionLeader(actor=actor(BUREAU), leader="分局局长", note="疑难积案"))
    assert play.state.leader == "分局局长"


@pytest.mark.parametrize("kind", list(p.ThirdParty))
def test_third_parties_may_be_invited(kind: p.ThirdParty) -> None:
    """R-PET-20: deputies, elders, lawyers, associations; while it is handled, and while it is carried out."""
    invite = p.InviteThirdParty(actor=actor(BRANCH), kind=kind, note="参与化解")
    for play in (investigating(), delivered("SUPPORT")):
        play.give(invite)
        assert play.last(p.ThirdPartyInvited).kind is kind
    assert forwarded().refuse(invite) == "NOT_IN_THIS_STATE"


def test_interested_staff_recuse() -> None:
    """R-PET-11: from then on they do nothing; a colleague goes on. No unit recuses those who oversee it."""
    play = investigating()
    officer = actor(BRANCH).subject
    recuse = p.RecuseOfficer(actor=actor("GL-COURT"), officer=officer, unit=BRANCH, reason="亲属")
    for stranger in (actor("GL-COURT"), actor(BRANCH, subject="colleague")):
        assert play.refuse(recuse.model_copy(update={"actor": stranger})) == "NOT_A_SUPERIOR"
    over_it = {"actor": actor(BRANCH, "supervisor"), "officer": "officer-1", "unit": OFFICE}
    assert play.refuse(recuse.model_copy(update=over_it)) == "NOT_A_SUPERIOR"
    assert play.refuse(recuse.model_copy(update={"unit": "GL-NOPE"})) == "UNKNOWN_UNIT"
    play.give(recuse.model_copy(update={"actor": actor(BRANCH)}))
    invite = p.InviteThirdParty(actor=actor(BRANCH), kind=p.ThirdParty.ELDER, note="请长者")
    assert play.refuse(invite) == "RECUSED"
    play.give(invite.model_copy(update={"actor": actor(BRANCH, subject="colleague")}))
    again = recuse.model_copy(update={"actor": actor(OFFICE)})
    assert play.refuse(again) == "RECUSED_ALREADY"


def test_an_urgent_matter_is_reported_at_once() -> None:
    """R-PET-15: two hours, then supervised; the report names who was told."""
    play = registered(urgent=True)
    assert play.due("urgent") == play.at + timedelta(hours=2)
    play.give(p.ReportUrgentPetition(actor=actor(OFFICE), note="已到场疏导"))
    assert play.state.term("urgent") is None
    assert "国家信访局" in play.last(p.UrgentReported).recipients
    silent = registered(urgent=True)
    silent.wait(hours=3)
    assert silent.last(p.PetitionReminded).term == "urgent"


def test_the_petitioner_evaluates_once_and_not_through_the_handling_unit() -> None:
    """R-PET-13: recorded by staff whom it does not rate; the petitioner's own hand goes before, and is the last."""
    hotline = actor(DISTRICT, "operator")
    evaluate = p.EvaluatePetition(actor=hotline, office_satisfied=True, unit_satisfied=False)
    assert investigating().refuse(evaluate) == "NOT_IN_THIS_STATE"
    play = delivered()
    for rated in (BRANCH, OFFICE):
        assert play.refuse(evaluate.model_copy(update={"actor": actor(rated)})) == "OWN_CASE"
    play.give(evaluate)
    assert play.last(p.PetitionEvaluated).unit_satisfied is False
    assert play.refuse(evaluate) == "EVALUATED_ALREADY"
    theirs = FeedbackGiven(contacted=True, resolved=True, satisfied=True)
    play.give(theirs)
    assert play.last(p.PetitionEvaluated).unit_satisfied is True
    assert play.give(theirs) == []


def test_both_sides_consent_to_a_mediation_and_its_60_days_run_on() -> None:
    """R-PET-16: within discretion; the unit stays responsible; agreed it settles, failed it is investigated on."""
    ask = p.MediatePetition(actor=actor(BRANCH), both_consent=True, within_discretion=True)
    play = investigating()
    assert play.refuse(ask.model_copy(update={"both_consent": False})) == "NO_CONSENT"
    assert play.refuse(ask.model_copy(update={"within_discretion": False})) == "NO_DISCRETION"
    due = play.due("opinion")
    told = play.give(ask)
    assert [type(event) for event in told] == [p.PetitionSentToMediation]
    assert play.last(p.PetitionSentToMediation).unit == BRANCH
    play.wait(days=10)
    back = MediationHandedBack(result=HandBack.FAILED, unit=BRANCH, explanation="未达成一致")
    play.give(back)
    assert (play.state.status, play.state.unit, play.due("opinion")) == (S.INVESTIGATING, BRANCH, due)
    play.give(ask)
    play.give(back.model_copy(update={"result": HandBack.SETTLED}))
    assert play.state.status is S.SETTLED
    assert play.last(p.PetitionHandedBack).result is HandBack.SETTLED


def test_an_extended_time_turns_yellow_at_three_quarters_of_the_whole() -> None:
    """R-CARD-01, R-PET-07."""
    play = investigating()
    start = play.at
    head = actor(BRANCH, "supervisor")
    play.give(p.ExtendPetition(actor=head, days=30, reason="需要鉴定", head="大队长"))
    due = play.due("opinion")
    assert play.due("mark") == start + (due - start) * 0.75
    assert colour(play.state, start + timedelta(days=65)) is Colour.GREEN


def test_a_new_years_schedule_moves_provisional_deadlines() -> None:
    """domain.md §6: by command, or when the clock would run out; nothing that passed twice."""
    play = issued()
    play.at = datetime(2026, 12, 20, 2, 0, tzinfo=UTC)
    fresh = Clocks(gulou().deadlines, WorkingCalendar(gulou().calendar)).start("deliver", "deliver", play.at)
    play.state = play.state.model_copy(update={"terms": (fresh,)})
    before = play.due("deliver")
    assert play.state.terms[0].provisional
    plain = gulou()
    year = CalendarYear(2027, "2027.1", frozenset({date(2027, 1, 4)}), frozenset())
    changed = replace(plain, calendar=MappingProxyType({**plain.calendar, 2027: year}))
    ask = p.RecomputePetitionDeadlines(actor=actor(DISTRICT, "supervisor"))
    assert play.give(ask) == []
    play.by = decider_for(changed)
    play.at = before
    told = play.give(TimerDue("deliver", before))
    assert [type(event) for event in told] == [p.PetitionDeadlinesRecomputed, p.PetitionDutyMoved]
    assert play.due("deliver") == before + timedelta(days=1)
    assert play.give(ask) == []
