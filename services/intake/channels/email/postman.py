"""Reads the mailbox every so often. A mail is marked only after its commit: a crash repeats it, and it is known."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Final

from chassis.batch import describe
from chassis.database import is_passing
from chassis.http import Problem
from chassis.waiting import wait_at_most
from services.intake.channels.email.filing import Filing
from services.intake.channels.email.mailbox import LoginRefused, Mailbox, MailServerError
from services.intake.channels.email.mime import Broken, read_mail
from services.intake.channels.email.settings import EmailSettings

LONGEST_PAUSE_S: Final = 900.0
_FORGET_EVERY: Final = timedelta(days=1)
_NOT_NOW: Final = "mails wait: the database does not answer"

_log = logging.getLogger(__name__)


class Postman:
    """The worker of the channel."""

    def __init__(self, settings: EmailSettings, filing: Filing) -> None:
        self.trouble: str | None = None
        self._settings = settings
        self._filing = filing
        self._stopping = asyncio.Event()
        self._failures = 0
        self._unmoved = False
        self._forgotten_at: datetime | None = None

    def stop(self) -> None:
        """Finish the mail in hand, and let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Read the mailbox until stopped; pauses grow while the server is away."""
        while not self._stopping.is_set():
            try:
                await self.round()
                self._failures = 0
                self.trouble = "rejected mails cannot be moved out of the folder" if self._unmoved else None
            except (LoginRefused, MailServerError, OSError) as error:
                self._fail(str(error) if isinstance(error, LoginRefused) else _away(error))
            except Problem as problem:
                if problem.status_code != 503:
                    raise
                self._fail(_NOT_NOW)
            except Exception as error:
                if not is_passing(error):
                    raise
                self._fail(f"mails wait: {describe(error)}")
            await wait_at_most(self._stopping, self.pause_s)

    @property
    def pause_s(self) -> float:
        """How long to wait for the next round, in seconds."""
        longest = max(LONGEST_PAUSE_S, self._settings.interval_seconds)
        return float(min(self._settings.interval_seconds * 2 ** min(self._failures, 10), longest))

    def _fail(self, trouble: str) -> None:
        self._failures += 1
        self.trouble = trouble
        _log.warning("the mailbox is read again later", extra={"outcome": trouble, "attempt": self._failures})

    async def round(self) -> None:
        """Take in every mail that waits. Raises what says that this cannot be done now."""
        box = Mailbox(self._settings)
        await asyncio.to_thread(box.open)
        self._unmoved = False
        try:
            await self._forget()
            for uid in await asyncio.to_thread(box.waiting):
                if self._stopping.is_set():
                    return
                await self._take(box, uid)
        finally:
            await asyncio.to_thread(box.close)

    async def _take(self, box: Mailbox, uid: str) -> None:
        size = await asyncio.to_thread(box.size, uid)
        if size is None:
            return  # another process was faster
        try:
            if size > self._settings.max_bytes:
                raise Broken("it is too large")
            raw = await asyncio.to_thread(box.fetch, uid)
            if raw is None:
                return
            mail = await asyncio.to_thread(read_mail, raw, own=self._settings.own_addresses)
            if mail.automatic is None:
                await self._filing.file(mail)
            else:
                _log.info("a machine's mail was passed over", extra={"outcome": mail.automatic})
        except Broken as error:
            await self._reject(box, uid, str(error))
            return
        except Exception as error:
            if is_passing(error) or isinstance(error, Problem | MailServerError):
                raise
            _log.exception("a defect of ours kept a mail from being taken in")
            await self._reject(box, uid, type(error).__name__)
            return
        await asyncio.to_thread(box.done, uid)

    async def _forget(self) -> None:
        now = self._filing.now()
        if self._forgotten_at is None or now - self._forgotten_at >= _FORGET_EVERY:
            await self._filing.forget()
            self._forgotten_at = now

    async def _reject(self, box: Mailbox, uid: str, why: str) -> None:
        _log.warning(
            "a mail was not taken in; a person has to look at it", extra={"outcome": why, "code": uid}
        )
        try:
            await asyncio.to_thread(box.reject, uid)
        except MailServerError:
            self._unmoved = True  # it stays unread where it is; the others must not wait for it


def _away(error: Exception) -> str:
    kind = describe(error) if isinstance(error, OSError) else type(error).__name__
    return f"mails wait: the mail server does not answer ({kind})"
