"""Read what a jurisdiction offers to Open311 clients: services, their questions, and which cases are published."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from reference.rows import Row, Text
from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_yaml
from schemas.jurisdiction import Jurisdiction, Matter

OPEN311_FILE: Final = "open311.yaml"
_KEYWORDS: Final = 12
_WEAK: Final = "~"


class DataType(StrEnum):
    """The data types of an attribute (GeoReport v2)."""

    STRING = "string"
    NUMBER = "number"
    DATETIME = "datetime"
    TEXT = "text"
    ONE_OF = "singlevaluelist"
    SOME_OF = "multivaluelist"

    @property
    def is_list(self) -> bool:
        """Whether an answer is one or more of listed values."""
        return self in {DataType.ONE_OF, DataType.SOME_OF}


class Attribute(Row):
    """A question that a service asks. `values` maps the key that is sent to the name that is shown."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    datatype: DataType
    description: Text
    hint: str = ""
    values: Mapping[Text, Text] = Field(default_factory=dict)
    fills: Literal["households"] | None = None
    """The field of the case that the answer goes into; None: it is added to the words."""

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        if bool(self.values) is not self.datatype.is_list:
            raise ValueError("`values` belong to the lists, and only to them")
        if self.fills is not None and self.datatype is not DataType.NUMBER:
            raise ValueError("only a number fills households")
        return self


class _HeadRow(Row):
    attributes: tuple[Text, ...] = ()
    published: bool


class _MatterRow(Row):
    attributes: tuple[Text, ...] = ()
    required: tuple[Text, ...] = ()
    published: bool | None = None


class _File(Row):
    contact: Text
    key_service: Text
    attributes: list[Attribute]
    heads: Annotated[dict[Text, _HeadRow], Field(min_length=1)]
    matters: Mapping[Text, _MatterRow] = Field(default_factory=dict)
    not_offered: tuple[Text, ...] = ()


_FILE: Final = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class Offer:
    """A matter as an Open311 service."""

    matter: Matter
    group: str
    attributes: tuple[Attribute, ...]
    required: frozenset[str]
    published: bool

    @property
    def keywords(self) -> tuple[str, ...]:
        """Return some words by which residents name the matter."""
        return tuple(word.removesuffix(_WEAK) for word in self.matter.keywords[:_KEYWORDS])


@dataclass(frozen=True, slots=True)
class Offers:
    """All services, by matter code in the order of the catalogue."""

    contact: str
    key_service: str
    services: Mapping[str, Offer]

    @property
    def published(self) -> frozenset[str]:
        """Return the matters whose cases stand in the public list."""
        return frozenset(code for code, offer in self.services.items() if offer.published)


def load_open311(path: Path, jurisdiction: Jurisdiction) -> Offers:
    """Read and check open311.yaml under `path`. Raises `ReferenceInvalid` with every finding, file and line."""
    findings = Findings()
    source = read_yaml(path, OPEN311_FILE, findings)
    file = parse(_FILE, source, findings) if source else None
    findings.raise_if_any()
    if source is None or file is None:
        raise AssertionError("a file that could not be read leaves a finding")
    for line, message in _problems(source, file, jurisdiction):
        findings.add(OPEN311_FILE, line, message)
    findings.raise_if_any()
    return _build(file, jurisdiction)


def check_open311(path: Path, jurisdiction: Jurisdiction) -> list[Finding]:
    """Everything that is wrong with open311.yaml under `path`; empty when it can be used."""
    try:
        load_open311(path, jurisdiction)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return []


def _problems(source: YamlFile, file: _File, jurisdiction: Jurisdiction) -> Iterator[tuple[int, str]]:
    asked = [attribute.code for attribute in file.attributes]
    for place, code in enumerate(asked):
        if code in asked[:place]:
            yield source.line("attributes", place), f"attribute {code} is given twice"
    for head, row in file.heads.items():
        if head not in jurisdiction.heads:
            yield source.line("heads", head), f"head {head} is none of matters.yaml"
        yield from _unknown(source, ("heads", head, "attributes"), row.attributes, asked)
    for head in jurisdiction.heads:
        if (head in file.heads) is (head in file.not_offered):
            yield source.line("heads"), f"head {head} must stand either in heads or in not_offered"
    for code, special in file.matters.items():
        at = ("matters", code)
        yield from _unknown(source, (*at, "attributes"), special.attributes, asked)
        matter = jurisdiction.matters.get(code)
        if matter is None or matter.head not in file.heads:
            yield source.line(*at), f"{code} is no matter of an offered head"
            continue
        own = [*file.heads[matter.head].attributes, *special.attributes]
        yield from _unknown(source, (*at, "required"), special.required, own)
    for code in sorted(_build(file, jurisdiction).published):
        if jurisdiction.matters[code].track != "S":
            yield source.line("matters", code), f"{code} is no service matter: it must not be published"


def _unknown(
    source: YamlFile, at: tuple[str, ...], given: Sequence[str], known: Sequence[str]
) -> Iterator[tuple[int, str]]:
    for code in given:
        if code not in known:
            yield source.line(*at), f"attribute {code} is not asked here; known: {', '.join(known)}"


def _build(file: _File, jurisdiction: Jurisdiction) -> Offers:
    by_code = {attribute.code: attribute for attribute in file.attributes}
    offers: dict[str, Offer] = {}
    for code, matter in jurisdiction.matters.items():
        row = file.heads.get(matter.head)
        if row is None or matter.sealed:
            continue
        own = file.matters.get(code, _MatterRow())
        wanted = dict.fromkeys([*own.attributes, *row.attributes])
        offers[code] = Offer(
            matter,
            jurisdiction.heads[matter.head],
            tuple(by_code[name] for name in wanted if name in by_code),
            frozenset(own.required),
            row.published if own.published is None else own.published,
        )
    return Offers(file.contact, file.key_service, offers)
