"""Reads `notices.yaml` of a jurisdiction: every fault is a finding with file and line, each text is tried out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from itertools import product
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from jinja2 import TemplateError, meta
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_yaml
from schemas.catalogue import EVENTS
from schemas.jurisdiction import Jurisdiction
from schemas.message import CASE_EVENTS, Event
from schemas.router import CallbackOpened
from services.notify.domain import (
    Channel,
    ChannelPolicy,
    Fact,
    FactKind,
    Notice,
    Notices,
    QuietHours,
    RetryPolicy,
    Role,
)
from services.notify.domain.notices import LANGUAGES, REACHED_BY, RESIDENTS, Language, Plain
from services.notify.templates import (
    ANSWER,
    ENVIRONMENT,
    FOR_ALL,
    FOR_RESIDENTS,
    Text,
    Wechat,
    compiled,
    in_words,
    render,
)

FILE: Final = "notices.yaml"
_UNITS: Final = (Channel.INBOX, Channel.WEBHOOK)
_LIMITED: Final = tuple(channel for channel in Channel if channel is not Channel.INBOX)
_SAMPLES: Final[Mapping[FactKind, Plain]] = {
    "text": "示例",
    "procedure": "mediation",
    "day": "2026-12-01T09:30:00+08:00",
    "moment": "2026-12-01T09:30:00+08:00",
}
Words = Annotated[str, Field(min_length=1)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Scalar = str | int | bool | None
_DAY_S: Final = 24 * 60 * 60


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class _Quiet(_Row):
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="until")


class _Retry(_Row):
    first_seconds: Annotated[float, Field(gt=0, le=_DAY_S)]
    factor: Annotated[float, Field(ge=1, le=100)]
    longest_seconds: Annotated[float, Field(gt=0, le=_DAY_S)]
    attempts: Annotated[int, Field(ge=1, le=100)]


class _Policy(_Row):
    quiet_hours: _Quiet
    retry: _Retry
    expire_hours: Annotated[float, Field(gt=0, le=24 * 365)]
    fall_back_minutes: Annotated[float, Field(ge=0, le=24 * 60)]


class _Limits(_Row):
    quiet: bool
    per_second: Annotated[float, Field(gt=0, le=100_000)]
    burst: Annotated[int, Field(ge=1)]
    failures: Annotated[int, Field(ge=1)]
    pause_seconds: Annotated[float, Field(gt=0, le=_DAY_S)]
    reports_an_hour: Annotated[int, Field(ge=1, le=100_000)] | None = None


class _FactRow(_Row):
    of: Words
    kind: FactKind = Field(alias="as")


class _NoticeRow(_Row):
    event: Words
    to: Annotated[tuple[Role, ...], Field(min_length=1)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    template: Words
    when: Mapping[str, Annotated[tuple[Scalar, ...], Field(min_length=1)]] = {}
    facts: Mapping[str, str | _FactRow] = {}
    statutory: bool = False
    urgent: bool = False


class _Both(_Row):
    zh: Words
    en: Words


class _WechatRow(_Row):
    kind: Literal["template", "subscribe", "service"]
    zh: Words | None = None
    en: Words | None = None


class _TemplateRow(_Row):
    sms: _Both | None = None
    wechat: _WechatRow | None = None
    subject: _Both
    text: _Both


class _File(_Row):
    policy: _Policy
    channels: Mapping[Channel, _Limits]
    notices: Annotated[tuple[_NoticeRow, ...], Field(min_length=1)]
    templates: Mapping[str, _TemplateRow]


_FILE: Final = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class Table:
    """`notices.yaml`, ready for use. `kinds`: how each variable of a template is told, by the template's name."""

    notices: Notices
    texts: Mapping[str, Text]
    kinds: Mapping[str, Mapping[str, FactKind]]


def load_notices(path: Path, jurisdiction: Jurisdiction) -> Table:
    """Read `notices.yaml` in the jurisdiction's folder. Raises `ReferenceInvalid` with every finding."""
    findings = Findings()
    source = read_yaml(path, FILE, findings)
    given = parse(_FILE, source, findings) if source else None
    if source is None or given is None:
        findings.raise_if_any()
        raise ReferenceInvalid([])  # each way to None adds a finding
    found = _Reading(source, given, jurisdiction, findings).table()
    findings.raise_if_any()
    return found


def check_notices(path: Path, jurisdiction: Jurisdiction) -> list[Finding]:
    """All that is wrong with `notices.yaml`; empty where it can be loaded."""
    try:
        load_notices(path, jurisdiction)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return []


class _Reading:
    """One reading of the file; faults are added to `findings`, and what is faulty is left out."""

    def __init__(
        self, source: YamlFile, given: _File, jurisdiction: Jurisdiction, findings: Findings
    ) -> None:
        self._source, self._given = source, given
        self._jurisdiction, self._findings = jurisdiction, findings
        self._kinds: dict[str, dict[str, FactKind]] = {}
        self._residents: dict[str, bool] = {}

    def table(self) -> Table:
        """Return the checked table; of no use where there are findings."""
        policy = self._given.policy
        for channel in (channel for channel in _LIMITED if channel not in self._given.channels):
            self._fault(("channels",), f"missing channel {channel}: say how much it bears")
        texts = {name: text for name in self._given.templates if (text := self._text(name))}
        by_event: dict[str, list[Notice]] = {}
        for index, row in enumerate(self._given.notices):
            if (notice := self._notice(index, row, texts)) is not None:
                by_event.setdefault(row.event, []).append(notice)
        for name in sorted(set(self._given.templates) - {row.template for row in self._given.notices}):
            self._fault(("templates", name), f"no row uses the template {name}; use it or delete it")
        notices = Notices(
            by_event={event: tuple(rows) for event, rows in by_event.items()},
            quiet_hours=QuietHours(
                time.fromisoformat(policy.quiet_hours.start), time.fromisoformat(policy.quiet_hours.end)
            ),
            retry=RetryPolicy(
                policy.retry.first_seconds,
                policy.retry.factor,
                policy.retry.longest_seconds,
                policy.retry.attempts,
            ),
            expires_after=timedelta(hours=policy.expire_hours),
            falls_back_after=timedelta(minutes=policy.fall_back_minutes),
            channels={
                channel: ChannelPolicy(
                    row.quiet, row.per_second, row.burst, row.failures, row.pause_seconds, row.reports_an_hour
                )
                for channel, row in self._given.channels.items()
            },
        )
        return Table(notices, texts, self._kinds)

    def _fault(self, place: Sequence[object], message: str) -> None:
        self._findings.add(self._source.file, self._source.line(*place), message)

    # -- templates -------------------------------------------------------------------------------------

    def _text(self, name: str) -> Text | None:
        row = self._given.templates[name]
        parts: dict[str, dict[Language, Any]] = {"subject": {}, "text": {}}
        sound = True
        for part, language in product(parts, LANGUAGES):
            source = getattr(getattr(row, part), language)
            try:
                parts[part][language] = compiled(source)
            except TemplateError as error:
                sound = False
                self._fault(
                    ("templates", name, part, language), f"the template cannot be read: {error.message}"
                )
        if not sound:
            return None
        wechat = None
        if row.wechat is not None:
            ids: dict[Language, str] = {}
            for language in LANGUAGES:
                if given := getattr(row.wechat, language):
                    ids[language] = given
            if (row.wechat.kind == "service") == bool(ids) or len(ids) not in {0, len(LANGUAGES)}:
                told = "a template or subscribe message needs an id in zh and in en, a service message none"
                self._fault(("templates", name, "wechat"), told)
            wechat = Wechat(row.wechat.kind, ids)
        sms: dict[Language, str] | None = {"zh": row.sms.zh, "en": row.sms.en} if row.sms else None
        return Text(parts["subject"], parts["text"], sms, wechat, ANSWER in self._variables(name))

    def _variables(self, name: str) -> set[str]:
        """The variables that a template uses, which can be read."""
        row = self._given.templates[name]
        sources = (getattr(getattr(row, part), lang) for part in ("subject", "text") for lang in LANGUAGES)
        return {
            one for source in sources for one in meta.find_undeclared_variables(ENVIRONMENT.parse(source))
        }

    # -- rows ------------------------------------------------------------------------------------------

    def _notice(self, index: int, row: _NoticeRow, texts: Mapping[str, Text]) -> Notice | None:
        place = ("notices", index)
        event = EVENTS.get(row.event)
        if event is None or event.topic is not Event.topic:
            self._fault((*place, "event"), f"{row.event} is no event of {CASE_EVENTS}")
            return None
        before = len(self._findings.items)
        self._check_roles(place, row, event)
        when = {}
        for field, values in row.when.items():
            path = tuple(field.split("."))
            if _field(event, path) is None:
                self._fault((*place, "when", field), f"{row.event} has no field {field}")
            when[path] = tuple(values)
        facts = tuple(self._facts(place, row, event))
        self._check_repeats(index, row)
        if row.template not in self._given.templates:
            self._fault((*place, "template"), f"there is no template {row.template}")
        elif row.template in texts and len(self._findings.items) == before:
            self._try(place, row, event, facts, texts[row.template])
        return Notice(row.event, row.to, row.channels, row.template, when, facts, row.statutory, row.urgent)

    def _check_roles(self, place: tuple[object, ...], row: _NoticeRow, event: type[Event]) -> None:
        residents = not RESIDENTS.isdisjoint(row.to)
        if residents and not RESIDENTS.issuperset(row.to):
            self._fault((*place, "to"), "a row is for residents or for units; write two rows")
        wrong = [one for one in row.channels if (one in _UNITS) == residents]
        if wrong:
            right = ", ".join(REACHED_BY if residents else _UNITS)
            self._fault((*place, "channels"), f"{', '.join(wrong)} does not reach these; use of: {right}")
        if not residents and len(row.channels) > 1:
            self._fault(
                (*place, "channels"), "units get a notice by each of their channels: one row for each"
            )
        for role in row.to:
            if role not in RESIDENTS and _field(event, role.path) is None:
                self._fault((*place, "to"), f"{row.event} names no {role}")

    def _facts(self, place: tuple[object, ...], row: _NoticeRow, event: type[Event]) -> Iterator[Fact]:
        for name, given in row.facts.items():
            of, kind = (given, "text") if isinstance(given, str) else (given.of, given.kind)
            path = tuple(of.split("."))
            if _field(event, path) is None:
                self._fault((*place, "facts", name), f"{row.event} has no field {of}")
            if name in FOR_ALL | FOR_RESIDENTS | {ANSWER}:
                self._fault((*place, "facts", name), f"{name} is always there; take another name")
            yield Fact(name, path, kind)  # type: ignore[arg-type]  # "text" is one of them

    def _check_repeats(self, index: int, row: _NoticeRow) -> None:
        for other in self._given.notices[:index]:
            alike = other.event == row.event and not set(other.to).isdisjoint(row.to)
            if alike and not set(other.channels).isdisjoint(row.channels) and not _apart(other, row):
                self._fault(("notices", index), f"an earlier row tells the same of {row.event}; keep one")
                return

    def _try(
        self,
        place: tuple[object, ...],
        row: _NoticeRow,
        event: type[Event],
        facts: Sequence[Fact],
        text: Text,
    ) -> None:
        """Render with sample data: with all facts, and with those left out that the event may leave out."""
        residents = not RESIDENTS.isdisjoint(row.to)
        kinds = {fact.name: fact.kind for fact in facts}
        known = self._kinds.setdefault(row.template, kinds)
        if known != kinds or self._residents.setdefault(row.template, residents) is not residents:
            self._fault(
                (*place, "template"), f"rows with the template {row.template} must have the same facts"
            )
        if Channel.SMS in row.channels and text.sms is None:
            self._fault(
                (*place, "template"), f"{row.template} has no `sms` codes, without which none is sent"
            )
        if Channel.WECHAT in row.channels and text.wechat is None:
            self._fault((*place, "template"), f"{row.template} has no `wechat` entry")
        if text.asks and event is not CallbackOpened:
            told = f"{ANSWER} is the link to the callback that {CallbackOpened.type} opens: no other event has one"
            self._fault((*place, "template"), told)
        samples = [{fact.name: self._sample(fact, event) for fact in facts}]
        samples.append({f.name: None if _optional(event, f.path) else samples[0][f.name] for f in facts})
        for language, sample in product(LANGUAGES, samples):
            params = self._params(sample, kinds, language, residents=residents)
            params |= {ANSWER: "http://127.0.0.1/c/"} if text.asks else {}
            try:
                render(text, language, params)
            except TemplateError as error:
                told = f"rendered for {row.event} ({language}): {error.message}"
                self._fault(("templates", row.template, "text", language), told)
                return
        for name in sorted(set(kinds) - self._variables(row.template)):
            self._fault((*place, "facts", name), f"the template {row.template} does not use {name}")

    def _sample(self, fact: Fact, event: type[Event]) -> Plain:
        if fact.kind == "unit":
            return self._jurisdiction.code
        if fact.kind == "matter":
            return next(iter(self._jurisdiction.matters))
        annotation = _field(event, fact.path)
        if fact.kind == "text" and bool in (annotation, *get_args(annotation)):
            return True
        return (
            1 if fact.kind == "text" and int in (annotation, *get_args(annotation)) else _SAMPLES[fact.kind]
        )

    def _params(
        self,
        sample: Mapping[str, Plain],
        kinds: Mapping[str, FactKind],
        language: Language,
        *,
        residents: bool,
    ) -> dict[str, Plain]:
        params = {
            name: in_words(value, kinds[name], language, self._jurisdiction) for name, value in sample.items()
        }
        params["case"] = "0190abcd"
        return params | ({"code": "0123456789AB", "link": "http://127.0.0.1/"} if residents else {})


def _apart(one: _NoticeRow, other: _NoticeRow) -> bool:
    """Whether some field must have different values for the two rows: then they never tell of the same event."""
    return any(
        not {repr(value) for value in values} & {repr(value) for value in other.when[field]}
        for field, values in one.when.items()
        if field in other.when
    )


def _field(model: type[BaseModel], path: Sequence[str]) -> Any:
    """The annotation of a field, of a field's field …; None where there is none."""
    annotation: Any = model
    for name in path:
        inner = next((one for one in _options(annotation) if _is_model(one)), None)
        field = inner.model_fields.get(name) if inner is not None else None
        if field is None:
            return None
        annotation = field.annotation
    return annotation


def _optional(model: type[BaseModel], path: Sequence[str]) -> bool:
    """Whether the value at a path may be None."""
    return any(NoneType in _options(_field(model, path[: end + 1])) for end in range(len(path)))


def _options(annotation: Any) -> tuple[Any, ...]:
    is_union = get_origin(annotation) in {Union, UnionType}
    return get_args(annotation) if is_union else (annotation,)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


__all__ = ["FILE", "Table", "check_notices", "load_notices"]
