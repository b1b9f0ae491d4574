"""What is measured: a fresh PostgreSQL as durable as in use, a fresh Kafka where the transport is that, and the
services as `up` starts them.
"""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from urllib.request import urlopen

from bench import empty
from bench.cases import ROOT
from chassis.embedded import EmbeddedPostgres
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.local_broker import LocalKafka
from chassis.kafka.topics import Topic, Topics
from chassis.migrate import RELAY, upgrade
from schemas import router
from schemas.message import CASE_EVENTS
from services.cli.local import PORT_OFFSETS, LocalRun
from services.cli.supervisor import Child, Supervisor
from services.cli.up import check_reference, prepare

_RUNS: Final = ROOT / ".run"
"""On the disk of the project, never in /tmp: that may be memory, where a flush costs nothing."""
LOGS: Final = _RUNS / "bench-logs"
"""The services' logs of the latest run stay here."""
_PORTS: Final = range(20_000, 32_000, 16)
_SINK_PORT: Final = 9

POSTGRESQL: Final = "postgresql"
KAFKA: Final = "kafka"
SINK: Final = "sink"
_EMPTY_PREFIX: Final = "empty."
_PARTITIONS: Final = 6

Transport = Literal["embedded", "kafka"]

# What is added to the settings of `up`, to learn when each transaction was committed and what a flush takes.
MEASURING: Final = {"track_commit_timestamp": "on", "track_wal_io_timing": "on"}


@dataclass(frozen=True, slots=True)
class Running:
    """A system that takes cases at POST /v1/cases and disposes of each with one event."""

    name: str
    databases: tuple[str, str]
    """The addresses of the databases of `first` and `last`: one and the same, but on Kafka."""
    port: int
    token: str
    reference: Path
    run_dir: Path
    pids: Mapping[str, int]
    """The services, PostgreSQL and where they are there Kafka and the sink of traces, by name."""
    first: str
    """The service that takes cases in, and the type of its event."""
    first_type: str
    last: str
    """The service that disposes of them, and the types of the events that do."""
    last_types: Sequence[str]
    incidents: list[str] = field(default_factory=list)
    """What the supervisor said: a service that died and was started again."""

    @property
    def services(self) -> Mapping[str, int]:
        """The process ids of the services alone."""
        return {name: pid for name, pid in self.pids.items() if name not in {POSTGRESQL, KAFKA, SINK}}


class Site:
    """A run directory with its PostgreSQL, and on that transport its Kafka; all are gone at the end."""

    def __init__(
        self, local: LocalRun, server: EmbeddedPostgres, kafka: LocalKafka | None, profile: Path | None
    ) -> None:
        self.local = local
        self.server = server
        self.kafka = kafka
        self._profile = profile

    async def prepare(self) -> None:
        """Make the databases, and the topics, of the real services, as `up` does."""
        check_reference(self.local.reference)
        await prepare(self.local, self.server, self.kafka.bootstrap if self.kafka else None)

    @asynccontextmanager
    async def real(self, trace_ratio: float | None = None) -> AsyncIterator[Running]:
        """Intake and router, ready. With a ratio they trace that share of the cases, to a sink."""
        place = ["--run-dir", str(self.local.run_dir), "--port-base", str(self.local.port_base)]
        children = [
            self._child(
                name,
                ["services", name, *place],
                self.local.variables(name) | self._tracing(trace_ratio),
            )
            for name in PORT_OFFSETS
        ]
        if trace_ratio is not None:
            argv = [sys.executable, "-m", "bench.sink", str(self.local.port_base + _SINK_PORT)]
            children.insert(0, Child(SINK, argv, os.environ, self.sink))
        databases = self.local.databases()
        types = [event.type for event in router.EVENTS if issubclass(event, router.Disposition)]
        async with self._supervised(children) as pids:
            urls = databases["intake"], databases["router"]
            yield self._running("real", urls, pids, ("intake", "intake.CaseSubmitted.v1"), ("router", types))

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Running]:
        """Gate, hop and listeners, ready, in a database of their own, or on Kafka in one each."""
        gate, hop, *_ = empty.NAMES
        if self.kafka is None:
            url = await self.server.create_database("empty")
            urls = dict.fromkeys(empty.NAMES, url)
            await empty.install(url)
        else:
            urls = {name: await self.server.create_database(f"empty_{name}") for name in empty.NAMES}
            for url in urls.values():
                await empty.install(url)
                await upgrade(url, RELAY)
            async with Topics(KafkaConnection(self.kafka.bootstrap, prefix=_EMPTY_PREFIX)) as topics:
                await topics.create([Topic(CASE_EVENTS, _PARTITIONS, 1)])
        children = [
            self._child(
                name,
                ["bench.empty", name],
                self.local.variables("intake")
                | {
                    "CASELADDER_DATABASE_URL": urls[name],
                    "CASELADDER_KAFKA_PREFIX": _EMPTY_PREFIX,
                    "CASELADDER_PORT": str(self.local.port_base + port),
                },
            )
            for port, name in enumerate(empty.NAMES, start=1)
        ]
        async with self._supervised(children) as pids:
            first = (gate, empty.Passed.type)
            yield self._running("empty", (urls[gate], urls[hop]), pids, first, (hop, [empty.Landed.type]))

    @property
    def sink(self) -> str:
        """Where the sink of traces answers how many spans it got."""
        return f"http://127.0.0.1:{self.local.port_base + _SINK_PORT}"

    def spans(self) -> int:
        """Return how many spans the sink has got."""
        with urlopen(self.sink, timeout=10) as answer:
            return int(answer.read())

    def _tracing(self, ratio: float | None) -> dict[str, str]:
        if ratio is None:
            return {}
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.sink, "OTEL_TRACES_SAMPLER_ARG": str(ratio)}

    def _child(self, name: str, module: list[str], variables: Mapping[str, str]) -> Child:
        argv = [sys.executable]
        if self._profile is not None:
            argv += ["-m", "cProfile", "-o", str(self._profile / f"{name}.prof")]
        ready = f"http://127.0.0.1:{variables['CASELADDER_PORT']}/readyz"
        return Child(name, [*argv, "-m", *module], os.environ | variables, ready)

    @asynccontextmanager
    async def _supervised(self, children: Sequence[Child]) -> AsyncIterator[tuple[dict[str, int], list[str]]]:
        incidents: list[str] = []
        supervisor = Supervisor(children, self.local.log_dir, incidents.append)
        try:
            await supervisor.start()
            yield {child.name: supervisor.pid(child.name) for child in children}, incidents
        finally:
            await supervisor.stop()

    def _running(
        self,
        name: str,
        urls: tuple[str, str],
        started: tuple[dict[str, int], list[str]],
        first: tuple[str, str],
        last: tuple[str, Sequence[str]],
    ) -> Running:
        issuer = self.local.issuer()
        token = issuer.issue("bench", ["operator"], datetime.now(UTC), unit="GL")
        pids, incidents = started
        return Running(
            name=name,
            databases=urls,
            port=self.local.port("intake"),
            token=token,
            reference=self.local.reference,
            run_dir=self.local.run_dir,
            pids=pids
            | {POSTGRESQL: self.server.pid or 0}
            | ({KAFKA: self.kafka.pid or 0} if self.kafka else {}),
            first=first[0],
            first_type=first[1],
            last=last[0],
            last_types=last[1],
            incidents=incidents,
        )


@contextmanager
def site(transport: Transport, profile: Path | None = None) -> Iterator[Site]:
    """A fresh run directory with a running PostgreSQL and, on that transport, a running Kafka.

    Stopped and removed whatever happens, but for the logs.
    """
    _RUNS.mkdir(mode=0o700, exist_ok=True)
    run_dir = Path(tempfile.mkdtemp(prefix="bench-", dir=_RUNS))
    try:
        local = LocalRun(run_dir, _free_ports())
        local.prepare()
        with ExitStack() as running:
            server = EmbeddedPostgres(run_dir / "postgres", local.password(), settings=MEASURING)
            running.enter_context(server)
            kafka = LocalKafka(run_dir / "kafka") if transport == "kafka" else None
            if kafka is not None:
                running.enter_context(kafka)
            yield Site(local, server, kafka, profile)
    finally:
        shutil.copytree(run_dir / "logs", LOGS, dirs_exist_ok=True)
        shutil.rmtree(run_dir, ignore_errors=True)


def _free_ports() -> int:
    """The first of six neighbouring ports of 127.0.0.1 that are free at this moment."""
    for base in _PORTS:
        if all(_is_free(base + offset) for offset in range(6)):
            return base
    raise OSError(f"no six free ports of 127.0.0.1 from {_PORTS.start} to {_PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
