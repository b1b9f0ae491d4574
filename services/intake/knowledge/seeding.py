"""Brings the entries of the jurisdiction's folder into the database when the service starts."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from chassis.batch import describe
from chassis.database import Pool, is_passing
from chassis.waiting import wait_at_most
from reference.knowledge import KnowledgeRow
from services.intake.knowledge.store import bring_in

_AGAIN_S: Final = 2.0
_log = logging.getLogger(__name__)


class Seeding:
    """A worker that ends when its work is done; several processes may do it at once, and again at each start."""

    def __init__(
        self, pool: Callable[[], Pool], clock: Callable[[], datetime], rows: Sequence[KnowledgeRow]
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._rows = rows
        self._stopping = asyncio.Event()
        self.trouble: str | None = None

    async def run(self) -> None:
        """Bring the entries in; while the database is away, try again."""
        while not self._stopping.is_set():
            try:
                await bring_in(self._pool(), self._rows, self._clock())
            except Exception as error:
                if not is_passing(error):
                    raise
                self.trouble = f"the knowledge base is not brought in: {describe(error)}"
                _log.warning(self.trouble)
                await wait_at_most(self._stopping, _AGAIN_S)
            else:
                self.trouble = None
                return

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()
