"""The ways in beside the API: each is one module with the shape that `channel.ChannelAdapter` describes."""

from collections.abc import Callable, Mapping
from typing import Final

from services.intake.channels import email, open311, web, wechat
from services.intake.channels.channel import ChannelAdapter

CHANNELS: Final[tuple[Callable[[Mapping[str, str]], ChannelAdapter | None], ...]] = (
    wechat.configured,
    email.configured,
    open311.configured,
    web.configured,
)
"""Makes each channel from the environment. A new channel is added here, and nowhere else."""


def configured(env: Mapping[str, str]) -> tuple[ChannelAdapter, ...]:
    """Return the channels whose variables are set. Raises SettingsError for one that is set up wrongly."""
    return tuple(channel for make in CHANNELS if (channel := make(env)) is not None)
