"""R-LAD-04, R-HOT-14: a text that complains of an office which nobody named in `subjects` waits for a human."""

import pytest

from reference.accusation import Accusations
from reference.matcher import Matcher
from schemas.router import OrderStatus, QueueReason
from tests.unit.router_kit import Played, gulou, policy, router, submitted

ACCUSATIONS = Accusations(gulou())
MATCHER = Matcher(gulou())


@pytest.mark.parametrize(
    "text",
    [
        "多次投诉占道经营，区城市管理局推诿。",
        "楼上漏水，博苑社区工作人员偏袒对方。",
        "澄湖街道不作为，垃圾没人清理。",
        "居委会态度恶劣，什么都不管。",
        "交通警察大队对违停敷衍了事。",
        "向城管反映多次，互相踢皮球。",
        "供电公司推诿扯皮，停电三天。",
        "相关部门失职。",
    ],
)
def test_an_office_and_its_conduct_in_one_sentence(text: str) -> None:
    """R-HOT-14."""
    assert ACCUSATIONS.found("", text)
    assert ACCUSATIONS.found(text, "")


@pytest.mark.parametrize(
    "text",
    [
        "社区工作人员态度很好，邻居噪声扰民。",
        "楼上漏水，邻居推诿责任。",
        "博苑社区三号楼楼道堆物，希望清理。",
        "物业态度恶劣。请居委会协调。",
        "结局让人失望，物业推诿。",
        "感谢城管局及时处理。",
    ],
)
def test_no_office_or_no_conduct(text: str) -> None:
    """R-HOT-02: what complains of no office goes its way."""
    assert not ACCUSATIONS.found("", text)


@pytest.mark.parametrize("complaint", ["，博苑社区工作人员偏袒对方", "，居委会互相推诿"])
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
            assert case.state.queue is QueueReason.LOW_CONFIDENCE


def test_a_petition_goes_to_the_petition_office_in_any_case() -> None:
    """R-PET-01: the office is not the one complained of, and decides itself."""
    told = MATCHER.match("工作人员态度极差", "办事处窗口态度恶劣，工作人员态度极其不负责任")
    assert told.candidates[0].matter == "government.conduct"
    assert told.confidence >= policy().settings.confidence
