"""Build the matter catalogue and the community lists, and check them against the units."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reference.rows import LISTS, MATTERS, AdmissionRow, AssistRow, DutyRow, ListsFile, MatterRow, MattersFile
from reference.source import Findings, YamlFile, parse, read_yaml
from schemas.jurisdiction import (
    TERRITORIAL,
    Admission,
    CommunityDuty,
    CommunityLists,
    Duty,
    Matter,
    Rung,
    Track,
    Unit,
    UnitKind,
)

MATTERS_FILE: Final = "matters.yaml"
LISTS_FILE: Final = "community-lists.yaml"
Read = tuple[YamlFile, MattersFile, YamlFile, ListsFile]


def read_matters(root: Path, findings: Findings) -> Read | None:
    """Both files by shape; None when either is broken."""
    matters_source, lists_source = (read_yaml(root, name, findings) for name in (MATTERS_FILE, LISTS_FILE))
    matters = parse(MATTERS, matters_source, findings) if matters_source else None
    lists = parse(LISTS, lists_source, findings) if lists_source else None
    if matters_source is None or lists_source is None or matters is None or lists is None:
        return None
    return matters_source, matters, lists_source, lists


def build_matters(read: Read) -> dict[str, Matter]:
    """The matters by code, with the community's duty taken from the two lists."""
    _, file, _, lists = read
    duties = {code: CommunityDuty.ASSIST for row in lists.assist for code in row.matters}
    duties |= {code: CommunityDuty.OWN for row in lists.own for code in row.matters}
    return {row.code: _matter(row, duties.get(row.code, CommunityDuty.NONE)) for row in file.matters}


def _matter(row: MatterRow, duty: CommunityDuty) -> Matter:
    return Matter(
        code=row.code,
        name=row.name,
        head=row.head,
        entry=row.entry,
        track=Track(row.level[1]),
        urgency=int(row.level[2]),
        emergency=row.level.endswith("!"),
        emergency_line=row.emergency_line,
        sealed=row.sealed,
        legal_exit=row.legal_exit,
        keywords=tuple(row.keywords),
        responsible=MappingProxyType(dict(row.responsible)),
        helpers=tuple(row.helpers),
        community_duty=duty,
    )


def build_lists(lists: ListsFile) -> CommunityLists:
    """R-COM-01: the two lists and the admissions."""
    return CommunityLists(
        own=tuple(Duty(row.code, row.name, None, tuple(row.matters)) for row in lists.own),
        assist=tuple(Duty(row.code, row.name, row.lead, tuple(row.matters)) for row in lists.assist),
        admissions=tuple(
            Admission(row.matter, row.community, row.valid_from, row.valid_until, row.source)
            for row in lists.admissions
        ),
    )


def check_matters(read: Read, units: Mapping[str, Unit], exits: frozenset[str], findings: Findings) -> None:
    """Every matter has a lawful unit at each rung from its entry to L4, and keywords of its own."""
    source, file, _, lists = read
    own = {code for row in lists.own for code in row.matters}
    codes: dict[str, int] = {}
    keywords: dict[str, str] = {}
    for index, row in enumerate(file.matters):
        line = source.line("matters", index)
        if row.code in codes:
            findings.add(source.file, line, f"matter {row.code} is already used in line {codes[row.code]}")
        codes[row.code] = line
        for path, message in _matter_problems(row, file, units, exits, row.code in own):
            findings.add(source.file, source.line("matters", index, *path), f"{row.code}: {message}")
        for number, keyword in enumerate(row.keywords):
            bare = keyword.removesuffix("~")  # the mark of a weak keyword
            if bare in keywords:
                where = source.line("matters", index, "keywords", number)
                message = f"{row.code}: keyword {keyword} is already used by {keywords[bare]}; keep one"
                findings.add(source.file, where, message)
            keywords[bare] = row.code


def _matter_problems(
    row: MatterRow, file: MattersFile, units: Mapping[str, Unit], exits: frozenset[str], own: bool
) -> Iterator[tuple[tuple[object, ...], str]]:
    if row.head not in file.heads:
        yield ("code",), f"head {row.head} is none of {', '.join(file.heads)}"
    if row.level.endswith("!") != (row.emergency_line is not None):
        yield (
            ("level",),
            "a level with ! needs emergency_line 110, 119, 120 or 122, and only such a level has one",
        )
    if row.legal_exit is not None and row.legal_exit not in exits:
        yield ("legal_exit",), f"legal exit {row.legal_exit} is none of {', '.join(sorted(exits))}"
    if row.level[1] == Track.LEGAL and row.legal_exit is None:
        yield ("level",), f"a matter on the legal track needs a legal_exit: {', '.join(sorted(exits))}"
    for code in row.helpers:
        if (unit := units.get(code)) is None or unit.rung is not None:
            yield ("helpers",), f"helper {code} is no department or public body"
    wanted, given = set(range(row.entry, Rung.DISTRICT + 1)), set(row.responsible)
    for rung in sorted(wanted - given):
        yield ("responsible",), f"no responsible unit at rung {rung}; name a department or {TERRITORIAL}"
    for rung in sorted(given - wanted):
        yield (
            ("responsible", int(rung)),
            f"rung {int(rung)} lies below the entry rung {int(row.entry)}; remove it",
        )
    for rung, code in row.responsible.items():
        if message := _responsible_problem(rung, code, units, own):
            yield ("responsible", int(rung)), message


def _responsible_problem(rung: Rung, code: str, units: Mapping[str, Unit], own: bool) -> str | None:
    if code == TERRITORIAL:
        if rung is Rung.COMMUNITY and not own:
            return f"a community leads only its own list in {LISTS_FILE}; name a department (R-COM-01)"
        return None
    unit = units.get(code)
    if unit is None or unit.rung is not None:
        return f"{code} is no department or public body; name one, or {TERRITORIAL}"
    if unit.successor is not None:
        return f"{code} is abolished; name its successor {unit.successor} (R-PET-04)"
    if rung not in unit.levels:
        levels = ", ".join(str(int(level)) for level in sorted(unit.levels))
        return f"{code} does not work at rung {int(rung)}, only at {levels}"
    return None


def check_lists(read: Read, units: Mapping[str, Unit], sizes: Mapping[str, int], findings: Findings) -> None:
    """R-COM-01: the declared sizes, no matter twice, and leads that answer for the matter."""
    _, file, source, lists = read
    matters = {row.code: row for row in file.matters}
    seen: dict[str, str] = {}
    rows: dict[str, list[DutyRow]] = {"own": list(lists.own), "assist": list(lists.assist)}
    for name, duties in rows.items():
        if len(duties) != sizes[name]:
            findings.add(
                source.file, source.line(name), f"{sizes[name]} {name} duties are declared, got {len(duties)}"
            )
        for index, duty in enumerate(duties):
            for message in _duty_problems(duty, matters, units, seen):
                findings.add(source.file, source.line(name, index), f"{duty.code}: {message}")
    for index, admission in enumerate(lists.admissions):
        for message in _admission_problems(admission, matters, units):
            findings.add(source.file, source.line("admissions", index), message)


def _duty_problems(
    duty: DutyRow, matters: Mapping[str, MatterRow], units: Mapping[str, Unit], seen: dict[str, str]
) -> Iterator[str]:
    if duty.code in seen:
        yield "this code is used twice; codes are unique"
    seen[duty.code] = duty.code
    lead = duty.lead if isinstance(duty, AssistRow) else None
    if lead is not None and ((unit := units.get(lead)) is None or unit.rung is not None):
        yield f"lead {lead} is no department or public body"
        lead = None
    for code in duty.matters:
        if (matter := matters.get(code)) is None:
            yield f"matter {code} is not in {MATTERS_FILE}"
            continue
        if (other := seen.setdefault(code, duty.code)) != duty.code:
            yield f"matter {code} stands on {other} already; a matter has one duty"
        if lead is not None and lead not in {*matter.responsible.values(), *matter.helpers}:
            yield f"lead {lead} is neither responsible nor a helper for {code} in {MATTERS_FILE}"


def _admission_problems(
    row: AdmissionRow, matters: Mapping[str, MatterRow], units: Mapping[str, Unit]
) -> Iterator[str]:
    if row.matter not in matters:
        yield f"matter {row.matter} is not in {MATTERS_FILE}"
    if (unit := units.get(row.community)) is None or unit.kind is not UnitKind.COMMUNITY:
        yield f"{row.community} is no community"
    if row.valid_from > row.valid_until:
        yield f"from {row.valid_from} lies after until {row.valid_until}"
