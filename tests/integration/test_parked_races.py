"""A retry against the runner, a command and another retry: whoever comes first, no event of a case passes another.

Each interleaving is forced: a transaction stops inside the service's own write, and the test goes on once the
database says that the other one waits for it.
"""

import asyncio
from uuid import UUID, uuid4

import pytest

from chassis.database import is_passing
from chassis.decider import Refused
from chassis.parked import Attempt
from tests.integration.conftest import Bench
from tests.parked_kit import (
    WHO,
    Applied,
    Gate,
    mended,
    open_events,
    settled,
    somebody_waits,
)
from tests.toy import Counted, publish, ticked


async def sick_case(bench: Bench, *amounts: int) -> UUID:
    """Return a case with those ticks parked, the first as a defect of the counter."""
    case = uuid4()
    await publish(bench.pool, *(ticked(case, number, amount) for number, amount in enumerate(amounts, 1)))
    await bench.drain()
    return case


async def test_a_retry_waits_for_the_batch_in_hand(bench: Bench) -> None:
    """The runner has read that the case is parked: its next event is parked behind, then retried in its turn."""
    case = await sick_case(bench, 13)
    gate = Gate()
    stream = Applied(gate, at=1)
    await publish(bench.pool, ticked(case, 2, 5), ticked(uuid4(), 1, 1))
    batch = asyncio.create_task(bench.runner(mended(stream.project)).stream_once())
    await gate.reached.wait()
    writes = Applied()
    retry = asyncio.create_task(bench.parked(mended(writes.project)).retry(case, WHO))
    await somebody_waits(bench.pool)
    assert writes.amounts == []
    gate.opened.set()
    applied = await batch
    assert applied is not None
    assert len(applied.records) == 2
    assert settled(await retry) == [(1, "retried"), (2, "retried")]
    assert (stream.amounts, writes.amounts) == ([1], [13, 5])


@pytest.mark.parametrize("is_warm", [False, True])
async def test_the_runner_waits_for_a_retry_and_then_goes_on(bench: Bench, is_warm: bool) -> None:
    """It must see the case as free, or the next event would park behind nothing. Also with statements prepared."""
    case = await sick_case(bench, 13, 5)
    stream = Applied()
    runner = bench.runner(mended(stream.project))
    if is_warm:
        for number in range(1, 9):
            await publish(bench.pool, ticked(uuid4(), number, 1))
            await bench.drain(runner)
    await publish(bench.pool, ticked(case, 3, 6))
    batch = await runner._reader.poll(10, 1.0)
    assert batch is not None
    gate = Gate()
    writes = Applied(gate)
    retry = asyncio.create_task(bench.parked(mended(writes.project)).retry(case, WHO))
    await gate.reached.wait()
    stream.amounts.clear()
    applying = asyncio.create_task(runner._apply(batch))
    await somebody_waits(bench.pool)
    assert stream.amounts == []
    gate.opened.set()
    assert settled(await retry) == [(1, "retried"), (2, "retried")]
    await applying
    assert (writes.amounts, stream.amounts) == ([13, 5], [6])
    assert await open_events(bench.pool, case) == []
    assert [number for number, _ in await bench.ledger.emitted(case)] == [1, 2, 3]


async def test_behind_a_retry_that_fails_the_next_event_parks(bench: Bench) -> None:
    """The mended decider could take the next event at once; it must not, for one before it is parked still."""
    case = await sick_case(bench, 13, 15)
    stream = Applied()
    runner = bench.runner(mended(stream.project))
    await publish(bench.pool, ticked(case, 3, 6))
    batch = await runner._reader.poll(10, 1.0)
    assert batch is not None
    gate = Gate()
    retry = asyncio.create_task(bench.parked(mended(Applied(gate).project)).retry(case, WHO))
    await gate.reached.wait()
    applying = asyncio.create_task(runner._apply(batch))
    await somebody_waits(bench.pool)
    gate.opened.set()
    assert settled(await retry) == [(1, "retried")]
    await applying
    assert stream.amounts == []
    assert [(sequence, behind) for sequence, behind, _ in await open_events(bench.pool, case)] == [
        (2, False),
        (3, True),
    ]
    assert await bench.ledger.totals() == {case: 13}


async def test_a_discard_holds_the_stream_too(bench: Bench) -> None:
    case = await sick_case(bench, 13, 5)
    runner = bench.runner(mended())
    await publish(bench.pool, ticked(case, 3, 6))
    batch = await runner._reader.poll(10, 1.0)
    assert batch is not None
    gate = Gate()
    parked = bench.parked(mended(Applied(gate, at=5).project))
    discard = asyncio.create_task(parked.discard(case, ("outside", 1), WHO, "entered twice"))
    await gate.reached.wait()
    applying = asyncio.create_task(runner._apply(batch))
    await somebody_waits(bench.pool)
    gate.opened.set()
    assert settled(await discard) == [(1, "discarded"), (2, "retried")]
    await applying
    assert await bench.ledger.totals() == {case: 11}
    assert await open_events(bench.pool, case) == []


async def test_two_retries_at_once_apply_each_event_once(bench: Bench) -> None:
    case = await sick_case(bench, 13, 5)
    gate = Gate()
    writes = Applied(gate)
    first = asyncio.create_task(bench.parked(mended(writes.project)).retry(case, WHO))
    await gate.reached.wait()
    second = asyncio.create_task(bench.parked(mended(writes.project)).retry(case, WHO))
    await somebody_waits(bench.pool)
    gate.opened.set()
    assert settled(await first) == [(1, "retried"), (2, "retried")]
    assert await second == Refused("nothing_parked", "nothing of this case is parked here")
    assert writes.amounts == [13, 5]


async def test_a_command_may_create_the_case_meanwhile(bench: Bench) -> None:
    """Its row appears between the look and the write: the event is decided again, on the state that is there."""
    case = await sick_case(bench, 13)
    async with bench.pool.acquire() as connection:
        command = connection.transaction()
        await command.start()
        await connection.execute(
            "INSERT INTO counter.aggregate (case_id, version, seen, state, traceparent)"
            " VALUES ($1, 1, '{}', '{\"total\": 100}', '')",
            case,
        )
        retry = asyncio.create_task(bench.parked(mended()).retry(case, WHO))
        await somebody_waits(bench.pool)
        await command.commit()
    assert settled(await retry) == [(1, "retried")]
    assert await bench.ledger.totals() == {case: 113}
    assert await bench.ledger.emitted(case) == [(2, Counted.type)]


async def test_a_retry_that_is_cut_off_leaves_nothing(bench: Bench) -> None:
    """The server ends its connection half-way: no event is applied, none is marked, and it can be asked again."""
    case = await sick_case(bench, 13, 5)
    gate = Gate()
    retry = asyncio.create_task(bench.parked(mended(Applied(gate, at=5).project)).retry(case, WHO))
    await gate.reached.wait()
    async with bench.pool.acquire() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l"
            " WHERE l.relation = 'counter.stream_position'::regclass AND l.mode = 'ShareRowExclusiveLock'"
        )
    gate.opened.set()
    [failure] = await asyncio.gather(retry, return_exceptions=True)
    assert isinstance(failure, Exception)
    assert is_passing(failure)
    assert [sequence for sequence, *_ in await open_events(bench.pool, case)] == [1, 2]
    assert await bench.ledger.totals() == {}
    done = await bench.parked(mended()).retry(case, WHO)
    assert isinstance(done, Attempt)
    assert done.waiting == 0
    assert await bench.ledger.totals() == {case: 18}
