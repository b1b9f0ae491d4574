"""Writes petition's own tables for a batch of changes, in the transaction that commits them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.database import Connection, insert
from chassis.service import Change
from schemas import petition as p
from schemas.intake import PersonErased
from schemas.message import Command
from schemas.values import Sealed
from services.petition.domain.colour import plates
from services.petition.domain.petition import Petition, S
from services.petition.records import Kind

_DOCKET: Final[Mapping[str, str]] = {
    "case_id": "uuid",
    "status": "text",
    "unit": "text",
    "holders": "text",
    "subjects": "text",
    "place": "text",
    "matter": "text",
    "sealed": "boolean",
    "terminated": "boolean",
    "urgent": "boolean",
    "watched": "boolean",
    "coordinated": "boolean",
    "due_at": "timestamptz",
    "yellow_at": "timestamptz",
    "received_at": "timestamptz",
}
_LISTS: Final = frozenset({"holders", "subjects"})
"""An array cannot be unnested whole, so it travels as text and is split."""
_VALUES: Final = ", ".join(f"string_to_array(u.{n}, ' ')" if n in _LISTS else f"u.{n}" for n in _DOCKET)
_KEEP: Final = (
    f"INSERT INTO petition.docket ({', '.join(_DOCKET)}) SELECT {_VALUES} FROM"
    f" unnest({', '.join(f'${i}::{kind}[]' for i, kind in enumerate(_DOCKET.values(), 1))})"
    f" AS u({', '.join(_DOCKET)}) ON CONFLICT (case_id) DO UPDATE SET"
    f" {', '.join(f'{n} = excluded.{n}' for n in _DOCKET if n not in {'case_id', 'received_at'})}"
)
_RECORD: Final = ("record_id", "case_id", "kind", "ciphertext")
_KEY: Final = ("record_id", "case_id", "key_id", "wrapped_key")


async def project(connection: Connection, changes: Sequence[Change[Petition]]) -> None:
    """Write the tables; joins the caller's transaction and never commits."""
    first: dict[UUID, datetime] = {}
    rows: dict[UUID, tuple[object, ...]] = {}
    for change in changes:
        if change.events:
            received_at = first.setdefault(change.case_id, change.envelopes[0].time)
            rows[change.case_id] = _row(change, received_at)
    if rows:
        await connection.execute(_KEEP, *(list(column) for column in zip(*rows.values(), strict=True)))
    erased: list[UUID] = []
    kept: list[tuple[UUID, Kind, Sealed]] = []
    for change in changes:
        if isinstance(change.given, PersonErased):
            erased.append(change.case_id)
            kept = [found for found in kept if found[0] != change.case_id]
        elif change.events and (found := _record(change)) is not None:
            kept.append(found)
    for table in ("record_key", "record") if erased else ():
        await connection.execute(f"DELETE FROM petition.{table} WHERE case_id = ANY($1::uuid[])", erased)
    await insert(
        connection,
        "petition",
        "record",
        _RECORD,
        [(sealed.record_id, case_id, kind, sealed.ciphertext) for case_id, kind, sealed in kept],
    )
    await insert(
        connection,
        "petition",
        "record_key",
        _KEY,
        [(sealed.record_id, case_id, sealed.key_id, sealed.wrapped_key) for case_id, _, sealed in kept],
    )


def _row(change: Change[Petition], received_at: datetime) -> tuple[object, ...]:
    state = change.state
    due_at, yellow_at = plates(state)
    return (
        change.case_id,
        state.status,
        state.unit,
        " ".join(state.holders),
        " ".join(state.kept_from),
        state.place,
        state.matter,
        state.status is S.DISCIPLINE_SEALED,
        state.terminated,
        state.urgent,
        state.supervised or bool(state.leader),
        state.coordinated,
        due_at,
        yellow_at,
        received_at,
    )


def _record(change: Change[Petition]) -> tuple[UUID, Kind, Sealed] | None:
    """The encrypted record that comes with an accepted command."""
    sealed: Sealed | None = (
        getattr(change.given, "sealed", None) if isinstance(change.given, Command) else None
    )
    if sealed is None:
        return None
    match change.given:
        case p.RegisterPetition():
            kind = Kind.PETITIONER
        case p.IssueOpinion():
            kind = Kind.OPINION
        case _:
            kind = Kind.REVIEW if change.state.level == 1 else Kind.RECHECK
    return change.case_id, kind, sealed
