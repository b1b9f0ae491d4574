"""What the workers share that ask the platform for something, one thing after the other, until stopped."""

import asyncio
import logging
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Final

from chassis.batch import describe
from chassis.database import is_passing
from chassis.host import Host
from chassis.waiting import wait_at_most
from services.intake.channels.wechat.api import WechatApi
from services.intake.domain import IntakeState

LOOK_EVERY_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 900

_log = logging.getLogger(__name__)


class Asking(ABC):
    """A worker of the channel with a client of its own, which is closed at the end. `what`: what it works on."""

    def __init__(self, host: Host[IntakeState], api: WechatApi, what: str) -> None:
        self.trouble: str | None = None
        self._host = host
        self._api = api
        self._what = what
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what is in hand, and let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        try:
            while not self._stopping.is_set():
                try:
                    while not self._stopping.is_set() and await self.step():
                        pass
                except Exception as error:
                    if not is_passing(error):
                        raise
                    _log.warning("%s wait: %s", self._what, describe(error))
                await wait_at_most(self._stopping, LOOK_EVERY_S)
        finally:
            await self._api.close()

    @abstractmethod
    async def step(self) -> bool:
        """Do one thing; False where nothing waits."""


def pause_after(tries: int) -> timedelta:
    """Return how long to wait before the next attempt: growing with the tries that there were."""
    return timedelta(seconds=min(2**tries, _LONGEST_PAUSE_S))
