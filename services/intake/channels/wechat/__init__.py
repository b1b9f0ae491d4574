"""The WeChat official account: its message protocol, and a short dialogue that takes a matter in."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from fastapi import FastAPI

from chassis.host import Host
from services.intake.channels.reception import Reception
from services.intake.channels.wechat.api import WechatApi
from services.intake.channels.wechat.clerk import Clerk
from services.intake.channels.wechat.courier import Courier
from services.intake.channels.wechat.fetcher import Fetcher
from services.intake.channels.wechat.pictures import Pictures
from services.intake.channels.wechat.routes import MAX_BODY_BYTES, PATH, Door, add_routes
from services.intake.channels.wechat.settings import WechatSettings
from services.intake.channels.wechat.storage import Book
from services.intake.domain import IntakeState


class Wechat:
    """The channel (`channel.ChannelAdapter`)."""

    body_limits: Final[Mapping[str, int]] = {PATH: MAX_BODY_BYTES}

    def __init__(self, settings: WechatSettings) -> None:
        self._settings = settings

    def add_to(self, app: FastAPI, host: Host[IntakeState], reception: Reception) -> None:
        """Add the route that the platform calls, and the three workers."""
        book = Book(host, reception.desk.vault)
        clerk = Clerk(host, reception, book, timedelta(hours=self._settings.dialogue_hours))
        host.add_worker(clerk)
        host.add_worker(Courier(host, book, WechatApi(self._settings, host.clock)))
        host.add_worker(Fetcher(host, reception, Pictures(host), WechatApi(self._settings, host.clock)))
        add_routes(app, host, reception, Door(self._settings, host), book, clerk)


def configured(env: Mapping[str, str]) -> Wechat | None:
    """Return the channel, None where it is not set up. Raises SettingsError."""
    settings = WechatSettings.from_environment(env)
    return Wechat(settings) if settings is not None else None
