"""A unit that is complained of in words only: found, kept from the case, and judged by a human first."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from chassis.calendar import WorkingCalendar
from reference.matcher import Matcher
from schemas import router as r
from schemas.department import DepartmentAssigned
from schemas.router import OrderStatus as S
from schemas.values import Emergency, OnSiteResolution
from services.router.domain import Router
from tests.unit.conduct_phrases import FREELY_ACCUSED, NOT_ACCUSED
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    MONDAY,
    OPERATOR,
    STREET,
    Hit,
    Match,
    Oracle,
    Played,
    gulou,
    policy,
    router,
    submitted,
)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(gulou())


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("区城市管理局推诿扯皮", ("GL-URBAN",)),
        ("博苑社区工作人员偏袒对方", (COMMUNITY,)),
        ("澄湖街道办态度恶劣", (STREET,)),
        ("多次找城管局反映，互相推诿", ("GL-URBAN",)),
        ("城管和交警踢皮球", ("GL-URBAN", "GL-TRAFFIC-POLICE")),
        ("博苑居委会干部包庇违建户", (COMMUNITY,)),
        ("澄湖办事处不作为。路灯三个月不亮。", (STREET,)),
        ("鼓楼区教育局敷衍家长", ("GL-EDUCATION",)),
        ("博苑社区第1网格的网格员吃拿卡要", (COMMUNITY,)),
        ("自来水公司推脱责任", ("GL-WATER",)),
        ("供电公司的人索要好处费才肯修路灯", ("GL-POWER",)),
        ("区教育局领导收礼，入学名额卖钱", ("GL-EDUCATION",)),
        ("澄湖街道办事处城管队员打伤摊贩，占道经营", (STREET, "GL-URBAN")),
        ("12345热线话务员态度差", ("GL-HOTLINE",)),
        ("向区信访局反映过。区水務局不作为", ("GL-PETITION", "GL-WATER-AFFAIRS")),
    ],
)
def test_a_complaint_about_conduct_names_its_unit(
    matcher: Matcher, text: str, units: tuple[str, ...]
) -> None:
    """R-LAD-04, R-HOT-14: by its name or as residents call it, in the title or below."""
    assert matcher.accused("投诉", text) == units
    assert matcher.accused(text, "详见标题") == units


@pytest.mark.parametrize(
    "text",
    [
        "社区工作人员态度很好",
        "博苑社区工作人员态度很好，办事不推诿，从不敷衍",
        "邻居推诿责任",
        "博苑社区三栋的邻居推诿责任，漏水不修",
        "博苑社区物业不作为，电梯坏了没人修",
        "请区城市管理局修好路灯",
        "有关部门推诿扯皮",
        "",
    ],
)
def test_praise_neighbours_and_plain_requests_accuse_nobody(matcher: Matcher, text: str) -> None:
    """R-LAD-04: a name alone, a word of conduct alone, or one about somebody else is no complaint of a unit."""
    assert matcher.accused("情况反映", text) == ()


ACCUSING = {
    # whom a verb of complaint has as its object, with and without what may stand between
    "GL-URBAN": (
        "投诉区城市管理局|我要告城管局|投诉城管局执法人员粗鲁|控訴城管打人|举报区城市管理局局长|不满区城市管理局的处理结果"
        "|向区信访局投诉城管局|长期投诉城管只是做样子|对城管局非常不满|我投诉的是城管局"
        # what it is said to have done
        "|城管局的人收黑钱|城管收了老板红包，才不来查|城管打人|城管队员动手打人，还掀了我的摊子|城管把我的秤砸了|城管局跟老板勾结"
        "|城管局就是不管|城管收保护费|城管执法不出示证件就搬走我的货|城管半夜来砸我家店门|城管局泄露了我的举报信息"
        # with gaps, with marks between, in traditional characters
        "|区城市管理局不 作 为|城管局推 诿 扯 皮|城.管.局.不.作.为|區城市管理局態度惡劣"
        "|城管欺負老百姓|舉報城管局收黑錢|城管局他们不管|被投诉单位名称：区城市管理局|被投诉单位（部门）：城管局"
    ),
    "GL-POLICE": "派出所对报案不管不问|派出所民警打了我|公安局户籍窗口的人态度嚣张|派出所给对方通风报信"
    "|公安局刑讯逼供",
    STREET: "投诉澄湖街道办|跟街道反映过，现在投诉澄湖街道办事处|澄湖街道办的人欺负老百姓|请纪委问责澄湖街道办事处"
    "|澄湖街道的干部威胁我|对澄湖街道办的答复不满|澄湖街道辦不作為|对澄湖街道的态度不满|我们对澄湖街道的工作态度不满|被举报单位:澄湖街道办",
    COMMUNITY: "投诉博苑社区的工作人员|检举博苑社区书记|博苑社区干部欺压群众|投诉博苑社区|投訴博苑社區居委會"
    "|博苑居委会骗我签字|博苑社区网格员骂我|被投诉单位：博苑社区|被投诉人：博苑社区居委会|我对博苑社区非常不满意"
    "|博苑社居委态度恶劣|博苑社区他们乱收费",
    "GL-LABOUR": "区人社局窗口爱答不理|区人社局故意刁难我们农民工|劳动局帮老板说话",
    "GL-EDUCATION": "控告区教育局违规招生|对区教育局问责|舉報區教育局局長|要求严查鼓楼区教育局",
    "GL-HOUSING": "举报住建局某科长收钱办事|要求追究区住房和城乡建设局的责任|住建局推三阻四",
    "GL-HOTLINE": "热线中心的接线员挂我电话|话务员不耐烦",
    "GL-WATER": "自来水公司乱收费，投诉自来水公司|自来水公司水表做手脚，多收我钱",
}


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (unit, text)
        for told in (ACCUSING, FREELY_ACCUSED)
        for unit, texts in told.items()
        for text in texts.split("|")
    ],
)
def test_who_is_accused_in_other_words_is_found(matcher: Matcher, unit: str, text: str) -> None:
    """R-LAD-04, R-HOT-14: as the object of a complaint, or by what is said right behind its name."""
    assert unit in matcher.accused("情况反映", f"您好。{text}。请处理")


INNOCENT = (
    # to whom somebody complained, not of whom
    "向区城市管理局投诉过烧烤店油烟|跟城管局反映多次了，烧烤店还在冒烟|打城管局投诉电话没人接|城管局投诉过，油烟还在|已投诉至区城市管理局，等待答复"
    "|投诉到区城市管理局后第二天就解决了|区市场监督管理局接到投诉后来检查过|投诉举报中心转区市场监督管理局|通过12345热线中心投诉楼上漏水"
    # a place
    "|投诉博苑社区3栋2单元楼上噪音|投诉博苑社区的烧烤店油烟扰民|举报博苑社区有人违建|投诉澄湖街道夜间施工噪音|举报城管局旁边的小摊占道"
    "|投诉供电公司门口的路灯不亮|派出所门口有人打人|博苑社区3栋打人的事"
    "|被投诉单位：博苑社区南门的烧烤店|对博苑社区的垃圾不满|博苑社区他们家楼上漏水|希望博苑社区他们来看看路灯"
    "|有人对博苑社区不满，到处贴小广告|我不是对博苑社区不满，只是请再劝劝|物业对博苑社区不满|对博苑社区不满意的只有邻居|被投诉单位在博苑社区"
    "|被投诉单位所在地：博苑社区，垃圾满了|被投诉人所属辖区：澄湖街道|被投诉人：博苑社区（3栋楼上住户）|请派出所处理，上周我被麻将馆的人打了"
    "|供电公司的人打了电话说是市政的"
    # what somebody else did
    "|已向派出所报案，邻居打人|报警后派出所来了，邻居还在骂人|博苑社区保安骂人，请派出所处理|业委会收了物业红包，请住建局查"
    "|房东不管不问，漏水三个月，请居委会协调|商家欺骗消费者，请工商局查处|摊贩打人，城管已到场|有人冒充燃气公司上门骗钱|公交司机骂人，请交通局处理"
    # thanks, wishes and questions
    "|感谢区城市管理局及时清理|城管局已处理，谢谢|请问区教育局的地址在哪里|区市场监督管理局投诉电话是多少|请城管局查处楼下违建|希望区城市管理局加强巡查"
    "|表扬澄湖街道办，办事效率高|派出所民警帮我找回了钱包|我想投诉楼下烧烤店，请城管局来看看|投诉物业乱收费，住建局能管吗"
)


@pytest.mark.parametrize("text", [*INNOCENT.split("|"), *NOT_ACCUSED.split("|")])
def test_who_is_only_named_is_not_accused(matcher: Matcher, text: str) -> None:
    """R-LAD-04, R-HOT-02: the addressee of a complaint, its place, and who is asked for help go on as before."""
    assert matcher.accused("情况反映", text) == ()


@pytest.mark.parametrize("unit", ["投诉", "城管打", "投诉我本", "对我", "城管", "态度很", "不 作 "])
def test_long_adversarial_text_is_searched_in_linear_time(matcher: Matcher, unit: str) -> None:
    """R-LAD-04: a hundred thousand hostile characters come back; backtracking would never return."""
    assert matcher.accused("", f"{unit * (100_000 // len(unit))}。投诉区教育局")[-1:] == ("GL-EDUCATION",)


def test_every_unit_that_is_looked_for_is_found_by_each_of_its_names(matcher: Matcher) -> None:
    """R-LAD-04: communities, streets, departments and public bodies."""
    looked_for = 0
    for unit in gulou().units.values():
        if unit.code == DISTRICT or unit.kind in {"grid", "building_group"}:
            continue
        looked_for += 1
        for name in (unit.name, *unit.aliases):
            assert matcher.accused("", f"{name}敷衍群众") == (unit.code,), name
    assert looked_for == 65 + 7 + 28


def real(jurisdiction: Any = None) -> Router:
    known = jurisdiction or gulou()
    return Router(known, policy(), Matcher(known), WorkingCalendar(known.calendar))


@pytest.mark.parametrize(
    ("matter", "text", "subject"),
    [
        ("municipal.streetlight", "路灯不亮，区城市管理局推诿扯皮", "GL-URBAN"),
        ("order.garbage", "垃圾没人清，博苑社区工作人员偏袒对方", COMMUNITY),
        ("municipal.road", "路面坑洼，澄湖街道办态度恶劣", STREET),
    ],
)
def test_who_is_accused_in_words_is_sent_nothing_until_a_human_says(
    matter: str, text: str, subject: str
) -> None:
    """R-LAD-04, R-HOT-14: it waits; the unit is passed over, unless the human clears it."""
    asked = Played(real())
    asked.give(submitted(matter, text=text.partition("，")[0]))
    assert asked.state.unit == subject, "without the complaint it is this unit's"

    case = Played(real())
    case.give(submitted(matter, text=text))
    queued = case.last(r.TriageQueued)
    assert (case.status, queued.reason, queued.unit) == (S.REGISTERED, r.QueueReason.POLICY, "GL-HOTLINE")
    assert [row.row for row in queued.route.rows] == ["accused-in-words"]
    assert (case.state.subjects, case.all(DepartmentAssigned)) == ((subject,), [])

    cases: tuple[tuple[dict[str, Any], bool], ...] = (({}, False), ({"subjects": ()}, True))
    for said, cleared in cases:
        judged = Played(real())
        judged.give(submitted(matter, text=text))
        judged.give(r.TriageCase(actor=OPERATOR, matter=matter, **said))
        told = {event.unit for event in judged.all(DepartmentAssigned)}
        assert (subject in told) is cleared, said


def test_staff_who_name_the_subjects_are_believed() -> None:
    """R-LAD-04: the words add nothing to what the operator named, and the case goes out at once."""
    case = Played(real())
    case.give(submitted("order.garbage", text="博苑社区偏袒，城管推诿", subjects=(COMMUNITY,)))
    assert (case.status, case.state.subjects, case.state.unit) == (S.DISPATCHED, (COMMUNITY,), STREET)


def test_the_engines_sure_matter_is_offered_to_the_human() -> None:
    """R-LAD-04, R-HOT-02: the case waits for whom it accuses; what it is about need not be guessed anew."""
    case = Played(router(Oracle(Match((Hit("order.garbage"),), 0.9), blamed=(COMMUNITY,))))
    case.give(submitted(None))
    first = case.last(r.TriageQueued).registered
    assert first is not None
    assert [found.matter for found in first.judgement.candidates] == ["order.garbage"]


def test_an_abolished_unit_is_accused_with_its_successor() -> None:
    """R-PET-04, R-LAD-04: who took over its duties is passed over, too."""
    units = dict(gulou().units)
    units["GL-HOUSING"] = replace(units["GL-HOUSING"], successor="GL-LAND")
    case = Played(real(replace(gulou(), units=units)))
    case.give(submitted("municipal.road", text="住建局推诿"))
    assert case.state.subjects == ("GL-HOUSING", "GL-LAND")


def test_the_hotline_accused_in_words_does_not_keep_the_case() -> None:
    """R-LAD-04: the district keeps it in the hotline centre's place."""
    case = Played(real())
    case.give(submitted("municipal.road", text="区12345热线中心敷衍"))
    assert (case.status, case.state.unit) == (S.REGISTERED, DISTRICT)


def test_danger_goes_to_the_line_at_once_and_never_to_the_accused() -> None:
    """R-LAD-05, R-LAD-04: no human is waited for; what remains passes over the unit all the same."""
    case = Played(real())
    alarm = Emergency(line="119", ground="冒浓烟")
    case.give(submitted("order.garbage", text="博苑社区推诿，楼道冒浓烟", emergency=alarm))
    assert case.status is S.EMERGENCY_XFER
    case.give(r.DispatchRemainder(actor=OPERATOR))
    assert (case.status, case.state.unit) == (S.DISPATCHED, STREET)


def test_sealed_matter_goes_to_its_one_recipient_whoever_is_named() -> None:
    """R-PET-10: nobody in between reads it; residents appeal to the recipient by name."""
    case = Played(real())
    case.give(submitted("government.report", text="请区纪委查处博苑社区书记包庇亲属"))
    assert (case.status, case.last(DepartmentAssigned).unit) == (S.REDIRECTED, "GL-DISCIPLINE")


def test_a_unit_accused_in_words_settles_nothing_on_the_spot() -> None:
    """R-GRD-01, R-LAD-04: a human looks at it; another unit's settlement stands."""
    for unit, status in ((GRID, S.REGISTERED), ("GL020101", S.CALLBACK)):
        case = Played(real())
        settled = OnSiteResolution(unit=unit, measure="已当面解释", resolved_at=MONDAY)
        case.give(submitted("order.garbage", text="博苑社区工作人员偏袒对方", resolved=settled))
        assert case.status is status, unit


def test_a_repeat_is_linked_whoever_is_named() -> None:
    """R-HOT-03, R-LAD-04: nobody is sent anything; the accused unit does not see the link either."""
    case = Played(real())
    text = "博苑社区工作人员偏袒对方"
    case.give(submitted("order.garbage", text=text, repeat_of=UUID(int=1), new_facts=False))
    assert (case.status, case.state.subjects) == (S.LINKED_DUP, (COMMUNITY,))
