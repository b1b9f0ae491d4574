"""The embedded PostgreSQL: first start, second start, killed server, killed owner, closed directories."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from chassis.embedded import EmbeddedPostgres, EmbeddedPostgresError, free_port
from chassis.embedded_host import find_programs
from tests.conftest import FAST_AND_LOSSY

SECRET = "p@ss/word: 'with' %"


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path (a Unix socket's path must stay below 108 bytes) in a directory closed to all others."""
    with tempfile.TemporaryDirectory(prefix="cl-") as directory:
        yield Path(directory)


def server_at(data_dir: Path, *, password: str = SECRET, port: int | None = None) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, password, port=port, settings=FAST_AND_LOSSY)


async def query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_survive_a_stop_and_a_kill_of_the_server(place: Path) -> None:
    """A second start finds the data, after a clean stop and after kill -9 with its pid file left behind."""
    server = server_at(place / "pg")
    with server:
        url = await server.create_database("caseladder")
        await query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with server:
        assert await server.create_database("caseladder") == url
        assert await query(url, "SELECT answer FROM kept") == 42
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
    assert (place / "pg" / "postmaster.pid").exists()
    with server_at(place / "pg"):
        assert await query(url, "SELECT answer FROM kept") == 42


async def test_settings_encoding_and_authentication(place: Path) -> None:
    """UTF8, C.UTF-8, scram only, no TCP port; durable unless a test says otherwise."""
    with EmbeddedPostgres(place / "pg", SECRET) as server:
        url = server.url("postgres")
        wanted = {"server_encoding": "UTF8", "fsync": "on", "synchronous_commit": "on", "jit": "off"}
        wanted |= {"listen_addresses": "", "max_wal_size": "2GB", "log_error_verbosity": "terse"}
        assert {name: await query(url, f"SHOW {name}") for name in wanted} == wanted
        collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        assert await query(url, collation) == "C.UTF-8"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(url.replace("word", "sword"), "SELECT 1")
        assert (place / "pg").stat().st_mode & 0o077 == 0


async def test_sqlalchemy_reads_the_same_address(postgres: EmbeddedPostgres) -> None:
    """The socket address serves SQLAlchemy (Alembic) as it serves asyncpg."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    url = postgres.url("postgres").replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT current_user")) == "caseladder"
    await engine.dispose()


async def test_a_fixed_port_and_a_path_too_long_for_a_socket(place: Path) -> None:
    """Both are served on 127.0.0.1."""
    port = free_port()
    with server_at(place / "pg", port=port) as server:
        assert f"@127.0.0.1:{port}/" in server.url("postgres")
        assert await query(server.url("postgres"), "SELECT 1") == 1
    deep = place / ("d" * 60) / ("e" * 60) / "pg"
    with server_at(deep) as server:
        assert "@127.0.0.1:" in server.url("postgres")
        assert await query(server.url("postgres"), "SELECT 1") == 1


def test_a_second_owner_is_refused(place: Path) -> None:
    with (
        server_at(place / "pg"),
        pytest.raises(EmbeddedPostgresError, match="another process is using the database"),
    ):
        server_at(place / "pg").start()


async def test_a_wrong_password_is_told_plainly(place: Path) -> None:
    with server_at(place / "pg"):
        pass
    with (
        server_at(place / "pg", password="other") as server,
        pytest.raises(EmbeddedPostgresError, match="bring back the secret"),
    ):
        await server.create_database("caseladder")


def test_a_pid_file_whose_number_is_somebody_elses_now(place: Path) -> None:
    """After a reboot the number in a stale pid file may run again as anything; that process is left alone."""
    with server_at(place / "pg"):
        stale = (place / "pg" / "postmaster.pid").read_text()
    bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    try:
        lines = [str(bystander.pid), *stale.splitlines()[1:]]
        (place / "pg" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        with server_at(place / "pg") as server:
            assert server.pid not in {None, bystander.pid}
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.communicate()


OWNER = """
import sys, pathlib
from chassis.embedded import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), sys.argv[2], settings={"fsync": "off"})
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_owner_leaves_no_server_behind(place: Path) -> None:
    """kill -9 of the owner: its server ends, and the next owner starts on the same data."""
    command = [sys.executable, "-c", OWNER, str(place / "pg"), SECRET]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        orphan = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        with server_at(place / "pg") as server:
            assert server.pid != orphan
            assert not Path(f"/proc/{orphan}/cwd").exists()


def test_a_broken_setting_is_told_with_the_end_of_the_log(place: Path) -> None:
    server = EmbeddedPostgres(place / "pg", SECRET, settings={"fsync": "off", "max_connections": "many"})
    with pytest.raises(EmbeddedPostgresError, match=r'did not start(.|\n)*"max_connections": "many"'):
        server.start()


def test_an_interrupted_initdb_is_begun_again(place: Path) -> None:
    (place / "pg.new").mkdir()
    (place / "pg.new" / "PG_VERSION").write_text("half")
    with server_at(place / "pg") as server:
        assert server.pid is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_root_with_programs_below_a_closed_directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout in a directory of mode 0700 (/root, mktemp -d): the server's account still gets through."""
    package = find_programs().parents[1]
    shutil.copytree(package / "pginstall", place / "site" / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, place / "site" / libraries.name)
    closed = place / "site" / package.name / "pginstall" / "bin"
    monkeypatch.setattr("chassis.embedded.find_programs", lambda: closed)
    with server_at(place / "pg") as server:
        assert Path(f"/proc/{server.pid}/exe").readlink() == closed / "postgres"
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert place.stat().st_mode & 0o077 == 0


def test_the_programs_of_the_operating_system_are_the_fallback(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_programs()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setattr("chassis.embedded_host.SYSTEM_PROGRAMS", place / "usr")
    with pytest.raises(EmbeddedPostgresError, match="apt-get install postgresql"):
        find_programs()
    for version in ("9", "15", "17"):
        (place / "usr" / version).mkdir(parents=True)
    (place / "usr" / "15" / "bin").symlink_to(real)
    assert find_programs() == place / "usr" / "15" / "bin"
    (place / "initdb").symlink_to(real / "initdb")
    assert find_programs() == real
