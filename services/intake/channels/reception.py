"""Where all channels hand over what residents sent: a message becomes a case as any other does."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from chassis import commands
from chassis.host import Host
from chassis.http import Problem, Role
from chassis.http.problems import unprocessable
from chassis.idempotency import Idempotency
from schemas.values import Channel
from services.intake.answers import carry_out, not_found, plain
from services.intake.attachments.receive import Receiver, Sending
from services.intake.bodies import (
    CaseBody,
    FeedbackBody,
    ReopeningBody,
    SupplementBody,
    WithdrawalBody,
    check_case,
)
from services.intake.callers import Caller
from services.intake.check import Check
from services.intake.co_callbacks import placed
from services.intake.desk import Desk
from services.intake.domain import Asked, IntakeState
from services.intake.emergency import advice
from services.intake.storage import File, file_by_code, latest_case
from services.intake.tracking import seen
from services.intake.views import Tracking
from services.intake.writes import feedback, reopening, supplement, with_advice, withdrawal

_LONGEST_TITLE: Final = 30


def title_of(text: str) -> str:
    """Return a title for words that came without one: their first line, shortened."""
    first = text.strip().partition("\n")[0].strip()
    return first if len(first) <= _LONGEST_TITLE else first[: _LONGEST_TITLE - 1] + "…"


@dataclass(frozen=True, slots=True)
class Message:
    """What a resident sent by a channel."""

    channel: Channel
    message_id: str
    """How the channel numbers it: the same again within two days is the same message."""
    sender: str
    """How the channel knows the sender, such as an openid: only indexed, never written down (R-PRIV-01)."""
    system: str | None = None
    """The known system that hands it over, as `channel:name`: it may name the matter, and the event names it."""

    @property
    def caller(self) -> Caller:
        """The sender, as whom the message is taken in: a resident of this channel."""
        return Caller(f"{self.channel}:{self.sender}", Role.RESIDENT, None, self.channel, self.system)


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was taken in, durably."""

    case_id: UUID
    tracking_code: str
    danger: str | None
    """What the sender must do at once, in Chinese, where the words report a danger (R-LAD-05)."""
    located: bool
    """Whether the grid is known."""


class Reception:
    """Takes messages in for the channels."""

    def __init__(self, host: Host[IntakeState], desk: Desk) -> None:
        self.desk = desk
        self._host = host
        self._receiver = Receiver(host, desk)

    async def take_in(self, message: Message, body: CaseBody) -> Received:
        """Make a case of a message, or return the one that was made of it before.

        Raises Problem: 422 where the body does not fit the jurisdiction, 503 while there is no database.
        """
        who = message.caller
        check = Check(self.desk.around, self._host.clock())
        check_case(body, check)
        if check.errors:
            raise unprocessable(check.errors)
        submission = self.desk.submission(body, check, who)
        answer = await carry_out(
            self._host,
            commands.Request(
                submission.case_id,
                submission.command,
                self._host.telemetry.accept(None),
                idempotency=self._once(message, b"case"),
                answer=submission.answer,
            ),
        )
        shown = self.desk.revealed(answer.body)
        danger: dict[str, Any] = shown.get("emergency") or {}
        located = shown["grid"] is not None
        return Received(UUID(shown["case_id"]), shown["tracking_code"], danger.get("advice"), located)

    async def add(self, message: Message, tracking_code: str, text: str) -> str | None:
        """Add a message's facts to the case of a tracking code; return what to do at once in a danger, else None.

        Raises Problem: 404 for a wrong code, 409 where the case takes nothing more.
        """
        file = await self._opened(tracking_code)
        body = SupplementBody(text=text)
        command = await supplement(self.desk, self._host, file, body, None)
        return await self._say(message, file, file.handled_as, command, b"facts")

    async def attach(self, message: Message, tracking_code: str, files: Sequence[bytes]) -> list[int]:
        """Put the files that came with a message into its case; return the places of those that were not kept.

        Raises Problem: 404 for a wrong code, 503 while there is no database.
        """
        file = await self._opened(tracking_code)
        sender = self.desk.principal(message.caller)
        stored, digests, failed = [], [], []
        for place, content in enumerate(files):
            try:
                kept, digest = await self._receiver.receive(file.case_id, _whole(content), sender)
            except Problem as problem:
                _demand_final(problem)
                failed.append(place)
                continue
            stored.append(kept)
            digests.append(digest)
        if not stored:
            return failed
        key = hashlib.sha256(f"files of {message.message_id}".encode("utf-8", "replace")).hexdigest()
        try:
            await self._receiver.name(file, stored, digests, Sending(None, sender, key))
        except Problem as problem:  # the case takes nothing more
            _demand_final(problem)
            return list(range(len(files)))
        return failed

    async def withdraw(self, message: Message, tracking_code: str, reason: str | None) -> str | None:
        """Take the case of a tracking code back; return what to do at once in a danger. Raises Problem as `add`."""
        file = await self._opened(tracking_code)
        command = await withdrawal(self.desk, self._host, file.case_id, WithdrawalBody(reason=reason), None)
        return await self._say(message, file, file.case_id, command, b"withdrawal")

    async def reopen(self, message: Message, tracking_code: str, reason: str) -> str | None:
        """Have a closed case handled again (R-HOT-08); return what to do in a danger. Raises Problem as `add`."""
        file = await self._opened(tracking_code)
        command = await reopening(self.desk, self._host, file, ReopeningBody(reason=reason), None)
        return await self._say(message, file, file.handled_as, command, b"reopening")

    async def rate(self, message: Message, tracking_code: str, said: FeedbackBody) -> str | None:
        """Take down how it was handled; return what to do at once in a danger. Raises Problem as `add`."""
        file = await self._opened(tracking_code)
        command = await feedback(self.desk, self._host, file.case_id, said, None)
        there, command = await placed(self._host.pool, file, command)
        return await self._say(message, file, there, command, b"feedback")

    async def look_up(self, tracking_code: str) -> Tracking:
        """Return where the case of a tracking code is. Raises Problem 404 for a wrong code."""
        return await seen(self._host, await self._opened(tracking_code))

    async def _say(
        self, message: Message, file: File, case_id: UUID, command: Asked, became: bytes
    ) -> str | None:
        trace = self._host.telemetry.accept(None)
        asked = self._once(message, became)
        try:
            await carry_out(
                self._host, commands.Request(case_id, command, trace, idempotency=asked, answer=plain)
            )
        except Problem as problem:
            raise with_advice(problem, command) from None
        if command.emergency is None:
            return None
        return advice(command.emergency, to_resident=True, sealed=file.recipient is not None)["advice"]

    async def latest(self, message: Message) -> str | None:
        """Return the tracking code of the latest case that the sender reported by this channel."""
        case_id = await latest_case(self._host.pool, bytes.fromhex(self.desk.principal(message.caller)))
        return self.desk.codes.of(case_id) if case_id is not None else None

    async def case_of(self, tracking_code: str) -> UUID:
        """Return the case of a tracking code. Raises Problem 404 for a wrong code."""
        return (await self._opened(tracking_code)).case_id

    async def _opened(self, tracking_code: str) -> File:
        file = await file_by_code(self._host.pool, self.desk.codes.digest(tracking_code))
        if file is None:
            raise not_found()
        return file

    def _once(self, message: Message, became: bytes) -> Idempotency:
        """Two messages of one number are the same, whatever happened to their words on the way."""
        key = hashlib.sha256(message.message_id.encode()).hexdigest()
        return Idempotency(self.desk.principal(message.caller), key, became)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _demand_final(problem: Problem) -> None:
    """Raise again what may go well another time."""
    if problem.status_code >= 500:
        raise problem
