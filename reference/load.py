"""Load a jurisdiction's folder into one validated, immutable value."""

import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reference.areas import FILES as AREA_FILES
from reference.areas import check_areas
from reference.buildings import BUILDINGS_FILE, check_buildings
from reference.conduct import CONDUCT_FILE, check_aliases, read_conduct
from reference.gazetteer import ADDRESSES_FILE, check_addresses
from reference.matters import (
    LISTS_FILE,
    MATTERS_FILE,
    build_lists,
    build_matters,
    check_lists,
    check_matters,
    read_matters,
)
from reference.mediation import MEDIATION_FILES
from reference.rows import JURISDICTION, JurisdictionFile
from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_yaml
from reference.times import DEADLINES_FILE, read_calendar, read_deadlines
from reference.units import DEPARTMENTS_FILE, UNITS_FILE, check_units, read_units
from schemas.jurisdiction import Jurisdiction, LegalExit, Thresholds, Unit

__all__ = ["Finding", "ReferenceInvalid", "check", "load"]
JURISDICTION_FILE: Final = "jurisdiction.yaml"
_HASHED: Final = (
    JURISDICTION_FILE,
    UNITS_FILE,
    DEPARTMENTS_FILE,
    CONDUCT_FILE,
    MATTERS_FILE,
    LISTS_FILE,
    DEADLINES_FILE,
    *MEDIATION_FILES,
    ADDRESSES_FILE,
    BUILDINGS_FILE,
    *AREA_FILES.values(),
)


def load(path: Path) -> Jurisdiction:
    """Read and check everything under `path` except policy tables and messages.

    Raises `ReferenceInvalid` with every finding, each with file and line.
    """
    findings = Findings()
    source = read_yaml(path, JURISDICTION_FILE, findings)
    declared = parse(JURISDICTION, source, findings) if source else None
    units, places = read_units(path, findings)
    conduct = read_conduct(path, findings)
    read = read_matters(path, findings)
    deadlines = read_deadlines(path, findings)
    calendar = read_calendar(path, findings)
    findings.raise_if_any()  # cross-checks on half-read files would only report what follows from the first errors
    if source is None or declared is None or conduct is None or read is None:
        raise AssertionError("a file that could not be read leaves a finding")

    check_units(units, places, declared, findings)
    check_aliases(units, places, findings)
    if declared.hotline not in units:
        line, told = source.line("hotline"), f"hotline {declared.hotline} is no unit; use the code of one"
        findings.add(source.file, line, told)
    exits = _legal_exits(source, declared, units, findings)
    check_matters(read, units, frozenset(exits), findings)
    check_lists(read, units, declared.community_lists.model_dump(), findings)
    compounds = check_addresses(path, units, findings)
    check_buildings(path, units, compounds, findings)
    check_areas(path, units, findings)
    findings.raise_if_any()

    return Jurisdiction(
        code=declared.code,
        name=declared.name,
        version=f"{declared.version}+{_content_hash(path)}",
        hotline=declared.hotline,
        units=MappingProxyType(units),
        heads=MappingProxyType(read[1].heads),
        conduct=conduct,
        matters=MappingProxyType(build_matters(read)),
        legal_exits=MappingProxyType(exits),
        deadlines=MappingProxyType(deadlines),
        calendar=MappingProxyType(calendar),
        thresholds=Thresholds(**declared.thresholds.model_dump()),
        lists=build_lists(read[3]),
    )


def check(path: Path) -> list[Finding]:
    """Everything that is wrong under `path`; empty when it can be used."""
    try:
        load(path)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return []


def _legal_exits(
    source: YamlFile, declared: JurisdictionFile, units: dict[str, Unit], findings: Findings
) -> dict[str, LegalExit]:
    exits: dict[str, LegalExit] = {}
    for index, row in enumerate(declared.legal_exits):
        line = source.line("legal_exits", index)
        if row.code in exits:
            findings.add(source.file, line, f"legal exit {row.code} is given twice; keep one")
        if row.authority is not None and row.authority not in units:
            findings.add(
                source.file, line, f"authority {row.authority} of {row.code} is no unit; use a code or null"
            )
        exits[row.code] = LegalExit(row.code, row.name, row.authority, row.source)
    return exits


def _content_hash(path: Path) -> str:
    digest = hashlib.sha256()
    calendar = sorted(f"calendar/{file.name}" for file in (path / "calendar").glob("*.yaml"))
    for name in (*_HASHED, *calendar):
        file = path / name
        digest.update(f"{name}\0".encode())
        digest.update(file.read_bytes() if file.exists() else b"")
        digest.update(b"\0")
    return digest.hexdigest()[:12]
