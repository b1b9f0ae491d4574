"""What becomes of a fresh case: dispositions, triage and the human queue (R-HOT-02, R-HOT-03, R-HOT-13)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas.department import AssignmentRole, EndReason, HandlingMode
from schemas.intake import CaseSubmitted
from schemas.jurisdiction import Matter, Rung
from schemas.message import Actor, Event
from schemas.router import (
    Candidate,
    CaseEscalated,
    CaseLinked,
    EmergencyTransferred,
    Fired,
    Ground,
    Judged,
    QueueReason,
    Registration,
    SettledOnSite,
    TriageCase,
    TriagedBy,
    TriageQueued,
)
from schemas.values import Evidence
from services.router.domain.assignments import Texts, assigned
from services.router.domain.case import OPERATOR, Desk, ended
from services.router.domain.ladder import Placement
from services.router.domain.reading import Reader, Triage, judge, standing, territorial
from services.router.domain.routing import Routing, Terms, Why
from services.router.domain.workorder import Holder, S, WorkOrder, judged_anew, registered
from services.terms import day_of

FIRST_RECEIVER: Final = Fired(table="ladder", row="first-receiver-keeps-it", source="R-HOT-13")
UPLOADED: Final = Fired(table="ladder", row="grid-uploads", source="R-GRD-01: BZ11")
REMAINDER: Final = Fired(table="ladder", row="remainder-of-emergency", source="R-HOT-13")
_EXPLAINED: Final = frozenset({Judged.ANSWERED, Judged.SECRET, Judged.UNLAWFUL})


@dataclass(frozen=True, slots=True)
class DangerReport:
    """What shows that there is a danger, the row that lifts the case for it, and who said so."""

    row: Fired
    evidence: tuple[Evidence, ...]
    by: Actor | None


class Register:
    """Disposes of cases that come in and of those that a human judged."""

    def __init__(self, desk: Desk, routing: Routing, triage: Triage) -> None:
        self._desk, self._routing, self._reader = desk, routing, Reader(desk, triage)

    def submitted(self, state: WorkOrder, e: CaseSubmitted, at: datetime) -> list[Event]:
        """Triage, route and assign a submission; one that is known already changes nothing."""
        if state.status is not None:
            return []
        found, doubt, accused = self._reader.read(e)
        case = registered(state, found)
        settled, settler = self._settled(e, case.subjects)
        line, words = self._alarm(e, case, doubt)
        row = self._row(
            case,
            emergency=line is not None,
            repeat=_repeat(e),
            settled=settled,
            judged="none",
            known=doubt is None,
            accused=accused,
        )
        why = Why(rows=(row[1],))
        terms = Terms(first=found, texts=Texts(e.title, e.text))
        match row[0]:
            case "emergency":
                return self.emergency(case, line or "110", words, why, terms, at)
            case "link":
                return self._link(case, e, why, terms, at)
            case "settle":
                return self._settle(case, settler, e, why, terms, at)
            case "answer":
                words = e.resolved.measure if e.resolved else ""
                return list(self._routing.answer(case, Judged.ANSWERED, words, why, terms, at))
            case "queue":
                return self._queue(case, doubt or QueueReason.POLICY, why, terms, at)
            case outcome:
                return self._leave_or_dispatch(outcome, case, None, why, terms, at)

    def further(self, state: WorkOrder, text: str, by: Actor | None, at: datetime) -> list[Event]:
        """R-LAD-04, R-HOT-14: whom an added text accuses, before a human has judged the case, is complained of.

        It waits on in its old time, for the reason and with the subjects that are known now.
        """
        found, reason, accused = self._reader.further(state, text)
        case = registered(state, found)
        if case == state and reason is state.queue and not found.judgement.candidates:
            return []  # nothing that the queue does not show already
        _, row = self._row(
            case, emergency=False, repeat="no", settled="no", judged="none", known=False, accused=accused
        )
        why, terms = Why(rows=(row,)), Terms(first=found, by=by)
        return self._queue(case, reason or QueueReason.POLICY, why, terms, at)

    def taken_back(
        self, state: WorkOrder, subjects: tuple[str, ...], by: Actor | None, at: datetime
    ) -> list[Event]:
        """R-LAD-04, R-HOT-14: who has the case is complained of and loses it, which is all that they are told."""
        return [*ended(state, EndReason.REASSIGNED), *self.to_human(state, subjects, by, at)]

    def to_human(
        self, state: WorkOrder, subjects: tuple[str, ...], by: Actor | None, at: datetime
    ) -> list[Event]:
        """A case whose last unit is complained of waits for a human as if its first text complained (R-LAD-04); its
        matter stands unless the human names another."""
        candidates = (Candidate(matter=state.matter, score=1.0),) if state.matter else ()
        known = standing(state, float(bool(candidates)), candidates)
        found = judged_anew(state, known, sealed=state.sealed, urgency_stated=state.urgency_stated)
        found = found.model_copy(update={"subjects": subjects})
        case = registered(state, found).model_copy(update={"terms": ()})
        _, row = self._row(
            case,
            emergency=False,
            repeat="no",
            settled="no",
            judged="none",
            known=bool(candidates),
            accused=True,
        )
        why, terms = Why(rows=(row,)), Terms(first=found, by=by, subjects=subjects)
        return self._queue(case, QueueReason.POLICY, why, terms, at, taken_from=state.unit)

    def triaged(self, state: WorkOrder, c: TriageCase, at: datetime) -> Decision:
        """A human's decision on a case in the queue."""
        if state.status is not S.REGISTERED:
            return Refused(
                "NOT_QUEUED", f"only a case in the triage queue can be triaged; it is {state.status}"
            )
        if wrong := self._unknown(c):
            return wrong
        if c.judged in _EXPLAINED and not c.answer:
            return Refused("ANSWER_NEEDED", f"say what the resident was told, for {c.judged}", "answer")
        return self.judged(state, c, at)

    def judged(self, state: WorkOrder, c: TriageCase, at: datetime, *because: Fired) -> Decision:
        """Dispose of a case as a human judged it; `because`: the rows that brought it before them."""
        found = self._judged(state, c)
        case = registered(state, found)
        if interested := self._desk.barred(case, c.actor):
            return interested
        matter, held = self._matter(case), _held(state, case)
        line = matter.emergency_line if matter and matter.emergency and held is None else None
        outcome, fired = self._row(
            case, emergency=line is not None, repeat="no", settled="no", judged=c.judged
        )
        is_over = case.given_back and (held is not None or case.track == state.track == "P")
        why, terms = Why(rows=(*because, fired)), Terms(first=found, by=c.actor, given_back=is_over)
        if outcome == "emergency":
            return self.emergency(case, line or "110", matter.name if matter else "", why, terms, at)
        if outcome == "answer":
            return self._routing.answer(case, c.judged, c.answer, why, terms, at)
        if outcome == "dispatch" and held is not None:
            return self._onward(case, held, why, terms, at)
        exit_ = c.exit or (self._desk.policy.settings.exits.outside_remit if _outside(c) else None)
        return self._leave_or_dispatch(outcome, case, None if case.sealed else exit_, why, terms, at)

    def emergency(
        self, case: WorkOrder, line: str, words: str, why: Why, terms: Terms, at: datetime
    ) -> list[Event]:
        """R-LAD-05, R-HOT-13: to the line at once; the first receiver keeps it until the line confirms."""
        keeper = self._desk.keeper(case.subjects)
        transferred = EmergencyTransferred(
            by=terms.by,
            terms=(self._desk.clocks.wait("emergency", at),),
            route=self._routing.route(why),
            registered=terms.first,
            line=line,
            words="" if case.sealed or case.confidential else words,
            unit=keeper,
        )
        if keeper is not None:
            return [transferred]
        nowhere, terms = Placement(None, int(Rung.DISTRICT)), Terms(by=terms.by)
        return [transferred, *self._routing.to_placement(case, nowhere, Why(), terms, at)]

    def danger(
        self, state: WorkOrder, line: str, words: str, report: DangerReport, at: datetime
    ) -> list[Event]:
        """R-LAD-05, R-LAD-10: a danger found later bypasses every rung; whoever has the case hears that it left."""
        why = Why(rows=(report.row,), ground=Ground.DANGER, evidence=report.evidence)
        left = CaseEscalated(
            by=report.by,
            unit=state.unit or "",
            rung=state.rung or 0,
            ground=Ground.DANGER,
            evidence=report.evidence,
            row=report.row,
        )
        moved = self.emergency(state, line, words, why, Terms(by=report.by), at)
        on_ladder = state.rung is not None
        return [*([left] if on_ladder else []), *ended(state, EndReason.EMERGENCY), *moved]

    def after_emergency(self, state: WorkOrder, row: Fired, terms: Terms, at: datetime) -> list[Event]:
        """R-HOT-13: what the line did not take, or what remains, becomes an ordinary case; never trivia.

        R-LAD-10: on from who had it. Another matter is for the ladder, and a petition that it left for the petition
        office, which resumes it.
        """
        resumes = state.track == "P" and not state.given_back
        if state.taken_from is None or terms.first is not None or resumes:
            return self._anew(state, Why(rows=(row,)), terms, at)
        terms = terms._replace(given_back=state.given_back)
        had = state.taken_from.model_copy(update={"handle_by": None})  # a leader set it before the danger
        return self._anew(state, Why(rows=(row,)), terms, at, had)

    def uploaded(self, state: WorkOrder, at: datetime) -> list[Event]:
        """R-GRD-01: what a unit without the power for it could not settle on the spot goes to the competent one."""
        tried = Evidence(kind="handling_record", reference=state.assignment(state.number))
        why = Why(rows=(UPLOADED,), ground=Ground.NO_LEGAL_POWER, evidence=(tried,))
        return [*ended(state, EndReason.REASSIGNED), *self._anew(state, why, Terms(), at)]

    def again(self, state: WorkOrder, row: Fired, by: Actor | None, at: datetime) -> list[Event]:
        """R-HOT-08: a closed case goes back to who had it."""
        had = Holder(unit=state.unit or "", number=state.number, rung=state.rung or 0)
        terms = Terms(by=by, subjects=state.subjects or None)  # some perhaps by the words that ask for it
        return self._back(state, had, Why(rows=(row,)), terms, at)

    def _back(self, case: WorkOrder, had: Holder, why: Why, terms: Terms, at: datetime) -> list[Event]:
        """To who had the case; what they had no power for, to the competent unit (R-GRD-01)."""
        unit, place = self._desk.jurisdiction.current(had.unit), case.place or self._desk.ladder.district
        is_direct = case.mode is HandlingMode.DIRECT
        if is_direct and not self._desk.ladder.may_lead(unit, case.matter, place, day_of(at)):
            tried = Evidence(kind="handling_record", reference=case.assignment(had.number))
            rows = (*why.rows, UPLOADED)
            why = why._replace(rows=rows, ground=Ground.NO_LEGAL_POWER, evidence=(tried,))
            return self._anew(case, why, terms, at)
        is_ahead = had.handle_by is not None and had.handle_by > at
        until, instructed = had.handle_by if is_ahead else None, had.leader is not None
        terms = terms._replace(locked=had.locked, instructed=instructed, leader_until=until)
        successor_of = had.unit if unit != had.unit else None
        return self._routing.dispatch(case, unit, had.rung, why, terms, at, successor_of)

    def _onward(self, case: WorkOrder, had: Holder, why: Why, terms: Terms, at: datetime) -> list[Event]:
        """Back to the unit from which words or a danger had taken the case, where nobody complains of it; else up
        from its rung, so that no step is lost that the case had climbed (R-LAD-04, R-LAD-10)."""
        clears = not self._desk.ladder.interested(self._desk.jurisdiction.current(had.unit), case.subjects)
        if clears and self._desk.keeper(case.subjects) is not None:
            return self._back(case, had, why, terms, at)
        why = why._replace(ground=Ground.SUBJECT_SKIPPED, evidence=(accusation(case),))
        lawful = self._desk.onward(case, had.unit, had.rung, at)
        return self._routing.to_placement(case, lawful, why, terms, at)

    def _anew(
        self, case: WorkOrder, why: Why, terms: Terms, at: datetime, had: Holder | None = None
    ) -> list[Event]:
        """As what was judged now; `had`: on from who had it, where it leaves by no exit."""
        outcome, fired = self._row(case, emergency=False, repeat="no", settled="no", judged=Judged.DISPATCH)
        why = why._replace(rows=(*why.rows, fired))
        if had is not None and outcome == "dispatch":
            return self._onward(case, had, why, terms, at)
        return self._leave_or_dispatch(outcome, case, None, why, terms, at)

    def _leave_or_dispatch(
        self, outcome: str, case: WorkOrder, exit_: str | None, why: Why, terms: Terms, at: datetime
    ) -> list[Event]:
        if outcome == "redirect":
            return self._routing.redirect(case, exit_ or self._exit(case), why, terms, at)
        return self._routing.by_ladder(case, why, terms, at)

    def _exit(self, case: WorkOrder) -> str:
        matter = self._matter(case)
        return (matter.legal_exit if matter else None) or self._desk.policy.settings.exits.legal

    def _row(
        self,
        case: WorkOrder,
        *,
        emergency: bool,
        repeat: str,
        settled: str,
        judged: str,
        known: bool = True,
        accused: bool = False,
    ) -> tuple[str, Fired]:
        matter = self._matter(case)
        own_exit = matter is not None and matter.legal_exit is not None
        asked = case.track == "L" and (matter is None or matter.track != "L")
        row = self._desk.policy.dispositions.decide(
            _yes(emergency),
            _yes(case.sealed),
            repeat,
            settled,
            judged,
            _yes(known),
            _yes(accused),
            case.track,
            _yes(own_exit or asked),
            _yes(matter is not None and matter.emergency),
        )
        return row.then["outcome"], row.fired

    def _matter(self, case: WorkOrder) -> Matter | None:
        return self._desk.jurisdiction.matters[case.matter] if case.matter else None

    def _judged(self, state: WorkOrder, c: TriageCase) -> Registration:
        """What the human found. Of a case that was with a unit already, what they leave out stands."""
        code = c.matter or (state.matter if state.taken_from else None)
        matter = self._desk.jurisdiction.matters[code] if code else None
        track, urgency = c.track or state.track_asked, c.urgency or state.urgency_stated
        stated = urgency
        if state.taken_from is not None and code == state.matter:
            track, urgency = c.track or state.track, c.urgency or state.urgency
        ladder, place = self._desk.ladder, c.place or state.place
        parties = state.parties if c.parties is None else c.parties
        return Registration(
            judgement=judge(TriagedBy.HUMAN, matter, track, urgency),
            kind=state.kind,
            place=place and ladder.narrowed(place, parties),
            parties=parties,
            subjects=state.subjects if c.subjects is None else ladder.with_successors(c.subjects),
            households=state.households,
            sealed=matter is not None and matter.sealed,
            confidential=state.confidential,
            track_asked=state.track_asked,
            urgency_stated=stated,
            channel=state.channel,
        )

    def _unknown(self, c: TriageCase) -> Refused | None:
        j = self._desk.jurisdiction
        if c.matter is not None and c.matter not in j.matters:
            return Refused("UNKNOWN_MATTER", f"{c.matter!r} is not in the catalogue", "matter")
        if c.exit is not None and c.exit not in j.legal_exits:
            return Refused("UNKNOWN_EXIT", f"expected one of {', '.join(j.legal_exits)}", "exit")
        for field, codes in (("place", (c.place,) if c.place else ()), ("parties", c.parties or ())):
            if territorial(codes, j)[1]:
                return Refused("UNKNOWN_UNIT", "name territorial units of this jurisdiction", field)
        if set(c.subjects or ()) - j.units.keys():
            return Refused("UNKNOWN_UNIT", "name units of this jurisdiction", "subjects")
        return None

    def _alarm(self, e: CaseSubmitted, case: WorkOrder, doubt: QueueReason | None) -> tuple[str | None, str]:
        """The emergency line and what gave the alarm: the words, staff, or a matter of the catalogue (`!`)."""
        if e.emergency is not None:
            return e.emergency.line, e.emergency.ground
        matter = self._matter(case)
        if matter is not None and matter.emergency and doubt is None:
            return matter.emergency_line, matter.name
        return None, ""

    def _settled(self, e: CaseSubmitted, subjects: tuple[str, ...]) -> tuple[str, str]:
        """R-GRD-01, R-HOT-02: who settled it on the spot. A unit complained of settles nothing."""
        if e.resolved is None or e.resolved.unit not in self._desk.jurisdiction.units:
            return "no", ""
        unit = e.resolved.unit
        if self._desk.ladder.interested(unit, subjects):
            return "no", ""
        on_the_call = unit == self._desk.hotline or (e.by is not None and e.by.role == OPERATOR)
        return ("hotline" if on_the_call else "grid"), unit

    def _settle(
        self, case: WorkOrder, unit: str, e: CaseSubmitted, why: Why, terms: Terms, at: datetime
    ) -> list[Event]:
        settled = SettledOnSite(
            route=self._routing.route(why),
            registered=terms.first,
            unit=unit,
            rung=self._desk.ladder.rung_of(unit, 0),
            measure=e.resolved.measure if e.resolved else "",
        )
        lead, direct = AssignmentRole.LEAD, HandlingMode.DIRECT
        listed = assigned(case, unit, 1, lead, lead=unit, mode=direct)
        return [settled, listed, self._routing.callback("on_site", at)]

    def _link(self, case: WorkOrder, e: CaseSubmitted, why: Why, terms: Terms, at: datetime) -> list[Event]:
        keeper = self._desk.keeper(case.subjects)
        if keeper is None or e.repeat_of is None:
            return self._routing.to_placement(case, Placement(None, int(Rung.DISTRICT)), why, terms, at)
        archive = self._desk.clocks.wait("archive", at)
        route = self._routing.route(why)
        return [
            CaseLinked(terms=(archive,), route=route, registered=terms.first, to=e.repeat_of, unit=keeper)
        ]

    def _queue(
        self,
        case: WorkOrder,
        reason: QueueReason,
        why: Why,
        terms: Terms,
        at: datetime,
        taken_from: str | None = None,
    ) -> list[Event]:
        keeper = self._desk.keeper(case.subjects)
        if keeper is None:
            return self._routing.to_placement(case, Placement(None, int(Rung.DISTRICT)), why, terms, at)
        clocks, matter = self._desk.policy.settings.clocks, self._matter(case)
        danger = matter is not None and matter.emergency  # perhaps: it waits no longer than an emergency line
        wait = self._desk.clocks.start("triage", clocks.emergency if danger else clocks.triage, at)
        return [
            TriageQueued(
                by=terms.by,
                terms=case.terms or (wait,),
                route=self._routing.route(why),
                registered=terms.first,
                unit=keeper,
                reason=reason,
                taken_from=taken_from,
            )
        ]


def accusation(case: WorkOrder) -> Evidence:
    """What shows that a unit is complained of in words that were added to the case (R-LAD-10)."""
    return Evidence(kind="interest_declaration", reference=f"supplement of {case.case_id}")


def _held(state: WorkOrder, case: WorkOrder) -> Holder | None:
    """Who had the case before it waited, where the human found it to be the same matter in the same place."""
    told = (state.matter, state.track, state.place, state.parties)
    return state.taken_from if told == (case.matter, case.track, case.place, case.parties) else None


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _repeat(e: CaseSubmitted) -> str:
    if e.repeat_of is None:
        return "no"
    return "new_facts" if e.new_facts else "same"


def _outside(c: TriageCase) -> bool:
    return c.judged is Judged.OUTSIDE_REMIT
