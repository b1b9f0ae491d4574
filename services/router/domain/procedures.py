"""The router's side of a procedure: whose duty the case is while it is in one, and what becomes of it afterwards.

What a procedure says of a case that is not, or no longer, on its track is passed over: the resident, a danger or a
recusal took it away, of which the procedure hears in its turn (R-LAD-05, R-LAD-09).
"""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import router as r
from schemas.department import (
    AssignmentRole,
    DepartmentAssignmentEnded,
    DepartmentInProcedure,
    EndReason,
    HandlingMode,
)
from schemas.mediation import MediationDutyMoved, MediationHandedBack, PoliceInformed
from schemas.message import Event
from schemas.petition import PetitionDutyMoved, PetitionHandedBack
from schemas.procedure import DutyMoved, HandBack, HandedBack, ProcedureName
from schemas.values import Evidence
from services.router.domain.assignments import assigned
from services.router.domain.case import SUPERVISOR, Desk, ended
from services.router.domain.oversight import Oversight
from services.router.domain.routing import InProcedure, Routing, Terms, Why
from services.router.domain.steering import Steering
from services.router.domain.workorder import OPEN, WorkOrder

TRACKS: Final[dict[ProcedureName, str]] = {"mediation": "M", "petition": "P"}
"""The track of each. A petition's own mediation is on track P, and so no duty of the router's (R-PET-16)."""
_PROCEDURES: Final[dict[type[Event], ProcedureName]] = {
    MediationDutyMoved: "mediation",
    MediationHandedBack: "mediation",
    PetitionDutyMoved: "petition",
    PetitionHandedBack: "petition",
}
_LEFT: Final[dict[ProcedureName, r.Fired]] = {
    "mediation": r.Fired(table="procedure", row="mediation-exit", source="R-MED-05, R-MED-10: TJ3, TJ26"),
    "petition": r.Fired(table="procedure", row="petition-exit", source="R-PET-06: XF31"),
}
_FAILED: Final[dict[ProcedureName, str]] = {
    "mediation": "调解已终止，未能达成协议。",
    "petition": "信访程序已结束，诉求未获解决。",
}
RECUSED: Final = r.Fired(table="procedure", row="recused", source="R-LAD-04, R-PET-11: XF28")
_SEALED: Final = "已密转有权处理的机关。"
"""All that the stream says of an accusation found in a procedure (R-PET-10)."""
_KEPT: Final = frozenset({r.Ground.DANGER, r.Ground.SUBJECT_SKIPPED})
"""R-LAD-04, R-LAD-05: danger and recusal do not wait for a procedure."""
_LEFT_TO_PROCEDURES: Final = frozenset(
    {
        r.SignAssignment,
        r.ObjectAssignment,
        r.RequestExtension,
        r.RequestSuspension,
        r.EscalateCase,
        r.InstructCase,
        r.ReplyCase,
    }
)


def in_procedure(desk: Desk, state: WorkOrder, command: r.RouterCommand) -> Refused | None:
    """Refuse what only the procedure that has the case can do now."""
    if state.procedure is None or type(command) not in _LEFT_TO_PROCEDURES:
        return None
    where = f"the case is in {state.procedure}: act at the API of the {state.procedure} service"
    if not isinstance(command, r.EscalateCase):
        return Refused("IN_PROCEDURE", where)
    if command.ground in _KEPT:
        return _recuses_itself(desk, state, command)
    return Refused("IN_PROCEDURE", f"{where}; here only {' and '.join(sorted(_KEPT))} lift it", "ground")


def _recuses_itself(desk: Desk, state: WorkOrder, c: r.EscalateCase) -> Refused | None:
    """R-PET-03: no unit is rid of a petition, and of its times, on its own word."""
    if c.ground is not r.Ground.SUBJECT_SKIPPED or state.procedure != "petition":
        return None
    if c.actor.role == SUPERVISOR and desk.oversees(c.actor, state.unit):
        return None
    reason = (
        f"{state.unit} objects at the petition service, to who sent it; that it is interested is for the "
        "petition office to say there (`subjects`), or for a supervisor above it here"
    )
    return Refused("NOT_YOURS_TO_SAY", reason, "ground")


class Procedures:
    """Answers what mediation and petition say of a case."""

    def __init__(self, desk: Desk, routing: Routing, steering: Steering, oversight: Oversight) -> None:
        self._desk, self._routing = desk, routing
        self._steering, self._oversight = steering, oversight

    def duty_moved(self, state: WorkOrder, e: DutyMoved, at: datetime) -> Decision:
        """The order is the procedure's: its unit and its time count; another unit gets a fresh assignment."""
        name = _PROCEDURES[type(e)]
        if state.status not in OPEN or state.given_back or state.track != TRACKS[name]:
            return []
        if e.unit not in self._desk.jurisdiction.units:
            return Refused("UNKNOWN_UNIT", f"name a unit of this jurisdiction, not {e.unit}", "unit")
        subjects = self._desk.ladder.with_successors((*state.subjects, *e.subjects))
        unit = self._owner(state, e, subjects)
        if unit is None:
            return self._recused(state, e, name, subjects, at)
        clocks, moved = self._clocks(state, e, at), list[Event]()
        named = subjects if subjects != state.subjects else None
        if unit != state.unit or named:
            terms = Terms(locked=True, by=e.by, subjects=named, procedure=InProcedure(name, clocks))
            rung, why = self._up(state, name, unit, e.stage)
            case = state.model_copy(update={"subjects": subjects})
            fresh = self._routing.dispatch(case, unit, rung, why, terms, at)
            moved = [*ended(state, EndReason.REASSIGNED), *fresh]
        advanced = r.ProcedureAdvanced(
            by=e.by,
            terms=clocks,
            procedure=name,
            unit=unit,
            stage=e.stage,
            entered=state.procedure is None,
            told=e.told,
        )
        number = state.issued + 1 if moved else state.number
        told = DepartmentInProcedure(
            unit=unit, assignment=state.assignment(number), procedure=name, stage=e.stage, due=e.due
        )
        return [*moved, advanced, told]

    def _owner(self, state: WorkOrder, e: DutyMoved, subjects: tuple[str, ...]) -> str | None:
        """R-LAD-04: the unit named, unless it is interested; else whoever has it; None where both are."""
        named = self._desk.jurisdiction.current(e.unit)
        lawful = (unit for unit in (named, state.unit or "") if not self._interested(unit, subjects))
        return next(lawful, None)

    def _interested(self, unit: str, subjects: tuple[str, ...]) -> bool:
        return self._desk.ladder.interested(unit, subjects)

    def _recused(
        self, state: WorkOrder, e: DutyMoved, name: ProcedureName, subjects: tuple[str, ...], at: datetime
    ) -> list[Event]:
        """R-LAD-04: neither may have it any more, so the ladder names who goes on with the procedure."""
        record = self._record(state, name, e.stage)
        why = Why(rows=(RECUSED,), ground=r.Ground.SUBJECT_SKIPPED, evidence=(record,))
        case = state.model_copy(update={"subjects": subjects})
        moved = self._routing.by_ladder(case, why, Terms(by=e.by, subjects=subjects), at)
        return [*ended(state, EndReason.REASSIGNED), *moved]

    def _clocks(self, state: WorkOrder, e: DutyMoved, at: datetime) -> tuple[r.Term, ...]:
        """Until when the unit has time; where it is late already, by the same time, its supervision stays due."""
        if e.due is None:
            return ()
        if e.due <= at and state.procedure is not None and state.overdue and e.unit == state.unit:
            return state.only("supervise")
        handle = self._desk.clocks.stated("handle", e.rule or _PROCEDURES[type(e)], at, e.due)
        return (handle, self._desk.clocks.mark(handle)) if at < e.due else (handle,)

    def _up(self, state: WorkOrder, name: ProcedureName, unit: str, stage: str) -> tuple[int, Why]:
        """The unit's rung. R-LAD-10, R-PET-09: a step up rests on the procedure that the resident is in."""
        rung = self._desk.ladder.rung_of(unit, state.rung or 0)
        if rung <= (state.rung or 0):
            return rung, Why()
        return rung, Why(ground=r.Ground.RESIDENT_CHOICE, evidence=(self._record(state, name, stage),))

    def _record(self, state: WorkOrder, name: ProcedureName, stage: str) -> Evidence:
        return Evidence(kind="procedure_record", reference=f"{name} of {state.case_id}: {stage}")

    def police_informed(self, state: WorkOrder, e: PoliceInformed, _: datetime) -> Decision:
        """R-MED-11: the police are told like every helper, unless they are complained of, or are here already."""
        units = self._desk.jurisdiction.units
        unit = self._desk.jurisdiction.current(e.unit) if e.unit in units else None
        if unit is None or state.status not in OPEN or state.sealed or self._interested(unit, state.subjects):
            return []
        if unit in {seat.unit for seat in state.seats()}:
            return []
        number = state.issued + 1
        joined = r.PoliceJoined(by=e.by, police=r.SeatGiven(unit=unit, number=number))
        told = assigned(
            state,
            unit,
            number,
            AssignmentRole.HELPER,
            lead=state.unit,
            mode=HandlingMode.JOINT,
            terms=state.only("handle"),
        )
        return [joined, told]

    def handed_back(self, state: WorkOrder, e: HandedBack, at: datetime) -> Decision:
        """R-LAD-02, R-LAD-09, R-MED-10: on from the procedure, with its evidence, by the next lawful step."""
        name = _PROCEDURES[type(e)]
        if state.procedure != name:
            return []
        if e.result is HandBack.EXIT and e.exit not in self._desk.jurisdiction.legal_exits:
            exits = ", ".join(self._desk.jurisdiction.legal_exits)
            return Refused("UNKNOWN_EXIT", f"expected one of {exits}", "exit")
        subjects = self._desk.ladder.with_successors((*state.subjects, *e.subjects))
        over = r.ProcedureEnded(
            by=e.by,
            procedure=name,
            unit=state.unit or "",
            result=e.result,
            explanation=_SEALED if e.exit in self._desk.sealed_exits else e.explanation,
            routes=e.routes,
            subjects=subjects if subjects != state.subjects else None,
        )
        after = self._next(state.model_copy(update={"subjects": subjects}), e, name, at)
        if over.subjects is None:
            return [over, *after]
        gone = [event for event in after if isinstance(event, DepartmentAssignmentEnded)]
        return [*gone, over, *(event for event in after if event not in gone)]  # no subject is told of more

    def _next(self, state: WorkOrder, e: HandedBack, name: ProcedureName, at: datetime) -> list[Event]:
        match e.result:
            case HandBack.SETTLED:
                return self._replied(state, e, e.explanation, "", at)
            case HandBack.EXIT:
                return self._to_exit(state, e, name, at)
            case HandBack.ENDED:
                unsettled, reason = r.Outcome.UNSATISFIED, EndReason.CLOSED
                review = self._oversight.review(state) if e.review_offered else None
                return self._oversight.close(state, unsettled, at, reason, review=review)
        climbed = self._steering.mediation_failed(state, e.evidence, e.by, at) if e.asks_higher else []
        return climbed or self._replied(state, e, _FAILED[name], self._told(e), at)

    def _to_exit(self, state: WorkOrder, e: HandedBack, name: ProcedureName, at: datetime) -> list[Event]:
        """R-PET-06."""
        why, terms = Why(rows=(_LEFT[name],)), Terms(by=e.by)
        left = self._routing.redirect(state, e.exit or "", why, terms, at)
        return [*ended(state, EndReason.REASSIGNED), *left]

    def _replied(
        self, state: WorkOrder, e: HandedBack, result: str, explanation: str, at: datetime
    ) -> list[Event]:
        handle = state.term("handle")
        replied = r.CaseReplied(
            by=e.by,
            unit=state.unit or "",
            result=result,
            solved=e.result is HandBack.SETTLED,
            explanation=explanation,
            undelivered=tuple(seat.unit for seat in state.helpers if not seat.answered),
            late=state.overdue or (handle is not None and handle.at <= at),
            breached=state.overdue,
        )
        return [replied, self._routing.callback("replied", at)]

    def _told(self, e: HandedBack) -> str:
        """Why it failed, and the ways that stand open, unless that names them already (R-MED-05, R-MED-10)."""
        exits = self._desk.jurisdiction.legal_exits
        routes = (exits[code].name if code in exits else code for code in e.routes)
        names = "、".join(name for name in routes if name not in e.explanation)
        return f"{e.explanation}您还可以依法选择：{names}。" if names else e.explanation
