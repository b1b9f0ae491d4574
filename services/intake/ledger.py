"""R-LEDGER-01, 民情台账: what came of each case, and which unit was told of each step. Pure.

The resident's side is the time line. The unit's side: the router decides in one breath that a case goes to a unit
and what stands on that unit's topic, so the event on the stream says whom it told. A service that sends notices
adds what it delivered by one entry for its event in `TOLD`, and by consuming that event (`domain.PROGRESS`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chassis.masking import mask
from schemas import router
from schemas.message import Event
from schemas.procedure import HandBack
from schemas.router import Judged, Outcome

MOST_DAYS: Final = 92
"""The longest period that is looked through at once."""
REASONS: Final = {
    "resident_not_told": "the resident has heard nothing since the receipt",
    "handler_not_told": "no unit has been told of the case",
    "unexplained": "unsolved, and the resident was not told why",
    "waiting": "events of the case wait parked at intake: until they are applied, neither side hears more",
}
"""What keeps a case from having been reported back to both sides, by code."""
OPEN: Final = "open"
"""What had come of the case no longer stands: it is being handled again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case so far. `solved` None: nobody says, or nothing was to be solved."""

    kind: str
    unit: str | None = None
    solved: bool | None = None
    explanation: str = ""
    """Why it is unsolved, as the resident was told."""
    adds: bool = False
    """What it leaves open stands as it was said before."""

    def after(self, earlier: "Result | None") -> "Result":
        """Both together: this one is the later."""
        if earlier is None or not self.adds:
            return self
        return replace(
            self,
            unit=self.unit or earlier.unit,
            solved=earlier.solved if self.solved is None else self.solved,
            explanation=earlier.explanation or self.explanation,
            adds=earlier.adds,
        )


def told(event: Event) -> str | None:
    """Return the unit that was told of this step; None: none was, or the step is a unit's own."""
    whom = TOLD.get(type(event))
    return whom(event) if whom else None


def result(event: Event) -> Result | None:
    """Return what an event says came of the case; None: nothing new. Its explanation is masked, but for
    the lines of offices, as the resident was told it."""
    says = RESULTS.get(type(event))
    found = says(event) if says else None
    return found and replace(found, explanation=mask(found.explanation, keep_lines=True))


def _unit(event: Any) -> str | None:
    unit: str | None = event.unit
    return unit


TOLD: Final[Mapping[type[Event], Callable[[Any], str | None]]] = {
    router.TriageQueued: _unit,
    router.CaseAnswered: _unit,
    router.CaseRedirected: lambda e: e.exit.authority,
    router.CaseLinked: _unit,
    router.EmergencyTransferred: _unit,
    router.CaseDispatched: _unit,
    router.SettledOnSite: _unit,
    router.ProcedureAdvanced: _unit,
    router.RedoOrdered: _unit,
    router.CaseClosed: _unit,
}


def _closed(e: router.CaseClosed) -> Result:
    match e.outcome:
        case Outcome.WITHDRAWN:
            return Result("withdrawn", e.unit)
        case Outcome.RESOLVED:
            return Result("closed", e.unit, solved=True)
        case Outcome.UNREACHABLE:
            return Result("closed", e.unit, adds=True)
        case Outcome.UNSATISFIED:
            return Result("closed", e.unit, solved=False, adds=True)


def _offered(e: router.LawfulReviewOffered) -> Result:
    ways = "、".join(way.name for way in e.routes)
    why = e.explanation or f"已告知可依法选择：{ways}"
    return Result("closed", e.unit, solved=False, explanation=why, adds=True)


def _again(e: router.Disposition) -> Result | None:
    """Of a fresh case nothing has come yet, so there is nothing to take back."""
    return None if e.registered is not None else Result(OPEN)


RESULTS: Final[Mapping[type[Event], Callable[[Any], Result | None]]] = {
    router.CaseAnswered: lambda e: Result("answered", e.unit, e.judged is Judged.ANSWERED, e.answer),
    router.CaseRedirected: lambda e: Result(
        "redirected", e.exit.authority, solved=False, explanation=f"{e.exit.name}（{e.exit.source}）"
    ),
    router.CaseLinked: lambda e: Result("linked", e.unit),
    router.EmergencyTransferred: lambda e: Result("emergency", e.unit),
    router.SettledOnSite: lambda e: Result("replied", e.unit, solved=True),
    router.CaseReplied: lambda e: Result("replied", e.unit, e.solved, e.explanation),
    router.ProcedureEnded: lambda e: Result("ended", e.unit, e.result is HandBack.SETTLED, e.explanation),
    router.LawfulReviewOffered: _offered,
    router.CaseClosed: _closed,
    router.RedoOrdered: lambda _: Result(OPEN),
    router.CaseReopened: lambda _: Result(OPEN),
    router.CaseUnlinked: lambda _: Result(OPEN),
    router.CaseDispatched: _again,
    router.TriageQueued: lambda e: Result(OPEN) if e.taken_from else None,
}
