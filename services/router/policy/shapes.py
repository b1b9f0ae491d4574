"""What each decision table is about: its fields with all their values, and what its rows may answer. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.department import HandlingMode
from schemas.jurisdiction import CommunityDuty, Jurisdiction, Rung, Track
from schemas.router import Ground, Judged, Outcome
from schemas.values import RequestKind

YES_NO: Final = frozenset({"yes", "no"})
UNKNOWN_MATTER: Final = "unknown"
"""Stands for a case of which only the area is known (R-HOT-04)."""
_RUNGS: Final = frozenset(str(int(rung)) for rung in Rung)
_Values = Callable[[Jurisdiction], frozenset[str]]


def _just(values: frozenset[str]) -> _Values:
    return lambda _: values


def _matters(jurisdiction: Jurisdiction) -> frozenset[str]:
    return frozenset(jurisdiction.matters) | {UNKNOWN_MATTER}


def _deadlines(jurisdiction: Jurisdiction) -> frozenset[str]:
    return frozenset(jurisdiction.deadlines)


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's file stem, its fields and its answers. `optional` answers may be left out."""

    name: str
    fields: Mapping[str, _Values]
    answers: Mapping[str, _Values | None]
    """By name; None where any text will do."""
    optional: frozenset[str] = frozenset()


SHAPES: Final[tuple[Shape, ...]] = (
    Shape(
        "dispositions",
        {
            "emergency": _just(YES_NO),
            "sealed": _just(YES_NO),
            "repeat": _just(frozenset({"no", "same", "new_facts"})),
            "settled": _just(frozenset({"no", "grid", "hotline"})),
            "judged": _just(frozenset(Judged) | {"none"}),
            "known": _just(YES_NO),
            "accused": _just(YES_NO),
            "track": _just(frozenset(Track)),
            "exit": _just(YES_NO),
            "danger": _just(YES_NO),
        },
        {
            "outcome": _just(
                frozenset({"emergency", "link", "answer", "redirect", "settle", "queue", "dispatch"})
            )
        },
    ),
    Shape(
        "floors",
        {
            "households": _just(frozenset({"few", "many"})),
            "departments": _just(frozenset({"few", "several"})),
        },
        {"floor": _just(_RUNGS)},
    ),
    Shape("mediations", {"matter": _matters}, {"first": _just(frozenset({"territory", "catalogue"}))}),
    Shape(
        "modes",
        {
            "rung": _just(_RUNGS),
            "duty": _just(frozenset(CommunityDuty)),
            "helpers": _just(frozenset({"some", "none"})),
        },
        {
            "mode": _just(frozenset(HandlingMode)),
            "departments": _just(YES_NO),
            "community": _just(YES_NO),
        },
    ),
    Shape(
        "terms",
        {"kind": _just(frozenset(RequestKind)), "urgency": _just(frozenset("1234"))},
        dict.fromkeys(
            ("handle", "sign", "object", "contact", "adjudicate", "supervise", "escalate"), _deadlines
        ),
    ),
    Shape("checks", {"matter": _matters}, {"check": _just(frozenset({"required", "optional"}))}),
    Shape(
        "escalations",
        {
            "ground": _just(frozenset(Ground)),
            "rung": _just(_RUNGS),
            "track": _just(frozenset(Track)),
            "matter": _matters,
            "department": _just(frozenset({"waits", "none"})),
        },
        {
            "verdict": _just(frozenset({"climb", "emergency", "refuse"})),
            "to": _just(_RUNGS),
            "unit": _just(frozenset({"district", "department"})),
            "evidence": None,
            "alternative": None,
        },
        optional=frozenset({"to", "unit", "evidence", "alternative"}),
    ),
    Shape(
        "reopenings",
        {"outcome": _just(frozenset(Outcome)), "track": _just(frozenset(Track))},
        {"window": _deadlines, "most": _just(frozenset("0123456789"))},
    ),
    Shape("reviews", {"track": _just(frozenset(Track))}, {"routes": None}),
)
