"""The short dialogue that collects a matter and its place. Pure: said before, said now, what to do.

A matter is taken in as soon as it has a place, which its own words may name; a danger at once (R-LAD-05). What
stays half told is taken in as it is when its time is over: no words of a resident are lost (R-HOT-01).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict

from services.intake.channels.wechat import words
from services.intake.channels.wechat.messages import Said

_CODE: Final = re.compile(r"[0-9A-Za-z]{4}([ \-－]?[0-9A-Za-z]{4}){2}")
_ADDING: Final = re.compile(r"补充\s*[:：,，]?\s*(.*)", re.DOTALL)
_NO_PLACE: Final = frozenset({"无", "没有", "不知道", "不清楚", "跳过"})
_SHORTEST_MATTER: Final = 4
"""Below so many characters it is a greeting (您好), not a matter."""
_MOST_PICTURES: Final = 9


class Reported(BaseModel):
    """A danger that a follower reported: who handles it needs the place that they send next. Frozen."""

    model_config = ConfigDict(frozen=True)

    code: str
    """The tracking code of its case."""
    until: datetime


class Talk(BaseModel):
    """What a follower has told so far. Frozen; kept encrypted."""

    model_config = ConfigDict(frozen=True)

    openid: str
    first_id: str
    """The message that began it: under its number the case is made, however often that is tried."""
    words: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    point: tuple[float, float] | None = None
    address: str | None = None
    adding: bool = False
    """What comes next belongs to their latest case."""
    asked_again: bool = False
    danger: Reported | None = None

    def at(self, now: datetime) -> "tuple[Talk | None, str | None]":
        """Return what is half told, and the code of the case of a danger whose place may still come."""
        if self.danger is None:
            return self, None
        is_begun = self.words or self.pictures or self.point or self.adding
        own = self.model_copy(update={"danger": None}) if is_begun else None
        return own, self.danger.code if now < self.danger.until else None


class Where(Protocol):
    """What the dialogue has to know of the world."""

    def is_danger(self, text: str) -> bool:
        """Whether the words report a danger."""
        ...

    def is_known(self, address: str) -> bool:
        """Whether the gazetteer finds a grid for the address."""
        ...

    def is_inside(self, longitude: float, latitude: float) -> bool:
        """Whether the point lies in the jurisdiction."""
        ...


@dataclass(frozen=True, slots=True)
class Say:
    """Answer these words."""

    words: str


@dataclass(frozen=True, slots=True)
class Add:
    """Add facts to the case of the code, else to the follower's latest."""

    text: str
    pictures: tuple[str, ...] = ()
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Submit:
    """Make a case of what was told; `also`: what an earlier case has to know of it."""

    talk: Talk
    also: Add | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """Tell where a case is: that of the code, else the follower's latest."""

    code: str | None = None


Action = Say | Submit | Add | Show | None


def respond(
    talk: Talk | None, said: Said, where: Where, danger: str | None = None
) -> tuple[Talk | None, Action]:
    """Return what is remembered after a message, and what to do about it (None: nothing at all).

    `danger`: the code of the case of a danger that the follower reported a moment ago (R-LAD-05).
    """
    match said.kind:
        case "words":
            return _words(talk, said, where)
        case "location":
            return _location(talk, said, where, danger)
        case "picture":
            return _picture(talk, said)
        case "subscribed":
            return talk, Say(words.WELCOME)
        case "unreadable":
            return talk, Say(words.CANNOT_READ)
        case "nothing":
            return talk, None


def run_out(talk: Talk) -> Submit | None:
    """Return what becomes of a talk whose time is over: a matter is taken in, anything less is forgotten."""
    return Submit(talk) if talk.words else None


def _words(talk: Talk | None, said: Said, where: Where) -> tuple[Talk | None, Action]:
    text = said.words
    if not text or text in {"帮助", "？", "?"}:
        return talk, Say(words.HELP)
    if _CODE.fullmatch(text):
        return talk, Show(text)
    if text == "进度":
        return talk, Show()
    if text == "取消":
        return None, Say(words.NOTHING_TO_CANCEL if talk is None else words.CANCELLED)
    begun = talk or Talk(openid=said.openid, first_id=said.message_id)
    if adding := _ADDING.fullmatch(text):
        return _adding(talk, begun, adding.group(1).strip())
    if begun.adding:
        return None, Add(text, begun.pictures)
    return _matter(begun, text, where)


def _adding(talk: Talk | None, begun: Talk, facts: str) -> tuple[Talk | None, Action]:
    """While a matter is being told, more of it belongs to that one."""
    if begun.words:
        more = begun.words + ((facts,) if facts else ())
        return begun.model_copy(update={"words": more}), Say(words.ASK_PLACE)
    if facts:
        return None, Add(facts, talk.pictures if talk else ())
    return begun.model_copy(update={"adding": True}), Say(words.ASK_FACTS)


def _matter(begun: Talk, text: str, where: Where) -> tuple[Talk | None, Action]:
    told = begun.model_copy(update={"words": (*begun.words, text)})
    if where.is_danger("\n".join(told.words)):
        return None, Submit(_with_place(told, where))
    if not begun.words:
        if len(text) < _SHORTEST_MATTER:
            return begun, Say(words.ASK_MATTER)
        if begun.point is not None:
            return None, Submit(told)
        if where.is_known(text):
            return None, Submit(told.model_copy(update={"address": text[:500]}))
        return told, Say(words.ASK_PLACE)
    if text in _NO_PLACE:
        return None, Submit(begun)
    placed = begun.model_copy(update={"address": text[:500]})
    if where.is_known(text):
        return None, Submit(placed)
    if begun.asked_again:
        return None, Submit(told.model_copy(update={"address": text[:500]}))
    return told.model_copy(update={"asked_again": True}), Say(words.ASK_PLACE_AGAIN)


def _with_place(told: Talk, where: Where) -> Talk:
    """A danger is not asked for its place, but where it was said it is taken (R-HOT-04)."""
    if told.point is not None:
        return told
    known = (text[:500] for text in reversed(told.words) if where.is_known(text[:500]))
    return told.model_copy(update={"address": next(known, told.address)})


def _location(talk: Talk | None, said: Said, where: Where, danger: str | None) -> tuple[Talk | None, Action]:
    if said.point is None:
        return talk, Say(words.OUTSIDE)
    spot = f"位置：{said.words} 经度{said.point[0]:.6f}，纬度{said.point[1]:.6f}"
    found = Add(spot, code=danger) if danger is not None else None
    if not where.is_inside(*said.point):
        return talk, found or Say(words.OUTSIDE)
    if found is not None and (talk is None or not (talk.words or talk.adding)):
        return talk, found
    begun = talk or Talk(openid=said.openid, first_id=said.message_id)
    if begun.adding:
        return None, Add(spot, begun.pictures, danger)
    placed = begun.model_copy(update={"point": said.point, "address": said.words or None})
    return (None, Submit(placed, found)) if begun.words else (placed, Say(words.ASK_MATTER))


def _picture(talk: Talk | None, said: Said) -> tuple[Talk | None, Action]:
    begun = talk or Talk(openid=said.openid, first_id=said.message_id)
    taken = begun.pictures + ((said.media,) if said.media else ())
    kept = begun.model_copy(update={"pictures": taken[:_MOST_PICTURES]})
    if kept.adding:
        return None, Add(words.GOT_PICTURE, kept.pictures)
    return kept, Say(words.GOT_PICTURE + (words.ASK_PLACE if kept.words else words.ASK_MATTER))
