"""The answers of intake's HTTP routes."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """The base of answers."""

    model_config = ConfigDict(frozen=True)


class EmergencyView(View):
    """R-LAD-05, R-HOT-13: the line to call or transfer to, and what to do now, in Chinese."""

    line: str
    advice: str


class Accepted(View):
    """The case is durable. Keep the tracking code: it opens the case to whoever holds it."""

    case_id: UUID
    tracking_code: str
    received_at: datetime
    grid: str | None = None
    """The grid in which the place lies; null: the place was not found, and only the district is known."""
    building_group: str | None = None
    """The building group 楼组 in that grid; null: only the grid is known."""
    emergency: EmergencyView | None = None
    repeat_of: UUID | None = None
    """The earlier case of the same person and matter (R-PET-18)."""


class Changed(View):
    """The case was changed; `version` is also the ETag."""

    version: int


class Heard(Changed):
    """The resident's words were taken down; with `emergency` where they report a danger."""

    emergency: EmergencyView | None = None


class TimelineEntry(View):
    """One step, in plain Chinese."""

    at: datetime
    words: str


class Tracking(View):
    """What the resident sees: status code, the same in words, and the time line, oldest first."""

    status: str
    words: str
    received_at: datetime
    reopen_until: datetime | None = None
    """Closed: before this instant it can be reopened (R-HOT-08); null: it is open, or cannot be."""
    timeline: tuple[TimelineEntry, ...]


class LinkView(View):
    """A signed link: `path` is to be put behind the public address of this service. It holds no personal data."""

    path: str
    callback: int
    """Which callback of the case it answers, counted from 1."""
    expires_at: datetime


class CallbackView(View):
    """What a signed link shows. `state`: open, it can be answered; answered; over (called, or a later one)."""

    state: str
    status: str
    words: str
    reply: str | None = None
    """What the unit replied."""
    reopen_until: datetime | None = None
    reopening: bool = False
    advice: str | None = None
    """What to do at once, where the words just sent report a danger (R-LAD-05)."""


class CaseView(Tracking):
    """The same for staff, with the unit of the place."""

    case_id: UUID
    unit: str


class PersonView(View):
    """Personal data of a case: the reporter, and the words that are masked elsewhere."""

    name: str | None = None
    phone: str | None = None
    id_number: str | None = None
    title: str | None = None
    text: str | None = None
    address: str | None = None
    supplements: tuple[str, ...] = ()
