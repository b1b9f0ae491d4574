"""R-HOT-09, R-KPI-01: what each event counts for, of which unit. Pure; figures are of units, never of a person.

A callback is *valid* where the resident answered, called or by themselves. Each callback that ends counts once, on
its day: an order that is redone or reopened is called back, and counts, again. The three rates are `contacted`,
`resolved` and `satisfied` over `valid`. Those `not_reached` ended without an answer, and are not valid.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from schemas import router as r
from schemas.message import Event

MEASURES: Final = (
    "valid",
    "not_reached",
    "contacted",
    "resolved",
    "satisfied",
    "in_time",
    "late",
    "redone",
    "reopened",
    "objections",
    "upheld",
)
"""The columns of `router.unit_day`: `in_time` and `late` count handlings, `objections` those that were decided."""


def counted(event: Event) -> tuple[str, tuple[str, ...]] | None:
    """Return the unit and the measures that an event adds one to; None where it counts for nothing."""
    says = _COUNTS.get(type(event))
    measures = tuple(says(event)) if says else ()
    unit = getattr(event, "unit", None)
    return (unit, measures) if unit and measures else None


def _recorded(e: r.CallbackRecorded) -> Iterable[str]:
    if not (e.contacted or e.by_resident):
        return ("not_reached",) if e.last else ()
    responded = e.contacted if e.responded is None else e.responded
    answers = {"valid": True, "contacted": responded, "resolved": e.resolved, "satisfied": e.satisfied}
    return (name for name, said in answers.items() if said)


def _replied(e: r.CaseReplied) -> Iterable[str]:
    """A reply that is late by a time that was declared over is counted already."""
    if not e.late:
        return ("in_time",)
    return () if e.breached else ("late",)


def _adjudicated(e: r.ObjectionAdjudicated) -> Iterable[str]:
    return ("objections", "upheld") if e.upheld else ("objections",)


_COUNTS: Final[Mapping[type[Event], Callable[[Any], Iterable[str]]]] = {
    r.CallbackRecorded: _recorded,
    r.CaseReplied: _replied,
    r.DeadlineBreached: lambda e: () if e.again else ("late",),
    r.RedoOrdered: lambda _: ("redone",),
    r.CaseReopened: lambda _: ("reopened",),
    r.ObjectionAdjudicated: _adjudicated,
}
