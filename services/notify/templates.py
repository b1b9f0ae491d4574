"""The texts of notices in Chinese and English: compiled once, in a sandbox, strict about variables.

Variables are told in words before a template sees them: a unit's code as its name, an instant as a time in
Asia/Shanghai. `rendered` of a notice is the text; `params` are the same variables for a gateway that has the text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chassis.calendar import SHANGHAI
from schemas.jurisdiction import Jurisdiction
from services.notify.domain import FactKind, Language
from services.notify.domain.notices import Plain
from services.stages import PROCEDURES

ENVIRONMENT: Final = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
"""Not escaped: no text is HTML, and the page that shows them sets them as text."""
FOR_ALL: Final = frozenset({"case"})
FOR_RESIDENTS: Final = frozenset({"code", "link"})
ANSWER: Final = "answer"
"""The signed link by which the reporter answers a callback; of a template that uses it (R-HOT-08)."""
_PROCEDURES: Final[Mapping[Language, Mapping[str, str]]] = {
    "zh": {str(name): words for name, words in PROCEDURES.items()},
    "en": {"mediation": "mediation", "petition": "petition"},
}
WechatKind = Literal["template", "subscribe", "service"]


@dataclass(frozen=True, slots=True)
class Wechat:
    """How the official account sends a text: by an approved template's id, or as a customer-service message."""

    kind: WechatKind
    ids: Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Text:
    """A template in all its languages. `sms`: the gateway's codes of the approved texts; `asks`: for an answer."""

    subject: Mapping[Language, Template]
    text: Mapping[Language, Template]
    sms: Mapping[Language, str] | None = None
    wechat: Wechat | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notice as somebody reads it."""

    subject: str
    text: str


def compiled(source: str) -> Template:
    """Compile a text. Raises TemplateError."""
    return ENVIRONMENT.from_string(source)


def render(text: Text, language: Language, params: Mapping[str, Plain]) -> Rendered:
    """Render subject and text. Raises TemplateError for a variable that there is not."""
    return Rendered(text.subject[language].render(params).strip(), text.text[language].render(params).strip())


__all__ = [
    "ANSWER",
    "ENVIRONMENT",
    "Rendered",
    "TemplateError",
    "Text",
    "Wechat",
    "compiled",
    "in_words",
    "render",
]


def in_words(value: Plain, kind: FactKind, language: Language, jurisdiction: Jurisdiction) -> Plain:
    """Tell a fact as its kind says; names of units and matters there are in Chinese only."""
    if value is None:
        return None
    match kind:
        case "unit":
            unit = jurisdiction.units.get(str(value))
            return unit.name if unit else str(value)
        case "matter":
            matter = jurisdiction.matters.get(str(value))
            return matter.name if matter else str(value)
        case "procedure":
            return _PROCEDURES[language].get(str(value), str(value))
        case "day" | "moment":
            return _when(datetime.fromisoformat(str(value)), language, with_time=kind == "moment")
        case "text":
            return value


def _when(at: datetime, language: Language, *, with_time: bool) -> str:
    there = at.astimezone(SHANGHAI)
    if language == "zh":
        day = f"{there.year}年{there.month}月{there.day}日"
        return f"{day}{there:%H:%M}" if with_time else day
    return f"{there:%Y-%m-%d %H:%M}" if with_time else f"{there:%Y-%m-%d}"
