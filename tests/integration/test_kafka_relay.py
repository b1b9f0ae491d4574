"""The relay on a real broker: order, one at work, outages, topics that are missing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import NewPartitions
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.database import Connection
from chassis.kafka import connection as connection_module
from chassis.kafka import held as held_module
from chassis.kafka import publisher as publisher_module
from chassis.kafka import relay as relay_module
from chassis.kafka.connection import STOP_S, KafkaConnection
from chassis.kafka.ends import Ends
from chassis.kafka.lock import LOCK_SPACE
from chassis.kafka.offsets import looking
from chassis.kafka.publisher import Publisher, Sent
from chassis.kafka.relay import Relay, store_position, unpublished
from chassis.kafka.topics import Topic, Topics
from chassis.log import Position
from chassis.migrate import CHASSIS, RELAY
from chassis.recording import Recorder
from chassis.telemetry import Telemetry
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS
from tests.conftest import NewKafka
from tests.databases import COUNTER, Databases
from tests.integration.conftest import Bench
from tests.kafka_kit import on_topic, published, relaying, topics_of_a_test, until
from tests.toy import publish, ticked


@pytest.fixture
async def counter_url(databases: Databases) -> AsyncIterator[str]:
    """A database that is relayed."""
    async with databases.lent(CHASSIS, COUNTER, RELAY) as address:
        yield address


@pytest.fixture
async def connection(bench: Bench, kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """Topics of this test, and a database that is relayed."""
    async with topics_of_a_test(kafka_bootstrap, partitions=3, more=["dept.X.assigned"]) as made:
        yield made


def story(cases: Sequence[UUID], length: int) -> list[Envelope]:
    """Events of several cases, interleaved."""
    return [ticked(case, sequence) for sequence in range(1, length + 1) for case in cases]


def by_case(events: Sequence[Envelope]) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    for event in events:
        found.setdefault(event.case_id, []).append(event.sequence)
    return found


async def test_publishes_everything_once_in_the_order_of_each_case(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "BATCH", 7)
    cases = [uuid4() for _ in range(5)]
    async with relaying(connection, bench.url):
        for number in range(4):
            await publish(
                bench.pool, *(replace(e, sequence=e.sequence + 10 * number) for e in story(cases, 10))
            )
        await published(bench.pool, "outside")
    assert by_case(await on_topic(connection)) == {case: list(range(1, 41)) for case in cases}


async def test_topics_that_do_not_exist_for_the_service_are_passed_over(
    bench: Bench, connection: KafkaConnection
) -> None:
    """Communities have no topics of their own: their events stay in the log, for the feed."""
    here, there = ticked(uuid4(), 1), replace(ticked(uuid4(), 1), topic="dept.X.assigned")
    nowhere = replace(ticked(uuid4(), 1), topic="dept.GL0101.assigned")
    async with relaying(connection, bench.url, publishes={CASE_EVENTS, "dept.X.assigned"}.__contains__):
        await publish(bench.pool, nowhere, here, there)
        await published(bench.pool, "outside")
    assert [event.case_id for event in await on_topic(connection)] == [here.case_id]
    assert [event.case_id for event in await on_topic(connection, "dept.X.assigned")] == [there.case_id]


async def test_the_span_of_a_delivery_counts_all_and_links_the_traced(connection: KafkaConnection) -> None:
    exported = InMemorySpanExporter()
    telemetry = Telemetry(Recorder("outside", SimpleSpanProcessor(exported)), 0)
    untraced = [replace(ticked(uuid4(), 1), topic="dept.X.assigned") for _ in range(3)]
    traced = replace(untraced[0], case_id=uuid4(), traceparent=f"00-{1:032x}-{7:016x}-01")
    publisher = Publisher(connection, telemetry)
    await publisher.send([*untraced, traced])
    await publisher.drop()
    [span] = exported.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["messaging.batch.message_count"] == 4
    assert [link.context.span_id for link in span.links] == [7]


async def test_one_of_two_relays_works_and_the_other_takes_over(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    case = uuid4()
    async with relaying(connection, bench.url) as first:
        await until(lambda: first.leads)
        async with relaying(connection, bench.url) as second:
            await publish(bench.pool, ticked(case, 1))
            await published(bench.pool, "outside")
            assert (first.leads, second.leads) == (True, False)
            first.stop()
            await until(lambda: second.leads)
            await publish(bench.pool, ticked(case, 2))
            await published(bench.pool, "outside")
    assert by_case(await on_topic(connection)) == {case: [1, 2]}


async def test_a_relay_that_lost_its_session_stops_publishing(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock and the position are of one session: nothing is stored by who does not lead any more."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    case = uuid4()
    async with relaying(connection, bench.url) as relay:
        await publish(bench.pool, ticked(case, 1))
        await published(bench.pool, "outside")
        async with bench.pool.acquire() as admin:
            ended = await admin.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_locks"
                " WHERE locktype = 'advisory' AND classid = $1 AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())",
                LOCK_SPACE,
            )
        assert ended == 1
        await publish(bench.pool, ticked(case, 2))
        await published(bench.pool, "outside")
        assert relay.leads
    assert by_case(await on_topic(connection)) == {case: [1, 2]}


async def test_the_stand_by_takes_over_from_a_relay_that_is_frozen(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariants 1 and 2. It leaves its session alone, so it loses the lock; awake, it publishes nothing newer."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    case = uuid4()
    monkeypatch.setattr(relay_module, "ALONE_S", 0.5)
    frozen, awake = asyncio.Event(), asyncio.Event()
    async with relaying(connection, bench.url) as first:
        send = first._publisher.send

        async def freeze(events: Sequence[Envelope], edition: str) -> Sent:
            frozen.set()
            await awake.wait()
            return await send(events, edition)

        monkeypatch.setattr(first._publisher, "send", freeze)
        await until(lambda: first.leads)
        monkeypatch.setattr(relay_module, "ALONE_S", 30.0)  # for the stand-by, which is well
        await publish(bench.pool, ticked(case, 1))
        await asyncio.wait_for(frozen.wait(), 10)
        async with relaying(connection, bench.url) as second:
            await publish(bench.pool, ticked(case, 2))
            await published(bench.pool, "outside")
            assert second.leads
            awake.set()
            await until(lambda: not first.leads)
            await publish(bench.pool, ticked(case, 3))
            await published(bench.pool, "outside")
    found = by_case(await on_topic(connection))[case]
    assert list(dict.fromkeys(found)) == [1, 2, 3]
    assert sorted(found) in ([1, 1, 2, 3], [1, 2, 3]), "what the frozen one had in hand may come twice"


async def test_a_missing_topic_is_told_and_nothing_is_lost(
    bench: Bench, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relay_module, "RETRY_S", 0.05)
    connection = KafkaConnection(kafka_bootstrap, prefix=f"t{uuid4().hex}.")
    case = uuid4()
    async with relaying(connection, bench.url) as relay:
        await publish(bench.pool, ticked(case, 1))
        await until(lambda: "if it is new, `python -m services topics apply` makes it" in caplog.text)
        assert (relay.trouble or "").startswith(
            f"events wait to be published: there is no topic {connection.topic(CASE_EVENTS)}"
        )
        async with bench.pool.acquire() as database:
            assert (await unpublished(database, "outside")).events == 1
        async with Topics(connection) as topics:
            await topics.create([Topic(CASE_EVENTS, 1, 1)])
            await published(bench.pool, "outside")
            assert by_case(await on_topic(connection)) == {case: [1]}
            assert relay.trouble is None
            await topics.delete([connection.topic(CASE_EVENTS)])


async def test_a_department_without_its_topic_holds_back_its_own_events_only(
    bench: Bench,
    connection: KafkaConnection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A department that is new, or whose topic was deleted: it gets all its events, in order, once it is there."""
    monkeypatch.setattr(relay_module, "LOOK_S", 0.05)
    monkeypatch.setattr(held_module, "AT_ONCE", 2)
    monkeypatch.setattr(relay_module, "AT_ONCE", 2)
    new, case = "dept.NEW.assigned", uuid4()
    publishes = {CASE_EVENTS, "dept.X.assigned", new}.__contains__
    topic = connection.topic(new)
    async with relaying(connection, bench.url, publishes=publishes) as relay:
        for number in range(1, 8):
            await publish(
                bench.pool, replace(ticked(case, 2 * number), topic=new), ticked(case, 2 * number + 1)
            )
        await published(bench.pool, "outside")
        assert by_case(await on_topic(connection)) == {case: [3, 5, 7, 9, 11, 13, 15]}
        assert (
            f"there is no topic {topic}: if it is new, `python -m services topics apply` makes it"
            in caplog.text
        )
        assert missing_topics(relay) == 1
    async with Topics(connection) as topics:
        async with relaying(connection, bench.url, publishes=publishes) as relay:
            await until(lambda: missing_topics(relay) == 1)  # it is remembered
            await topics.create([Topic(new, 1, 1)])
            await until(lambda: missing_topics(relay) == 0)
            await publish(bench.pool, replace(ticked(case, 16), topic=new))
            await published(bench.pool, "outside")
        assert by_case(await on_topic(connection, new)) == {case: [2, 4, 6, 8, 10, 12, 14, 16]}
        await topics.delete([topic])


async def test_a_topic_that_is_deleted_while_the_relay_works_stops_no_other(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "RETRY_S", 0.1)
    monkeypatch.setattr(publisher_module, "DELIVERY_S", 2.0)
    monkeypatch.setattr(connection_module, "STOP_S", 1.0)
    dept, case = "dept.X.assigned", uuid4()
    publishes = {CASE_EVENTS, dept}.__contains__
    async with relaying(connection, bench.url, publishes=publishes) as relay, Topics(connection) as topics:
        await publish(bench.pool, replace(ticked(case, 1), topic=dept))
        await published(bench.pool, "outside")
        await topics.delete([connection.topic(dept)])
        async with asyncio.timeout(30):
            while connection.topic(dept) in await topics.names():
                await asyncio.sleep(0.05)  # polled: the broker deletes it after it has answered
        await publish(bench.pool, replace(ticked(case, 2), topic=dept), ticked(case, 3))
        await published(bench.pool, "outside")
        assert set(by_case(await on_topic(connection))[case]) == {3}
        assert missing_topics(relay) == 1
        await topics.create([Topic(dept, 1, 1)])
        await until(lambda: "are there no more" in (relay.trouble or ""))  # 1 was deleted with the topic
        assert missing_topics(relay) == 1
    assert await on_topic(connection, dept) == []


@pytest.mark.parametrize("service", ["outside", "new"])
async def test_partitions_that_are_added_get_no_events(
    bench: Bench, connection: KafkaConnection, caplog: pytest.LogCaptureFixture, service: str
) -> None:
    """Invariant 2: in another partition a case's later events could overtake its earlier ones.

    That holds too for a service that publishes for the first time.
    """
    cases = [uuid4() for _ in range(20)]
    async with relaying(connection, bench.url):
        await publish(bench.pool, *(ticked(case, 1) for case in cases))
        await published(bench.pool, "outside")
    async with Topics(connection) as topics:
        await topics._admin.create_partitions({connection.topic(CASE_EVENTS): NewPartitions(8)})
        async with asyncio.timeout(30):
            while await partitions_of(topics) < 8:
                await asyncio.sleep(0.05)  # polled: the broker makes them after it has answered
    async with relaying(connection, bench.url, service):  # a new producer, which asks how many there are
        await publish(bench.pool, *(ticked(case, 2) for case in cases))
        await published(bench.pool, service)
    async with looking(connection, CASE_EVENTS) as (consumer, places):
        ends = await consumer.end_offsets(places)
    assert sum(ends.values()) == (40 if service == "outside" else 60), "a new one begins with the whole log"
    assert {place.partition for place, end in ends.items() if end} == {0, 1, 2}
    assert "has 8 partitions now: events go on to the first 3" in caplog.text


async def partitions_of(topics: Topics) -> int:
    [found] = await topics.differences([Topic(CASE_EVENTS, 0, 1)])
    return found.partitions or 0


async def test_its_position_costs_no_flush(
    bench: Bench, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def store(
        database: Connection,
        service: str,
        start: Position,
        end: Position,
        partitions: int | None,
        ends: Ends | None,
    ) -> Position:
        seen.append(await database.fetchval("SHOW synchronous_commit"))
        return await store_position(database, service, start, end, partitions, ends)

    monkeypatch.setattr(relay_module, "store_position", store)
    async with relaying(connection, bench.url):
        await publish(bench.pool, ticked(uuid4(), 1))
        await published(bench.pool, "outside")
    assert set(seen) == {"off"}


def missing_topics(relay: Relay) -> float:
    return relay._metrics.registry.get_sample_value("caseladder_topics_missing") or 0.0


@pytest.mark.parametrize("outage", ["killed", "stuck"])
async def test_what_waited_while_the_broker_was_away_is_published_in_order(
    bench: Bench, new_kafka: NewKafka, monkeypatch: pytest.MonkeyPatch, outage: str
) -> None:
    """Invariants 1 and 2: killed and started again, or alive without an answer (aiokafka #1101)."""
    monkeypatch.setattr(relay_module, "RETRY_S", 0.1)
    monkeypatch.setattr(connection_module, "STOP_S", 1.0)
    for name, seconds in (("DELIVERY_S", 2.0), ("ANSWER_S", 2.0)):
        monkeypatch.setattr(publisher_module, name, seconds)
    broker = new_kafka()
    await asyncio.to_thread(broker.start)
    cases = [uuid4() for _ in range(3)]
    async with topics_of_a_test(broker.bootstrap) as connection, relaying(connection, bench.url) as relay:
        await publish(bench.pool, *story(cases, 5))
        await published(bench.pool, "outside")
        await asyncio.to_thread(broker.kill if outage == "killed" else broker.pause)
        for number in range(1, 4):
            await publish(
                bench.pool, *(replace(e, sequence=e.sequence + 5 * number) for e in story(cases, 5))
            )
        await until(lambda: relay.trouble is not None)
        await asyncio.to_thread(broker.start if outage == "killed" else broker.resume)
        await published(bench.pool, "outside")
        found = by_case(await on_topic(connection))
    for case in cases:
        news = [
            number for place, number in enumerate(found[case]) if number > max(found[case][:place], default=0)
        ]
        assert news == list(range(1, 21)), "without what a reader skips by its sequence, all in order"


async def test_ends_in_time_while_the_broker_is_away(bench: Bench, new_kafka: NewKafka) -> None:
    broker = new_kafka()
    await asyncio.to_thread(broker.start)
    relay = Relay(KafkaConnection(broker.bootstrap), bench.url, "outside", {CASE_EVENTS}.__contains__)
    async with Topics(KafkaConnection(broker.bootstrap)) as topics:
        await topics.create([Topic(CASE_EVENTS, 1, 1)])
    working = asyncio.create_task(relay.run())
    await publish(bench.pool, ticked(uuid4(), 1))
    await published(bench.pool, "outside")
    await asyncio.to_thread(broker.pause)
    await publish(bench.pool, ticked(uuid4(), 1))
    relay.stop()
    await asyncio.wait_for(working, publisher_module.DELIVERY_S + STOP_S + 5)
