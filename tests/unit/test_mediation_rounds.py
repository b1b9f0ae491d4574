"""A case is mediated anew, within a petition or after it; who is complained of; what is sealed (domain.md §2)."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from schemas import mediation as m
from schemas import petition as p
from schemas import router as r
from schemas.mediation import Stage
from schemas.message import Actor, Event
from schemas.procedure import HandBack
from services.mediation.domain import Mediation
from tests.unit.mediation_kit import (
    CASE,
    COMMUNITY,
    ONE,
    STREET,
    Play,
    asked,
    build,
    decider,
    dispatched,
    in_confirmation,
    in_petition,
    mediating,
    opened,
    signed,
    to_session,
)

POLICE, DISTRICT_MEDIATOR = "GL-TRAFFIC-POLICE", "GLM-GL-01"
TO_PETITION = r.TrackChosen(track="P")
ROUTE: dict[str, Any] = {"route": {"policy": "p", "jurisdiction": "j"}}


def oral() -> Play:
    play = mediating()
    play.do(m.RecordOralAgreement)
    return play


def over() -> Play:
    play = opened()
    play.do(m.TerminateMediation)
    return play


def actor(unit: str) -> Actor:
    return Actor(subject="somebody", role="mediator", unit=unit)


@pytest.mark.parametrize("make", [oral, signed, over])
def test_a_petition_is_mediated_whatever_was_agreed_before(make: Callable[[], Play]) -> None:
    """R-PET-16, R-MED-08: a new round opens at the petition's unit; the old agreement is followed up as before."""
    play = make()
    before = play.state.agreements
    play.give(TO_PETITION)
    play.give(p.PetitionSentToMediation(unit=POLICE, matter="traffic.accident"))
    state = play.state
    assert (state.stage, state.unit, state.round, state.in_petition) == (Stage.REFERRED, POLICE, 2, True)
    assert (state.procedure, state.agreements) == ("traffic", before)
    if before:
        assert state.term("visit/1") is not None
        assert play.refused(build(m.RecordVisit, actor=actor(POLICE))).code == "NOT_RESPONSIBLE"
        play.give(build(m.RecordVisit, actor=actor(COMMUNITY)))
        assert play.state.agreements[0].performance is m.Performance.PERFORMED
        assert (play.state.stage, play.count(m.MediationHandedBack)) == (Stage.REFERRED, 0)


def test_a_resident_mediates_anew_while_an_agreement_is_followed_up() -> None:
    """R-LAD-09, R-MED-08: away and back again, by a dispatch or with the unit that goes on."""
    for back in (dispatched(unit=STREET), r.TrackChosen(track="M", unit=STREET)):
        play = signed()
        play.give(TO_PETITION)
        play.give(back)
        assert (play.state.round, play.state.unit, play.state.handed_back) == (2, STREET, False)
        assert play.last(m.MediationDutyMoved).unit == STREET
        assert [one.unit for one in play.state.followed_up()] == [COMMUNITY]


def test_a_mediation_within_a_petition_makes_room_when_the_resident_leaves_the_petition() -> None:
    """R-LAD-09: from there on the router's, at once or by the dispatch that follows."""
    play = in_petition()
    play.give(r.TrackChosen(track="M"))
    assert (play.state.stage, play.state.reason) == (Stage.TERMINATED, m.TerminationReason.CONVERTED)
    play.give(dispatched(unit=STREET))
    assert (play.state.round, play.state.in_petition) == (2, False)
    other = in_petition()
    other.give(r.TrackChosen(track="M", unit=STREET))
    assert (other.state.round, other.state.in_petition, other.state.unit) == (2, False, STREET)
    assert other.last(m.MediationDutyMoved).unit == STREET


AWAY: list[tuple[tuple[Event, ...], p.Left, str | None]] = [
    ((r.TrackChosen(track="M", unit=STREET),), p.Left.CONVERTED, STREET),
    ((r.TrackChosen(track="M"), dispatched(unit=STREET)), p.Left.CONVERTED, STREET),
    ((r.TrackChosen(track="M", unit=STREET), r.TrackChosen(track="S")), p.Left.CONVERTED, None),
    ((r.TrackChosen(track="S"), dispatched(track="S")), p.Left.CONVERTED, None),
    ((r.EmergencyTransferred(**ROUTE, line="119", words="着火", unit="GL-HOTLINE"),), p.Left.DANGER, None),
    ((r.CaseClosed(outcome=r.Outcome.WITHDRAWN),), p.Left.WITHDRAWN, None),
]
"""How the router takes a case out of a petition, why the petition says it left, and who mediates it afterwards."""


@pytest.mark.parametrize(("news", "reason", "unit"), AWAY)
@pytest.mark.parametrize("make", [Play, signed])
def test_a_case_that_leaves_while_it_is_sent_to_be_mediated_has_one_owner(
    make: Callable[[], Play], news: tuple[Event, ...], reason: p.Left, unit: str | None
) -> None:
    """R-PET-16, R-LAD-05, R-LAD-09: whichever service is heard first; what the router chose is all that goes on."""
    petition = (p.PetitionSentToMediation(unit="GL-LAND"), p.PetitionLeft(reason=reason))
    for early in range(len(news) + 1):
        for late in range(early, len(news) + 1):
            play = make()
            play.give(TO_PETITION)
            told = play.count(m.MediationHandedBack)
            heard = (*news[:early], petition[0], *news[early:late], petition[1], *news[late:])
            for event in heard:
                play.give(event)
            state = play.state
            assert not (state.in_petition and state.is_under_way)
            assert (state.unit if state.is_under_way else None) == unit, heard
            assert play.count(m.MediationHandedBack) == told
            if unit is not None:
                assert play.last(m.MediationDutyMoved).unit == unit
            owed = [one for one in state.followed_up() if state.term(one.clock("visit"))]
            assert len(owed) == len(state.agreements)


def test_what_was_signed_before_the_petition_mediates_again_does_not_settle_it() -> None:
    """R-PET-16: the two rounds are apart, and the second one hands back its own result."""
    play = in_petition()
    play.do(m.DraftAgreement)
    play.do(m.SignAgreement)
    play.give(p.PetitionSentToMediation(unit="GL-LAND"))
    assert (play.state.stage, play.state.round, play.state.unit) == (Stage.REFERRED, 2, "GL-LAND")
    assert play.state.term("confirm/1") is not None
    to_session(play, DISTRICT_MEDIATOR)
    play.do(m.TerminateMediation)
    backs = [(e.unit, e.result) for e in play.events if isinstance(e, m.MediationHandedBack)]
    assert backs == [(COMMUNITY, HandBack.SETTLED), ("GL-LAND", HandBack.FAILED)]


def test_who_follows_an_agreement_up_has_no_part_in_a_later_round() -> None:
    """R-PET-11, R-PET-16: nor a supervisor above the unit that was complained of since; the visits stay theirs."""
    play = in_petition(POLICE, DISTRICT_MEDIATOR)
    play.do(m.DraftAgreement, partial=True)
    play.do(m.SignAgreement, mediators=(DISTRICT_MEDIATOR,))
    play.give(p.PetitionSubjectsNamed(subjects=(POLICE,), unit="GL-PETITION"))
    play.give(p.PetitionSentToMediation(unit="GL-LAND", subjects=(POLICE,)))
    to_session(play, DISTRICT_MEDIATOR)
    play.do(m.DraftAgreement)
    above = Actor(subject="s", role="supervisor", unit="GL-POLICE")
    for command, fields in (
        (m.TerminateMediation, {"reason": "reconciled", "settlement": True}),
        (m.SignAgreement, {"mediators": (DISTRICT_MEDIATOR,)}),
        (m.AssignMediators, {"mediators": (DISTRICT_MEDIATOR,)}),
        (m.HoldSession, {}),
    ):
        assert play.refused(build(command, actor=above, **fields)).code == "NOT_RESPONSIBLE"
    assert play.refused(build(m.RecordVisit, actor=above)).code == "NOT_RESPONSIBLE"
    play.give(build(m.RecordVisit, actor=actor("GL-LAND")))
    assert play.state.agreements[0].performance is m.Performance.PERFORMED


def test_within_a_petition_only_what_is_in_writing_settles_it() -> None:
    """R-PET-16, XF33: 应当制作调解协议书或者和解协议书; the words say what was made."""
    play = in_petition()
    assert play.no(m.RecordOralAgreement) == "WRITTEN_NEEDED"
    assert play.no(m.TerminateMediation, reason="failed", settlement=True) == "NOT_RECONCILED"
    play.do(m.TerminateMediation, reason="reconciled")
    assert play.last(m.MediationHandedBack).result is HandBack.FAILED
    other = in_petition()
    other.do(m.TerminateMediation, reason="reconciled", settlement=True)
    back = other.last(m.MediationHandedBack)
    assert back.result is HandBack.SETTLED
    assert "和解协议书" in back.explanation
    agreed = in_petition()
    agreed.do(m.DraftAgreement)
    agreed.do(m.SignAgreement)
    assert "已制作调解协议书" in agreed.last(m.MediationHandedBack).explanation


def test_a_breach_of_what_settled_a_petition_says_so() -> None:
    """R-MED-08, R-PET-16: whoever closed the petition can hear of it."""
    play = in_petition()
    play.do(m.DraftAgreement)
    play.do(m.SignAgreement)
    play.do(m.RecordVisit, performed=(), breached=True)
    assert play.last(m.AgreementBreached).in_petition
    plain = signed()
    plain.do(m.RecordVisit, performed=(), breached=True)
    assert not plain.last(m.AgreementBreached).in_petition


def test_whom_a_petition_complains_of_has_no_part_in_its_mediation() -> None:
    """R-PET-11, R-LAD-04: known with the handover; named later, the unit's mediation is over."""
    play = in_petition(POLICE, DISTRICT_MEDIATOR, subjects=(STREET,))
    assert play.refused(build(m.TerminateMediation, actor=actor(COMMUNITY))).code == "INTERESTED"
    named = p.PetitionSubjectsNamed(subjects=(STREET, POLICE), unit="GL-PETITION")
    play.give(named)
    assert (play.state.stage, play.state.reason) == (Stage.TERMINATED, m.TerminationReason.CONVERTED)
    assert play.count(m.MediationHandedBack) == 0
    assert play.give(named) == []
    play.give(p.PetitionSentToMediation(unit="GL-LAND"))
    assert play.state.subjects == (STREET, POLICE)
    assert play.refused(build(m.RegisterParties, actor=actor(POLICE))).code == "INTERESTED"


def test_who_was_recused_from_the_petition_has_no_part_in_its_mediation() -> None:
    """R-PET-11: before it was sent to be mediated or after, a mediator or not; why stays in the petition."""
    play = in_petition(recused=("off9",))
    somebody = Actor(subject="off9", role="handler", unit=COMMUNITY)
    assert play.refused(build(m.DraftAgreement, actor=somebody)).code == "RECUSED"
    colleague = somebody.model_copy(update={"subject": "off8"})
    play.give(build(m.DraftAgreement, actor=colleague))
    for officer in ("off8", ONE):
        recused = p.OfficerRecused(terms=(), officer=officer, unit=COMMUNITY, reason="系王某近亲属")
        play.give(recused)
        assert play.give(recused) == []
    assert play.refused(build(m.DraftAgreement, actor=colleague)).code == "RECUSED"
    assert (play.state.mediators, play.state.barred) == ((), ("off9", "off8", ONE))
    assert not any("王某" in one.model_dump_json() for one in play.events)
    play.give(p.PetitionSentToMediation(unit=COMMUNITY, recused=("off9",)))
    assert play.state.barred == ("off9", "off8", ONE)
    unknown = Play()
    assert unknown.give(p.OfficerRecused(terms=(), officer="off9", unit=COMMUNITY, reason="x")) == []


def test_a_round_that_was_over_is_not_handed_back_by_what_comes_later() -> None:
    """R-LAD-09: the resident took the case back; a recusal, or a visit to an earlier agreement, is no answer."""
    play = signed()
    play.give(TO_PETITION)
    play.give(dispatched())
    play.give(r.CaseClosed(outcome=r.Outcome.WITHDRAWN))
    play.give(p.OfficerRecused(terms=(), officer="off9", unit=COMMUNITY, reason="x"))
    play.do(m.RecordVisit)
    assert (play.state.stage, play.state.reason) == (Stage.TERMINATED, m.TerminationReason.WITHDRAWN)
    assert play.count(m.MediationHandedBack) == 0


def test_a_withdrawn_application_can_be_filed_again_in_time() -> None:
    """R-MED-09: within the thirty days from effect, and the court's times run anew; not after them."""
    play = in_confirmation(m.Confirmation.COURT_ACCEPTED)
    play.do(m.ExtendCourtTime)
    play.do(m.WithdrawConfirmation)
    play.wait(days=20)
    late = Play(at=play.at, state=play.state)
    play.do(m.FileConfirmation, filed_at=play.at)
    play.do(m.RecordCourtAcceptance)
    play.do(m.ExtendCourtTime)
    play.do(m.RecordCourtDecision)
    assert play.state.confirmation is m.Confirmation.CONFIRMED
    late.wait(days=20)
    assert late.no(m.FileConfirmation, filed_at=late.at) == "TOO_LATE"


def test_a_committee_of_a_unit_complained_of_mediates_no_more() -> None:
    """R-LAD-04, R-MED-04: its mediators leave; the unit that has the case names others."""
    play = mediating(unit=COMMUNITY, mediator="GLM-GL-01")
    assert play.state.committee == "GLC-GL"
    play.give(p.PetitionSubjectsNamed(subjects=("GL",)))
    assert play.state.mediators == ()
    assert play.last(m.MediatorLeft).mediator == "GLM-GL-01"


def test_who_stands_above_a_committee_complained_of_has_no_part_on_its_account() -> None:
    """R-LAD-04: once the case went to another unit, only that one acts."""
    play = mediating(matter="neighbour.pets")
    play.give(dispatched(matter="neighbour.pets", unit="GL-POLICE", subjects=(COMMUNITY,)))
    assert (play.state.unit, play.state.mediators) == ("GL-POLICE", ())
    for command in (m.DraftAgreement, m.TerminateMediation, m.AssignMediators):
        assert play.refused(build(command, actor=actor(STREET))).code == "NOT_RESPONSIBLE"
    play.do(m.TerminateMediation)


@pytest.mark.parametrize(
    "told",
    [
        p.PetitionRegistered(
            channel="letter", nature=p.Nature.CLAIM, petitioners=1, identified=True, subjects=(COMMUNITY,)
        ),
        p.PetitionSubjectsNamed(subjects=(COMMUNITY,)),
        dispatched(track="P", unit="GL-PETITION", subjects=(COMMUNITY,), procedure="petition"),
        dispatched(track="S", unit="GL-URBAN", subjects=(COMMUNITY,)),
    ],
    ids=lambda event: event.type,
)
def test_an_agreement_is_followed_up_by_nobody_complained_of(told: Event) -> None:
    """R-MED-08, R-LAD-04: whoever tells it; the unit above visits, and is reminded."""
    play = signed()
    play.give(TO_PETITION)
    play.give(told)
    assert play.state.subjects == (COMMUNITY,)
    assert play.refused(build(m.RecordVisit, actor=actor(COMMUNITY))).code == "INTERESTED"
    reminded = [event.unit for event in play.wait(days=40) if isinstance(event, m.MediationReminded)]
    assert set(reminded) == {STREET}
    play.give(build(m.RecordVisit, actor=actor(STREET)))
    assert play.state.agreements[0].performance is m.Performance.PERFORMED


SEALED_BY: list[Event] = [
    p.PetitionSealed(unit="GL-DISCIPLINE", subjects=(COMMUNITY,)),
    r.CaseRedirected.model_validate(
        {
            **ROUTE,
            "exit": {
                "code": "discipline-inspection",
                "name": "x",
                "authority": "GL-DISCIPLINE",
                "source": "x",
            },
            "registered": {"judgement": {"by": "human", "track": "L", "urgency": 4}, "sealed": True},
            "subjects": (COMMUNITY,),
        }
    ),
]


@pytest.mark.parametrize("sealed", SEALED_BY, ids=lambda event: event.type)
@pytest.mark.parametrize("make", [opened, asked, mediating, signed, over, in_petition])
def test_a_sealed_case_is_over_and_out_of_everybodys_hands(make: Callable[[], Play], sealed: Event) -> None:
    """R-PET-10: at any moment: nothing runs, nothing can be done, nobody is told but that it ended."""
    play = make()
    told = play.count(m.MediationHandedBack)
    play.give(sealed)
    state = play.state
    assert (state.sealed_to, state.stage, state.terms) == ("GL-DISCIPLINE", Stage.TERMINATED, ())
    assert play.decider.due(state) == []
    assert play.count(m.MediationHandedBack) == told
    assert play.refused(build(m.RecordVisit)).code == "SEALED"
    for later in (sealed, dispatched(), p.PetitionSentToMediation(unit="GL-LAND"), TO_PETITION):
        assert play.give(later) == []


def test_a_sealed_case_that_was_never_mediated_leaves_no_row() -> None:
    """R-PET-10: there is nothing to seal."""
    assert [Play().give(sealed) for sealed in SEALED_BY] == [[], []]


OLDER = (
    '{"case_id":"00000000-0000-0000-0000-000000000009","stage":"FOLLOW_UP","round":1,"origin":"REFERRED",'
    '"unit":"GL0101","matter":"neighbour.noise","procedure":"peoples","opened_at":"2026-06-08T02:00:00Z","closed":true,'
    '"parties":[{"label":"A","side":"applicant"},{"label":"B","side":"respondent"}],"agreed":["A","B"],'
    '"committee":"GLC-0101","mediators":["GLM-0101-01"],"sessions":1,"agreements":1,'
    '"effective_at":"2026-06-08T02:00:00Z","obligations":[{"number":1,"by":"B","due":"2026-07-01"}],'
    '"confirmation":"CONFIRM_WINDOW","terms":[{"name":"confirm","at":"2026-07-08T16:00:00Z",'
    '"since":"2026-06-08T02:00:00Z","rule":"mediation.confirm-apply","calendar":"x"},{"name":"visit",'
    '"at":"2026-07-08T16:00:00Z","since":"2026-07-01T04:00:00Z","rule":"mediation.visit","calendar":"x"}]}'
)
"""A state as it was stored when a case had the agreements of one round."""


def test_a_state_stored_in_the_older_form_goes_on() -> None:
    """R-MED-08, R-MED-09: visits and the court as before; storing it again changes nothing."""
    play = Play(state=decider().load(OLDER))
    assert [term.name for term in play.state.terms] == ["confirm/1", "visit/1"]
    [made] = play.state.agreements
    assert (made.number, made.written, made.obligations[0].due) == (1, True, date(2026, 7, 1))
    assert play.decider.load(play.decider.dump(play.state)) == play.state
    play.do(m.FileConfirmation)
    play.do(m.RecordVisit)
    assert play.state.stage is Stage.PERFORMED
    early = decider().load(f'{{"case_id":"{CASE}","stage":"REFERRED","opened_at":"2026-06-08T02:00:00Z"}}')
    assert isinstance(early, Mediation)
    assert (early.agreements, early.numbered) == ((), 0)
