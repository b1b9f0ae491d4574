"""The web: one plain page on which residents report, follow and add to a matter, on a phone, without a log-in."""

from collections.abc import Mapping

from services.intake.channels.channel import ChannelAdapter
from services.intake.channels.web.server import Web


def configured(_env: Mapping[str, str]) -> ChannelAdapter | None:
    """Return the channel: it needs no variable, and every intake has it."""
    return Web()
