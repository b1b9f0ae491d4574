"""Which pictures of followers wait to be fetched; until then they lie with the platform alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.database import Connection, Pool
from chassis.host import Host
from services.intake.domain import IntakeState

_AWAIT: Final = (
    "INSERT INTO intake.wechat_picture (case_id, sender, media_id, received_at, due_at)"
    " VALUES ($1, $2, $3, $4, $4)"
)
_CLAIM: Final = (
    "UPDATE intake.wechat_picture SET due_at = $2, tries = tries + 1 WHERE entry = ("
    "SELECT entry FROM intake.wechat_picture WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING entry, case_id, sender, media_id, received_at, tries"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """Pictures that came with a matter or with facts, by the platform's numbers."""

    case_id: UUID
    media: Sequence[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that is ours to fetch."""

    entry: int
    case_id: UUID
    sender: bytes
    """The keyed digest of the follower's openid."""
    media_id: str
    received_at: datetime
    tries: int
    """How often it was claimed, this time included."""


async def await_pictures(connection: Connection, sender: bytes, sent: Sent, now: datetime) -> None:
    """Let the pictures wait; joins the transaction and never commits."""
    for media_id in sent.media:
        await connection.execute(_AWAIT, sent.case_id, sender, media_id, now)


class Pictures:
    """The table of the pictures that wait. A claim is a moment until which nobody else takes the row."""

    def __init__(self, host: Host[IntakeState]) -> None:
        self._host = host

    @property
    def _pool(self) -> Pool:
        return self._host.pool

    async def claim(self, now: datetime, until: datetime) -> Picture | None:
        """Take the picture that waits longest, until a moment."""
        row = await self._pool.fetchrow(_CLAIM, now, until)
        return Picture(row[0], UUID(bytes=row[1].bytes), *row[2:]) if row is not None else None

    async def put_off(self, picture: Picture, until: datetime) -> None:
        """Try again from `until` on."""
        await self._pool.execute(
            "UPDATE intake.wechat_picture SET due_at = $2 WHERE entry = $1", picture.entry, until
        )

    async def done(self, picture: Picture) -> None:
        """It lies with its case, or the case says that it does not."""
        await self._pool.execute("DELETE FROM intake.wechat_picture WHERE entry = $1", picture.entry)
