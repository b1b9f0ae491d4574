"""What the tests of parked events share: the counter with its defect mended, and what became of the events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from chassis.database import Connection, Pool
from chassis.decider import Decision, Input
from chassis.parked import Attempt
from chassis.service import Change, Project, Service
from schemas.message import CASE_PARKED, Actor
from tests.toy import Counter, CounterState, Ticked

WHO = Actor(subject="li", role="ops", unit="GL")
LIMIT_S = 10


class MendedCounter(Counter):
    """The counter after somebody has mended its defect: 13 counts as 13, and 15 is never counted."""

    def decide(self, state: CounterState, given: Input, at: datetime) -> Decision:
        """As the counter, with 13 taken in two steps."""
        if given == Ticked(amount=13):
            return super().decide(state.model_copy(update={"total": state.total + 1}), Ticked(amount=12), at)
        if given == Ticked(amount=15):
            raise ValueError("15")
        return super().decide(state, given, at)


class Applied:
    """A service's own write that notes which amounts took effect, in order; `pause` is awaited at one of them."""

    def __init__(self, pause: Callable[[], Awaitable[None]] | None = None, at: int = 13) -> None:
        self.amounts: list[int] = []
        self._pause = pause
        self._at = at

    async def project(self, connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        """Note the amounts; see Service.project."""
        for change in changes:
            assert isinstance(change.given, Ticked)
            if change.given.amount == self._at and self._pause is not None:
                await self._pause()
            self.amounts.append(change.given.amount)


class Gate:
    """Where a transaction stops until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self) -> None:
        """Say that somebody is here, and wait."""
        self.reached.set()
        await asyncio.wait_for(self.opened.wait(), LIMIT_S)


def mended(project: Project[CounterState] | None = None) -> Service[CounterState]:
    """Return the service with the mended counter."""
    return Service(MendedCounter(), {Ticked.type: Ticked}, project=project)


async def somebody_waits(pool: Pool) -> None:
    """Wait until a transaction of this database waits for a lock of another."""
    async with asyncio.timeout(LIMIT_S), pool.acquire() as connection:
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)  # polled: a lock gives no signal


def settled(attempt: object) -> list[tuple[int, str]]:
    """Return sequence and resolution of what an attempt settled."""
    assert isinstance(attempt, Attempt), attempt
    return [(done.envelope.sequence, str(done.resolution)) for done in attempt.settled]


async def open_events(pool: Pool, case_id: UUID) -> list[tuple[int, bool, str]]:
    """Return sequence, `behind` and reason of the case's parked events, in order."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT sequence, behind, reason FROM counter.parked WHERE case_id = $1 AND resolved_at IS NULL"
            " ORDER BY id",
            case_id,
        )
    return [(row[0], row[1], row[2]) for row in rows]


async def resolutions(pool: Pool, case_id: UUID) -> dict[int, str]:
    """Return the resolutions of the case's events that are parked no longer, by sequence."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT sequence, resolution FROM counter.parked WHERE case_id = $1 AND resolved_at IS NOT NULL",
            case_id,
        )
    return {row[0]: row[1] for row in rows}


async def told(pool: Pool, case_id: UUID) -> list[tuple[int, str, dict[str, Any]]]:
    """Return sequence, name and body of what was told of the case's parked events."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT sequence, type, data::text FROM chassis.event_log WHERE topic = $1 AND case_id = $2"
            " AND source = 'counter.parked' ORDER BY xid, position",
            CASE_PARKED,
            case_id,
        )
    return [(row[0], row[1].split(".")[1], orjson.loads(row[2])) for row in rows]


async def read_again(pool: Pool) -> None:
    """Set the position back, as after a rebalance: everything is delivered once more."""
    async with pool.acquire() as connection:
        await connection.execute("UPDATE counter.stream_position SET position = ''")
