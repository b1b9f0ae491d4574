"""Dangers that a text reports as happening now, for the emergency lines (R-LAD-05, R-HOT-13).

A past event, a question, a fear, a proposal or a mere mention gives no alarm, since a false one takes an emergency
line away from others.
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from reference import violence
from reference.dangers import Danger, Hints
from reference.hazards import SMOKE_OF_TRADE
from reference.signs import CLAUSE_ENDS
from schemas.values import Emergency

_SPOKEN: Final = (
    *(("没得", "没有"), ("冇", "没"), ("啦", "了"), ("嘞", "了"), ("俺", "我")),
    *(("天燃气", "天然气"), ("煤汽", "煤气"), ("晕到", "晕倒"), ("救名", "救命"), ("中署", "中暑")),
)
"""What callers say or mistype, and what is written for it, of the same length."""


def _one_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return what finds whether one of the words stands in a text. It begins with one set of characters, by which
    the search skips all others: for so few words several times as quick as an automaton."""
    first = "".join(sorted({word[0] for word in words}))
    return re.compile(f"[{first}](?:{'|'.join(f'(?<={word[0]}){word[1:]}' for word in words)})")


_SPOKEN_WORDS: Final = _one_of([spoken for spoken, _ in _SPOKEN])
_SENTENCE = re.compile(r"[。！？!?；;\n]+")
_CLAUSE = re.compile(f"[{CLAUSE_ENDS}]+")
_SHORT: Final = 150
"""A message of at most so many characters is a call: what it states happens now, unless its words say otherwise.
In a longer one a word of urgency must stand beside the danger."""
_LETTER: Final = 400
"""A longer text is a letter: a caller in danger says so in its title or first sentences."""
_FIRST_SENTENCES: Final = 3
_AROUND: Final = 100
"""How many characters before and after a sign are read at most, so that no text costs more than its length."""

_NOW: Final = _one_of(
    (
        *(
            "正在",
            "现在",
            "此刻",
            "刚刚",
            "刚才",
            "刚发生",
            "救命",
            "救救",
            "快来",
            "快派",
            "快救",
            "赶快",
            "赶紧",
        ),
        *("马上派", "立即派", "立刻派", "突然", "出不来", "十万火急"),
    )
)
_HAPPENED = re.compile("了|正在|着")
"""In a title: it tells what happened, and does not only name a matter."""
_VIVID = re.compile("正在|此刻|刚刚|刚才|救命|出不来")
_AT_ONCE = re.compile("正在|此刻|刚刚|刚才|救命|出不来|现在|又|再次|突然|还在|越来越|快来")
"""Said in the clause itself, one of these outweighs that the clause before tells of something past."""
_PAST = re.compile(
    "曾|以前|之前|从前|去年|前年|往年|上次|上回|上周|上个?月|昨[天晚日夜]|前[天些晚]|前[两几]天|那[次天年时]|当时|当天|小时候|[年月天]前"
    r"|\d{2,4}\s*年|\d+月|\d+[日号](?![楼栋院门线路])|日前|前不久|过后|后来"
    "|[过次]$|[困着起失爆塌掉砸撞打晕炸死淹咬喝吞](?:了)?过|[过次]的|过火|起了?[一两三四五六几多]+次|发生[过在于]"
)
_AGAIN_AND_AGAIN = re.compile(
    "多次|经常|常常|时常|老是|总是|屡|频繁|(?<!一)动不动|三天两头|隔三差五|时不时|好几次|每[天次年晚月]|最近|近期|近日|至今|以来|长期|天天|多处|时有|有时|[几数多两三]次|频发|不断|常有"
)
_FOR_LONG = re.compile(
    "(?!半天)[一二两三四五六七八九十几多半\\d]+(?:天|周|个?多?月|年|个?星期)(?!前)|好久|一直没|没人[修管]|无人[修管]"
)
_AFTERMATH = re.compile(violence.AFTERMATH)
_DEALT_WITH = re.compile(
    "已(?:经|被)?(?:扑灭|灭|救出|修复|处理|解决|控制|送|得到|关|住院|出院)|(?:扑|熄|浇)灭了|(?<!灯)(?<!也)灭了|救[出上]来了|(?:修|处理)好了|没事了|虚惊|(?:警察|警方|派出所|公安).{0,2}带走|扑救及时"
)
_STILL = re.compile("正在|此刻|救命|出不来|又")
_IF = re.compile(
    "如果|假如|假设|倘若|若是|一旦|万一|要是|以免|避免|防止|预防|谨防|防范|防火|据说|听说|报道|新闻|类似|比如|例如|演练|宣传|讲座|培训|模拟"
    "|哪怕|就算"
)
"""What makes all that follows in the sentence a thought."""
_ASKED = re.compile("请问|咨询|想问|问一下")
"""What does so, too, unless the clause states of the caller's own home that it happened."""
_STATED = re.compile("(?:我家|我们家|家里|我妈|我爸|我孩子|我现在|现在).*(?:了|着|正在)")
_THOUGHT_BEFORE = re.compile(
    "(?<!可)怕|担心|生怕|恐怕|唯恐|容易|隐患|风险|建议|希望|加装|安装|怎么(?!回事)|如何|是否|会不会|能不能|有没有|为什么|为何|什么(?!原因|东西)"
    "|不会|不是|并非|没有?(?:发生|出现|发现)|未|随时|即将|(?<!一)会(?!所)|将会|可能会|也许会|迟早|早晚|总有|恨不得|像(?<!好像)|简直|如同|仿佛|似|令人|让人|差点|险些"
    "|防$|申请|要求|加强|关于|反对|再不|只有|只能|除非|[轻重]者|条例|法律|法规|规定|案|起诉|判决|冒充|假装|关爱|帮助"
)
_THOUGHT_AFTER = re.compile(
    "一样|似的|吗$|吗[，,]|是否|如何|为什么|什么|谁|哪个|多少|办法|条例|法律|法规|规定|保险|险怎|赔|责任|认定|事件|案件|不后悔"
    "|(?:都|也)(?:进不|跑不|逃不|没法|不能|不准|不让)|怎么(?!办|回事|还|都|叫)|后果"
)
_THOUGHT_NEXT = re.compile(
    "^(?:隐患|的?可能|风险|危险性|事故|事件|概率|几率|报警|预警|演练|应急|处置|处理|检测|检查|探测|知识|培训|宣传|讲座|责任|案|问题|现象|视频|新闻|险(?!些)"
    "|后|时(?!候)|之后|以后|之前|点|源|原因|(?:该|要|应该)?(?:怎么办|如何|怎样)|史"
    "|的(?:例子|案例|教训|处理|流程|原因|事|问题|时候|新闻|情况|话|风险|隐患|可能|危险|管道|责任|损失|后果|赔偿|视频|照片|现场|帮助|妇女))"
)
_WHAT_TO_DO: Final = re.compile("[了醒血动来住]$")
"""Ends what has happened: 着火了怎么办 is a cry, 着火怎么办 a question."""
_SPEAKING = re.compile(
    f"(?<![打摔撞烧烫电吓])得(?:我|人|大家|全家|我们|居民|孩子|老人)*{'(?:都|就|快|真|直|简直|恨不得)*'}(?:想|要|喘|睡|吃|窒|头|吐|快|活)?$"
)
"""Before a sign: a manner of speaking (吵得我想跳楼)."""
_FEARED = re.compile(
    "(?<!可)怕|担心|容易|随时|防[触溺摔坠]|千万别|迟早|早晚|可能|万一|如果|防止|以免|避免|会(?:砸|掉|塌|倒|撞)"
)
"""Within a sign, which may reach over two clauses."""
_COMPLAINT = re.compile(
    "要求|严惩|追究|立案|索赔|赔偿|起诉|医药费|住院|监控|鉴定|调查|派出所不|公安不|没抓|学校不|处分|打官司"
)
"""Who was beaten asks for justice: the police know of it, or it is over."""
_NOT_REAL = re.compile(
    "如果|假如|假设|倘若|若是|一旦|万一|要是|以免|避免|防止|预防|谨防|防范|防火|担心|(?<!可)怕|唯恐|容易|可能|隐患|风险|威胁着|到处"
    "|建议|希望|加装|安装|报警器|演练|宣传|讲座|培训|知识|咨询|怎么|如何|是否|会不会|能不能|为什么|为何|什么|[吗呢]"
    "|条例|法律|法规|规定|办法|反家庭|反家暴|保险|赔偿|责任|认定|起诉|判决|事件|案件|新闻|据说|听说|报道|类似|比如|例如|等事故"
    "|没有?(?:发生|出现|发现)|未(?:发生|出现|发现)|不会|不是|并非|才会|就会|随时|即将|将会|一样|似的|如同"
)
_CAUSE = re.compile("导致|造成|引发|引起")
"""In a resident's letter what might come of something; in a report of what was settled, what came of it."""
_ROUTINE = re.compile("[会能易](?:导致|造成|引发|引起)|(?:检查|排查|检测|巡查|安检)(?!.*(?:发现|发生|闻到))")
"""In a report of what was settled, a round on which nothing was found."""
_SMOKE = re.compile(SMOKE_OF_TRADE)


def find_alarm(
    title: str, text: str, hints: Hints, *, settled: bool = False, added: bool = False
) -> Emergency | None:
    """Return the first danger reported as happening now, a bare cry for help only where there is no other.

    `ground` quotes the words that told of it.
    `hints`: the dangers that are looked for.
    `settled`: the text says what was found and dealt with on the spot. That a grid worker calls the danger settled
    does not end it: the line, or the danger's owner, must hear of it and say so (R-GRD-01, R-LAD-05).
    `added`: the text was added to a case. It tells what happened since, the newest often last, so all of it counts.
    """
    length = len(title) + len(text)
    if length > _LETTER and not added:
        text = _head(text)
    call = settled or length <= _SHORT
    said = title, text
    if call:
        title, text = _written(title), _written(text)
    titled = call or _HAPPENED.search(title) is not None
    in_title = (titled or _tells_now(title)) and hints.of(title, call=call)
    in_text = (call or _tells_now(text)) and hints.of(text, call=call)
    if not in_title and not in_text:
        return None
    sentences = [title, *_SENTENCE.split(text)]
    cry: Emergency | None = None
    for place, sentence in enumerate(sentences):
        stated = call or (titled and place == 0)
        if not (stated or _tells_now(sentence)):
            continue
        for danger in hints.of(sentence, call=call):
            for found in danger.sign.finditer(sentence):
                told = _Told(sentence, found, sentences[place + 1] if place + 1 < len(sentences) else "")
                if not told.is_live(danger, call=stated, settled=settled):
                    continue
                words = (said[0], *_SENTENCE.split(said[1]))[place][slice(*found.span())]
                alarm = Emergency(line=danger.line, ground=words)
                if not danger.bare:
                    return alarm
                cry = cry or alarm
    return cry


def _written(text: str) -> str:
    if _SPOKEN_WORDS.search(text) is not None:
        for spoken, written in _SPOKEN:
            text = text.replace(spoken, written)
    return text


def _tells_now(text: str) -> bool:
    return _NOW.search(text) is not None


def _head(text: str) -> str:
    """The first sentences of a letter."""
    ends = [end.start() for end in islice(_SENTENCE.finditer(text), _FIRST_SENTENCES)]
    return text[: ends[-1]] if ends else text


class _Told:
    """A sign with the words around it."""

    def __init__(self, sentence: str, found: re.Match[str], following: str) -> None:
        start, end = found.span()
        before = _CLAUSE.split(sentence[max(0, start - _AROUND) : start])
        after = _CLAUSE.split(sentence[end : end + _AROUND])
        self._sign = found[0]
        self._before, self._ahead = before[-1], "".join(before[-3:-1])
        self._after, self._next = after[0], "".join(after[1:3])
        self._following = following
        self._own = before[-1] + found[0] + after[0]
        self._near = "".join(before[-2:]) + found[0] + after[0]
        self._beside = self._near + "".join(after[1:2])

    def is_live(self, danger: Danger, *, call: bool, settled: bool) -> bool:
        """Whether it happens now, and is neither over nor only thought of."""
        if settled and _ROUTINE.search(self._near):
            return False
        if _THOUGHT_NEXT.match(self._after) and not _WHAT_TO_DO.search(self._sign):
            return False
        if self._is_thought() if call and not settled else self._is_perhaps_thought(settled=settled):
            return False
        if not call and not _tells_now(self._beside):
            return False
        if not settled and self._is_dealt_with():
            return False
        if danger.smoke and _SMOKE.search(self._near):
            return False
        return not self._is_over(danger, call=call)

    def _is_thought(self) -> bool:
        """In a call: only what the words themselves make a question, a fear, a proposal, an if."""
        said = self._ahead + self._before
        if _IF.search(said) or _THOUGHT_BEFORE.search(self._before):
            return True
        if _ASKED.search(said) and not _STATED.search(self._own):
            return True
        if _SPEAKING.search(self._before) or _FEARED.search(self._sign):
            return True
        return _THOUGHT_AFTER.search(self._after) is not None

    def _is_perhaps_thought(self, *, settled: bool) -> bool:
        """In a letter: any word of that kind about it."""
        if _SPEAKING.search(self._before) or _NOT_REAL.search(self._near):
            return True
        return not settled and _CAUSE.search(self._near) is not None

    def _is_dealt_with(self) -> bool:
        told = self._after + self._next + self._following
        return _DEALT_WITH.search(told) is not None and _STILL.search(self._own) is None

    def _is_over(self, danger: Danger, *, call: bool) -> bool:
        """Whether the words put it in the past. What lasts is not over because it happened before."""
        near = self._own if call and _AT_ONCE.search(self._own) else self._near
        if danger.line == "110" and (_AFTERMATH if danger.lasting else _COMPLAINT).search(
            self._beside + self._following
        ):
            return True
        if danger.fresh and _FOR_LONG.search(self._beside):
            return True
        if _VIVID.search(self._own):
            return False
        if not danger.lasting and _AGAIN_AND_AGAIN.search(self._own if call else near):
            return True
        return _PAST.search(near) is not None
