"""What stands against a submission that names something else: found in the batch's own transaction, before the
decider sees it, so that a request sent again under its key gets its first answer whatever has changed since."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Final
from uuid import UUID

from chassis.calendar import SHANGHAI
from chassis.database import Connection
from schemas.intake import Obstacle, SubmitCase
from schemas.message import Command
from schemas.values import OnSiteResolution
from services.intake.knowledge.store import cited

NOT_VALID: Final = "knowledge_not_valid"
_FIELD: Final = "resolved.knowledge"


async def obstructed(
    connection: Connection, commands: Sequence[tuple[UUID, Command]]
) -> Sequence[tuple[UUID, Command]]:
    """Return the commands, those that cannot be taken with the reason why."""
    found = [
        (place, obstacle)
        for place, (_, command) in enumerate(commands)
        if isinstance(command, SubmitCase) and (obstacle := await _obstacle(connection, command)) is not None
    ]
    if not found:
        return commands
    told = list(commands)
    for place, obstacle in found:
        case_id, command = told[place]
        told[place] = case_id, command.model_copy(update={"obstacle": obstacle})
    return told


async def _obstacle(connection: Connection, command: SubmitCase) -> Obstacle | None:
    resolved = command.case.resolved
    if resolved is not None and resolved.knowledge is not None:
        return await _of_knowledge(connection, resolved)
    return None


async def _of_knowledge(connection: Connection, resolved: OnSiteResolution) -> Obstacle | None:
    """R-HOT-15: what was told must have been published, current and valid on the day of the call."""
    ref = resolved.knowledge
    if ref is None:
        return None
    day = resolved.resolved_at.astimezone(SHANGHAI).date()
    began = datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
    found = await cited(connection, ref.entry, ref.version, began)
    name = f"{ref.entry} version {ref.version}"
    if found is None or not found[0].is_published:
        return Obstacle(code=NOT_VALID, reason=f"No {name} is published; see /v1/knowledge.", field=_FIELD)
    entry, is_replaced = found
    review = f"its review was due by {entry.review_by}; {entry.unit} keeps it current"
    if not entry.is_valid(day):
        until = f" to {entry.valid_to}" if entry.valid_to else ""
        reason = f"{name} is valid from {entry.valid_from}{until}, not on {day}: {review}."
        return Obstacle(code=NOT_VALID, reason=reason, field=_FIELD)
    if is_replaced:
        reason = f"{name} had been replaced by a newer version on {day}: {review}."
        return Obstacle(code=NOT_VALID, reason=reason, field=_FIELD)
    return None
