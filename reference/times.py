"""Read the deadline rules and the working-day schedules of a jurisdiction."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from reference.rows import CALENDAR, DEADLINES, CalendarFile
from reference.source import Findings, YamlFile, parse, read_yaml
from schemas.deadline import DeadlineRule
from schemas.jurisdiction import CalendarYear

DEADLINES_FILE: Final = "deadlines.yaml"
# What the services count with; a jurisdiction may add rules but not leave these out.
REQUIRED_DEADLINES: Final = frozenset(
    {f"handle.{urgency}" for urgency in range(1, 5)}
    | {f"contact.{urgency}" for urgency in range(1, 5)}
    | {"sign", "object", "adjudicate", "callback", "supervise", "consult", "help", "complaint"}
)
_SATURDAY: Final = 5


def read_deadlines(root: Path, findings: Findings) -> dict[str, DeadlineRule]:
    """The rules by name, each with its source."""
    source = read_yaml(root, DEADLINES_FILE, findings)
    rules: dict[str, DeadlineRule] = {}
    parsed = parse(DEADLINES, source, findings) if source else None
    for index, rule in enumerate(parsed or ()):
        if rule.name in rules and source:
            findings.add(DEADLINES_FILE, source.line(index), f"deadline {rule.name} is given twice; keep one")
        rules[rule.name] = rule
    if source and rules and (missing := sorted(REQUIRED_DEADLINES - set(rules))):
        findings.add(DEADLINES_FILE, 1, f"missing deadlines: {', '.join(missing)}")
    return rules


def read_calendar(root: Path, findings: Findings) -> dict[int, CalendarYear]:
    """The published schedules by year, from calendar/<year>.yaml."""
    years: dict[int, CalendarYear] = {}
    for path in sorted((root / "calendar").glob("*.yaml")):
        source = read_yaml(root, f"calendar/{path.name}", findings)
        file = parse(CALENDAR, source, findings) if source else None
        if source and file:
            for line, message in _calendar_problems(source, file, path.stem):
                findings.add(source.file, line, message)
            holidays = frozenset(day for row in file.holidays for day in _span(row.first, row.last))
            years[file.year] = CalendarYear(file.year, file.version, holidays, frozenset(file.workdays))
    if not years:
        findings.add("calendar", 1, "no schedule; expected at least one file calendar/<year>.yaml")
    return years


def _span(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _calendar_problems(source: YamlFile, file: CalendarFile, stem: str) -> Iterator[tuple[int, str]]:
    if not re.fullmatch(r"\d{4}", stem) or int(stem) != file.year:
        yield source.line("year"), f"year {file.year} must match the file name {stem}.yaml"
    named: dict[date, str] = {}
    for index, row in enumerate(file.holidays):
        line = source.line("holidays", index)
        if row.first > row.last:
            yield line, f"{row.name}: from {row.first} lies after until {row.last}"
        for day in _span(row.first, row.last):
            if day.year != file.year:
                yield line, f"{row.name}: {day} does not lie in {file.year}"
            if day in named:
                yield line, f"{row.name}: {day} belongs to {named[day]} already"
            named[day] = row.name
    for index, day in enumerate(file.workdays):
        line = source.line("workdays", index)
        if day in named:
            yield line, f"{day} is both a holiday ({named[day]}) and a make-up workday; keep one"
        elif day.weekday() < _SATURDAY:
            yield line, f"make-up workday {day} must be a Saturday or Sunday, it is a weekday"
        if day.year != file.year:
            yield line, f"make-up workday {day} does not lie in {file.year}"
        if day in file.workdays[:index]:
            yield line, f"make-up workday {day} is given twice"
