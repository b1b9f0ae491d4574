"""The command bus on a real PostgreSQL: shared commits, versions, Idempotency-Key, shutdown."""

import asyncio
import select
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis import database as database_module
from chassis.batch import Applied, Failed, Stale
from chassis.commands import CommandBus, Reply, Request, Unavailable
from chassis.database import Connection, open_pool
from chassis.decider import Refused
from chassis.idempotency import Answer, Idempotency, KeyReused, Replay
from chassis.service import Change
from schemas.message import Command
from tests.integration.conftest import Bench
from tests.toy import Add, CounterState, counter_service

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def add(case_id: UUID, amount: int = 1, note: str = "", **options: object) -> Request[CounterState]:
    """Return a request to count."""
    return Request(case_id, Add(amount=amount, note=note), TRACE, **options)  # type: ignore[arg-type]


def answer(applied: Applied[CounterState]) -> Answer:
    """Answer with the total."""
    return Answer(201, str(applied.state.total).encode(), applied.version)


@asynccontextmanager
async def working(bus: CommandBus[CounterState]) -> AsyncIterator[CommandBus[CounterState]]:
    """Run the bus's worker."""
    worker = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        bus.close()
        await asyncio.wait_for(worker, 10)


async def together(
    bus: CommandBus[CounterState], *requests: Request[CounterState]
) -> list[Reply[CounterState]]:
    """Send requests at once, so that they share a commit."""
    return list(await asyncio.gather(*(bus.enqueue(request) for request in requests)))


async def test_concurrent_commands_share_one_commit_and_keep_their_order(bench: Bench) -> None:
    case = uuid4()
    async with working(bench.bus()) as bus:
        replies = await together(bus, *(add(case) for _ in range(50)))
    assert [reply.state.total for reply in replies if isinstance(reply, Applied)] == list(range(1, 51))
    async with bench.pool.acquire() as connection:
        commits = await connection.fetchval("SELECT count(DISTINCT xid) FROM chassis.event_log")
    assert commits == 1


async def test_a_refusal_and_a_defect_harm_no_other_command_of_the_commit(bench: Bench) -> None:
    good, bad, worse = uuid4(), uuid4(), uuid4()
    async with working(bench.bus()) as bus:
        first, refused, failed, last = await together(
            bus, add(good), add(bad, -1), add(worse, 13), add(good, 2)
        )
    assert isinstance(first, Applied)
    assert refused == Refused("negative", "the amount must be 0 or more", "amount")
    assert isinstance(failed, Failed)
    assert isinstance(last, Applied)
    assert await bench.ledger.totals() == {good: 3}


async def test_bisects_a_command_that_only_the_database_refuses(bench: Bench) -> None:
    cases = [uuid4() for _ in range(9)]

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        for change in changes:
            await connection.execute("SELECT 1 / $1::int", 0 if change.case_id == cases[4] else 1)

    async with working(bench.bus(counter_service(project=project))) as bus:
        replies = await together(bus, *(add(case) for case in cases))
    assert [isinstance(reply, Failed) for reply in replies] == [number == 4 for number in range(9)]
    assert set(await bench.ledger.totals()) == set(cases) - {cases[4]}


async def test_a_command_for_another_version_changes_nothing(bench: Bench) -> None:
    case = uuid4()
    async with working(bench.bus()) as bus:
        await bus.execute(add(case))
        assert await bus.execute(add(case, expected=frozenset({7}))) == Stale(1)
        assert isinstance(await bus.execute(add(case, expected=frozenset({1}))), Applied)
    assert await bench.ledger.totals() == {case: 2}


async def test_the_same_key_gives_the_same_answer_and_no_second_effect(bench: Bench) -> None:
    case = uuid4()
    key = Idempotency("operator-1", "k1", b"hash")
    async with working(bench.bus()) as bus:
        first, in_the_same_commit = await together(
            bus, add(case, idempotency=key, answer=answer), add(case, idempotency=key, answer=answer)
        )
        later = await bus.execute(add(case, idempotency=key, answer=answer))
    assert isinstance(first, Applied)
    assert in_the_same_commit == later == Replay(Answer(201, b"1", 1))
    assert await bench.ledger.totals() == {case: 1}


async def test_the_same_key_with_another_request_is_refused(bench: Bench) -> None:
    case = uuid4()
    async with working(bench.bus()) as bus:
        await bus.execute(add(case, idempotency=Idempotency("a", "k", b"one"), answer=answer))
        clash = await bus.execute(add(case, idempotency=Idempotency("a", "k", b"two"), answer=answer))
        other = await bus.execute(add(case, idempotency=Idempotency("b", "k", b"two"), answer=answer))
    assert clash == KeyReused()
    assert isinstance(other, Applied)
    assert await bench.ledger.totals() == {case: 2}


async def test_a_refused_command_leaves_its_key_free(bench: Bench) -> None:
    case = uuid4()
    key = Idempotency("a", "k", b"one")
    async with working(bench.bus()) as bus:
        assert isinstance(await bus.execute(add(case, -1, idempotency=key, answer=answer)), Refused)
        assert isinstance(await bus.execute(add(case, idempotency=key, answer=answer)), Applied)


async def test_closing_answers_all_that_wait_and_takes_no_more(bench: Bench) -> None:
    case = uuid4()
    bus = bench.bus()
    waiting = [bus.enqueue(add(case)) for _ in range(5)]
    bus.close()
    await asyncio.wait_for(bus.run(), 10)
    assert all(isinstance(future.result(), Applied) for future in waiting)
    with pytest.raises(Unavailable, match="shutting down"):
        bus.enqueue(add(case))


async def test_two_processes_that_meet_on_a_new_case_both_take_effect(bench: Bench) -> None:
    """Both find no row to lock; the second insert is refused and its batch redone on the new state."""
    case = uuid4()
    met = asyncio.Barrier(2)
    visits = iter(range(10))

    async def meet(connection: Connection, commands: Sequence[tuple[UUID, Command]]) -> Sequence[Command]:
        if next(visits) < 2:
            await met.wait()
        return [command for _, command in commands]

    one, other = (bench.bus(counter_service(enrich=meet)) for _ in range(2))
    async with working(one), working(other):
        replies = await asyncio.gather(one.execute(add(case)), other.execute(add(case)))
    assert all(isinstance(reply, Applied) for reply in replies)
    assert await bench.ledger.totals() == {case: 2}


def socket_of(connection: Any) -> int:
    """Return the file descriptor under a connection of the pool."""
    return int(connection._con._transport.get_extra_info("socket").fileno())


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_the_server_ends_in_a_commit_fails_no_command(
    bench: Bench, turns: int
) -> None:
    """Invariants 1 and 2. By the turns of the event loop since the end, asyncpg meets it in four different ways."""
    cut = 0

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        nonlocal cut
        if cut < 2:
            cut += 1
            await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
            unread = socket_of(connection)
            assert select.select([unread], [], [], 10)[0]  # no await: the event loop must stand still
            for _ in range(turns):
                await asyncio.sleep(0)

    case = uuid4()
    other = await asyncpg.connect(bench.url)
    try:
        async with working(bench.bus(counter_service(project=project))) as bus:
            replies = await together(bus, *(add(case) for _ in range(3)))
    finally:
        await other.close()
    assert cut == 2
    assert [reply.state.total for reply in replies if isinstance(reply, Applied)] == [1, 2, 3]
    assert await bench.ledger.totals() == {case: 3}


@pytest.mark.parametrize("turns", range(5))
async def test_a_process_that_was_frozen_in_a_commit_fails_no_command_and_doubles_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Invariants 1 and 2. The server has rolled it back; asyncpg meets that in the ways of the test before."""
    monkeypatch.setattr(database_module, "FROZEN_S", 0.1)
    frozen = 0

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        nonlocal frozen
        if frozen < 2:
            frozen += 1
            # no await, as in a process that is stopped: the event loop stands still until the session was ended
            assert select.select([socket_of(connection)], [], [], 10)[0]
            for _ in range(turns):
                await asyncio.sleep(0)

    case = uuid4()
    bench.pool, whole = await open_pool(bench.url), bench.pool
    try:
        async with working(bench.bus(counter_service(project=project))) as bus:
            replies = await together(bus, *(add(case) for _ in range(3)))
    finally:
        await bench.pool.close()
        bench.pool = whole
    assert frozen == 2
    assert [reply.state.total for reply in replies if isinstance(reply, Applied)] == [1, 2, 3]
    assert await bench.ledger.totals() == {case: 3}
