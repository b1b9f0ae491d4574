"""The door of a home in a resident's words: taken out before they enter an event (R-PRIV-01).

With its building a room is a household: whoever reads `秋岭公寓3幢1单元602室` knows whose matter it is. Routing
ends at the building (R-LAD-01), so the room stays in the encrypted record alone. Not taken out are a room without
a building (`楼上502室漏水`), by which a unit tells the rooms of a matter apart, and what a danger is reported with:
who comes to help must find the door (R-LAD-05).
"""

import re
from typing import Final

ROOM: Final = "〔房号〕"

_D: Final = "[0-9０-９]"
_H: Final = r"[\-－—–]"
_NUMBER: Final = rf"[A-Za-z]?{_D}{{3,4}}(?!{_D})"
_S: Final = "[〇○零一二三四五六七八九]"
_SPELLED: Final = rf"{_S}{{3,4}}"
_READ: Final = rf"{_S}[百千][〇○零一二三四五六七八九十百]{{1,6}}"  # 五百零二
_GAP: Final = r"[ \u3000,，、\-－—–]{0,2}"
_COUNTED: Final = r"(?![.．%％户人元万米平㎡年月日个多余名家辆盏层度号])"
"""Behind a number that counts something: 3幢120户."""
_ROWS: Final = "(?![〇○零一二三四五六七八九十单楼幢栋座])"
"""Behind numerals that are several: 3幢一二三单元."""
_FLAT: Final = rf"(?:(?<=[楼层])|(?<=[楼层][ \-－])){_D}{{1,2}}室(?![0-9０-９一二两三]?厅|以)"
"""Counted from one on each floor: 5楼02室."""
_FLOOR: Final = rf"(?:{_D}{{1,2}}|[一二三四五六七八九十]{{1,3}})[楼层]{_GAP}"
# Each pattern begins with one set of characters, by which the search skips all others, and only then looks behind.
_BUILDING: Final = (
    rf"([号幢栋座单#＃](?:(?<=号)楼|(?<=[幢栋座])|(?<=单)元|(?<={_D}[#＃])){_GAP}(?:{_FLOOR})?)"
)
_PLACE: Final = (
    r"([号公小花新家苑弄院里庄](?:(?<=号)院?|(?<=公)寓|(?<=小)区|(?<=花)园|(?<=新)村|(?<=家)园|(?<=[苑弄院里庄]))"
    rf"{_GAP})"
)
_ROW: Final = re.compile(
    rf"[0-9０-９〇○零一二三四五六七八九](?:(?<={_D})(?:{_D}{{2}}|{_D}?室)|(?<={_S})(?:{_S}{{2}}|[百千]))"
)
"""What every room is written with."""
_PATTERNS: Final = (
    (
        ("号楼", "幢", "栋", "座", "单元", "#", "＃"),
        re.compile(
            rf"{_BUILDING}(?:第?(?:{_NUMBER}|{_SPELLED})(?:[室房]|号房|号(?!楼))|第?{_READ}号?(?:室|房(?![间屋产东]))"
            rf"|{_FLAT}|(?:{_NUMBER}|{_SPELLED}{_ROWS}){_COUNTED})"
        ),
    ),
    (("室",), re.compile(rf"{_PLACE}(?:{_NUMBER}|{_SPELLED})室")),
    (
        ("-", "－", "—", "–"),
        re.compile(
            rf"({_D}(?<!{_D}.)(?<!{_H}.){_D}{{0,2}}{_H}{_D}{{1,2}}{_H})"  # 3-1-602: building, entrance, room
            rf"(?:{_NUMBER}室|(?!(?:19|20){_D}{{2}}){_NUMBER}(?!{_H}){_COUNTED})"
        ),
    ),
)
"""Each with the signs of which a text must have one: a look for those spares nearly every case the search."""


def without_rooms(text: str) -> str:
    """Return `text` with the room of every building replaced; doing it twice changes nothing more."""
    if _ROW.search(text) is None:
        return text
    for signs, pattern in _PATTERNS:
        if any(sign in text for sign in signs):
            text = pattern.sub(rf"\1{ROOM}", text)
    return text
