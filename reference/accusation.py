"""Texts that complain of how an office did its duty (R-LAD-04, R-HOT-14): one that is named only in words.

Sent on by its matter, such a case could reach the very unit that it complains of; so a human names the units first.
"""

import re
from collections.abc import Iterable
from typing import Final

from ahocorasick_rs import AhoCorasick, Implementation

from schemas.jurisdiction import Jurisdiction, Unit, UnitKind

_CONDUCT: Final = (
    *("推诿", "扯皮", "踢皮球", "敷衍", "偏袒", "包庇", "袒护", "徇私", "不作为", "乱作为", "慢作为", "懒政"),
    *(
        "吃拿卡要",
        "刁难",
        "玩忽职守",
        "失职",
        "渎职",
        "以权谋私",
        "滥用职权",
        "打击报复",
        "不负责任",
        "官僚主义",
    ),
    *(
        "态度恶劣",
        "态度很差",
        "态度极差",
        "态度蛮横",
        "态度粗暴",
        "态度不好",
        "态度生硬",
        "态度冷漠",
        "态度傲慢",
    ),
)
_OFFICES: Final = (
    "(?:社区|街道|乡镇|镇里|村里)(?:的)?(?:工作人员|干部|领导|书记|主任|居委|网格)",
    "居委会|村委会|村干部|街道办|办事处|网格员|派出所|民警|交警|政府|城管|信访部门|执法(?:人员|队|大队|部门)",
    "(?:相关|有关|主管|各|职能)部门",
    "局(?<=[\u4e00-\u9fff]局)(?<![结格僵布当骗饭赌]局)(?![面部势限])",
)
_CLAUSE_END: Final = "，,。；;：:！!？?\n"
_SENTENCE: Final = re.compile(r"[。！？!?；;\n]+")
_HINTS: Final = AhoCorasick(list(_CONDUCT), implementation=Implementation.DFA)


class Accusations:
    """Finds the sentences that name an office and complain of its conduct; immutable, hence thread-safe."""

    def __init__(self, jurisdiction: Jurisdiction) -> None:
        bodies, territories = _names(jurisdiction.units.values())
        offices = "|".join((*_OFFICES, *map(re.escape, bodies)))
        conduct = "|".join(map(re.escape, _CONDUCT))
        places = "|".join(map(re.escape, territories))
        # people say of every matter in which community it lies: there the conduct has to be the place's own
        self._named = re.compile(f"{offices}|(?:{places})[^{_CLAUSE_END}]{{0,10}}(?:{conduct})")

    def found(self, title: str, text: str) -> bool:
        """Whether a sentence complains of an office; pure, and safe to call from several threads."""
        if not _HINTS.find_matches_as_indexes(title) and not _HINTS.find_matches_as_indexes(text):
            return False
        sentences = filter(_HINTS.find_matches_as_indexes, [title, *_SENTENCE.split(text)])
        return any(self._named.search(sentence) for sentence in sentences)


def _names(units: Iterable[Unit]) -> tuple[list[str], list[str]]:
    """The names of bodies, without the 区 before them, and of streets and communities; the longest first."""
    bodies, territories = set(), set()
    for unit in units:
        if unit.kind in {UnitKind.STREET, UnitKind.COMMUNITY}:
            territories.add(unit.name)
        elif unit.rung is None:
            bodies.add(unit.name.removeprefix("区"))
    return sorted(bodies, key=len, reverse=True), sorted(territories, key=len, reverse=True)
