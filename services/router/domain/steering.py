"""Who owns the case changes: upward steps, adjudicated objections, instructions, the resident's choice of track."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import router as r
from schemas.department import EndReason, ReminderKind
from schemas.jurisdiction import Rung
from schemas.message import Actor, Event
from schemas.values import Evidence
from services.router.domain.case import SUPERVISOR, Desk, ended, remind
from services.router.domain.handling import wrong_status
from services.router.domain.ladder import Placement
from services.router.domain.reading import judge
from services.router.domain.registration import REMAINDER, DangerReport, Register
from services.router.domain.routing import RESIDENTS_CHOICE, Routing, Terms, Why
from services.router.domain.workorder import (
    FINAL,
    OPEN,
    TO_SIGN,
    WORKING,
    S,
    Seat,
    WorkOrder,
    judged_anew,
    registered,
)
from services.router.policy.tables import Row
from services.terms import day_of

CLIMBS_FROM: Final = WORKING
BREACHED_FROM: Final = WORKING | {S.SIGNED, S.REDO, S.CALLBACK}
"""A unit that let its time pass twice need not have begun to handle the case for it to be taken away."""
RECUSED_FROM: Final = OPEN
"""Who is interested recuses at once, whatever was or was not done (R-LAD-04)."""
INSTRUCTED_FROM: Final = TO_SIGN | WORKING | {S.SIGNED, S.OBJECTED, S.SUSPENDED, S.REDO}
ADJUDICATED: Final = r.Fired(table="ladder", row="objection-upheld", source="R-HOT-05: BJ12, WF22")
INSTRUCTED: Final = r.Fired(table="ladder", row="instructed", source="R-MODE-01")


@dataclass(frozen=True, slots=True)
class Lift:
    """A step up: its ground, who took it (None for a clock), and what was shown and found for it."""

    ground: r.Ground
    by: Actor | None = None
    evidence: tuple[Evidence, ...] = ()
    parties: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class Steering:
    """Moves a case to another owner, each time with its ground."""

    def __init__(self, desk: Desk, routing: Routing, register: Register) -> None:
        self._desk, self._routing, self._register = desk, routing, register

    def escalate(self, state: WorkOrder, c: r.EscalateCase, at: datetime) -> Decision:
        """R-LAD-02, R-LAD-06, R-LAD-10: a ground of the escalation table with all the evidence that it demands."""
        if state.status not in OPEN or state.rung is None:
            return wrong_status(state, "escalated", OPEN)
        row = self._desk.escalation(state, c.ground)
        if row.then["verdict"] == "refuse":
            return Refused(
                f"GROUND_{row.id.upper().replace('-', '_')}", row.then.get("alternative", row.source)
            )
        if wrong := self._unproven(state, c, row.then.get("evidence", "")):
            return wrong
        if row.then["verdict"] == "emergency":
            return self._to_line(state, c, row.fired, at)
        starts = {r.Ground.SECOND_BREACH: BREACHED_FROM, r.Ground.SUBJECT_SKIPPED: RECUSED_FROM}
        allowed = starts.get(c.ground, CLIMBS_FROM)
        if state.status not in allowed:
            return wrong_status(state, "escalated", allowed)
        subjects = self._desk.ladder.with_successors(c.subjects)
        if subjects and not self._desk.ladder.interested(state.unit or "", subjects):
            return self.without_helpers(state, subjects, c.evidence, c.actor)
        lift = Lift(c.ground, c.actor, c.evidence, c.parties, c.subjects)
        return self._climb(state, lift, row, at)

    def leaves(self, state: WorkOrder, c: r.EscalateCase) -> bool:
        """R-LAD-04, R-HOT-14: whether a helper's own people declare that very unit interested, by which nobody else
        leaves; in a procedure too, whose unit keeps the case (R-PET-11)."""
        if c.ground is not r.Ground.SUBJECT_SKIPPED or c.subjects != (c.actor.unit,):
            return False
        gone = [seat for seat in state.seats() if self._desk.ladder.interested(seat.unit, c.subjects)]
        return gone == self._helping(state, c.subjects) and [seat.unit for seat in gone] == [c.actor.unit]

    def without_helpers(
        self, state: WorkOrder, named: tuple[str, ...], evidence: tuple[Evidence, ...], by: Actor | None
    ) -> list[Event]:
        """R-LAD-04: interested helpers leave, told of it before the case says why; the lead and its times stay."""
        subjects = self._desk.ladder.with_successors((*state.subjects, *named))
        seats = self._helping(state, subjects)
        recused = r.HelpersRecused(
            by=by,
            unit=state.unit or "",
            helpers=tuple(r.SeatGiven(unit=seat.unit, number=seat.number) for seat in seats),
            subjects=subjects,
            evidence=evidence,
            row=self._desk.escalation(state, r.Ground.SUBJECT_SKIPPED).fired,
        )
        return [*ended(state, EndReason.REASSIGNED, seats), recused]

    def _helping(self, state: WorkOrder, subjects: tuple[str, ...]) -> list[Seat]:
        return [seat for seat in state.helpers if self._desk.ladder.interested(seat.unit, subjects)]

    def breached_again(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-LAD-02, R-LAD-08: a rung up on the router's own record; nothing where there is no rung above."""
        row = self._desk.escalation(state, r.Ground.SECOND_BREACH)
        climbs = row.then["verdict"] == "climb"
        return self._climb(state, Lift(r.Ground.SECOND_BREACH), row, at) if climbs else []

    def mediation_failed(
        self, state: WorkOrder, evidence: tuple[Evidence, ...], by: Actor | None, at: datetime
    ) -> list[Event]:
        """R-LAD-02, R-LAD-10: a rung up on the record of the mediation; nothing where that is not lawful."""
        row = self._desk.escalation(state, r.Ground.MEDIATION_FAILED)
        lacking = set(row.then.get("evidence", "").split()) - {e.kind for e in evidence}
        if row.then["verdict"] != "climb" or lacking:
            return []
        return self._climb(state, Lift(r.Ground.MEDIATION_FAILED, by, evidence), row, at)

    def _unproven(self, state: WorkOrder, c: r.EscalateCase, needed: str) -> Refused | None:
        lacking = set(needed.split()) - {e.kind for e in c.evidence}
        if lacking:
            words = self._desk.policy.settings.evidence
            named = "、".join(f"{kind} {words[kind]}" for kind in sorted(lacking))
            unknown = ", ".join(sorted({repr(e.kind) for e in c.evidence if e.kind not in words}))
            strange = f"; not known as a kind of evidence: {unknown}" if unknown else ""
            return Refused("EVIDENCE_NEEDED", f"R-LAD-10: show {named}{strange}", "evidence")
        if c.ground is r.Ground.SECOND_BREACH and not state.second_breach:
            return Refused("NO_SECOND_BREACH", "R-LAD-08: first remind and supervise the same owner")
        return self._not_interested(state, c) or self._parties_inside(state, c)

    def _not_interested(self, state: WorkOrder, c: r.EscalateCase) -> Refused | None:
        """R-LAD-04, R-LAD-10: subjects are named under their own ground, the owner or a helper among them."""
        if set(c.subjects) - self._desk.jurisdiction.units.keys():
            return Refused("UNKNOWN_UNIT", "name units of this jurisdiction", "subjects")
        if c.ground is not r.Ground.SUBJECT_SKIPPED:
            wrong = "R-LAD-10: units are passed over on the ground SUBJECT_SKIPPED, with its evidence"
            return Refused("ANOTHER_GROUND", wrong, "subjects") if c.subjects else None
        if not c.subjects:
            return Refused("SUBJECTS_NEEDED", "name the units that are interested", "subjects")
        named = self._desk.ladder.with_successors(c.subjects)
        if not self._desk.ladder.interested(state.unit or "", named) and not self._helping(state, named):
            holders = ", ".join((state.unit or "", *(seat.unit for seat in state.helpers)))
            return Refused(
                "NOT_INTERESTED", f"name one of {holders}, or a unit above one of them", "subjects"
            )
        own = c.actor.unit or ""
        if c.actor.role != SUPERVISOR and not all(
            self._desk.jurisdiction.controls(own, s) for s in c.subjects
        ):
            wrong = (
                f"you recuse {own} and units under it; that another is interested is for a supervisor to say"
            )
            return Refused("NOT_YOURS_TO_SAY", wrong, "subjects")
        return None

    def _parties_inside(self, state: WorkOrder, c: r.EscalateCase) -> Refused | None:
        units = self._desk.jurisdiction.units
        if any(code not in units or units[code].rung is None for code in c.parties):
            return Refused("UNKNOWN_UNIT", "name territorial units of this jurisdiction", "parties")
        if c.ground is not r.Ground.PARTIES_OUTSIDE:
            wrong = "R-LAD-10: further parties lift a case on the ground PARTIES_OUTSIDE, with its evidence"
            return Refused("ANOTHER_GROUND", wrong, "parties") if c.parties else None
        _, common = self._desk.ladder.common_rung(self._place(state), (*state.parties, *c.parties))
        everywhere = self._desk.ladder.is_body(state.unit)  # a department works in all streets
        if common <= (state.rung or 0) or everywhere:
            return Refused("PARTIES_INSIDE", "all parties live within the unit's area", "parties")
        return None

    def _climb(self, state: WorkOrder, lift: Lift, row: Row, at: datetime) -> list[Event]:
        rung = state.rung or 0
        parties = tuple(dict.fromkeys((*state.parties, *lift.parties)))
        subjects = self._desk.ladder.with_successors((*state.subjects, *lift.subjects))
        case = state.model_copy(update={"parties": parties, "subjects": subjects})
        placement = self._step(case, lift.ground, row, at)
        if self._is_over_to_department(case, row, placement):
            case = case.model_copy(update={"track": "S"})
        evidence = lift.evidence or (self._breach(state),)
        left = r.CaseEscalated(
            by=lift.by, unit=state.unit or "", rung=rung, ground=lift.ground, evidence=evidence, row=row.fired
        )
        why = Why(rows=(row.fired,), ground=lift.ground, evidence=evidence)
        # A procedure that is over begins nowhere anew, unless the next rung is asked to mediate: R-LAD-02, R-MED-03
        is_over = state.given_back and lift.ground is not r.Ground.MEDIATION_FAILED
        terms = Terms(by=lift.by, parties=parties, subjects=subjects, given_back=is_over)
        moved = self._routing.to_placement(case, placement, why, terms, at)
        return [left, *ended(state, EndReason.ESCALATED), *moved]

    def _step(self, case: WorkOrder, ground: r.Ground, row: Row, at: datetime) -> Placement:
        """Where the ground lifts the case to: the next lawful rung, or the district where the row says so.

        R-LAD-07: a department that waits is the next step on the same rung; once one had the case, none waits.
        """
        ladder, rung = self._desk.ladder, case.rung or 0
        if row.then.get("unit") == "district" and not ladder.interested(ladder.district, case.subjects):
            return Placement(ladder.district, int(Rung.DISTRICT))
        mediated = row.then.get("unit") == "department"
        is_next = mediated and self._desk.department_that_waits(case, case.unit, rung) is not None
        lowest = rung if is_next or ground is r.Ground.SUBJECT_SKIPPED else rung + 1
        lowest = max(lowest, int(row.then.get("to", "0")))
        beyond = case.unit if ground is r.Ground.SECOND_BREACH else None
        return self._desk.onward(case, case.unit, lowest, at, beyond, mediated=mediated)

    def _is_over_to_department(self, case: WorkOrder, row: Row, to: Placement) -> bool:
        """R-LAD-07: whether mediation is over and the department has its turn, by its own powers. What else goes up
        from a mediation the next rung mediates (R-LAD-02)."""
        ladder = self._desk.ladder
        waited = row.then.get("unit") == "department" and ladder.is_mediated_first(case.matter)
        return case.track == "M" and waited and ladder.is_body(to.unit)

    def _breach(self, state: WorkOrder) -> Evidence:
        """The router's own record of two lapses, which SECOND_BREACH rests on."""
        return Evidence(kind="breach_record", reference=state.assignment(state.number))

    def _to_line(self, state: WorkOrder, c: r.EscalateCase, row: r.Fired, at: datetime) -> Decision:
        """R-LAD-05: danger bypasses every rung."""
        if c.line is None:
            return Refused("LINE_NEEDED", "name the emergency line: 110, 119, 120 or 122", "line")
        return self._register.danger(state, c.line, "staff", DangerReport(row, c.evidence, c.actor), at)

    def adjudicate(self, state: WorkOrder, c: r.AdjudicateObjection, at: datetime) -> Decision:
        """R-HOT-05: upheld, another unit gets it; rejected, the same unit keeps it and is locked."""
        if state.status is not S.OBJECTED:
            return wrong_status(state, "adjudicated", {S.OBJECTED})
        if not c.upheld:
            rejected = self.rejected(state, c.reason, at, by=c.actor)
            return [rejected, remind(state, state.unit or "", ReminderKind.DECIDED)]
        if c.unit is None:
            return Refused("UNIT_NEEDED", "an upheld objection names the unit that gets the case", "unit")
        if wrong := self._unlawful(state, c.unit, at, other=True):
            return wrong
        unit = self._desk.jurisdiction.current(c.unit)
        rung = self._desk.ladder.rung_of(unit, state.rung or 0)
        why = Why(rows=(ADJUDICATED,))
        if rung > (state.rung or 0):
            proof = Evidence(kind="objection", reference=state.assignment(state.number), note=c.reason[:1000])
            why = Why(rows=(ADJUDICATED,), ground=r.Ground.OBJECTION_UPHELD, evidence=(proof,))
        upheld = r.ObjectionAdjudicated(by=c.actor, unit=state.unit or "", upheld=True, reason=c.reason)
        moved = self._routing.dispatch(state, unit, rung, why, Terms(locked=c.locked, by=c.actor), at)
        return [upheld, *ended(state, EndReason.OBJECTION_UPHELD), *moved]

    def rejected(
        self, state: WorkOrder, reason: str, at: datetime, *, by: Actor | None = None, lapsed: bool = False
    ) -> r.ObjectionAdjudicated:
        """The unit keeps the case, locked. Its handling time has run on: act first, argue later (R-HOT-05)."""
        rules = self._desk.rules(state)
        sign = self._desk.clocks.start("sign", rules["sign"], at)
        return r.ObjectionAdjudicated(
            by=by,
            terms=(sign, *state.only("handle", "mark")),
            unit=state.unit or "",
            upheld=False,
            reason=reason,
            lapsed=lapsed,
        )

    def instruct(self, state: WorkOrder, c: r.InstructCase, at: datetime) -> Decision:
        """R-MODE-01 批办: owner and deadline by a leader above the owner; never a way up without a ground."""
        if state.status not in INSTRUCTED_FROM:
            return wrong_status(state, "instructed", INSTRUCTED_FROM)
        if not self._desk.oversees(c.actor, state.unit):
            return Refused("NOT_A_SUPERIOR", f"only the district or a unit above {state.unit} instructs")
        if c.handle_by <= at:
            return Refused("IN_THE_PAST", "the deadline must lie ahead", "handle_by")
        if wrong := self._unlawful(state, c.unit, at, other=False):
            return wrong
        if not self._desk.oversees(c.actor, c.unit):
            return Refused(
                "NOT_A_SUPERIOR", f"only the district or a unit above {c.unit} instructs it", "unit"
            )
        unit = self._desk.jurisdiction.current(c.unit)
        rung = state.rung or 0
        if unit != state.unit and self._desk.ladder.rung_of(unit, rung) > rung:
            return Refused("GROUND_NEEDED", "R-LAD-10: a step up needs a ground; use EscalateCase", "unit")
        told = r.CaseInstructed(
            by=c.actor,
            terms=self._instructed_terms(state, c, at),
            unit=unit,
            leader=c.leader,
            note=c.note,
            handle_by=c.handle_by,
        )
        if unit == state.unit and state.status in WORKING | {S.SIGNED, S.REDO}:
            return [told, remind(state, unit, ReminderKind.INSTRUCTED, c.handle_by)]
        terms = Terms(locked=True, leader_until=c.handle_by, by=c.actor)
        rung = self._desk.ladder.rung_of(unit, rung)
        moved = self._routing.dispatch(state, unit, rung, Why(rows=(INSTRUCTED,)), terms, at)
        return [told, *ended(state, EndReason.REASSIGNED), *moved]

    def _instructed_terms(self, state: WorkOrder, c: r.InstructCase, at: datetime) -> tuple[r.Term, ...]:
        handle = self._desk.clocks.stated("handle", "instruction", at, c.handle_by)
        return (*state.without("handle", "mark"), handle, self._desk.clocks.mark(handle))

    def _unlawful(self, state: WorkOrder, code: str, at: datetime, *, other: bool) -> Refused | None:
        """Why a person may not name this unit as the owner."""
        units = self._desk.jurisdiction.units
        if code not in units:
            return Refused("UNKNOWN_UNIT", "name a unit of this jurisdiction", "unit")
        unit = self._desk.jurisdiction.current(code)
        if other and unit == state.unit:
            return Refused("SAME_UNIT", "name another unit, or reject the objection", "unit")
        if self._desk.ladder.interested(unit, state.subjects):
            return Refused("INTERESTED", f"R-LAD-04: {unit} is complained of or under a unit that is", "unit")
        if not self._desk.ladder.may_lead(unit, state.matter, self._place(state), day_of(at)):
            return Refused(
                "NOT_ITS_DUTY", f"R-HOT-11, R-COM-01: this matter is not passed down to {unit}", "unit"
            )
        if self._desk.ladder.comes_after(state.matter, state.unit, unit):
            reason = (
                f"R-LAD-07, R-LAD-10: {unit} has this matter after it was mediated; use EscalateCase "
                "on the ground MEDIATION_FAILED or NO_LEGAL_POWER, with its evidence"
            )
            return Refused("GROUND_NEEDED", reason, "unit")
        return None

    def choose_track(self, state: WorkOrder, c: r.ChooseTrack, at: datetime) -> Decision:
        """R-LAD-09: from any rung, in any state that is not final; nobody may hold the resident back."""
        if state.status is None or state.status in FINAL:
            return Refused("FINAL", "the case is over; a new case can take the other track")
        if state.sealed:
            return Refused("SEALED", "R-PET-10: accusation material is with the discipline inspection only")
        if danger := self._danger(state, c):
            return danger
        if c.exit is not None and c.exit not in self._desk.jurisdiction.legal_exits:
            exits = ", ".join(self._desk.jurisdiction.legal_exits)
            return Refused("UNKNOWN_EXIT", f"expected one of {exits}", "exit")
        if c.track == "P" == state.track and state.given_back:
            reason = "the petition is over and gave the case back; new facts make a new case (R-PET-18)"
            return Refused("PETITION_OVER", reason, "track")
        if c.track == state.track and (c.track != "L" or state.exit in {c.exit, self._exit(state)}):
            return Refused("SAME_TRACK", f"the case is on track {c.track} already", "track")
        subjects = tuple(dict.fromkeys((*state.subjects, *c.kept_from)))
        case = state.model_copy(update={"track": c.track, "subjects": subjects})
        moved = self._on_track(case, c, at)
        goes_on = moved is None and state.status in OPEN
        chosen = r.TrackChosen(
            by=c.actor,
            terms=state.terms,
            track=c.track,
            unit=state.unit if goes_on else None,
            waits=self._desk.department_that_waits(case, state.unit, state.rung or 0) if goes_on else None,
            registered=judged_anew(state, _known(case), sealed=False) if goes_on else None,
        )
        if moved is None:
            return [chosen]
        return [chosen, *ended(state, EndReason.TRACK_CHOSEN), *moved]

    def _danger(self, state: WorkOrder, c: r.ChooseTrack) -> Refused | None:
        """R-LAD-05: a danger is dealt with first, and never mediated."""
        if state.term("emergency") is not None:
            reason = (
                "R-LAD-05: the line has not confirmed; confirm the emergency or dispatch what remains first"
            )
            return Refused("DANGER_FIRST", reason)
        matter = self._desk.jurisdiction.matters[state.matter] if state.matter else None
        if c.track == "M" and matter is not None and matter.emergency:
            return Refused("NOT_MEDIATED", "R-LAD-05: violence and other dangers are not mediated", "track")
        return None

    def _on_track(self, case: WorkOrder, c: r.ChooseTrack, at: datetime) -> list[Event] | None:
        """The new owner or exit; None where the unit that has the case goes on with it.

        Out of a mediation the same unit gets an order of the new track, with its times; out of a petition, whoever
        the ladder names, for the petition's unit may be one that only forwards or reviews.
        """
        why, terms = Why(rows=(RESIDENTS_CHOICE,)), Terms(by=c.actor, subjects=case.subjects or None)
        if c.track == "L":
            return self._routing.redirect(case, c.exit or self._exit(case), why, terms, at)
        petition = self._desk.policy.settings.units.petition
        if c.track == "P":
            matter = self._desk.jurisdiction.matters[case.matter] if case.matter else None
            own = (matter.legal_exit,) if matter and matter.legal_exit else ()
            return self._routing.to_petition_office(case, petition, Why(open_exits=own), terms, at)
        if case.procedure == "petition":  # its unit may be a rung below the ladder's (R-LAD-10)
            choice = Evidence(kind="resident_choice", reference=str(case.case_id))
            why = why._replace(ground=r.Ground.RESIDENT_CHOICE, evidence=(choice,))
        if case.procedure == "mediation":
            placement = Placement(case.unit, case.rung or 0)
            return self._routing.to_placement(case, placement, why, terms, at)
        is_handled = case.status in OPEN and case.unit != petition and case.procedure is None
        if case.status is S.REGISTERED or is_handled:
            return None
        return self._routing.by_ladder(case, why, terms, at)

    def _exit(self, state: WorkOrder) -> str:
        matter = self._desk.jurisdiction.matters[state.matter] if state.matter else None
        return (matter.legal_exit if matter else None) or self._desk.policy.settings.exits.legal

    def remainder(self, state: WorkOrder, c: r.DispatchRemainder, at: datetime) -> Decision:
        """R-HOT-13: after the emergency, what remains becomes an ordinary work order."""
        if state.status is not S.EMERGENCY_XFER:
            return wrong_status(state, "dispatched as a remainder", {S.EMERGENCY_XFER})
        if c.matter is not None and c.matter not in self._desk.jurisdiction.matters:
            return Refused("UNKNOWN_MATTER", f"{c.matter!r} is not in the catalogue", "matter")
        if state.sealed and c.matter not in {None, state.matter}:
            return Refused(
                "SEALED", "R-PET-10: an accusation goes to the discipline inspection whole", "matter"
            )
        if c.matter is None or c.matter == state.matter:
            return self._register.after_emergency(state, REMAINDER, Terms(by=c.actor), at)
        found = self._desk.jurisdiction.matters[c.matter]
        judged = judge(r.TriagedBy.HUMAN, found, state.track_asked, None)
        first = judged_anew(state, judged, sealed=found.sealed)
        return self._register.after_emergency(
            registered(state, first), REMAINDER, Terms(first=first, by=c.actor), at
        )

    def _place(self, state: WorkOrder) -> str:
        return state.place or self._desk.ladder.district


def _known(case: WorkOrder) -> r.Judgement:
    """The judgement of the case that stands."""
    return r.Judgement(by=r.TriagedBy.HUMAN, matter=case.matter, track=case.track, urgency=case.urgency)
