"""Registration, forwarding, objection, acceptance, separation, sealing: R-PET-01 to 06, 10 to 12, 17, 18."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from schemas import petition as p
from schemas import router as r
from schemas.petition import PetitionStatus as S
from schemas.procedure import HandBack
from schemas.values import Channel
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    DISTRICT,
    LAND,
    OFFICE,
    Play,
    actor,
    decider_for,
    delivered,
    dispatched,
    forwarded,
    gulou,
    investigating,
    issued,
    registered,
    registration,
    reviewed,
)

EVE_OF_NATIONAL_DAY = datetime(2026, 9, 30, 15, 59, tzinfo=UTC)
"""23:59 in Shanghai, before the holidays from 1 to 7 October 2026; Saturday 10 October is worked."""


def _midnight(month: int, day: int) -> datetime:
    """The end of that day of 2026 in Shanghai."""
    return datetime(2026, month, day, 16, 0, tzinfo=UTC)


def test_every_item_is_registered_and_sorted_within_15_days() -> None:
    """R-PET-01: the office's duty from the dispatch on; late, it is reminded and then supervised."""
    play = Play()
    play.give(dispatched())
    assert (play.state.status, play.state.unit) == (S.RECEIVED, OFFICE)
    assert play.due("register") == _midnight(6, 23)
    assert play.last(p.PetitionDutyMoved).rule == "petition.register"
    play.give(registration())
    assert play.due("register") == _midnight(6, 23)
    told = play.pass_time(_midnight(7, 1))
    kinds = [type(event) for event in told]
    assert kinds[:1] == [p.PetitionReminded]
    assert p.PetitionSupervised in kinds
    assert play.last(p.PetitionSupervised).ground is p.SupervisionGround.DELAY


def test_a_petition_that_comes_at_23_59_before_a_holiday_week_is_counted_from_that_day() -> None:
    """R-PET-01, R-PET-17: 15 calendar days end on 15 October; 3 working days on 8, 9 and the made-up 10 October."""
    play = Play(at=EVE_OF_NATIONAL_DAY)
    play.give(dispatched())
    assert play.due("register") == _midnight(10, 15)
    play.give(registration())
    send = p.ForwardPetition(actor=actor(OFFICE), unit=BRANCH, reason="属其职责", simple=True)
    play.give(send)
    assert play.due("notice") == _midnight(10, 10)


def test_a_transfer_names_one_unit_and_an_assignment_a_report_too() -> None:
    """R-PET-01: 转送 and 交办; the completion report is due as stated, and supervised until it is made."""
    play = registered()
    late = p.AssignPetition(actor=actor(OFFICE), unit=BRANCH, reason="请办理", report_by=play.at)
    assert play.refuse(late) == "IN_THE_PAST"
    due = play.at + timedelta(days=20)
    play.give(late.model_copy(update={"report_by": due}))
    assert (play.state.status, play.state.unit, play.due("report")) == (S.ASSIGNED, BRANCH, due)
    assert play.last(p.PetitionDutyMoved).unit == BRANCH
    play.give(p.AcceptPetition(actor=actor(BRANCH)))
    play.give(p.InvestigatePetition(actor=actor(BRANCH)))
    play.wait(days=21)
    assert play.last(p.PetitionReminded).term == "report"
    plain = forwarded()
    assert plain.state.term("report") is None


def test_a_unit_notifies_within_15_days_or_objects_within_5_working_days() -> None:
    """R-PET-03: sent at 23:59 before the holidays; working days are 8, 9, 10 (made up), 12 and 13 October."""
    play = registered()
    play.at = EVE_OF_NATIONAL_DAY
    play.give(p.ForwardPetition(actor=actor(OFFICE), unit=BRANCH, reason="属其职责"))
    assert play.due("notice") == _midnight(10, 15)
    assert play.due("object") == _midnight(10, 13)
    objection = p.ObjectPetition(actor=actor(BRANCH), reason="非我职责", proposed="GL-URBAN")
    play.at = _midnight(10, 13)
    assert play.refuse(objection) == "TOO_LATE"
    play.at -= timedelta(microseconds=1)
    play.give(objection)
    assert (play.state.status, play.state.unit) == (S.OBJECTED, BRANCH)
    assert play.last(p.PetitionDutyMoved).due is None


def test_only_the_senders_consent_returns_it() -> None:
    """R-PET-03: refused, the unit keeps it and objects no more; consented, the sender sorts it anew."""
    objection = p.ObjectPetition(actor=actor(BRANCH), reason="非我职责")
    decision = p.DecidePetitionObjection(actor=actor(BUREAU), consents=True, reason="同意交还")
    play = forwarded()
    play.give(objection)
    assert play.refuse(decision) == "NOT_THE_SENDER"
    play.give(decision.model_copy(update={"actor": actor(OFFICE)}))
    assert (play.state.status, play.state.unit) == (S.REGISTERED, OFFICE)
    kept = forwarded()
    kept.give(objection)
    kept.give(decision.model_copy(update={"actor": actor(OFFICE), "consents": False}))
    assert (kept.state.status, kept.state.unit) == (S.FORWARDED, BRANCH)
    assert kept.refuse(objection) == "LOCKED"


def test_an_undecided_objection_is_supervised_with_its_sender() -> None:
    """R-PET-03, R-PET-14: the sender is reminded, not the unit."""
    play = forwarded()
    play.give(p.ObjectPetition(actor=actor(BRANCH), reason="非我职责"))
    play.wait(days=30)
    assert play.last(p.PetitionSupervised).unit == OFFICE


def test_a_unit_that_received_it_itself_accepts_it_itself() -> None:
    """R-PET-02: registered by the unit, without any sender; not its remit, it says where to go."""
    play = Play()
    play.give(dispatched(BRANCH))
    play.give(registration(BRANCH))
    away = Play(state=play.state, at=play.at)
    play.give(p.AcceptPetition(actor=actor(BRANCH)))
    assert play.last(p.PetitionAccepted).direct
    away.give(p.DeclinePetition(actor=actor(BRANCH), explanation="不属我单位职权。", go_to="市交通运输局"))
    back = away.last(p.PetitionHandedBack)
    assert away.state.status is S.NOT_ACCEPTED
    assert (back.result, "市交通运输局" in back.explanation) == (HandBack.ENDED, True)
    assert registered().refuse(p.AcceptPetition(actor=actor(OFFICE))) == "NOT_A_HANDLING_UNIT"


def test_a_unit_sends_petitions_only_to_units_below_it() -> None:
    """R-PET-02: the bureau to its branch, not to another office; only the petition office sends to all (XF22)."""
    play = Play()
    play.give(dispatched(BUREAU))
    play.give(registration(BUREAU))
    send = p.ForwardPetition(actor=actor(BUREAU), unit=LAND, reason="属其职责")
    assert play.refuse(send) == "NOT_BELOW"
    play.give(send.model_copy(update={"unit": BRANCH}))
    assert (play.state.unit, play.state.sender) == (BRANCH, BUREAU)


def test_no_notice_is_owed_where_name_or_address_is_unclear() -> None:
    """R-PET-02: registered all the same, and noted."""
    play = registered(sealed=None)
    assert play.state.identified is False
    assert play.state.status is S.REGISTERED


def test_a_dispute_is_decided_by_the_common_superior() -> None:
    """R-PET-04: of bureau and land office it is the district; of units without one, the joint conference."""
    decide = p.DecidePetitionDispute(
        actor=actor(BUREAU), units=(BRANCH, LAND), unit=LAND, reason="依职责清单"
    )
    play = registered()
    assert play.refuse(decide) == "NOT_THE_SUPERIOR"
    play.give(decide.model_copy(update={"actor": actor(DISTRICT)}))
    told = play.last(p.PetitionDisputeDecided)
    assert (told.decided_by, told.conference, play.state.unit) == (DISTRICT, False, LAND)
    assert play.refuse(p.ObjectPetition(actor=actor(LAND), reason="非我职责")) == "LOCKED"
    alone = registered()
    utilities = decide.model_copy(
        update={"actor": actor(DISTRICT), "units": ("GL-WATER", "GL-GAS"), "unit": "GL-WATER"}
    )
    alone.give(utilities)
    assert alone.last(p.PetitionDisputeDecided).conference


def test_an_abolished_units_duty_is_its_successors() -> None:
    """R-PET-04: sent to a unit that is no more, it reaches the one that took over."""
    plain = gulou()
    units = dict(plain.units)
    units[BRANCH] = replace(units[BRANCH], successor="GL-TRANSPORT")
    changed = replace(plain, units=MappingProxyType(units))
    play = registered()
    play.by = decider_for(changed)
    play.give(p.ForwardPetition(actor=actor(OFFICE), unit=BRANCH, reason="属其职责"))
    told = play.last(p.PetitionForwarded)
    assert (told.unit, told.successor_of, play.state.unit) == ("GL-TRANSPORT", BRANCH, "GL-TRANSPORT")


@pytest.mark.parametrize(
    ("earlier", "new_facts", "status"),
    [
        (p.EarlierPetition(status=S.FINAL, terminated=True), False, S.NOT_ACCEPTED),
        (p.EarlierPetition(status=S.SETTLED, terminated=True), False, S.NOT_ACCEPTED),
        (p.EarlierPetition(status=S.FINAL, terminated=True), True, S.REGISTERED),
        (p.EarlierPetition(status=S.INVESTIGATING, terminated=False), False, S.NOT_ACCEPTED),
        (
            p.EarlierPetition(status=S.INVESTIGATING, terminated=False, due=datetime(2026, 6, 1, tzinfo=UTC)),
            False,
            S.REGISTERED,
        ),
        (p.EarlierPetition(status=S.LAPSED, terminated=False), False, S.REGISTERED),
    ],
)
def test_a_repeat_is_linked_and_accepted_again_only_for_a_reason(
    earlier: p.EarlierPetition, new_facts: bool, status: S
) -> None:
    """R-PET-05, R-PET-09, R-PET-18: not what is final, nor what is in progress and within time; new facts count."""
    first = Play().state.case_id
    play = registered(same_as=first, earlier=earlier, new_facts=new_facts)
    assert (play.state.status, play.state.same_as) == (status, first)
    if status is S.NOT_ACCEPTED:
        assert play.last(p.PetitionHandedBack).result is HandBack.ENDED


def test_a_group_that_comes_in_person_elects_five_at_most() -> None:
    """R-PET-12: XF20; letters may be signed by any number."""
    play = Play()
    play.give(dispatched())
    visit: dict[str, Any] = {"channel": Channel.VISIT, "petitioners": 9}
    assert play.refuse(registration(**visit)) == "TOO_MANY_REPRESENTATIVES"
    assert play.refuse(registration(**visit, representatives=6)) == "TOO_MANY_REPRESENTATIVES"
    assert play.refuse(registration(petitioners=2, representatives=3)) == "TOO_MANY_REPRESENTATIVES"
    play.give(registration(**visit, representatives=5))
    assert play.state.petitioners == 9
    assert registered(petitioners=9).state.status is S.REGISTERED


def test_what_has_a_statutory_procedure_goes_there_with_an_explanation() -> None:
    """R-PET-06: by an exit of its way and no other, told to the petitioner and to the router."""
    route = p.RoutePetition(
        actor=actor(OFFICE), way=p.LegalWay.ARBITRATION, exit="reconsideration", explanation="请申请劳动仲裁"
    )
    play = registered()
    assert play.refuse(route) == "WRONG_EXIT"
    play.give(route.model_copy(update={"exit": "labour-arbitration"}))
    back = play.last(p.PetitionHandedBack)
    assert (play.state.status, play.state.exit) == (S.STATUTORY_ROUTED, "labour-arbitration")
    assert (back.result, back.exit, back.explanation) == (
        HandBack.EXIT,
        "labour-arbitration",
        "请申请劳动仲裁",
    )
    assert play.last(p.PetitionRouted).exit.authority == "GL-LABOUR"


def test_accusations_go_sealed_to_the_discipline_body() -> None:
    """R-PET-10: no event of it holds a word of the staff or of the petitioner, and no unit of ours has it."""
    play = registered()
    assert play.refuse(p.SealPetition(actor=actor(OFFICE), subjects=("GL-DISCIPLINE",))) == "INTERESTED"
    told = play.give(p.SealPetition(actor=actor(OFFICE), subjects=(LAND,)))
    assert play.state.status is S.DISCIPLINE_SEALED
    assert [type(event) for event in told] == [p.PetitionSealed, p.PetitionHandedBack]
    assert play.last(p.PetitionHandedBack).exit == "discipline-inspection"
    assert not {"reason", "note", "text"} & set(p.SealPetition.model_fields)
    assert not {"reason", "note", "text"} & set(p.PetitionSealed.model_fields)


def test_nothing_is_sent_to_who_is_complained_of() -> None:
    """R-PET-10, R-PET-11: neither to the unit nor to what stands under it; what it has, it hands over."""
    play = registered(subjects=(BUREAU,))
    for unit in (BUREAU, BRANCH):
        send = p.ForwardPetition(actor=actor(OFFICE), unit=unit, reason="属其职责")
        assert play.refuse(send) == "INTERESTED"
    here = forwarded()
    here.give(p.NamePetitionSubjects(actor=actor(OFFICE), subjects=(BUREAU,), reason="被反映"))
    assert (here.state.status, here.state.unit) == (S.REGISTERED, OFFICE)
    assert here.refuse(p.AcceptPetition(actor=actor(BRANCH))) == "INTERESTED"


def test_a_district_complained_of_leaves_to_its_superior() -> None:
    """R-PET-11: nobody below may have it; the way out is named."""
    play = Play()
    play.give(dispatched())
    play.give(registration(subjects=(DISTRICT,)))
    assert (play.state.status, play.state.exit) == (S.STATUTORY_ROUTED, "superior-petition")


def test_a_simple_petition_is_accepted_within_3_and_decided_within_10_working_days() -> None:
    """R-PET-17: first-time claims only; the ordinary time counts from the acceptance when it proves not simple."""
    play = registered()
    send = p.ForwardPetition(actor=actor(OFFICE), unit=BRANCH, reason="事实清楚", simple=True)
    play.give(send)
    assert play.due("notice") == _midnight(6, 11)
    play.give(p.AcceptPetition(actor=actor(BRANCH), simple=True))
    assert play.due("opinion") == _midnight(6, 23)  # 19 June is a holiday
    extend = p.ExtendPetition(actor=actor(BRANCH, "supervisor"), days=1, reason="需要鉴定", head="大队长")
    assert play.refuse(extend) == "SIMPLE"
    play.give(p.LeaveSimpleProcedure(actor=actor(BRANCH), reason="存在争议"))
    assert play.due("opinion") == _midnight(8, 7)
    late = forwarded()
    late.at = _midnight(6, 11)
    assert late.refuse(p.AcceptPetition(actor=actor(BRANCH), simple=True)) == "TOO_LATE"
    late.give(p.AcceptPetition(actor=actor(BRANCH)))
    assert late.state.simple is False
    again = registered(
        same_as=late.state.case_id, earlier=p.EarlierPetition(status=S.LAPSED, terminated=False)
    )
    again.give(send.model_copy(update={"simple": False}))
    assert again.refuse(p.AcceptPetition(actor=actor(BRANCH), simple=True)) == "NOT_SIMPLE"


@pytest.mark.parametrize("make", [forwarded, investigating, issued, delivered, reviewed])
@pytest.mark.parametrize("unit", [OFFICE, DISTRICT, "GL-HOTLINE", "GL-POLICE"])
def test_an_accusation_is_sealed_until_the_end_by_who_oversees_it(make: Any, unit: str) -> None:
    """R-PET-10: found late or by another than who has it, it goes to the discipline body all the same."""
    play = make()
    assert play.refuse(p.SealPetition(actor=actor(LAND, "supervisor"))) == "NOT_RESPONSIBLE"
    play.give(p.SealPetition(actor=actor(unit, "operator"), subjects=(LAND,)))
    assert (play.state.status, play.state.unit) == (S.DISCIPLINE_SEALED, None)
    assert play.last(p.PetitionHandedBack).exit == "discipline-inspection"


def test_a_case_that_goes_another_way_is_no_petition_any_more_and_may_become_one_again() -> None:
    """R-LAD-09, R-LAD-05: converted, in danger, withdrawn; chosen again, it goes on where it was."""
    for event, reason in (
        (r.TrackChosen(track="M"), p.Left.CONVERTED),
        (
            r.EmergencyTransferred(
                route=r.Route(policy="p", jurisdiction="j"), line="110", words="打人", unit=OFFICE
            ),
            p.Left.DANGER,
        ),
        (r.CaseClosed(outcome=r.Outcome.WITHDRAWN), p.Left.WITHDRAWN),
    ):
        play = forwarded()
        told = play.give(event)
        assert [type(one) for one in told] == [p.PetitionLeft]
        assert play.last(p.PetitionLeft).reason is reason
    was = forwarded().state
    told = play.give(dispatched())
    assert [type(one) for one in told] == [p.PetitionResumed, p.PetitionDutyMoved]
    assert play.state == was


def test_the_routers_echo_of_our_own_move_changes_nothing() -> None:
    """One responsible unit: the fresh dispatch that follows `PetitionDutyMoved` is no news."""
    play = forwarded()
    assert play.give(dispatched(BRANCH, locked=True)) == []
    assert play.give(dispatched(OFFICE)) == []
    assert play.state.unit == BRANCH
