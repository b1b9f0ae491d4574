"""Whatever happens, in whatever order: one responsible unit or one named exit, no dead end, no stale clock."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chassis.decider import Input, Refused, TimerDue
from schemas import router as r
from schemas.department import (
    DepartmentAssigned,
    DepartmentAssignmentEnded,
    DepartmentEvent,
    DepartmentReminded,
)
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.mediation import MediationDutyMoved, MediationHandedBack
from schemas.message import Event
from schemas.petition import PetitionDutyMoved, PetitionHandedBack, PetitionSentToMediation
from schemas.procedure import HandBack
from schemas.router import OrderStatus as S
from schemas.values import Emergency, Evidence, OnSiteResolution, Place, PlaceSource, RequestKind
from services.router.domain.router import FROM_ABOVE, OF_THE_CENTRE
from services.router.domain.workorder import FINAL, OPEN
from tests.unit.router_kit import (
    CASE,
    MONDAY,
    OPERATOR,
    SUPERVISOR,
    Oracle,
    actor,
    gulou,
    policy,
    router,
    submitted,
)

J = gulou()
UNITS = sorted(J.units)
TERRITORY = sorted(code for code, unit in J.units.items() if unit.rung is not None)
NEAR = ["GL", "GL01", "GL02", "GL0101", "GL0102", "GL010101", "GL010102", "GL01010101"]
BODIES = sorted(code for code, unit in J.units.items() if unit.rung is None)
ANY_UNIT = st.sampled_from(NEAR + BODIES)
TEXT = st.just("理由充分")
ROLES = st.sampled_from(["operator", "handler", "supervisor", "petition_officer"])
EVIDENCE = st.just(tuple(Evidence(kind=kind, reference="1") for kind in policy().settings.evidence))
SUBJECTS = st.lists(ANY_UNIT, max_size=2).map(tuple)
PARTIES = st.lists(st.sampled_from(NEAR), max_size=2).map(tuple)
PLACES = st.sampled_from(
    [Place(source=PlaceSource.UNKNOWN)]
    + [Place(source=PlaceSource.UNIT, grid=grid) for grid in ("GL010101", "GL020101", "nowhere")]
)
SUBMISSIONS = st.builds(
    submitted,
    matter=st.sampled_from([*J.matters, "unknown", None]),
    place=PLACES,
    parties=PARTIES,
    subjects=SUBJECTS,
    households=st.sampled_from([None, 1, 500]),
    kind=st.sampled_from(RequestKind),
    urgency=st.sampled_from([None, 1, 2, 3, 4]),
    track=st.sampled_from([None, None, "S", "M", "P", "L"]),
    confidential=st.booleans(),
    new_facts=st.booleans(),
    repeat_of=st.sampled_from([None, None, CASE]),
    emergency=st.sampled_from([None, None, Emergency(line="119", ground="着火")]),
    resolved=st.sampled_from(
        [None, None, OnSiteResolution(unit="GL010101", measure="完成", resolved_at=MONDAY)]
    ),
)


LIFTING = [
    r.Ground.NO_LEGAL_POWER,
    r.Ground.SUBJECT_SKIPPED,
    r.Ground.SUBJECT_SKIPPED,
    r.Ground.PARTIES_OUTSIDE,
    r.Ground.MANY_HOUSEHOLDS,
]
GROUNDS = [*r.Ground, *LIFTING, *LIFTING]
FIELDS: dict[str, st.SearchStrategy[Any]] = {"reason": TEXT, "note": TEXT, "result": TEXT}
SPECIAL: dict[type[r.RouterCommand], dict[str, Any]] = {
    r.TriageCase: {
        "matter": st.sampled_from([None, *J.matters]),
        "track": st.none(),
        "urgency": st.none(),
        "place": st.none(),
        "parties": st.none(),
        "subjects": st.none() | SUBJECTS,
        "exit": st.none(),
        "answer": TEXT,
    },
    r.ObjectAssignment: {"proposed": st.none()},
    r.AdjudicateObjection: {"unit": ANY_UNIT},
    r.RequestExtension: {"days": st.integers(1, 10)},
    r.WhistleDepartments: {"units": st.lists(st.sampled_from(BODIES), min_size=1, max_size=3).map(tuple)},
    r.InstructCase: {"unit": ANY_UNIT, "leader": TEXT, "handle_by": st.just(MONDAY + timedelta(days=400))},
    r.ReplyCase: {
        "explanation": TEXT,
        "check": st.sampled_from([None, r.OnSiteCheck(unit="GL010101", matches=True)]),
    },
    r.DecideSuspension: {"until": st.none()},
    r.ChooseTrack: {"track": st.sampled_from("SMPL"), "exit": st.none()},
    r.DispatchRemainder: {"matter": st.sampled_from([None, "property.leak", "unknown"])},
    r.ConfirmEmergency: {"reference": TEXT},
}
ON_THE_WAY: dict[S, list[type[r.RouterCommand]]] = {
    S.REGISTERED: [r.TriageCase],
    S.LINKED_DUP: [r.UnlinkCase],
    S.EMERGENCY_XFER: [r.ConfirmEmergency, r.DispatchRemainder],
    S.DISPATCHED: [r.SignAssignment, r.SignAssignment, r.ObjectAssignment, r.InstructCase],
    S.DISPATCHED_LOCKED: [r.SignAssignment],
    S.OBJECTED: [r.AdjudicateObjection],
    S.SIGNED: [r.RecordContact, r.ReportProgress, r.WhistleDepartments],
    S.HANDLING: [
        r.EscalateCase,
        r.EscalateCase,
        r.RequestExtension,
        r.DecideExtension,
        r.RequestSuspension,
        r.DecideSuspension,
        r.WhistleDepartments,
        r.ReplyCase,
    ],
    S.EXTENDED: [r.ReportProgress, r.ReplyCase, r.RequestSuspension, r.DecideSuspension, r.EscalateCase],
    S.SUSPENDED: [r.ResumeCase],
    S.CALLBACK: [r.RecordCallback],
    S.REDO: [r.RecordContact, r.EscalateCase],
}
"""Commands that move a case on, so that the search gets beyond the first steps."""


def escalation(ground: r.Ground, actors: st.SearchStrategy[Any]) -> st.SearchStrategy[r.EscalateCase]:
    """A step up that names units and parties mostly under the ground that they belong to."""
    none: st.SearchStrategy[tuple[str, ...]] = st.just(())
    return st.builds(
        r.EscalateCase,
        actor=actors,
        ground=st.just(ground),
        evidence=EVIDENCE,
        subjects=SUBJECTS if ground is r.Ground.SUBJECT_SKIPPED else none | none | SUBJECTS,
        parties=PARTIES if ground is r.Ground.PARTIES_OUTSIDE else none | none | PARTIES,
        line=st.sampled_from([None, "110"]),
    )


def command_of(kind: type[r.RouterCommand], actors: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any command of that kind."""
    if kind is r.EscalateCase:
        return st.sampled_from(GROUNDS).flatmap(lambda ground: escalation(ground, actors))
    flags = {name: st.booleans() for name, field in kind.model_fields.items() if field.annotation is bool}
    plain = {name: how for name, how in FIELDS.items() if name in kind.model_fields}
    return st.builds(kind, actor=actors, **{**flags, **plain, **SPECIAL.get(kind, {})})


def commands(owner: str | None) -> st.SearchStrategy[Any]:
    """Any command, by the owner, the hotline, a supervisor or somebody else."""
    actors = st.builds(actor, st.sampled_from([owner, owner, "GL-HOTLINE", "GL", None]) | ANY_UNIT, ROLES)
    return st.sampled_from(r.COMMANDS).flatmap(lambda kind: command_of(kind, actors))


STAGES = ["CONSENT", "MEDIATING", "FORWARDED", "REVIEW"]
DUTIES = st.builds(
    lambda kind, **said: kind(**said),
    st.sampled_from([MediationDutyMoved, PetitionDutyMoved]),
    unit=st.sampled_from([*NEAR, "GL-PETITION", "nowhere"]) | ANY_UNIT,
    stage=st.sampled_from(STAGES),
    due=st.none() | st.integers(-10, 60).map(lambda days: MONDAY + timedelta(days=days)),
    rule=st.sampled_from([None, "mediation.term", "petition.opinion"]),
    subjects=st.just(()) | st.just(()) | SUBJECTS,
)
HANDED_BACK = st.builds(
    lambda kind, **said: kind(**said),
    st.sampled_from([MediationHandedBack, PetitionHandedBack]),
    result=st.sampled_from(HandBack),
    unit=ANY_UNIT,
    explanation=TEXT,
    routes=st.sampled_from([(), ("court",)]),
    exit=st.sampled_from([None, "court", "discipline-inspection", "nowhere"]),
    asks_higher=st.booleans(),
    evidence=EVIDENCE | st.just(()),
    review_offered=st.booleans(),
)


class Life(RuleBasedStateMachine):
    """R-LAD-04, R-LAD-09, R-LAD-10, R-HOT-10: one case under any sequence of submissions, duplicates,
    commands, clocks and words of procedures, those of one that the case has left included."""

    def __init__(self) -> None:
        super().__init__()
        self.oracle = Oracle()
        self.router = router(self.oracle)
        self.state = self.router.initial(CASE)
        self.at: datetime = MONDAY
        self.numbers: set[str] = set()
        self.said: list[Event] = []
        """What procedures have said so far; it may be said again."""
        self.open: dict[str, str] = {}
        """Assignments given and not ended, by id, with their unit."""

    def apply(self, given_: Input) -> list[Event]:
        decision = self.router.decide(self.state, given_, self.at)
        if isinstance(decision, Refused):
            assert decision.code
            assert decision.reason
            return []
        for event in decision:
            self.check(event)
            self.state = self.router.evolve(self.state, event)
        return list(decision)

    def check(self, event: Event) -> None:
        if isinstance(event, DepartmentEvent):
            assert not self.interested(event.unit), "R-LAD-04: a subject was told"
        if isinstance(event, DepartmentAssigned):
            assert event.assignment not in self.numbers, "an assignment number was given twice"
            self.numbers.add(event.assignment)
            self.open[event.assignment] = event.unit
        if isinstance(event, DepartmentAssignmentEnded):
            assert self.open.pop(event.assignment) == event.unit, "what was never given was ended"
        if (
            isinstance(event, r.CaseDispatched)
            and self.state.rung is not None
            and self.state.status is not None
        ):
            climbed = event.rung > self.state.rung and event.registered is None
            assert not climbed or (event.route.ground and event.route.evidence), "R-LAD-10"

    def interested(self, unit: str) -> bool:
        return any(s in J.units and J.controls(s, unit) for s in self.state.subjects)

    @initialize(given_=SUBMISSIONS)
    def submit(self, given_: Any) -> None:
        decision = self.router.decide(self.state, given_, self.at)
        assert not isinstance(decision, Refused)
        for event in decision:
            if isinstance(event, DepartmentEvent):
                assert not any(s in J.units and J.controls(s, event.unit) for s in given_.subjects)
        self.open = {e.assignment: e.unit for e in decision if isinstance(e, DepartmentAssigned)}
        self.numbers = set(self.open)
        for event in decision:
            self.state = self.router.evolve(self.state, event)
        assert decision
        assert self.router.decide(self.state, given_, self.at) == []

    @rule(data=st.data())
    def command(self, data: st.DataObject) -> None:
        self.apply(data.draw(commands(self.state.unit)))

    @precondition(lambda self: self.state.status in ON_THE_WAY)
    @rule(data=st.data())
    def on_the_way(self, data: st.DataObject) -> None:
        assert self.state.status is not None
        kind = data.draw(st.sampled_from(ON_THE_WAY[self.state.status]))
        by = OPERATOR if kind in OF_THE_CENTRE | FROM_ABOVE else SUPERVISOR
        self.apply(data.draw(command_of(kind, st.just(by))))

    @rule(withdraws=st.integers(0, 19))
    def resident(self, withdraws: int) -> None:
        self.apply(CaseSupplemented(text="补充") if withdraws else CaseWithdrawn())

    @rule(
        units=SUBJECTS,
        own=st.booleans(),
        danger=st.sampled_from([None, None, Emergency(line="119", ground="火")]),
    )
    def accuses(self, units: tuple[str, ...], own: bool, danger: Emergency | None) -> None:
        """R-HOT-14: whoever has the case, or helps, loses it at once; said again, nothing more comes of it."""
        before = self.state
        seats = [seat.unit for seat in before.seats()]
        self.oracle.blamed = (*units, *seats[:1]) if own else units
        said = CaseSupplemented(text="不作为", emergency=danger)
        self.apply(said)
        is_ladders = before.status in OPEN and before.procedure is None and not before.sealed
        if is_ladders and danger is None and (before.track not in {"M", "P"} or before.given_back):
            assert set(self.oracle.blamed) <= set(self.state.subjects)
        again = self.apply(CaseSupplemented(text="不作为"))
        assert all(isinstance(event, DepartmentReminded) for event in again)
        self.oracle.blamed = ()

    @rule(line=st.sampled_from(["110", "119"]), said_in=st.sampled_from(["supplement", "withdrawal", "note"]))
    def danger(self, line: str, said_in: str) -> None:
        found = Emergency(line=line, ground="着火了")
        if said_in == "supplement":
            self.apply(CaseSupplemented(text="着火了", emergency=found))
        elif said_in == "withdrawal":
            self.apply(CaseWithdrawn(emergency=found))
        else:
            self.apply(FeedbackGiven(contacted=True, resolved=False, satisfied=False, emergency=found))

    @rule(resolved=st.booleans())
    def feedback(self, resolved: bool) -> None:
        self.apply(FeedbackGiven(contacted=True, resolved=resolved, satisfied=resolved))

    @precondition(lambda self: self.state.status in FINAL)
    @rule(
        reason=TEXT,
        danger=st.sampled_from([None, None, Emergency(line="119", ground="着火了")]),
        accused=st.sampled_from(["nobody", "its unit", "others"]),
    )
    def reopen(self, reason: str, danger: Emergency | None, accused: str) -> None:
        """R-HOT-08: only what `CaseClosed` allowed; from then on it is one unit's again, or waits for a human."""
        allowed, before = self.state.reopen_until is not None, self.state
        blamed = {"nobody": None, "its unit": before.unit, "others": "GL020101"}[accused]
        self.oracle.blamed = (blamed,) if blamed else ()
        told = self.apply(ReopeningAsked(reason=reason, emergency=danger))
        self.oracle.blamed = ()
        assert bool(told) is allowed
        assert (self.state.status in FINAL) is not allowed
        assert self.state.reopened == before.reopened + allowed

    @rule(word=DUTIES, is_own=st.booleans())
    def duty_moved(self, word: Any, is_own: bool) -> None:
        """Most often by the procedure of the case's track, about the unit that has it."""
        if is_own and self.state.unit is not None:
            kind = PetitionDutyMoved if self.state.track == "P" else MediationDutyMoved
            word = kind(**{**dict(word), "unit": self.state.unit})
        self.hear(word)

    @rule(word=HANDED_BACK, is_own=st.booleans())
    def handed_back(self, word: Any, is_own: bool) -> None:
        if is_own:
            kind = PetitionHandedBack if self.state.procedure == "petition" else MediationHandedBack
            word = kind(**dict(word))
        self.hear(word)

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def said_again(self, data: st.DataObject) -> None:
        """Out of order, or of a procedure that is over."""
        self.hear(data.draw(st.sampled_from(self.said)))

    @rule()
    def petition_mediates(self) -> None:
        assert self.apply(PetitionSentToMediation(unit="GL01")) == [], "R-PET-16: no matter of the router's"

    def hear(self, word: Event) -> None:
        before = self.state
        self.apply(word)
        self.said.append(word)
        if before.track != ("M" if word.type.startswith("mediation") else "P"):
            assert self.state == before, "R-LAD-09: a procedure spoke of a case that is not on its track"

    @rule(late=st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=30)]))
    def next_clock(self, late: timedelta) -> None:
        timers = sorted(self.router.due(self.state), key=lambda t: t.at)
        if not timers:
            return
        first = timers[0]
        self.at = max(self.at, first.at + late)
        assert self.apply(TimerDue(first.name, first.at)), f"{first.name} passed in silence"
        assert first not in self.router.due(self.state), "R-HOT-10: a fired clock is still there"

    @rule(weeks=st.integers(1, 30))
    def downtime(self, weeks: int) -> None:
        """R-HOT-10: all clocks that ran out meanwhile are answered one after the other, to an end."""
        self.at += timedelta(weeks=weeks)
        for _ in range(20):
            due = [timer for timer in self.router.due(self.state) if timer.at <= self.at]
            if not due:
                return
            first = min(due, key=lambda timer: (timer.at, timer.name))
            assert self.apply(TimerDue(first.name, first.at)), f"{first.name} passed in silence"
        raise AssertionError("the clocks never come to rest")

    @rule(
        hours=st.integers(0, 400), name=st.sampled_from(["handle", "sign", "archive", "callback", "nonsense"])
    )
    def stray_clock(self, hours: int, name: str) -> None:
        self.at += timedelta(hours=hours)
        self.apply(TimerDue(name, self.at))

    @invariant()
    def one_unit_or_one_exit(self) -> None:
        if self.state.status is None:
            return
        assert (self.state.unit is None) != (self.state.exit is None)
        if self.state.unit is not None:
            assert self.state.unit in J.units
            assert not self.interested(self.state.unit), "R-LAD-04: the subject is responsible"

    @invariant()
    def each_unit_knows_what_it_has(self) -> None:
        if self.state.status in FINAL:
            assert self.open == {}, "R-HOT-06: an assignment outlived its case"
        else:
            assert {self.state.assignment(s.number): s.unit for s in self.state.seats()} == self.open

    @invariant()
    def no_dead_end(self) -> None:
        waits_for_procedure = self.state.procedure is not None and not self.state.terms
        if self.state.status not in {None, S.ARCHIVED} and not waits_for_procedure:
            assert self.router.due(self.state), f"{self.state.status} waits for nothing"

    @invariant()
    def a_procedure_has_the_case_or_not(self) -> None:
        if self.state.procedure is not None:
            assert self.state.status is S.HANDLING
            assert self.state.track == {"mediation": "M", "petition": "P"}[self.state.procedure]

    @invariant()
    def never_at_rest_in_passing_states(self) -> None:
        assert self.state.status not in {S.ESCALATED, S.REPLIED}

    @invariant()
    def state_survives_storage(self) -> None:
        assert self.router.load(self.router.dump(self.state)) == self.state


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


TestLife = Life.TestCase


@given(given_=SUBMISSIONS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_left_alone_every_case_is_reminded_of_or_archived(given_: Any, data: st.DataObject) -> None:
    """R-HOT-10, R-LAD-08: clocks alone, late by any time, never lose a case nor fire without effect."""
    decider = router()
    state, at = decider.initial(CASE), MONDAY
    inputs: list[Input] = [given_]
    for _ in range(25):
        for given_input in inputs:
            decision = decider.decide(state, given_input, at)
            assert not isinstance(decision, Refused)
            for event in decision:
                state = decider.evolve(state, event)
        timers = sorted(decider.due(state), key=lambda t: t.at)
        if not timers:
            break
        at = max(at, timers[0].at + timedelta(minutes=data.draw(st.integers(0, 100_000))))
        inputs = [TimerDue(timers[0].name, timers[0].at)]
    assert (
        state.status in FINAL or any(t.name.endswith("_supervise") for t in decider.due(state)) or state.unit
    )
