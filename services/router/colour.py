"""R-CARD-01: the colour of a case, never of a person; in Python for one case and in SQL for many.

green on time · blue coordinated · yellow 75 % of the time gone · orange overdue · red overdue and supervised or
leader-owned
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.router.domain.workorder import STANDING_STILL, WorkOrder


class Colour(StrEnum):
    """The five colours."""

    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Card:
    """What the colour of an open case depends on, besides the instant."""

    late_at: datetime | None
    """When it becomes overdue; None while no handling clock runs."""
    yellow_at: datetime | None
    overdue: bool
    watched: bool
    """Supervised or leader-owned."""
    coordinated: bool

    @classmethod
    def of(cls, state: WorkOrder) -> "Card":
        """The card of a case."""
        runs = state.status not in STANDING_STILL
        handle, mark = state.term("handle"), state.term("mark")
        return cls(
            late_at=handle.at if handle and runs else None,
            yellow_at=mark.at if mark and runs else None,
            overdue=state.overdue,
            watched=state.supervised or state.leader is not None,
            coordinated=bool(state.helpers),
        )

    def colour(self, at: datetime) -> Colour:
        """The colour at the instant `at`."""
        if self.overdue or _passed(self.late_at, at):
            return Colour.RED if self.watched else Colour.ORANGE
        if _passed(self.yellow_at, at):
            return Colour.YELLOW
        return Colour.BLUE if self.coordinated else Colour.GREEN


def _passed(moment: datetime | None, at: datetime) -> bool:
    return moment is not None and moment <= at


COLOUR_SQL: Final = (
    "CASE WHEN a.overdue OR a.late_at <= {at} THEN CASE WHEN a.watched THEN 'red' ELSE 'orange' END"
    " WHEN a.yellow_at <= {at} THEN 'yellow' WHEN a.coordinated THEN 'blue' ELSE 'green' END"
)
"""The same over a row `a` of `router.assignment`; `{at}` is the parameter that holds the instant."""
