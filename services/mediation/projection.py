"""Writes mediation's own tables for a batch of changes, in the transaction that commits them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.database import Connection, insert
from chassis.service import Change, Project
from schemas import mediation as m
from schemas.intake import PersonErased
from schemas.mediators import Mediators
from services.mediation.domain import Mediation
from services.mediation.domain.duty import CLOCK_OF

_DOCKET: Final = {
    "case_id": "uuid",
    "unit": "text",
    "committee_unit": "text",
    "matter": "text",
    "procedure": "text",
    "stage": "text",
    "confirmation": "text",
    "subjects": "text",
    "opened_at": "timestamptz",
    "due_at": "timestamptz",
    "ended": "boolean",
}
_KEPT: Final = [name for name in _DOCKET if name != "case_id"]
_SELECTED: Final = ", ".join(
    "string_to_array(u.subjects, ' ')" if name == "subjects" else f"u.{name}" for name in _DOCKET
)
_ARRAYS: Final = ", ".join(f"${index}::{kind}[]" for index, kind in enumerate(_DOCKET.values(), 1))
_UPSERT: Final = (
    f"INSERT INTO mediation.docket ({', '.join(_DOCKET)}) SELECT {_SELECTED}"
    f" FROM unnest({_ARRAYS}) AS u({', '.join(_DOCKET)})"
    f" ON CONFLICT (case_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _KEPT)}"
)
_PAPER: Final = ("record_id", "case_id", "round", "kind", "at", "ciphertext")
_KEY: Final = ("record_id", "case_id", "key_id", "wrapped_key")
Row = tuple[object, ...]


def projecting(mediators: Mediators) -> Project[Mediation]:
    """Return what writes the tables; it joins the caller's transaction and never commits."""

    def unit_of(committee: str | None) -> str | None:
        found = mediators.committees.get(committee or "")
        return found.unit if found else None

    async def project(connection: Connection, changes: Sequence[Change[Mediation]]) -> None:
        states = {change.case_id: change.state for change in changes if change.events}
        if states:
            rows = [_row(case_id, state, unit_of) for case_id, state in states.items()]
            await connection.execute(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))
        await _keep(connection, changes)
        erased = [change.case_id for change in changes if isinstance(change.given, PersonErased)]
        for table in ("paper_key", "paper") if erased else ():
            await connection.execute(f"DELETE FROM mediation.{table} WHERE case_id = ANY($1::uuid[])", erased)

    return project


def _row(case_id: UUID, state: Mediation, unit_of: Callable[[str | None], str | None]) -> Row:
    clock = CLOCK_OF.get(state.stage) if state.stage else None
    term = state.term(clock) if clock else None
    due: datetime | None = term.at if term and not state.appraisal_since else None
    return (
        case_id,
        state.unit,
        unit_of(state.committee),
        state.matter,
        state.procedure,
        state.stage,
        state.confirmation,
        " ".join(state.subjects),
        state.opened_at,
        due,
        not state.is_open,
    )


async def _keep(connection: Connection, changes: Sequence[Change[Mediation]]) -> None:
    """Store the papers that came with commands, their keys apart from them."""
    papers: list[Row] = []
    keys: list[Row] = []
    for change in changes:
        if isinstance(change.given, m.SealedCommand) and change.events:
            sealed = change.given.sealed
            kind = paper_kind(change.state, change.given)
            at = change.given_at
            papers.append((sealed.record_id, change.case_id, change.state.round, kind, at, sealed.ciphertext))
            keys.append((sealed.record_id, change.case_id, sealed.key_id, sealed.wrapped_key))
    await insert(connection, "mediation", "paper", _PAPER, papers)
    await insert(connection, "mediation", "paper_key", _KEY, keys)


def paper_kind(after: Mediation, command: m.SealedCommand) -> str:
    """Under which name the paper of a command is kept, by the state after it."""
    if isinstance(command, m.RegisterParties):
        return "parties"
    if isinstance(command, m.HoldSession):
        return f"session/{after.sessions}"
    return f"agreement/{after.agreements}"
