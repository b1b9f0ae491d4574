"""A case between the services, step by step, through all four deciders: whose duty it is, and what goes along."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import pytest

from chassis.calendar import SHANGHAI, WorkingCalendar
from chassis.decider import Refused
from schemas import mediation as m
from schemas import petition as p
from schemas import router as r
from schemas.intake import CaseSubmitted, Filing, SubmitCase, SupplementCase, WithdrawCase
from schemas.message import Actor, Command, Event
from schemas.procedure import HandBack
from schemas.router import OrderStatus as S
from schemas.values import Channel, Emergency, Place, PlaceSource, Sealed
from services.mediation.domain import Mediation
from services.petition.domain import Petition
from services.router.domain import WorkOrder
from tests.simulation.checks import Checks
from tests.simulation.engine import Service, World
from tests.simulation.run import deciders
from tests.unit.router_kit import gulou

CASE = UUID(int=1)
NINE = datetime(2026, 6, 8, 9, tzinfo=SHANGHAI)
GRID, COMMUNITY, STREET = "GL010101", "GL0101", "GL01"
OPERATOR = Actor(subject="operator", role="operator", unit="GL-HOTLINE")
WORDS = "情况属实"
SEALED = Sealed(record_id=CASE, key_id="master-1", wrapped_key=b"k", ciphertext=b"c")
E = TypeVar("E", bound=Event)


class Town:
    """One case, with all services up."""

    def __init__(self, matter: str = "property.leak", **more: Any) -> None:
        calendar = WorkingCalendar(gulou().calendar)
        services = {d.name: Service(d, ()) for d in deciders(gulou(), calendar)}
        self.checks = Checks(gulou())
        self.world = World(services, NINE, Random(1), self.checks)
        given: dict[str, Any] = {
            "channel": Channel.HOTLINE,
            "received_at": NINE,
            "title": "标题",
            "text": "内容",
            "place": Place(source=PlaceSource.UNIT, grid=GRID),
            "matter": matter,
        }
        case = CaseSubmitted(**{**given, **more})
        self.tell("intake", SubmitCase(case=case, filing=Filing(unit=GRID, code_digest=b"")))

    def tell(self, service: str, command: Command, **later: float) -> None:
        """Give a command that must be taken, some time later, and let everybody hear of it."""
        self.pass_time(**later)
        refused = self.world.command(service, CASE, command)
        assert refused is None, refused
        self.pass_time(minutes=5)
        self.checks.between(self.world)

    def refused(self, service: str, command: Command) -> Refused:
        refused = self.world.command(service, CASE, command)
        assert refused is not None
        return refused

    def pass_time(self, **delta: float) -> None:
        self.world.run(self.world.now + timedelta(**delta))

    @property
    def order(self) -> WorkOrder:
        state = self.world.services["router"].case(CASE).state
        assert isinstance(state, WorkOrder)
        return state

    @property
    def mediation(self) -> Mediation:
        state = self.world.services["mediation"].case(CASE).state
        assert isinstance(state, Mediation)
        return state

    @property
    def petition(self) -> Petition:
        state = self.world.services["petition"].case(CASE).state
        assert isinstance(state, Petition)
        return state

    def last(self, kind: type[E]) -> E:
        return next(record.event for record in reversed(self.world.log) if isinstance(record.event, kind))

    def mediator(self) -> Actor:
        return Actor(subject="mediator", role="mediator", unit=self.mediation.unit)

    def officer(self, unit: str | None = None) -> Actor:
        return Actor(subject="officer", role="petition_officer", unit=unit or self.petition.unit)

    def choose(self, track: str, **more: Any) -> None:
        self.tell("router", r.ChooseTrack(actor=OPERATOR, track=track, **more))

    def begin_mediation(self) -> None:
        """Two parties, both agree."""
        parties = tuple(m.Party(label=label, side=side) for label, side in zip("AB", m.Side, strict=True))
        self.tell("mediation", m.RegisterParties(actor=self.mediator(), sealed=SEALED, parties=parties))
        for label in "AB":
            self.tell("mediation", m.RecordConsent(actor=self.mediator(), party=label, agrees=True))

    def hold_session(self, mediator: str = "GLM-0101-01") -> None:
        self.tell("mediation", m.AssignMediators(actor=self.mediator(), mediators=(mediator,)))
        held = m.HoldSession(
            actor=self.mediator(), sealed=SEALED, held_at=self.world.now, open=True, attended=("A", "B")
        )
        self.tell("mediation", held)

    def fail_mediation(self, *, asks_higher: bool = False) -> None:
        ended = m.TerminateMediation(
            actor=self.mediator(), reason="failed", note=WORDS, asks_higher=asks_higher
        )
        self.tell("mediation", ended)

    def petition_under_way(self, unit: str = "GL-HOUSING") -> None:
        """Registered, forwarded, accepted, investigated."""
        self.tell("petition", p.RegisterPetition(actor=self.officer(), channel=Channel.VISIT))
        self.tell("petition", p.ForwardPetition(actor=self.officer(), unit=unit, reason=WORDS))
        self.tell("petition", p.AcceptPetition(actor=self.officer()))
        self.tell("petition", p.InvestigatePetition(actor=self.officer()))


def test_a_mediation_that_fails_is_mediated_on_the_next_rung() -> None:
    """R-LAD-02, R-LAD-10, R-MED-10: with the records of the first; the resident hears of other ways."""
    town = Town(parties=("GL010102",))
    assert (town.order.unit, town.mediation.unit, town.order.procedure) == (COMMUNITY, COMMUNITY, "mediation")
    town.begin_mediation()
    town.hold_session()
    town.fail_mediation(asks_higher=True)
    assert [e.kind for e in town.last(r.CaseEscalated).evidence] == ["mediation_record", "parties_request"]
    assert (town.order.unit, town.order.procedure, town.mediation.round) == (STREET, "mediation", 2)
    assert town.order.parties == ("GL010102",)
    town.fail_mediation()
    replied = town.last(r.CaseReplied)
    assert (town.order.status, replied.solved) == (S.CALLBACK, False)
    assert replied.explanation.count("民事诉讼") == 1


def test_noise_over_two_streets_goes_on_from_the_district() -> None:
    """R-LAD-07: no rung is above the district, but the department waits there as well."""
    town = Town("neighbour.noise", parties=("GL0201",))
    assert (town.order.unit, town.order.procedure) == ("GL", "mediation")
    town.begin_mediation()
    town.hold_session("GLM-GL-01")
    town.fail_mediation(asks_higher=True)
    assert (town.order.unit, town.order.track, town.order.procedure) == ("GL-POLICE", "S", None)
    assert (town.mediation.round, town.mediation.stage) == (1, m.Stage.TERMINATED)


@pytest.mark.parametrize("matter", ["neighbour.noise", "neighbour.pets"])
def test_noise_that_was_mediated_is_handled_by_the_department(matter: str) -> None:
    """R-LAD-07, R-LAD-09: the department signs and replies; a new mediation is for the resident to choose."""
    town = Town(matter, parties=("GL0102",))
    assert (town.order.unit, town.order.procedure) == (STREET, "mediation")
    town.begin_mediation()
    town.hold_session("GLM-01-01")
    town.fail_mediation(asks_higher=True)
    police = Actor(subject="officer", role="handler", unit="GL-POLICE")
    assert (town.order.unit, town.order.track, town.order.procedure) == ("GL-POLICE", "S", None)
    assert (town.mediation.round, town.mediation.stage) == (1, m.Stage.TERMINATED)
    town.tell("router", r.SignAssignment(actor=police))
    town.tell("router", r.RecordContact(actor=police))
    assert town.mediation.round == 1
    again = Town(matter, parties=("GL0102",))
    again.begin_mediation()
    again.hold_session("GLM-01-01")
    again.fail_mediation(asks_higher=True)
    again.choose("M")
    assert (again.mediation.round, again.mediation.origin) == (2, "APPLIED")
    town.tell("router", r.ReplyCase(actor=police, result="已警告噪声制造者", solved=True))
    assert town.order.status is S.CALLBACK


def test_a_mediation_that_never_met_is_no_evidence_for_a_step_up() -> None:
    """R-LAD-02, R-LAD-10: the unit keeps the case, which is called back."""
    town = Town(parties=("GL010102",))
    town.begin_mediation()
    town.fail_mediation(asks_higher=True)
    assert (town.order.unit, town.order.status, town.order.procedure) == (COMMUNITY, S.CALLBACK, None)


@pytest.mark.parametrize(("channel", "origin"), [(Channel.GRID, "PROACTIVE"), (Channel.WEB, "REFERRED")])
def test_the_origin_of_a_mediation(channel: Channel, origin: str) -> None:
    """R-MED-03: what a grid worker brought is mediated proactively."""
    assert Town(channel=channel).mediation.origin == origin


def test_the_resident_applies_for_mediation_where_the_case_is() -> None:
    """R-MED-03, R-LAD-09: the unit that has it goes on; its own clock gives way to the procedure's."""
    town = Town("order.garbage")
    assert town.mediation.stage is None
    unit = town.order.unit
    town.choose("M")
    assert (town.mediation.origin, town.mediation.unit, town.order.unit) == ("APPLIED", unit, unit)
    handle = town.order.term("handle")
    register = town.mediation.term("register")
    assert handle is not None
    assert register is not None
    assert (handle.at, handle.rule) == (register.at, "mediation.register")


def test_a_petition_goes_from_office_to_unit_to_superior() -> None:
    """R-PET-01, R-PET-09: the router names the same unit and time as the petition at every step."""
    town = Town("order.garbage")
    town.choose("P")
    assert (town.order.unit, town.order.procedure) == ("GL-PETITION", "petition")
    town.petition_under_way()
    due, opinion = town.order.term("handle"), town.petition.term("opinion")
    assert (town.order.unit, due and due.at) == ("GL-HOUSING", opinion and opinion.at)
    issued = p.IssueOpinion(
        actor=town.officer(), outcome=p.PetitionOutcome.NOT_SUPPORT, legal_basis=("条例",)
    )
    town.tell("petition", issued, days=20)
    town.tell("petition", p.DeliverOpinion(actor=town.officer(), received_at=town.world.now))
    town.tell("petition", p.RequestReview(actor=town.officer("GL-PETITION")), days=29)
    assert (town.order.unit, town.petition.status) == ("GL", p.PetitionStatus.REVIEW)
    assert town.last(r.CaseDispatched).procedure == "petition"


def test_a_petition_mediates_and_goes_on_where_it_was() -> None:
    """R-PET-16: mediated within the petition, whose clock runs on; the router sees the petition only."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    before = town.petition.term("opinion")
    asked = p.MediatePetition(actor=town.officer(), both_consent=True, within_discretion=True)
    town.tell("petition", asked, days=5)
    assert (town.mediation.in_petition, town.petition.status) == (True, p.PetitionStatus.MEDIATING)
    assert (town.order.procedure, town.order.unit) == ("petition", "GL-HOUSING")
    assert town.petition.term("opinion") == before
    town.begin_mediation()
    town.fail_mediation()
    assert (town.petition.status, town.order.unit) == (p.PetitionStatus.INVESTIGATING, "GL-HOUSING")
    assert town.petition.term("opinion") == before


def to_mediation_within(town: Town) -> None:
    """The petition's unit has both sides' consent, and a first session is held."""
    town.tell("petition", p.MediatePetition(actor=town.officer(), both_consent=True, within_discretion=True))
    town.begin_mediation()
    mediator = ("GLM-PROPERTY-01",) if town.mediation.procedure == "property" else ("GLM-GL-01",)
    town.tell("mediation", m.AssignMediators(actor=town.mediator(), mediators=mediator))
    held = m.HoldSession(actor=town.mediator(), sealed=SEALED, open=False, attended=("A", "B"))
    town.tell("mediation", held)


def test_a_unit_complained_of_loses_the_mediation_with_the_petition() -> None:
    """R-PET-11, R-PET-16, R-LAD-04: the next unit mediates anew, and nothing of the first one settles it."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    to_mediation_within(town)
    accused = town.mediator()
    named = p.NamePetitionSubjects(
        actor=town.officer("GL-PETITION"), subjects=("GL-HOUSING",), reason="被反映"
    )
    town.tell("petition", named)
    assert (town.petition.status, town.mediation.is_open) == (p.PetitionStatus.REGISTERED, False)
    town.tell("petition", p.ForwardPetition(actor=town.officer(), unit="GL-LAND", reason=WORDS))
    town.tell("petition", p.AcceptPetition(actor=town.officer()))
    town.tell("petition", p.InvestigatePetition(actor=town.officer()))
    to_mediation_within(town)
    assert (town.mediation.unit, town.mediation.round) == ("GL-LAND", 2)
    debt = (m.Obligation(number=1, by="B", due=date(2026, 7, 1)),)
    draft = m.DraftAgreement(actor=accused, sealed=SEALED, obligations=debt)
    assert town.refused("mediation", draft).code == "INTERESTED"
    town.tell("mediation", m.DraftAgreement(actor=town.mediator(), sealed=SEALED, obligations=debt))
    signed = m.SignAgreement(
        actor=town.mediator(), signed=("A", "B"), mediators=("GLM-GL-01",), sealed_by_committee=True
    )
    town.tell("mediation", signed)
    assert (town.petition.status, town.order.status) == (p.PetitionStatus.SETTLED, S.CALLBACK)
    assert "已制作调解协议书" in town.last(r.CaseReplied).result


def test_an_answer_from_a_mediation_that_the_petition_left_settles_nothing() -> None:
    """R-PET-16: what another unit hands back, late, is not about this mediation."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    to_mediation_within(town)
    stale = m.MediationHandedBack(result=HandBack.SETTLED, unit="GL-LAND", explanation=WORDS)
    decider = town.world.services["petition"].decider
    assert decider.decide(town.petition, stale, town.world.now) == []


def test_a_petition_is_mediated_while_an_earlier_agreement_is_followed_up() -> None:
    """R-PET-16, R-MED-08: no petition waits in MEDIATING for a mediation that does not begin."""
    town = Town()
    town.begin_mediation()
    mediator = m.AssignMediators(actor=town.mediator(), mediators=("GLM-0101-01",))
    town.tell("mediation", mediator)
    held = m.HoldSession(actor=town.mediator(), sealed=SEALED, open=True, attended=("A", "B"))
    town.tell("mediation", held)
    debt = (m.Obligation(number=1, by="B", due=date(2026, 9, 1)),)
    agreed = m.RecordOralAgreement(actor=town.mediator(), sealed=SEALED, agreed=("A", "B"), obligations=debt)
    town.tell("mediation", agreed)
    community = town.mediator()
    town.choose("P")
    town.petition_under_way()
    to_mediation_within(town)
    town.tell("mediation", m.RecordVisit(actor=community, performed=(1,)))
    assert town.mediation.agreements[0].performance is m.Performance.PERFORMED
    assert town.petition.status == "MEDIATING"
    town.fail_mediation()
    assert town.petition.status == "INVESTIGATING"


def test_a_sealed_petition_takes_its_mediation_along() -> None:
    """R-PET-10: at once and for everybody; the router's exit follows and changes nothing."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    to_mediation_within(town)
    town.tell("petition", p.SealPetition(actor=town.officer(), subjects=("GL-HOUSING",)))
    mediation = town.mediation
    assert (mediation.sealed_to, mediation.terms, town.order.sealed) == ("GL-DISCIPLINE", (), True)
    assert mediation.subjects == ("GL-HOUSING",)


def test_the_sealed_exit_chosen_at_the_router_seals_petition_and_mediation() -> None:
    """R-PET-10: all three at once, whoever had the case before."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    to_mediation_within(town)
    town.choose("L", exit="discipline-inspection")
    assert town.order.sealed
    assert town.petition.status is p.PetitionStatus.DISCIPLINE_SEALED
    assert (town.mediation.sealed_to, town.mediation.terms) == ("GL-DISCIPLINE", ())


def test_who_is_complained_of_in_a_petition_is_known_to_the_router() -> None:
    """R-PET-11, R-LAD-04: named there, it can do nothing here."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    named = p.NamePetitionSubjects(
        actor=town.officer("GL-PETITION"), subjects=("GL-HOUSING",), reason="被反映"
    )
    town.tell("petition", named)
    assert "GL-HOUSING" in town.order.subjects
    assert (town.order.unit, town.petition.unit) == ("GL-PETITION", "GL-PETITION")
    handler = Actor(subject="x", role="handler", unit="GL-HOUSING")
    assert town.refused("router", r.RecordContact(actor=handler)).code == "INTERESTED"


def test_who_a_petition_named_last_is_known_to_the_router_when_it_is_over() -> None:
    """R-LAD-04, R-PET-11: nobody of ours is left to have it, so it leaves with the names."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    town.tell(
        "petition",
        p.NamePetitionSubjects(actor=town.officer("GL-PETITION"), subjects=("GL",), reason="被反映"),
    )
    assert (town.order.status, town.order.exit) == (S.REDIRECTED, "superior-petition")
    assert town.order.subjects == town.petition.subjects == ("GL",)
    assert town.last(r.ProcedureEnded).subjects == ("GL",)


def test_an_accusation_found_in_a_petition_leaves_no_words() -> None:
    """R-PET-10: sealed on both sides; no event from there on says more than where it went."""
    town = Town("order.garbage")
    town.choose("P")
    town.tell("petition", p.RegisterPetition(actor=town.officer(), channel=Channel.LETTER))
    town.tell("petition", p.SealPetition(actor=town.officer()))
    assert (town.order.exit, town.order.sealed) == ("discipline-inspection", True)
    assert town.last(r.ProcedureEnded).explanation == "已密转有权处理的机关。"


def test_a_petition_sent_as_simple_can_be_accepted_ordinarily() -> None:
    """R-PET-17: after three working days the ordinary procedure is still open."""
    town = Town("order.garbage")
    town.choose("P")
    town.tell("petition", p.RegisterPetition(actor=town.officer(), channel=Channel.VISIT))
    sent = p.ForwardPetition(actor=town.officer(), unit="GL-HOUSING", reason=WORDS, simple=True)
    town.tell("petition", sent)
    late = p.AcceptPetition(actor=town.officer(), simple=True)
    town.pass_time(days=8)
    assert town.refused("petition", late).code == "TOO_LATE"
    plain = p.AcceptPetition(actor=town.officer())
    assert town.refused("petition", plain).code == "REASON_NEEDED"
    town.tell("petition", plain.model_copy(update={"reason": WORDS}))
    assert town.petition.status is p.PetitionStatus.ACCEPTED


def to_petition(town: Town) -> None:
    town.choose("P")


def to_service(town: Town) -> None:
    town.choose("S")


def to_court(town: Town) -> None:
    town.choose("L", exit="court")


def withdraw(town: Town) -> None:
    town.tell("intake", WithdrawCase())


def burn(town: Town) -> None:
    fire = SupplementCase(text="着火了", emergency=Emergency(line="119", ground="着火"))
    town.tell("intake", fire)


@pytest.mark.parametrize("leave", [to_petition, to_service, to_court, withdraw, burn])
def test_a_mediation_that_the_case_leaves_is_over(leave: Any) -> None:
    """R-MED-05, R-LAD-05, R-LAD-09: no case is in two hands, whoever takes it away."""
    town = Town()
    town.begin_mediation()
    leave(town)
    assert town.mediation.stage is m.Stage.TERMINATED
    assert town.order.procedure == ("petition" if leave is to_petition else None)


def to_mediation(town: Town) -> None:
    town.choose("M")


@pytest.mark.parametrize("leave", [to_mediation, to_service, to_court, withdraw, burn])
def test_a_petition_that_the_case_leaves_is_over(leave: Any) -> None:
    """R-LAD-05, R-LAD-09: the same for a petition, wherever it was."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    leave(town)
    assert town.petition.status is p.PetitionStatus.LEFT
    assert town.order.procedure == ("mediation" if leave is to_mediation else None)


@pytest.mark.parametrize("leave", [to_mediation, to_service, to_court, withdraw, burn])
def test_a_case_that_leaves_its_petition_while_that_sends_it_to_be_mediated_has_one_owner(leave: Any) -> None:
    """R-PET-16, R-LAD-05, R-LAD-09: mediation hears the router first and the petition, already left, second."""
    town = Town("order.garbage")
    town.choose("P")
    town.petition_under_way()
    asked = p.MediatePetition(actor=town.officer(), both_consent=True, within_discretion=True)
    answers: list[Refused | None] = []

    def crosses(service: str, case_id: UUID) -> None:
        if service == "router" and not answers:
            answers.append(town.world.command("petition", case_id, asked))

    town.world.on_change = crosses
    leave(town)
    assert answers == [None]
    assert town.petition.status is p.PetitionStatus.LEFT
    assert town.last(m.MediationOpened).in_petition is (leave is not to_mediation)
    assert town.mediation.is_open is (leave is to_mediation)
    assert town.order.procedure == ("mediation" if leave is to_mediation else None)


def test_there_and_back_again() -> None:
    """R-LAD-09: complaint, mediation, petition and back: one case, one unit at a time, nothing lost."""
    town = Town("order.garbage", parties=("GL010102",), confidential=True)
    for track in "MPMSPM":
        town.choose(track)
        assert town.order.track == track
    assert (town.order.parties, town.order.confidential) == (("GL010102",), True)
    assert (town.order.procedure, town.mediation.is_open, town.petition.is_open) == ("mediation", True, False)


def settle_within_petition(town: Town) -> None:
    """The petition is settled by the mediation that it sent the case to."""
    town.choose("P")
    town.petition_under_way()
    to_mediation_within(town)
    debt = (m.Obligation(number=1, by="B", due=date(2026, 7, 1)),)
    town.tell("mediation", m.DraftAgreement(actor=town.mediator(), sealed=SEALED, obligations=debt))
    mediators = ("GLM-GL-01",) if town.mediation.procedure != "property" else ("GLM-PROPERTY-01",)
    signed = m.SignAgreement(
        actor=town.mediator(), signed=("A", "B"), mediators=mediators, sealed_by_committee=True
    )
    town.tell("mediation", signed)


def refuse_mediation(town: Town) -> None:
    """R-MED-03: party B does not want to."""
    parties = tuple(m.Party(label=label, side=side) for label, side in zip("AB", m.Side, strict=True))
    town.tell("mediation", m.RegisterParties(actor=town.mediator(), sealed=SEALED, parties=parties))
    town.tell("mediation", m.RecordConsent(actor=town.mediator(), party="B", agrees=False))


@pytest.mark.parametrize("subjects", [None, ()])
@pytest.mark.parametrize(
    ("matter", "end", "words"),
    [
        ("property.leak", refuse_mediation, "博苑社区居委会工作人员收了对方的钱"),
        ("order.garbage", settle_within_petition, "区住房和城乡建设局工作人员收了对方的钱"),
    ],
)
def test_a_procedure_that_is_over_does_not_begin_anew_for_an_accusation(
    matter: str, end: Any, words: str, subjects: tuple[str, ...] | None
) -> None:
    """R-LAD-04, R-MED-03, R-PET-18: taken from its unit in the callback, the case goes on without the procedure."""
    town = Town(matter, parties=("GL010102",))
    end(town)
    assert (town.order.status, town.order.given_back) == (S.CALLBACK, True)
    unit, track, opened = town.order.unit, town.order.track, (town.mediation.round, town.petition.status)
    town.tell("intake", SupplementCase(text=words))
    assert (town.order.status, town.order.subjects) == (S.REGISTERED, (unit,))
    town.tell("router", r.TriageCase(actor=OPERATOR, subjects=subjects))
    assert ((town.order.unit == unit), town.order.track) == (subjects == (), track)
    assert (town.order.given_back, town.order.procedure) == (True, None)
    assert (town.mediation.round, town.petition.status) == opened
    handler = Actor(subject="handler", role="handler", unit=town.order.unit)
    town.tell("router", r.SignAssignment(actor=handler))
    town.tell("intake", SupplementCase(text=words))  # nor is it out of reach of what is said of its unit
    assert (town.order.status is S.REGISTERED) is (subjects == ())
