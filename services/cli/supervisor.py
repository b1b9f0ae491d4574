"""Runs programs as children: starts them, waits until they are ready, restarts the dead, stops all."""

import asyncio
import shutil
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from chassis.waiting import wait_at_most

_MALLOC: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""For glibc, which else keeps memory back: in an arena for each thread, though one of a service's threads does the
work, and in the heap that large arrays leave behind."""
_POLL_SECONDS = 0.05
_TAIL_LINES = 15


class ChildNotReadyError(RuntimeError):
    """A child ended or was late before it was ready; the text names it and shows the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep running. It is ready when `ready_url` answers 200, and ends on SIGTERM."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready_url: str


@dataclass(frozen=True, slots=True)
class Restart:
    """How long to wait before the next start, in seconds: doubling, forgotten after `steady` of good running."""

    first: float = 1.0
    longest: float = 30.0
    steady: float = 60.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row (1 is the first)."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 16))


class Supervisor:
    """Keeps a list of children running from start() to stop(). `say` tells people what happens."""

    def __init__(
        self,
        children: Sequence[Child],
        log_dir: Path,
        say: Callable[[str], None],
        restart: Restart = Restart(),
    ) -> None:
        self._children = children
        self._log_dir = log_dir
        self._say = say
        self._restart = restart
        self._processes: dict[str, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._starting = asyncio.Lock()  # no child is started once stop() has begun

    async def start(self, deadline: float = 60.0) -> None:
        """Start all and return when all are ready; then dead children are started again until stop().

        Raises ChildNotReadyError when one ends, or is not ready within `deadline` seconds. Call stop() then too.
        """
        until = time.monotonic() + deadline
        for child in self._children:
            await self._spawn(child)
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            for child in self._children:
                await self._until_ready(child, client, until)
        self._keepers = [asyncio.create_task(self._keep(child)) for child in self._children]

    async def stop(self, grace: float = 20.0) -> None:
        """SIGTERM to all, so that each finishes its batch; SIGKILL to those still there after `grace` seconds."""
        async with self._starting:
            self._stopping.set()
        for process in self._processes.values():
            _terminate(process)
        await asyncio.gather(*(self._end(name, grace) for name in self._processes))
        await asyncio.gather(*self._keepers)

    def pid(self, name: str) -> int:
        """The process id of a child's latest start."""
        return self._processes[name].pid

    async def _spawn(self, child: Child) -> None:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        # If we are killed, the kernel ends the child: no service outlives its supervisor unseen.
        setpriv = shutil.which("setpriv")
        leash = [setpriv, "--pdeathsig=TERM", "--"] if setpriv else []
        with self._log(child.name).open("ab") as log:
            self._processes[child.name] = await asyncio.create_subprocess_exec(
                *(*leash, *child.argv),
                env={**_MALLOC, **child.env},
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only us; we stop the children in order
            )

    async def _until_ready(self, child: Child, client: httpx.AsyncClient, until: float) -> None:
        process = self._processes[child.name]
        while not await _answers(client, child.ready_url):
            if time.monotonic() > until:
                raise ChildNotReadyError(self._complaint(child, "is not ready in time"))
            try:
                status = await asyncio.wait_for(process.wait(), _POLL_SECONDS)
            except TimeoutError:
                continue
            raise ChildNotReadyError(
                self._complaint(child, f"ended with status {status} before it was ready")
            )

    async def _keep(self, child: Child) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._processes[child.name].wait()
            if self._stopping.is_set():
                return
            failures = 1 if time.monotonic() - started > self._restart.steady else failures + 1
            delay = self._restart.delay(failures)
            log = self._log(child.name)
            self._say(
                f"{child.name} ended with status {status}; starting it again in {delay:g} s (see {log})"
            )
            await wait_at_most(self._stopping, delay)
            async with self._starting:
                if not self._stopping.is_set():
                    await self._spawn(child)
                    self._say(f"{child.name} was started again")

    async def _end(self, name: str, grace: float) -> None:
        process = self._processes[name]
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            self._say(f"{name} did not stop within {grace:g} s; killing it")
            process.kill()
            await process.wait()

    def _log(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _complaint(self, child: Child, what: str) -> str:
        lines = self._log(child.name).read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        tail = "\n".join(f"  {line}" for line in lines) or "  (empty)"
        return f"{child.name} {what}; {self._log(child.name)} ends with:\n{tail}"


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _terminate(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
