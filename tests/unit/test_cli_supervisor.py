"""The supervisor, with real processes: small stand-in programs that serve a readiness page."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chassis.embedded import free_port
from services.cli.supervisor import Child, ChildNotReadyError, Restart, Supervisor

# Serves 200 on every path; on SIGTERM it "finishes its batch": writes a file, then ends.
PROGRAM = """
import http.server, os, pathlib, signal, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
def finish(number, frame):
    pathlib.Path(sys.argv[2]).write_text(os.environ["WORD"]); sys.exit(0)
signal.signal(signal.SIGTERM, finish)
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready)
print("serving", flush=True)
server.serve_forever()
"""
DEAF = PROGRAM.replace("signal.SIGTERM, finish", "signal.SIGTERM, signal.SIG_IGN")
QUICK = Restart(first=0.01, longest=0.02)


class Voice:
    """Collects what the supervisor says; `heard` waits for a word."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, text: str) -> None:
        self.lines.append(text)
        self._news.set()

    async def heard(self, word: str) -> None:
        async with asyncio.timeout(20):
            while not any(word in line for line in self.lines):
                self._news.clear()
                await self._news.wait()


def child(name: str, place: Path, program: str = PROGRAM) -> Child:
    port = free_port()
    argv = [sys.executable, "-c", program, str(port), str(place / f"{name}.finished")]
    return Child(name, argv, {**os.environ, "WORD": name}, f"http://127.0.0.1:{port}/readyz")


@asynccontextmanager
async def supervised(children: list[Child], place: Path, voice: Voice) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(children, place / "logs", voice, QUICK)
    try:
        yield supervisor
    finally:
        await supervisor.stop(grace=10)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_all_are_ready_after_start_and_finish_their_work_at_stop(tmp_path: Path) -> None:
    children = [child("intake", tmp_path), child("router", tmp_path)]
    voice = Voice()
    async with supervised(children, tmp_path, voice) as supervisor:
        await supervisor.start()
        pids = [supervisor.pid(each.name) for each in children]
        for each in children:
            port = int(each.argv[3])
            socket.create_connection(("127.0.0.1", port)).close()
    assert [(tmp_path / f"{each.name}.finished").read_text() for each in children] == ["intake", "router"]
    assert not any(alive(pid) for pid in pids)
    assert (tmp_path / "logs" / "intake.log").read_text().startswith("serving")
    assert voice.lines == []


async def test_a_dead_child_is_started_again_and_said_so(tmp_path: Path) -> None:
    voice = Voice()
    async with supervised([child("intake", tmp_path)], tmp_path, voice) as supervisor:
        await supervisor.start()
        first = supervisor.pid("intake")
        os.kill(first, signal.SIGKILL)
        await voice.heard("intake was started again")
        assert supervisor.pid("intake") != first
        assert "intake ended with status -9; starting it again in 0.01 s" in voice.lines[0]
        second = supervisor.pid("intake")
        os.kill(second, signal.SIGKILL)
        await voice.heard("again in 0.02 s")


async def test_a_child_that_ends_before_it_is_ready_is_told_with_its_log(tmp_path: Path) -> None:
    broken = child("router", tmp_path, "raise SystemExit('CASELADDER_JWKS is missing')")
    async with supervised([child("intake", tmp_path), broken], tmp_path, Voice()) as supervisor:
        with pytest.raises(
            ChildNotReadyError, match=r"router ended with status 1(.|\n)*CASELADDER_JWKS is missing"
        ):
            await supervisor.start()


async def test_a_late_child_is_named(tmp_path: Path) -> None:
    late = child("router", tmp_path, "import signal; print('loading', flush=True); signal.pause()")
    async with supervised([child("intake", tmp_path), late], tmp_path, Voice()) as supervisor:
        with pytest.raises(ChildNotReadyError, match="router is not ready in time"):
            await supervisor.start(deadline=1.0)


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    voice = Voice()
    supervisor = Supervisor([child("intake", tmp_path, DEAF)], tmp_path / "logs", voice)
    await supervisor.start()
    pid = supervisor.pid("intake")
    await supervisor.stop(grace=0.05)
    assert voice.lines == ["intake did not stop within 0.05 s; killing it"]
    assert not alive(pid)


async def test_stop_while_a_restart_is_pending_starts_nothing(tmp_path: Path) -> None:
    voice = Voice()
    supervisor = Supervisor([child("intake", tmp_path)], tmp_path / "logs", voice, Restart(first=3600))
    await supervisor.start()
    pid = supervisor.pid("intake")
    os.kill(pid, signal.SIGKILL)
    await voice.heard("starting it again in 30 s")
    await supervisor.stop()
    assert supervisor.pid("intake") == pid
    assert len(voice.lines) == 1


SUPERVISING = """
import asyncio, pathlib, sys
from services.cli.supervisor import Child, Supervisor
async def main():
    child = Child("intake", sys.argv[3:], {"WORD": "orphan"}, sys.argv[2])
    supervisor = Supervisor([child], pathlib.Path(sys.argv[1]), print)
    await supervisor.start()
    print(supervisor.pid("intake"), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_killed_supervisor_leaves_no_child_behind(tmp_path: Path) -> None:
    """The child is told by the kernel, finishes its batch and ends."""
    orphan = child("intake", tmp_path)
    words = [str(tmp_path / "logs"), orphan.ready_url, *orphan.argv]
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISING, *words, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    handle = os.pidfd_open(int(await parent.stdout.readline()))
    try:
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, gone.set)
        parent.kill()
        await parent.wait()
        async with asyncio.timeout(20):
            await gone.wait()
        assert (tmp_path / "intake.finished").read_text() == "orphan"
    finally:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (5, 16), (6, 30), (10_000, 30)])
def test_the_delay_grows_to_a_limit(failures: int, seconds: float) -> None:
    assert Restart().delay(failures) == seconds
