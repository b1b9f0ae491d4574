"""The whole system as a user runs it: `python -m services up` in a directory of its own, real processes."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal
from uuid import uuid4

import asyncpg
import httpx
import psutil

from chassis.kafka.connection import KafkaConnection
from chassis.kafka.topics import Topics
from services.cli.local import LocalRun

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 180
READY_LINE = "Caseladder is ready."


def free_port_base() -> int:
    """Return the first of six neighbouring ports that are free now, below the ports of outgoing connections.

    Test processes that run side by side begin to look far from one another.
    """
    for base in range(20000 + os.getpid() % 12 * 1000, 32700, 10):
        sockets = []
        try:
            for port in range(base, base + 6):
                probe = socket.socket()
                sockets.append(probe)
                probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()
        return base
    raise RuntimeError("no six free ports in a row")


class System:
    """A running system. `start` and `stop` may be called again: the data stay in the directory.

    `environment` are variables that its processes get on top of ours. On `kafka`, the address of a broker, its
    topics and groups have a prefix of their own.
    """

    def __init__(
        self,
        run_dir: Path,
        environment: Mapping[str, str] | None = None,
        transport: Literal["embedded", "kafka"] = "embedded",
        kafka: str = "",
    ) -> None:
        self.local = LocalRun(run_dir, free_port_base())
        self.connection = KafkaConnection(kafka, prefix=f"t{uuid4().hex}.")
        prefix = {"CASELADDER_KAFKA_PREFIX": self.connection.prefix} if kafka else {}
        self._environment = os.environ | prefix | dict(environment or {})
        self._transport = ["--transport", transport, *(["--kafka", kafka] if kafka else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def start(self) -> None:
        """Start `up` and wait until it says that all is ready."""
        self.local.run_dir.mkdir(parents=True, exist_ok=True)
        self._output = (self.local.run_dir / "up.out").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services", "up", *self._transport, *self.options],
            cwd=ROOT,
            env=self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if not self._says(READY_LINE):
            self._process.send_signal(signal.SIGINT)  # it has ended, or it hangs
            _, said = self.ended()
            raise RuntimeError(f"the system did not start:\n{said}")

    def _says(self, line: str) -> bool:
        """Wait until `up` says the line; False when it has ended without, or is late."""
        assert self._process is not None
        late = time.monotonic() + START_LIMIT_S
        while line not in self._said():
            if self._process.poll() is not None or time.monotonic() > late:
                return False
            time.sleep(0.05)  # polled: a growing file gives no signal
        return True

    def _said(self) -> str:
        return (self.local.run_dir / "up.out").read_text(encoding="utf-8")

    @property
    def options(self) -> list[str]:
        """Return the options that lead every command to this system."""
        return ["--run-dir", str(self.local.run_dir), "--port-base", str(self.local.port_base)]

    def stop(self) -> str:
        """Press Ctrl-C, wait for the end, and return all that `up` said. Asserts that it ended in order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        status, said = self.ended()
        assert status == 0, said
        return said

    def ended(self) -> tuple[int, str]:
        """Wait until `up` has ended; return its status and all that it said."""
        assert self._process is not None
        status = self._process.wait(60)
        assert self._output is not None
        self._output.close()
        return status, self._said()

    def kill(self, service: str) -> int:
        """Kill -9 a service, or `postgres`: its postmaster. Return the process id that died."""
        assert self._process is not None
        for child in psutil.Process(self._process.pid).children(recursive=True):
            try:
                arguments = child.cmdline()
            except psutil.NoSuchProcess:  # it ended meanwhile, or nobody has noticed its end yet
                continue
            is_service = arguments[1:4] == ["-m", "services", service]
            is_postgres = service == "postgres" and Path((arguments or [""])[0]).name == "postgres"
            if is_service or is_postgres:
                child.kill()
                return int(child.pid)
        raise LookupError(f"no process of {service}")

    async def ready(self, service: str) -> None:
        """Wait until a service answers that it is ready."""
        async with httpx.AsyncClient(timeout=2) as client, asyncio.timeout(START_LIMIT_S):
            while True:
                try:
                    if (await client.get(f"{self.url(service)}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    def url(self, service: str) -> str:
        """Return the address of a service."""
        return self.local.base_url(service)

    def client(
        self, service: str, role: str, unit: str | None = "GL", subject: str | None = None
    ) -> httpx.AsyncClient:
        """Return an HTTP client that is logged in with a role of a unit."""
        token = self.local.issuer().issue(subject or f"{role}-1", [role], datetime.now(UTC), unit=unit)
        return httpx.AsyncClient(
            base_url=self.url(service), timeout=30, headers={"Authorization": f"Bearer {token}"}
        )

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `python -m services …` against this system."""
        return subprocess.run(
            [sys.executable, "-m", "services", *words, *self.options],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    async def delete_topics(self) -> None:
        """Delete its topics from the broker, which others use too."""
        async with Topics(self.connection) as topics:
            await topics.delete(await topics.names())

    async def database(self, service: str = "router") -> "asyncpg.Connection[asyncpg.Record]":
        """Open a connection past a service, for the ledger's own counts."""
        return await asyncpg.connect(self.local.databases()[service])
