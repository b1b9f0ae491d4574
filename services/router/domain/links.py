"""A report that was linked wrongly becomes a case of its own (R-PET-18, R-HOT-03)."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import router as r
from services.router.domain.case import Desk
from services.router.domain.handling import wrong_status
from services.router.domain.registration import Register
from services.router.domain.workorder import S, WorkOrder

UNLINKED: Final = r.Fired(table="ladder", row="linked-wrongly", source="R-PET-18, R-HOT-03")


class Links:
    """Answers to the command that takes a link away."""

    def __init__(self, desk: Desk, register: Register) -> None:
        self._desk, self._register = desk, register

    def unlink(self, state: WorkOrder, c: r.UnlinkCase, at: datetime) -> Decision:
        """Route the case as one that a human judged; the case that it was linked to goes on as it is."""
        if state.status is not S.LINKED_DUP or state.linked_to is None:
            return wrong_status(state, "unlinked", {S.LINKED_DUP})
        if c.matter is not None and c.matter not in self._desk.jurisdiction.matters:
            return Refused("UNKNOWN_MATTER", f"{c.matter!r} is not in the catalogue", "matter")
        if state.sealed and c.matter not in {None, state.matter}:
            reason = "R-PET-10: an accusation goes to the discipline inspection whole"
            return Refused("SEALED", reason, "matter")
        judged = r.TriageCase(actor=c.actor, matter=c.matter or state.matter)
        moved = self._register.judged(state, judged, at, UNLINKED)
        if isinstance(moved, Refused):
            return moved
        return [r.CaseUnlinked(by=c.actor, was=state.linked_to, reason=c.reason), *moved]
