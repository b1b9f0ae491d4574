"""The inbox alone, on a real broker: outages, a second process, what it leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.commands import Unavailable
from chassis.kafka import inbox as inbox_module
from chassis.kafka.connection import KafkaConnection, let_go
from chassis.kafka.inbox import Inbox
from chassis.kafka.letters import Letter
from chassis.kafka.topics import Topic, Topics
from chassis.metrics import Metrics
from chassis.migrate import CHASSIS, RELAY
from chassis.recording import Recorder
from chassis.telemetry import SpanKind, Telemetry
from tests.conftest import NewKafka
from tests.databases import Databases
from tests.kafka_kit import topics_of_a_test, until

TOPICS = [f"dept.{number}.replies" for number in range(12)]
LIMIT_S = 60


class Settled:
    """Remembers the letters, and may refuse to settle some time."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.traceparents: list[bytes] = []
        self.tried = 0
        self.error: Exception | None = None

    async def __call__(self, letters: Sequence[Letter]) -> None:
        self.tried += 1
        if self.error:
            raise self.error
        self.values += [letter.value for letter in letters]
        self.traceparents += [letter.headers.get("traceparent", b"") for letter in letters]

    def has(self, value: bytes, count: int) -> bool:
        """Whether so many of a value were settled."""
        return self.values.count(value) == count


@asynccontextmanager
async def reading(
    connection: KafkaConnection, url: str, settled: Settled, telemetry: Telemetry | None = None
) -> AsyncIterator[Inbox]:
    inbox = Inbox(connection, url, "router", TOPICS, settled, Metrics(), telemetry or Telemetry(None, 0))
    working = asyncio.create_task(inbox.run())
    try:
        yield inbox
    finally:
        inbox.stop()
        await asyncio.wait_for(working, LIMIT_S)


async def write(connection: KafkaConnection, *values: bytes, topic: str = TOPICS[3]) -> None:
    async with AIOKafkaProducer(**connection.options()) as producer:
        for value in values:
            await asyncio.wait_for(producer.send_and_wait(connection.topic(topic), value, key=b"-"), LIMIT_S)


@pytest.fixture
async def connection(kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    async with topics_of_a_test(kafka_bootstrap, more=TOPICS) as made:
        yield made


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent(CHASSIS, RELAY) as address:
        yield address


async def test_a_broker_that_dies_and_comes_back_is_read_on(new_kafka: NewKafka, url: str) -> None:
    """While it is away fetches fail all the time, and aiokafka's `stop` lets their cancellation out."""
    settled = Settled()
    with new_kafka() as broker:
        connection = KafkaConnection(broker.bootstrap)
        async with Topics(connection) as topics:
            await topics.create([Topic(name, 1, 1) for name in TOPICS])
        async with reading(connection, url, settled) as inbox:
            await write(connection, b"1")
            await until(lambda: settled.values == [b"1"])
            broker.kill()
            await until(lambda: inbox.trouble is not None)
            await asyncio.sleep(8)  # the outage itself: long enough for requests to fail
            broker.start()
            await write(connection, b"2", b"3")
            await until(lambda: settled.values == [b"1", b"2", b"3"])
            await until(lambda: inbox.trouble is None)


@pytest.mark.parametrize("error", [Unavailable("no database"), RuntimeError("a defect")])
async def test_what_is_not_settled_comes_again(
    connection: KafkaConnection, url: str, error: Exception
) -> None:
    settled = Settled()
    settled.error = error
    async with reading(connection, url, settled):
        await write(connection, b"1", b"2")
        await until(lambda: settled.tried >= 2)
        assert settled.values == []
        settled.error = None
        await until(lambda: settled.values == [b"1", b"2"])


async def test_what_becomes_of_a_traced_letter_stays_in_its_writers_trace(
    connection: KafkaConnection, url: str
) -> None:
    """By the conventions: a span of the receipt, linked, and one of each letter that its writer traces."""
    exported = InMemorySpanExporter()
    telemetry = Telemetry(Recorder("router", SimpleSpanProcessor(exported)), 0)
    settled, topic = Settled(), connection.topic(TOPICS[3])
    trace, writer = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    sent = {b"traced": f"00-{trace}-{writer}-01", b"untraced": f"00-{trace}-{writer}-00", b"odd": "\xff"}
    async with AIOKafkaProducer(**connection.options()) as producer:
        batch = producer.create_batch()
        for value, header in sent.items():
            headers = [("traceparent", header.encode("latin-1"))]
            batch.append(key=None, value=value, timestamp=None, headers=headers)
        await (await producer.send_batch(batch, topic, partition=0))
    async with reading(connection, url, settled, telemetry):
        await until(lambda: len(exported.get_finished_spans()) == 2)
    process, receive = sorted(exported.get_finished_spans(), key=lambda span: span.name)
    assert (process.name, process.kind) == (f"process {topic}", SpanKind.CONSUMER)
    assert process.parent is not None
    assert (f"{process.context.trace_id:032x}", f"{process.parent.span_id:016x}") == (trace, writer)
    assert [link.context.span_id for link in process.links] == [receive.context.span_id]
    assert (receive.name, receive.kind, receive.parent) == (f"receive {topic}", SpanKind.CLIENT, None)
    assert [f"{link.context.span_id:016x}" for link in receive.links] == [writer]
    there = dict(receive.attributes or {})
    assert there.pop("messaging.batch.message_count") == 3
    assert there | dict(process.attributes or {}) == there | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.message.id": (process.attributes or {})["messaging.message.id"],
    }
    effect = f"00-{trace}-{process.context.span_id:016x}-01"
    assert settled.traceparents == [effect.encode(), sent[b"untraced"].encode(), b"\xff"]


async def test_a_second_process_waits_and_takes_over(connection: KafkaConnection, url: str) -> None:
    first, second = Settled(), Settled()
    async with reading(connection, url, first):
        await write(connection, b"1")
        await until(lambda: first.values == [b"1"])
        async with reading(connection, url, second) as waiting:
            waiting.trouble = "letters of departments wait: a broker that was away"
            await until(lambda: waiting.trouble is None)  # that another process reads them is no trouble
            await write(connection, b"2")
            await until(lambda: first.values == [b"1", b"2"])
            assert second.tried == 0
    async with reading(connection, url, second):
        await write(connection, b"3", topic=TOPICS[5])
        await until(lambda: second.values == [b"3"])


async def test_the_stand_by_takes_over_from_an_inbox_that_is_frozen(
    connection: KafkaConnection, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves its session alone, so it loses the lock; awake, it can store nothing."""
    monkeypatch.setattr(inbox_module, "ALONE_S", 2.0)
    frozen, awake, second = asyncio.Event(), asyncio.Event(), Settled()

    class Sleeper(Settled):
        async def __call__(self, letters: Sequence[Letter]) -> None:
            frozen.set()
            await awake.wait()
            await super().__call__(letters)

    first = Sleeper()
    async with reading(connection, url, first) as sleeper:
        await write(connection, b"1")
        await asyncio.wait_for(frozen.wait(), LIMIT_S)
        monkeypatch.setattr(inbox_module, "ALONE_S", 30.0)  # for the stand-by, which is well
        async with reading(connection, url, second):
            await until(lambda: second.values == [b"1"])
            awake.set()
            await until(lambda: sleeper.trouble is not None)  # its session has gone
            await until(lambda: sleeper.trouble is None)  # another process reads them
            await write(connection, b"2")
            await until(lambda: second.values == [b"1", b"2"])
    assert first.values == [b"1"], "settled once more, which is harmless"


async def test_what_a_sender_has_taken_back_was_never_sent(connection: KafkaConnection, url: str) -> None:
    settled = Settled()
    topic = connection.topic(TOPICS[3])
    async with AIOKafkaProducer(transactional_id=uuid4().hex, **connection.options()) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"taken back", key=b"-")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"meant", key=b"-")
    for count in (1, 2):  # begun behind the end of a transaction, too
        async with reading(connection, url, settled):
            await write(connection, b"plain")
            await until(partial(settled.has, b"plain", count))
    assert settled.values == [b"meant", b"plain", b"plain"]


async def test_replies_that_retention_deleted_cannot_be_published_again_by_us(
    connection: KafkaConnection, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settled = Settled()
    async with reading(connection, url, settled):
        await write(connection, b"1")
        await until(partial(settled.has, b"1", 1))
    await write(connection, b"2", b"3", b"4")
    admin = AIOKafkaAdminClient(**connection.options())
    await admin.start()
    await admin.delete_records({TopicPartition(connection.topic(TOPICS[3]), 0): RecordsToDelete(3)})
    await admin.close()
    async with reading(connection, url, settled):
        await until(partial(settled.has, b"4", 1))
    assert (
        "2 records were deleted by retention before they were read: they are in no log of ours" in caplog.text
    )
    assert "republish" not in caplog.text


async def test_a_topic_of_replies_that_is_missing_shows_in_a_metric(
    kafka_bootstrap: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others are read; it counts until it is there, and only where the inbox is at work."""
    monkeypatch.setattr(inbox_module, "LOOK_S", 0.05)
    monkeypatch.setattr(inbox_module, "TOPICS_S", 0.05)
    monkeypatch.setattr(inbox_module, "RETRY_S", 0.05)
    async with (
        topics_of_a_test(kafka_bootstrap, more=TOPICS[1:]) as connection,
        reading(connection, url, Settled()) as first,
    ):
        await until(lambda: missing_topics(first) == 1)
        async with reading(connection, url, Settled()) as second:
            first.stop()
            await until(lambda: missing_topics(second) == 1)
            async with Topics(connection) as topics:
                await topics.create([Topic(TOPICS[0], 1, 1)])
                await until(lambda: missing_topics(second) == 0)
                await topics.delete([connection.topic(TOPICS[0])])


def missing_topics(inbox: Inbox) -> float | None:
    return inbox._metrics.registry.get_sample_value("caseladder_inbox_topics_missing")


class Unwilling:
    """A consumer that does not end in order."""

    def __init__(self, how: BaseException | None) -> None:
        self._how = how
        self._client = self
        self.is_closed = False

    async def stop(self) -> None:
        if self._how is None:
            await asyncio.Event().wait()
        else:
            raise self._how

    async def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("how", [asyncio.CancelledError(), OSError("gone"), None], ids=repr)
async def test_a_consumer_that_does_not_end_in_order_is_cut_off(how: BaseException | None) -> None:
    """And nothing of it reaches whoever lets it go."""
    consumer = Unwilling(how)
    await asyncio.wait_for(let_go(consumer), LIMIT_S)
    assert consumer.is_closed
