"""What the tests of the router share: the reference jurisdiction, and a case played step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from chassis.calendar import WorkingCalendar
from chassis.decider import Input, Refused, TimerDue
from reference.load import load
from schemas.intake import CaseSubmitted
from schemas.jurisdiction import Jurisdiction
from schemas.message import Actor, Event
from schemas.router import OrderStatus
from schemas.values import Channel, Emergency, Evidence, Place, PlaceSource
from services.router.domain import Router, WorkOrder
from services.router.domain.reading import Triage
from services.router.policy.loader import load_policy
from services.router.policy.model import Policy

ROOT = Path(__file__).parents[2] / "reference" / "gulou"
CASE = UUID(int=7)
MONDAY = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai, far from holidays."""
GRID, COMMUNITY, STREET, DISTRICT = "GL010101", "GL0101", "GL01", "GL"

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Hit:
    matter: str
    score: float = 1.0


@dataclass(frozen=True)
class Match:
    candidates: Sequence[Hit]
    confidence: float
    words: tuple[str, ...] = ("word",)


@dataclass
class Oracle:
    """A triage engine that says what the test wants."""

    answer: Match = field(default_factory=lambda: Match((), 0.0))
    blamed: tuple[str, ...] = ()
    danger: Emergency | None = None
    accusation: bool = False

    def match(self, title: str, text: str) -> Match:
        return self.answer

    def accused(self, title: str, text: str) -> tuple[str, ...]:
        return self.blamed

    def emergency(self, title: str, text: str, *, added: bool = False) -> Emergency | None:
        return self.danger

    def is_accusation(self, title: str, text: str) -> bool:
        return self.accusation

    def accuses_an_office(self, title: str, text: str) -> bool:
        return False


@cache
def gulou() -> Jurisdiction:
    return load(ROOT)


@cache
def policy() -> Policy:
    return load_policy(ROOT / "policy", gulou())


def router(triage: Triage | None = None, jurisdiction: Jurisdiction | None = None) -> Router:
    known = jurisdiction or gulou()
    return Router(known, policy(), triage or Oracle(), WorkingCalendar(known.calendar))


def submitted(matter: str | None = "property.leak", **more: Any) -> CaseSubmitted:
    given: dict[str, Any] = {
        "channel": Channel.HOTLINE,
        "received_at": MONDAY,
        "title": "标题",
        "text": "内容",
        "place": Place(source=PlaceSource.UNIT, grid=GRID),
        "matter": matter,
    }
    return CaseSubmitted(**{**given, **more})


def actor(unit: str | None, role: str = "handler") -> Actor:
    return Actor(subject="staff", role=role, unit=unit)


OPERATOR = actor("GL-HOTLINE", "operator")
SUPERVISOR = actor("GL", "supervisor")


def proof(*kinds: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(kind=kind, reference="doc-1") for kind in kinds)


class Played:
    """One case, driven through the pure decider."""

    def __init__(self, decider: Router | None = None, at: datetime = MONDAY) -> None:
        self.router = decider or router()
        self.state: WorkOrder = self.router.initial(CASE)
        self.at = at
        self.events: list[Event] = []

    @property
    def status(self) -> OrderStatus | None:
        return self.state.status

    @property
    def owner(self) -> Actor:
        return actor(self.state.unit)

    def give(self, given: Input) -> list[Event]:
        """Apply an input that must be accepted; returns the events it brought."""
        decision = self.router.decide(self.state, given, self.at)
        assert not isinstance(decision, Refused), decision
        self._apply(decision)
        return list(decision)

    def refused(self, given: Input) -> Refused:
        """Apply an input that must be refused."""
        decision = self.router.decide(self.state, given, self.at)
        assert isinstance(decision, Refused), decision
        return decision

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            self.state = self.router.evolve(self.state, event)
        self.events.extend(events)
        assert self.router.load(self.router.dump(self.state)) == self.state

    def wait(self, name: str) -> list[Event]:
        """Let time pass until the clock `name` runs out, and fire it."""
        timer = next(t for t in self.router.due(self.state) if t.name == name)
        self.at = max(self.at, timer.at)
        return self.give(TimerDue(name, timer.at))

    def later(self, **delta: float) -> None:
        self.at += timedelta(**delta)

    def last(self, kind: type[E]) -> E:
        """The latest event of a kind."""
        return next(e for e in reversed(self.events) if isinstance(e, kind))

    def all(self, kind: type[E]) -> list[E]:
        return [e for e in self.events if isinstance(e, kind)]


def open_case(matter: str = "property.leak", **more: Any) -> Played:
    case = Played()
    case.give(submitted(matter, **more))
    return case
