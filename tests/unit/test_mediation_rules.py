"""Each rule of mediation (domain.md §2), with the code that it has there."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import mediation as m
from schemas import router as r
from schemas.mediation import Stage, TerminationReason
from schemas.message import Actor
from schemas.petition import PetitionSentToMediation, PetitionSubjectsNamed
from schemas.procedure import HandBack
from tests.unit.mediation_kit import (
    COMMUNITY,
    DEBT,
    MONDAY,
    ONE,
    PARTIES,
    STREET,
    THREE,
    TWO,
    Play,
    accepted,
    asked,
    build,
    dispatched,
    gulou,
    mediating,
    mediators,
    opened,
    signed,
)

DISTRICT_MEDIATOR = "GLM-GL-01"


def test_anyone_of_the_committees_on_the_way_up_may_mediate() -> None:
    """R-MED-01, R-MED-02: the unit's own committee, those above, and the specialists of the field."""
    found = mediators().committees_for("GL010101", "property", gulou())
    assert [committee.code for committee in found] == ["GLC-0101", "GLC-01", "GLC-GL", "GLC-PROPERTY"]


def test_mediators_are_assigned_or_chosen() -> None:
    """R-MED-02: one or more, of one committee that works by this kind of mediation here."""
    play = asked()
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    play.do(m.AssignMediators, mediators=(ONE, TWO), chosen_by_parties=True)
    assert play.last(m.MediatorsAssigned).chosen_by_parties
    assert play.state.mediators == (ONE, TWO)
    for wrong, code in (
        (("GLM-NOBODY",), "UNKNOWN_MEDIATOR"),
        ((ONE, ONE), "ONE_COMMITTEE"),
        ((ONE, "GLM-01-01"), "ONE_COMMITTEE"),
        (("GLM-0102-01",), "WRONG_COMMITTEE"),
    ):
        assert play.no(m.AssignMediators, mediators=wrong) == code


@pytest.mark.parametrize(
    ("more", "origin"),
    [({"track_asked": "M"}, Stage.APPLIED), ({"channel": "grid"}, Stage.PROACTIVE), ({}, Stage.REFERRED)],
)
def test_it_starts_by_application_proactively_or_by_referral(more: dict[str, Any], origin: Stage) -> None:
    """R-MED-03: by what the router knows of how the case came in."""
    assert opened(**more).state.stage is origin


def test_a_resident_may_choose_mediation_from_another_track() -> None:
    """R-MED-03, R-LAD-09: the unit that has the case goes on with it; a dispatch that follows is waited for."""
    play = Play()
    assert play.give(r.TrackChosen(track="M")) == []
    known = dispatched(subjects=("GL02",)).registered
    play.give(r.TrackChosen(track="M", unit=COMMUNITY, registered=known))
    assert (play.state.stage, play.state.unit, play.state.subjects) == (Stage.APPLIED, COMMUNITY, ("GL02",))
    assert play.give(r.TrackChosen(track="M", unit=COMMUNITY)) == []


def test_one_clear_refusal_blocks_it() -> None:
    """R-MED-03, R-MED-10: refused, terminated, and the other ways told, in one step."""
    play = asked()
    events = play.do(m.RecordConsent, party="B", agrees=False)
    assert [type(event).__name__ for event in events] == [
        "ConsentRecorded",
        "MediationTerminated",
        "RoutesInformed",
        "MediationHandedBack",
    ]
    assert play.state.reason is TerminationReason.REFUSED


def test_parties_may_refuse_a_mediator_and_choose_closed() -> None:
    """R-MED-04: a refused or recused mediator never comes back; one wish is enough to close the doors."""
    play = asked()
    play.do(m.RecordConsent, party="A", closed=True)
    play.do(m.RecordConsent, party="B")
    assert not play.last(m.MediationAccepted).open
    play.do(m.AssignMediators, mediators=(ONE, TWO))
    play.do(m.RefuseMediator, mediator=ONE)
    play.do(m.RecuseMediator, mediator=TWO)
    assert play.state.mediators == ()
    assert play.no(m.HoldSession, open=False) == "NO_MEDIATOR"
    for gone in (ONE, TWO):
        assert play.no(m.AssignMediators, mediators=(gone,)) == "BARRED"
    play.do(m.AssignMediators, mediators=(THREE,))
    assert play.no(m.HoldSession, open=True) == "CLOSED"
    play.do(m.HoldSession, open=False)
    assert play.no(m.RefuseMediator, mediator=ONE) == "NOT_ASSIGNED"


def test_a_panel_has_all_its_seats_and_the_parties_consent() -> None:
    """R-MED-04: mediator, police and lawyer; others take part only if the parties agree (TJ20)."""
    play = accepted()
    police = {"seat": "police", "staff": "GL-POLICE-7"}
    lawyer = {"seat": "lawyer", "staff": "GL-LEGAL-AID-3"}
    panel: dict[str, Any] = {"panel": "three-in-one", "seats": (police, lawyer), "parties_agree": True}
    assert play.no(m.AssignMediators, **{**panel, "seats": (police,)}) == "SEATS"
    assert play.no(m.AssignMediators, **{**panel, "seats": (police, police)}) == "SEATS"
    assert play.no(m.AssignMediators, **{**panel, "parties_agree": False}) == "AGREEMENT_NEEDED"
    assert play.no(m.AssignMediators, **{**panel, "panel": "circus"}) == "UNKNOWN_PANEL"
    assert play.no(m.AssignMediators, seats=(police,)) == "NO_PANEL"
    play.do(m.AssignMediators, **panel)
    assert (play.state.panel, [seat.staff for seat in play.state.seats]) == (
        "three-in-one",
        ["GL-POLICE-7", "GL-LEGAL-AID-3"],
    )
    trio: dict[str, Any] = {"panel": "traffic-trio", "parties_agree": True}
    court, procurator = {"seat": "court", "staff": "GL-COURT-1"}, {"seat": "procuratorate", "staff": "X"}
    play.do(m.AssignMediators, **trio, seats=(court, procurator))
    assert play.last(m.MediatorsAssigned).panel == "traffic-trio"
    for wrong, code in (
        ({**panel, "seats": (police, lawyer | {"staff": "GL-POLICE-7"})}, "SAME_PERSON"),
        ({**panel, "seats": (police, lawyer | {"staff": "GL-POLICE-8"})}, "WRONG_STAFF"),
        ({**trio, "seats": (court, procurator | {"staff": "GL-COURT-1"})}, "SAME_PERSON"),
        ({**trio, "seats": (court, procurator | {"staff": ONE})}, "SAME_PERSON"),
    ):
        assert play.no(m.AssignMediators, **wrong) == code


def test_who_has_a_seat_can_be_refused_and_must_be_replaced() -> None:
    """R-MED-04: the panel does not sit without them, and they do not come back; nor does an interested body."""
    play = accepted()
    seats = ({"seat": "police", "staff": "GL-POLICE-7"}, {"seat": "lawyer", "staff": "GL-LEGAL-AID-3"})
    panel: dict[str, Any] = {"panel": "three-in-one", "seats": seats, "parties_agree": True}
    play.do(m.AssignMediators, **panel)
    play.do(m.RefuseMediator, mediator="GL-POLICE-7")
    assert play.no(m.HoldSession) == "SEATS"
    assert play.no(m.AssignMediators, **panel) == "BARRED"
    play.do(m.AssignMediators, **panel | {"seats": (seats[0] | {"staff": "GL-POLICE-8"}, seats[1])})
    play.do(m.HoldSession)
    other = accepted(subjects=("GL-POLICE",))
    assert other.no(m.AssignMediators, **panel) == "INTERESTED"


def test_it_never_stands_in_the_way_of_other_routes() -> None:
    """R-MED-05: who goes to court ends it; a case that takes another track leaves at once."""
    play = mediating()
    play.do(m.TerminateMediation, reason="lawsuit")
    assert play.last(m.MediationHandedBack).routes == ("court",)
    other = mediating()
    other.give(r.TrackChosen(track="L"))
    assert (other.state.stage, other.state.reason) == (Stage.TERMINATED, TerminationReason.CONVERTED)


def test_one_month_and_longer_if_all_agree() -> None:
    """R-MED-06: 30 days from consent; more by agreement of all, before the end, from the end."""
    play = accepted()
    term = play.state.term("mediate")
    assert term is not None
    assert term.at == datetime(2026, 7, 8, 16, tzinfo=UTC)  # the end of 8 July in Shanghai
    assert play.no(m.ProlongMediation, agreed=("A", "A")) == "ALL_AGREE"
    play.at = term.at - timedelta(microseconds=1)
    play.do(m.ProlongMediation, days=10)
    longer = play.state.term("mediate")
    assert longer is not None
    assert longer.at == datetime(2026, 7, 20, 16, tzinfo=UTC)  # 18 July is a Saturday
    play.at = longer.at
    assert play.no(m.ProlongMediation) == "EXPIRED"


def test_what_expires_is_terminated_with_the_notice() -> None:
    """R-MED-06, R-MED-10, R-MED-12: when the time is over without agreement; also where nobody was looking."""
    play = mediating()
    play.at = MONDAY + timedelta(days=200)  # the service was down
    assert play.no(m.HoldSession, held_at=play.at) == "EXPIRED"
    assert play.no(m.ContinueMediation) == "WRONG_STAGE"
    play.wait(days=0)
    assert (play.state.stage, play.state.reason) == (Stage.TERMINATED, TerminationReason.EXPIRED)
    assert play.last(m.RoutesInformed).routes[0].code == "court"


def test_what_was_signed_in_time_counts_though_recorded_late() -> None:
    """R-MED-06, R-MED-07: the day of signature decides, as long as nothing ended it before."""
    play = mediating()
    play.do(m.DraftAgreement)
    term = play.state.term("mediate")
    assert term is not None
    play.at = term.at + timedelta(hours=1)
    assert play.no(m.SignAgreement, signed_at=term.at) == "EXPIRED"
    play.do(m.SignAgreement, signed_at=term.at - timedelta(seconds=1))
    assert play.state.stage is Stage.FOLLOW_UP


def test_a_written_agreement_needs_all_signatures_and_the_seal() -> None:
    """R-MED-07: parties, mediators, seal; effective that day."""
    play = mediating()
    assert play.no(m.SignAgreement) == "NO_DRAFT"
    assert play.no(m.TerminateMediation, reason="unsigned") == "NO_DRAFT"
    play.do(m.DraftAgreement)
    for wrong, code in (
        ({"signed": ("A", "A")}, "ALL_SIGN"),
        ({"mediators": (TWO,)}, "MEDIATORS_SIGN"),
        ({"sealed_by_committee": False}, "SEAL_NEEDED"),
        ({"signed_at": MONDAY + timedelta(days=1)}, "IN_THE_FUTURE"),
        ({"signed_at": MONDAY - timedelta(seconds=1)}, "BEFORE_THE_SESSION"),
    ):
        assert play.no(m.SignAgreement, **wrong) == code
    play.do(m.SignAgreement)
    reached = play.last(m.AgreementReached)
    assert (reached.written, reached.partial, reached.effective_at) == (True, False, MONDAY)


def test_who_has_a_seat_signs_with_the_mediators() -> None:
    """R-MED-07, R-MED-04: without police and lawyer of the panel it has no effect."""
    play = accepted()
    seats = ({"seat": "police", "staff": "GL-POLICE-7"}, {"seat": "lawyer", "staff": "GL-LEGAL-AID-3"})
    play.do(m.AssignMediators, panel="three-in-one", seats=seats, parties_agree=True)
    play.do(m.HoldSession)
    play.do(m.DraftAgreement)
    for some in ((ONE,), (ONE, "GL-POLICE-7"), ("GL-POLICE-7", "GL-LEGAL-AID-3")):
        assert play.no(m.SignAgreement, mediators=some) == "MEDIATORS_SIGN"
    play.do(m.SignAgreement, mediators=(ONE, "GL-POLICE-7", "GL-LEGAL-AID-3"))
    assert play.state.stage is Stage.FOLLOW_UP


def test_obligations_name_parties_and_have_numbers_of_their_own() -> None:
    """R-MED-07: who owes what until when: not before it was agreed, and not beyond all calendars."""
    play = mediating()
    other = m.Obligation(number=1, by="C", due=date(2026, 7, 1))
    assert play.no(m.DraftAgreement, obligations=(other,)) == "UNKNOWN_PARTY"
    assert play.no(m.DraftAgreement, obligations=(DEBT, DEBT)) == "SAME_NUMBER"
    early = DEBT.model_copy(update={"due": date(2020, 7, 1)})
    assert play.no(m.DraftAgreement, obligations=(early,)) == "DUE_BEFORE"
    assert play.no(m.RecordOralAgreement, obligations=(early,)) == "DUE_BEFORE"
    with pytest.raises(ValidationError, match="less than 2200-01-01"):
        m.Obligation(number=1, by="B", due=date(9999, 12, 31))
    play.do(m.DraftAgreement)
    play.do(m.DraftAgreement)
    assert play.last(m.AgreementDrafted).number == 1  # a newer draft takes the older one's place


def test_nothing_of_a_mediation_lies_before_the_consent() -> None:
    """R-MED-03: to the second: consent after the case came, sessions after consent, agreements after a session."""
    play = asked()
    play.at = MONDAY + timedelta(hours=2)
    early = MONDAY - timedelta(seconds=1)
    assert play.no(m.RecordConsent, said_at=early) == "BEFORE_THE_OPENING"
    assert play.no(m.RecordConsent, said_at=play.at + timedelta(seconds=1)) == "IN_THE_FUTURE"
    agreed = MONDAY + timedelta(hours=1)
    play.do(m.RecordConsent, said_at=agreed)
    play.do(m.RecordConsent, party="B", said_at=MONDAY)
    term = play.state.term("mediate")
    assert (play.state.accepted_at, term and term.since) == (agreed, agreed)
    play.do(m.AssignMediators)
    assert play.no(m.HoldSession, held_at=agreed - timedelta(seconds=1)) == "BEFORE_CONSENT"
    held = agreed + timedelta(minutes=10)
    play.do(m.HoldSession, held_at=held)
    before = held - timedelta(seconds=1)
    assert play.no(m.RecordOralAgreement, agreed_at=before) == "BEFORE_THE_SESSION"
    play.do(m.DraftAgreement)
    assert play.no(m.SignAgreement, signed_at=before) == "BEFORE_THE_SESSION"
    play.do(m.SignAgreement, signed_at=held)


def test_times_are_written_in_minutes() -> None:
    """R-MED-03: what happened in the minute of the step before it did not happen before it."""
    play = asked()
    play.at = MONDAY + timedelta(seconds=30, microseconds=9)
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    play.do(m.AssignMediators)
    assert play.no(m.HoldSession, held_at=MONDAY - timedelta(seconds=1)) == "BEFORE_CONSENT"
    play.do(m.HoldSession, held_at=play.at)
    play.do(m.DraftAgreement)
    play.do(m.SignAgreement, signed_at=MONDAY)
    play.do(m.FileConfirmation, filed_at=MONDAY)


def test_times_are_now_unless_said() -> None:
    """R-MED-07: whoever records at once names no time."""
    play = accepted()
    play.do(m.HoldSession, held_at=None)
    play.do(m.DraftAgreement)
    play.do(m.SignAgreement, signed_at=None)
    play.do(m.FileConfirmation, filed_at=None)
    assert play.state.agreements[0].effective_at == play.last(m.ConfirmationFiled).filed_at == play.at


def test_a_session_names_who_came_once_and_lies_within_the_time() -> None:
    """R-MED-04, R-MED-06."""
    play = accepted()
    assert play.no(m.HoldSession, attended=("A", "A")) == "SAME_LABEL"
    assert play.no(m.ScheduleSession, at=MONDAY + timedelta(days=40)) == "AFTER_THE_TERM"


def test_what_a_party_said_of_openness_can_be_taken_back() -> None:
    """R-MED-04: TJ23; by the same party only, and the last word counts."""
    play = accepted()
    play.do(m.SayOpenness, party="A", closed=True)
    play.do(m.SayOpenness, party="B", closed=False)
    assert play.no(m.HoldSession) == "CLOSED"
    play.do(m.SayOpenness, party="A", closed=False)
    play.do(m.HoldSession)
    assert play.no(m.SayOpenness, party="C", closed=True) == "UNKNOWN_PARTY"


def test_a_medical_mediation_is_closed_unless_both_let_it_be_open() -> None:
    """R-MED-04, R-MED-15: 医疗纠纷条例 42."""
    play = asked(matter="livelihood.medical-dispute", unit="GL")
    play.do(m.RecordConsent, closed=False)
    play.do(m.RecordConsent, party="B")
    assert not play.last(m.MediationAccepted).open
    play.do(m.AssignMediators, mediators=("GLM-MEDICAL-01",))
    assert play.no(m.HoldSession) == "CLOSED"
    play.do(m.SayOpenness, party="B", closed=False)
    play.do(m.HoldSession)


@pytest.mark.parametrize(
    "kind", ["medical", "labour", "traffic", "traffic-police", "land-contract", "judicial"]
)
def test_a_kind_of_mediation_is_for_its_matters(kind: str) -> None:
    """R-MED-13, R-MED-14, R-MED-15: a quarrel about a dog is none of these."""
    assert opened(matter="neighbour.pets").no(m.RegisterParties, procedure=kind) == "WRONG_PROCEDURE"


def test_who_was_recused_has_no_more_part_in_the_case() -> None:
    """R-MED-04: not under the own token either, nor in a later round."""
    play = mediating()
    play.do(m.RecuseMediator)
    gone = Actor(subject=ONE, role="mediator", unit=COMMUNITY)
    assert play.refused(build(m.AssignMediators, mediators=(TWO,), actor=gone)).code == "RECUSED"
    play.do(m.TerminateMediation, asks_higher=True)
    play.give(dispatched(unit=STREET))
    assert play.refused(build(m.KeepParties, actor=gone)).code == "RECUSED"


def test_an_oral_agreement_counts_from_the_agreement() -> None:
    """R-MED-07: no signatures; the mediator recorded it; nothing to be confirmed by a court (QR3)."""
    play = mediating()
    assert play.no(m.RecordOralAgreement, agreed=("A", "A")) == "ALL_AGREE"
    play.do(m.RecordOralAgreement)
    assert (play.state.stage, play.state.confirmation) == (Stage.FOLLOW_UP, m.Confirmation.NONE)
    assert not play.last(m.AgreementReached).written


def test_performance_is_followed_up_until_it_is_done() -> None:
    """R-MED-08: five working days after each day of performance; whoever forgets is reminded again and again."""
    play = signed()
    visit = play.state.term("visit/1")
    assert visit is not None
    assert visit.at == datetime(2026, 7, 8, 16, tzinfo=UTC)
    fired = [event for event in play.wait(days=60) if isinstance(event, m.MediationReminded)]
    assert len(fired) >= 3
    assert play.no(m.RecordVisit, performed=(2,)) == "UNKNOWN_OBLIGATION"
    play.do(m.RecordVisit, performed=())
    assert play.state.stage is Stage.FOLLOW_UP
    assert play.state.term("visit/1") is not None
    assert play.no(m.RecordVisit, performed=(1,), breached=True) == "ALL_PERFORMED"
    play.do(m.RecordVisit)
    back = play.last(m.MediationHandedBack)
    assert (play.state.stage, back.result) == (Stage.PERFORMED, HandBack.SETTLED)


def test_a_breach_leads_to_the_notice_of_the_court() -> None:
    """R-MED-08: a dispute about performance goes to court; a confirmed agreement can be enforced (TJ33)."""
    play = signed()
    play.do(m.FileConfirmation)
    play.do(m.RecordCourtAcceptance)
    play.do(m.RecordCourtDecision)
    play.do(m.RecordVisit, performed=(), breached=True)
    assert play.state.stage is Stage.LEGAL_INFORMED
    assert play.last(m.AgreementBreached).obligations == (1,)
    informed = play.last(m.RoutesInformed)
    assert ([route.code for route in informed.routes], informed.enforceable) == (["court"], True)
    assert play.last(m.MediationHandedBack).result is HandBack.FAILED


def test_confirmation_is_asked_jointly_within_thirty_days() -> None:
    """R-MED-09: on the last day, not the day after, whenever it is entered."""
    play = signed()
    window = play.state.term("confirm/1")
    assert window is not None
    assert window.at == datetime(2026, 7, 8, 16, tzinfo=UTC)
    play.at = window.at + timedelta(hours=1)
    assert play.no(m.FileConfirmation, filed_at=window.at) == "TOO_LATE"
    assert play.no(m.FileConfirmation, filed_at=MONDAY - timedelta(seconds=1)) == "TOO_EARLY"
    assert play.no(m.FileConfirmation, filed_at=play.at + timedelta(days=1)) == "IN_THE_FUTURE"
    assert play.no(m.FileConfirmation, jointly=("A", "A")) == "JOINTLY"
    play.do(m.FileConfirmation, filed_at=window.at - timedelta(seconds=1))
    late = signed()
    late.wait(days=40)
    assert (late.state.confirmation, late.count(m.ConfirmationLapsed)) == (m.Confirmation.LAPSED, 1)
    assert late.no(m.FileConfirmation, filed_at=window.at) == "TOO_LATE"
    late.do(m.FileConfirmation, filed_at=window.at - timedelta(seconds=1))
    assert late.state.confirmation is m.Confirmation.FILED


@pytest.mark.parametrize("about", ["personal_status", "adoption", "marriage", "property_title", "ip_title"])
def test_what_no_court_confirms_is_refused(about: str) -> None:
    """R-MED-09: QR4; title to property and to intellectual property."""
    assert signed().no(m.FileConfirmation, about=about) == "EXCLUDED"


def test_the_court_has_its_dates() -> None:
    """R-MED-09: three days to accept, fifteen to decide, ten more once; a late court is asked once."""
    play = signed()
    play.do(m.FileConfirmation)
    accept = play.state.term("court/1")
    assert accept is not None
    assert accept.at == datetime(2026, 6, 11, 16, tzinfo=UTC)
    assert play.no(m.RecordCourtDecision) == "NOT_ACCEPTED_YET"
    play.do(m.RecordCourtAcceptance)
    decide = play.state.term("court/1")
    assert decide is not None
    assert decide.at == datetime(2026, 6, 23, 16, tzinfo=UTC)
    play.do(m.ExtendCourtTime)
    longer = play.state.term("court/1")
    assert longer is not None
    assert longer.at == datetime(2026, 7, 3, 16, tzinfo=UTC)
    assert play.no(m.ExtendCourtTime) == "EXTENDED_ALREADY"
    late = [event for event in play.wait(days=60) if isinstance(event, m.MediationReminded)]
    assert [event.unit for event in late if event.term == "court/1"] == ["GL-COURT"]
    play.do(m.RecordCourtDecision, confirmed=False)
    assert play.last(m.RoutesInformed).routes[0].code == "court"


def test_failure_ends_it_and_names_the_other_ways() -> None:
    """R-MED-10, R-LAD-02: always the notice; where the parties ask, the record and their request go up."""
    play = mediating()
    play.do(m.TerminateMediation, asks_higher=True)
    back = play.last(m.MediationHandedBack)
    assert (back.result, back.asks_higher, back.routes) == (HandBack.FAILED, True, ("court",))
    assert [one.kind for one in back.evidence] == ["mediation_record", "parties_request"]
    assert "民事诉讼" in back.explanation
    play.give(dispatched(unit=STREET))
    assert (play.state.round, play.state.unit, play.state.stage) == (2, STREET, Stage.REFERRED)
    assert play.state.agreed == ()


def test_who_was_never_mediated_has_no_record_of_it() -> None:
    """R-LAD-10, R-MED-10: no session was held, so there is nothing to climb on but the parties' wish."""
    play = accepted()
    play.do(m.TerminateMediation, reason="withdrawn", asks_higher=True)
    back = play.last(m.MediationHandedBack)
    assert (back.result, back.asks_higher) == (HandBack.FAILED, True)
    assert [one.kind for one in back.evidence] == ["parties_request"]


def test_every_termination_tells_the_other_ways() -> None:
    """R-MED-10: whatever the reason, and the router, too, is told once."""
    for reason in (
        "withdrawn",
        "stopped",
        "failed",
        "deceit",
        "collusion",
        "unreachable",
        "absent",
        "lawsuit",
    ):
        play = mediating()
        play.do(m.TerminateMediation, reason=reason)
        assert (play.count(m.RoutesInformed), play.count(m.MediationHandedBack)) == (1, 1), reason
        assert play.last(m.MediationHandedBack).result is HandBack.FAILED


def test_who_settles_it_alone_is_settled() -> None:
    """R-MED-12: OM25; the notice all the same, and nothing to climb for."""
    play = mediating()
    assert play.no(m.TerminateMediation, reason="reconciled", asks_higher=True) == "SETTLED"
    play.do(m.TerminateMediation, reason="reconciled")
    assert play.last(m.MediationHandedBack).result is HandBack.SETTLED
    assert play.count(m.RoutesInformed) == 1


def test_a_party_that_never_answers_could_not_be_reached() -> None:
    """R-MED-12: OM25; the unit is reminded to register the parties before that."""
    play = opened()
    assert any(isinstance(event, m.MediationReminded) for event in play.wait(days=20))
    play.do(m.RegisterParties)
    play.do(m.RecordConsent)
    play.wait(days=30)
    assert play.state.reason is TerminationReason.UNREACHABLE


def test_a_risk_is_reported_to_the_police() -> None:
    """R-MED-11: at any stage; the mediation itself goes on; where they are complained of, not to them."""
    for make in (opened, asked, mediating, signed):
        play = make()
        stage = play.state.stage
        play.do(m.ReportToPolice)
        assert (play.last(m.PoliceInformed).unit, play.state.stage) == ("GL-POLICE", stage)
        assert play.state.police == "GL-POLICE"
    over = opened()
    over.do(m.TerminateMediation)
    assert over.no(m.ReportToPolice) == "OVER"
    assert opened(subjects=("GL-POLICE",)).no(m.ReportToPolice) == "INTERESTED"


def test_labour_has_fifteen_days_from_the_application() -> None:
    """R-MED-13: then arbitration, within the year that began anew; no oral agreement, no longer time."""
    play = mediating(matter="labour.dismissal", unit=STREET, mediator="GLM-01-01")
    term = play.state.term("mediate")
    assert term is not None
    assert (term.since, term.at) == (MONDAY, datetime(2026, 6, 23, 16, tzinfo=UTC))
    assert play.no(m.ProlongMediation) == "FIXED_TERM"
    assert play.no(m.RecordOralAgreement) == "WRITTEN_NEEDED"
    play.wait(days=20)
    first = play.last(m.RoutesInformed).routes[0]
    assert (first.code, first.until) == ("labour-arbitration", datetime(2027, 6, 8, 16, tzinfo=UTC))


def test_labour_climbs_within_its_fifteen_days_and_only_where_there_is_a_rung() -> None:
    """R-MED-13, R-LAD-02: a step up does not begin them anew; a department is not its own superior."""
    play = mediating(matter="labour.dismissal", unit=STREET, mediator="GLM-01-01")
    play.wait(days=10)
    play.do(m.TerminateMediation, asks_higher=True)
    play.give(dispatched(matter="labour.dismissal", unit="GL-LABOUR"))
    play.do(m.KeepParties)
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    term = play.state.term("mediate")
    assert term is not None
    assert term.since == MONDAY
    for top in ("GL-LABOUR", "GL"):
        assert opened(unit=top).no(m.TerminateMediation, asks_higher=True) == "NO_HIGHER_RUNG"


def test_from_the_district_it_goes_on_to_the_department_that_waits() -> None:
    """R-LAD-07, R-LAD-04: no rung is above, but the department is the next; not where it is complained of."""
    play = opened(unit="GL", waits="GL-POLICE")
    play.do(m.TerminateMediation, asks_higher=True)
    assert play.last(m.MediationHandedBack).asks_higher
    accused = opened(unit="GL", waits="GL-POLICE")
    accused.give(PetitionSubjectsNamed(subjects=("GL-POLICE",)))
    assert accused.no(m.TerminateMediation, asks_higher=True) == "NO_HIGHER_RUNG"
    moved = opened(unit=STREET)
    moved.give(dispatched(unit="GL", waits="GL-POLICE"))
    moved.give(PetitionSubjectsNamed(subjects=("GL-LAND",)))
    moved.do(m.TerminateMediation, asks_higher=True)
    assert moved.last(m.MediationHandedBack).asks_higher
    chosen = Play()
    chosen.give(r.TrackChosen(track="M", unit="GL", waits="GL-POLICE"))
    chosen.do(m.TerminateMediation, asks_higher=True)
    assert chosen.last(m.MediationHandedBack).asks_higher


def test_the_limitation_of_labour_arbitration_is_a_year_not_365_days() -> None:
    """R-MED-13: over a 29 February, too."""
    play = Play(at=datetime(2027, 6, 8, 2, tzinfo=UTC))
    play.give(dispatched(matter="labour.dismissal", unit=STREET))
    play.do(m.TerminateMediation)
    assert play.last(m.RoutesInformed).routes[0].until == datetime(2028, 6, 8, 16, tzinfo=UTC)


def test_a_broken_labour_agreement_opens_the_payment_order() -> None:
    """R-MED-08: 劳动争议调解仲裁法 16 gives the worker a quick way, which a mere failure does not open."""
    play = mediating(matter="labour.dismissal", unit=STREET, mediator="GLM-01-01")
    play.do(m.DraftAgreement)
    play.do(m.SignAgreement, mediators=("GLM-01-01",))
    play.do(m.RecordVisit, performed=(), breached=True)
    codes = [route.code for route in play.last(m.RoutesInformed).routes]
    assert codes == ["payment-order", "labour-arbitration", "court"]


def test_traffic_police_are_asked_in_time() -> None:
    """R-MED-14: ten days from the determination, or three from the end before a committee; done in ten days."""
    police_unit = "GL-TRAFFIC-POLICE"
    street = opened(matter="traffic.accident", unit=STREET)
    assert street.state.procedure == "traffic"
    day = date(2026, 6, 1)
    assert street.no(m.RegisterParties, procedure="traffic-police", determined=day) == "WRONG_PROCEDURE"
    assert street.no(m.RegisterParties, determined=day) == "ANOTHER_PROCEDURE"
    play = opened(matter="traffic.accident", unit=police_unit)
    police: dict[str, Any] = {"procedure": "traffic-police"}
    assert play.no(m.RegisterParties, **police) == "DATE_NEEDED"
    assert play.no(m.RegisterParties, **police, determined=date(2026, 5, 26)) == "TOO_LATE"
    assert play.no(m.RegisterParties, **police, committee_ended=date(2026, 6, 1)) == "TOO_LATE"
    assert play.no(m.RegisterParties, procedure="magic") == "UNKNOWN_PROCEDURE"
    future = date(2026, 6, 9)
    assert play.no(m.RegisterParties, **police, determined=future) == "IN_THE_FUTURE"
    assert play.no(m.RegisterParties, **police, determined=day, committee_ended=future) == "IN_THE_FUTURE"
    assert play.no(m.RegisterParties, **police, determined=day, starts=date(2036, 12, 10)) == "TOO_FAR"
    play.do(m.RegisterParties, **police, determined=date(2026, 5, 27), starts=date(2026, 6, 15))
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    term = play.state.term("mediate")
    assert term is not None
    assert term.at == datetime(2026, 6, 25, 16, tzinfo=UTC)  # ten days from the day that the law names
    play.do(m.AssignMediators, mediators=("GLM-TRAFFIC-01",))
    assert play.no(m.HoldSession) == "NOT_SCHEDULED"
    assert play.no(m.ScheduleSession, at=MONDAY + timedelta(days=2)) == "SHORT_NOTICE"
    assert play.no(m.ScheduleSession, at=MONDAY) == "IN_THE_PAST"
    play.do(m.ScheduleSession, at=MONDAY + timedelta(days=3))
    play.at = MONDAY + timedelta(days=3, hours=1)
    assert play.no(m.HoldSession, held_at=MONDAY + timedelta(days=2)) == "NOT_SCHEDULED"
    play.do(m.HoldSession, held_at=MONDAY + timedelta(days=3))
    assert play.no(m.ProlongMediation) == "FIXED_TERM"


def test_after_the_committee_the_traffic_police_within_three_days() -> None:
    """R-MED-14: the notice says until when."""
    play = mediating(matter="traffic.accident", unit=STREET, mediator="GLM-01-01")
    play.do(m.TerminateMediation)
    routes = play.last(m.RoutesInformed).routes
    assert [route.code for route in routes] == ["traffic-police-mediation", "court"]
    assert routes[0].until == datetime(2026, 6, 11, 16, tzinfo=UTC)
    broken = mediating(matter="traffic.accident", unit=STREET, mediator="GLM-01-01")
    broken.do(m.RecordOralAgreement)
    broken.do(m.RecordVisit, performed=(), breached=True)
    assert [route.code for route in broken.last(m.RoutesInformed).routes] == ["court"]


def test_medical_has_thirty_working_days_without_the_appraisal() -> None:
    """R-MED-15: the time stands still; the working days that were left run on; longer only by agreement."""
    play = accepted(matter="livelihood.medical-dispute", unit="GL", mediator="GLM-MEDICAL-01")
    play.do(m.HoldSession, open=False)
    term = play.state.term("mediate")
    assert term is not None
    assert term.at == datetime(2026, 7, 21, 16, tzinfo=UTC)  # 19 June is a holiday
    assert play.no(m.RecordOralAgreement) == "WRITTEN_NEEDED"
    assert play.no(m.EndAppraisal) == "NO_APPRAISAL"
    play.do(m.StartAppraisal)
    assert play.no(m.StartAppraisal) == "STANDS_STILL"
    assert play.no(m.ProlongMediation) == "STANDS_STILL"
    assert play.last(m.MediationDutyMoved).due is None
    play.wait(days=90)
    play.do(m.EndAppraisal)
    rest = play.state.term("mediate")
    assert rest is not None
    days = [play.at.date() + timedelta(days=n) for n in range(1, 90)]
    from chassis.calendar import WorkingCalendar

    calendar = WorkingCalendar(gulou().calendar)
    last = (rest.at - timedelta(microseconds=1)).astimezone(UTC) + timedelta(hours=8)
    assert sum(calendar.is_working_day(day) for day in days if day <= last.date()) == 30
    assert accepted().no(m.StartAppraisal) == "COUNTS"


def test_who_is_complained_of_does_nothing() -> None:
    """R-LAD-04, R-HOT-14: neither the unit nor what it controls; nor may its committee mediate."""
    play = opened(unit="GL", subjects=(STREET,))
    below = Actor(subject="m", role="mediator", unit=COMMUNITY)
    assert play.refused(build(m.RegisterParties, actor=below)).code == "INTERESTED"
    above = Actor(subject="s", role="mediator", unit="GL")
    other = accepted_by(above, subjects=("GL",))
    assert other.refused(build(m.RecordConsent, actor=above)).code == "INTERESTED"


def accepted_by(actor: Actor, **more: Any) -> Play:
    """A fresh mediation at the street, whatever the actor."""
    play = Play()
    play.give(dispatched(unit=STREET, **more))
    return play


def test_others_do_nothing() -> None:
    """Only the unit that has it, what stands above, and its committee, whatever the role."""
    play = opened()
    for role in ("mediator", "supervisor"):
        stranger = Actor(subject="m", role=role, unit="GL02")
        assert play.refused(build(m.RegisterParties, actor=stranger)).code == "NOT_RESPONSIBLE"
    assert Play().no(m.RegisterParties) == "UNKNOWN_CASE"
    play.give(build(m.RegisterParties, actor=Actor(subject="s", role="supervisor", unit=STREET)))


def test_parties_are_two_sides_with_labels() -> None:
    """R-MED-03: a dispute has an applicant and a respondent; units are territorial."""
    play = opened()
    one, two = PARTIES
    assert play.no(m.RegisterParties, parties=(one, one)) == "SAME_LABEL"
    again = one.model_copy(update={"label": "C"})
    assert play.no(m.RegisterParties, parties=(one, again)) == "ONE_SIDE"
    away = two.model_copy(update={"unit": "GL-POLICE"})
    assert play.no(m.RegisterParties, parties=(one, away)) == "UNKNOWN_UNIT"
    assert asked().no(m.RecordConsent, party="C") == "UNKNOWN_PARTY"


def test_the_router_hears_whose_duty_it_is_and_until_when() -> None:
    """At each change of stage or time; a reminder puts nothing off; the end is told once."""
    play = signed()
    told = [(e.stage, e.rule) for e in play.events if isinstance(e, m.MediationDutyMoved)]
    assert told == [
        ("REFERRED", "mediation.register"),
        ("CONSENT", "mediation.consent"),
        ("ACCEPTED", "mediation.term"),
        ("MEDIATING", "mediation.term"),
        ("FOLLOW_UP", "mediation.visit"),
    ]
    before = play.count(m.MediationDutyMoved)
    play.wait(days=60)
    assert play.count(m.MediationDutyMoved) == before


def test_within_a_petition_the_petition_stays_responsible() -> None:
    """R-PET-16: it hears once, with the agreement or the failure; performance is followed up behind it."""
    play = Play()
    play.give(PetitionSentToMediation(unit=COMMUNITY))
    play.do(m.RegisterParties)
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    play.do(m.AssignMediators)
    play.do(m.HoldSession)
    play.do(m.DraftAgreement)
    play.give(dispatched(track="P"))
    assert str(play.state.stage) == "MEDIATING"
    play.do(m.SignAgreement)
    assert play.last(m.MediationHandedBack).result is HandBack.SETTLED
    play.give(r.CaseClosed(outcome=r.Outcome.RESOLVED))
    play.do(m.RecordVisit, performed=(), breached=True)
    assert play.state.stage is Stage.LEGAL_INFORMED
    assert (play.count(m.MediationHandedBack), play.count(m.MediationDutyMoved)) == (1, 0)


def test_a_new_owner_goes_on_where_it_stands() -> None:
    """A case that the router gives to another unit is mediated there, with what has been done."""
    play = mediating()
    play.give(dispatched(unit=STREET, subjects=("GL02",)))
    play.give(dispatched(unit=STREET, registered=None, subjects=None))
    assert (play.state.unit, play.state.stage) == (STREET, Stage.MEDIATING)
    assert play.last(m.MediationDutyMoved).unit == STREET
    assert play.state.subjects == ("GL02",)
    assert play.give(dispatched(unit=STREET, subjects=("GL02",))) == []
