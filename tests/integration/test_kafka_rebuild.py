"""The event logs published again, and readers that meet a log other than the one in which they stood."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from chassis.applied import account
from chassis.kafka import relay as relay_module
from chassis.kafka.compare import compare, published_topics
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.local_broker import LocalKafka
from chassis.kafka.offsets import cut_short, is_untouched, partitions_in_use
from chassis.kafka.publisher import Publisher, Sent
from chassis.kafka.reader import KafkaReader
from chassis.kafka.records import headers
from chassis.kafka.relay import stored_standing
from chassis.kafka.republish import (
    Extent,
    LockTaken,
    TooLate,
    Unfinished,
    all_locks,
    open_source,
    republish,
    shares,
)
from chassis.kafka.topics import Topic, Topics
from chassis.log import Position
from chassis.migrate import CHASSIS, RELAY
from chassis.store import Store
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS
from tests.conftest import NewKafka
from tests.databases import COUNTER, Databases
from tests.integration.conftest import Bench
from tests.kafka_kit import on_topic, published, relaying, topics_of_a_test, until
from tests.parked_kit import open_events
from tests.toy import Counter, publish, ticked

DEPT = "dept.X.assigned"
BOTH = {CASE_EVENTS, DEPT}.__contains__


@pytest.fixture
async def counter_url(databases: Databases) -> AsyncIterator[str]:
    """A database that is relayed."""
    async with databases.lent(CHASSIS, COUNTER, RELAY) as address:
        yield address


@pytest.fixture
async def connection(bench: Bench, kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """The stream and a department's topic, and a database that is relayed."""
    async with topics_of_a_test(kafka_bootstrap, more=[DEPT]) as made:
        yield made


def story(case: UUID, *sequences: int) -> list[Envelope]:
    return [ticked(case, sequence) for sequence in sequences]


async def lose(connection: KafkaConnection, *names: str, partitions: int = 1) -> None:
    """Delete topics with all they hold, and make them anew."""
    async with Topics(connection) as topics:
        await topics.delete([connection.topic(name) for name in names])
        async with asyncio.timeout(30):
            while {connection.topic(name) for name in names} & set(await topics._admin.list_topics()):
                await asyncio.sleep(0.05)  # polled: the broker deletes in its own time
        await topics.create([Topic(name, partitions, 1) for name in names])
        async with asyncio.timeout(30):
            while not {connection.topic(name) for name in names} <= set(await topics._admin.list_topics()):
                await asyncio.sleep(0.05)  # polled: the broker tells of it in its own time


async def rebuild(
    bench: Bench,
    connection: KafkaConnection,
    since: datetime | None = None,
    topic: str | None = None,
    wait_s: float = 10,
) -> int:
    """What `log republish` does, for the one service `outside`."""
    wanted = BOTH if topic is None else {topic}.__contains__
    extent = Extent(topic, since)
    async with all_locks({"outside": bench.url}, wait_s, lambda _: None) as held:
        source = await open_source("outside", held["outside"], extent)
        publisher = Publisher(connection)
        try:
            return await republish([source], publisher, wanted, extent, lambda _: None)
        finally:
            await publisher.drop()


@asynccontextmanager
async def reading(bench: Bench, connection: KafkaConnection) -> AsyncIterator[KafkaReader]:
    """A consumer of the service `counter`."""
    reader = KafkaReader(connection, bench.pool, Store("counter"), Counter.consumes, "counter")
    yield reader
    await reader.close()


async def apply(
    bench: Bench, reader: KafkaReader, until_total: int, case: UUID, parked: Sequence[Envelope] = ()
) -> None:
    """Run the counter's runner on a reader until the case has a total and the events in `parked` are."""
    runner = bench.runner()
    runner._reader = reader
    working = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(40):
            while (await bench.ledger.totals()).get(case) != until_total:
                await asyncio.sleep(0.02)  # polled: it is in the database
            for event in parked:
                while event.sequence not in [row[0] for row in await open_events(bench.pool, event.case_id)]:
                    await asyncio.sleep(0.02)
    finally:
        runner.stop()
        await working


async def standing(bench: Bench) -> relay_module.Standing:
    async with bench.pool.acquire() as database:
        return await stored_standing(database, "outside")


async def relay_all(bench: Bench, connection: KafkaConnection, *events: Envelope) -> None:
    async with relaying(connection, bench.url, publishes=BOTH):
        await publish(bench.pool, *events)
        await published(bench.pool, "outside")


def ids(events: Sequence[Envelope]) -> list[int]:
    return [event.sequence for event in events]


async def test_everything_comes_again_in_order_and_the_relay_goes_on_behind_it(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 6. With events of the log that were not published when the topic was lost."""
    monkeypatch.setattr("chassis.kafka.republish.BATCH", 3)
    case = uuid4()
    await relay_all(bench, connection, *story(case, 1, 2, 3, 4), replace(ticked(case, 5), topic=DEPT))
    await publish(bench.pool, *story(case, 6, 7))
    await lose(connection, CASE_EVENTS, DEPT)
    assert await rebuild(bench, connection) == 7
    await relay_all(bench, connection, *story(case, 8))
    assert ids(await on_topic(connection)) == [1, 2, 3, 4, 6, 7, 8]
    assert ids(await on_topic(connection, DEPT)) == [5]


async def test_what_waits_for_a_missing_topic_comes_before_what_is_newer(
    bench: Bench, connection: KafkaConnection
) -> None:
    """The events of a department are behind `--since` and not published yet: they come too, once, in order."""
    case = uuid4()
    async with Topics(connection) as topics:
        await topics.delete([connection.topic(DEPT)])
    await relay_all(bench, connection, replace(ticked(case, 1), topic=DEPT), *story(case, 2))
    await publish(bench.pool, replace(ticked(case, 3), topic=DEPT))
    await lose(connection, CASE_EVENTS, DEPT)
    assert await rebuild(bench, connection, since=datetime.now(UTC)) == 3
    await relay_all(bench, connection, replace(ticked(case, 4), topic=DEPT))
    assert ids(await on_topic(connection, DEPT)) == [1, 3, 4]


async def test_a_relay_at_work_lets_go_and_goes_on(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    monkeypatch.setattr(relay_module, "LOOK_S", 0.05)
    case = uuid4()
    async with relaying(connection, bench.url) as relay:
        await publish(bench.pool, *story(case, 1))
        await published(bench.pool, "outside")
        assert await rebuild(bench, connection) == 1
        await publish(bench.pool, *story(case, 2))
        await published(bench.pool, "outside")
        assert relay.leads
    assert ids(await on_topic(connection)) == [1, 1, 2]


async def test_who_does_not_let_go_is_named(bench: Bench, connection: KafkaConnection) -> None:
    async with all_locks({"outside": bench.url}, 1, lambda _: None):
        with pytest.raises(LockTaken, match="outside: its relay, or another"):
            await rebuild(bench, connection, wait_s=0.2)


async def test_broken_off_it_keeps_the_relay_still_until_it_has_been_run_again(
    bench: Bench,
    connection: KafkaConnection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Else a newer event would come to the topic before the older ones, and readers would skip those."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    case = uuid4()
    await relay_all(bench, connection, *story(case, 1, 2))
    before = await standing(bench)
    await lose(connection, CASE_EVENTS)

    async def fail(*_: object) -> None:
        raise ConnectionError("the broker is gone")

    with monkeypatch.context() as broken:
        broken.setattr(Publisher, "send", fail)
        with pytest.raises(ConnectionError):
            await rebuild(bench, connection)
    after = await standing(bench)
    assert (after.position, after.rebuilding) == (before.position, True)
    await publish(bench.pool, *story(case, 3))
    async with relaying(connection, bench.url) as relay:
        await until(lambda: "has not ended: if it runs no more, run it again" in caplog.text)
        assert "`log republish` was begun and has not ended" in (relay.trouble or "")
        assert await is_untouched(connection, CASE_EVENTS)
        for less in (Extent(DEPT, None), Extent(None, datetime.now(UTC)), Extent(CASE_EVENTS, None)):
            with pytest.raises(Unfinished, match="log republish --since begin` was broken off"):
                await rebuild(bench, connection, less.since, less.topic)
        assert (await standing(bench)).rebuilding
        await rebuild(bench, connection)
        await until(lambda: relay.trouble is None)
        await published(bench.pool, "outside")
    assert ids(await on_topic(connection)) == [1, 2, 3]


async def test_a_stream_with_another_number_of_partitions_needs_a_republish(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than are in use: it was made anew, and written to by another service. Then the new number counts."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    case = uuid4()
    await lose(connection, CASE_EVENTS, partitions=3)
    await relay_all(bench, connection, *story(case, 1))
    assert (await standing(bench)).partitions == 3
    await lose(connection, CASE_EVENTS, partitions=2)
    other = Publisher(connection)
    await other.send(story(uuid4(), 1))
    await other.drop()
    async with relaying(connection, bench.url) as relay:
        await publish(bench.pool, *story(case, 2))
        await until(lambda: "has 2 partitions and 3 are in use" in (relay.trouble or ""))
        assert len(await on_topic(connection)) == 1
        await rebuild(bench, connection)
        await published(bench.pool, "outside")
    assert (await standing(bench)).partitions == 2
    assert ids([event for event in await on_topic(connection) if event.case_id == case]) == [1, 2]


async def test_a_relay_does_not_publish_to_a_stream_that_was_lost(
    bench: Bench,
    connection: KafkaConnection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    case = uuid4()
    await relay_all(bench, connection, *story(case, 1))
    await lose(connection, CASE_EVENTS)
    await publish(bench.pool, *story(case, 2))
    async with relaying(connection, bench.url):
        await until(lambda: "the broker has lost it" in caplog.text)
        assert await is_untouched(connection, CASE_EVENTS)
        await rebuild(bench, connection)
        await published(bench.pool, "outside")
    assert ids(await on_topic(connection)) == [1, 2]


def cut_last_batch(broker: LocalKafka, topic: str) -> None:
    """Take the last batch of partition 0 from the disk of a broker that is not running, as a power cut does."""
    [segment] = (broker.data_dir / "data" / f"{topic}-0").glob("*.log")
    os.truncate(segment, segment.stat().st_size - 1)  # the broker drops a batch that is not whole


@pytest.mark.parametrize(
    ("relay_is", "others"),
    [("stopped", 3), ("idle", 3), ("sending", 0), ("quiet", 0), ("quiet", 3), ("new", 0), ("new", 3)],
)
async def test_a_relay_notices_that_the_broker_has_lost_the_end_of_the_stream(
    bench: Bench, new_kafka: NewKafka, monkeypatch: pytest.MonkeyPatch, relay_is: str, others: int
) -> None:
    """Invariant 6. Nobody had read it, and what others write takes its offsets. A relay at work, too, looks before
    it publishes more; what it had in hand comes too early, and is the last that it publishes. One that has nothing
    more to publish looks by itself; one that came to lead then, and sends for the first time, looks before it does.
    """
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    monkeypatch.setattr(relay_module, "LOOK_S", 0.05)
    broker, case = new_kafka(), uuid4()
    await asyncio.to_thread(broker.start)
    async with topics_of_a_test(broker.bootstrap) as connection, AsyncExitStack() as stack:
        await relay_all(bench, connection, *story(case, 1))
        if relay_is in {"stopped", "new"}:
            await relay_all(bench, connection, *story(case, 2))
        if relay_is == "new":
            relay = await stack.enter_async_context(relaying(connection, bench.url))
            await until(lambda: relay._checked_at is not None)
            monkeypatch.setattr(relay_module, "LOOK_S", 600)
        elif relay_is != "stopped":
            relay = await stack.enter_async_context(relaying(connection, bench.url))
            await publish(bench.pool, *story(case, 2))
            await published(bench.pool, "outside")
        if relay_is == "sending":
            sent = asyncio.Event()
            monkeypatch.setattr(Publisher, "send", _telling(sent))
            await asyncio.to_thread(broker.pause)
            await publish(bench.pool, *story(case, 3))
            await asyncio.wait_for(sent.wait(), 10)
        await asyncio.to_thread(broker.kill)
        cut_last_batch(broker, connection.topic(CASE_EVENTS))
        await asyncio.to_thread(broker.start)
        other = Publisher(connection)
        foreign = [ticked(uuid4(), number) for number in range(1, others + 1)]
        await other.send(foreign)
        await other.drop()
        if relay_is == "stopped":
            relay = await stack.enter_async_context(relaying(connection, bench.url))
        if relay_is != "quiet":
            await publish(bench.pool, *story(case, 4))
        await until(lambda: "case.events are there no more" in (relay.trouble or ""))
        there = [1, *ids(foreign), *([3] if relay_is == "sending" else [])]
        assert ids(await on_topic(connection)) == there
        count = await rebuild(bench, connection)
        await until(lambda: relay.trouble is None)
        await publish(bench.pool, *story(case, 4 if relay_is == "quiet" else 5))
        await published(bench.pool, "outside")
        assert len(await on_topic(connection)) == len(there) + count + 1


def _telling(sent: asyncio.Event) -> Callable[..., Coroutine[Any, Any, Sent]]:
    """Publish as ever, and say that it has begun."""
    send = Publisher.send

    async def tell(self: Publisher, events: Sequence[Envelope], edition: str = "") -> Sent:
        sent.set()
        return await send(self, events, edition)

    return tell


async def test_a_department_whose_topic_was_lost_holds_back_its_own_events_only(
    bench: Bench,
    connection: KafkaConnection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also after a restart; `log republish --topic` brings back what was lost, before what waited."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    monkeypatch.setattr(relay_module, "LOOK_S", 0.05)
    case = uuid4()
    await relay_all(bench, connection, replace(ticked(case, 1), topic=DEPT))
    await lose(connection, DEPT)
    await relay_all(bench, connection, replace(ticked(case, 2), topic=DEPT), *story(case, 3))
    assert ids(await on_topic(connection)) == [3]
    assert f"published to {connection.topic(DEPT)} are there no more" in caplog.text
    async with relaying(connection, bench.url, publishes=BOTH) as relay:
        await until(lambda: "are there no more" in (relay.trouble or ""))
        await publish(bench.pool, replace(ticked(case, 4), topic=DEPT), *story(case, 5))
        await published(bench.pool, "outside")
        assert await is_untouched(connection, DEPT)
        await rebuild(bench, connection, topic=DEPT)
        await publish(bench.pool, replace(ticked(case, 6), topic=DEPT))
        await published(bench.pool, "outside")
        assert relay.trouble is None
    assert ids(await on_topic(connection, DEPT)) == [1, 2, 4, 6]
    assert ids(await on_topic(connection)) == [3, 5]


async def test_a_relay_at_work_goes_on_where_the_broker_has_lost_the_end_of_a_departments_topic(
    bench: Bench, new_kafka: NewKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else it has to publish comes once, and the department gets all when its topic is published anew."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    broker, case = new_kafka(), uuid4()
    await asyncio.to_thread(broker.start)
    async with (
        topics_of_a_test(broker.bootstrap, more=[DEPT]) as connection,
        relaying(connection, bench.url, publishes=BOTH) as relay,
    ):
        await publish(bench.pool, replace(ticked(case, 1), topic=DEPT), *story(case, 2))
        await published(bench.pool, "outside")
        await asyncio.to_thread(broker.kill)
        cut_last_batch(broker, connection.topic(DEPT))
        await asyncio.to_thread(broker.start)
        await publish(bench.pool, replace(ticked(case, 3), topic=DEPT), *story(case, 4))
        await published(bench.pool, "outside")
        assert ids(await on_topic(connection)) == [2, 4]
        await until(
            lambda: f"published to {connection.topic(DEPT)} are there no more" in (relay.trouble or "")
        )
        await rebuild(bench, connection, topic=DEPT)
        await publish(bench.pool, replace(ticked(case, 5), topic=DEPT))
        await published(bench.pool, "outside")
        await until(lambda: relay.trouble is None)
        assert ids(await on_topic(connection, DEPT))[-3:] == [1, 3, 5]


async def test_since_leaves_no_gap_of_what_was_lost_and_forgets_no_end(
    bench: Bench, new_kafka: NewKafka
) -> None:
    """Invariant 6: one that would let the relays go on behind a gap is refused, with the time that would do, before
    anything is changed; and where a topic ends to which it publishes nothing is still known afterwards."""
    broker, case, now = new_kafka(), uuid4(), datetime.now(UTC)
    await asyncio.to_thread(broker.start)
    stream = [replace(ticked(case, number), time=now - timedelta(hours=4 - number)) for number in (1, 2, 3)]
    of_dept = replace(ticked(uuid4(), 1), topic=DEPT, time=now - timedelta(hours=9))
    async with topics_of_a_test(broker.bootstrap, more=[DEPT]) as connection:
        for event in (of_dept, *stream):
            await relay_all(bench, connection, event)
        before = await standing(bench)
        assert await rebuild(bench, connection, since=now) == 0
        assert (await standing(bench)).ends == before.ends

        await asyncio.to_thread(broker.kill)
        cut_last_batch(broker, connection.topic(CASE_EVENTS))
        await asyncio.to_thread(broker.start)
        late = stream[1].time - timedelta(minutes=9)
        with pytest.raises(TooLate, match=f"{(late - timedelta(minutes=1)):%Y-%m-%dT%H:%M:%S}.* or earlier"):
            await rebuild(bench, connection, since=late)
        assert not (await standing(bench)).rebuilding
        assert await rebuild(bench, connection, since=late - timedelta(minutes=1)) == 2
        assert ids(await on_topic(connection)) == [1, 2, 2, 3]
        after = await standing(bench)
        assert (after.ends[DEPT], after.ends.keys()) == (before.ends[DEPT], before.ends.keys())

        await lose(connection, CASE_EVENTS)
        with pytest.raises(TooLate, match="take begin"):
            await rebuild(bench, connection, since=now)
        assert await rebuild(bench, connection, since=stream[2].time) == 1


async def test_a_gap_behind_which_another_has_written_is_seen_too(bench: Bench, new_kafka: NewKafka) -> None:
    """Each service's end is looked at by itself; one that was broken off may be run again as it was given."""
    broker, case, now = new_kafka(), uuid4(), datetime.now(UTC)
    await asyncio.to_thread(broker.start)
    async with topics_of_a_test(broker.bootstrap) as connection:
        for number in (1, 2):
            await relay_all(
                bench, connection, replace(ticked(case, number), time=now - timedelta(hours=4 - number))
            )
        await asyncio.to_thread(broker.kill)
        cut_last_batch(broker, connection.topic(CASE_EVENTS))
        await asyncio.to_thread(broker.start)
        publisher = Publisher(connection)
        sent = await publisher.send([ticked(uuid4(), number) for number in (1, 2)])
        await publisher.drop()
        async with bench.pool.acquire() as database:
            await stored_standing(database, "beside")
            await database.execute(
                "UPDATE relay.position SET ends = $1 WHERE service = 'beside'",
                orjson.dumps(sent.ends).decode(),
            )
        wanted, since = {CASE_EVENTS}.__contains__, Extent(None, now - timedelta(minutes=1))
        async with all_locks({"outside": bench.url, "beside": bench.url}, 10, lambda _: None) as held:
            sources = [await open_source(name, session, since) for name, session in held.items()]
            publisher = Publisher(connection)
            with pytest.raises(TooLate, match="or earlier"):
                await republish(sources, publisher, wanted, since, lambda _: None)
            await held["outside"].execute(
                "UPDATE relay.position SET rebuilding = true, rebuilding_since = $1", since.since
            )
            await republish(sources, publisher, wanted, since, lambda _: None)
            await publisher.drop()


@pytest.mark.parametrize("topic", [None, CASE_EVENTS])
async def test_since_begins_at_its_first_event_but_leaves_out_nothing_unpublished(
    bench: Bench, connection: KafkaConnection, topic: str | None
) -> None:
    """Also of one topic: what the relay has not published yet would come there after what is newer."""
    case, now = uuid4(), datetime.now(UTC)
    old = [replace(ticked(case, number), time=now - timedelta(days=9 - number)) for number in range(1, 5)]
    await relay_all(bench, connection, *old)
    await lose(connection, CASE_EVENTS)
    await rebuild(bench, connection, since=old[2].time)
    assert ids(await on_topic(connection)) == [3, 4]
    await publish(bench.pool, *story(case, 5))
    async with all_locks({"outside": bench.url}, 1, lambda _: None) as held:
        source = await open_source("outside", held["outside"], Extent(topic, now + timedelta(days=1)))
        [share] = await shares(source, BOTH)
    assert (share.topic, share.events) == (CASE_EVENTS, 1)


async def test_one_topic_alone_leaves_the_relay_where_it_is(
    bench: Bench, connection: KafkaConnection
) -> None:
    case = uuid4()
    await relay_all(bench, connection, ticked(case, 1), replace(ticked(case, 2), topic=DEPT))
    before = await standing(bench)
    await lose(connection, DEPT)
    assert await rebuild(bench, connection, topic=DEPT) == 1
    after = await standing(bench)
    assert after == replace(before, ends={**before.ends, DEPT: after.ends[DEPT]})
    assert after.ends[DEPT]["0"].startswith("1@"), "behind the record that was published again"
    assert ids(await on_topic(connection, DEPT)) == [2]
    assert ids(await on_topic(connection)) == [1]


@pytest.mark.parametrize("restarts", [True, False])
async def test_a_consumer_that_was_behind_applies_the_rest_and_nothing_twice(
    bench: Bench, connection: KafkaConnection, restarts: bool
) -> None:
    """Invariants 2 and 6. A consumer that goes on reading meets the new log in the middle, and must see that."""
    case = uuid4()
    await relay_all(bench, connection, *story(case, 1, 2, 3))
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 3, case)
        await publish(bench.pool, *story(case, 4, 5))  # not published when the broker is lost
        if restarts:
            await reader.close()
        await lose(connection, CASE_EVENTS)
        await rebuild(bench, connection)
        await relay_all(bench, connection, *story(case, 6))
        await apply(bench, reader, 6, case)
    assert [type_ for _, type_ in await bench.ledger.emitted(case)] == ["counter.Counted.v1"] * 6
    assert await bench.ledger.parked() == []


async def test_the_same_event_at_the_same_place_of_another_log_deceives_nobody(
    bench: Bench, connection: KafkaConnection
) -> None:
    """The lost log held a, b, c; b was the last that was read. The new one holds c, b, a: b stands where it stood,
    and c, never read, is before it.
    """
    a, b, c = (ticked(uuid4(), 1, amount) for amount in (1, 2, 3))
    publisher = Publisher(connection)
    await publisher.send([a, b])
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 2, b.case_id)
    await publisher.drop()
    await lose(connection, CASE_EVENTS)
    publisher = Publisher(connection)
    await publisher.send([c, b, a], "e2")
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 3, c.case_id)
    await publisher.drop()
    assert await bench.ledger.totals() == {a.case_id: 1, b.case_id: 2, c.case_id: 3}


async def test_a_stream_with_fewer_partitions_is_shared_out_anew(
    bench: Bench, connection: KafkaConnection
) -> None:
    """A static member that comes back has what it had, partitions that are there no more among them: it takes
    another name."""
    await lose(connection, CASE_EVENTS, partitions=3)
    first, second = uuid4(), uuid4()
    publisher = Publisher(connection)
    await publisher.send(story(first, 1))
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 1, first)
    await lose(connection, CASE_EVENTS, partitions=2)
    await publisher.drop()
    await publisher.send(story(second, 1))
    await publisher.drop()
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 1, second)


async def test_what_retention_deleted_before_it_was_read_is_told(
    bench: Bench, connection: KafkaConnection, caplog: pytest.LogCaptureFixture
) -> None:
    case = uuid4()
    await relay_all(bench, connection, *story(case, 1, 2))
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 2, case)
    await relay_all(bench, connection, *story(case, 3, 4, 5))
    admin = AIOKafkaAdminClient(**connection.options())
    await admin.start()
    place = TopicPartition(connection.topic(CASE_EVENTS), 0)
    await admin.delete_records({place: RecordsToDelete(6)})
    await admin.close()
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 3, case)
    assert "4 records were deleted by retention before they were read" in caplog.text


async def test_the_check_finds_what_was_not_applied_and_what_is_not_on_a_topic(
    bench: Bench, connection: KafkaConnection
) -> None:
    good, bad, lost = uuid4(), uuid4(), ticked(uuid4(), 1)
    told = story(good, 1, 2)
    refused = [ticked(bad, 1, 13), ticked(bad, 2)]
    await relay_all(bench, connection, *told, *refused)
    async with reading(bench, connection) as reader:
        await apply(bench, reader, 2, good, parked=refused)
    async with bench.pool.acquire() as database:
        await publish(bench.pool, lost)
        now = datetime.now(UTC)
        for late, counts in (
            (now, {"applied": 2, "parked": 2, "missing": 1, "waiting": 0}),
            (now - timedelta(hours=1), {"applied": 2, "parked": 2, "missing": 0, "waiting": 1}),
        ):
            found = await account("counter", Counter.consumes, database, [database], late)
            assert found.counts == counts
            assert found.missing == [lost.id][: counts["missing"]]
        assert await published_topics("outside", database) == {CASE_EVENTS}
        whole = await compare(connection, CASE_EVENTS, [("outside", database)])
        assert (whole.records, whole.expected, whole.missing) == (4, 4, 0)
        await lose(connection, CASE_EVENTS)
        empty = await compare(connection, CASE_EVENTS, [("outside", database)])
        assert (empty.records, empty.expected, empty.missing) == (0, 4, 4)
        publisher = Publisher(connection)
        kept = [ticked(good, 1), ticked(bad, 2)]
        await publisher.send([replace(event, time=now - timedelta(hours=1)) for event in kept])
        await publisher.drop()
        holes = await compare(connection, CASE_EVENTS, [("outside", database)])
        assert sorted(holes.examples) == sorted([f"outside/{good}/2", f"outside/{bad}/1"])


async def test_the_mark_of_a_foreign_transaction_at_the_end_stops_no_look(
    bench: Bench, connection: KafkaConnection
) -> None:
    """The client hands out no record that says so: neither the check waits for one, nor who publishes first."""
    case = uuid4()
    await relay_all(bench, connection, *story(case, 1, 2))
    async with AIOKafkaProducer(transactional_id=uuid4().hex, **connection.options()) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(connection.topic(CASE_EVENTS), b"{}")
        await producer.abort_transaction()
    async with bench.pool.acquire() as database:
        found = await compare(connection, CASE_EVENTS, [("outside", database)])
    assert (found.records, found.expected, found.missing) == (3, 2, 0)
    assert await partitions_in_use(connection, CASE_EVENTS) == 1
    assert await cut_short(connection, (await standing(bench)).ends) == set()


@pytest.mark.parametrize("says", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)])
async def test_a_foreign_record_does_not_say_since_when_a_topic_holds_events(
    bench: Bench, connection: KafkaConnection, says: datetime
) -> None:
    """Where retention has deleted the beginning, the first event that a log knows tells, not others."""
    case, now = uuid4(), datetime.now(UTC)
    old = [replace(ticked(case, n), topic=DEPT, time=now - timedelta(hours=9 - n)) for n in (1, 2)]
    await relay_all(bench, connection, *old)
    async with Topics(connection) as topics:
        place = TopicPartition(connection.topic(DEPT), 0)
        await topics._admin.delete_records({place: RecordsToDelete(2)})
    foreign = replace(ticked(uuid4(), 1), time=says)
    async with AIOKafkaProducer(**connection.options()) as producer:
        await producer.send_and_wait(connection.topic(DEPT), b"{}", headers=headers(foreign, ""))
    newer = [replace(ticked(case, n), topic=DEPT, time=now - timedelta(hours=5 - n)) for n in (3, 4)]
    await relay_all(bench, connection, *newer)
    async with bench.pool.acquire() as database:
        found = await compare(connection, DEPT, [("outside", database)])
    assert (found.expected, found.missing, found.older) == (1, 0, 3)


async def test_what_was_published_again_behind_newer_events_is_looked_at(
    bench: Bench, connection: KafkaConnection
) -> None:
    """A topic that was made anew begins with what came then: what is older than all it holds is told of."""
    case, now = uuid4(), datetime.now(UTC)
    events = [replace(ticked(case, n), topic=DEPT, time=now + timedelta(minutes=n)) for n in (1, 2, 3)]
    await relay_all(bench, connection, *events)
    await lose(connection, DEPT)
    publisher = Publisher(connection)
    await publisher.send(events[2:])
    async with bench.pool.acquire() as database:
        found = await compare(connection, DEPT, [("outside", database)])
        assert (found.records, found.expected, found.missing, found.older) == (1, 1, 0, 2)
        await publisher.send(events[:1])
        found = await compare(connection, DEPT, [("outside", database)])
    await publisher.drop()
    assert (found.records, found.expected, found.missing, found.older) == (2, 3, 1, 0)


async def test_the_position_that_is_stored_can_be_read_again(
    bench: Bench, connection: KafkaConnection
) -> None:
    await publish(bench.pool, *story(uuid4(), 1))
    await rebuild(bench, connection)
    stored = (await standing(bench)).position
    assert Position.parse(str(stored)) == stored
