"""Brings followers the answers that could not be given within the platform's own request."""

import logging

from chassis.host import Host
from chassis.vault import VaultError
from services.intake.channels.wechat.api import Unsent, WechatApi
from services.intake.channels.wechat.asking import Asking, pause_after
from services.intake.channels.wechat.storage import KEEP, Book, Claim, Reply
from services.intake.domain import IntakeState

_log = logging.getLogger(__name__)


class Courier(Asking):
    """The second worker of the channel: sends, and tries again with growing pauses for two days."""

    def __init__(self, host: Host[IntakeState], book: Book, api: WechatApi) -> None:
        super().__init__(host, api, "answers")
        self._book = book

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
        pause = pause_after(claim.tries)
        if error.hopeless or now + pause > claim.received_at + KEEP:
            _log.warning("an answer could not be brought and was given up", extra={"code": error.code})
            await self._book.answered(claim, now)
            return
        self.trouble = f"answers to WeChat followers wait: {error}"
        _log.warning("an answer is sent again later", extra={"code": error.code, "attempt": claim.tries})
        await self._book.put_off(claim, now + pause)
