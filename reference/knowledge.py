"""Read what a jurisdiction's hotline knows at the start (R-HOT-15); units keep it current afterwards."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from reference.rows import Row, Text, UnitCode, Word
from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_yaml
from schemas.jurisdiction import Jurisdiction

KNOWLEDGE_FILE: Final = "knowledge.yaml"


class KnowledgeRow(Row):
    """An entry of knowledge.yaml. Both days of its validity count; without `valid_to` it has no end."""

    entry: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    version: Annotated[int, Field(ge=1)] = 1
    unit: UnitCode
    question: Annotated[str, Field(min_length=2, max_length=200)]
    answer: Annotated[str, Field(min_length=2, max_length=4000)]
    matters: list[Text]
    keywords: list[Word]
    valid_from: date
    valid_to: date | None = None
    review_by: date


_ENTRIES: Final = TypeAdapter(list[KnowledgeRow])


def load_knowledge(path: Path, jurisdiction: Jurisdiction) -> tuple[KnowledgeRow, ...]:
    """The entries of a jurisdiction's folder, none where there is no such file.

    Raises `ReferenceInvalid` with every finding.
    """
    findings = Findings()
    entries = _read(path, jurisdiction, findings)
    findings.raise_if_any()
    return entries


def check_knowledge(path: Path, jurisdiction: Jurisdiction) -> list[Finding]:
    """Everything that is wrong with them; empty when they can be used."""
    try:
        load_knowledge(path, jurisdiction)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return []


def _read(path: Path, jurisdiction: Jurisdiction, findings: Findings) -> tuple[KnowledgeRow, ...]:
    if not (path / KNOWLEDGE_FILE).exists():
        return ()
    source = read_yaml(path, KNOWLEDGE_FILE, findings)
    entries = parse(_ENTRIES, source, findings) if source else None
    if source is None or entries is None:
        return ()
    _check_names(source, entries, findings)
    for index, row in enumerate(entries):
        for message in _problems(row, jurisdiction):
            findings.add(source.file, source.line(index), f"{row.entry}: {message}")
    return tuple(entries)


def _check_names(source: YamlFile, entries: list[KnowledgeRow], findings: Findings) -> None:
    lines: dict[str, int] = {}
    for index, row in enumerate(entries):
        line = source.line(index)
        first = lines.setdefault(row.entry, line)
        if first != line:
            findings.add(source.file, line, f"{row.entry} is given in line {first} already; keep one")


def _problems(row: KnowledgeRow, jurisdiction: Jurisdiction) -> Iterator[str]:
    unit = jurisdiction.units.get(row.unit)
    if unit is None:
        yield f"unit {row.unit} is no unit; name the one that keeps the answer current"
    elif unit.successor is not None:
        yield f"{row.unit} is abolished; name its successor {jurisdiction.current(row.unit)} (R-PET-04)"
    for matter in row.matters:
        if matter not in jurisdiction.matters:
            yield f"{matter} is no matter of matters.yaml"
    if row.valid_to is not None and row.valid_to < row.valid_from:
        yield f"valid_to {row.valid_to} lies before valid_from {row.valid_from}"
    if row.review_by < row.valid_from:
        yield f"review_by {row.review_by} lies before valid_from {row.valid_from}"
