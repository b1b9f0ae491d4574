"""R-LAD-04, R-HOT-14: a text that complains of an office without its name waits for a human, who knows which."""

import pytest

from reference.conduct import Accusations
from reference.matcher import Matcher
from schemas.intake import CaseSupplemented
from schemas.router import Judged, OrderStatus, QueueReason, TriageCase, TriageQueued
from tests.unit.conduct_phrases import NOT_ACCUSED, OFFICES_ACCUSED
from tests.unit.router_kit import OPERATOR, Played, gulou, policy, router, submitted

ACCUSATIONS = Accusations(gulou())
MATCHER = Matcher(gulou())


@pytest.mark.parametrize(
    "text",
    [
        "楼上漏水，社区工作人员偏袒对方。",
        "居委会态度恶劣，什么都不管。",
        "相关部门失职。",
        "街道办互相踢皮球。",
        "执法人员打人。",
        "執法人員打人。",
        "社区的人欺负老人。",
        "居委会不管不问。",
        "投诉社区工作人员。",
        "举报我们局长收黑钱。",
        "举报村干部。",
        "民警态度很嚣张。",
        *OFFICES_ACCUSED.split("|"),
    ],
)
def test_an_office_and_its_conduct_in_one_sentence(text: str) -> None:
    """R-HOT-14."""
    assert ACCUSATIONS.of_an_office("", text)
    assert ACCUSATIONS.of_an_office(text, "")


@pytest.mark.parametrize(
    "text",
    [
        "社区工作人员态度很好，邻居噪声扰民。",
        "楼上漏水，邻居推诿责任。",
        "物业态度恶劣。请居委会协调。",
        "请居委会协调，物业推诿。",
        "投诉的工作人家都说好。",
        "投诉物业的工作人员。",
        "举报班主任。",
        "民警很快就来了，邻居打人。",
        *NOT_ACCUSED.split("|"),
    ],
)
def test_no_office_or_no_conduct(text: str) -> None:
    """R-HOT-02: what complains of no office goes its way."""
    assert not ACCUSATIONS.of_an_office("", text)


@pytest.mark.parametrize("complaint", ["，社区工作人员偏袒对方", "，居委会互相推诿"])
def test_it_reaches_no_unit_before_a_human_has_named_who_is_complained_of(complaint: str) -> None:
    """R-LAD-04, R-HOT-14: the same matter without the complaint is dispatched."""
    title, text = "楼上漏水", "楼上卫生间漏水，天花板渗水"
    plain, accusing = MATCHER.match(title, text), MATCHER.match(title, text + complaint)
    assert plain.confidence >= policy().settings.confidence > accusing.confidence
    assert plain.candidates[0].matter == accusing.candidates[0].matter
    for told, status in ((text, OrderStatus.DISPATCHED), (text + complaint, OrderStatus.REGISTERED)):
        case = Played(router(MATCHER))
        case.give(submitted(None, title=title, text=told))
        assert case.status is status
        if status is OrderStatus.REGISTERED:
            queued = case.last(TriageQueued)
            assert (queued.reason, case.state.subjects) == (QueueReason.POLICY, ())
            assert [row.row for row in queued.route.rows] == ["accused-in-words"]


@pytest.mark.parametrize(
    ("matter", "waits"),
    [
        ("order.garbage", True),
        ("land.demolition", True),
        ("government.inaction", False),
        ("government.report", False),
    ],
)
def test_a_matter_that_staff_named_waits_as_well(matter: str, waits: bool) -> None:
    """R-LAD-04, R-HOT-14, R-PET-10: not what goes to one recipient in any case, nor where staff named the unit."""
    case = Played(router(MATCHER))
    case.give(submitted(matter, text="居委会的人偏袒对方"))
    assert (case.state.queue is QueueReason.POLICY) is waits
    case = Played(router(MATCHER))
    case.give(submitted(matter, text="居委会的人偏袒对方", subjects=("GL0101",)))
    assert case.state.queue is None


UNCLEAR = {"title": "有件事", "text": "想说件事情，说不明白呀。"}


@pytest.mark.parametrize(
    ("added", "reason", "subjects", "best"),
    [
        (
            "我要投诉区城市管理局推诿扯皮，城管打人。路灯不亮没人管。",
            QueueReason.POLICY,
            ("GL-URBAN",),
            "municipal.streetlight",
        ),
        ("居委会的人偏袒对方。路灯不亮。", QueueReason.POLICY, (), "municipal.streetlight"),
        ("路灯不亮没人管。", QueueReason.LOW_CONFIDENCE, (), "municipal.streetlight"),
    ],
)
def test_what_is_added_before_triage_is_read_as_the_first_text(
    added: str, reason: QueueReason, subjects: tuple[str, ...], best: str
) -> None:
    """R-LAD-04, R-HOT-14, R-HOT-02: it waits on in its old time, and is not sent to whom the added words accuse."""
    case = Played(router(MATCHER))
    case.give(submitted(None, **UNCLEAR))
    first = case.last(TriageQueued)
    assert (first.reason, first.registered and first.registered.judgement.candidates) == (
        QueueReason.LOW_CONFIDENCE,
        (),
    )
    case.later(minutes=5)
    case.give(CaseSupplemented(text=added))
    again = case.last(TriageQueued)
    assert (case.status, again.reason, case.state.subjects) == (OrderStatus.REGISTERED, reason, subjects)
    assert again.registered is not None
    assert again.registered.judgement.candidates[0].matter == best
    assert again.terms == first.terms
    assert case.give(CaseSupplemented(text="谢谢")) == []
    case.give(TriageCase(actor=OPERATOR, judged=Judged.DISPATCH, matter="municipal.streetlight"))
    assert case.state.unit == ("GL" if subjects else "GL-URBAN")
    assert "GL-URBAN" not in {seat.unit for seat in case.state.seats()} or not subjects


def test_an_accusation_added_before_triage_makes_the_case_a_careful_one() -> None:
    """R-PET-10, R-LAD-04: only a human sends it on, and neither the office nor those over it read it until then."""
    case = Played(router(MATCHER))
    case.give(submitted(None, **UNCLEAR))
    case.give(CaseSupplemented(text="举报城管局长收受贿赂"))
    assert (case.state.queue, case.state.subjects, case.state.sealed) == (
        QueueReason.POLICY,
        ("GL-URBAN",),
        True,
    )
    assert case.last(TriageQueued).registered
    assert case.give(CaseSupplemented(text="举报城管局长收受贿赂")) == []


def test_who_is_accused_matters_more_than_an_unknown_code() -> None:
    """R-HOT-14: it waits for whom it accuses, so that none but the centre reads it."""
    case = Played(router(MATCHER))
    case.give(submitted("no.matter", text="居委会的人偏袒对方"))
    assert case.state.queue is QueueReason.POLICY


def test_a_petition_that_a_department_handles_waits_as_well() -> None:
    """R-LAD-04, R-HOT-14: the department asks the community to help, which may be who is complained of."""
    case = Played(router(MATCHER))
    text = "街道的人强拆我家阳台还推我妈"
    case.give(submitted(None, title=text, text=text))
    assert (case.status, case.state.queue) == (OrderStatus.REGISTERED, QueueReason.POLICY)
