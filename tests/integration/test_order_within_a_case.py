"""What stream, commands and timers write to one case stands in the log in the order of its numbers.

Readers skip by the number what they have seen: an event that stood behind a later one would be lost to them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.batch import Applied
from chassis.database import Connection, Overtaken, session
from chassis.log import Position, read
from chassis.store import Row, Store
from chassis.transport import Move
from schemas.message import CASE_EVENTS
from tests.integration.conftest import Bench
from tests.integration.test_commands import add, together, working
from tests.toy import publish, ticked


async def numbers(bench: Bench, case: UUID) -> list[int]:
    """The counter's events of a case, as a reader meets them."""
    async with bench.pool.acquire() as connection:
        found = await read(connection, CASE_EVENTS, Position("0", 0), 1000)
    return [event.sequence for _, event in found if event.source == "counter" and event.case_id == case]


async def test_a_command_between_the_position_and_the_case(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch had begun to write when the command began, and got the case when it was done: it begins anew."""
    case = uuid4()
    await publish(bench.pool, ticked(case, 1))
    await bench.drain()
    await publish(bench.pool, ticked(case, 2))
    advance, commands = Store.advance, [add(case)]

    async def overtaken(
        self: Store, connection: Connection, moves: Mapping[int, Move], case_ids: Sequence[UUID]
    ) -> set[UUID]:
        found = await advance(self, connection, moves, case_ids)
        while commands:
            [reply] = await together(bus, commands.pop())
            assert isinstance(reply, Applied)
        return found

    monkeypatch.setattr(Store, "advance", overtaken)
    async with working(bench.bus()) as bus:
        runner = bench.runner()
        with pytest.raises(Overtaken):
            await runner.stream_once()
        await bench.drain(runner)
    assert await numbers(bench, case) == [1, 2, 3]
    assert await bench.ledger.totals() == {case: 3}


@pytest.mark.parametrize("waiting_began_first", [True, False])
async def test_whoever_waited_for_a_case_sees_who_had_it(bench: Bench, waiting_began_first: bool) -> None:
    """What counts is who began to write first, not who asked for the case first."""
    case, store = uuid4(), Store("counter")
    await publish(bench.pool, ticked(case, 1))
    await bench.drain()
    async with session(bench.url) as owner, session(bench.url) as waiting:
        for connection in (waiting, owner) if waiting_began_first else (owner, waiting):
            await connection.execute("BEGIN")
            await connection.fetchval("SELECT pg_current_xact_id()")
        had = (await store.load(owner, [case]))[case]
        asked = asyncio.create_task(store.load(waiting, [case]))
        await _waits(bench, waiting)
        await store.save(owner, [Row(case, False, had.version + 1, {}, had.state, None, "")])
        await owner.execute("COMMIT")
        if waiting_began_first:
            with pytest.raises(Overtaken):
                await asked
        else:
            assert (await asked)[case].version == had.version + 1


async def _waits(bench: Bench, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Until the session waits for a lock."""
    async with asyncio.timeout(20):
        while not await bench.pool.fetchval(
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1",
            connection.get_server_pid(),
        ):
            await asyncio.sleep(0.01)  # polled: another session's wait gives no signal


async def test_an_overtaken_command_is_done_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of two cases has the first when the stream takes the second: the caller sees nothing of it."""
    first, second = sorted(uuid4() for _ in range(2))
    await publish(bench.pool, ticked(first, 1), ticked(second, 1))
    await bench.drain()
    await publish(bench.pool, ticked(second, 2))
    load, runner = Store.load, bench.runner()
    is_first = True

    async def overtaken(self: Store, connection: Connection, case_ids: Sequence[UUID], **how: bool) -> object:
        nonlocal is_first
        if is_first and len(case_ids) == 2:
            is_first = False
            await load(self, connection, [first])
            await runner.stream_once()
        return await load(self, connection, case_ids, **how)

    monkeypatch.setattr(Store, "load", overtaken)
    async with working(bench.bus()) as bus:
        replies = await together(bus, add(first), add(second))
    assert all(isinstance(reply, Applied) for reply in replies)
    assert await numbers(bench, second) == [1, 2, 3]
    assert await bench.ledger.totals() == {first: 2, second: 3}


async def test_commands_timers_and_the_stream_at_once(bench: Bench) -> None:
    """Ten cases, thirty rounds: whoever is overtaken begins anew, and all stand in order."""
    cases, rounds = [uuid4() for _ in range(10)], 30
    stopped = asyncio.Event()

    async def stream() -> None:
        runner = bench.runner()
        while True:
            try:
                if await runner.stream_once() is None and not await runner.timers_once() and stopped.is_set():
                    return
            except Overtaken:
                continue

    async with working(bench.bus()) as bus:
        streaming = asyncio.create_task(stream())
        for number in range(1, rounds + 1):
            await publish(bench.pool, *(ticked(case, number) for case in cases))
            await together(bus, *(add(case) for case in cases if case.int % 3))
            bench.clock.move(timedelta(minutes=1))
        stopped.set()
        await asyncio.wait_for(streaming, 60)
    for case in cases:
        found = await numbers(bench, case)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= rounds
