"""The runner on a real PostgreSQL: nothing lost, nothing twice, in order, poison set aside."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chassis import database as database_module
from chassis.database import Connection, open_pool
from chassis.decider import Decision, Input
from chassis.runner import Runner, RunnerPolicy, TooManyParked
from chassis.service import Change, Service
from chassis.store import FenceLost, Store
from tests.integration.conftest import Bench
from tests.toy import Counted, Counter, CounterState, Rang, Ticked, counter_service, publish, ticked


async def drain(bench: Bench, runner: Runner[CounterState] | None = None) -> None:
    """Apply all there is."""
    owner = runner or bench.runner()
    while await owner.stream_once():
        pass


async def test_applies_each_event_once_and_in_order(bench: Bench) -> None:
    first, second = uuid4(), uuid4()
    await publish(bench.pool, ticked(first, 1, 5), ticked(second, 1, 7), ticked(first, 2, 1))
    await drain(bench)
    assert await bench.ledger.totals() == {first: 6, second: 7}
    assert await bench.ledger.emitted(first) == [(1, Counted.type), (2, Counted.type)]


async def test_a_new_owner_goes_on_where_the_last_one_committed(bench: Bench) -> None:
    case = uuid4()
    await publish(bench.pool, ticked(case, 1))
    await drain(bench)
    await publish(bench.pool, ticked(case, 2))
    await drain(bench, bench.runner())
    assert await bench.ledger.totals() == {case: 2}


async def test_skips_what_was_applied_before(bench: Bench) -> None:
    """Invariant 2: a position set back (a broker rebuilt, a rebalance) repeats nothing."""
    case = uuid4()
    await publish(bench.pool, ticked(case, 1), ticked(case, 2))
    await drain(bench)
    async with bench.pool.acquire() as connection:
        await connection.execute("UPDATE counter.stream_position SET position = ''")
    await drain(bench)
    assert await bench.ledger.totals() == {case: 2}
    assert len(await bench.ledger.emitted(case)) == 2


async def test_two_owners_of_a_partition_cannot_both_win(bench: Bench) -> None:
    case = uuid4()
    await publish(bench.pool, ticked(case, 1))
    first, second = bench.runner(), bench.runner()
    seen_by_first, seen_by_second = [await owner._reader.poll(10, 0.0) for owner in (first, second)]
    assert seen_by_first is not None
    assert seen_by_second == seen_by_first
    await first._apply(seen_by_first)
    with pytest.raises(FenceLost):
        await second._apply(seen_by_second)
    assert len(await bench.ledger.emitted(case)) == 1


async def test_a_failure_before_the_commit_leaves_nothing(bench: Bench) -> None:
    case = uuid4()
    await publish(bench.pool, ticked(case, 1))

    async def fail(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await bench.runner(counter_service(project=fail)).stream_once()
    assert await bench.ledger.totals() == {}
    await drain(bench)
    assert await bench.ledger.totals() == {case: 1}


async def test_parks_a_poison_event_and_what_follows_in_its_case_only(bench: Bench) -> None:
    sick, well = uuid4(), uuid4()
    broken = replace(ticked(sick, 2), data='{"amount": "many"}')
    await publish(bench.pool, ticked(sick, 1), broken, ticked(well, 1), ticked(sick, 3), ticked(well, 2))
    await drain(bench)
    await publish(bench.pool, ticked(sick, 4), ticked(well, 3))
    await drain(bench)
    assert await bench.ledger.totals() == {sick: 1, well: 3}
    parked = await bench.ledger.parked()
    assert [(case, sequence, behind) for case, sequence, behind, _ in parked] == [
        (sick, 2, False),
        (sick, 3, True),
        (sick, 4, True),
    ]
    assert parked[0][3].startswith("amount: Input should be a valid integer")


async def test_parks_an_event_of_whom_it_is_not(bench: Bench) -> None:
    """Who may write to the stream could else speak for another service, and close its cases."""
    case = uuid4()
    async with bench.pool.acquire() as connection, connection.transaction():
        await Store("alien").append(connection, [replace(ticked(case, 1), source="alien")])
    await drain(bench)
    [(_, _, _, said)] = await bench.ledger.parked()
    assert said == "outside.Ticked.v1 is no event of alien"
    assert await bench.ledger.totals() == {}


@pytest.mark.parametrize(("amount", "reason"), [(13, "ValueError at tests.toy"), (14, "refused: unlucky")])
async def test_parks_what_the_decider_cannot_take(bench: Bench, amount: int, reason: str) -> None:
    case = uuid4()
    await publish(bench.pool, ticked(case, 1, amount))
    await drain(bench)
    [(_, _, _, said)] = await bench.ledger.parked()
    assert said.startswith(reason)


async def test_bisects_what_only_the_database_refuses(bench: Bench) -> None:
    """One record that breaks the service's own write is found among many; the others take effect."""
    cases = [uuid4() for _ in range(20)]
    sick = cases[11]

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        for change in changes:
            await connection.execute("SELECT 1 / $1::int", 0 if change.case_id == sick else 1)

    await publish(bench.pool, *(ticked(case, 1) for case in cases))
    await drain(bench, bench.runner(counter_service(project=project)))
    assert set(await bench.ledger.totals()) == set(cases) - {sick}
    [(case, _, _, reason)] = await bench.ledger.parked()
    assert (case, reason.split(" ")[0]) == (sick, "DivisionByZeroError")


async def test_parks_what_the_driver_cannot_encode(bench: Bench) -> None:
    """asyncpg calls a wrong value an interface error, like a lost connection; it must not be tried for ever."""
    sick, well = uuid4(), uuid4()

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        for change in changes:
            await connection.execute("SELECT $1::int", "no number" if change.case_id == sick else 1)

    await publish(bench.pool, ticked(sick, 1), ticked(well, 1))
    await drain(bench, bench.runner(counter_service(project=project)))
    assert await bench.ledger.totals() == {well: 1}
    assert [case for case, *_ in await bench.ledger.parked()] == [sick]


async def test_parks_an_event_whose_own_write_is_never_unique(bench: Bench) -> None:
    """A violated key is tried once more, for a command may have been first; then it is the event's own fault."""
    sick, well = uuid4(), uuid4()

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        for change in changes:
            if change.case_id == sick:
                await Store("counter").append(connection, change.envelopes)

    await publish(bench.pool, ticked(sick, 1), ticked(well, 1))
    await drain(bench, bench.runner(counter_service(project=project)))
    assert await bench.ledger.totals() == {well: 1}
    assert [case for case, *_ in await bench.ledger.parked()] == [sick]


async def test_parks_an_event_of_a_case_whose_state_cannot_be_read(bench: Bench) -> None:
    sick, well = uuid4(), uuid4()
    await publish(bench.pool, ticked(sick, 1), ticked(well, 1))
    await drain(bench)
    async with bench.pool.acquire() as connection:
        await connection.execute(
            'UPDATE counter.aggregate SET state = \'{"total": "x"}\' WHERE case_id = $1', sick
        )
    await publish(bench.pool, ticked(sick, 2), ticked(well, 2))
    await drain(bench)
    assert [(case, sequence) for case, sequence, *_ in await bench.ledger.parked()] == [(sick, 2)]
    async with bench.pool.acquire() as connection:
        assert (
            await connection.fetchval("SELECT version FROM counter.aggregate WHERE case_id = $1", well) == 2
        )


async def test_a_case_whose_timers_fail_keeps_no_other_from_firing(bench: Bench) -> None:
    """Invariant 3: the sick case is put off for five minutes and said so; all others fire."""
    sick, *well = cases = [uuid4() for _ in range(5)]
    await publish(bench.pool, *(ticked(case, 1) for case in cases))
    await drain(bench)
    async with bench.pool.acquire() as connection:
        await connection.execute(
            'UPDATE counter.aggregate SET state = state || \'{"total": "x"}\' WHERE case_id = $1', sick
        )
    bench.clock.move(timedelta(minutes=11))
    runner = bench.runner()
    assert await runner.timers_once() == 5
    for case in well:
        assert (await bench.ledger.emitted(case))[-1] == (2, Rang.type)
    assert await runner.timers_once() == 0
    bench.clock.move(timedelta(minutes=5))
    assert await runner.timers_once() == 1


async def test_stops_and_says_so_when_too_much_would_be_parked(bench: Bench) -> None:
    policy = RunnerPolicy(poll_timeout_s=0.0, parked_least=3, parked_share=0.5, parked_window=10)
    await publish(bench.pool, *(ticked(uuid4(), 1, 13) for _ in range(3)))
    runner = bench.runner(policy=policy)
    with pytest.raises(TooManyParked, match="3 of the last 3 records cannot be applied"):
        await runner.stream_once()
    assert await bench.ledger.parked() == []
    await asyncio.wait_for(runner.run(), 10)
    assert runner.halted is not None


async def test_fires_a_timer_once_also_long_after_it_was_due(bench: Bench) -> None:
    """Invariant 3: a timer that came due while the service was down fires when it is back."""
    case = uuid4()
    await publish(bench.pool, ticked(case, 1))
    await drain(bench)
    runner = bench.runner()
    assert await runner.timers_once() == 0
    bench.clock.move(timedelta(days=3))
    assert await runner.timers_once() == 1
    assert await runner.timers_once() == 0
    assert await bench.ledger.emitted(case) == [(1, Counted.type), (2, Rang.type)]


async def test_runs_until_stopped_and_finishes_the_batch_in_hand(bench: Bench) -> None:
    cases = [uuid4() for _ in range(50)]
    in_commit = asyncio.Event()

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        in_commit.set()

    runner = bench.runner(counter_service(project=project))
    await publish(bench.pool, *(ticked(case, 1) for case in cases))
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(in_commit.wait(), 10)
    runner.stop()
    await asyncio.wait_for(running, 10)
    assert await bench.ledger.totals() == dict.fromkeys(cases, 1)


async def test_commit_order_not_sequence_order(bench: Bench) -> None:
    """A transaction that took its positions first and commits last is still read, in its turn."""
    slow, quick = uuid4(), uuid4()
    store = Store("outside")
    async with bench.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await store.append(connection, [ticked(slow, 1)])
        await publish(bench.pool, ticked(quick, 1))
        runner = bench.runner()
        assert await runner.stream_once() is None
        await transaction.commit()
    await drain(bench, runner)
    assert set(await bench.ledger.totals()) == {slow, quick}


async def test_survives_the_loss_of_its_connections(bench: Bench) -> None:
    """The server cuts every connection while a batch is in the making: the batch is redone, once."""
    cases: list[UUID] = [uuid4() for _ in range(30)]
    await publish(bench.pool, *(ticked(case, 1) for case in cases))
    cut = asyncio.Event()

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        if not cut.is_set():
            cut.set()
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    done = asyncio.Event()

    async def seen(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        await project(connection, changes)
        done.set()

    runner = bench.runner(counter_service(project=seen), RunnerPolicy(first_pause_s=0.01))
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(done.wait(), 10)
    runner.stop()
    await asyncio.wait_for(running, 10)
    assert await bench.ledger.totals() == dict.fromkeys(cases, 1)
    for case in cases:
        assert len(await bench.ledger.emitted(case)) == 1


async def test_a_stand_by_goes_on_where_another_is_frozen_in_its_transaction(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the fence, and the log back, only until the server ends its session; and it recovers from that."""
    monkeypatch.setattr(database_module, "FROZEN_S", 0.2)
    case = uuid4()
    frozen, awake = asyncio.Event(), asyncio.Event()

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        frozen.set()
        await awake.wait()

    await publish(bench.pool, ticked(case, 1))
    bench.pool, whole = await open_pool(bench.url), bench.pool
    sleeper = bench.runner(counter_service(project=project), RunnerPolicy(first_pause_s=0.01))
    bench.pool, short = whole, bench.pool
    running = asyncio.create_task(sleeper.run())
    async with asyncio.timeout(10):
        await frozen.wait()
        await publish(bench.pool, ticked(case, 2))
        await bench.drain()
        while (await bench.ledger.totals()) != {case: 2}:
            await bench.drain()  # polled: what is committed behind the frozen one is seen when it has ended
        awake.set()
        await publish(bench.pool, ticked(case, 3))
        while (await bench.ledger.totals()) != {case: 3}:
            await asyncio.sleep(0.01)  # polled: the one that was frozen applies it
    sleeper.stop()
    await asyncio.wait_for(running, 10)
    await short.close()
    assert sleeper.troubles == {}


async def test_counts_what_it_did(bench: Bench) -> None:
    """Every figure that a watcher is told of moves: events by type, the batch's time, the delay from the source."""
    await publish(bench.pool, ticked(uuid4(), 1), ticked(uuid4(), 1))
    await drain(bench)
    value = bench.metrics.registry.get_sample_value
    assert value("caseladder_events_emitted_total", {"type": Counted.type}) == 2
    assert value("caseladder_batch_seconds_count") == 1
    assert value("caseladder_stage_seconds_count", {"source": "outside"}) == 1


class Choosy(Counter):
    """Takes up only what begins with a large number."""

    def decide(self, state: CounterState, given: Input, at: datetime) -> Decision:
        if isinstance(given, Ticked) and not state.total and given.amount < 5:
            return []
        return super().decide(state, given, at)


async def test_what_is_none_of_a_services_business_leaves_no_row(bench: Bench) -> None:
    """And once the case is taken up, what was passed over has no effect ever after, though it comes again."""
    service: Service[CounterState] = Service(Choosy(), {Ticked.type: Ticked})
    strange, late = uuid4(), uuid4()
    await publish(bench.pool, ticked(strange, 1, 1), ticked(late, 1, 2), ticked(late, 2, 9))
    await drain(bench, bench.runner(service))
    assert await bench.ledger.totals() == {late: 9}
    async with bench.pool.acquire() as connection:
        await connection.execute("UPDATE counter.stream_position SET position = ''")
    await drain(bench, bench.runner(service))
    assert await bench.ledger.totals() == {late: 9}
    assert await bench.pool.fetchval("SELECT count(*) FROM counter.aggregate") == 1
