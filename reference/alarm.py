"""Dangers that a text reports as happening now, for the emergency lines (R-LAD-05, R-HOT-13).

Precise rather than complete: a past event, a question, a fear, a proposal or a mere mention gives no alarm, since
a false one takes an emergency line away from others. What is missed waits for a human (`Matcher.match`).
"""

import re
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import AhoCorasick, Implementation

from reference import violence
from schemas.values import Emergency

_SENTENCE = re.compile(r"[。！？!?；;\n]+")
_CLAUSE = re.compile(r"[，,、：:]+")
_SHORT: Final = 100
"""In a message of at most so many characters a word of urgency may stand anywhere; otherwise beside the danger."""
_LETTER: Final = 400
"""A longer text is a letter: a caller in danger says so in its title or first sentences."""
_FIRST_SENTENCES: Final = 3

_NOW = re.compile(
    "正在|现在|此刻|刚刚|刚才|刚发生|救命|救救|快来|快派|快救|赶快|赶紧|(?:马上|立即|立刻)派|突然|出不来|十万火急"
)
_VIVID = re.compile("正在|此刻|刚刚|刚才|救命|出不来")
_PAST = re.compile(
    "曾|以前|之前|从前|去年|前年|往年|上次|上周|上个?月|昨[天晚日]|前[天些]|那[次天]|当时|当天"
    r"|\d{2,4}\s*年|\d+月|\d+[日号](?![楼栋院门线路])|日前|前不久|过后|后来"
    "|[过次]$|[过次]的|起了?[一两三四五六几多]+次|发生[过在于]"
)
_AGAIN_AND_AGAIN = re.compile("多次|经常|常常|时常|屡|每[天次年晚月]|最近|近期|近日|至今|以来|长期|天天")
_AFTERMATH = re.compile(violence.AFTERMATH)
_DEALT_WITH = re.compile("已(?:经|被)?(?:扑灭|灭|救出|修复|处理|解决|控制)|(?:扑|熄)灭了")
_STILL = re.compile("正在|此刻|救命|出不来")
_NOT_REAL = re.compile(
    "如果|假如|假设|倘若|若是|一旦|万一|要是|以免|避免|防止|预防|谨防|防范|防火|担心|生怕|恐怕|唯恐|容易|可能|隐患|风险|威胁着"
    "|建议|希望|加装|安装|报警器|演练|宣传|讲座|培训|知识|咨询|怎么|如何|是否|会不会|能不能|为什么|为何|什么|[吗呢]"
    "|条例|法律|法规|规定|办法|反家庭|反家暴|保险|赔偿|责任|认定|起诉|判决|事件|案件|新闻|据说|听说|报道|类似|比如|例如|等事故"
    "|没有?(?:发生|出现|发现)|未(?:发生|出现|发现)|不会|不是|并非|才会|就会|随时|即将|将会|一样|似的|如同"
)
_CAUSE = re.compile("导致|造成|引发|引起")
"""In a resident's letter what might come of something; in a report of what was settled, what came of it."""
_ROUTINE = re.compile("[会能易](?:导致|造成|引发|引起)|(?:检查|排查|检测|巡查|安检)(?!.*(?:发现|发生|闻到))")
"""In a report of what was settled, a round on which nothing was found."""


@dataclass(frozen=True, slots=True)
class _Danger:
    line: str
    sign: re.Pattern[str]
    urgent: bool
    """Whether the sign alone tells that it happens now; otherwise a word must say so."""
    lasting: bool = False
    """Whether it goes on where it happens again and again, as violence at home does."""


_PERSON: Final = "(?:老公|丈夫|老婆|妻子|爸爸|父亲|我爸|我妈|妈妈|前夫|男友|男朋友|邻居家|儿子|继父|后妈)"
_GAS: Final = "(?:燃气|煤气|天然气|液化气)"
_HOME: Final = "(?:楼|屋|家|房|层|单元|商铺|店|仓库|车库|厨房|阳台|电表|配电|电动车|电瓶车|汽车)"
_FIRE: Final = "(?:着火|起火|失火)"
_STRIKE: Final = "(?:打|砍|掐|踢|揍)(?!工|牌|麻将|电话|游戏|扫|算|听|桩|球|车|印|架子鼓)"
_DANGERS: Final = tuple(
    _Danger(line, re.compile(sign), urgent)
    for line, urgent, sign in (
        ("119", False, f"{_GAS}[^的]{{0,5}}(?:泄漏|泄露|漏气|漏了|爆炸)"),
        ("119", True, f"{_GAS}[^的]{{0,3}}(?:泄漏|泄露|漏气|漏)了$"),
        ("119", True, f"^[^，]{{0,8}}{_FIRE}了$"),
        ("110", True, "我(?:真的?|就|只)?(?:想|要)(?:跳楼|跳河|跳江|自杀|轻生)|不想活了"),
        (
            "110",
            True,
            f"(?:{_PERSON}|[他她]|有人)(?:正|正在|又|又在|在){_STRIKE}(?:着)?(?:我|妈|孩子|老人|人)",
        ),
        ("110", True, f"(?:{_PERSON}|[他她]|有人)(?:说)?要(?:杀|砍|打死)(?:死)?我|掐着?我的?脖子"),
        ("110", True, f"(?:现在|正在|刚刚?|又)被{_PERSON}(?:打|砍|掐|家暴)|我被家暴了"),
        ("120", True, "喝了?(?:农药|百草枯|毒药)|(?:有人|孩子|老人)(?:触电|溺水|落水)"),
        ("110", True, "(?:人|孩子|老人)掉(?:进|入|到)?.{0,3}(?:井|坑|洞)里?了$"),
        ("119", True, f"{_GAS}味[^，]{{0,3}}(?:浓|大|重|刺鼻)|闻到.{{0,6}}{_GAS}味"),
        ("119", True, f"{_HOME}.{{0,8}}(?:{_FIRE}(?:了|$|[，,]?已)|冒(?:着|出)?浓烟|烧起来)"),
        ("119", False, f"火势|正在燃烧|(?:正在|突然|在){_FIRE}|{_FIRE}了"),
        ("119", True, "有?人?(?:被?困|关|卡)(?:住|人)?在.{0,8}电梯.{0,4}(?:出不来|救)"),
        ("119", True, "(?:我|人|孩子|老人|们)[^，]{0,3}被(?:困|关|卡)在[^，]{0,4}电梯[里内]?(?:了|$)"),
        ("119", False, "(?:困|关|卡)(?:住|人)?在.{0,8}电梯|电梯.{0,8}(?:困人|困住|被困|关人|出不来|困着)"),
        ("119", False, "(?:管道|管子|阀门|气罐|煤气罐).{0,8}(?:漏气|泄漏|泄露)"),
        ("110", True, f"正在.{{0,3}}{_STRIKE}(?:老婆|妻子|女人|女的|孩子|小孩|老人)"),
        ("110", True, "(?:持|拿|举)着?[^，]{0,2}刀[^，]{0,4}(?:砍|捅|追)(?:人|我|他|她|了)"),
        (
            "110",
            True,
            "(?:站|坐|爬)[在到上][^，]{0,6}(?:顶|天台|窗台|阳台|桥)[^，]{0,4}(?:跳|轻生)|有人[^，]{0,3}要(?:跳楼|轻生)",
        ),
        ("110", True, f"{_PERSON}.{{0,6}}(?:正在|又在).{{0,6}}{_STRIKE}"),
        (
            "110",
            False,
            f"{_PERSON}.{{0,8}}(?:(?:拿|持|举).{{0,3}}刀|(?:要|说)(?:杀|砍死|打死)|家暴|毒打|殴打|虐待|在{_STRIKE})",
        ),
        ("110", False, "(?:遭受?|被)毒打"),
        (
            "110",
            False,
            "(?:路面|地面|马路|道路|人行道|路上|路中间).{0,8}(?:塌陷|塌方|塌了|塌下|塌出|下陷|陷下)",
        ),
        ("110", False, "(?:车|人|孩子|老人).{0,4}(?:掉|陷|摔)(?:进|入|下).{0,6}(?:坑|井|洞)"),
        (
            "110",
            False,
            "(?:高空|楼上|楼顶|外墙|墙砖|瓷砖|玻璃|广告牌|外机).{0,10}(?:砸[中到伤]|伤人|伤到|往下(?:扔|掉|砸))",
        ),
        (
            "122",
            False,
            "(?:车祸|交通事故|翻车|追尾|撞(?:人|车|倒|伤|飞|上)|被.{0,6}撞).{0,20}(?:伤|流血|昏迷|躺|压着|卡在|不省人事)",
        ),
        ("120", True, "(?:人|孩子|邻居).{0,12}(?:没有?(?:呼吸|心跳)|不省人事)"),
        ("120", False, "(?:人|老人|孩子|邻居).{0,12}(?:昏迷|没有?呼吸|大出血|煤气中毒|不省人事|晕倒)"),
    )
) + tuple(_Danger("110", re.compile(sign), urgent=True, lasting=True) for sign in violence.SIGNS)


# Every sign holds one of these; a sentence with none of them, as most are, needs no closer look.
_HINTS: Final = AhoCorasick(
    [
        *("燃气", "煤气", "天然气", "液化气", "漏气", "泄漏", "泄露", "着火", "起火", "失火", "浓烟"),
        *("火势", "燃烧", "烧起来", "电梯", "正在", "又在", "在打", "在砍", "在掐", "在踢", "在揍", "刀"),
        *violence.HINTS,
        *("杀", "砍死", "打死", "塌", "陷"),
        *("坑", "井", "洞", "砸", "伤人", "伤到", "往下", "车祸", "交通事故", "翻车", "追尾", "撞", "昏迷"),
        *("呼吸", "心跳", "出血", "中毒", "不省人事", "晕倒", "跳", "轻生", "自杀", "想活", "正打", "又打"),
        *(
            "正砍",
            "又砍",
            "正掐",
            "又掐",
            "正踢",
            "又踢",
            "正揍",
            "又揍",
            "要砍",
            "要打死",
            "掐",
            "被老",
            "被丈",
            "被妻",
            "被爸",
        ),
        *(
            "被父",
            "被我",
            "被妈",
            "被前",
            "被男",
            "被邻",
            "被儿",
            "被继",
            "被后",
            "农药",
            "百草枯",
            "毒药",
            "触电",
            "溺水",
            "落水",
            "漏了",
        ),
    ],
    implementation=Implementation.DFA,
)


def find_alarm(title: str, text: str, *, settled: bool = False, added: bool = False) -> Emergency | None:
    """Return the first danger reported as happening now; `ground` quotes the words that told of it.

    `settled`: the text says what was found and dealt with on the spot. That a grid worker calls the danger settled
    does not end it: the line, or the danger's owner, must hear of it and say so (R-GRD-01, R-LAD-05).
    `added`: the text was added to a case. It tells what happened since, the newest often last, so all of it counts.
    """
    if not _HINTS.find_matches_as_indexes(title) and not _HINTS.find_matches_as_indexes(text):
        return None
    sentences = [title, *_SENTENCE.split(text)]
    length = len(title) + len(text)
    if length > _LETTER and not added:
        sentences = sentences[: 1 + _FIRST_SENTENCES]
    now = settled or (length <= _SHORT and _NOW.search(f"{title}\n{text}") is not None)
    for sentence in filter(_HINTS.find_matches_as_indexes, sentences):
        for danger in _DANGERS:
            for found in danger.sign.finditer(sentence):
                if _is_live(sentence, found, danger, now=now, settled=settled):
                    return Emergency(line=danger.line, ground=found[0])
    return None


def _is_live(sentence: str, found: re.Match[str], danger: _Danger, *, now: bool, settled: bool) -> bool:
    """Whether it happens now, and nothing in its clause or the one before puts it in the past or in the mind."""
    before, after = _CLAUSE.split(sentence[: found.start()]), _CLAUSE.split(sentence[found.end() :])
    near = "".join(before[-2:]) + found[0] + after[0]
    if _NOT_REAL.search(near) or (_ROUTINE if settled else _CAUSE).search(near):
        return False
    if not (now or danger.urgent or _NOW.search(near + "".join(after[1:2]))):
        return False
    told = near + "".join(after[1:2])
    if not settled and _DEALT_WITH.search(told) and not _STILL.search(told):
        return False
    return _VIVID.search(near) is not None or not _is_over(near, danger)


def _is_over(near: str, danger: _Danger) -> bool:
    """Whether the words put it in the past. What lasts is not over because it happened before."""
    other = _AFTERMATH if danger.lasting else _AGAIN_AND_AGAIN
    return _PAST.search(near) is not None or other.search(near) is not None
