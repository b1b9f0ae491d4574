"""E-mail: a mailbox that is read by IMAP, in which each mail is a matter, or facts for the case that it answers."""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI

from chassis.host import Host
from services.intake.channels.email.filing import Filing
from services.intake.channels.email.postman import Postman
from services.intake.channels.email.settings import EmailSettings
from services.intake.channels.reception import Reception
from services.intake.domain import IntakeState


class Email:
    """The channel (`channel.ChannelAdapter`)."""

    body_limits: Final[Mapping[str, int]] = {}

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    def add_to(self, app: FastAPI, host: Host[IntakeState], reception: Reception) -> None:
        """Add the worker that reads the mailbox; nobody calls us."""
        host.add_worker(Postman(self._settings, Filing(host, reception)))


def configured(env: Mapping[str, str]) -> Email | None:
    """Return the channel, None where none of its variables is set. Raises SettingsError."""
    settings = EmailSettings.from_environment(env)
    return Email(settings) if settings is not None else None
