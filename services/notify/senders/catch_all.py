"""catch_all: keeps messages here in place of a provider, for the embedded run. `GET /caught` shows them."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from chassis.database import Pool
from services.notify.senders.base import Message, Outcome, Sent

_KEEP: Final = (
    "INSERT INTO notify.caught (message_id, at, channel, case_id, recipient, subject, text)"
    " SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[], $6::text[],"
    " $7::text[]) ON CONFLICT DO NOTHING"
)


class CatchAll:
    """`Sender` of any channel. Messages that come at the same time share one commit."""

    disturbs = False

    def __init__(self, pool: Callable[[], Pool], clock: Callable[[], datetime]) -> None:
        self._pool, self._clock = pool, clock
        self._waiting: list[Message] = []
        self._turn = asyncio.Lock()

    async def send(self, message: Message) -> Outcome:
        """Keep a message; one that is here already stays as it is."""
        self._waiting.append(message)
        async with self._turn:  # whoever has the turn keeps what has come meanwhile, too
            if self._waiting:
                taken, self._waiting = self._waiting, []
                await self._keep(taken)
        return Sent(delivered=True)

    async def _keep(self, taken: list[Message]) -> None:
        at = self._clock()
        rows = [
            (one.message_id, at, one.channel.value, one.case_id, one.recipient, one.subject, one.text)
            for one in taken
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        try:
            async with self._pool().acquire() as connection:
                await connection.execute(_KEEP, *columns)
        except BaseException:
            self._waiting = taken + self._waiting  # those who wait for it try again in their turn
            raise

    async def close(self) -> None:
        """Nothing is held."""
