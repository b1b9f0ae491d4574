"""Whether words complain of the unit named beside them (R-LAD-04, R-HOT-14); patterns made of conduct.yaml."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ahocorasick_rs import AhoCorasick

from schemas.jurisdiction import Conduct

ANY: Final = "…"
"""In a word of conduct.yaml: up to six characters of the same clause."""
_PARTED = re.compile(r"[ \t\u3000\xa0\u200b-\u200d\u2060\ufeff.·•_*+|/\\~-]+")
_CLAUSE: Final = "，,、。！？!?；;：:\n（）()"
_HOUSE: Final = re.compile(r"[（(]\d")
"""Behind a name: where in the place, not its end."""
_SENTENCE_END: Final = re.compile(r"[。！？!?；;\n]+")
_ASKED: Final = ("请", "祈求", "没有", "希望", "建议", "感谢", "谢谢", "表扬")
_WITH: Final = "跟和与给对向帮替"
"""Before somebody else: the unit deals with them."""
_PRONOUNS: Final = ("他", "她")
_PLURAL: Final = ("他们", "她们")
_STEALTHY: Final = "(?:偷偷|悄悄|私下里?|暗中|背地里|居然|竟然?|还|又|也|都|就|硬是?)?"
"""What may stand between the name of a place and what its people did."""
_LITTLE: Final = "(?:还|又|也|都|总|老|常|是|在|就|仍|依|然|一直|经常|不停|天天|多次|继续|的|地|人)"
"""What may stand between who does something and what is said of it, so that it is still said of them."""
_NEAR: Final = 14
"""So many characters at most stand between a unit and what it is said to have done."""
_BEFORE: Final = 24
"""So many characters before a name tell whether it is complained of."""
_OBJECT_GAP: Final = (
    '(?:一下|的是|对象|区里|[是为：:“"「《我们本该当地辖区属所在某你贵这个那名一位几及和与的省市])'
)

_DEED: Final = "态度|服务|工作|处理|处置|答复|回复|做法|管理|作风|解释|行为|办事|不作为"
_THEIR_PART: Final = f"(?:的?(?:{_DEED}){{1,3}}(?:结果|方式|情况|效率)?)?"
"""What people are discontented with where they name a place, and mean those who work for it."""
_STRESS: Final = "(?:很|非常|十分|极其|极为|极度|特别|强烈|相当|太|表示|感到|深感)*"
_ACCUSED: Final = (
    r"(?:单位|人|方|对象|部门|机构|者)?(?:名称|全称)?(?:[（(][^（()）]{1,4}[）)])?[为是:：“\"「《]{0,3}"
)
"""How a form names whom it complains of."""
_DISCONTENTED: Final = "(?:我们?|本人|大家|居民们?|业主们?|群众)?(?:一直|都|也|还|很|真的|现在|实在)*"
"""Who says that they are, where a place is named: at the beginning of a clause."""
_CONDUCT, _BESIDE, _VERB, _REGRET, _OFFICE, _HEAD, _NAME = (1 << n for n in range(7))
"""Which lists of conduct.yaml, or of names of units, have a word in a text; a pattern fits only where its own lists
have."""
_OF_A_UNIT: Final = _BESIDE | _VERB | _REGRET
_COMPLAINT: Final = _CONDUCT | _OF_A_UNIT


class Said:
    """A text without what may part the characters of a word, and the lists of which a word stands in it."""

    __slots__ = ("_hits", "complains_of_an_office", "last_beside", "last_regret", "lists", "text")

    def __init__(self, text: str, hits: Sequence[tuple[int, int]]) -> None:
        """`hits`: the lists and the end of each word, in the order of their ends."""
        self.text, self._hits = text, hits
        self.complains_of_an_office: bool | None = None  # until somebody has looked
        self.lists = self.last_beside = self.last_regret = 0
        for lists, end in hits:
            self.lists |= lists
            if lists & _BESIDE:
                self.last_beside = end
            if lists & _REGRET:
                self.last_regret = end

    @property
    def may_complain_of_a_unit(self) -> bool:
        """Whether it may complain of a unit that it names: no for most messages."""
        return bool(self.lists & _NAME and self.lists & _COMPLAINT)

    @property
    def may_complain_of_an_office(self) -> bool:
        """Whether it may complain of an office or a head without a name: no for most."""
        return _may_be_of_an_office(self.lists)

    def of_units(self) -> "Iterator[Said]":
        """Its sentences with a name of a unit, of which they may complain."""
        return self._sentences(lambda lists: bool(lists & _NAME and lists & _OF_A_UNIT))

    def of_offices(self) -> "Iterator[Said]":
        """Its sentences that may complain of an office or a head without a name."""
        return self._sentences(_may_be_of_an_office)

    def _sentences(self, may_count: Callable[[int], bool]) -> "Iterator[Said]":
        """Those whose lists count. No word and no name goes beyond the end of a sentence."""
        hits, start, place = self._hits, 0, 0
        for stop, following in (*map(re.Match.span, _SENTENCE_END.finditer(self.text)), (len(self.text), 0)):
            first, found = place, 0
            while place < len(hits) and hits[place][1] <= stop:
                found |= hits[place][0]
                place += 1
            if may_count(found):
                yield Said(self.text[start:stop], [(lists, end - start) for lists, end in hits[first:place]])
            start = following


def _may_be_of_an_office(lists: int) -> bool:
    return bool((lists & _OFFICE and lists & _COMPLAINT) or (lists & _VERB and lists & _HEAD))


class Complaints:
    """The patterns of one conduct.yaml; immutable, all of linear time."""

    def __init__(self, conduct: Conduct, names: Iterable[str], district: str) -> None:
        """`names`: of units. `district`: its name without 区, which may stand before that of a department of it."""
        others, little = _any(conduct.others), _LITTLE
        lists = _literals(conduct)
        for name in names:
            lists[name] = lists.get(name, 0) | _NAME
        self._lists = tuple(lists.values())
        self._hints = AhoCorasick(list(lists))
        self._words = re.compile(_any(conduct.words))
        self._denied = conduct.unless_after
        self._by_others = re.compile(f"(?:{others}){little}{{0,4}}$")
        not_between = f"(?!(?<![{_WITH}])(?:{others})|{_any(_ASKED)})"
        # whom the unit deals with is passed over whole (给那个工厂); a pronoun may begin a word (给他小舅子)
        named = _any(word for word in conduct.others if word not in _PRONOUNS)
        with_others = f"[{_WITH}][^{_CLAUSE}]{{0,2}}?(?:{named})"
        near = f"(?>{with_others}|{not_between}[^。！？!?；;\n]){{0,{_NEAR}}}?"
        self._behind = re.compile(f"(?:{near})(?<!不)(?:{_any(conduct.beside)})(?!(?<=钱)吗|[，,]?是不是)")
        self._staff = re.compile(f"的?(?:{_any(conduct.staff)})")
        self._at_once = re.compile(f"{_STEALTHY}(?:{_any(conduct.beside)})")
        verb = f"(?:{_any(conduct.verbs)})(?!{_any(conduct.not_objects)})"
        self._object = re.compile(f"{verb}(?:{_OBJECT_GAP}|{re.escape(district)}){{0,8}}$")
        self._as_accused = re.compile(f"被(?:{_any(conduct.verbs)}){_ACCUSED}(?:{re.escape(district)}区?)?$")
        self._head = re.compile(
            f"{verb}(?:{not_between}[^{_CLAUSE}]){{0,8}}?(?<!班)(?:{_any(conduct.heads)})"
        )
        self._towards = re.compile(f"对(?:{_OBJECT_GAP}|{re.escape(district)}){{0,6}}$")
        self._regret = re.compile(f"(?:{not_between}[^{_CLAUSE}]){{0,8}}?(?<!不)(?:{_any(conduct.regrets)})")
        self._regret_at_once = re.compile(f"{_THEIR_PART}{_STRESS}(?:{_any(conduct.regrets)})(?!意?的)")
        self._discontented = re.compile(
            f"(?:^|[{_CLAUSE}]){_DISCONTENTED}对(?:{_OBJECT_GAP}|{re.escape(district)}){{0,6}}$"
        )
        self._not_accused = re.compile(_any(conduct.not_accused))

    def said(self, text: str) -> Said:
        """A normalised text and the lists of which a word stands in it: of many messages all that need be known."""
        text = _PARTED.sub("", text)
        found = self._hints.find_matches_as_indexes(text, overlapping=True)
        return Said(text, [(self._lists[word], end) for word, _, end in found])

    def of_conduct(self, said: Said) -> bool:
        """Whether a word says how somebody behaved, and neither denies it nor says it of somebody else."""
        text = said.text
        return bool(said.lists & _CONDUCT) and any(
            not text.endswith(self._denied, 0, found.start())
            and not self._by_others.search(text, max(0, found.start() - _NEAR), found.start())
            for found in self._words.finditer(text)
        )

    def of(self, said: Said, start: int, end: int, *, is_place: bool) -> bool:
        """Whether it complains of the unit whose name stands there. `is_place`: the name is that of a place, too,
        so that only those who work for it can be complained of."""
        may_verb, may_beside = bool(said.lists & _VERB), said.last_beside > end
        may_regret = said.last_regret > end
        if not (may_verb or may_beside or may_regret):
            return False
        text, before = said.text, said.text[max(0, start - _BEFORE) : start]
        may_regret = may_regret and self._towards.search(before) is not None
        if text.startswith(_PLURAL, end):  # 城管局他们: the unit once more, nobody else
            end += len(_PLURAL[0])
        if is_place:
            staff = self._staff.match(text, end)
            if staff is None and not self._ends(text, end):
                at_once = may_beside and self._at_once.match(text, end) is not None
                return at_once or (
                    may_regret
                    and self._discontented.search(before) is not None
                    and self._regret_at_once.match(text, end) is not None
                )
            end = staff.end() if staff else end
        if may_beside and self._behind.match(text, end):
            return True
        is_object = may_verb and (self._object.search(before) or self._as_accused.search(before))
        if is_object and not self._not_accused.match(text, end):
            return True
        return may_regret and self._regret.match(text, end) is not None

    def of_a_head(self, said: Said) -> bool:
        """Whether it accuses somebody in office without saying of which unit, as 举报局长 does."""
        may = said.lists & _VERB and said.lists & _HEAD
        return bool(may) and self._head.search(said.text) is not None

    def _ends(self, text: str, end: int) -> bool:
        return end == len(text) or (text[end] in _CLAUSE and _HOUSE.match(text, end) is None)


def _literals(conduct: Conduct) -> dict[str, int]:
    """What the text holds wherever it holds a word of a list, and of which lists."""
    lists: dict[str, int] = {}
    for number, words in {
        _CONDUCT: conduct.words,
        _BESIDE: conduct.beside,
        _VERB: conduct.verbs,
        _REGRET: conduct.regrets,
        _OFFICE: conduct.offices,
        _HEAD: conduct.heads,
    }.items():
        for word in map(_literal, words):
            lists[word] = lists.get(word, 0) | number
    return lists


def _literal(word: str) -> str:
    """The longest part of a word that stands in the text as it is, the last of several."""
    return max(reversed(word.split(ANY)), key=len)


def _any(words: Iterable[str]) -> str:
    """A pattern of alternatives."""
    return "|".join(f"[^{_CLAUSE}]{{0,6}}?".join(map(re.escape, word.split(ANY))) for word in words)
