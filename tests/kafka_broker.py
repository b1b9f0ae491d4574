"""Which Kafka the tests run on, and one broker for all worker processes of a test session.

In this order: the address in CASELADDER_TEST_KAFKA; a container, when a Docker engine answers; an Apache
Kafka of our own, when Java and Maven are there. Else the tests that need it are skipped with the reason, or
fail where REQUIRE_KAFKA=1.
"""

import fcntl
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest

from chassis.embedded_host import free_port
from chassis.kafka.jars import KAFKA_VERSION, cache_dir, missing_for_fetch
from chassis.kafka.local_broker import LocalKafka, LocalKafkaError, Sasl
from chassis.kafka.local_host import answers, find_java

ADDRESS = "CASELADDER_TEST_KAFKA"
DOCKER_SOCKET = Path("/var/run/docker.sock")

JAVA_OPTIONS = "JDK_JAVA_OPTIONS"
"""Read by every `java` from 9 on, so by all that a test starts."""
_UNSAID = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")

Source = Callable[[], AbstractContextManager[str]]
"""Starts a broker; the context's value is its address, its end stops it."""


def choose(
    environment: Mapping[str, str], docker_answers: Callable[[], bool], missing_here: Callable[[], str | None]
) -> Source | str:
    """How to come by a broker, or why there is none.

    docker_answers: whether a Docker engine does. missing_here: what a broker of our own would lack, None
    when nothing. Neither is asked before its turn.
    """
    if address := environment.get(ADDRESS):
        return lambda: nullcontext(address)
    if docker_answers():
        return container
    missing = missing_here()
    return f"no {ADDRESS}, no Docker engine, and no Kafka of our own: {missing}" if missing else own


def give_up(reason: str, environment: Mapping[str, str]) -> NoReturn:
    """Skip the test with the reason; fail it where REQUIRE_KAFKA=1."""
    if environment.get("REQUIRE_KAFKA") == "1":
        pytest.fail(f"REQUIRE_KAFKA=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def missing_here() -> str | None:
    """What a broker of our own would lack on this machine; None when nothing."""
    try:
        find_java()
    except LocalKafkaError as error:
        return str(error)
    return missing_for_fetch(cache_dir())


def docker_answers() -> bool:
    """Whether a Docker engine answers. Without socket or DOCKER_HOST the client is not even loaded."""
    if not os.environ.get("DOCKER_HOST") and not DOCKER_SOCKET.exists():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client leaves its socket open where nobody answers
        import docker

        try:
            client = docker.from_env(timeout=5)
            client.close()
        except docker.errors.DockerException:
            return False
    return True


def small(data_dir: Path, *, sasl: Sasl | None = None) -> LocalKafka:
    """A broker with a small heap, as tests need no more."""
    return LocalKafka(data_dir, sasl=sasl, heap_mb=256)


def quick_start() -> str:
    """Java's options by which a broker and its tools start in half the time: their classes come from an archive.

    The archive is made once for all checkouts, by a broker that is started and stopped for it. A Java that finds it
    made of other jars than its own goes on without.
    """
    java = find_java().resolve()
    jars = cache_dir()
    archive = jars.with_name(f"{jars.name}.{java.parents[1].name}.{java.stat().st_mtime_ns:x}.jsa")
    jars.parent.mkdir(parents=True, exist_ok=True)
    with archive.with_suffix(".lock").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=jars.parent, prefix=f"{archive.name}.new-") as place:
                fresh = Path(place) / "classes.jsa"
                options = (f"-XX:ArchiveClassesAtExit={fresh}", *_UNSAID)
                with LocalKafka(Path(place) / "kafka", heap_mb=256, java_options=options):
                    pass
                fresh.rename(archive)
    return " ".join((f'"-XX:SharedArchiveFile={archive}"', *_UNSAID))  # quoted, for a home with a space


@contextmanager
def own() -> Iterator[str]:
    """An Apache Kafka of our own in a directory that is removed afterwards."""
    place = Path(tempfile.mkdtemp(prefix="caseladder-kafka-"))
    try:
        with small(place / "kafka") as broker:
            yield broker.bootstrap
    finally:
        shutil.rmtree(place)


@contextmanager
def container() -> Iterator[str]:
    """Apache's own image in a container on this machine, one KRaft node; its address."""
    port = free_port()  # known before the start: the broker tells it to its clients
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the container library, and nothing of ours runs in here
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        image = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(port, port)
        image = image.with_envs(**container_settings(port))
        running = image.waiting_for(LogMessageWaitStrategy("Kafka Server started")).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        running.stop()


def container_settings(port: int) -> dict[str, str]:
    """The environment of the image. One variable given means that all must be."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:29093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:29093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }


@contextmanager
def shared(place: Path, source: Source) -> Iterator[str]:
    """One broker for all processes that come with the same `place`; the first starts it, for all.

    Each holds a shared lock while it uses the broker. The one that started it waits, at its end, until
    nobody does, so that it can be ended by nobody else. A broker that died with its process is replaced.
    """
    place.mkdir(parents=True, exist_ok=True)
    note = place / "address"
    with (place / "users").open("w") as users, ExitStack() as mine:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (place / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not note.exists() or not answers(note.read_text()):
                address = mine.enter_context(source())
                mine.callback(note.unlink)
                mine.callback(fcntl.flock, users, fcntl.LOCK_EX)  # runs first, and waits for the others
                note.write_text(address)
        yield note.read_text()
