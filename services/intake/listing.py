"""The public list: which cases stand in it, written with the batch that makes it so, and how it is read.

It shows matter, grid, hour, status and handling unit of cases whose matter the jurisdiction publishes: nothing that
anybody wrote. It shows none that complains of a unit (R-LAD-04, R-HOT-14), is sealed (R-PET-10), or whose reporter
asked for confidence, and no danger to life.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from chassis.database import Connection, Pool, Record
from chassis.service import Change
from schemas.intake import CaseConcluded, CaseWithdrawn, ConclusionLifted, SubmitCase
from schemas.router import (
    CaseDispatched,
    CaseRedirected,
    Disposition,
    EmergencyTransferred,
    SettledOnSite,
    TriagedBy,
)
from services.intake.domain import IntakeState

PUBLIC_WORDS: Final = {
    "received": "已受理登记。",
    "triage": "正在确定承办单位。",
    "answered": "已答复。",
    "redirected": "已告知应当通过的其他法定途径。",
    "linked": "与此前反映的事项相同，已并入原件。",
    "dispatched": "已派单。",
    "signed": "承办单位已签收。",
    "handling": "正在办理。",
    "suspended": "条件尚不具备，已挂账。",
    "escalated": "已提请上级单位或者主管部门办理。",
    "settled": "已现场处置，待核实。",
    "replied": "承办单位已答复。",
    "callback": "等待回访。",
    "redo": "已退回重新办理。",
    "withdrawn": "已撤回。",
    "closed": "已办结。",
}
"""What the public reads of a status. The resident's own time line quotes what units wrote; this never does."""
OTHER_WORDS: Final = "正在依法定程序办理。"
RECEIVED: Final = "received"


@dataclass(slots=True)
class _Wish:
    """What a batch means for one case: `dropped` if at any time, the rest as last heard of."""

    listed: bool | None = None
    dropped: bool = False
    matter: str | None = None
    handler: str | None = None
    closed: bool | None = None
    place: str | None = None
    """As the case was filed, or as a human found; None: as the file says."""

    @property
    def says_something(self) -> bool:
        return not (self.closed is None and self.matter is None and self.handler is None)


_BATCH: Final = (
    "unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::uuid[])"
    " AS u(case_id, matter, handler, closed, place, number)"
)
_TURNS: Final = (CaseConcluded, CaseWithdrawn, ConclusionLifted)
_DROP: Final = "DELETE FROM intake.public_case WHERE case_id = ANY($1::uuid[])"
_PUT: Final = (
    "INSERT INTO intake.public_case AS c (case_id, number, matter, place, handler, requested_at, closed)"
    " SELECT u.case_id, u.number, u.matter, coalesce(u.place, f.unit), u.handler,"
    " date_trunc('hour', f.received_at), coalesce(u.closed, false)"
    f" FROM {_BATCH}"
    " JOIN intake.case_file f USING (case_id)"
    " WHERE NOT EXISTS (SELECT FROM intake.timeline t WHERE t.case_id = u.case_id AND t.status = 'emergency')"
    " ON CONFLICT (case_id) DO UPDATE SET matter = excluded.matter,"
    " handler = coalesce(excluded.handler, c.handler), closed = excluded.closed"
)
_TURN: Final = (
    "UPDATE intake.public_case c SET matter = coalesce(u.matter, c.matter),"
    " handler = coalesce(u.handler, c.handler), closed = coalesce(u.closed, c.closed)"
    f" FROM {_BATCH} WHERE c.case_id = u.case_id"
)


@dataclass(frozen=True, slots=True)
class PublicList:
    """Keeps the list: cases of `published` matters, each under the number that `number_of` makes of its id."""

    published: frozenset[str]
    number_of: Callable[[UUID], UUID]

    async def write(self, connection: Connection, changes: Sequence[Change[IntakeState]]) -> None:
        """Write what a batch means for the list; joins the transaction and never commits."""
        wishes: dict[UUID, _Wish] = {}
        for change in changes:
            _note(wishes, change, self.published)
        dropped = [case_id for case_id, wish in wishes.items() if wish.dropped]
        if dropped:
            await connection.execute(_DROP, dropped)
        for statement, listed in ((_PUT, True), (_TURN, None)):
            rows = [
                (case_id, wish.matter, wish.handler, wish.closed, wish.place, self.number_of(case_id))
                for case_id, wish in wishes.items()
                if wish.listed is listed and wish.says_something
            ]
            if rows:
                await connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))


def _note(wishes: dict[UUID, _Wish], change: Change[IntakeState], published: frozenset[str]) -> None:
    given = change.given
    if isinstance(given, SubmitCase):
        if given.filing.listed and given.case.matter is not None and change.events:
            wishes[change.case_id] = _Wish(listed=True, matter=given.case.matter, place=given.filing.unit)
    elif isinstance(given, Disposition):
        _disposed(wishes.setdefault(change.case_id, _Wish()), given, published)
    if any(isinstance(event, _TURNS) for event in change.events):
        wishes.setdefault(change.case_id, _Wish())
    elif not (change.case_id in wishes and wishes[change.case_id].listed):
        return
    wishes[change.case_id].closed = change.state.closed or change.state.withdrawn


def _disposed(wish: _Wish, event: Disposition, published: frozenset[str]) -> None:
    first = event.registered
    matter = getattr(event, "matter", None) or (first.judgement.matter if first is not None else None)
    unpublished = matter is not None and matter not in published
    hides = first is not None and bool(first.subjects or first.sealed or first.confidential)
    accuses = bool(getattr(event, "subjects", None))
    if unpublished or hides or accuses or isinstance(event, EmergencyTransferred):
        wish.listed, wish.dropped = False, True
        # what was said before is dropped with it
        wish.matter, wish.handler, wish.closed, wish.place = None, None, None, None
    elif isinstance(event, CaseDispatched | SettledOnSite):
        if first is not None and matter is not None:
            wish.listed = True
            wish.place = wish.place or (first.place if first.judgement.by is TriagedBy.HUMAN else None)
        wish.matter, wish.handler = matter or wish.matter, event.unit
    elif isinstance(event, CaseRedirected):
        wish.handler = event.exit.authority or wish.handler


@dataclass(frozen=True, slots=True)
class Listed:
    """One case of the public list."""

    number: UUID
    matter: str
    place: str
    handler: str | None
    requested_at: datetime
    closed: bool
    status: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """One change of the status of a listed case; `entry` names it for good."""

    entry: int
    number: UUID
    at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked for: `since` counts, `until` does not. None: all matters."""

    since: datetime
    until: datetime
    closed: tuple[bool, ...]
    matters: tuple[str, ...] | None
    first: int
    most: int


@dataclass(frozen=True, slots=True)
class WantedTurns:
    """Which changes are asked for: `since` counts, `until` does not."""

    since: datetime
    until: datetime
    first: int
    most: int


_SHOWN: Final = (
    "SELECT c.number, c.matter, c.place, c.handler, c.requested_at, c.closed,"
    " coalesce(t.status, 'received'), coalesce(t.at, c.requested_at) FROM"
)
_TOLD: Final = (
    " JOIN intake.case_file f ON f.case_id = c.case_id AND f.subjects IS NULL AND f.recipient IS NULL"
    " LEFT JOIN LATERAL (SELECT status, at FROM intake.timeline"
    " WHERE case_id = c.case_id AND status IS NOT NULL ORDER BY entry DESC LIMIT 1) t ON true"
)
"""Whatever the list may still say, what complains of a unit or is sealed is not shown (R-LAD-04, R-PET-10)."""
NEWEST: Final = (
    f"{_SHOWN} (SELECT n.* FROM unnest($3::boolean[]) AS s(closed) CROSS JOIN LATERAL"
    " (SELECT * FROM intake.public_case p WHERE p.closed = s.closed"
    " AND p.requested_at >= $1 AND p.requested_at < $2"
    " ORDER BY p.requested_at DESC, p.case_id DESC LIMIT $4::int + $5::int) n"
    f" ORDER BY n.requested_at DESC, n.case_id DESC OFFSET $4::int LIMIT $5::int) c{_TOLD}"
    " ORDER BY c.requested_at DESC, c.case_id DESC"
)
OF_MATTERS: Final = (
    f"{_SHOWN} (SELECT n.* FROM unnest($3::boolean[]) AS s(closed) CROSS JOIN unnest($6::text[]) AS m(matter)"
    " CROSS JOIN LATERAL (SELECT * FROM intake.public_case p WHERE p.matter = m.matter AND p.closed = s.closed"
    " AND p.requested_at >= $1 AND p.requested_at < $2"
    " ORDER BY p.requested_at DESC, p.case_id DESC LIMIT $4::int + $5::int) n"
    f" ORDER BY n.requested_at DESC, n.case_id DESC OFFSET $4::int LIMIT $5::int) c{_TOLD}"
    " ORDER BY c.requested_at DESC, c.case_id DESC"
)
BY_NUMBER: Final = (
    f"{_SHOWN} intake.public_case c{_TOLD} WHERE c.number = ANY($1::uuid[])"
    " ORDER BY c.requested_at DESC, c.case_id DESC"
)
TURNS: Final = (
    "SELECT t.entry, c.number, t.at, t.status FROM intake.timeline t"
    " CROSS JOIN LATERAL (SELECT number FROM intake.public_case"
    " WHERE case_id = t.case_id AND matter = ANY($4::text[]) LIMIT 1) c"
    " CROSS JOIN LATERAL (SELECT FROM intake.case_file f"
    " WHERE f.case_id = t.case_id AND f.subjects IS NULL AND f.recipient IS NULL LIMIT 1) f"
    " WHERE t.status IS NOT NULL AND t.at >= $1 AND t.at < $2 ORDER BY t.at, t.entry LIMIT $3"
    " OFFSET $5"
)
PATIENCE_S: Final = timedelta(seconds=5).total_seconds()


async def newest(pool: Pool, wanted: Wanted) -> list[Listed]:
    """Return the listed cases that are asked for, the newest first."""
    given = [wanted.since, wanted.until, list(wanted.closed), wanted.first, wanted.most]
    if wanted.matters is not None:
        given.append(list(wanted.matters))
    statement = NEWEST if wanted.matters is None else OF_MATTERS
    return [_listed(row) for row in await pool.fetch(statement, *given, timeout=PATIENCE_S)]


async def by_numbers(pool: Pool, numbers: Sequence[UUID]) -> list[Listed]:
    """Return those of some cases that are listed, the newest first."""
    return [_listed(row) for row in await pool.fetch(BY_NUMBER, list(numbers), timeout=PATIENCE_S)]


async def turns(pool: Pool, wanted: WantedTurns, published: Collection[str]) -> list[Turn]:
    """Return the changes of status of listed cases that are asked for, the oldest first."""
    given = (wanted.since, wanted.until, wanted.most, list(published), wanted.first)
    rows = await pool.fetch(TURNS, *given, timeout=PATIENCE_S)
    return [Turn(row[0], UUID(bytes=row[1].bytes), row[2], row[3]) for row in rows]


def _listed(row: Record) -> Listed:
    number, *rest = row
    return Listed(UUID(bytes=number.bytes), *rest)


def words_for(status: str) -> str:
    """Return what the public reads of a status."""
    return PUBLIC_WORDS.get(status, OTHER_WORDS)
