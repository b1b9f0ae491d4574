"""What every route of petition stands on, and one petition as the database has it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from chassis.decider import Decider
from chassis.host import Host
from chassis.vault import Vault
from schemas.jurisdiction import Jurisdiction
from schemas.message import CASE_EVENTS
from schemas.petition import PetitionSubjectsSuspected
from services.petition.domain import Offices, Petition

_ONE: Final = "SELECT version, state::text FROM petition.aggregate WHERE case_id = $1"
_STORY: Final = (
    "SELECT time, type, data::text FROM chassis.event_log"
    " WHERE case_id = $1 AND source = 'petition' AND topic = $2 AND type <> $3 ORDER BY sequence"
)
"""Not of whom words complained: a unit that a human cleared reads the story again (R-HOT-14)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A petition and its version."""

    state: Petition
    version: int


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a petition as it stands in the log."""

    at: datetime
    name: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Office:
    """The rules and the running service."""

    host: Host[Petition]
    decider: Decider[Petition]
    jurisdiction: Jurisdiction
    offices: Offices
    vault: Vault

    async def case(self, case_id: UUID) -> Case | None:
        """Read a petition; None where the case is none."""
        async with self.host.pool.acquire() as connection:
            row = await connection.fetchrow(_ONE, case_id)
        if row is None:
            return None
        state = self.decider.load(row[1])
        return None if state.status is None else Case(state, row[0])

    async def story(self, case_id: UUID) -> list[Told]:
        """The petition's own events, in order."""
        async with self.host.pool.acquire() as connection:
            rows = await connection.fetch(_STORY, case_id, CASE_EVENTS, PetitionSubjectsSuspected.type)
        return [Told(row[0], row[1].split(".")[1], orjson.loads(row[2])) for row in rows]

    def name(self, unit: str | None) -> str:
        """The name of a unit; empty for none."""
        found = self.jurisdiction.units.get(unit) if unit else None
        return found.name if found else ""
