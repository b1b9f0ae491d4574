"""What petition knows of the earlier petition that a repeat names; the decider sees one case only."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chassis.database import Connection
from schemas.message import Command
from schemas.petition import EarlierPetition, PetitionStatus, RegisterPetition

_EARLIER: Final = (
    "SELECT case_id, status, terminated, due_at FROM petition.docket"
    " WHERE case_id = ANY($1::uuid[]) AND NOT sealed"
)


async def enrich(connection: Connection, commands: Sequence[tuple[UUID, Command]]) -> Sequence[Command]:
    """Complete registrations that name an earlier petition of another case (R-PET-05, R-PET-09, R-PET-18)."""
    named = [
        c.same_as
        for case_id, c in commands
        if isinstance(c, RegisterPetition) and c.same_as is not None and c.same_as != case_id
    ]
    if not named:
        return [command for _, command in commands]
    rows = await connection.fetch(_EARLIER, named)
    found = {
        row[0]: EarlierPetition(status=PetitionStatus(row[1]), terminated=row[2], due=row[3]) for row in rows
    }
    return [_completed(command, found) for _, command in commands]


def _completed(command: Command, found: dict[UUID, EarlierPetition]) -> Command:
    if not isinstance(command, RegisterPetition) or command.same_as is None:
        return command
    return command.model_copy(update={"earlier": found.get(command.same_as)})
