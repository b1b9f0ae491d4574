"""Works on what followers sent: one message after the other, each to its end, and again where that failed."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chassis.batch import describe
from chassis.database import is_passing
from chassis.host import Host
from chassis.http import Problem
from chassis.vault import VaultError
from chassis.waiting import wait_at_most
from schemas.values import Channel
from services.intake.bodies import CaseBody, PlaceBody, ReporterBody
from services.intake.channels.reception import Message, Received, Reception, title_of
from services.intake.channels.wechat import words
from services.intake.channels.wechat.dialogue import (
    Action,
    Add,
    Reported,
    Say,
    Show,
    Submit,
    Talk,
    respond,
    run_out,
)
from services.intake.channels.wechat.messages import Said
from services.intake.channels.wechat.pictures import Sent
from services.intake.channels.wechat.storage import Book, Claim, Reply
from services.intake.domain import IntakeState
from services.intake.emergency import call_now
from services.intake.guessing import Guesses

IDLE_S: Final = 5.0
"""How long after which it looks again, without being woken: another process may have died with a claim."""
MOST_TRIES: Final = 5
FORGET_EVERY: Final = timedelta(hours=1)
PLACE_AWAITED: Final = timedelta(hours=1)
"""How long after a danger a location that its reporter sends is that of the danger (DES)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """What a message came to."""

    told: str = ""
    """What the follower is answered."""
    danger: Reported | None = None
    sent: Sent | None = None


class Town:
    """What the dialogue asks of the jurisdiction (`dialogue.Where`)."""

    def __init__(self, reception: Reception) -> None:
        self._desk = reception.desk

    def is_danger(self, text: str) -> bool:
        """Whether the words report a danger."""
        return self._desk.alarm(text) is not None

    def is_known(self, address: str) -> bool:
        """Whether the gazetteer finds a grid for the address."""
        return self._desk.knows(address)

    def is_inside(self, longitude: float, latitude: float) -> bool:
        """Whether the point lies in the jurisdiction."""
        return self._desk.around.grids.locate(longitude, latitude) is not None


class Clerk:
    """The worker of the channel; `wake` it after a message was kept."""

    def __init__(
        self, host: Host[IntakeState], reception: Reception, book: Book, dialogue: timedelta
    ) -> None:
        self.trouble: str | None = None
        self._host = host
        self._reception = reception
        self._town = Town(reception)
        self._book = book
        self._dialogue = dialogue
        self._woken = asyncio.Event()
        self._stopping = False
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._guesses = Guesses()
        self._forgotten_at: datetime | None = None

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the message in hand, and let `run` end."""
        self._stopping = True
        self._woken.set()

    def expect(self, digest: bytes) -> "asyncio.Future[None]":
        """Return what is done when the message was worked on here; to be asked for before the message is kept."""
        return self._waiting.setdefault(digest, asyncio.get_running_loop().create_future())

    def expect_no_more(self, digest: bytes) -> None:
        """Nobody waits for the message any more."""
        self._waiting.pop(digest, None)

    async def run(self) -> None:
        """Work until stopped."""
        while not self._stopping:
            self._woken.clear()
            pause = IDLE_S
            try:
                while not self._stopping and await self.step():
                    pass
                await self._forget()
                pause = await self._pause()
                self.trouble = None
            except Exception as error:
                if not is_passing(error):
                    raise
                self.trouble = f"WeChat messages wait: {describe(error)}"
                _log.warning("the work on messages was put off: %s", describe(error))
            if not self._stopping:
                await wait_at_most(self._woken, pause)

    async def step(self) -> bool:
        """Work on one message, or end one talk whose time is over; False where there is nothing to do."""
        now = self._host.clock()
        try:
            found = await self._book.claim(now)
            if found is not None:
                await self._work(*found)
                return True
            over = await self._book.run_out(now)
            if over is not None:
                await self._end(*over)
            return over is not None
        except VaultError:
            _log.exception("a message cannot be read; it is tried again when its claim is over")
            return True

    async def _pause(self) -> float:
        due = await self._book.next_due()
        if due is None:
            return IDLE_S
        return min(IDLE_S, max(0.05, (due - self._host.clock()).total_seconds()))

    async def _work(self, claim: Claim, said: Said) -> None:
        now = self._host.clock()
        before = await self._book.talk_of(claim.sender, now)
        half_told, code = before.at(now) if before is not None else (None, None)
        danger = before.danger if before is not None and code is not None else None
        try:
            talk, action = respond(half_told, said, self._town, code)
            done = await self._do(said.openid, said.message_id, action)
            talk = _remembering(talk, done.danger or danger, said)
        except Exception as error:
            if is_passing(error) or _comes_back(error):
                await self._book.put_off(claim, now + timedelta(seconds=2 ** min(claim.tries, 6)))
                return
            if claim.tries < MOST_TRIES:
                _log.exception(
                    "a message could not be worked on; it is tried again", extra={"attempt": claim.tries}
                )
                await self._book.put_off(claim, now + timedelta(seconds=2**claim.tries))
                return
            _log.exception("a message was given up, and its sender told", extra={"attempt": claim.tries})
            talk, done = before, Done(words.FAILED)
        if await self._book.settle(
            claim, talk, now + self._dialogue, Reply(openid=said.openid, words=done.told), now, done.sent
        ):
            self._tell(claim.digest)

    def _tell(self, digest: bytes) -> None:
        waiting = self._waiting.pop(digest, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _end(self, sender: bytes, until: datetime, talk: Talk) -> None:
        action = run_out(talk)
        reply = sent = None
        if action is not None:
            try:
                received = await self._submit(action.talk)
            except Problem:
                _log.exception("a matter half told could not be taken in; it is tried again in a minute")
                return
            reply = Reply(openid=talk.openid, words=words.registered(received, after_waiting=True))
            sent = Sent(received.case_id, talk.pictures)
        await self._book.end(sender, until, talk, reply, self._host.clock(), sent)

    async def _do(self, openid: str, message_id: str, action: Action) -> Done:
        """Do what the dialogue came to. Raises Problem."""
        message = _message(openid, message_id)
        match action:
            case None:
                return Done()
            case Say():
                return Done(action.words)
            case Submit():
                if action.also is not None:
                    await self._add(message, action.also)
                return await self._take_in(action.talk)
            case Add():
                return await self._add(message, action)
            case Show():
                return Done(await self._show(message, action.code))

    async def _take_in(self, talk: Talk) -> Done:
        received = await self._submit(talk)
        told = words.registered(received, after_waiting=False)
        sent = Sent(received.case_id, talk.pictures)
        if received.danger is None or talk.point is not None:
            return Done(told, sent=sent)
        until = self._host.clock() + PLACE_AWAITED
        return Done(told, Reported(code=received.tracking_code, until=until), sent)

    async def _submit(self, talk: Talk) -> Received:
        text = "\n".join(talk.words)
        place = PlaceBody(
            longitude=talk.point[0] if talk.point else None,
            latitude=talk.point[1] if talk.point else None,
            address=talk.address,
        )
        body = CaseBody(
            title=title_of(text),
            text=text,
            place=place,
            reporter=ReporterBody(wechat=talk.openid),
        )
        return await self._reception.take_in(_message(talk.openid, talk.first_id), body)

    async def _add(self, message: Message, action: Add) -> Done:
        danger = self._reception.desk.alarm(action.text)
        code = action.code or await self._reception.latest(message)
        if code is None:
            return Done(words.joined([call_now(danger) if danger else None, words.NO_CASE]))
        try:
            advice = await self._reception.add(message, code, action.text)
        except Problem as problem:
            if problem.status_code != 409:
                raise
            return Done(words.joined([call_now(danger) if danger else None, words.ENDED]))
        told = words.joined([advice, words.ADDED if action.code is None else words.PLACED])
        return Done(told, sent=Sent(await self._reception.case_of(code), action.pictures))

    async def _show(self, message: Message, code: str | None) -> str:
        """R-PET-13. Whoever guesses codes is told to stop."""
        asked = code or await self._reception.latest(message)
        if asked is None:
            return words.NO_CASE
        try:
            return words.progress(asked, await self._reception.look_up(asked))
        except Problem as problem:
            if problem.status_code != 404:
                raise
        try:
            self._guesses.wrong(message.sender)
        except Problem:
            return words.TOO_MANY_CODES
        return words.NO_SUCH_CODE

    async def _forget(self) -> None:
        now = self._host.clock()
        if self._forgotten_at is None or now - self._forgotten_at >= FORGET_EVERY:
            await self._book.forget(now)
            self._forgotten_at = now


def _remembering(talk: Talk | None, danger: Reported | None, said: Said) -> Talk | None:
    """What is half told, with the danger whose place may still come."""
    if danger is None:
        return talk
    own = talk or Talk(openid=said.openid, first_id=said.message_id)
    return own.model_copy(update={"danger": danger})


def _comes_back(error: Exception) -> bool:
    return isinstance(error, Problem) and error.status_code == 503


def _message(openid: str, message_id: str) -> Message:
    return Message(Channel.WECHAT, message_id, openid)
