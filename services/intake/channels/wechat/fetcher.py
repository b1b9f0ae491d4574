"""Fetches the pictures that followers sent from the platform, and puts them into their cases (R-PRIV-01)."""

import logging
from datetime import timedelta
from typing import Final

from chassis.database import is_passing
from chassis.host import Host
from chassis.http import Problem
from schemas.values import Channel
from services.intake.attachments.storage import MOST_BYTES
from services.intake.channels.reception import Message, Reception
from services.intake.channels.wechat import words
from services.intake.channels.wechat.api import Unsent, WechatApi
from services.intake.channels.wechat.asking import Asking, pause_after
from services.intake.channels.wechat.pictures import Picture, Pictures
from services.intake.domain import IntakeState

CLAIM: Final = timedelta(minutes=3)
"""Longer than fetching one and writing it down can take."""
KEPT: Final = timedelta(days=3)
"""How long the platform keeps a picture."""

_log = logging.getLogger(__name__)


class Fetcher(Asking):
    """The third worker of the channel: tries again with growing pauses while the platform keeps the picture.

    A picture that cannot be had, is too large or is none is said in the case in words.
    """

    def __init__(
        self, host: Host[IntakeState], reception: Reception, pictures: Pictures, api: WechatApi
    ) -> None:
        super().__init__(host, api, "pictures")
        self._reception = reception
        self._pictures = pictures

    async def step(self) -> bool:
        """Fetch one picture; False where none waits."""
        now = self._host.clock()
        picture = await self._pictures.claim(now, now + CLAIM)
        if picture is None:
            return False
        try:
            content = await self._api.media(picture.media_id, MOST_BYTES)
            failed = await self._reception.attach(_message(picture), self._code(picture), [content])
        except (Unsent, Problem) as error:
            await self._put_off(picture, error)
            return True
        except Exception as error:
            if is_passing(error):
                raise
            _log.exception("a defect of ours kept a picture from its case")
            await self._put_off(picture, error)
            return True
        self.trouble = None
        await self._settle(picture, lost=bool(failed))
        return True

    async def _put_off(self, picture: Picture, error: Exception) -> None:
        now = self._host.clock()
        pause = pause_after(picture.tries)
        hopeless = isinstance(error, Unsent) and error.hopeless
        if hopeless or now + pause > picture.received_at + KEPT:
            await self._settle(picture, lost=True)
            return
        self.trouble = f"WeChat pictures wait: {type(error).__name__}"
        if isinstance(error, Unsent):
            self.trouble = f"WeChat pictures wait: {error}"
        _log.warning("a picture is fetched again later", extra={"attempt": picture.tries})
        await self._pictures.put_off(picture, now + pause)

    async def _settle(self, picture: Picture, *, lost: bool) -> None:
        if lost:
            _log.warning("a picture could not be had, and its case says so")
            text = words.LOST_PICTURE.format(picture.media_id)
            try:
                await self._reception.add(_message(picture, "loss of "), self._code(picture), text)
            except Problem as problem:
                if problem.status_code >= 500:
                    return  # again when the claim is over
        await self._pictures.done(picture)

    def _code(self, picture: Picture) -> str:
        return self._reception.desk.codes.of(picture.case_id)


def _message(picture: Picture, about: str = "") -> Message:
    """The follower is known by the digest of their openid, which is enough to know a repetition by."""
    return Message(Channel.WECHAT, f"{about}picture {picture.entry}", picture.sender.hex())
