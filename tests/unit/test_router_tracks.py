"""The resident's track, the danger that comes before it, and what is sealed whatever anybody chooses."""

import pytest

from schemas import router as r
from schemas.department import AssignmentRole, DepartmentAssigned
from schemas.router import OrderStatus as S
from schemas.values import Emergency
from tests.unit.router_kit import OPERATOR, Hit, Match, Oracle, Played, open_case, router, submitted


def queued(*matters: str, **more: object) -> Played:
    case = Played(router(Oracle(Match(tuple(Hit(m) for m in matters), 0.2))))
    case.give(submitted(None, **more))
    assert case.status is S.REGISTERED
    return case


def test_the_residents_track_outlives_the_triage() -> None:
    """R-LAD-09: asked for at submission or while a human looks, it holds when the human names the matter."""
    asked = queued("order.garbage", track="P")
    asked.give(r.TriageCase(actor=OPERATOR, matter="order.garbage"))
    assert (asked.state.unit, asked.state.track) == ("GL-PETITION", "P")
    later = queued("order.garbage")
    later.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    later.give(r.TriageCase(actor=OPERATOR, matter="order.garbage"))
    assert later.state.track == "M"


def test_a_guessed_track_does_not_outlive_the_triage() -> None:
    """R-LAD-09: what only the engine guessed falls with its guess."""
    case = queued("land.title")
    assert case.state.track == "P"
    case.give(r.TriageCase(actor=OPERATOR, matter="order.garbage"))
    assert (case.state.track, case.state.rung) == ("S", 2)


def test_a_stated_urgency_outlives_the_triage() -> None:
    """R-HOT-07: what the call-taker held to be urgent is not slowed down by naming the matter."""
    case = queued("order.garbage", urgency=1)
    case.give(r.TriageCase(actor=OPERATOR, matter="order.garbage"))
    assert case.state.urgency == 1
    case = queued("order.garbage", urgency=1)
    case.give(r.TriageCase(actor=OPERATOR, matter="order.garbage", urgency=3))
    assert case.state.urgency == 3


@pytest.mark.parametrize("track", ["M", "P", "L", "S"])
def test_violence_goes_to_the_police_whatever_track_was_asked_for(track: str) -> None:
    """R-LAD-05: first the line, then the police; neither mediated nor sent to petition or court instead."""
    case = open_case("family.violence", track=track)
    assert (case.status, case.state.line) == (S.EMERGENCY_XFER, "110")
    case.wait("emergency")
    assert (case.status, case.state.unit, case.state.track) == (S.DISPATCHED, "GL-POLICE", "L")


def test_a_danger_is_not_mediated() -> None:
    """R-LAD-05, R-LAD-09: the resident may choose petition or court after it, mediation of violence never."""
    case = open_case("family.violence")
    for track in "MPL":
        assert case.refused(r.ChooseTrack(actor=OPERATOR, track=track)).code in {"DANGER_FIRST", "SAME_TRACK"}
    case.wait("emergency")
    assert case.refused(r.ChooseTrack(actor=OPERATOR, track="M")).code == "NOT_MEDIATED"
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    assert case.state.unit == "GL-PETITION"


def test_after_the_line_confirmed_the_resident_chooses() -> None:
    """R-LAD-09: a confirmed emergency holds nobody back."""
    case = open_case(emergency=Emergency(line="119", ground="着火"))
    case.give(r.ConfirmEmergency(actor=OPERATOR, reference="1"))
    case.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    assert case.state.unit == "GL-PETITION"


def test_the_statutory_way_is_named_to_who_chooses_the_petition() -> None:
    """R-PET-06: the statutory route that stands open is on record with the petition, chosen early or late."""
    early, late = open_case("labour.wages", track="P"), open_case("labour.wages")
    late.give(r.ChooseTrack(actor=OPERATOR, track="P"))
    for case in (early, late):
        assert case.last(r.CaseDispatched).route.open_exits == ("labour-arbitration",)


@pytest.mark.parametrize(
    "judged", [r.Judged.DISPATCH, r.Judged.STATUTORY, r.Judged.OUTSIDE_REMIT, r.Judged.ANSWERED]
)
def test_what_a_human_finds_to_be_an_accusation_goes_sealed(judged: r.Judged) -> None:
    """R-PET-10: to the discipline inspection only, whatever else the human ticked."""
    case = queued("order.garbage")
    case.give(
        r.TriageCase(actor=OPERATOR, matter="government.report", judged=judged, exit="court", answer="已告知")
    )
    assert (case.state.exit, case.state.sealed) == ("discipline-inspection", True)
    assert [(e.unit, e.role) for e in case.all(DepartmentAssigned)] == [
        ("GL-DISCIPLINE", AssignmentRole.EXIT)
    ]


@pytest.mark.parametrize("track", ["S", "M", "P"])
def test_what_is_sent_to_the_discipline_body_goes_sealed(track: str) -> None:
    """R-PET-10: by the choice of its exit, too; who had the case is relieved, and no other track is open."""
    case = open_case("order.garbage", track=track)
    case.give(r.ChooseTrack(actor=OPERATOR, track="L", exit="discipline-inspection"))
    assert (case.status, case.state.exit, case.state.sealed) == (S.REDIRECTED, "discipline-inspection", True)
    registered = case.last(r.CaseRedirected).registered
    assert registered is not None
    assert registered.sealed
    assert case.last(DepartmentAssigned).unit == "GL-DISCIPLINE"
    assert case.refused(r.ChooseTrack(actor=OPERATOR, track="S")).code == "SEALED"
    other = open_case("order.garbage", track=track)
    other.give(r.ChooseTrack(actor=OPERATOR, track="L", exit="court"))
    assert not other.state.sealed


def test_what_a_human_gives_the_sealed_exit_goes_sealed() -> None:
    """R-PET-10: whatever matter it is."""
    case = queued("order.garbage")
    case.give(
        r.TriageCase(
            actor=OPERATOR,
            matter="order.garbage",
            judged=r.Judged.STATUTORY,
            exit="discipline-inspection",
        )
    )
    assert (case.state.exit, case.state.sealed) == ("discipline-inspection", True)


def test_an_accusation_is_not_unsealed_by_an_emergency() -> None:
    """R-PET-10, R-LAD-05: after the line it goes to the discipline inspection; no other matter is made of it."""
    case = open_case("government.report", emergency=Emergency(line="110", ground="威胁"))
    assert case.refused(r.DispatchRemainder(actor=OPERATOR, matter="property.leak")).code == "SEALED"
    case.wait("emergency")
    assert (case.state.exit, case.state.sealed) == ("discipline-inspection", True)
