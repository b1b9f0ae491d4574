"""Alarms: a danger that happens now goes to its line; everything else does not."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.alarm import find_alarm
from reference.dangers import DANGERS, Hints
from reference.load import load
from reference.matcher import Matcher
from schemas.values import Emergency
from tests.unit import danger_calls as calls
from tests.unit import danger_phrases as phrases

gulou = load(Path(__file__).parents[2] / "reference" / "gulou")
matcher = Matcher(gulou)
known = Hints(DANGERS)
DATA = Path(__file__).parents[3] / "shared" / "data" / "citizen-messages.csv"


def alarm_of(title: str, text: str, *, settled: bool = False, added: bool = False) -> Emergency | None:
    """What the signs alone tell, without the matters of a jurisdiction."""
    return find_alarm(title, text, known, settled=settled, added=added)


LIVE = [
    ("110", "家暴求助"),
    ("110", "我被我丈夫打了，头上流血了"),
    ("110", "爸爸用皮带抽我"),
    ("110", "他用菜刀追着我满屋跑"),
    ("110", "路面塌陷了，很危险"),
    ("110", "路面塌了个洞，刚有人踩空"),
    ("119", "燃气泄漏"),
    ("119", "燃气管道泄漏"),
    ("120", "我割腕了，血止不住"),
    ("110", "家庭矛盾，老公拿菜刀追着我满屋跑"),
    ("110", "两口子吵架，他要把孩子从窗户扔下去"),
    ("110", "婆媳吵架，婆婆用开水烫我"),
    ("110", "夫妻吵架他动手了"),
    ("110", "救命啊"),
    ("119", "电梯里困了三个人，快点派人"),
    ("119", "高压线断了掉在地上还在冒火花"),
    ("119", "房子塌了有人被埋"),
    ("119", "加油站着火"),
    ("120", "我割腕了"),
    ("120", "老人晕倒在路边"),
    ("122", "有人被车轧了"),
    ("122", "车撞人了，人躺在地上"),
    ("110", "他在打我"),
    ("119", "着火了"),
    ("110", "我想跳楼"),
    ("110", "我不想活了"),
    ("110", "他要杀我"),
    ("110", "现在被老公打"),
    ("110", "爸爸在打妈妈"),
    ("119", "家里煤气泄漏了"),
    ("110", "孩子掉井里了"),
    ("120", "有人触电"),
    ("119", "我家厨房闻到很浓的煤气味，请马上派人来！"),
    ("119", "小区门口天然气管道被挖断，正在漏气"),
    ("119", "燃气泄漏，快派人"),
    ("119", "现在天然气泄漏味道很大"),
    ("119", "3号楼着火了，冒浓烟，快派消防车"),
    ("119", "楼下电动车起火了，火势很大"),
    ("119", "地下车库有车着火"),
    ("119", "我和孩子被困在电梯里出不来了，救命"),
    ("119", "电梯困人了，里面还有老人，赶快来"),
    ("110", "隔壁男的正在打老婆，孩子在哭，快来人"),
    ("110", "我老公拿着刀要砍我，救命"),
    ("110", "我被老公家暴，现在躲在厕所里"),
    ("110", "爸爸又在打妈妈了"),
    ("110", "路面突然塌陷了，有一辆车掉进坑里"),
    ("110", "楼上往下扔酒瓶，刚刚砸中一个路人"),
    ("122", "路口刚发生车祸，有人被撞倒流血躺在地上"),
    ("120", "有个老人晕倒在路边，没有呼吸了，快派救护车"),
    ("120", "老人晕倒在路边没有呼吸"),
    ("119", "我被困在电梯里了"),
    ("110", "菜市场有人持刀砍人"),
    ("110", "有人站在楼顶要跳楼"),
    ("110", "有人站在天台想跳下去"),
    ("110", "有人跳楼"),
    ("110", "对面楼有个女的跳楼，快来人"),
    ("110", "绑架"),
    ("110", "他们绑架我女儿"),
    ("119", "房子要塌了"),
    ("119", "围墙快倒了，下面有人"),
    ("119", "救命！着火了"),
    ("119", "救命\n楼道着火了"),
    ("120", "有人掉井里了，流血了"),
    ("120", "孩子摔进沟里，昏过去了"),
    ("119", "咨询煤气泄漏怎么办，我家煤气漏了"),
    ("119", "请问我家煤气漏了怎么办"),
]
ONGOING = [
    "儿媳妇天天打我",
    "邻居经常殴打妻子",
    "邻居经常殴打妻子，请求调解",
    "邻居家暴",
    "楼上住户长期家暴妻子",
    "隔壁男的天天打老婆",
    "丈夫多次殴打我",
    "我老公经常打我",
    "儿子虐待老人",
    "邻居经常打骂孩子",
    "邻居动手打他老婆",
    "被丈夫长期家暴",
    "邻居经常对妻子拳打脚踢",
    "隔壁楼有家暴，孩子一直在哭",
    "受不了老公的家暴",
    "妻子被殴打",
    "孩子被继父虐待",
    "邻居经常殴打其妻子",
]
NOT_LIVE = [
    "小区去年有人跳楼，现在没人管理天台门",
    "有人跳楼怎么办",
    "有人跳楼的那栋楼想换房",
    "捆绑销售，绑架消费者",
    "道德绑架我",
    "我家房子快塌了，申请危房改造",
    "房子要塌了谁负责",
    "老房子年久失修，墙快倒了几年没人管",
    "楼要倒垃圾怎么分类",
    "我走路掉进窨井摔伤，要求赔偿",
    "咨询煤气泄漏怎么办",
    "请问家里着火了物业有责任吗",
    "咨询：我家去年着火了，保险赔吗",
    "电工说他在打我电话约时间，我没接到",
    "等得气得我想跳楼了，请尽快修",
    "老公打我妈电话说路灯还没修好",
    "路面塌陷多处",
    "家暴怎么办",
    "他在打我电话",
    "老公打我妈电话",
    "老公正在打我微信电话",
    "气得我想跳楼",
    "物业要把老人用的椅子扔出去",
    "电线老化断了几根没人管",
    "车位被压线",
    "我去年被车撞了",
    "楼道着火了，已扑灭，不用来了",
    "刚才厨房着火了，已经扑灭了",
    "去年小区发生过火灾，至今没有装消防栓",
    "昨天晚上楼下车库着火了，已经扑灭，请查原因",
    "小区消防通道被堵，一旦起火后果不堪设想",
    "厨房油烟很大，像着火了一样",
    "冒充消防员卖灭火器",
    "建议给老旧小区加装燃气报警器",
    "万一发生煤气泄漏怎么办",
    "咨询天然气泄漏险怎么买",
    "开展燃气泄漏应急演练的建议",
    "请问家暴怎么申请保护令",
    "反家庭暴力法规定家暴要告诫，请加强宣传",
    "我前夫以前家暴我，现在离婚要求分割财产",
    "丈夫在外打工",
    "我老公在打麻将",
    "电梯经常困人，物业不修",
    "现在电梯还是经常困人",
    "上周电梯困人半小时，要求更换电梯",
    "楼上经常往下扔垃圾，担心砸到人",
    "外墙瓷砖脱落，随时可能砸伤人",
    "路面塌陷一个月没人修",
    "去年三月我被车撞伤，肇事方不赔偿",
    "火车站附近噪音大",
    "上个月有人持刀砍人，至今没有处理",
    "去年有人站在楼顶要跳楼讨薪",
    "再不解决就只有跳楼了",
    "孩子每天被关在电梯里了好几次",
    "希望学校教孩子遇到没有心跳的病人怎么做",
    "前夫曾经殴打妻子，现在离婚要求分割财产",
    "去年邻居殴打老人，至今没有赔偿",
    "他打过老婆几次",
    "如果邻居家暴该找谁",
    "加强对家暴受害者的帮助",
    "老公有家暴史，离婚协议请指导",
    "邻居虐待流浪猫",
    "关爱遭受家暴的妇女",
    "我丈夫在停车场遭物业殴打，派出所不管",
    "物业与我丈夫发生争执并殴打我丈夫的同事",
    "邻居殴打我父亲致轻伤，派出所不立案",
    "我被保安毒打，要求严惩",
    "我儿子在学校被同学殴打",
    "父亲被物业保安殴打住院",
    "邻居正在打钻，噪音大",
    "有人打老人的电话推销",
    "社区打老人疫苗要排队",
    "一饭店厨房起火，保安扑救及时，燃气罐仍堆在门口",
]
SETTLED = [
    ("119", "燃气泄漏，已处理"),
    ("119", "巡查发现燃气泄漏，已关闭阀门"),
    ("119", "施工造成天然气管道漏气，已更换管道"),
    ("119", "楼道起火，已扑灭"),
    ("119", "电梯困人，已救出"),
    ("110", "路面塌陷，已设围挡"),
    ("110", "夫妻家暴，已劝解"),
]
NOTHING_FOUND = [
    "楼道灯坏了，已更换",
    "入户检查燃气泄漏情况，均正常",
    "检查燃气管道，未发现燃气泄漏",
    "宣传燃气泄漏如何处置，已完成",
    "乱接管子会造成燃气泄漏，已劝阻",
    "去年燃气泄漏的管道，已更换",
]


@pytest.mark.parametrize(("line", "text"), LIVE)
def test_a_danger_now_goes_to_its_line(line: str, text: str) -> None:
    """R-LAD-05, R-HOT-13: wherever it is said, and with the words that said it."""
    for title, body in ((text, ""), ("", text), (text, text)):
        alarm = alarm_of(title, body)
        assert alarm is not None
        assert alarm.line == line
        assert alarm.ground in text


@pytest.mark.parametrize("text", ONGOING)
def test_violence_that_goes_on_is_for_the_police(text: str) -> None:
    """R-LAD-05, R-HOT-13: who is beaten again and again is in danger now; no word of urgency is asked for."""
    for title, body in ((text, ""), ("", text), (text, text)):
        alarm = alarm_of(title, body)
        assert alarm is not None
        assert (alarm.line, alarm.ground in text) == ("110", True)


@pytest.mark.parametrize(("line", "text"), SETTLED)
def test_a_danger_settled_on_the_spot_is_still_reported(line: str, text: str) -> None:
    """R-GRD-01, R-LAD-05: that it is dealt with is for the line to say."""
    for title, body in ((text, ""), ("", text)):
        alarm = alarm_of(title, body, settled=True)
        assert alarm is not None
        assert alarm.line == line


@pytest.mark.parametrize("text", NOTHING_FOUND)
def test_a_round_without_a_danger_gives_no_alarm(text: str) -> None:
    """R-GRD-01, R-HOT-13: the daily work of a grid worker calls nobody."""
    assert alarm_of(text, "", settled=True) is None
    assert alarm_of("", text, settled=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "小区停车费涨得太离谱，抢劫啊！",
        "物业把我家水掐断了。",
        "供电公司把我家电给掐了，请恢复。",
        "被物业绑架了",
    ],
)
def test_a_manner_of_speaking_gives_no_alarm(text: str) -> None:
    """R-HOT-13: of prices and of supplies that are cut off, people speak as of crimes."""
    assert alarm_of("", text) is None


@pytest.mark.parametrize("text", NOT_LIVE)
def test_past_fear_question_and_proposal_give_no_alarm(text: str) -> None:
    """R-HOT-13: a false alarm takes the line away from somebody else."""
    assert alarm_of(text, "") is None
    assert alarm_of("", text) is None
    assert alarm_of(text, text) is None


def test_what_a_caller_says_counts_in_a_call_only() -> None:
    """R-LAD-05, R-HOT-13: in a letter the same words tell of a nuisance; the ground quotes them as they stand."""
    call = "地铁口有个老人倒了，没得心跳了"
    alarm = alarm_of("", call)
    assert alarm is not None
    assert alarm.ground == "没得心跳"
    nuisance = "路灯杆子漏电，狗踩上去就死了。"
    assert alarm_of("", nuisance) is not None
    assert alarm_of("", nuisance + "我们小区的物业服务现在一直不好。" * 12) is None


def test_a_letter_that_mentions_danger_far_below_gives_no_alarm() -> None:
    """R-HOT-13: a caller in danger says so at once; a letter of many words tells a story."""
    letter = "我们小区的物业服务一直不好。" * 40 + "楼下电动车起火了，火势很大。"
    assert alarm_of("物业不作为", letter) is None
    assert alarm_of("楼下电动车起火了", letter) is not None


def test_what_is_added_is_no_letter() -> None:
    """R-LAD-05: the newest facts often stand last; what is past or feared gives no alarm there either."""
    story = "我们小区的物业服务一直不好。" * 40
    alarm = alarm_of("", story + "现在楼下电动车起火了，火势很大。", added=True)
    assert alarm is not None
    assert alarm.line == "119"
    assert alarm_of("", story + "去年楼下电动车起火了。", added=True) is None


def _calls(told: dict[str, str]) -> list[tuple[str, str]]:
    return [(line, text) for line, texts in told.items() for text in texts.split("|")]


TOLD = {
    "trial": phrases.TRIAL,
    "tuned": phrases.TUNED,
    "held out": phrases.HELD_OUT,
    "later": phrases.LATER,
    "last": phrases.LAST,
    "plain": phrases.PLAIN,
    "plainer": phrases.PLAINER,
    "calls": _calls(calls.CALLS),
    "calls held out": _calls(calls.CALLS_HELD_OUT),
}
QUIET = (
    *(*phrases.QUIET_TUNED, *phrases.QUIET, *phrases.QUIET_LATER, *phrases.QUIET_LAST, *phrases.QUIET_PLAIN),
    *(*phrases.QUIET_PLAINER, *calls.QUIET_CALLS.split("|"), *calls.QUIET_CALLS_HELD_OUT.split("|")),
)


@pytest.mark.parametrize("name", TOLD)
def test_what_people_say_of_a_danger_goes_to_its_line(name: str) -> None:
    """R-LAD-05, R-HOT-13: as a case, in its title, and as what is added to one or said to withdraw it."""
    for line, text in TOLD[name]:
        alarms = (
            matcher.emergency("", text),
            matcher.emergency(text, ""),
            matcher.emergency("", text, added=True),
        )
        assert [alarm and alarm.line for alarm in alarms] == [line] * 3, text


def test_what_people_say_of_other_things_calls_nobody() -> None:
    """R-HOT-13: the past, a question, a fear, a proposal, an exercise, what is over, and manners of speaking."""
    loud = [text for text in QUIET if matcher.emergency("", text) or matcher.emergency(text, "")]
    assert loud == []


def test_no_sign_is_missed_for_want_of_a_word_to_look_for() -> None:
    """R-LAD-05: each hit of a sign holds one of the words by which the sign is looked for."""
    texts = [text for told in TOLD.values() for _, text in told] + [text for _, text in LIVE] + ONGOING
    unseen = [
        (hit[0], danger.words[:3])
        for danger in DANGERS
        for text in (*texts, *QUIET, *NOT_LIVE)
        for hit in danger.sign.finditer(text)
        if not any(word in hit[0] for word in danger.words)
    ]
    assert unseen == []


@pytest.mark.parametrize("text", ["路面下沉，车都不敢走", "电梯困人", "家里燃气泄漏"])
def test_an_emergency_matter_that_triage_is_sure_of_goes_to_its_line(text: str) -> None:
    """R-LAD-05: the words of the catalogue are signs as well; in the past or in the mind they wait for a human."""
    best = matcher.match(text, "").candidates[0].matter
    alarm = matcher.emergency(text, "")
    assert alarm is not None
    assert alarm.line == gulou.matters[best].emergency_line
    assert matcher.match(text, "").confidence > 0.55
    for other in (f"去年{text}", f"万一{text}"):
        assert matcher.emergency(other, "") is None
        assert matcher.match(other, "").confidence < 0.55


@given(st.text(max_size=60), st.text(max_size=400))
def test_any_text_is_judged_the_same_twice(title: str, text: str) -> None:
    """R-HOT-13: pure, and the ground stands in the text."""
    alarm = alarm_of(title, text)
    assert alarm == alarm_of(title, text)
    assert alarm is None or alarm.ground in title + text


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="the shared real messages are not on this machine")
def test_real_letters_give_no_false_alarm() -> None:
    """R-HOT-13: none of the 4,326 letters reports a danger at that moment; each mention of one was read."""
    with DATA.open(encoding="utf-8", newline="") as lines:
        alarms = [row["message_id"] for row in csv.DictReader(lines) if _alarms(row["title"], row["body"])]
    assert alarms == []


def _alarms(title: str, text: str) -> bool:
    """Whether a letter gives an alarm as a case, or as what is added to one."""
    as_case, as_added = matcher.emergency(title, text), matcher.emergency("", text, added=True)
    return as_case is not None or as_added is not None
