"""What the petition service needs to know of a jurisdiction beside its units: `petition.yaml`, checked at load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_yaml
from schemas.jurisdiction import Jurisdiction
from schemas.petition import LegalWay
from services.petition.domain.clocks import RULES
from services.petition.domain.desk import Offices

FILE: Final = "petition.yaml"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    office: str
    discipline: str
    superior: str
    ways: Mapping[LegalWay, tuple[str, ...]]
    urgent_to: tuple[str, ...] = Field(min_length=1)


_SETTINGS: Final = TypeAdapter(_Settings)


def load_offices(path: Path, jurisdiction: Jurisdiction) -> Offices:
    """Read `petition.yaml` in the jurisdiction's folder. Raises `ReferenceInvalid` with every finding."""
    findings = Findings()
    source = read_yaml(path, FILE, findings)
    given = parse(_SETTINGS, source, findings) if source else None
    if source and given:
        _check(source, given, jurisdiction, findings)
    findings.raise_if_any()
    if given is None:
        raise ReferenceInvalid([])  # each way to None adds a finding
    authority = jurisdiction.legal_exits[given.discipline].authority
    return Offices(
        office=given.office,
        discipline=authority or "",
        discipline_exit=given.discipline,
        superior_exit=given.superior,
        ways=given.ways,
        urgent_to=given.urgent_to,
    )


def check_offices(path: Path, jurisdiction: Jurisdiction) -> list[Finding]:
    """All that is wrong with `petition.yaml`; empty where it can be loaded."""
    try:
        load_offices(path, jurisdiction)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return []


def _check(source: YamlFile, given: _Settings, jurisdiction: Jurisdiction, findings: Findings) -> None:
    if given.office not in jurisdiction.units:
        findings.add(source.file, source.line("office"), f"office {given.office} is no unit; use a code")
    named: dict[tuple[object, ...], str] = {("discipline",): given.discipline, ("superior",): given.superior}
    named |= {("ways", way, i): code for way, codes in given.ways.items() for i, code in enumerate(codes)}
    for place, code in named.items():
        if code not in jurisdiction.legal_exits:
            findings.add(source.file, source.line(*place), f"{code} is no legal exit of the jurisdiction")
    exit_ = jurisdiction.legal_exits.get(given.discipline)
    if exit_ is not None and exit_.authority is None:
        findings.add(source.file, source.line("discipline"), f"{given.discipline} needs an authority of ours")
    for way in (way for way in LegalWay if way not in given.ways):
        findings.add(
            source.file, source.line("ways"), f"missing way {way}: name its legal exits, or none: []"
        )
    if missing := sorted(RULES - set(jurisdiction.deadlines)):
        findings.add("deadlines.yaml", 1, f"missing deadlines: {', '.join(missing)}")
