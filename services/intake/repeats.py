"""Repeats: the same person with the same matter is linked to the earlier case, never dropped (R-PET-18)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from chassis.database import Connection
from schemas.intake import SubmitCase
from schemas.message import Command

WINDOW: Final = timedelta(days=365)
"""How far back an earlier case counts (DES), in calendar days."""

_EARLIER = (
    "SELECT DISTINCT ON (u.n) u.n, p.case_id, p.fingerprint"
    " FROM unnest($1::int[], $2::bytea[], $3::text[], $4::timestamptz[]) AS u(n, digest, topic, since)"
    " CROSS JOIN LATERAL (SELECT i.case_id, i.fingerprint, i.received_at FROM intake.person_index i"
    " WHERE i.digest = u.digest AND i.topic = u.topic AND i.received_at >= u.since"
    " ORDER BY i.received_at DESC LIMIT 1) AS p ORDER BY u.n, p.received_at DESC"
)


class Earlier(NamedTuple):
    """The newest earlier case of a person on a topic, and the fingerprint of its words."""

    case_id: UUID
    fingerprint: bytes


class Repeats:
    """Completes submissions with the earlier case. `window` is how far back it may lie."""

    def __init__(self, window: timedelta = WINDOW) -> None:
        self._window = window

    async def enrich(
        self, connection: Connection, commands: Sequence[tuple[UUID, Command]]
    ) -> Sequence[Command]:
        """Link each submission of a batch; other commands stay as they are.

        A case that is stored already goes before one of the same batch, which is not yet sure to be taken.
        """
        known = await self._stored(connection, commands)
        fresh: dict[tuple[bytes, str | None], Earlier] = {}
        completed: list[Command] = []
        for place, (case_id, command) in enumerate(commands):
            if not isinstance(command, SubmitCase):
                completed.append(command)
                continue
            filing = command.filing
            keys = [(digest, filing.topic) for digest in filing.persons]
            earlier = known.get(place) or next((fresh[key] for key in keys if key in fresh), None)
            completed.append(_linked(command, earlier if earlier and earlier.case_id != case_id else None))
            for key in keys:
                fresh.setdefault(key, Earlier(case_id, filing.fingerprint))
        return completed

    async def _stored(
        self, connection: Connection, commands: Sequence[tuple[UUID, Command]]
    ) -> dict[int, Earlier]:
        """Return the newest stored case for each command that has one, by its place in the batch."""
        asked = [
            (place, digest, command)
            for place, (_, command) in enumerate(commands)
            if isinstance(command, SubmitCase)
            for digest in command.filing.persons
        ]
        if not asked:
            return {}
        rows = await connection.fetch(
            _EARLIER,
            [place for place, _, _ in asked],
            [digest for _, digest, _ in asked],
            [command.filing.topic for _, _, command in asked],
            [command.case.received_at - self._window for _, _, command in asked],
        )
        return {
            row[0]: Earlier(UUID(bytes=row[1].bytes), row[2]) for row in rows
        }  # a plain UUID, not the driver's


def _linked(command: SubmitCase, earlier: Earlier | None) -> SubmitCase:
    """Return the submission with its link, and with what is known of new facts."""
    stated = command.new_facts
    if earlier is None:
        return command if stated in (None, True) else _with(command, None, new_facts=False)
    same = command.filing.fingerprint == earlier.fingerprint
    return _with(command, earlier.case_id, new_facts=not same if stated is None else stated)


def _with(command: SubmitCase, repeat_of: UUID | None, *, new_facts: bool) -> SubmitCase:
    case = command.case.model_copy(update={"repeat_of": repeat_of, "new_facts": new_facts})
    return command.model_copy(update={"case": case})
