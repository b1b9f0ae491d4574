"""Load a policy folder: every mistake is found with its file and line, or the policy is whole."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_yaml
from schemas.jurisdiction import Jurisdiction
from schemas.router import Fired
from services.router.policy.model import Policy, Settings
from services.router.policy.needs import needs, unmet
from services.router.policy.shapes import SHAPES, Shape
from services.router.policy.tables import Box, Row, Table, cover, example

SETTINGS: Final = "settings.yaml"
_SOURCE: Final = re.compile(r"R-[A-Z]+-\d\d|DES")

Cell = str | int | bool
"""A value in a table; YAML reads yes and no as booleans and rungs as numbers."""


class _RowText(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1)
    when: dict[str, Cell | list[Cell]]
    then: dict[str, Cell | list[Cell]]
    source: str = Field(min_length=1)


class _TableText(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rows: list[_RowText] = Field(min_length=1)


_TABLE: Final = TypeAdapter(_TableText)
_SETTINGS: Final = TypeAdapter(Settings)


def load_policy(path: Path, jurisdiction: Jurisdiction) -> Policy:
    """Read and check the policy folder. Raises `ReferenceInvalid` that lists every finding as `file:line`."""
    findings = Findings()
    policy = _load(path, jurisdiction, findings)
    findings.raise_if_any()
    if policy is None:  # each way to None adds a finding
        raise ReferenceInvalid([Finding(str(path), 1, "the policy is incomplete")])
    return policy


def check_policy(path: Path, jurisdiction: Jurisdiction) -> list[Finding]:
    """All that is wrong with the policy folder; empty where it can be loaded."""
    findings = Findings()
    _load(path, jurisdiction, findings)
    return sorted(findings.items)


def _load(path: Path, jurisdiction: Jurisdiction, findings: Findings) -> Policy | None:
    settings = _settings(path, jurisdiction, findings)
    named = _named(settings, jurisdiction) if settings else {}
    tables = {shape.name: _table(path, shape, jurisdiction, named, findings) for shape in SHAPES}
    if settings is None or findings.items:
        return None
    return Policy(version=_version(path), settings=settings, **{k: t for k, t in tables.items() if t})


def _version(path: Path) -> str:
    digest = hashlib.sha256()
    for name in (SETTINGS, *(f"{shape.name}.yaml" for shape in SHAPES)):
        content = (path / name).read_bytes()
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _settings(path: Path, jurisdiction: Jurisdiction, findings: Findings) -> Settings | None:
    name = f"{path.name}/{SETTINGS}"
    source = read_yaml(path.parent, name, findings)
    settings = parse(_SETTINGS, source, findings) if source else None
    if source is None or settings is None:
        return None
    known = {
        "units": (frozenset(jurisdiction.units), "unit"),
        "exits": (frozenset(jurisdiction.legal_exits), "legal exit"),
        "clocks": (frozenset(jurisdiction.deadlines), "deadline"),
    }
    for section, (codes, what) in known.items():
        for key, code in getattr(settings, section).model_dump().items():
            if code not in codes:
                message = f"{section}.{key}: unknown {what} {code!r}; name one of the jurisdiction's"
                findings.add(name, source.line(section, key), message)
    return settings


def _named(settings: Settings, jurisdiction: Jurisdiction) -> dict[str, frozenset[str]]:
    """What the answers may be that name things of the settings."""
    ways = frozenset(settings.reviews) | frozenset(jurisdiction.legal_exits)
    return {"evidence": frozenset(settings.evidence), "routes": ways}


def _table(
    path: Path,
    shape: Shape,
    jurisdiction: Jurisdiction,
    named: Mapping[str, frozenset[str]],
    findings: Findings,
) -> Table | None:
    name = f"{path.name}/{shape.name}.yaml"
    source = read_yaml(path.parent, name, findings)
    text = parse(_TABLE, source, findings) if source else None
    if source is None or text is None:
        return None
    domains = tuple(values(jurisdiction) for values in shape.fields.values())
    before = len(findings.items)
    reader = _Reader(
        shape, dict(zip(shape.fields, domains, strict=True)), jurisdiction, named, source, findings
    )
    rows = tuple(reader.row(i, row) for i, row in enumerate(text.rows))
    reader.unique(rows)
    if len(findings.items) == before:
        _covered(name, shape, domains, rows, findings)
    if len(findings.items) == before:
        fields = dict(zip(shape.fields, domains, strict=True))
        for line, message in unmet(needs(shape.name, jurisdiction), fields, rows):
            findings.add(name, line, message)
    return Table(shape.name, tuple(shape.fields), domains, rows)


def _covered(name: str, shape: Shape, domains: Box, rows: tuple[Row, ...], findings: Findings) -> None:
    found = cover(domains, rows)
    for row in found.unreachable:
        findings.add(
            name, row.line, f"row {row.id} can never fire: the rows above cover all of it; move or remove it"
        )
    if found.uncovered:
        lacking = example(shape.fields, found.uncovered[0])
        findings.add(name, rows[-1].line, f"no row covers {lacking}; add a row for it")


class _Reader:
    """Turns the rows of one file into `Row`s, and notes what is wrong with them."""

    def __init__(
        self,
        shape: Shape,
        domains: Mapping[str, frozenset[str]],
        jurisdiction: Jurisdiction,
        named: Mapping[str, frozenset[str]],
        source: YamlFile,
        findings: Findings,
    ) -> None:
        self._shape, self._domains, self._jurisdiction = shape, domains, jurisdiction
        self._named, self._source, self._findings = named, source, findings

    def row(self, index: int, text: _RowText) -> Row:
        for field in text.when.keys() - self._shape.fields.keys():
            self._add(
                index, "when", field, f"unknown field {field!r}; this table has {_list(self._shape.fields)}"
            )
        if not _SOURCE.search(text.source):
            self._add(index, "source", "", f"source {text.source!r} names no rule; give its R-code, or DES")
        when = tuple(self._values(index, field, text.when.get(field, "*")) for field in self._shape.fields)
        then = self._then(index, text.then)
        fired = Fired(table=self._shape.name, row=text.id, source=text.source)
        return Row(text.id, when, then, text.source, fired, self._source.line("rows", index))

    def unique(self, rows: tuple[Row, ...]) -> None:
        seen: set[str] = set()
        for index, row in enumerate(rows):
            if row.id in seen:
                self._add(
                    index, "id", "", f"row id {row.id!r} is given twice; a route could not tell them apart"
                )
            seen.add(row.id)

    def _values(self, index: int, field: str, cell: Any) -> frozenset[str]:
        domain = self._domains[field]
        if cell == "*":
            return domain
        values = _texts(cell)
        for value in sorted(values - domain):
            known = f"one of {_list(domain)}" if len(domain) <= 20 else f"a known {field}"
            cells = cell if isinstance(cell, list) else []
            place = next((str(i) for i, item in enumerate(cells) if value in _texts(item)), "")
            self._add(index, "when", field, f"unknown {field} {value!r}; expected {known}", place)
        if not values:
            self._add(index, "when", field, f"{field} is an empty list; leave it out for any value")
        return values & domain

    def _then(self, index: int, then: Mapping[str, Any]) -> dict[str, str]:
        answers = self._shape.answers
        for name in then.keys() - answers.keys():
            self._add(index, "then", name, f"unknown answer {name!r}; this table answers {_list(answers)}")
        for name in answers.keys() - then.keys() - self._shape.optional:
            self._add(index, "then", "", f"the answer {name!r} is missing")
        for name in then.keys() & answers.keys():
            self._answer(index, name, _texts(then[name]))
        return {name: " ".join(sorted(_texts(cell))) for name, cell in then.items()}

    def _answer(self, index: int, name: str, values: frozenset[str]) -> None:
        answers = self._shape.answers[name]
        allowed = answers(self._jurisdiction) if answers else self._named.get(name)
        for value in sorted(values - allowed) if allowed is not None else ():
            self._add(
                index, "then", name, f"unknown {name} {value!r}; expected one of {_list(allowed or ())}"
            )

    def _add(self, index: int, part: str, name: str, message: str, item: str = "") -> None:
        line = self._source.line("rows", index, part, name, item)
        self._findings.add(self._source.file, line, message)


def _texts(cell: Any) -> frozenset[str]:
    cells = cell if isinstance(cell, list) else [cell]
    return frozenset(("yes" if c else "no") if isinstance(c, bool) else str(c) for c in cells)


def _list(values: Any) -> str:
    return ", ".join(sorted(values))
