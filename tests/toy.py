"""A decider small enough to see through: a counter per case. The chassis's tests run it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chassis.database import Pool
from chassis.decider import Decision, Input, Refused, Timer, TimerDue
from chassis.service import Enrich, Project, Service
from chassis.store import Store
from chassis.tables import service_tables
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS, Command, Event, Instant, Value

RING_AFTER = timedelta(minutes=10)


class Ticked(Event):
    """From the outside: what the counter consumes."""

    type: ClassVar[str] = "outside.Ticked.v1"
    amount: int


class Counted(Event):
    """The counter's own event."""

    type: ClassVar[str] = "counter.Counted.v1"
    total: int
    ring_at: Instant
    note: str = ""


class Rang(Event):
    """The counter's timer has fired."""

    type: ClassVar[str] = "counter.Rang.v1"
    at: Instant


class Add(Command):
    """Adds to the counter; a negative amount is refused, 13 is a defect of ours."""

    amount: int
    note: str = ""


class CounterState(Value):
    """The total, and when to ring."""

    total: int = 0
    ring_at: Instant | None = None
    rings: int = 0


class Counter:
    """Counts, rings once ten minutes after each count."""

    name = "counter"
    consumes = frozenset({Ticked.type})

    def initial(self, case_id: UUID) -> CounterState:
        return CounterState()

    def decide(self, state: CounterState, given: Input, at: datetime) -> Decision:
        match given:
            case Ticked(amount=13) | Add(amount=13):
                raise ValueError("a defect: 13")
            case Ticked(amount=14):
                return Refused("unlucky", "14 cannot be counted")
            case Ticked(amount=amount):
                return [Counted(total=state.total + amount, ring_at=at + RING_AFTER)]
            case Add(amount=amount) if amount < 0:
                return Refused("negative", "the amount must be 0 or more", "amount")
            case Add(amount=amount, note=note):
                return [Counted(total=state.total + amount, ring_at=at + RING_AFTER, note=note)]
            case TimerDue(name="ring"):
                return [Rang(at=at)]
        return []

    def evolve(self, state: CounterState, event: Event) -> CounterState:
        match event:
            case Counted(total=total, ring_at=ring_at):
                return CounterState(total=total, ring_at=ring_at, rings=state.rings)
            case Rang():
                return state.model_copy(update={"ring_at": None, "rings": state.rings + 1})
        return state

    def due(self, state: CounterState) -> Sequence[Timer]:
        return [Timer("ring", state.ring_at)] if state.ring_at else []

    def dump(self, state: CounterState) -> str:
        return state.model_dump_json()

    def load(self, stored: str) -> CounterState:
        return CounterState.model_validate_json(stored)


async def make_tables(url: str) -> None:
    """Create the counter's own tables in a database without them."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA counter"))
        await connection.run_sync(service_tables("counter").create_all)
    await engine.dispose()


def counter_service(
    *, project: Project[CounterState] | None = None, enrich: Enrich | None = None
) -> Service[CounterState]:
    """Return the counter as the chassis takes it."""
    return Service(Counter(), {Ticked.type: Ticked}, project=project, enrich=enrich)


def ticked(case_id: UUID, sequence: int, amount: int = 1) -> Envelope:
    """Return an outside event as it would stand in the log."""
    return Envelope(
        source="outside",
        case_id=case_id,
        sequence=sequence,
        type=Ticked.type,
        time=datetime.now(UTC),
        topic=CASE_EVENTS,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        data=Ticked(amount=amount).model_dump_json(),
    )


async def publish(pool: Pool, *envelopes: Envelope) -> None:
    """Append outside events to the log, as their service would, in one transaction."""
    async with pool.acquire() as connection, connection.transaction():
        await Store("outside").append(connection, envelopes)


class Ledger:
    """Reads what became of cases, past the chassis: straight from the tables."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def totals(self) -> dict[UUID, int]:
        """Return the stored total of every case."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch("SELECT case_id, (state->>'total')::int FROM counter.aggregate")
        return {row[0]: row[1] for row in rows}

    async def emitted(self, case_id: UUID) -> list[tuple[int, str]]:
        """Return sequence and type of the counter's events of a case, in order."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT sequence, type FROM chassis.event_log WHERE source = 'counter' AND case_id = $1"
                " ORDER BY xid, position",
                case_id,
            )
        return [(row[0], row[1]) for row in rows]

    async def parked(self) -> list[tuple[UUID, int, bool, str]]:
        """Return case, sequence, whether it waits behind another, and the reason of all parked events."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT case_id, sequence, behind, reason FROM counter.parked ORDER BY id"
            )
        return [(row[0], row[1], row[2], row[3]) for row in rows]
