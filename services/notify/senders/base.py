"""What goes into a sender and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from services.notify.domain import Channel, Language
from services.notify.templates import Text

SEND_S: Final = 10.0
"""The longest that a provider may take over one message, in seconds."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one message goes: a phone number, an openid, an e-mail address or a unit's code. Never printed."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of one delivery, ready to be sent."""

    message_id: UUID
    channel: Channel
    to: Address
    language: Language
    subject: str = field(repr=False)
    text: str = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    """The template's variables in words, for providers that keep the text."""
    template: Text = field(repr=False)
    event_id: str
    case_id: UUID
    recipient: str
    name: str
    """The template's name."""
    link: str | None = field(default=None, repr=False)
    at: datetime | None = None
    """When the notice came about."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it; `reference` is its own name for the message. `delivered`: it is there already."""

    reference: str | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: the provider is busy, away or at odds with us. `reason` is a code, never a provider's words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Never by this channel: the address is wrong, blocked or gone."""

    reason: str


Outcome = Sent | Later | Undeliverable


class Sender(Protocol):
    """Hands messages of one channel to its provider."""

    disturbs: bool
    """Whether it rings at somebody's: then quiet hours hold for it, where the channel's policy has them."""

    async def send(self, message: Message) -> Outcome:
        """Hand one message over. May raise OSError, TimeoutError or the client's errors: then it is tried again."""
        ...

    async def close(self) -> None:
        """Let go of everything held."""
        ...
