"""What the tests of petition share: the reference jurisdiction, and a petition played step by step."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from chassis.calendar import WorkingCalendar
from chassis.decider import Input, Refused, TimerDue
from reference.load import load
from schemas import petition as p
from schemas.department import HandlingMode
from schemas.jurisdiction import Jurisdiction
from schemas.message import Actor, Event
from schemas.router import CaseDispatched, Route
from schemas.values import Channel, Sealed
from services.petition.domain import Petition, PetitionDecider
from services.petition.settings import load_offices

ROOT = Path(__file__).parents[1] / "reference" / "gulou"
CASE = UUID(int=7)
MONDAY = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai, far from holidays."""
OFFICE, BUREAU, BRANCH, DISTRICT, LAND = "GL-PETITION", "GL-POLICE", "GL-TRAFFIC-POLICE", "GL", "GL-LAND"
"""The petition office; a unit with two units above it, so that all three levels lie in the district; another."""

E = TypeVar("E", bound=Event)


@cache
def gulou() -> Jurisdiction:
    return load(ROOT)


@cache
def decider() -> PetitionDecider:
    return decider_for(gulou())


def decider_for(jurisdiction: Jurisdiction) -> PetitionDecider:
    return PetitionDecider(jurisdiction, load_offices(ROOT, gulou()), WorkingCalendar(jurisdiction.calendar))


def actor(unit: str, role: str = "petition_officer", subject: str | None = None) -> Actor:
    return Actor(subject=subject or f"officer-{unit}", role=role, unit=unit)


def dispatched(unit: str = OFFICE, track: str = "P", **more: Any) -> CaseDispatched:
    """The router's dispatch."""
    given: dict[str, Any] = {
        "route": Route(policy="p", jurisdiction="j"),
        "unit": unit,
        "number": 1,
        "rung": 4,
        "mode": HandlingMode.TRANSFER,
        "matter": "land.compensation",
        "track": track,
        "urgency": 4,
    }
    return CaseDispatched.model_validate(given | more)


def sealed() -> Sealed:
    return Sealed(record_id=UUID(int=9), key_id="k", wrapped_key=b"w", ciphertext=b"c")


@dataclass
class Play:
    """One petition, moved on by inputs; each step keeps what a decision must always keep."""

    by: PetitionDecider = field(default_factory=decider)
    at: datetime = MONDAY
    state: Petition = field(default_factory=lambda: decider().initial(CASE))
    events: list[Event] = field(default_factory=list)

    def give(self, given: Input) -> list[Event]:
        """What followed; AssertionError where it was refused."""
        decision = self.by.decide(self.state, given, self.at)
        assert not isinstance(decision, Refused), decision
        for event in decision:
            self.state = self.by.evolve(self.state, event)
        self.events += decision
        assert self.by.load(self.by.dump(self.state)) == self.state
        return list(decision)

    def refuse(self, given: Input) -> str:
        """The code of the refusal."""
        decision = self.by.decide(self.state, given, self.at)
        assert isinstance(decision, Refused), decision
        assert len(decision.reason) > 10
        return decision.code

    def pass_time(self, until: datetime) -> list[Event]:
        """Let the clocks run out in their order, each at its own moment."""
        told: list[Event] = []
        while due := [timer for timer in self.by.due(self.state) if timer.at <= until]:
            timer = min(due, key=lambda timer: (timer.at, timer.name))
            self.at = max(self.at, timer.at)
            fired = self.give(TimerDue(timer.name, timer.at))
            assert fired, timer
            told += fired
        self.at = max(self.at, until)
        return told

    def wait(self, **time: float) -> list[Event]:
        """Let some time pass."""
        return self.pass_time(self.at + timedelta(**time))

    def status(self) -> p.PetitionStatus | None:
        """The state of the machine."""
        return self.state.status

    def last(self, kind: type[E]) -> E:
        """The last event of a kind."""
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    def due(self, name: str) -> datetime:
        """When a clock ends."""
        term = self.state.term(name)
        assert term is not None, name
        return term.at


def registration(unit: str = OFFICE, **more: Any) -> p.RegisterPetition:
    given: dict[str, Any] = {
        "actor": actor(unit),
        "channel": Channel.LETTER,
        "sealed": sealed(),
        "same_person": True,
    }
    return p.RegisterPetition.model_validate(given | more)


def registered(**more: Any) -> Play:
    play = Play()
    play.give(dispatched())
    play.give(registration(**more))
    return play


def forwarded(unit: str = BRANCH, **more: Any) -> Play:
    play = registered(**more)
    play.give(p.ForwardPetition(actor=actor(OFFICE), unit=unit, reason="属其职责"))
    return play


def investigating(unit: str = BRANCH, **more: Any) -> Play:
    play = forwarded(unit, **more)
    play.give(p.AcceptPetition(actor=actor(unit)))
    play.give(p.InvestigatePetition(actor=actor(unit)))
    return play


def opinion(outcome: str = "NOT_SUPPORT", unit: str = BRANCH) -> p.IssueOpinion:
    return p.IssueOpinion(
        actor=actor(unit), outcome=p.PetitionOutcome(outcome), legal_basis=("法第一条",), sealed=sealed()
    )


def issued(outcome: str = "NOT_SUPPORT", unit: str = BRANCH) -> Play:
    play = investigating(unit)
    play.give(opinion(outcome, unit))
    return play


def delivered(outcome: str = "NOT_SUPPORT", unit: str = BRANCH) -> Play:
    play = issued(outcome, unit)
    play.give(p.DeliverOpinion(actor=actor(unit), received_at=play.at))
    return play


def review_opinion(
    play: Play, outcome: str = "NOT_SUPPORT", *, confirms: bool = True
) -> p.IssueReviewOpinion:
    unit = play.state.unit or ""
    return p.IssueReviewOpinion(
        actor=actor(unit, subject=f"reviewer-{unit}"),
        confirms=confirms,
        outcome=p.PetitionOutcome(outcome),
        legal_basis=("信访工作条例第三十五条",),
        sealed=sealed(),
    )


def reviewed() -> Play:
    """A delivered review opinion that left the first one standing."""
    play = delivered()
    play.give(p.RequestReview(actor=actor(OFFICE)))
    play.give(review_opinion(play))
    play.give(p.DeliverOpinion(actor=actor(BUREAU), received_at=play.at))
    return play
