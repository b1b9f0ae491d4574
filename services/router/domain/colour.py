"""R-CARD-01: the colour of a case, never of a person."""

from datetime import datetime

from schemas.department import HandlingMode
from services.colours import Colour
from services.router.domain.workorder import OPEN, S, WorkOrder


def colour(state: WorkOrder, at: datetime) -> Colour:
    """The colour at an instant. While the handling clock stands still a case is as it was when it stopped.

    A case that waits for a human is late by the time that triage has.
    """
    if state.queue is not None:
        triage = state.term("triage")
        is_late = state.overdue or (triage is not None and triage.at <= at)
        late = Colour.RED if state.supervised else Colour.ORANGE
        return late if is_late else Colour.GREEN
    if state.status not in OPEN:
        return Colour.GREEN
    seen = state.suspended_at if state.status is S.SUSPENDED and state.suspended_at else at
    handle, mark = state.term("handle"), state.term("mark")
    if state.overdue or (handle is not None and handle.at <= seen):
        return Colour.RED if state.supervised or state.leader else Colour.ORANGE
    if handle is not None and (mark is None or mark.at <= seen):
        return Colour.YELLOW
    return Colour.BLUE if state.helpers or state.mode is HandlingMode.JOINT else Colour.GREEN
