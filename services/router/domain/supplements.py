"""What a resident adds to a case: its readers are told, and a danger goes to its line at once (R-LAD-05)."""

from datetime import datetime

from schemas import router as r
from schemas.department import ReminderKind
from schemas.intake import CaseSupplemented
from schemas.jurisdiction import Rung
from schemas.message import Event
from schemas.values import Emergency, Evidence
from services.router.domain.case import Desk, remind
from services.router.domain.registration import DangerReport, Register
from services.router.domain.workorder import FINAL, S, WorkOrder


class Supplements:
    """Answers to further facts."""

    def __init__(self, desk: Desk, register: Register) -> None:
        self._desk, self._register = desk, register

    def supplemented(self, state: WorkOrder, e: CaseSupplemented, at: datetime) -> list[Event]:
        """To the emergency line where a danger is reported; else lead and helpers who may read it, or the exit's
        authority, are told that new material lies at the API."""
        if state.status is None or state.status in FINAL:
            return []
        if e.emergency is not None and self._goes_to_line(state, e.emergency):
            return self._to_line(state, e, e.emergency, at)
        open_to_all = not state.confidential
        readers = [
            s.unit for s in state.seats() if open_to_all or s == state.receiver or s.unit == state.unit
        ]
        return [remind(state, unit, ReminderKind.SUPPLEMENT) for unit in readers]

    def _goes_to_line(self, state: WorkOrder, danger: Emergency) -> bool:
        """Not where it waits for that line already, nor what only the discipline inspection may read (R-PET-10):
        there all that may be done is intake's advice to call the line."""
        waits = state.status is S.EMERGENCY_XFER and state.term("emergency") is not None
        return not state.sealed and not (waits and state.line == danger.line)

    def _to_line(self, state: WorkOrder, e: CaseSupplemented, danger: Emergency, at: datetime) -> list[Event]:
        rung = int(Rung.DISTRICT) if state.rung is None else state.rung
        matter = self._desk.ladder.matter_key(state.matter)
        row = self._desk.policy.escalations.decide(r.Ground.DANGER, str(rung), state.track, matter)
        told = Evidence(
            kind="danger_report", reference=f"supplement of {state.case_id}", note=danger.ground[:1000]
        )
        report = DangerReport(row.fired, (told,), e.by)
        return self._register.danger(state, danger.line, danger.ground, report, at)
