"""One batch of inputs through a decider: load, decide and evolve in order, save. The heart of the chassis.

The batch joins the caller's transaction. An input that the decider cannot take is set aside without harm to
the others; what only the database refuses is found by the runner's bisection.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import ValidationError

from chassis.database import Connection
from chassis.decider import Input, Refused, TimerDue
from chassis.parking import park
from chassis.service import Change, Service
from chassis.spans import BatchSpans
from chassis.store import ParkedEvent, Row, Store
from chassis.telemetry import Attribute, Telemetry, Value, sampled
from chassis.transport import StreamBatch
from schemas.envelope import Envelope
from schemas.message import Command, Event

S = TypeVar("S")

RETRY_FAILED_TIMER: Final = timedelta(minutes=5)
"""How long a case whose timer could not be fired waits for the next attempt."""
_number: Final = attrgetter("int")
"""By which UUIDs are sorted as by themselves, in a third of the time: theirs are compared in Python."""
_MAX_FIRINGS: Final = 64
"""More timers of one case at one instant than this means that firing does not clear them."""


@dataclass(frozen=True, slots=True)
class Applied(Generic[S]):
    """A command took effect, or asked for nothing that was not so already (no events)."""

    version: int
    state: S
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Stale:
    """The command expected another version of the case; nothing changed."""

    version: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The decider raised: a defect of ours. Nothing changed."""

    error: Exception


Outcome = Applied[S] | Refused | Stale | Failed


@dataclass(slots=True)
class _Case(Generic[S]):
    """A case while its batch is worked on."""

    is_stored: bool
    version: int
    seen: dict[str, int]
    state: S
    traceparent: str = ""
    """The trace of the case, empty until its first input."""
    is_parked: bool = False
    is_touched: bool = False
    retry_at: datetime | None = None


@dataclass(slots=True)
class Tally:
    """What a batch did, for metrics and logs."""

    applied: int = 0
    duplicates: int = 0
    emitted: Mapping[str, int] = field(default_factory=dict)
    """How many events were appended, by type."""
    timers: int = 0
    parked: list[ParkedEvent] = field(default_factory=list)
    failed_timers: list[tuple[UUID, str]] = field(default_factory=list)


class Batch(Generic[S]):
    """The work of one transaction. Use: `load`, then any of `consume`, `command`, `fire_timers`, then `save`."""

    def __init__(
        self, service: Service[S], store: Store, connection: Connection, at: datetime, telemetry: Telemetry
    ) -> None:
        self._service = service
        self._decider = service.decider
        self._store = store
        self._connection = connection
        self._at = at
        self._spans = BatchSpans(telemetry, service.name)
        self._cases: dict[UUID, _Case[S]] = {}
        self._changes: list[Change[S]] = []
        self._emitted: list[Envelope] = []
        self.tally = Tally()

    async def load(
        self, case_ids: Sequence[UUID], parked: Collection[UUID] = (), *, are_held: bool = False
    ) -> None:
        """Lock and read the cases; one that is not known yet starts from the decider's initial state.

        Of those in `parked`, every further event is set aside too. `are_held`, and what is raised, as Store.load.
        """
        unique = sorted(set(case_ids), key=_number)
        rows = await self._store.load(self._connection, unique, are_held=are_held)
        for case_id in unique:
            row = rows.get(case_id)
            if row is None:
                case = _Case(False, 0, {}, self._decider.initial(case_id))
            else:
                case = _Case(
                    True, row.version, orjson.loads(row.seen), self._decider.load(row.state), row.traceparent
                )
            case.is_parked = case_id in parked
            self._cases[case_id] = case

    def consume_all(self, batch: StreamBatch, origin: Mapping[Attribute, Value]) -> None:
        """Apply records of the stream in order, under one span; `origin` says in it where they come from."""
        with self._spans.receive(batch, origin):
            for number, envelope in enumerate(batch.records):
                self._consume(envelope, number)

    def _consume(self, envelope: Envelope, number: int) -> None:
        """Apply one event of the stream, skip it where it was applied before, or set it aside."""
        case = self._cases[envelope.case_id]
        if envelope.sequence <= case.seen.get(envelope.source, 0):
            self.tally.duplicates += 1
            return
        if case.is_parked:
            self.tally.parked.append(
                ParkedEvent(envelope, "an earlier event of this case is parked", behind=True)
            )
            return
        if sampled(envelope.traceparent) and not self._has_no_part(case, envelope):
            with self._spans.process(envelope, number) as span:
                reason = self._try_consume(case, envelope, span.traceparent)
        else:
            reason = self._try_consume(case, envelope, envelope.traceparent)
        if reason is not None:
            case.is_parked = True
            self.tally.parked.append(ParkedEvent(envelope, reason, behind=False))

    def _try_consume(self, case: _Case[S], envelope: Envelope, traceparent: str) -> str | None:
        """Return why the event could not be applied, or None where it was."""
        kind = self._service.catalogue.get(envelope.type)
        if kind is None:
            return f"{self._service.name} knows no event of type {envelope.type}"
        # Who may write to the stream is not yet the author of all that stands there.
        if not envelope.type.startswith(f"{envelope.source}."):
            return f"{envelope.type} is no event of {envelope.source}"
        if self._has_no_part(case, envelope):
            self.tally.applied += 1
            return None
        try:
            event = kind.model_validate_json(envelope.data)
            decision = self._decider.decide(case.state, event, self._at)
            if isinstance(decision, Refused):
                return f"refused: {decision.code}: {decision.reason}"
            self._apply(envelope.case_id, case, event, decision, traceparent, envelope)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)[:2000]
        except Exception as error:  # a defect in our own code must not stop the other cases
            return describe(error)
        case.seen[envelope.source] = envelope.sequence
        case.traceparent = case.traceparent or traceparent
        # What a case without a row answers with nothing, it would answer with nothing again: no row is needed.
        case.is_touched = case.is_touched or case.is_stored
        self.tally.applied += 1
        return None

    def _has_no_part(self, case: _Case[S], envelope: Envelope) -> bool:
        """Whether the service knows nothing of the case, and an event of this kind begins nothing here."""
        if case.is_stored or case.is_touched or self._service.may_begin is None:
            return False
        return not self._service.may_begin(envelope)

    def pass_over(self, envelope: Envelope) -> None:
        """Count an event of the stream as seen without applying it, so that it has no effect ever after."""
        case = self._cases[envelope.case_id]
        case.seen[envelope.source] = max(envelope.sequence, case.seen.get(envelope.source, 0))
        case.traceparent = case.traceparent or envelope.traceparent
        case.is_touched = True

    def command(
        self,
        case_id: UUID,
        command: Command,
        traceparent: str | None,
        expected: Collection[int] | None = None,
    ) -> Outcome[S]:
        """Decide one command; a refusal or a stale version changes nothing.

        `traceparent` is the request's, or None; the effects belong to the case's own trace and link to it.
        """
        case = self._cases[case_id]
        if expected is not None and case.version not in expected:
            return Stale(case.version)
        with self._spans.of_case(type(command).__name__, case_id, case.traceparent, traceparent) as span:
            try:
                decision = self._decider.decide(case.state, command, self._at)
                if isinstance(decision, Refused):
                    span.set("caseladder.outcome", decision.code)
                    return decision
                self._apply(case_id, case, command, decision, span.traceparent)
            except Exception as error:  # a defect in our own code must not fail the others of the commit
                return Failed(error)
        return Applied(case.version, case.state, decision)

    def fire_timers(self, case_id: UUID) -> None:
        """Fire all timers of a case that are due, in the order of their moments, each on the state it finds."""
        case = self._cases[case_id]
        try:
            for _ in range(_MAX_FIRINGS):
                due = [timer for timer in self._decider.due(case.state) if timer.at <= self._at]
                if not due:
                    case.is_touched = True  # the stored moment may be older than the state's own
                    return
                timer = min(due, key=lambda timer: (timer.at, timer.name))
                given = TimerDue(timer.name, timer.at)
                decision = self._decider.decide(case.state, given, self._at)
                if isinstance(decision, Refused) or not decision:
                    raise RuntimeError(f"firing the timer {timer.name} did not clear it")
                with self._spans.of_case(f"timer {timer.name}", case_id, case.traceparent) as span:
                    self._apply(case_id, case, given, decision, span.traceparent)
                self.tally.timers += 1
            raise RuntimeError(f"more than {_MAX_FIRINGS} timers due at once")
        except Exception as error:
            case.retry_at = self._at + RETRY_FAILED_TIMER
            case.is_touched = True
            self.tally.failed_timers.append((case_id, describe(error)))

    def _apply(
        self,
        case_id: UUID,
        case: _Case[S],
        given: Input,
        events: Sequence[Event],
        traceparent: str,
        cause: Envelope | None = None,
    ) -> None:
        """Evolve the state by the events; nothing is kept of them where evolving raises."""
        state, version = case.state, case.version
        envelopes = []
        for event in events:
            state = self._decider.evolve(state, event)
            version += 1
            envelopes.append(
                Envelope(
                    source=self._service.name,
                    case_id=case_id,
                    sequence=version,
                    type=event.type,
                    time=self._at,
                    topic=event.topic(),
                    traceparent=traceparent,
                    data=event.model_dump_json(exclude_none=True),
                )
            )
        case.state, case.version = state, version
        case.traceparent = case.traceparent or traceparent
        case.is_touched = case.is_touched or bool(events)
        self._emitted.extend(envelopes)
        given_at = cause.time if cause is not None else self._at
        self._changes.append(Change(case_id, given, state, version, events, envelopes, given_at, cause))

    def committing(self) -> AbstractContextManager[object]:
        """Span what follows, `save` and the end of the transaction; costs nothing where no case is traced."""
        return self._spans.commit(len(self._cases))

    async def save(self) -> None:
        """Write aggregates, events, parked events and the service's own tables."""
        rows = [self._row(case_id, case) for case_id, case in self._cases.items() if case.is_touched]
        if rows:
            await self._store.save(self._connection, rows)
        self.tally.emitted = Counter([envelope.type for envelope in self._emitted])
        await self._store.append(self._connection, self._emitted)
        await park(self._store, self._connection, self.tally.parked, self._at)
        if self._service.project is not None and self._changes:
            await self._service.project(self._connection, self._changes)

    def _row(self, case_id: UUID, case: _Case[S]) -> Row:
        moments = [timer.at for timer in self._decider.due(case.state)]
        next_due_at = case.retry_at or min(moments, default=None)
        return Row(
            case_id=case_id,
            is_new=not case.is_stored,
            version=case.version,
            seen=case.seen,
            state=self._decider.dump(case.state),
            next_due_at=next_due_at,
            traceparent=case.traceparent,
        )


def describe(error: BaseException) -> str:
    """Name an error by its type and the place it was raised at; its message may hold a resident's words."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}"
