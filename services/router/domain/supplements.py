"""What is said of a case: its readers are told, and a danger goes to its line at once (R-LAD-05)."""

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from typing import Final, TypeVar

from chassis.decider import Decision, Refused
from schemas import router as r
from schemas.department import HandlingMode, ReminderKind
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.message import Actor, Event
from schemas.values import Emergency, Evidence
from services.router.domain.case import Desk, remind
from services.router.domain.evolution import evolve
from services.router.domain.oversight import Oversight
from services.router.domain.procedures import TRACKS
from services.router.domain.reading import Triage
from services.router.domain.registration import DangerReport, Register, accusation
from services.router.domain.routing import Terms, Why
from services.router.domain.steering import Steering
from services.router.domain.workorder import DIRECT, FINAL, OPEN, S, WorkOrder

REOPENED: Final = r.Fired(table="reopenings", row="asked-for", source="R-HOT-08: JN27")

Noting = r.RecordContact | r.ReportProgress | r.DeliverHelp
Note = TypeVar("Note", bound=Noting)


class Supplements:
    """Answers to further facts, a withdrawal and feedback, and to the notes of those who work on the case."""

    def __init__(
        self, desk: Desk, register: Register, steering: Steering, oversight: Oversight, triage: Triage
    ) -> None:
        self._desk, self._register, self._triage = desk, register, triage
        self._steering, self._oversight = steering, oversight

    def accused(self, text: str) -> tuple[str, ...]:
        """R-LAD-04, R-HOT-14: whom further facts complain of; neither they nor those they control read them."""
        return self._desk.ladder.with_successors(self._triage.accused("", text))

    def accuses_an_office(self, text: str) -> bool:
        """R-HOT-14: whether further facts complain of an office without its name: it may be any unit."""
        return self._triage.accuses_an_office("", text)

    def supplemented(self, state: WorkOrder, e: CaseSupplemented, at: datetime) -> list[Event]:
        """To the emergency line where a danger is reported; where it waits for a human, read as the first text was;
        to a human where whoever has the case is accused by name.

        Else lead and helpers who may read it, or the exit's authority, are told that new material lies at the API.
        """
        if state.status is None or state.status in FINAL:
            return []
        if e.emergency is not None and self._goes_to_line(state, e.emergency):
            moved = self._to_line(state, e.emergency, "supplement", e.by, at)
            return self._with_accused(state, moved, e.text, e.by, at)
        return self._further(state, e.text, e.by, at)

    def _further(self, state: WorkOrder, text: str, by: Actor | None, at: datetime) -> list[Event]:
        """Words that move the case only where they accuse: of who waits for a human, has it, or helps."""
        if state.queue is not None:
            return self._register.further(state, text, by, at)
        events = self._complained(state, text, by, at)
        after = reduce(evolve, events, state)
        return events if after.queue is not None else [*events, *self._readers_told(after, text)]

    def _with_accused(
        self, state: WorkOrder, moved: list[Event], text: str, by: Actor | None, at: datetime
    ) -> list[Event]:
        """R-LAD-05, R-LAD-04: the danger to its line first, then whom the same words accuse: what remains does not
        go to them."""
        return [*moved, *self._complained(reduce(evolve, moved, state), text, by, at)]

    def _complained(self, state: WorkOrder, text: str, by: Actor | None, at: datetime) -> list[Event]:
        """R-LAD-04, R-HOT-14: who is accused by name and has the case loses it, a helper leaves, and from everybody
        else it is only kept. What only lies with its keeper goes to whoever may keep it then."""
        subjects = self._complained_of(state, text)
        if not subjects:
            return []
        if not self._loses(state, subjects):
            return self._steering.without_helpers(state, subjects, (accusation(state),), by)
        keeper = self._desk.keeper(subjects)
        if state.status in DIRECT and keeper is not None:
            case = state.model_copy(update={"unit": keeper})
            kept = self._steering.without_helpers(case, subjects, (accusation(state),), by)
            return [*kept, remind(state, keeper, ReminderKind.SUPPLEMENT)]
        return self._register.taken_back(state, subjects, by, at)

    def _complained_of(self, state: WorkOrder, text: str) -> tuple[str, ...]:
        """Return whom the case complains of with that text; nobody where it names none who is not known yet."""
        accused = () if _is_left_to_the_centre(state) else self.accused(text)
        known = set(accused) <= set(state.subjects)
        return () if known else self._desk.ladder.with_successors((*state.subjects, *accused))

    def _loses(self, state: WorkOrder, subjects: tuple[str, ...]) -> bool:
        """Whether who has the case cannot have it; also where nobody would be left to review, call back and
        supervise."""
        return self._desk.ladder.interested(state.unit or "", subjects) or not self._desk.keeper(subjects)

    def withdrawn(self, state: WorkOrder, e: CaseWithdrawn, at: datetime) -> list[Event]:
        """A danger that the reason tells of is not the resident's to withdraw: nothing ends.

        What ends is reviewed by nobody: where the reason accuses a unit or an office, perhaps of a threat, the
        centre is told (R-LAD-04, R-HOT-14).
        """
        if state.status is None or state.status in FINAL:
            return []
        if e.emergency is not None:
            if not self._goes_to_line(state, e.emergency):
                return self._further(state, e.reason, e.by, at)
            moved = self._to_line(state, e.emergency, "withdrawal", e.by, at)
            return self._with_accused(state, moved, e.reason, e.by, at)
        if state.sealed or not self._accuses(e.reason):
            return self._oversight.withdrawn(state, e, at)
        subjects = self._desk.ladder.with_successors((*state.subjects, *self.accused(e.reason)))
        left = list[Event]()
        if subjects != state.subjects:
            left = self._steering.without_helpers(state, subjects, (accusation(state),), e.by)
        closed = self._oversight.withdrawn(reduce(evolve, left, state), e, at)
        if not closed:
            return self._further(state, e.reason, e.by, at)
        keeper = self._desk.keeper(subjects)
        return [*left, *closed, *([remind(state, keeper, ReminderKind.SUPPLEMENT)] if keeper else [])]

    def feedback(self, state: WorkOrder, e: FeedbackGiven, at: datetime) -> list[Event]:
        """A danger that the note tells of comes before what it says of the handling, which goes on afterwards.

        R-LAD-04: a unit that the note accuses is not the one to do it again, nor is the case closed on it; the
        rating counts all the same (R-HOT-09).
        """
        if state.status is None or state.status in FINAL:
            return []
        if e.emergency is not None and self._goes_to_line(state, e.emergency):
            moved = self._to_line(state, e.emergency, "feedback", e.by, at)
            return self._with_accused(state, moved, e.note, e.by, at)
        said = self._further(state, e.note, e.by, at) if self._accuses(e.note) else []
        after = reduce(evolve, said, state)
        if after.status is S.CALLBACK:
            return [*said, *self._oversight.feedback(after, e, at)]
        return [*self._oversight.feedback(state, e, at)[:1], *said]  # of the rating only that it was given

    def _accuses(self, text: str) -> bool:
        return bool(self.accused(text)) or self.accuses_an_office(text)

    def reopening(self, state: WorkOrder, e: ReopeningAsked, at: datetime) -> list[Event]:
        """R-HOT-08: intake has judged window and number by what `CaseClosed` said, so here it is done.

        Unlike a repeat it is the same case (R-PET-18); a danger that the reason tells of comes first (R-LAD-05).
        """
        if state.status not in FINAL or state.reopen_until is None:
            return []
        again = r.CaseReopened(by=e.by, unit=state.unit or "", times=state.reopened + 1)
        if e.emergency is not None:
            row = self._desk.escalation(state, r.Ground.DANGER).fired
            words = "" if state.confidential else e.emergency.ground
            why, terms = Why(rows=(REOPENED, row)), Terms(by=e.by)
            at_line = [again, *self._register.emergency(state, e.emergency.line, words, why, terms, at)]
            return self._with_accused(state, at_line, e.reason, e.by, at)
        subjects = self._complained_of(state, e.reason)
        if subjects and self._loses(state, subjects):  # R-LAD-04: it does not even get it back
            return [again, *self._register.to_human(state, subjects, e.by, at)]
        # None of them is told to help.
        case = state.model_copy(update={"subjects": subjects or state.subjects})
        moved = [again, *self._register.again(case, REOPENED, e.by, at)]
        return [*moved, *self._readers_told(reduce(evolve, moved, state), e.reason)]

    def noted(
        self, act: Callable[[WorkOrder, Note, datetime], Decision]
    ) -> Callable[[WorkOrder, Note, datetime], Decision]:
        """The act of a unit, and what a danger in its note brings: whoever is on the spot may see one first."""

        def hear(state: WorkOrder, c: Note, at: datetime) -> Decision:
            decision = act(state, c, at)
            if isinstance(decision, Refused):
                return self.refused(decision, c)
            danger = self._danger_in(c)
            if danger is None or not self._goes_to_line(state, danger):
                return decision
            done = reduce(evolve, decision, state)
            return [*decision, *self._to_line(done, danger, "note", c.actor, at)]

        return hear

    def refused(self, no: Refused, command: r.RouterCommand) -> Refused:
        """The refusal, which names the line to call where the note that is refused tells of a danger."""
        danger = self._danger_in(command) if isinstance(command, Noting) else None
        if danger is None:
            return no
        reason = f"{no.reason}; R-LAD-05: the note tells of a danger: call {danger.line} at once"
        return Refused(no.code, reason, no.field)

    def _danger_in(self, c: Noting) -> Emergency | None:
        return self._triage.emergency("", c.note, added=True)

    def _readers_told(self, state: WorkOrder, text: str) -> list[Event]:
        """Where the words complain of a reader, whoever keeps cases is told in its place, and can recuse it."""
        open_to_all = not state.confidential
        readers = [
            s.unit for s in state.seats() if open_to_all or s == state.receiver or s.unit == state.unit
        ]
        accused = self.accused(text) or self._meant(text, readers)
        told = [unit for unit in readers if not self._desk.ladder.interested(unit, accused)]
        keeper = self._desk.keeper((*state.subjects, *accused))
        if len(told) < len(readers) and not state.sealed and keeper is not None:
            told.append(keeper)
        return [remind(state, unit, ReminderKind.SUPPLEMENT) for unit in dict.fromkeys(told)]

    def _meant(self, text: str, readers: list[str]) -> tuple[str, ...]:
        """Where an office is accused without its name, it may be any of those that have the case (R-HOT-14)."""
        if not self.accuses_an_office(text):
            return ()
        return tuple(unit for unit in readers if unit not in {self._desk.hotline, self._desk.ladder.district})

    def _goes_to_line(self, state: WorkOrder, danger: Emergency) -> bool:
        """Not where it waits for that line already, nor what only the discipline inspection may read (R-PET-10):
        there all that may be done is intake's advice to call the line."""
        waits = state.status is S.EMERGENCY_XFER and state.term("emergency") is not None
        return not state.sealed and not (waits and state.line == danger.line)

    def _to_line(
        self, state: WorkOrder, danger: Emergency, said_in: str, by: Actor | None, at: datetime
    ) -> list[Event]:
        words = "" if state.confidential else danger.ground[:1000]
        told = Evidence(kind="danger_report", reference=f"{said_in} of {state.case_id}", note=words)
        report = DangerReport(self._desk.escalation(state, r.Ground.DANGER).fired, (told,), by)
        return self._register.danger(state, danger.line, danger.ground, report, at)


def _is_left_to_the_centre(state: WorkOrder) -> bool:
    """Whether only a human takes the case from whoever it accuses: where it left the ladder, is sealed matter with
    its one recipient (R-PET-10), or a procedure has it or is about to, which has its own ways (R-PET-11)."""
    on_the_spot = state.mode is HandlingMode.DIRECT  # settled so, no procedure ever began
    begins = state.status in OPEN and state.track in TRACKS.values() and not (state.given_back or on_the_spot)
    return state.unit is None or state.sealed or state.procedure is not None or begins
