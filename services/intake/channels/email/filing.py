"""What becomes of a mail: a case, facts for the case that it answers about, or nothing where a machine sent it."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from chassis.host import Host
from chassis.http import Problem
from schemas.values import Channel
from services.intake.attachments.kinds import is_taken
from services.intake.attachments.storage import MOST_FILES
from services.intake.bodies import CaseBody, PlaceBody, ReporterBody
from services.intake.channels.email.mime import Attached, Broken, Mail
from services.intake.channels.reception import Message, Reception, title_of
from services.intake.domain import IntakeState

KEEP: Final = timedelta(days=365)
"""How long a mail is known again."""
_CODE: Final = re.compile(
    r"(?<![0-9A-Z])[0-9A-Z]{4}[ -]?[0-9A-Z]{4}[ -]?[0-9A-Z]{4}(?![0-9A-Z])", re.IGNORECASE
)
_MOST_CODES: Final = 10
_LONGEST: Final = 19_000
_CUT: Final = "\n（来信过长，其余见邮箱中的原件）"
_MOST_LISTED: Final = 20
_MOST_LINES: Final = 200
_TAKEN: Final = "INSERT INTO intake.email_taken (digest, taken_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"


class Filing:
    """Files mails, each once."""

    def __init__(self, host: Host[IntakeState], reception: Reception) -> None:
        self._host = host
        self._reception = reception

    async def file(self, mail: Mail) -> None:
        """Make of a mail what it is, durably, unless that was done before.

        Raises Broken for what does not fit, and Problem 503 while there is no database.
        """
        message = Message(Channel.EMAIL, mail.message_id, mail.sender)
        digest = self._digest(message)
        if await self._host.pool.fetchval("SELECT true FROM intake.email_taken WHERE digest = $1", digest):
            return
        try:
            await self._take_in(message, mail)
        except Problem as problem:
            if problem.status_code >= 500:
                raise
            if problem.code != "idempotency_key_reused":  # it became something else before a crash
                raise Broken(f"it does not fit ({problem.code})") from None
        except ValidationError:
            raise Broken("the sender's address is none that can be answered") from None
        await self._host.pool.execute(_TAKEN, digest, self._host.clock())

    def now(self) -> datetime:
        """Return the current instant of the service."""
        return self._host.clock()

    async def forget(self) -> None:
        """Delete what is known of mails that nobody will see again."""
        await self._host.pool.execute(
            "DELETE FROM intake.email_taken WHERE taken_at < $1", self._host.clock() - KEEP
        )

    async def _take_in(self, message: Message, mail: Mail) -> None:
        files = [file for file in mail.attachments if is_taken(file.content)][:MOST_FILES]
        text = _text(mail, [file for file in mail.attachments if file not in files])
        if not text:
            raise Broken("it says nothing")
        code = await self._add(message, mail, text) or await self._submit(message, mail, text)
        failed = await self._reception.attach(message, code, [file.content for file in files])
        if failed:
            told = replace(message, message_id=f"what was not kept of {message.message_id}")
            await self._tell(told, code, _listed([files[place] for place in failed]))

    async def _add(self, message: Message, mail: Mail, text: str) -> str | None:
        """Add facts to the case that a mail answers about; return its code, None where there is none."""
        for code in _codes(mail):
            if await self._tell(message, code, text):
                return code
        return None

    async def _tell(self, message: Message, code: str, text: str) -> bool:
        """Add words to a case; False where there is none of that code, or it takes nothing more."""
        try:
            await self._reception.add(message, code, text)
        except Problem as problem:
            if problem.status_code not in {404, 409}:
                raise
            return False
        return True

    async def _submit(self, message: Message, mail: Mail, text: str) -> str:
        """Make a case of a mail; return its code."""
        # An address that is no ASCII cannot be answered (SMTPUTF8), and need not keep the matter out.
        reply_to = mail.sender if mail.sender.isascii() else None
        body = CaseBody(
            title=mail.subject[:200] or title_of(mail.text),
            text=text,
            place=self._place(mail),
            reporter=ReporterBody(email=reply_to, name=mail.name),
        )
        return (await self._reception.take_in(message, body)).tracking_code

    def _place(self, mail: Mail) -> PlaceBody:
        """The first line that names a place which the gazetteer knows: nobody can be asked (R-HOT-04)."""
        lines = (mail.subject, *mail.text.split("\n")[:_MOST_LINES])
        known = (
            line.strip()[:500] for line in lines if line.strip() and self._reception.desk.knows(line[:500])
        )
        return PlaceBody(address=next(known, None))

    def _digest(self, message: Message) -> bytes:
        """Of the sender, too: nobody keeps another's mail out by sending its number first."""
        key = self._reception.desk.principal(message.caller).encode()
        return hashlib.blake2b(
            message.message_id.encode("utf-8", "replace"), digest_size=16, key=key
        ).digest()


def _codes(mail: Mail) -> Iterator[str]:
    """Yield what may be tracking codes: in the subject, in the ids of our notices that the mail answers, or in what
    it quotes of them. Nearly every code has a digit, and hardly a word has."""
    places = (mail.subject, *mail.references, mail.quoted[:_LONGEST])
    found = dict.fromkeys(code for place in places for code in _CODE.findall(place))
    yield from sorted(found, key=lambda code: not any(map(str.isdigit, code)))[:_MOST_CODES]


def _text(mail: Mail, left: Sequence[Attached]) -> str:
    """Return the words, of an empty mail its subject, with a list of the attachments that stay in the mailbox."""
    words = mail.text or mail.subject
    if len(words) > _LONGEST:
        words = words[:_LONGEST] + _CUT
    return f"{words}\n{_listed(left)}"[:20_000] if left and words else words


def _listed(left: Sequence[Attached]) -> str:
    listed = [f"{file.name}（{file.media_type}，{len(file.content)}字节）" for file in left[:_MOST_LISTED]]
    more = len(left) - len(listed)
    count = f"{'、'.join(listed)}{f'等，另有{more}个' if more else ''}"
    return f"附件{len(left)}个，原件在邮箱中：{count}"
