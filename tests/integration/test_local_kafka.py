"""The local Apache Kafka: clients, restarts, kill -9, a pause, a second owner, log-in and access control."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from chassis.kafka.local_broker import LocalKafka, LocalKafkaError, Sasl
from chassis.kafka.local_host import answers
from tests.conftest import NewKafka

Login = Mapping[str, Any]
ANYBODY: Login = {}
SECONDS = 30.0


def scram(user: str, password: str) -> Login:
    """The client's settings of a log-in."""
    login = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512"}
    return login | {"sasl_plain_username": user, "sasl_plain_password": password}


@asynccontextmanager
async def producing(
    bootstrap: str, login: Login = ANYBODY, *, enable_idempotence: bool = True
) -> AsyncIterator[AIOKafkaProducer]:
    """A producer as the relay's will be: idempotent, acknowledged by all."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=enable_idempotence, **login
    )
    try:
        await asyncio.wait_for(producer.start(), SECONDS)
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), SECONDS)


@asynccontextmanager
async def administering(bootstrap: str, login: Login = ANYBODY) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **login)
    try:
        await asyncio.wait_for(admin.start(), SECONDS)
        yield admin
    finally:
        await admin.close()


async def make_topic(bootstrap: str, partitions: int = 1, login: Login = ANYBODY) -> str:
    """A new topic with a name of its own."""
    name = f"test.{uuid4().hex}"
    async with administering(bootstrap, login) as admin:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    return name


async def write(bootstrap: str, topic: str, values: Sequence[bytes], login: Login = ANYBODY) -> None:
    """Return when all are acknowledged; the key of each is its value."""
    async with producing(bootstrap, login) as producer:
        sent = [await producer.send(topic, value, key=value) for value in values]
        await asyncio.wait_for(asyncio.gather(*sent), SECONDS)


async def read(bootstrap: str, topic: str, partitions: int = 1, login: Login = ANYBODY) -> list[bytes]:
    """All records of a topic, from the beginning to the end that it has now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", **login)
    values: list[bytes] = []
    try:
        await asyncio.wait_for(consumer.start(), SECONDS)
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        ends = await asyncio.wait_for(consumer.end_offsets(assigned), SECONDS)
        while len(values) < sum(ends.values()):
            batches = await consumer.getmany(timeout_ms=int(SECONDS * 1000))
            assert batches, f"only {len(values)} of {sum(ends.values())} records came"
            values += [record.value for records in batches.values() for record in records]
    finally:
        await consumer.stop()
    return values


async def test_topics_are_made_written_and_read(kafka_bootstrap: str) -> None:
    """The shared broker serves an admin client, an idempotent producer and a consumer."""
    topic = await make_topic(kafka_bootstrap, 3)
    values = [f"case-{number}".encode() for number in range(500)]
    await write(kafka_bootstrap, topic, values)
    assert sorted(await read(kafka_bootstrap, topic, 3)) == sorted(values)


async def test_a_group_goes_on_where_it_committed(kafka_bootstrap: str) -> None:
    """The group coordinator works, with one node and its internal topics unreplicated."""
    topic = await make_topic(kafka_bootstrap)
    await write(kafka_bootstrap, topic, [b"first", b"second"])
    for expected in (b"first", b"second"):
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=kafka_bootstrap,
            group_id=topic,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            record = await asyncio.wait_for(consumer.getone(), SECONDS)
            assert record.value == expected
            await consumer.commit({TopicPartition(topic, 0): record.offset + 1})
        finally:
            await consumer.stop()


async def test_an_unknown_topic_is_not_made_by_the_way(kafka_bootstrap: str) -> None:
    """A typing error must be an error, not a topic with one partition."""
    known, unknown = await make_topic(kafka_bootstrap), f"unknown.{uuid4().hex}"
    async with producing(kafka_bootstrap) as producer:
        with pytest.raises(TimeoutError):  # the client asks again and again
            await asyncio.wait_for(producer.partitions_for(unknown), 1)
    async with administering(kafka_bootstrap) as admin:
        topics = await admin.list_topics()
    assert known in topics
    assert unknown not in topics


async def test_data_survive_a_stop_a_kill_and_a_pause(new_kafka: NewKafka) -> None:
    """Acknowledged records are there after a restart and after kill -9, at the same address."""
    broker = new_kafka()
    assert broker.pid is None
    with broker:
        address = broker.bootstrap
        topic = await make_topic(address)
        await write(address, topic, [b"before the stop"])
    assert not answers(address)
    with broker:
        assert broker.bootstrap == address
        await write(address, topic, [b"before the kill"])
        broker.kill()
        assert not answers(address)
        broker.start()
        assert await read(address, topic) == [b"before the stop", b"before the kill"]
        broker.pause()
        assert not answers(address, 0.3)
        broker.resume()
        assert answers(address, SECONDS)
        broker.pause()  # and stop() ends it all the same
    assert broker.pid is None


def test_only_one_owner_of_a_directory_and_of_a_port(new_kafka: NewKafka, tmp_path: Path) -> None:
    with new_kafka() as broker:
        with pytest.raises(LocalKafkaError, match=r"another process is using the Kafka in .*/kafka"):
            new_kafka().start()
        port = int(broker.bootstrap.rpartition(":")[2])
        with pytest.raises(LocalKafkaError, match=f"port {port} of 127.0.0.1, wanted for Kafka, is not free"):
            LocalKafka(tmp_path / "other", port=port).start()
        assert answers(broker.bootstrap)


def test_a_broken_setting_is_told_with_the_end_of_the_log(new_kafka: NewKafka, tmp_path: Path) -> None:
    new_kafka()  # skips where there is no Java
    broker = LocalKafka(tmp_path / "kafka", settings={"num.io.threads": "many"})
    with pytest.raises(LocalKafkaError, match=r"many for configuration num\.io\.threads"):
        broker.start()


OWNER = """
import pathlib, sys
from tests.kafka_broker import small
broker = small(pathlib.Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_owner_leaves_no_broker_behind(new_kafka: NewKafka) -> None:
    """kill -9 of the owner: its broker ends, and the next owner starts on the same data."""
    broker = new_kafka()
    command = [sys.executable, "-c", OWNER, str(broker.data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        orphan = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        with broker:
            assert broker.pid != orphan
            assert not Path(f"/proc/{orphan}/exe").exists()


async def test_access_control_holds(new_kafka: NewKafka) -> None:
    """Log-in by SCRAM: a wrong password is refused, and a user reads what an ACL allows and nothing else."""
    secret = "the-secret-of-the-admin"
    broker, admin = new_kafka(sasl=Sasl(secret)), scram("admin", secret)
    with broker:
        address = broker.bootstrap
        own, seen, hidden = [await make_topic(address, login=admin) for _ in range(3)]
        for topic in (own, seen, hidden):
            await write(address, topic, [b"assigned"], admin)
        user = ("--alter", "--entity-type", "users", "--entity-name", "unit")
        broker.run_tool("kafka.admin.ConfigCommand", *user, "--add-config", "SCRAM-SHA-512=[password=unit-1]")
        for operation, topic in (("Read", own), ("Describe", seen)):
            allow = ("--add", "--allow-principal", "User:unit", "--operation", operation, "--topic", topic)
            broker.run_tool("org.apache.kafka.tools.AclCommand", *allow)

        unit = scram("unit", "unit-1")
        assert await read(address, own, login=unit) == [b"assigned"]
        with pytest.raises(TopicAuthorizationFailedError):
            await read(address, seen, login=unit)
        async with producing(address, unit, enable_idempotence=False) as producer:
            with pytest.raises(TopicAuthorizationFailedError):
                await producer.partitions_for(hidden)
            with pytest.raises(TopicAuthorizationFailedError):
                await producer.send_and_wait(own, b"forged")
        for login in (scram("unit", "wrong"), scram("nobody", "unit-1"), ANYBODY):
            with pytest.raises(KafkaError):
                await read(address, own, login=login)
        assert await read(address, own, login=admin) == [b"assigned"]
    files = [file for file in broker.data_dir.iterdir() if file.is_file() and secret in file.read_text()]
    assert {file.name: file.stat().st_mode & 0o077 for file in files} == {
        "server.properties": 0,
        "admin.properties": 0,
    }
    assert secret not in broker.log_path.read_text()


def test_kafkas_own_tools_run_and_their_failure_is_told(new_kafka: NewKafka) -> None:
    topic = "org.apache.kafka.tools.TopicCommand"
    with new_kafka() as broker:
        assert "Created topic t." in broker.run_tool(topic, "--create", "--topic", "t")
        broker.run_tool("org.apache.kafka.tools.ConsoleProducer", "--topic", "t", input_text="a\nb\n")
        words = ["--topic", "t", "--partition", "0", "--offset", "earliest", "--max-messages", "2"]
        read = broker.run_tool("org.apache.kafka.tools.consumer.ConsoleConsumer", *words)
        assert read.split() == ["a", "b"]
        with pytest.raises(LocalKafkaError, match=r"TopicCommand failed(.|\n)*'t' already exists"):
            broker.run_tool(topic, "--create", "--topic", "t")
