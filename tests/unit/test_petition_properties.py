"""Whatever happens, in whatever order: one responsible unit or an end, no dead end, no broken time limit."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.decider import Input, Refused, TimerDue
from schemas import petition as p
from schemas import router as r
from schemas.mediation import MediationHandedBack
from schemas.message import Event
from schemas.petition import PetitionStatus as S
from schemas.procedure import HandBack
from services.petition.api.action import Action
from services.petition.api.actions import ACTIONS
from services.petition.domain.machine import MOVES
from services.petition.domain.petition import OVER
from tests.petition_kit import (
    BRANCH,
    BUREAU,
    CASE,
    DISTRICT,
    LAND,
    MONDAY,
    OFFICE,
    actor,
    decider,
    dispatched,
    opinion,
    registration,
    sealed,
)

UNITS = [OFFICE, BRANCH, BUREAU, LAND, DISTRICT, "GL01", "GL0101", "GL-WATER", "GL-DISCIPLINE"]
UNIT = st.sampled_from(UNITS)
NAMED = st.sampled_from(["", "", BRANCH, LAND, "GL01", "GL-WOMEN"])
SHARES = st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0, 1.5, 4.0])
"""Of the time until the next clock ends: how long nothing happens."""
LEGAL_LIMIT = {"opinion": timedelta(days=60 + 30 + 20), "review": timedelta(days=30 + 20)}
"""XF34, XF35 and at most so many days off behind the last day, twice where the time was extended."""


class Petitions(RuleBasedStateMachine):
    """One petition under inputs in any order, from anybody, repeated and late."""

    def __init__(self) -> None:
        super().__init__()
        self.by = decider()
        self.state = self.by.initial(CASE)
        self.at = MONDAY
        self.events: list[Event] = []
        self.last_input: Input = dispatched()
        self.duty: p.PetitionDutyMoved | None = None

    @initialize(unit=st.sampled_from([OFFICE, BRANCH, LAND, "GL01"]), subject=NAMED)
    def arrive(self, unit: str, subject: str) -> None:
        self.give(dispatched(unit, subjects=[subject] if subject else []))

    def give(self, given: Input) -> None:
        self.last_input = given
        before = self.state
        decision = self.by.decide(before, given, self.at)
        if isinstance(decision, Refused):
            assert len(decision.code) > 2
            assert len(decision.reason) > 10
            return
        for event in decision:
            self.state = self.by.evolve(self.state, event)
            self.duty = event if isinstance(event, p.PetitionDutyMoved) else self.duty
        self.events += decision
        if decision and not isinstance(given, TimerDue):
            assert self.state.status in MOVES[type(given)][before.status], (before.status, given)
        handed = [event for event in decision if isinstance(event, p.PetitionHandedBack)]
        assert len(handed) <= 1
        if handed:
            assert before.is_open or isinstance(given, r.CaseDispatched)
            assert self.state.status in OVER

    @rule(
        action=st.sampled_from(ACTIONS), unit=UNIT, role=st.sampled_from(["petition_officer", "supervisor"])
    )
    def command(self, action: Action, unit: str, role: str) -> None:
        self.give(action.sample(actor(unit, role)))

    @rule(action=st.sampled_from(ACTIONS))
    def command_of_the_responsible(self, action: Action) -> None:
        who = actor(self.state.unit or OFFICE, "supervisor", f"at-{self.state.level}")
        self.give(action.sample(who))

    @rule(subject=NAMED, final=st.booleans(), new=st.booleans())
    def register(self, subject: str, final: bool, new: bool) -> None:
        earlier = p.EarlierPetition(status=S.FINAL, terminated=True) if final else None
        self.give(
            registration(
                self.state.unit or OFFICE,
                subjects=[subject] if subject else [],
                same_as=CASE if final else None,
                earlier=earlier,
                new_facts=new,
            )
        )

    @rule(unit=UNIT, simple=st.booleans())
    def forward(self, unit: str, simple: bool) -> None:
        who = actor(self.state.unit or OFFICE)
        self.give(p.ForwardPetition(actor=who, unit=unit, reason="属其职责", simple=simple))

    @rule(outcome=st.sampled_from(list(p.PetitionOutcome)))
    def decide_the_matter(self, outcome: p.PetitionOutcome) -> None:
        unit = self.state.unit or OFFICE
        self.give(p.AcceptPetition(actor=actor(unit)))
        self.give(p.InvestigatePetition(actor=actor(unit)))
        self.give(opinion(outcome, unit))

    @rule(outcome=st.sampled_from(list(p.PetitionOutcome)), confirms=st.booleans())
    def review(self, outcome: p.PetitionOutcome, confirms: bool) -> None:
        self.give(p.RequestReview(actor=actor(OFFICE)))
        who = actor(self.state.unit or OFFICE, subject=f"reviewer-{self.state.level}")
        basis = ("法第一条",)
        given = p.IssueReviewOpinion(
            actor=who, confirms=confirms, outcome=outcome, legal_basis=basis, sealed=sealed()
        )
        self.give(given)

    @rule(days=st.sampled_from([0, 1, 29]))
    def deliver(self, days: int) -> None:
        who = actor(self.state.unit or OFFICE)
        self.give(p.DeliverOpinion(actor=who, received_at=self.at - timedelta(days=days)))

    @rule(done=st.booleans())
    def execute(self, done: bool) -> None:
        who = actor(self.state.unit or OFFICE)
        self.give(p.ReportExecution(actor=who, done=done, note="办理情况"))

    @rule(subject=NAMED.filter(bool))
    def accuse(self, subject: str) -> None:
        self.give(p.NamePetitionSubjects(actor=actor(OFFICE), subjects=(subject,), reason="被反映"))

    @rule(result=st.sampled_from(list(HandBack)))
    def mediation_ends(self, result: HandBack) -> None:
        self.give(MediationHandedBack(result=result, unit=BRANCH, explanation="结束", exit="court"))

    @rule(track=st.sampled_from("PPPPSML"), subject=NAMED)
    def dispatch(self, track: str, subject: str) -> None:
        self.give(dispatched(self.state.unit or OFFICE, track, subjects=[subject] if subject else None))

    @rule(withdrawn=st.booleans())
    def leave(self, withdrawn: bool) -> None:
        self.give(r.CaseClosed(outcome=r.Outcome.WITHDRAWN) if withdrawn else r.TrackChosen(track="M"))

    @rule()
    def again(self) -> None:
        """The same input once more."""
        self.give(self.last_input)

    @rule(share=SHARES)
    def wait(self, share: float) -> None:
        """Time passes; clocks are fired late where the service was down."""
        due = sorted(timer.at for timer in self.by.due(self.state))
        self.at += (max(due[0], self.at) - self.at) * share if due else timedelta(days=1)
        for _ in range(64):
            ready = [timer for timer in self.by.due(self.state) if timer.at <= self.at]
            if not ready:
                return
            timer = min(ready, key=lambda timer: (timer.at, timer.name))
            before = self.state
            self.give(TimerDue(timer.name, timer.at))
            assert self.state != before, f"{timer.name} did not clear itself"
        raise AssertionError("clocks fire without end")

    @rule(share=SHARES)
    def sleep(self, share: float) -> None:
        """The service is down: time passes and no clock is fired."""
        due = [timer.at for timer in self.by.due(self.state)]
        if due:
            self.at += (max(min(due), self.at) - self.at) * share

    @invariant()
    def one_responsible_unit_or_an_end(self) -> None:
        if self.state.status is None:
            return
        assert self.state.is_open is (self.state.unit is not None)
        if self.state.status is S.STATUTORY_ROUTED:
            assert self.state.exit is not None
        if self.state.is_open:
            assert self.duty is not None
            main = self.state.main()
            assert (self.duty.unit, self.duty.due) == (self.state.unit, main.at if main else None)

    @invariant()
    def who_is_complained_of_has_it_not(self) -> None:
        if self.state.unit is None:
            return
        for subject in self.state.subjects:
            assert not self.by._desk.jurisdiction.controls(subject, self.state.unit)

    @invariant()
    def no_state_waits_in_silence(self) -> None:
        """Each open state but a mediation has a clock that will do something; what is over has none."""
        if self.state.is_open:
            assert self.by.due(self.state), self.state.status
        else:
            assert not self.by.due(self.state)

    @invariant()
    def no_deadline_rule_is_broken(self) -> None:
        for name, longest in LEGAL_LIMIT.items():
            term = self.state.term(name)
            if term is not None:
                assert term.at - _began(self.state.accepted_at, term, name) <= longest
        opinions = [event for event in self.events if isinstance(event, p.OpinionIssued)]
        assert all(event.level <= 2 for event in opinions)

    @invariant()
    def the_state_survives_storage(self) -> None:
        assert self.by.load(self.by.dump(self.state)) == self.state


def _began(accepted_at: datetime | None, term: r.Term, name: str) -> datetime:
    return accepted_at if name == "opinion" and accepted_at is not None else term.since


TestPetitions = Petitions.TestCase
TestPetitions.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
