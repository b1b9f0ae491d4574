"""Dangers that a text reports as happening now, for the emergency lines (R-LAD-05, R-HOT-13).

Precise rather than complete: a past event, a question, a fear, a proposal or a mere mention gives no alarm, since
a false one takes an emergency line away from others. What is missed waits for a human (`Matcher.match`).
"""

import re
from typing import Final

from reference import violence
from reference.dangers import DANGERS, HINTS, Danger
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


def find_alarm(title: str, text: str, *, settled: bool = False, added: bool = False) -> Emergency | None:
    """Return the first danger reported as happening now; `ground` quotes the words that told of it.

    `settled`: the text says what was found and dealt with on the spot. That a grid worker calls the danger settled
    does not end it: the line, or the danger's owner, must hear of it and say so (R-GRD-01, R-LAD-05).
    `added`: the text was added to a case. It tells what happened since, the newest often last, so all of it counts.
    """
    if not HINTS.find_matches_as_indexes(title) and not HINTS.find_matches_as_indexes(text):
        return None
    sentences = [title, *_SENTENCE.split(text)]
    length = len(title) + len(text)
    if length > _LETTER and not added:
        sentences = sentences[: 1 + _FIRST_SENTENCES]
    now = settled or (length <= _SHORT and _NOW.search(f"{title}\n{text}") is not None)
    for sentence in filter(HINTS.find_matches_as_indexes, sentences):
        for danger in DANGERS:
            for found in danger.sign.finditer(sentence):
                if _is_live(sentence, found, danger, now=now, settled=settled):
                    return Emergency(line=danger.line, ground=found[0])
    return None


def _is_live(sentence: str, found: re.Match[str], danger: Danger, *, now: bool, settled: bool) -> bool:
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


def _is_over(near: str, danger: Danger) -> bool:
    """Whether the words put it in the past. What lasts is not over because it happened before."""
    other = _AFTERMATH if danger.lasting else _AGAIN_AND_AGAIN
    return _PAST.search(near) is not None or other.search(near) is not None
