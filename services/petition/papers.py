"""The official documents of a petition: which there are, and what each says, made from its events and records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from chassis.calendar import SHANGHAI
from services.documents import Document, Section
from services.petition.domain.petition import Petition, S
from services.petition.records import OpinionWords, Petitioner

_INSTANT: Final = timedelta(microseconds=1)
_OUTCOMES: Final = {"SUPPORT": "予以支持", "EXPLAIN": "作出解释说明", "NOT_SUPPORT": "不予支持"}


class Paper(StrEnum):
    """The documents."""

    FORWARDING = "forwarding"
    ACCEPTANCE = "acceptance"
    EXTENSION = "extension"
    OPINION = "opinion"
    REVIEW = "review-opinion"
    RECHECK = "recheck-opinion"


LEVELS: Final = {Paper.OPINION: 0, Paper.REVIEW: 1, Paper.RECHECK: 2}
_TITLES: Final = {
    Paper.FORWARDING: "信访事项转送告知书",
    Paper.ACCEPTANCE: "信访事项受理告知书",
    Paper.EXTENSION: "延长信访事项办理期限告知书",
    Paper.OPINION: "信访事项处理意见书",
    Paper.REVIEW: "信访事项复查意见书",
    Paper.RECHECK: "信访事项复核意见书",
}
_EVENTS: Final = {
    Paper.FORWARDING: "PetitionForwarded",
    Paper.ACCEPTANCE: "PetitionAccepted",
    Paper.EXTENSION: "OpinionExtended",
    Paper.OPINION: "OpinionIssued",
    Paper.REVIEW: "OpinionIssued",
    Paper.RECHECK: "OpinionIssued",
}
_REMEDY: Final = {
    Paper.OPINION: "如不服本处理意见，可自收到本意见书之日起三十日内向{above}申请复查；逾期未申请的，程序终了。",
    Paper.REVIEW: "如不服本复查意见，可自收到本意见书之日起三十日内向{above}申请复核；逾期未申请的，程序终了。",
    Paper.RECHECK: "本复核意见为信访终结意见。以同一事实和理由再次提出投诉请求的，各级机关、单位不再受理。",
}

_PAPERS: Final = tuple(Paper)
"""A paper's place here ends its number; what stands before are the 48 bits of the case id that are all chance."""


@dataclass(frozen=True, slots=True)
class Made:
    """The event that a document is made from."""

    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document is made of. `words` are there for opinions; `above` is the unit that reviews."""

    case_id: UUID
    made: Made
    unit: str
    petitioner: Petitioner
    matter: str
    other: str = ""
    """The name of the unit that it was sent to."""
    above: str = ""
    words: OpinionWords | None = None


def available(state: Petition) -> list[Paper]:
    """The documents that there are, by the state alone."""
    if not state.identified:
        return []
    reviewed = state.level == 1 and state.status is not S.REVIEW
    there = {
        Paper.FORWARDING: state.sender is not None,
        Paper.ACCEPTANCE: state.accepted_at is not None,
        Paper.EXTENSION: state.extended,
        Paper.OPINION: state.has_opinion,
        Paper.REVIEW: reviewed or state.level == LEVELS[Paper.RECHECK],
        Paper.RECHECK: state.terminated,
    }
    return [paper for paper, is_there in there.items() if is_there]


def event_of(paper: Paper, story: Sequence[tuple[str, Made]]) -> Made | None:
    """The last event of which the document tells."""
    found = [made for name, made in story if name == _EVENTS[paper]]
    if paper in LEVELS:
        found = [made for made in found if made.data["level"] == LEVELS[paper]]
    return found[-1] if found else None


def document(paper: Paper, facts: Facts) -> Document:
    """The document, ready to print."""
    bodies: dict[Paper, Callable[[Facts], tuple[Section, ...]]] = {
        Paper.FORWARDING: _forwarding,
        Paper.ACCEPTANCE: _acceptance,
        Paper.EXTENSION: _extension,
    }
    sections = bodies[paper](facts) if paper in bodies else _opinion(paper, facts)
    year = facts.made.at.astimezone(SHANGHAI).year
    title = "信访事项交办告知书" if facts.made.data.get("assigned") else _TITLES[paper]
    return Document(
        title=title,
        number=f"信访〔{year}〕{facts.case_id.hex[-12:].upper()}-{_PAPERS.index(paper) + 1}号",
        sections=(_head(facts), *sections),
        seal=facts.unit,
        date=day(facts.made.at),
    )


def _head(facts: Facts) -> Section:
    who = facts.petitioner
    return Section(fields=(("信访人", who.name), ("住址", who.address), ("信访事项", facts.matter)))


def _forwarding(facts: Facts) -> tuple[Section, ...]:
    if facts.made.data.get("assigned"):
        report = next(term for term in facts.made.data["terms"] if term["name"] == "report")
        due = day(datetime.fromisoformat(report["at"]))
        told = f"交由{facts.other}办理，并要求其于{due}前提交办结报告。"
    else:
        told = f"转送{facts.other}办理。"
    words = (
        f"您提出的信访事项，我单位已于{day(facts.made.at)}依照《信访工作条例》第二十二条{told}",
        "该单位应当自收到之日起十五日内书面告知您接收情况以及处理途径和程序。",
    )
    return (Section(paragraphs=words),)


def _acceptance(facts: Facts) -> tuple[Section, ...]:
    opinion = next(term for term in facts.made.data["terms"] if term["name"] == "opinion")
    due = last_day(datetime.fromisoformat(opinion["at"]))
    simple = "适用简易办理程序，" if facts.made.data.get("simple") else ""
    words = (
        f"您提出的信访事项，我单位已于{day(facts.made.at)}受理，{simple}将于{due}前办结并书面答复。",
        "情况复杂需要延长期限的，延长不超过三十日，并告知您延期理由。",
        "您可以凭受理编号查询办理进展，并在办结后对办理情况作出评价。",
    )
    return (Section(paragraphs=words),)


def _extension(facts: Facts) -> tuple[Section, ...]:
    data = facts.made.data
    due = last_day(datetime.fromisoformat(data["due"]))
    words = (
        f"您提出的信访事项情况复杂，经{data['head']}批准，依照《信访工作条例》第三十四条延长办理期限"
        f"{data['days']}日，至{due}止。",
        f"延期理由：{data['reason']}",
    )
    return (Section(paragraphs=words),)


def _opinion(paper: Paper, facts: Facts) -> tuple[Section, ...]:
    words = facts.words
    if words is None:
        raise ValueError("an opinion is printed with its words")
    outcome = _OUTCOMES[facts.made.data["outcome"]]
    above = facts.above or "上一级机关、单位"
    return (
        Section("一、投诉请求", paragraphs=(words.claim,)),
        Section("二、事实和理由", paragraphs=(words.facts, words.reasons)),
        Section("三、法律法规依据", paragraphs=tuple(facts.made.data["legal_basis"]), numbered=True),
        Section("四、处理意见", paragraphs=(f"{outcome}。", words.decision)),
        Section("五、救济途径", paragraphs=(_REMEDY[paper].format(above=above),)),
    )


def day(at: datetime) -> str:
    """The day of an instant as documents print it."""
    local = at.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日"


def last_day(due: datetime) -> str:
    """The last day of a time that ends at the midnight `due`."""
    return day(due - _INSTANT)
