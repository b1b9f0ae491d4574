"""From an event to the deliveries that it asks for: one for each (event, recipient, channel). Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha1
from typing import Final
from uuid import UUID

from chassis.masking import mask
from schemas.envelope import Envelope
from schemas.message import Event
from schemas.values import Reach
from services.notify.domain.notices import (
    REACHED_BY,
    RESIDENTS,
    Channel,
    Fact,
    Notice,
    Notices,
    Plain,
    Role,
    value_at,
)

_NAMESPACE: Final = UUID("6f1f4f0e-5d0c-4d5e-9a53-2b6c1a7c0e11")
_LONGEST: Final = 500
"""Characters of a fact that are kept."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Somebody who can be told of a case: the report they made, the case it is handled as, and by which ways."""

    report: UUID
    case_id: UUID
    ways: frozenset[Reach]

    @property
    def name(self) -> str:
        """The recipient's name in the queue: it tells no more than the report's number."""
        return f"report/{self.report}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery as it is to be stored. `others`: the channels to fall back on, in order."""

    message_id: UUID
    lane: str
    event_id: str
    case_id: UUID
    recipient: str
    channel: Channel
    others: tuple[Channel, ...]
    template: str
    facts: Mapping[str, Plain]
    statutory: bool
    urgent: bool
    expires_at: datetime
    traceparent: str


def message_id(event_id: str, recipient: str, channel: str) -> UUID:
    """The id under which a notice is sent, at each attempt the same: a hash of what makes it one of a kind.

    It is `uuid.uuid5` in a third of the time.
    """
    named = _NAMESPACE.bytes + f"{event_id}\n{recipient}\n{channel}".encode()
    return UUID(bytes=sha1(named, usedforsecurity=False).digest()[:16], version=5)


def lane_of(recipient: str, *, urgent: bool) -> str:
    """Within a lane the order is kept; an urgent notice does not stand behind what waits for the morning."""
    return f"{recipient}!" if urgent else recipient


class Planner:
    """Applies the table. `available`: the channels that have a sender; `endpoints`: units that have a webhook."""

    def __init__(
        self, notices: Notices, available: Collection[Channel], endpoints: Collection[str] = ()
    ) -> None:
        self._available = frozenset(available) - (set() if endpoints else {Channel.WEBHOOK})
        self._endpoints = frozenset(endpoints)
        self._expires_after = notices.expires_after
        # Without the rows that reach nobody here: a dispatch has as many for endpoints as for inboxes.
        self._rows = {
            event: tuple(row for row in rows if not self._available.isdisjoint(row.channels))
            for event, rows in notices.by_event.items()
        }

    def plan(
        self, event: Event, envelope: Envelope, reporters: Sequence[Reporter], at: datetime
    ) -> list[Planned]:
        """Return what the event makes us tell; `reporters` are those of the case and of the cases linked to it.

        Where two rows reach the same recipient by the same channel, the first counts.
        """
        found: dict[UUID, Planned] = {}
        for row in self._rows.get(envelope.type, ()):
            if row.applies(event):
                facts: dict[str, Plain] | None = None
                for recipient, channels in self._recipients(row, event, envelope.case_id, reporters):
                    facts = facts_of(row.facts, event) if facts is None else facts
                    planned = self._planned(row, envelope, recipient, channels, facts, at)
                    found.setdefault(planned.message_id, planned)
        return list(found.values())

    def _recipients(
        self, row: Notice, event: Event, case_id: UUID, reporters: Sequence[Reporter]
    ) -> Iterator[tuple[str, tuple[Channel, ...]]]:
        for role in row.to:
            if role in RESIDENTS:
                for reporter in reporters:
                    if _is(role, reporter, case_id) and (ways := self._ways(row, reporter)):
                        yield reporter.name, ways
            else:
                for unit in _units(role, event):
                    if ways := self._unit_ways(row, unit):
                        yield f"unit/{unit}", ways

    def _ways(self, row: Notice, reporter: Reporter) -> tuple[Channel, ...]:
        return tuple(
            channel
            for channel in row.channels
            if channel in self._available and REACHED_BY.get(channel) in reporter.ways
        )

    def _unit_ways(self, row: Notice, unit: str) -> tuple[Channel, ...]:
        return tuple(
            channel
            for channel in row.channels
            if channel in self._available and (channel is not Channel.WEBHOOK or unit in self._endpoints)
        )

    def _planned(
        self,
        row: Notice,
        envelope: Envelope,
        recipient: str,
        channels: tuple[Channel, ...],
        facts: Mapping[str, Plain],
        at: datetime,
    ) -> Planned:
        return Planned(
            message_id=message_id(envelope.id, recipient, channels[0]),
            lane=lane_of(recipient, urgent=row.urgent),
            event_id=envelope.id,
            case_id=envelope.case_id,
            recipient=recipient,
            channel=channels[0],
            others=channels[1:],
            template=row.template,
            facts=facts,
            statutory=row.statutory,
            urgent=row.urgent,
            expires_at=at + self._expires_after,
            traceparent=envelope.traceparent,
        )


def _is(role: Role, reporter: Reporter, case_id: UUID) -> bool:
    if role is Role.REPORTER:
        return reporter.report == case_id
    return reporter.case_id == case_id and reporter.report != case_id


def _units(role: Role, event: Event) -> tuple[str, ...]:
    found = value_at(event, role.path)
    if role in {Role.HELPERS, Role.COPIES}:
        return tuple(seat.unit for seat in found or ())
    return (found,) if found else ()


def facts_of(facts: Sequence[Fact], event: Event) -> dict[str, Plain]:
    """Return the event's values for a template, plain and with personal numbers masked (R-PRIV-01)."""
    return {fact.name: _stored(value_at(event, fact.path)) for fact in facts}


def _stored(value: object) -> Plain:
    match value:
        case None | bool() | int():
            return value
        case StrEnum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case _:
            return mask(str(value))[:_LONGEST]
