"""What no unit may do in a petition to its own advantage, and what no words may leave empty."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from schemas import petition as p
from schemas.petition import PetitionStatus as S
from services.petition.records import OpinionWords, Petitioner
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    DISTRICT,
    OFFICE,
    Play,
    actor,
    dispatched,
    forwarded,
    investigating,
    opinion,
    registered,
    registration,
)


def test_no_unit_rids_itself_of_a_petition_or_of_its_overseers() -> None:
    """R-PET-03, R-PET-11, R-PET-14: who has it objects; who is complained of is said by who stands above."""
    for play, unit in ((investigating(), BRANCH), (forwarded(), BRANCH)):
        for subject in (BRANCH, BUREAU, OFFICE, "GL-DISCIPLINE"):
            given = p.NamePetitionSubjects(actor=actor(unit), subjects=(subject,), reason="回避")
            assert play.refuse(given) == "NOT_A_SUPERIOR"
            assert play.refuse(given.model_copy(update={"actor": actor("GL-COURT")})) == "NOT_A_SUPERIOR"
    for namer in (actor(BUREAU), actor(OFFICE), actor("GL-HOTLINE", "operator")):
        play = investigating()
        play.give(p.NamePetitionSubjects(actor=namer, subjects=(BRANCH,), reason="信访人来电反映"))
        assert (play.state.unit, play.last(p.PetitionSubjectsNamed).reason) == (OFFICE, "信访人来电反映")


def test_what_is_forwarded_goes_to_who_has_authority() -> None:
    """R-PET-01, R-PET-10: no part of a community, and the discipline body gets it sealed or not at all."""
    play = registered()
    for unit, code in (
        ("GL-DISCIPLINE", "SEAL_IT"),
        ("GL010101", "NOT_COMPETENT"),
        ("GL01010101", "NOT_COMPETENT"),
    ):
        assert play.refuse(p.ForwardPetition(actor=actor(OFFICE), unit=unit, reason="转送")) == code


def test_who_is_recused_has_no_part_in_the_mediation_either() -> None:
    """R-PET-11, R-PET-16: the mediation inside hears who they are."""
    play = investigating()
    play.give(p.RecuseOfficer(actor=actor(BRANCH, "supervisor"), officer="o-9", unit=BRANCH, reason="亲属"))
    play.give(p.MediatePetition(actor=actor(BRANCH), both_consent=True, within_discretion=True))
    assert play.last(p.PetitionSentToMediation).recused == ("o-9",)


def test_a_claim_stays_a_claim() -> None:
    """R-PET-06, R-PET-09: else the unit would answer it without an opinion, and so without a review."""
    play = forwarded()
    for nature in (p.Nature.SUGGESTION, p.Nature.DUTY):
        assert play.refuse(p.AcceptPetition(actor=actor(BRANCH), nature=nature)) == "A_CLAIM_STAYS"
    other = forwarded(nature=p.Nature.SUGGESTION)
    other.give(p.AcceptPetition(actor=actor(BRANCH), nature=p.Nature.CLAIM))
    assert other.state.nature is p.Nature.CLAIM


def test_a_repeat_is_of_the_same_person_and_of_what_was_accepted() -> None:
    """R-PET-05, R-PET-18: XF19 speaks of what is accepted or in progress."""
    running = p.EarlierPetition(status=S.INVESTIGATING, terminated=False)
    play = Play()
    play.give(dispatched())
    other = registration(same_as=UUID(int=8), earlier=running, same_person=False)
    assert play.refuse(other) == "NOT_THE_SAME_PERSON"
    for status in (S.REGISTERED, S.FORWARDED, S.ASSIGNED, S.OBJECTED):
        early = registered(same_as=UUID(int=8), earlier=running.model_copy(update={"status": status}))
        assert early.status() is S.REGISTERED


def test_a_group_or_an_urgent_matter_is_not_simple() -> None:
    """R-PET-17: and what was sent as simple is handled otherwise for a reason only."""
    for more in ({"petitioners": 8}, {"urgent": True}):
        play = forwarded(**more)
        assert play.refuse(p.AcceptPetition(actor=actor(BRANCH), simple=True)) == "NOT_SIMPLE"


@pytest.mark.parametrize("basis", [(), ("  ",), ("条" * 301,), ("条例",) * 21])
def test_an_opinion_states_its_legal_basis(basis: tuple[str, ...]) -> None:
    """R-PET-08: at least one, none blank, and no more than a paper holds."""
    with pytest.raises(ValidationError):
        p.IssueOpinion(actor=actor(BRANCH), outcome=p.PetitionOutcome.EXPLAIN, legal_basis=basis)


def test_blank_words_are_none() -> None:
    """R-PET-06, R-PET-08: an explanation or an opinion of spaces says nothing."""
    with pytest.raises(ValidationError):
        p.RoutePetition(actor=actor(OFFICE), way=p.LegalWay.LITIGATION, exit="court", explanation="  \n　")
    with pytest.raises(ValidationError):
        OpinionWords(claim=" ", facts="  ", reasons="  ", decision="  ")
    with pytest.raises(ValidationError):
        Petitioner(name=" ", address="   ")


def test_the_same_petitioner_is_the_same_however_written() -> None:
    """R-PET-18: width and spaces do not matter, another address does."""
    one = Petitioner(name="张 三", address="澄湖街道１号楼 101室")
    assert one.is_same_as(Petitioner(name="张三", address="澄湖街道1号楼101室"))
    assert not one.is_same_as(Petitioner(name="张三", address="澄湖街道2号楼101室"))


def test_the_petitioner_hears_why_it_takes_longer_and_what_was_decided() -> None:
    """R-PET-07, R-PET-13: with the step that the router tells on."""
    play = investigating()
    extension = p.ExtendPetition(actor=actor(BRANCH, "supervisor"), days=30, reason="需要测绘", head="局长")
    above = extension.model_copy(update={"actor": actor(DISTRICT, "supervisor")})
    assert play.refuse(above) == "NOT_THE_HEAD"
    play.give(extension)
    assert play.last(p.PetitionDutyMoved).told == "办理期限延长30日，理由：需要测绘。"
    play.give(opinion("EXPLAIN"))
    assert play.last(p.PetitionDutyMoved).told == "对您的请求作出解释说明，详见书面意见。"
