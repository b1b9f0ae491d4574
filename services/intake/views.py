"""The answers of intake's HTTP routes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
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


class FormView(View):
    """A token for one report without a log-in."""

    form_token: str
    expires_at: datetime


class PublicAccepted(View):
    """The report is durable. `advice`: what to do at once where it reports a danger, in Chinese (R-LAD-05)."""

    tracking_code: str
    advice: str | None = None


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


class AttachmentView(View):
    """A file of a case. `location_removed`: what the camera noted beside the picture was taken out."""

    attachment_id: UUID
    media_type: str
    size: int
    """In bytes, as it is stored."""
    location_removed: bool
    received_at: datetime


class ListedAttachment(AttachmentView):
    """`case_id`: the case, or a report that is linked to it, under which the file is read."""

    case_id: UUID


class AttachmentList(View):
    """The files of a case and of the reports that are linked to it, the oldest first."""

    attachments: tuple[ListedAttachment, ...]


class AttachmentsAdded(Changed):
    """The files are durable, and the case tells of them."""

    attachments: tuple[AttachmentView, ...]


class PersonView(View):
    """Personal data of a case: the reporter, and the words that are masked elsewhere."""

    name: str | None = None
    phone: str | None = None
    id_number: str | None = None
    email: str | None = None
    wechat: str | None = None
    language: str | None = None
    media_url: str | None = None
    title: str | None = None
    text: str | None = None
    address: str | None = None
    supplements: tuple[str, ...] = ()


class ContactView(View):
    """How one reporter is told of a case: only what a notice needs (R-PRIV-01). All null: nothing, or erased."""

    case_id: UUID
    report: UUID
    language: Literal["zh", "en"] = "zh"
    phone: str | None = None
    email: str | None = None
    wechat: str | None = None
    tracking_code: str | None = None
    """Of the report: opens the case to whoever holds it."""
    refs: Mapping[str, str] = {}
    """By way (`phone`, `email`, `wechat`) a keyed digest: it tells only whether two addresses are the same."""


class ContactsView(View):
    """One entry for each that was asked for, in order; null: no such report of that case, or not for you."""

    contacts: tuple[ContactView | None, ...]
