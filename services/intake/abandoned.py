"""Ends the cases that nobody asks for any more, where their own reporter was not the last to withdraw (R-PET-18).

A withdrawal is decided on one case, and cannot know of another one under way: in the same batch, or in another
process. So what their own reporters left is looked at afterwards, again and again, also after a restart: each is
decided under the lock of the case, by the reports that stand in the database then.
"""

import asyncio
import logging
from typing import Final
from uuid import UUID

from chassis.batch import describe
from chassis.commands import Request
from chassis.database import is_passing
from chassis.host import Host
from chassis.http import Problem
from chassis.waiting import wait_at_most
from schemas.intake import EndAbandoned
from services.intake.answers import carry_out
from services.intake.domain import IntakeState
from services.intake.links import abandoned
from services.intake.repeats import at_line

PAUSE_S: Final = 1.0
_log = logging.getLogger(__name__)


class Abandoned:
    """A worker. Several processes may run it at once: what is ended already is not ended twice."""

    def __init__(self, host: Host[IntakeState]) -> None:
        self._host = host
        self._stopping = asyncio.Event()
        self.trouble: str | None = None

    async def run(self) -> None:
        """Look at what is left, until stopped; while the database is away, try again."""
        while not self._stopping.is_set():
            try:
                for case_id in await self._found():
                    await carry_out(self._host, Request(case_id, EndAbandoned(), None))
            except Exception as error:
                if not (isinstance(error, Problem) or is_passing(error)):
                    raise
                self.trouble = f"cases that all reporters withdrew are not ended: {describe(error)}"
                _log.warning(self.trouble)
            else:
                self.trouble = None
            await wait_at_most(self._stopping, PAUSE_S)

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def _found(self) -> list[UUID]:
        async with self._host.pool.acquire() as connection:
            cases = await abandoned(connection)
            kept = await at_line(connection, cases)
        return [case_id for case_id in cases if case_id not in kept]
