"""A file on its way into a case: judged, cleaned, encrypted, and then named in an event."""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from chassis import commands
from chassis.batch import Applied
from chassis.host import Host
from chassis.http import Problem
from chassis.idempotency import Answer, Idempotency
from schemas.intake import SupplementCase
from schemas.message import Actor
from services.intake.answers import carry_out
from services.intake.attachments.kinds import BY_MEDIA_TYPE, HEAD_BYTES, Kind, broken, kind_of
from services.intake.attachments.storage import MOST_BYTES, Stored, Upload, discard, file_too_large
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.storage import File

MOST_PICTURES: Final = 16
"""How many pictures are held in memory at once; further ones wait. Every other file passes through."""
PATIENCE_S: Final = 120
"""How long one may take to arrive."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Who adds files, under which key they may do so again, and the version that they have seen."""

    by: Actor | None
    principal: str
    key: str | None = None
    expected: frozenset[int] | None = None


class Receiver:
    """Takes files in."""

    def __init__(self, host: Host[IntakeState], desk: Desk) -> None:
        self._host = host
        self._desk = desk
        self._room = asyncio.Semaphore(MOST_PICTURES)

    async def receive(
        self, case_id: UUID, chunks: AsyncIterator[bytes], address: str | None
    ) -> tuple[Stored, bytes]:
        """Store one file, which counts once `name` has named it; return it with the digest of what was sent.

        `address`: of a sender without a log-in, who may send only so many; None for staff.
        Raises Problem: 408 too slow, 413 too large or too many, 415 another kind, 422 a broken picture or nothing,
        429 too many from the address or in all.
        """
        if (
            address is not None
            and (wait := self._desk.files.take(address) or self._desk.all_files.take("")) > 0
        ):
            raise _too_often(wait)
        digest = hashlib.sha256()
        head = b""
        async for chunk in chunks:
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
        if not head:
            raise Problem(422, "attachment_empty", "The file is empty", "Send the file's bytes as the body.")
        digest.update(head)
        kind = kind_of(head)
        rest = self._whole(kind, head, chunks, digest)
        upload = await Upload.begin(self._host.pool, self._desk.vault, case_id, kind, self._host.clock())
        try:
            async for chunk in rest:
                await upload.add(chunk)
            return await upload.finish(), digest.digest()
        except BaseException:  # a client that went away, too: nothing of it stays
            await asyncio.shield(upload.discard())
            raise

    async def name(
        self, file: File, stored: Sequence[Stored], digests: Sequence[bytes], sending: Sending
    ) -> Answer:
        """Say in an event of the case that these files were added; without it they are thrown away.

        Raises Problem as a supplement does: 409 where the case takes nothing more, 412, 503.
        """
        there = file.handled_as
        command = SupplementCase(
            text=f"〔附件〕{'、'.join(_words(each) for each in stored)}",
            attachments=tuple(each.reference for each in stored),
            by=sending.by,
            own=sending.by is None and file.linked_to is None,
        )
        hashed = hashlib.sha256(b"attachments" + there.bytes + b"".join(digests)).digest()
        asked = Idempotency(sending.principal, sending.key, hashed) if sending.key else None
        own = [str(each.attachment_id) for each in stored]

        def answer(applied: Applied[IntakeState]) -> Answer:
            told = {"version": applied.version, "attachments": [view(each) for each in stored]}
            return Answer(201, orjson.dumps(told), applied.version)

        trace = self._host.telemetry.accept(None)
        try:
            told = await carry_out(
                self._host, commands.Request(there, command, trace, sending.expected, asked, answer)
            )
        except Problem:
            await self._throw_away(stored)
            raise
        named = [each["attachment_id"] for each in orjson.loads(told.body)["attachments"]]
        if named != own:  # the same files under the same key: they are there already
            await self._throw_away(stored)
        return told

    async def _whole(
        self, kind: Kind, head: bytes, chunks: AsyncIterator[bytes], digest: "hashlib._Hash"
    ) -> AsyncIterator[bytes]:
        """Yield what is to be stored: a picture that can be cleaned as a whole, all else as it comes."""
        if kind.clean is None:
            yield head
            async for chunk in chunks:
                digest.update(chunk)
                yield chunk
            return
        try:
            async with self._room, asyncio.timeout(PATIENCE_S):
                whole = bytearray(head)
                async for chunk in chunks:
                    digest.update(chunk)
                    whole += chunk
                    if len(whole) > MOST_BYTES:
                        raise file_too_large()
                cleaned = await asyncio.to_thread(kind.clean, bytes(whole))
        except ValueError:
            raise broken() from None
        except TimeoutError:
            detail = (
                f"It did not arrive within {PATIENCE_S} s. Send a smaller one, or by a better connection."
            )
            raise Problem(408, "attachment_too_slow", "The picture came too slowly", detail) from None
        yield cleaned

    async def _throw_away(self, stored: Sequence[Stored]) -> None:
        for each in stored:
            await discard(self._host.pool, each.attachment_id)


def _too_often(wait: float) -> Problem:
    seconds = str(math.ceil(wait))
    detail = f"Try again in {seconds} s, or bring it to the counter."
    return Problem(
        429, "too_many_files", "Too many files were sent", detail, headers={"Retry-After": seconds}
    )


def _words(stored: Stored) -> str:
    return (
        f"{BY_MEDIA_TYPE[stored.media_type].words}（{stored.media_type}，{max(1, stored.size // 1024)} KB）"
    )


def view(stored: Stored) -> dict[str, object]:
    """Return what is told of a file."""
    return {
        "attachment_id": str(stored.attachment_id),
        "media_type": stored.media_type,
        "size": stored.size,
        "location_removed": stored.cleaned,
        "received_at": stored.received_at,
    }
