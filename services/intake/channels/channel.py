"""The small shape that every channel has, so that the next one is an afternoon's work."""

from collections.abc import Mapping
from typing import Protocol

from fastapi import FastAPI

from chassis.host import Host
from services.intake.channels.reception import Reception
from services.intake.domain import IntakeState


class ChannelAdapter(Protocol):
    """One channel. Its module offers `configured(env)`: it returns this, or None where its variables are unset."""

    @property
    def body_limits(self) -> Mapping[str, int]:
        """Paths whose bodies may be larger than the usual 1 MiB, with their limits in bytes."""
        ...

    def add_to(self, app: FastAPI, host: Host[IntakeState], reception: Reception) -> None:
        """Add the channel's routes to the app, and its workers to the host (`Host.add_worker`)."""
        ...
