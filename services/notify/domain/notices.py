"""The table of notices and its policies as values: what `notices.yaml` says once it is checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from chassis.calendar import SHANGHAI
from schemas.values import Reach

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
FactKind = Literal["text", "unit", "matter", "procedure", "day", "moment"]
Plain = str | int | bool | None
_DAY: Final = timedelta(days=1)


class Role(StrEnum):
    """Who is told, seen from an event of a case."""

    REPORTER = "reporter"
    CO_REPORTERS = "co_reporters"
    """The reporters of the cases that are linked to this one (R-PET-18, R-LEDGER-01)."""
    UNIT = "unit"
    """The unit that the event names."""
    AUTHORITY = "exit.authority"
    """That of the named exit, where it is one of our units (R-PET-06)."""
    HELPERS = "helpers"
    COPIES = "copies"

    @property
    def path(self) -> tuple[str, ...]:
        """Where the event names them, who are no residents."""
        return tuple(self.value.split("."))


RESIDENTS: Final = frozenset({Role.REPORTER, Role.CO_REPORTERS})


class Channel(StrEnum):
    """By which way somebody is told."""

    WECHAT = "wechat"
    SMS = "sms"
    EMAIL = "email"
    INBOX = "inbox"
    """A unit's own list, in this service."""
    WEBHOOK = "webhook"
    """A department's endpoint."""


CHANNELS: Final = tuple(Channel)
REACHED_BY: Final[Mapping[Channel, Reach]] = {
    Channel.WECHAT: Reach.WECHAT,
    Channel.SMS: Reach.PHONE,
    Channel.EMAIL: Reach.EMAIL,
}
"""What a resident must have left to be told by a channel; the others are for units."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A variable of a template: where it stands in the event (`exit.name`), and how it is told."""

    name: str
    path: tuple[str, ...]
    kind: FactKind


@dataclass(frozen=True, slots=True)
class Notice:
    """One row: an event tells some roles by the first channel that works. `when`: values that fields must have."""

    event: str
    to: tuple[Role, ...]
    channels: tuple[Channel, ...]
    template: str
    when: Mapping[tuple[str, ...], tuple[Plain, ...]]
    facts: tuple[Fact, ...]
    statutory: bool = False
    """The law demands it: nobody can opt out of it."""
    urgent: bool = False
    """It does not wait for the morning."""

    @property
    def fields(self) -> set[str]:
        """The event's own fields that the row reads."""
        read = (*self.when, *(fact.path for fact in self.facts), *(role.path for role in self.to))
        return {path[0] for path in read}

    def applies(self, event: object) -> bool:
        """Whether the event has the values that the row asks for."""
        return all(_plain(value_at(event, path)) in values for path, values in self.when.items())


def value_at(event: object, path: Sequence[str]) -> Any:
    """The value of a field, of a field's field …; None behind a field that is None."""
    for name in path:
        event = getattr(event, name, None)
    return event


def _plain(value: object) -> object:
    return value.value if isinstance(value, StrEnum) else value


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Clock times in Asia/Shanghai between which residents are left in peace; `start` may lie in the evening."""

    start: time
    end: time

    def until(self, at: datetime) -> datetime | None:
        """When the quiet hours in which `at` lies are over; None outside them."""
        there = at.astimezone(SHANGHAI)
        clock = there.time()
        over_midnight = self.start > self.end
        is_quiet = (
            clock >= self.start or clock < self.end if over_midnight else self.start <= clock < self.end
        )
        if not is_quiet:
            return None
        end = datetime.combine(there.date(), self.end, SHANGHAI)
        return end if end > there else end + _DAY


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a delivery that failed for now is tried again; exponential, in seconds."""

    first_s: float
    factor: float
    longest_s: float
    attempts: int

    def next(self, attempt: int, now: datetime, luck: float) -> datetime | None:
        """The next moment after the failed attempt number `attempt` (from 1); None: it was the last.

        `luck` in [0, 1) draws from the upper half of the pause, so that what failed together does not come back
        together.
        """
        if attempt >= self.attempts:
            return None
        pause = min(self.longest_s, self.first_s * self.factor ** (attempt - 1))
        return now + timedelta(seconds=pause * (0.5 + luck / 2))


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """How much a channel bears. `per_second` and `burst` hold for one process."""

    quiet: bool
    per_second: float
    burst: int
    failures: int
    """So many failures in a row open the circuit."""
    pause_s: float
    """How long it then stays open before one delivery tries it."""
    reports_an_hour: int | None = None
    """Of so many reports one address is told within an hour; what is said of others waits. None: of any number."""


@dataclass(frozen=True, slots=True)
class Notices:
    """The whole of `notices.yaml` but the texts. `by_event` keeps the order of the file."""

    by_event: Mapping[str, tuple[Notice, ...]]
    quiet_hours: QuietHours
    retry: RetryPolicy
    expires_after: timedelta
    falls_back_after: timedelta
    """How long a notice waits for a channel that does not work, where there is another one."""
    channels: Mapping[Channel, ChannelPolicy]
