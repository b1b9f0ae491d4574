"""What followers sent and were not answered yet, and what they have told so far: durable, encrypted (R-PRIV-01).

A message is written down before the platform hears that it came. Then one worker at a time claims it, oldest
first for each follower, and writes in one transaction what is remembered and what is answered. A claim is a moment
until which nobody else takes the row: whoever dies with it is followed by another.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from chassis.database import Connection, Pool
from chassis.host import Host
from chassis.vault import Vault, sealed_in
from services.intake.channels.wechat.dialogue import Talk
from services.intake.channels.wechat.messages import Said
from services.intake.channels.wechat.pictures import Sent, await_pictures
from services.intake.domain import IntakeState
from services.intake.ids import new_id

M = TypeVar("M", bound=BaseModel)
CLAIM: Final = timedelta(seconds=60)
"""How long a claim lasts: longer than working on one message can take."""
KEEP: Final = timedelta(days=2)
"""How long a message is known again, and its answer tried."""
PASSIVE: Final = timedelta(seconds=6)
"""How long after a message its answer is left to the platform's own request, which ends after 5 s."""

_SEALED: Final = "record_id, key_id, wrapped_key, ciphertext"
_KEEP: Final = (
    f"INSERT INTO intake.wechat_message (digest, sender, received_at, due_at, {_SEALED})"
    " VALUES ($1, $2, $3, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING"
)
_CLAIM: Final = (
    "UPDATE intake.wechat_message SET due_at = $2, tries = tries + 1 WHERE entry = ("
    "SELECT m.entry FROM intake.wechat_message m WHERE m.worked_at IS NULL AND m.answered_at IS NULL"
    " AND m.due_at <= $1 AND NOT EXISTS (SELECT FROM intake.wechat_message e WHERE e.sender = m.sender"
    " AND e.worked_at IS NULL AND e.answered_at IS NULL AND e.entry < m.entry)"
    " ORDER BY m.entry LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING entry, digest, sender, received_at, tries, {_SEALED}"
)
_WORKED: Final = (
    "UPDATE intake.wechat_message SET worked_at = $3, answered_at = $4, due_at = greatest($3, received_at + $5),"
    " tries = 0, record_id = $6, key_id = $7, wrapped_key = $8, ciphertext = $9"
    " WHERE entry = $1 AND due_at = $2 AND worked_at IS NULL"
)
_PUT_OFF: Final = "UPDATE intake.wechat_message SET due_at = $3 WHERE entry = $1 AND due_at = $2"
_TAKE: Final = (
    "UPDATE intake.wechat_message SET answered_at = coalesce(answered_at, $2)"
    " WHERE digest = $1 AND worked_at IS NOT NULL AND tries = 0"
    f" RETURNING sender, {_SEALED}"
)
_CLAIM_ANSWER: Final = (
    "UPDATE intake.wechat_message SET due_at = $2, tries = tries + 1 WHERE entry = ("
    "SELECT m.entry FROM intake.wechat_message m WHERE m.worked_at IS NOT NULL AND m.answered_at IS NULL"
    " AND m.due_at <= $1 AND NOT EXISTS (SELECT FROM intake.wechat_message e WHERE e.sender = m.sender"
    " AND e.worked_at IS NOT NULL AND e.answered_at IS NULL AND e.entry < m.entry)"
    " ORDER BY m.entry LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING entry, digest, sender, received_at, tries, {_SEALED}"
)
_ANSWERED: Final = "UPDATE intake.wechat_message SET answered_at = $2 WHERE entry = $1"
_REMEMBER: Final = (
    f"INSERT INTO intake.wechat_talk (sender, ends_at, {_SEALED}) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (sender) DO UPDATE SET ends_at = excluded.ends_at, record_id = excluded.record_id,"
    " key_id = excluded.key_id, wrapped_key = excluded.wrapped_key, ciphertext = excluded.ciphertext"
)
_RUN_OUT: Final = (
    "UPDATE intake.wechat_talk SET ends_at = $2 WHERE sender = ("
    "SELECT t.sender FROM intake.wechat_talk t WHERE t.ends_at <= $1 AND NOT EXISTS ("
    "SELECT FROM intake.wechat_message e WHERE e.sender = t.sender AND e.worked_at IS NULL"
    " AND e.answered_at IS NULL)"
    " ORDER BY t.ends_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING sender, {_SEALED}"
)
_FORGET_TALK: Final = "DELETE FROM intake.wechat_talk WHERE sender = $1 AND ends_at = $2"
_ANSWER_LATER: Final = (
    f"INSERT INTO intake.wechat_message (digest, sender, received_at, due_at, worked_at, {_SEALED})"
    " VALUES ($1, $2, $3, $3, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING"
)
_NEXT: Final = (
    "SELECT least((SELECT min(due_at) FROM intake.wechat_message WHERE worked_at IS NULL AND answered_at IS NULL),"
    " (SELECT min(ends_at) FROM intake.wechat_talk))"
)


class Reply(BaseModel):
    """What one follower is answered. Frozen; kept encrypted."""

    model_config = ConfigDict(frozen=True)

    openid: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is ours until `until`."""

    entry: int
    digest: bytes
    sender: bytes
    received_at: datetime
    tries: int
    """How often it was claimed, this time included."""
    until: datetime


def digest_of(message_id: str, sender: bytes) -> bytes:
    """Return the digest by which a message of a sender is known again."""
    return hashlib.blake2b(message_id.encode(), digest_size=16, key=sender).digest()


class Book:
    """The tables of the channel. Opening a row raises VaultError where it was tampered with."""

    def __init__(self, host: Host[IntakeState], vault: Vault) -> None:
        self._host = host
        self._vault = vault

    @property
    def _pool(self) -> Pool:
        return self._host.pool

    async def keep(self, digest: bytes, sender: bytes, said: Said, now: datetime) -> bool:
        """Write a message down; False where it is there already."""
        status = await self._pool.execute(_KEEP, digest, sender, now, *self._seal(sender, said, now))
        return status == "INSERT 0 1"

    async def claim(self, now: datetime) -> tuple[Claim, Said] | None:
        """Take the oldest message that waits for a worker."""
        return await self._claimed(_CLAIM, now, Said)

    async def claim_answer(self, now: datetime) -> tuple[Claim, Reply] | None:
        """Take the oldest answer that nobody fetched."""
        return await self._claimed(_CLAIM_ANSWER, now, Reply)

    async def _claimed(self, query: str, now: datetime, model: type[M]) -> tuple[Claim, M] | None:
        until = now + CLAIM
        row = await self._pool.fetchrow(query, now, until)
        if row is None:
            return None
        entry, digest, sender, received_at, tries = row[:5]
        return Claim(entry, digest, sender, received_at, tries, until), self._open(row[2], row[5:], model)

    async def talk_of(self, sender: bytes, now: datetime) -> Talk | None:
        """Return what a follower has told so far, also where its time is over by now."""
        row = await self._pool.fetchrow(f"SELECT {_SEALED} FROM intake.wechat_talk WHERE sender = $1", sender)
        return self._open(sender, row, Talk) if row is not None else None

    async def settle(
        self,
        claim: Claim,
        talk: Talk | None,
        ends_at: datetime,
        reply: Reply,
        now: datetime,
        sent: Sent | None,
    ) -> bool:
        """Write in one transaction what a message came to; False, and nothing written, where the claim was lost."""
        answered = None if reply.words else now
        sealed = self._seal(claim.sender, reply, now)
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                _WORKED, claim.entry, claim.until, now, answered, PASSIVE, *sealed
            )
            if status != "UPDATE 1":
                return False
            await self._remember(connection, claim.sender, talk, ends_at, now)
            if sent is not None:
                await await_pictures(connection, claim.sender, sent, now)
        return True

    async def put_off(self, claim: Claim, until: datetime) -> None:
        """Give a claim back, to be tried again from `until` on."""
        await self._pool.execute(_PUT_OFF, claim.entry, claim.until, until)

    async def take(self, digest: bytes, now: datetime) -> Reply | None:
        """Take the answer to a message, to be given at once; None where there is none, or it goes another way."""
        row = await self._pool.fetchrow(_TAKE, digest, now)
        return self._open(row[0], row[1:], Reply) if row is not None else None

    async def answered(self, claim: Claim, now: datetime) -> None:
        """Note that an answer needs no more sending."""
        await self._pool.execute(_ANSWERED, claim.entry, now)

    async def run_out(self, now: datetime) -> tuple[bytes, datetime, Talk] | None:
        """Take a talk whose time is over, with its sender and until when it is ours."""
        row = await self._pool.fetchrow(_RUN_OUT, now, now + CLAIM)
        return (row[0], now + CLAIM, self._open(row[0], row[1:], Talk)) if row is not None else None

    async def end(
        self,
        sender: bytes,
        until: datetime,
        talk: Talk,
        reply: Reply | None,
        now: datetime,
        sent: Sent | None,
    ) -> None:
        """Forget a talk that ran out, unless it went on meanwhile, and keep what the follower is told of it."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_FORGET_TALK, sender, until)
            if reply is None or status != "DELETE 1":
                return
            digest = digest_of(f"ended:{talk.first_id}", sender)
            await connection.execute(_ANSWER_LATER, digest, sender, now, *self._seal(sender, reply, now))
            if sent is not None:
                await await_pictures(connection, sender, sent, now)

    async def _remember(
        self, connection: Connection, sender: bytes, talk: Talk | None, ends_at: datetime, now: datetime
    ) -> None:
        if talk is None:
            await connection.execute("DELETE FROM intake.wechat_talk WHERE sender = $1", sender)
            return
        await connection.execute(_REMEMBER, sender, ends_at, *self._seal(sender, talk, now))

    async def next_due(self) -> datetime | None:
        """Return when a message may be worked on, or a talk is over, next."""
        found: datetime | None = await self._pool.fetchval(_NEXT)
        return found

    async def forget(self, now: datetime) -> None:
        """Delete what nobody sends again or waits for any more."""
        await self._pool.execute("DELETE FROM intake.wechat_message WHERE received_at < $1", now - KEEP)

    def _seal(self, sender: bytes, content: BaseModel, now: datetime) -> tuple[UUID, str, bytes, bytes]:
        plain = content.model_dump_json(exclude_defaults=True).encode()
        sealed = self._vault.seal(UUID(bytes=sender), new_id(now), plain)
        return sealed.record_id, sealed.key_id, sealed.wrapped_key, sealed.ciphertext

    def _open(self, sender: bytes, row: Any, model: type[M]) -> M:
        return model.model_validate_json(self._vault.open(UUID(bytes=sender), sealed_in(row)))
