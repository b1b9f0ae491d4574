"""Fixtures that all tests share: a PostgreSQL and its databases per test process, a Kafka per session."""

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from _pytest.nodeid import NodeId
from hypothesis import HealthCheck, settings

from chassis.embedded import EmbeddedPostgres
from chassis.kafka.local_broker import LocalKafka, Sasl
from tests import kafka_broker
from tests.databases import Databases

# On a loaded machine making the inputs may take its time; that says nothing about us.
settings.register_profile("loaded", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("loaded")

# What starts processes comes first, so that no long test is left over for one worker at the end.
DEAR_FIRST = ("deploy", "e2e", "deliveries", "integration", "contract", "simulation", "unit")
SHARED_SYSTEMS = {"system", "kafka_system", "traced"}
# For tests only: nobody misses these data after a power cut, and starting is faster. What is deleted stays where it
# was, so that rows come in the order in which they were written in a database that was used before, too.
FAST_AND_LOSSY = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB", "autovacuum": "off"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the dear tests first, and all that use a shared system into one worker, which then ends it at once.

    xdist 3.8 tells its scheduler a test's group at the end of the node id, but writes it where pytest 9.2 does not
    look any more: every worker would start each shared system for itself.
    """
    directory = len(Path(__file__).parent.parts)
    shared = {item for item in items if SHARED_SYSTEMS & {*getattr(item, "fixturenames", ())}}
    items.sort(key=lambda item: (DEAR_FIRST.index(item.path.parts[directory]), item in shared))
    for item in shared:
        item.add_marker(pytest.mark.xdist_group("shared_systems"))
    if getattr(config.option, "loadgroup", False):  # in a worker
        for item in items:
            group = item.get_closest_marker("xdist_group")
            if group is not None and not item.nodeid.endswith(f"@{group.args[0]}"):
                item._id = NodeId.parse(f"{item.nodeid}@{group.args[0]}")


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests from now on: each look at them takes half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL of this test process (each xdist worker has its own: no lock, no shared state)."""
    place = Path(tempfile.mkdtemp(prefix="caseladder-"))
    try:
        with EmbeddedPostgres(place / "postgres", uuid4().hex, settings=FAST_AND_LOSSY) as server:
            yield server
    finally:
        shutil.rmtree(place)


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Databases:
    """The databases on it."""
    return Databases(postgres)


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The address of an empty database of this test alone; dropped afterwards, connections and all."""
    async with databases.empty() as url:
        yield url


@pytest.fixture(scope="session")
def quick_java() -> Iterator[None]:
    """Brokers of our own and their tools start quickly; nothing where they cannot be had."""
    with pytest.MonkeyPatch.context() as patched:
        if not kafka_broker.missing_here():
            patched.setenv(kafka_broker.JAVA_OPTIONS, kafka_broker.quick_start(), prepend=" ")
        yield


@pytest.fixture(scope="session")
def kafka_bootstrap(quick_java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that all tests of this session share: give topics and groups unique names.

    One broker for all xdist workers, for it takes a third of a gigabyte; where it comes from: kafka_broker.
    """
    source = kafka_broker.choose(os.environ, kafka_broker.docker_answers, kafka_broker.missing_here)
    if isinstance(source, str):
        kafka_broker.give_up(source, os.environ)
    place = tmp_path_factory.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    with kafka_broker.shared(place / "kafka", source) as address:
        yield address


NewKafka = Callable[..., LocalKafka]


@pytest.fixture
def new_kafka(quick_java: None) -> Iterator[NewKafka]:
    """Makes a Kafka of this test alone, not yet started, to be killed, paused or closed by log-in (`sasl`).

    Always one of our own (Java, Maven), whatever the shared one is. Stopped and removed after the test.
    """
    missing = kafka_broker.missing_here()
    if missing:
        kafka_broker.give_up(f"a Kafka of this test alone needs more: {missing}", os.environ)
    made: list[LocalKafka] = []
    with tempfile.TemporaryDirectory(prefix="caseladder-kafka-") as place:

        def new(*, sasl: Sasl | None = None, name: str = "kafka") -> LocalKafka:
            made.append(kafka_broker.small(Path(place) / name, sasl=sasl))
            return made[-1]

        yield new
        for broker in made:
            broker.kill()
