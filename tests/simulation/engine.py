"""Services as pure deciders under one virtual clock: stream, timers, commands, outages. No database, no waiting.

The stream is as the real one: each service appends in the order of its commits; every reader gets all of it in that
order, at least once, later when it was down. What a reader has seen it passes over. Timers of a service that was
down fire when it is up again.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from chassis.decider import Decider, Input, Refused, TimerDue
from schemas.message import Command, Event

_BATCH: Final = 40
_LAG_S: Final = 3.0
"""The longest that an event of the stream waits for a reader that is up."""
_AGAIN: Final = 0.02
"""How often a reader gets records again that it had before (a crash before the acknowledgement)."""
_MAX_FIRINGS: Final = 64


class Record(NamedTuple):
    """An event in the log of its service."""

    at: datetime
    source: str
    case_id: UUID
    sequence: int
    event: Event


class Watch(Protocol):
    """Looks on, and raises where something that must always hold does not."""

    def changed(self, record: Record, before: Any, after: Any) -> None:
        """An event took effect on the state of its service's case."""
        ...

    def decided(self, service: str, case_id: UUID, given: Input, before: Any, after: Any) -> None:
        """All events of a decision took effect."""
        ...


@dataclass(slots=True)
class Case:
    """A service's aggregate of one case, as the chassis keeps it."""

    state: Any
    version: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    changed_at: datetime | None = None
    refused: int = 0
    """How many commands in a row it has refused."""


class Service:
    """A decider with its cases, its inbox of the stream, and the times at which it is down."""

    def __init__(self, decider: Decider[Any], outages: Sequence[tuple[datetime, datetime]]) -> None:
        self.decider, self.outages = decider, outages
        self.cases: dict[UUID, Case] = {}
        self.inbox: deque[Record] = deque()
        self.is_reading = False

    def case(self, case_id: UUID) -> Case:
        """The case, from its initial state where it is new."""
        found = self.cases.get(case_id)
        if found is None:
            found = self.cases[case_id] = Case(self.decider.initial(case_id))
        return found

    def up_from(self, at: datetime) -> datetime:
        """The first moment from `at` on at which the service runs."""
        return next((end for begin, end in self.outages if begin <= at < end), at)


class World:
    """All services, and the agenda of what happens next."""

    def __init__(self, services: Mapping[str, Service], start: datetime, rng: Random, watch: Watch) -> None:
        self.services, self.now = services, start
        self.log: list[Record] = []
        self.timers_fired, self.duplicates, self.most_late = 0, 0, timedelta()
        self.on_change: Callable[[str, UUID], None] = lambda _service, _case_id: None
        self._rng, self._watch = rng, watch
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()

    def plan(self, at: datetime, act: Callable[[], None]) -> None:
        """Do something at an instant; of two at the same, what was planned first."""
        heapq.heappush(self._agenda, (max(at, self.now), next(self._order), act))

    def run(self, until: datetime) -> None:
        """Let time pass. Raises AssertionError as soon as something does not hold."""
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, act = heapq.heappop(self._agenda)
            act()
        self.now = until

    def settle(self) -> None:
        """The end: every service is up, reads what is left and answers what is due; nobody does anything more."""
        for service in self.services.values():
            service.outages = ()
        waits = True
        while waits:
            for name, service in self.services.items():
                for case_id, case in list(service.cases.items()):
                    self._fire(name, case_id, case.version)
                while service.inbox:
                    self._read(name)
            waits = any(service.inbox for service in self.services.values())

    def command(self, name: str, case_id: UUID, command: Command) -> Refused | None:
        """Send a command to a service that is up; its refusal changes nothing."""
        case = self.services[name].case(case_id)
        decision = self.services[name].decider.decide(case.state, command, self.now)
        if isinstance(decision, Refused):
            case.refused += 1
            return decision
        case.refused = 0
        self._apply(name, case_id, command, decision)
        return None

    def _apply(self, name: str, case_id: UUID, given: Input, events: Sequence[Event]) -> None:
        service = self.services[name]
        case = service.case(case_id)
        first = case.state
        for event in events:
            before, case.version, case.changed_at = case.state, case.version + 1, self.now
            case.state = service.decider.evolve(before, event)
            record = Record(self.now, name, case_id, case.version, event)
            self.log.append(record)
            self._publish(record)
            self._watch.changed(record, before, case.state)
        if events:
            self._watch.decided(name, case_id, given, first, case.state)
            self._set_timer(name, case_id)
            self.on_change(name, case_id)

    def _publish(self, record: Record) -> None:
        for name, service in self.services.items():
            if record.event.type in service.decider.consumes:
                service.inbox.append(record)
                self._read_soon(name)

    def _read_soon(self, name: str) -> None:
        service = self.services[name]
        if not service.is_reading:
            service.is_reading = True
            lag = timedelta(seconds=self._rng.uniform(0, _LAG_S))
            self.plan(service.up_from(self.now + lag), lambda: self._read(name))

    def _read(self, name: str) -> None:
        service = self.services[name]
        batch = [service.inbox.popleft() for _ in range(min(_BATCH, len(service.inbox)))]
        if batch and self._rng.random() < _AGAIN:
            batch += batch
        for record in batch:
            self._consume(name, record)
        service.is_reading = False
        if service.inbox:
            self._read_soon(name)

    def _consume(self, name: str, record: Record) -> None:
        service = self.services[name]
        case = service.case(record.case_id)
        if record.sequence <= case.seen.get(record.source, 0):
            self.duplicates += 1
            return
        case.seen[record.source] = record.sequence
        decision = service.decider.decide(case.state, record.event, self.now)
        if isinstance(decision, Refused):
            what = f"{name} would park {record.event.type} of {record.case_id}"
            raise AssertionError(f"{what}: {decision.code} {decision.reason}")
        self._apply(name, record.case_id, record.event, decision)

    def _set_timer(self, name: str, case_id: UUID) -> None:
        service = self.services[name]
        case = service.case(case_id)
        due = min((timer.at for timer in service.decider.due(case.state)), default=None)
        if due is not None:
            version = case.version
            at = service.up_from(max(due, self.now))
            self.plan(at, lambda: self._fire(name, case_id, version))

    def _fire(self, name: str, case_id: UUID, version: int) -> None:
        """Fire what is due in order, as the chassis does; a later change of the case has set a timer of its own."""
        service = self.services[name]
        case = service.case(case_id)
        if case.version != version:
            return
        for _ in range(_MAX_FIRINGS):
            due = [timer for timer in service.decider.due(case.state) if timer.at <= self.now]
            if not due:
                return
            timer = min(due, key=lambda timer: (timer.at, timer.name))
            given = TimerDue(timer.name, timer.at)
            decision = service.decider.decide(case.state, given, self.now)
            if isinstance(decision, Refused) or not decision:
                raise AssertionError(f"{name}: the timer {timer.name} of {case_id} passed in silence")
            self.timers_fired += 1
            known = max(timer.at, case.changed_at or timer.at)
            self.most_late = max(self.most_late, self.now - known)
            self._apply(name, case_id, given, decision)
        raise AssertionError(f"{name}: the timers of {case_id} never come to rest")
