"""R-CARD-01 for many cases at once: the colour as columns and SQL, the same as `domain.colour` gives for one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.router.domain.workorder import OPEN, S, WorkOrder

COLOUR_SQL: Final = (
    "CASE WHEN a.overdue OR a.late_at <= {at} THEN CASE WHEN a.watched THEN 'red' ELSE 'orange' END"
    " WHEN a.yellow_at <= {at} THEN 'yellow' WHEN a.coordinated THEN 'blue' ELSE 'green' END"
)
"""The colour of the case of a row `a` of `router.assignment`; `{at}` is the parameter that holds the instant."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the colour of a case depends on, besides the instant."""

    late_at: datetime | None = None
    """When it becomes overdue; None where it does not, as things stand."""
    yellow_at: datetime | None = None
    overdue: bool = False
    watched: bool = False
    """Supervised or leader-owned."""
    coordinated: bool = False

    @classmethod
    def of(cls, state: WorkOrder) -> "Card":
        """The card of a case."""
        if state.status not in OPEN:
            return cls()
        handle, mark = state.term("handle"), state.term("mark")
        yellow = mark.at if mark else handle.since if handle else None
        return cls(
            late_at=_running(state, handle.at if handle else None),
            yellow_at=_running(state, yellow if handle else None),
            overdue=state.overdue,
            watched=state.supervised or bool(state.leader),
            coordinated=bool(state.helpers) or state.mode == "joint",
        )


def _running(state: WorkOrder, moment: datetime | None) -> datetime | None:
    """The moment, unless the clock was stopped before it."""
    stopped = state.suspended_at if state.status is S.SUSPENDED else None
    return moment if moment is None or stopped is None or moment <= stopped else None
