"""What a service hands to the chassis: its decider, and what it writes in the same transaction."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from chassis.database import Connection
from chassis.decider import Decider, Input
from schemas.envelope import Envelope
from schemas.message import Command, Event

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """The effect of one input on one case, about to be committed."""

    case_id: UUID
    given: Input
    state: S
    """The state after the events."""
    version: int
    events: Sequence[Event]
    envelopes: Sequence[Envelope]
    """The same events as they will stand in the log, in the same order."""
    given_at: datetime
    """When `given` came about: an event's own time, else the moment of the decision."""
    cause: Envelope | None = None
    """The event of the stream that `given` is, as it came; None for a command or a timer."""


Project = Callable[[Connection, Sequence[Change[S]]], Awaitable[None]]
"""Writes a service's own tables for a batch of changes, in the transaction that commits them. Never commits."""

Enrich = Callable[[Connection, Sequence[tuple[UUID, Command]]], Awaitable[Sequence[Command]]]
"""Completes a batch of commands with what the service's own tables know, one answer for each, in order."""


MayBegin = Callable[[Envelope], bool]
"""Whether an event may begin something in a case that the service has no row of, judged by its text alone."""


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """A decider and its surroundings."""

    decider: Decider[S]
    catalogue: dict[str, type[Event]] = field(repr=False)
    """The event classes by type: all that the decider consumes."""
    project: Project[S] | None = None
    enrich: Enrich | None = None
    may_begin: MayBegin | None = None
    """Spares a service the reading of what it takes no part in. It must be true wherever the decider answers an
    event of an unknown case with any events; None takes that of all events."""
    topics: frozenset[str] = frozenset()
    """The topics on Kafka that carry events of this service, beside the stream. Others stay in the event log."""

    @property
    def name(self) -> str:
        """Return the service's name: its schema in the database and the `source` of its events."""
        return self.decider.name
