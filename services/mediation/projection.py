"""Writes mediation's own tables for a batch of changes, in the transaction that commits them."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chassis.database import Connection, insert
from chassis.service import Change, Project
from schemas import mediation as m
from schemas.intake import PersonErased
from services.mediation.domain import Mediation
from services.mediation.domain.desk import Desk
from services.mediation.domain.duty import duty_term

_DOCKET: Final = {
    "case_id": "uuid",
    "unit": "text",
    "units": "text",
    "matter": "text",
    "procedure": "text",
    "stage": "text",
    "confirmation": "text",
    "subjects": "text",
    "barred": "text",
    "sealed": "boolean",
    "opened_at": "timestamptz",
    "due_at": "timestamptz",
    "ended": "boolean",
}
_KEPT: Final = [name for name in _DOCKET if name != "case_id"]
_LISTS: Final = frozenset({"units", "subjects", "barred"})
"""Columns of codes, which come with blanks between them."""
_SELECTED: Final = ", ".join(
    f"string_to_array(u.{name}, ' ')" if name in _LISTS else f"u.{name}" for name in _DOCKET
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


def projecting(desk: Desk) -> Project[Mediation]:
    """Return what writes the tables; it joins the caller's transaction and never commits."""

    async def project(connection: Connection, changes: Sequence[Change[Mediation]]) -> None:
        states = {change.case_id: change.state for change in changes if change.events}
        if states:
            rows = [_row(case_id, state, desk) for case_id, state in states.items()]
            await connection.execute(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))
        await _keep(connection, changes)

    return project


def _row(case_id: UUID, state: Mediation, desk: Desk) -> Row:
    followed = state.followed_up()
    visits = [state.term(one.clock("visit")) for one in followed]
    times = [term.at for term in (duty_term(state), *visits) if term]
    return (
        case_id,
        state.sealed_to if state.sealed_to is not None else state.unit,
        " ".join(_listed(state, desk)),
        state.matter,
        state.procedure,
        state.stage,
        state.confirmation,
        " ".join(state.kept_from),
        " ".join(state.barred),
        state.is_sealed,
        state.opened_at,
        min(times, default=None),
        not state.is_open and not followed,
    )


def _listed(state: Mediation, desk: Desk) -> dict[str, None]:
    """On whose lists the case stands."""
    if state.sealed_to is not None:
        return {state.sealed_to: None}
    followed = state.followed_up()
    units = (
        state.unit,
        desk.committee_in_charge(state),
        *(desk.follower(state, one) for one in followed),
        *(desk.committee_in_charge(state, one) for one in followed),
        state.police,
        *(seat.staff for seat in state.seats),
    )
    return dict.fromkeys(unit for unit in units if unit)


async def _keep(connection: Connection, changes: Sequence[Change[Mediation]]) -> None:
    """Store the papers that came with commands, their keys apart from them; of an erased case what came after."""
    erased: list[UUID] = []
    papers: list[Row] = []
    keys: list[Row] = []
    for change in changes:
        if isinstance(change.given, PersonErased):
            erased.append(change.case_id)
            papers = [row for row in papers if row[1] != change.case_id]
            keys = [row for row in keys if row[1] != change.case_id]
        elif isinstance(change.given, m.SealedCommand) and change.events:
            sealed = change.given.sealed
            kind = paper_kind(change.state, change.given)
            at = change.given_at
            papers.append((sealed.record_id, change.case_id, change.state.round, kind, at, sealed.ciphertext))
            keys.append((sealed.record_id, change.case_id, sealed.key_id, sealed.wrapped_key))
    for table in ("paper_key", "paper") if erased else ():
        await connection.execute(f"DELETE FROM mediation.{table} WHERE case_id = ANY($1::uuid[])", erased)
    await insert(connection, "mediation", "paper", _PAPER, papers)
    await insert(connection, "mediation", "paper_key", _KEY, keys)


def paper_kind(after: Mediation, command: m.SealedCommand) -> str:
    """Under which name the paper of a command is kept, by the state after it."""
    if isinstance(command, m.RegisterParties):
        return "parties"
    if isinstance(command, m.HoldSession):
        return f"session/{after.sessions}"
    return f"agreement/{after.numbered}"
