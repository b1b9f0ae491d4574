"""What every route of the router stands on, and one case as the database has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from chassis.decider import Decider
from chassis.host import Host
from schemas.department import AssignmentRole, TextAccess
from schemas.jurisdiction import Jurisdiction
from schemas.router import OrderStatus
from services.router.domain.workorder import WorkOrder
from services.router.policy.model import Policy

_CASE: Final = (
    "SELECT a.version, a.state::text, t.title, t.body, t.address, t.received_at, t.supplements::text,"
    " (SELECT coalesce(jsonb_agg(jsonb_build_object('unit', s.unit, 'role', s.role, 'access', s.access,"
    " 'is_open', s.ended_at IS NULL) ORDER BY s.number), '[]')::text FROM router.assignment s"
    " WHERE s.case_id = a.case_id), first.state::text"
    " FROM router.aggregate a LEFT JOIN router.case_text t ON t.case_id = a.case_id"
    " LEFT JOIN router.aggregate first ON first.case_id = (a.state->>'linked_to')::uuid WHERE a.case_id = $1"
)

_STATES: Final = (
    "SELECT a.version, a.state::text, first.state::text FROM router.aggregate a"
    " LEFT JOIN router.aggregate first ON first.case_id = (a.state->>'linked_to')::uuid"
    " WHERE a.case_id = ANY($1::uuid[]) ORDER BY a.case_id"
)


def linked_to_barred(case_id: str, above: str) -> str:
    """SQL: whether a case is linked to one in which a unit of the text[] `above` is interested (R-LAD-04)."""
    return (
        "EXISTS (SELECT FROM router.aggregate report JOIN router.aggregate first"
        " ON first.case_id = (report.state->>'linked_to')::uuid"
        f" WHERE report.case_id = {case_id} AND first.state->'subjects' ?| {above})"
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """A unit's assignment, open or past, as far as it matters for who may see what."""

    unit: str
    role: AssignmentRole
    access: TextAccess
    is_open: bool


@dataclass(frozen=True, slots=True)
class Words:
    """What the resident said, masked. `supplements` are objects with `at` and `text`, and the lists `kept_from` and
    `told_instead`: the units that were not told of it, and who was in their place (R-LAD-04); `judged`: a human at
    the queue has decided since."""

    title: str
    body: str
    address: str | None
    received_at: datetime
    supplements: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One case with its version, who holds or held it, and its words (None where they were not read)."""

    state: WorkOrder
    version: int
    holdings: tuple[Holding, ...]
    words: Words | None
    first: WorkOrder | None = None
    """The case to which this report is linked."""
    watchers: frozenset[str] = frozenset()
    """Who was told of a supplement in the place of a unit that it complains of, to see to that unit's recusal."""


@dataclass(frozen=True, slots=True)
class Office:
    """The rules and the running service."""

    host: Host[WorkOrder]
    decider: Decider[WorkOrder]
    jurisdiction: Jurisdiction
    policy: Policy
    accused: Callable[[str], tuple[str, ...]]
    """The units that a text complains of."""
    accuses_an_office: Callable[[str], bool]
    """Whether a text complains of an office without its name."""

    async def case(self, case_id: UUID) -> Case | None:
        """Read a case; None where the router knows nothing of it."""
        async with self.host.pool.acquire() as connection:
            row = await connection.fetchrow(_CASE, case_id)
        if row is None:
            return None
        state = self.decider.load(row[1])
        if state.status is None:
            return None
        words = _words(row)
        watchers = (
            unit for said in (words.supplements if words else ()) for unit in said.get("told_instead", ())
        )
        return Case(state, row[0], _holdings(row[7]), words, self._first(row[8]), frozenset(watchers))

    async def cases(self, case_ids: Sequence[UUID]) -> list[Case]:
        """Read those of the cases that the router knows, with their running assignments and without words."""
        async with self.host.pool.acquire() as connection:
            rows = await connection.fetch(_STATES, case_ids)
        states = [(self.decider.load(row[1]), int(row[0]), self._first(row[2])) for row in rows]
        return [
            Case(state, version, _open(state), None, first)
            for state, version, first in states
            if state.status is not None
        ]

    def _first(self, state: str | None) -> WorkOrder | None:
        return None if state is None else self.decider.load(state)

    def case_after(self, case: Case, state: WorkOrder, version: int) -> Case:
        """The case after a command that was just applied; its words are not read again."""
        kept = tuple(Holding(h.unit, h.role, h.access, is_open=False) for h in case.holdings)
        return Case(state, version, (*kept, *_open(state)), None, case.first, case.watchers)

    def words_for(self, case: Case, above: tuple[str, ...], *, of_the_centre: bool) -> Words | None:
        """What the resident said, with the supplements that are `shown` to whoever reads."""
        if case.words is None:
            return None
        said = self.shown(case.words.supplements, above, of_the_centre=of_the_centre or case.state.sealed)
        return replace(case.words, supplements=said)

    def shown(
        self, supplements: Sequence[Mapping[str, Any]], above: tuple[str, ...], *, of_the_centre: bool
    ) -> tuple[Mapping[str, Any], ...]:
        """Those of the supplements that complain of none of the units `above`: of whoever reads, and all those over
        them (R-LAD-04, R-HOT-14).

        An office without its name may be whoever gets the case next: until a human at the queue has judged, only
        the centre reads of it; of sealed matter its one recipient (R-PET-10).
        """
        barred = set(above)
        return tuple(
            s
            for s in supplements
            if barred.isdisjoint(s.get("kept_from", ()))
            and barred.isdisjoint(self.accused(s["text"]))
            and (of_the_centre or s.get("judged", False) or not self.accuses_an_office(s["text"]))
        )

    def name(self, unit: str | None) -> str | None:
        """The name of a unit."""
        found = self.jurisdiction.units.get(unit) if unit else None
        return found.name if found else None


def _holdings(text: str) -> tuple[Holding, ...]:
    return tuple(
        Holding(row["unit"], AssignmentRole(row["role"]), TextAccess(row["access"]), row["is_open"])
        for row in orjson.loads(text)
    )


def _words(row: Any) -> Words | None:
    if row[2] is None:
        return None
    return Words(row[2], row[3], row[4], row[5], tuple(orjson.loads(row[6])))


def _open(state: WorkOrder) -> tuple[Holding, ...]:
    """The running assignments by the state alone."""
    if state.status in {OrderStatus.CLOSED, OrderStatus.ARCHIVED}:
        return ()
    roles = {seat.number: AssignmentRole.HELPER for seat in state.helpers}
    roles |= {seat.number: AssignmentRole.COPY for seat in state.copies}
    return tuple(
        Holding(seat.unit, roles.get(seat.number, AssignmentRole.LEAD), TextAccess.API, is_open=True)
        for seat in state.seats()
    )
