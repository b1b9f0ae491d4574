"""Read a jurisdiction's mediation: kinds, panels, committees and mediators; R-MED-01 is checked line by line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reference.rows import (
    COMMITTEE,
    COMMITTEE_COLUMNS,
    MEDIATION,
    MEDIATOR,
    MEDIATOR_COLUMNS,
    CommitteeRow,
    MediationFile,
    MediatorRow,
)
from reference.source import Finding, Findings, ReferenceInvalid, YamlFile, parse, read_csv, read_yaml
from schemas.jurisdiction import Jurisdiction, UnitKind
from schemas.mediators import (
    ANY,
    LEAST_MEMBERS,
    MOST_MEMBERS,
    Committee,
    Mediator,
    MediatorRole,
    Mediators,
    Panel,
    Procedure,
    Seat,
)

MEDIATION_FILE: Final = "mediation.yaml"
COMMITTEES_FILE: Final = "committees.csv"
MEDIATORS_FILE: Final = "mediators.csv"
MEDIATION_FILES: Final = (MEDIATION_FILE, COMMITTEES_FILE, MEDIATORS_FILE)
REQUIRED_DEADLINES: Final = frozenset(
    f"mediation.{name}"
    for name in (
        "register",
        "consent",
        "visit",
        "remind",
        "confirm-apply",
        "court-accept",
        "court-decide",
        "court-extension",
        "traffic-apply",
        "traffic-apply-after-committee",
    )
)
"""What the mediation service counts with, beside the terms of the procedures."""
Committees = Iterable[tuple[int, CommitteeRow]]
Staff = Iterable[tuple[int, MediatorRow]]


def load_mediation(path: Path, jurisdiction: Jurisdiction) -> Mediators:
    """Read and check who mediates under `path`, and how.

    Raises `ReferenceInvalid` with every finding, each with file and line.
    """
    findings = Findings()
    source = read_yaml(path, MEDIATION_FILE, findings)
    file = parse(MEDIATION, source, findings) if source else None
    committees = read_csv(path, COMMITTEES_FILE, COMMITTEE, COMMITTEE_COLUMNS, findings)
    staff = read_csv(path, MEDIATORS_FILE, MEDIATOR, MEDIATOR_COLUMNS, findings)
    findings.raise_if_any()
    if source is None or file is None:
        raise AssertionError("a file that could not be read leaves a finding")
    _check_procedures(source, file, jurisdiction, findings)
    _check_panels(source, file, jurisdiction, findings)
    _check_committees(committees, file, jurisdiction, findings)
    _check_used(source, file, committees, findings)
    _check_staff(committees, staff, jurisdiction, findings)
    findings.raise_if_any()
    return _build(file, [row for _, row in committees], [row for _, row in staff])


def check_mediation(path: Path, jurisdiction: Jurisdiction) -> list[Finding]:
    """Everything that is wrong with the mediation under `path`; empty when it can be used."""
    try:
        load_mediation(path, jurisdiction)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return []


def _check_procedures(
    source: YamlFile, file: MediationFile, jurisdiction: Jurisdiction, findings: Findings
) -> None:
    seen: set[str] = set()
    taken: dict[str, str] = {}
    if missing := sorted(REQUIRED_DEADLINES - set(jurisdiction.deadlines)):
        findings.add("deadlines.yaml", 1, f"missing deadlines of mediation: {', '.join(missing)}")
    for index, row in enumerate(file.procedures):
        line = source.line("procedures", index)
        wrong = [
            f"{name}: {code} is no legal exit"
            for name, codes in (
                ("routes", row.routes),
                ("routes_with_agreement", row.routes_with_agreement),
            )
            for code in codes
            if code not in jurisdiction.legal_exits
        ]
        wrong += [f"matters: {code} is no matter" for code in row.matters if code not in jurisdiction.matters]
        wrong += [f"matters: {code} comes to {taken[code]} already" for code in row.matters if code in taken]
        wrong += [
            f"also: {code} is no matter" for code in row.also if code not in {ANY, *jurisdiction.matters}
        ]
        wrong += [f"units: {code} is no unit" for code in row.units if code not in jurisdiction.units]
        if not row.matters and not row.also:
            wrong.append("is for no matter; name some under matters or also, or * for all")
        if row.code in seen:
            wrong.append("is given twice; keep one")
        if row.term not in jurisdiction.deadlines:
            wrong.append(f"term: {row.term} is no deadline rule")
        for what in wrong:
            findings.add(source.file, line, f"procedure {row.code}: {what}")
        seen.add(row.code)
        taken |= dict.fromkeys(row.matters, row.code)
    default = next((row for row in file.procedures if row.code == file.default), None)
    if default is None:
        findings.add(
            source.file, source.line("default"), f"default: {file.default} is none of the procedures"
        )
    elif ANY not in default.also or default.units:
        wrong_default = f"default: {file.default} must be for every matter (also: ['*']) and every unit"
        findings.add(source.file, source.line("default"), wrong_default)


def _check_panels(
    source: YamlFile, file: MediationFile, jurisdiction: Jurisdiction, findings: Findings
) -> None:
    if file.police not in jurisdiction.units:
        findings.add(source.file, source.line("police"), f"police: {file.police} is no unit")
    for index, panel in enumerate(file.panels):
        for at, seat in enumerate(panel.seats):
            if seat.unit is not None and seat.unit not in jurisdiction.units:
                line = source.line("panels", index, "seats", at)
                findings.add(
                    source.file, line, f"seat {seat.code}: {seat.unit} is no unit; use a code or null"
                )


def _check_committees(
    committees: Committees, file: MediationFile, jurisdiction: Jurisdiction, findings: Findings
) -> None:
    known = {row.code for row in file.procedures}
    seen: set[str] = set()
    for line, row in committees:
        if row.code in seen:
            findings.add(COMMITTEES_FILE, line, f"committee {row.code} is given twice; keep one")
        if row.unit not in jurisdiction.units:
            findings.add(COMMITTEES_FILE, line, f"unit {row.unit} of {row.code} is no unit")
        for code in row.procedures.split():
            if code not in known:
                findings.add(
                    COMMITTEES_FILE, line, f"procedure {code} of {row.code} is not in {MEDIATION_FILE}"
                )
        seen.add(row.code)


def _check_used(source: YamlFile, file: MediationFile, committees: Committees, findings: Findings) -> None:
    """Some committee works by every kind of mediation: a case that comes to it finds mediators."""
    worked = {code for _, row in committees for code in row.procedures.split()}
    for index, row in enumerate(file.procedures):
        if row.code not in worked:
            line = source.line("procedures", index)
            findings.add(
                source.file, line, f"procedure {row.code}: no committee of {COMMITTEES_FILE} works by it"
            )


def _check_staff(
    committees: Committees, staff: Staff, jurisdiction: Jurisdiction, findings: Findings
) -> None:
    """R-MED-01: three to nine members with one chair and a woman among them; who is engaged does not count."""
    members: dict[str, list[MediatorRow]] = {row.code: [] for _, row in committees}
    seen: set[str] = set()
    for line, row in staff:
        if row.code in seen:
            findings.add(MEDIATORS_FILE, line, f"mediator {row.code} is given twice; keep one")
        if row.committee not in members:
            findings.add(MEDIATORS_FILE, line, f"committee {row.committee} of {row.code} is not known")
        elif row.role is not MediatorRole.ENGAGED:
            members[row.committee].append(row)
            if row.woman is None:
                findings.add(
                    MEDIATORS_FILE, line, f"{row.code} is a member: woman must be yes or no (R-MED-01)"
                )
        if row.place is not None and not _is_grid(row.place, jurisdiction):
            findings.add(MEDIATORS_FILE, line, f"place {row.place} of {row.code} is no grid")
        seen.add(row.code)
    for line, committee in committees:
        for what in _faults(members[committee.code]):
            findings.add(COMMITTEES_FILE, line, f"R-MED-01: {committee.code} {what}")


def _is_grid(code: str, jurisdiction: Jurisdiction) -> bool:
    unit = jurisdiction.units.get(code)
    return unit is not None and unit.kind is UnitKind.GRID


def _faults(members: list[MediatorRow]) -> Iterable[str]:
    if not LEAST_MEMBERS <= len(members) <= MOST_MEMBERS:
        yield f"has {len(members)} members, must have {LEAST_MEMBERS} to {MOST_MEMBERS} (TJ8)"
    if not any(row.woman == "yes" for row in members):
        yield "has no woman among its members (TJ8)"
    if (chairs := sum(row.role is MediatorRole.CHAIR for row in members)) != 1:
        yield f"has {chairs} chairs, must have one (TJ8)"


def _build(file: MediationFile, committees: list[CommitteeRow], staff: list[MediatorRow]) -> Mediators:
    procedures: Mapping[str, Procedure] = {
        row.code: Procedure(
            **{
                **row.model_dump(),
                "matters": tuple(row.matters),
                "also": tuple(row.also),
                "units": tuple(row.units),
                "routes": tuple(row.routes),
                "routes_with_agreement": tuple(row.routes_with_agreement or row.routes),
            }
        )
        for row in file.procedures
    }
    panels = {
        row.code: Panel(
            row.code, row.name, tuple(Seat(s.code, s.name, s.unit) for s in row.seats), row.source
        )
        for row in file.panels
    }
    return Mediators(
        committees=MappingProxyType(
            {c.code: Committee(c.code, c.name, c.unit, tuple(c.procedures.split())) for c in committees}
        ),
        mediators=MappingProxyType({m.code: Mediator(m.code, m.committee, m.role, m.place) for m in staff}),
        procedures=MappingProxyType(dict(procedures)),
        panels=MappingProxyType(panels),
        default=file.default,
        police=file.police,
    )
