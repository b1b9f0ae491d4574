"""The consumer on a real broker: shared partitions, a rebalance in a batch, outages, foreign records."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from chassis.database import Connection
from chassis.kafka import reader as reader_module
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.reader import KafkaReader
from chassis.kafka.topics import Topic, Topics
from chassis.migrate import CHASSIS, RELAY
from chassis.runner import Runner, RunnerPolicy
from chassis.service import Change
from chassis.store import FenceLost, Store
from chassis.transport import Move, StreamBatch
from schemas.message import CASE_EVENTS
from tests.conftest import NewKafka
from tests.databases import COUNTER, Databases
from tests.integration.conftest import Bench
from tests.kafka_kit import PATIENCE_S, published, relaying, topics_of_a_test, until
from tests.toy import Counter, CounterState, counter_service, publish, ticked

QUICK = RunnerPolicy(poll_timeout_s=0.1, first_pause_s=0.05)


@pytest.fixture
async def counter_url(databases: Databases) -> AsyncIterator[str]:
    """A database that is relayed."""
    async with databases.lent(CHASSIS, COUNTER, RELAY) as address:
        yield address


@pytest.fixture
async def connection(bench: Bench, kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """A stream of this test, and a database that is relayed."""
    async with topics_of_a_test(kafka_bootstrap, partitions=4) as made:
        yield made


def reading(bench: Bench, connection: KafkaConnection, instance: str = "one") -> KafkaReader:
    return KafkaReader(connection, bench.pool, Store("counter"), Counter.consumes, instance)


class Member:
    """A process of the service `counter`: its reader and its runner."""

    def __init__(self, bench: Bench, connection: KafkaConnection, instance: str, **more: object) -> None:
        self.reader = reading(bench, connection, instance)
        self.runner: Runner[CounterState] = bench.runner(policy=QUICK, reader=self.reader, **more)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.runner.run())

    async def leave(self) -> None:
        self.runner.stop()
        await asyncio.wait_for(self.task, PATIENCE_S)
        await self.reader.close()


async def polled(consumer: AIOKafkaConsumer, holds: Callable[[], bool]) -> None:
    """Poll a consumer of the test's own until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await consumer.getmany(timeout_ms=50)


async def counted(bench: Bench, expected: dict[UUID, int]) -> None:
    """Wait until exactly that is counted."""
    async with asyncio.timeout(PATIENCE_S):
        while await bench.ledger.totals() != expected:
            await asyncio.sleep(0.05)  # polled: the tables are the runner's


async def test_members_share_the_partitions_and_one_takes_over_from_the_other(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 2: whoever reads, each event counts once."""
    monkeypatch.setattr(reader_module, "SESSION_S", 6.0)
    cases = [uuid4() for _ in range(20)]
    first, second = Member(bench, connection, "one"), Member(bench, connection, "two")
    async with relaying(connection, bench.url):
        await publish(bench.pool, *(ticked(case, 1) for case in cases))
        await counted(bench, dict.fromkeys(cases, 1))
        await first.leave()
        await publish(bench.pool, *(ticked(case, 2) for case in cases))
        await counted(bench, dict.fromkeys(cases, 2))
        await second.leave()


async def test_a_rebalance_in_the_middle_of_a_batch(bench: Bench, connection: KafkaConnection) -> None:
    """Invariant 2: of two owners of a partition one commits; the other loses at the fence and reads again."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def project(_: Connection, changes: Sequence[Change[CounterState]]) -> None:
        if changes:
            inside.set()
            await go_on.wait()

    cases = [uuid4() for _ in range(20)]
    first = Member(bench, connection, "one", service=counter_service(project=project))
    async with relaying(connection, bench.url):
        await publish(bench.pool, *(ticked(case, 1) for case in cases))
        await asyncio.wait_for(inside.wait(), PATIENCE_S)
        second = Member(
            bench, connection, "two"
        )  # asks for its share while the first holds a transaction open
        await until(lambda: bool(second.reader._partitions.all))  # it has its share
        go_on.set()
        await counted(bench, dict.fromkeys(cases, 1))
        await publish(bench.pool, *(ticked(case, 2) for case in cases))
        await counted(bench, dict.fromkeys(cases, 2))
        await first.leave()
        await second.leave()


async def test_a_fence_lost_on_one_of_several_partitions_undoes_the_whole_batch(
    bench: Bench, connection: KafkaConnection
) -> None:
    """Invariant 2: another owner took one partition on. Nothing of the batch stays, and the rest counts once."""
    cases = [uuid4() for _ in range(20)]
    async with relaying(connection, bench.url):
        await publish(bench.pool, *(ticked(case, 1) for case in cases))
        await published(bench.pool, "outside")
    reader = reading(bench, connection)
    runner: Runner[CounterState] = bench.runner(policy=QUICK, reader=reader)
    batch = await polled_all(reader, 20)
    assert set(batch.moves) == {0, 1, 2, 3}
    [taken, *_] = batch.places
    first = batch.moves[taken.partition]
    async with bench.pool.acquire() as other:
        await Store("counter").advance(
            other, {taken.partition: Move(first.start, taken.position)}, [batch.records[0].case_id]
        )
        with pytest.raises(FenceLost, match=f"partition {taken.partition} is no longer at position ''"):
            await runner._apply(batch)
        assert await bench.ledger.totals() == {}
        stored = [await Store("counter").position(other, number) for number in range(4)]
    assert sorted(stored) == ["", "", "", taken.position], "nothing was moved but by the other owner"
    reader.rewind()
    rest = await polled_all(reader, 19)
    await runner._apply(rest)
    assert await bench.ledger.totals() == dict.fromkeys([case.case_id for case in batch.records[1:]], 1)
    await reader.close()


async def polled_all(reader: KafkaReader, count: int) -> StreamBatch:
    """One batch of so many records, once the reader holds them all."""
    async with asyncio.timeout(PATIENCE_S):
        while (batch := await reader.poll(count, 1.0)) is None or len(batch.records) < count:
            reader.rewind()  # not all partitions had come
    return batch


async def followed(bench: Bench, cases: Sequence[UUID], number: int) -> None:
    """The next event of each case comes to the stream and is applied, whatever else stands there."""
    await publish(bench.pool, *(ticked(case, number) for case in cases))
    await published(bench.pool, "outside")
    await counted(bench, dict.fromkeys(cases, number))


async def test_a_record_that_is_none_of_ours_is_parked_and_holds_nobody_up(
    bench: Bench, connection: KafkaConnection
) -> None:
    """Somebody wrote to the stream by hand: it is told, and its neighbours go on."""
    producer = AIOKafkaProducer(**connection.options())
    await producer.start()
    for partition in range(4):
        await producer.send_and_wait(connection.topic(CASE_EVENTS), b"\xff not ours", partition=partition)
    await producer.stop()
    cases = [uuid4() for _ in range(8)]
    member = Member(bench, connection, "one")
    async with relaying(connection, bench.url):
        await followed(bench, cases, 1)
    await member.leave()
    parked = await bench.ledger.parked()
    assert {(case, sequence) for case, sequence, _, _ in parked} == {(UUID(int=0), 1)}
    assert len(parked) == 4


async def test_a_header_whose_name_is_not_utf8_holds_nobody_up(
    bench: Bench, connection: KafkaConnection
) -> None:
    """aiokafka fails the whole fetch for it, again and again, and for all partitions."""
    producer = AIOKafkaProducer(**connection.options())
    await producer.start()
    sent = [await _misnamed(producer, connection.topic(CASE_EVENTS), partition) for partition in range(4)]
    cases = [uuid4() for _ in range(8)]
    member = Member(bench, connection, "one")
    async with relaying(connection, bench.url):
        await followed(bench, cases, 1)
        sent += [await _misnamed(producer, connection.topic(CASE_EVENTS), 0)]
        await followed(bench, cases, 2)
    await member.leave()
    await producer.stop()
    assert len(await bench.ledger.parked()) == len(sent)


async def _misnamed(producer: AIOKafkaProducer, topic: str, partition: int) -> Any:
    """Send what no aiokafka would make: its batch is written over."""
    batch = producer.create_batch()
    batch.append(timestamp=None, key=b"k", value=b"v", headers=[("ABC", b"x")])
    made = bytearray(batch._build().replace(b"ABC", b"\xff\xfe\xc0"))
    made[17:21] = calc_crc32c(bytes(made[21:])).to_bytes(4)
    batch._buffer = bytes(made)
    return await (await producer.send_batch(batch, topic, partition=partition))


async def test_a_consumer_that_stands_still_is_thrown_away(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka #1154: after an outage a consumer may bring nothing for ever, without an error."""
    monkeypatch.setattr(reader_module, "STUCK_S", 0.2)
    reader = reading(bench, connection)
    assert await reader.poll(10, 1.0) is None
    stuck = reader._consumer

    async def nothing(**_: object) -> dict[object, object]:
        await asyncio.sleep(0.05)
        return {}

    monkeypatch.setattr(stuck, "getmany", nothing)
    async with relaying(connection, bench.url):
        await publish(bench.pool, ticked(uuid4(), 1))
        await published(bench.pool, "outside")
        async with asyncio.timeout(PATIENCE_S):
            while (batch := await reader.poll(10, 1.0)) is None:
                pass
    assert len(batch.records) == 1
    assert reader._consumer is not stuck
    await reader.close()


async def test_reads_on_after_the_broker_was_stuck(bench: Bench, new_kafka: NewKafka) -> None:
    """Alive without an answer: the poll ends in time with nothing, and goes on where it stood."""
    broker = new_kafka()
    await asyncio.to_thread(broker.start)
    case = uuid4()
    async with topics_of_a_test(broker.bootstrap) as connection, relaying(connection, bench.url):
        reader = reading(bench, connection)
        await publish(bench.pool, ticked(case, 1))
        await published(bench.pool, "outside")
        assert await reader.poll(10, 10.0) is not None
        reader.rewind()
        await asyncio.to_thread(broker.pause)
        assert await asyncio.wait_for(reader.poll(10, 0.5), PATIENCE_S) is None
        await asyncio.to_thread(broker.resume)
        async with asyncio.timeout(PATIENCE_S):
            while (batch := await reader.poll(10, 1.0)) is None:
                pass
        assert [event.case_id for event in batch.records] == [case]
        await reader.close()


async def test_a_group_that_was_formed_without_its_topic_shares_it_anew(
    bench: Bench, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 6: after the loss of the broker a static member is given what it had in that moment, nothing."""
    monkeypatch.setattr(reader_module, "STUCK_S", 0.3)
    connection = KafkaConnection(kafka_bootstrap, prefix=f"t{uuid4().hex}.")
    name, case = connection.topic(CASE_EVENTS), uuid4()
    async with Topics(connection) as topics, relaying(connection, bench.url):
        await topics.create([Topic(CASE_EVENTS, 2, 1)])
        early = AIOKafkaConsumer(
            name,
            group_id=connection.group("counter"),
            group_instance_id="one",
            enable_auto_commit=False,
            metadata_max_age_ms=200,
            **connection.options(),
        )
        await early.start()
        await polled(early, lambda: len(early.assignment()) == 2)
        await topics.delete([name])
        await polled(early, lambda: not early.assignment())
        await early.stop()
        await topics.create([Topic(CASE_EVENTS, 2, 1)])
        await publish(bench.pool, ticked(case, 1))
        await published(bench.pool, "outside")
        reader = reading(bench, connection)
        async with asyncio.timeout(PATIENCE_S):
            while (batch := await reader.poll(10, 0.2)) is None:
                pass
        assert [event.case_id for event in batch.records] == [case]
        await reader.close()
        await topics.delete([name])


async def test_a_member_to_spare_is_left_in_peace(
    bench: Bench, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More processes than partitions: while others read, one that has none is not thrown away again and again."""
    monkeypatch.setattr(reader_module, "STUCK_S", 1.0)
    case = uuid4()
    looks = 0
    is_stuck = KafkaReader._is_stuck

    async def counting(self: KafkaReader) -> bool:
        nonlocal looks
        looks += not self._partitions.all
        return await is_stuck(self)

    monkeypatch.setattr(KafkaReader, "_is_stuck", counting)
    async with topics_of_a_test(kafka_bootstrap) as connection, relaying(connection, bench.url):
        members = [Member(bench, connection, name) for name in ("one", "two")]
        await publish(bench.pool, ticked(case, 1))
        await counted(bench, {case: 1})
        await until(lambda: sum(len(member.reader._partitions.all) for member in members) == 1)
        [spare] = [member.reader for member in members if not member.reader._partitions.all]
        number = 1
        while looks < 4:
            number += 1
            await publish(bench.pool, ticked(case, number))
            await counted(bench, {case: number})
        assert spare._renewals == 0
        for member in members:
            await member.leave()


async def test_a_stream_that_is_missing_is_named(bench: Bench, kafka_bootstrap: str) -> None:
    reader = reading(bench, KafkaConnection(kafka_bootstrap, prefix=f"t{uuid4().hex}."))
    with pytest.raises(
        ConnectionError, match=r"the stream cannot be read: there is no topic t\w+\.case\.events"
    ):
        await reader.lag()
    await reader.close()
