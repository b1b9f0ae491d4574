"""What every route of mediation stands on, and one case as the database has it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.host import Host
from chassis.vault import Vault
from schemas.jurisdiction import Jurisdiction
from schemas.mediators import Mediators
from services.mediation.domain import Mediation, MediationDecider
from services.mediation.domain.desk import Desk

_CASE: Final = "SELECT version, state::text FROM mediation.aggregate WHERE case_id = $1"


@dataclass(frozen=True, slots=True)
class Case:
    """One mediation with its version."""

    state: Mediation
    version: int


@dataclass(frozen=True, slots=True)
class Office:
    """The rules and the running service."""

    host: Host[Mediation]
    decider: MediationDecider
    jurisdiction: Jurisdiction
    mediators: Mediators
    vault: Vault

    async def case(self, case_id: UUID) -> Case | None:
        """Read a case; None where nobody ever asked to mediate it."""
        async with self.host.pool.acquire() as connection:
            row = await connection.fetchrow(_CASE, case_id)
        if row is None:
            return None
        state = self.decider.load(row[1])
        return Case(state, row[0]) if state.stage is not None else None

    @property
    def desk(self) -> Desk:
        """What the domain knows of units and committees."""
        return self.decider.desk

    def name(self, unit: str) -> str:
        """The name of a unit."""
        found = self.jurisdiction.units.get(unit)
        return found.name if found else unit
