"""What the code relies on a decision table to answer, whatever else its editors decide. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.jurisdiction import Jurisdiction, Matter, Track
from services.router.policy.tables import Box, Row, first_hits


@dataclass(frozen=True, slots=True)
class Need:
    """Where `when` holds, the first row that fires must answer `then`. `row` is what Gulou calls that row."""

    row: str
    when: Mapping[str, frozenset[str]]
    then: tuple[str, str]
    source: str


def _need(row: str, outcome: str, source: str, **when: str) -> Need:
    cells = {name: frozenset(values.split()) for name, values in when.items()}
    return Need(row, cells, ("outcome", outcome), source)


def _to_department(row: str, **when: str) -> Need:
    """R-LAD-07: a department that waits for the mediation gets its turn, at the district's rung, too."""
    cells = {name: frozenset({value}) for name, value in when.items()}
    return Need(row, {**cells, "department": frozenset({"waits"})}, ("unit", "department"), "R-LAD-07")


_FRESH: Final = {"emergency": "no", "judged": "none"}
NEEDS: Final[Mapping[str, tuple[Need, ...]]] = {
    "dispositions": (
        _need("emergency", "emergency", "R-LAD-05", emergency="yes", judged="none dispatch"),
        _need("sealed", "redirect", "R-PET-10", emergency="no", sealed="yes", known="yes"),
        _need("repeat", "link", "R-HOT-03", sealed="no", repeat="same", **_FRESH),
        _need(
            "settled-by-grid",
            "settle",
            "R-GRD-01",
            sealed="no",
            repeat="no new_facts",
            settled="grid",
            **_FRESH,
        ),
        _need(
            "answered-by-hotline",
            "answer",
            "R-HOT-02",
            sealed="no",
            repeat="no new_facts",
            settled="hotline",
            **_FRESH,
        ),
        _need("answered", "answer", "R-HOT-02", sealed="no", judged="answered"),
        _need("secret", "answer", "R-HOT-03", sealed="no", judged="secret"),
        _need("unlawful", "answer", "R-HOT-03", sealed="no", judged="unlawful"),
        _need("statutory", "redirect", "R-HOT-03", judged="statutory"),
        _need("outside-remit", "redirect", "R-HOT-03", judged="outside_remit"),
        _need("uncertain", "queue", "DES", repeat="no new_facts", settled="no", known="no", **_FRESH),
    ),
    "escalations": (
        _to_department("no-legal-power", ground="NO_LEGAL_POWER"),
        _to_department("mediation-failed", ground="MEDIATION_FAILED", track="M"),
    ),
}
"""By table. A case that is answered otherwise is handled by whoever must not see it, by nobody who decided,
or for ever by who mediates."""


def needs(table: str, jurisdiction: Jurisdiction) -> tuple[Need, ...]:
    """All needs of a table. R-LAD-05, R-LAD-07, R-HOT-11: of `mediations`, that only what may be mediated is."""
    if table != "mediations":
        return NEEDS.get(table, ())
    unlawful = (matter.code for matter in jurisdiction.matters.values() if not _may_be_mediated(matter))
    rule, never = "R-LAD-05, R-LAD-07, R-HOT-11", ("first", "catalogue")
    return tuple(Need("by-catalogue", {"matter": frozenset({code})}, never, rule) for code in unlawful)


def _may_be_mediated(matter: Matter) -> bool:
    return matter.track is Track.MEDIATION and not matter.emergency and not matter.sealed


def unmet(
    demanded: tuple[Need, ...], fields: Mapping[str, frozenset[str]], rows: tuple[Row, ...]
) -> Iterator[tuple[int, str]]:
    """Yield line and words for each need that a row answers otherwise; `fields` are all with their values."""
    for need in demanded:
        box: Box = tuple(need.when.get(name, values) for name, values in fields.items())
        answer, wanted = need.then
        wrong = next((row for row in first_hits(box, rows) if row.then.get(answer) != wanted), None)
        if wrong is not None:
            cells = ", ".join(f"{name}: {'/'.join(sorted(values))}" for name, values in need.when.items())
            yield (
                wrong.line,
                f"row {need.row} is missing ({need.source}): where {cells}, the {answer} must be {wanted}, "
                f"but row {wrong.id} answers {wrong.then.get(answer)}; add it above",
            )
