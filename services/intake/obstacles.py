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
_CALL: Final = "SELECT unit, closed_at IS NOT NULL FROM intake.call WHERE call_id = $1 FOR SHARE"
_JOINED: Final = (
    "SELECT coalesce((a.state->>'closed')::boolean, (a.state->>'withdrawn')::boolean, false),"
    " EXISTS (SELECT FROM intake.person_index p WHERE p.digest = ANY($2::bytea[]) AND (p.case_id = $1"
    " OR EXISTS (SELECT FROM intake.linked_report r JOIN intake.aggregate own ON own.case_id = r.case_id"
    " WHERE r.case_id = p.case_id AND r.first = $1 AND own.state->>'withdrawn' IS NULL)))"
    " FROM intake.aggregate a WHERE a.case_id = $1"
)


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
    if command.filing.call_id is not None:
        unit = command.case.by.unit if command.case.by is not None else None
        obstacle = await _of_call(connection, command.filing.call_id, unit)
        if obstacle is not None:
            return obstacle
    if command.joins and command.case.repeat_of is not None:
        return await _of_joining(connection, command.case.repeat_of, command.filing.persons)
    resolved = command.case.resolved
    if resolved is not None and resolved.knowledge is not None:
        return await _of_knowledge(connection, resolved)
    return None


async def _of_call(connection: Connection, call_id: UUID, unit: str | None) -> Obstacle | None:
    """A case is added to an open call of the same unit; the lock keeps the call from being closed meanwhile."""
    row = await connection.fetchrow(_CALL, call_id)
    if row is None or row[0] != unit:
        reason = f"There is no call {call_id} of your unit: open one with POST /v1/calls."
        return Obstacle(code="call_unknown", reason=reason, field="call_id")
    if row[1]:
        reason = "The call has its closing answer already: open another for what is told now."
        return Obstacle(code="call_closed", reason=reason, field="call_id")
    return None


async def _of_joining(connection: Connection, first: UUID, persons: Sequence[bytes]) -> Obstacle | None:
    """R-PET-18: only an open case is joined, and nobody is a reporter of it twice."""
    row = await connection.fetchrow(_JOINED, first, list(persons))
    if row is None or row[0]:
        reason = "The case was withdrawn or is closed: take what the caller says in as a new case."
        return Obstacle(code="case_closed", reason=reason)
    if row[1]:
        reason = "The caller has reported this already: tell them how far it is, or add what is new to it."
        return Obstacle(code="already_reporter", reason=reason)
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
