"""What the local Kafka asks of the machine: Java, free ports, a broker that answers, processes left over."""

import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path

__all__ = ["LocalKafkaError", "answers", "end_leftover", "end_with_parent", "find_java", "refuse_taken_port"]

JAVA_NEEDED = 17
VIRTUAL_MACHINES = Path("/usr/lib/jvm")
_STOP_SECONDS = 30
_PORT_ADVICE = "end the program that uses it, or choose another port (make kafka KAFKA_PORT=9192)"


class LocalKafkaError(RuntimeError):
    """The broker could not be fetched, formatted or started; the text says why and what would mend it."""


def find_java() -> Path:
    """The `java` to run Kafka with: JAVA_HOME's, that of PATH, else the newest of the operating system.

    Raises LocalKafkaError where none is Java 17 or newer.
    """
    home = os.environ.get("JAVA_HOME")
    found = [Path(home) / "bin/java"] if home else []
    found += [Path(path) for path in [shutil.which("java")] if path]
    found += sorted(VIRTUAL_MACHINES.glob("*/bin/java"), reverse=True)
    older: list[str] = []
    for java in found:
        version = _java_version(java)
        if version >= JAVA_NEEDED:
            return java
        older += [f"{java} is Java {version}"] if version else []
    raise LocalKafkaError(
        f"Apache Kafka needs Java {JAVA_NEEDED} or newer, and this machine has none"
        f"{' (' + ', '.join(older) + ')' if older else ''}. Mend it with:  "
        f"sudo apt-get install -y default-jre-headless   (or set JAVA_HOME)"
    )


def _java_version(java: Path) -> int:
    """The major version, 0 where it does not run. `1.8` counts as 1: old enough to be refused."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return 0
    said = re.search(r'version "(\d+)', done.stderr)
    return int(said[1]) if said else 0


def end_with_parent() -> list[str]:
    """The words to put before a command so that it is killed when the thread that started it ends.

    Killed, not asked: a broker that a test has stopped (SIGSTOP) would not hear a request. What it has
    acknowledged is in the operating system's hands and is found again.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig=KILL", "--"] if setpriv else []


def refuse_taken_port(port: int) -> None:
    """Raise LocalKafkaError, naming the port, when another program listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LocalKafkaError(
                f"port {port} of 127.0.0.1, wanted for Kafka, is not free ({error.strerror}): {_PORT_ADVICE}"
            ) from None


def answers(bootstrap: str, timeout_s: float = 1.0) -> bool:
    """Whether the broker at `host:port` answers a request, with or without authentication on.

    The request is ApiVersions, version 0: the only one that Kafka takes before a log-in. A broker answers
    it once it has been admitted by its controller and takes all other requests too.
    """
    host, _, port = bootstrap.rpartition(":")
    body = struct.pack(">hhih", 18, 0, 1, -1)  # api key, api version, correlation id, no client id
    try:
        with socket.create_connection((host, int(port)), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            reply = _receive(connection, 10)
    except OSError:
        return False
    return len(reply) == 10 and struct.unpack(">iih", reply)[1:] == (1, 0)


def _receive(connection: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (more := connection.recv(count - len(got))):
        got += more
    return got


def end_leftover(pid_file: Path, place: Path) -> None:
    """Kill a broker that outlived its killed owner; a number that is somebody else's now is left alone.

    pid_file: holds the process id. place: the working directory by which the broker is known. The caller
    holds the lock, so no living owner exists.
    """
    try:
        pid = int(pid_file.read_text())
        handle = os.pidfd_open(pid)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return
    try:
        if Path(f"/proc/{pid}/cwd").readlink() != place.resolve():
            return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        waiter = select.poll()
        waiter.register(handle, select.POLLIN)
        if not waiter.poll(_STOP_SECONDS * 1000):
            raise LocalKafkaError(f"a Kafka left over in {place} (process {pid}) does not end")
    except OSError:  # it ended meanwhile, or is another user's process
        return
    finally:
        os.close(handle)
