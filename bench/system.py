"""What is measured: a fresh PostgreSQL as durable as in use, and the services as `up` starts them."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import empty
from bench.cases import ROOT
from chassis.embedded import EmbeddedPostgres
from schemas import router
from services.cli.local import PORT_OFFSETS, LocalRun
from services.cli.supervisor import Child, Supervisor
from services.cli.up import check_reference, prepare

_RUNS: Final = ROOT / ".run"
"""On the disk of the project, never in /tmp: that may be memory, where a flush costs nothing."""
LOGS: Final = _RUNS / "bench-logs"
"""The services' logs of the latest run stay here."""
_PORTS: Final = range(20_000, 32_000, 16)

POSTGRESQL: Final = "postgresql"

# What is added to the settings of `up`, to learn when each transaction was committed and what a flush takes.
MEASURING: Final = {"track_commit_timestamp": "on", "track_wal_io_timing": "on"}


@dataclass(frozen=True, slots=True)
class Running:
    """A system that takes cases at POST /v1/cases and disposes of each with one event."""

    name: str
    database_url: str
    port: int
    token: str
    reference: Path
    run_dir: Path
    pids: Mapping[str, int]
    """The services and PostgreSQL, by name."""
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
        return {name: pid for name, pid in self.pids.items() if name != POSTGRESQL}


class Site:
    """A run directory with its PostgreSQL; both are gone at the end."""

    def __init__(self, local: LocalRun, server: EmbeddedPostgres, profile: Path | None) -> None:
        self.local = local
        self.server = server
        self._profile = profile

    async def prepare(self) -> None:
        """Make the database of the real services, as `up` does."""
        check_reference(self.local.reference)
        await prepare(self.local, self.server, None)

    @asynccontextmanager
    async def real(self) -> AsyncIterator[Running]:
        """Intake and router, ready."""
        place = ["--run-dir", str(self.local.run_dir), "--port-base", str(self.local.port_base)]
        children = [
            self._child(
                name,
                ["services", name, *place],
                self.local.variables(name),
            )
            for name in PORT_OFFSETS
        ]
        url = self.local.databases()["router"]
        types = [event.type for event in router.EVENTS if issubclass(event, router.Disposition)]
        async with self._supervised(children) as pids:
            yield self._running("real", url, pids, ("intake", "intake.CaseSubmitted.v1"), ("router", types))

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Running]:
        """Gate and hop, ready, in a database of their own."""
        url = await self.server.create_database("empty")
        await empty.install(url)
        children = [
            self._child(
                name,
                ["bench.empty", name],
                self.local.variables("intake")
                | {
                    "CASELADDER_DATABASE_URL": url,
                    "CASELADDER_PORT": str(self.local.port_base + port),
                },
            )
            for port, name in enumerate(empty.NAMES, start=1)
        ]
        async with self._supervised(children) as pids:
            first = ("gate", empty.Passed.type)
            yield self._running("empty", url, pids, first, ("hop", [empty.Landed.type]))

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
        url: str,
        started: tuple[dict[str, int], list[str]],
        first: tuple[str, str],
        last: tuple[str, Sequence[str]],
    ) -> Running:
        issuer = self.local.issuer()
        token = issuer.issue("bench", ["operator"], datetime.now(UTC), unit="GL")
        pids, incidents = started
        return Running(
            name=name,
            database_url=url,
            port=self.local.port("intake"),
            token=token,
            reference=self.local.reference,
            run_dir=self.local.run_dir,
            pids=pids | {POSTGRESQL: self.server.pid or 0},
            first=first[0],
            first_type=first[1],
            last=last[0],
            last_types=last[1],
            incidents=incidents,
        )


@contextmanager
def site(profile: Path | None = None) -> Iterator[Site]:
    """A fresh run directory with a running PostgreSQL; stopped and removed whatever happens, but for the logs."""
    _RUNS.mkdir(mode=0o700, exist_ok=True)
    run_dir = Path(tempfile.mkdtemp(prefix="bench-", dir=_RUNS))
    try:
        local = LocalRun(run_dir, _free_ports())
        local.prepare()
        with EmbeddedPostgres(run_dir / "postgres", local.password(), settings=MEASURING) as server:
            yield Site(local, server, profile)
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
