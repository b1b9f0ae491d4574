"""Brings followers the answers that could not be given within the platform's own request."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from chassis.batch import describe
from chassis.database import is_passing
from chassis.host import Host
from chassis.vault import VaultError
from chassis.waiting import wait_at_most
from services.intake.channels.wechat.api import Unsent, WechatApi
from services.intake.channels.wechat.storage import KEEP, Book, Claim, Reply
from services.intake.domain import IntakeState

LOOK_EVERY_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 900

_log = logging.getLogger(__name__)


class Courier:
    """The second worker of the channel: sends, and tries again with growing pauses for two days."""

    def __init__(self, host: Host[IntakeState], book: Book, api: WechatApi) -> None:
        self.trouble: str | None = None
        self._host = host
        self._book = book
        self._api = api
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish the message in hand, and let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Send until stopped."""
        try:
            while not self._stopping.is_set():
                try:
                    while not self._stopping.is_set() and await self.step():
                        pass
                except Exception as error:
                    if not is_passing(error):
                        raise
                    _log.warning("answers wait: %s", describe(error))
                await wait_at_most(self._stopping, LOOK_EVERY_S)
        finally:
            await self._api.close()

    async def step(self) -> bool:
        """Send one answer; False where none waits."""
        try:
            found = await self._book.claim_answer(self._host.clock())
            if found is not None:
                await self._send(*found)
            return found is not None
        except VaultError:
            _log.exception("an answer cannot be read; it is tried again when its claim is over")
            return True

    async def _send(self, claim: Claim, reply: Reply) -> None:
        try:
            await self._api.say(reply.openid, reply.words)
        except Unsent as error:
            await self._put_off(claim, error)
            return
        self.trouble = None
        await self._book.answered(claim, self._host.clock())

    async def _put_off(self, claim: Claim, error: Unsent) -> None:
        """Try again later, or give up: the follower finds the same by asking for the progress."""
        now = self._host.clock()
        pause = timedelta(seconds=min(2**claim.tries, _LONGEST_PAUSE_S))
        if error.hopeless or now + pause > claim.received_at + KEEP:
            _log.warning("an answer could not be brought and was given up", extra={"code": error.code})
            await self._book.answered(claim, now)
            return
        self.trouble = f"answers to WeChat followers wait: {error}"
        _log.warning("an answer is sent again later", extra={"code": error.code, "attempt": claim.tries})
        await self._book.put_off(claim, now + pause)
