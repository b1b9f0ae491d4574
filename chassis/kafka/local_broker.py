"""An Apache Kafka of our own, without Docker: fetch once, format once, start, stop, kill, pause.

One node in KRaft mode on 127.0.0.1, from Apache's own jars (`chassis/kafka/jars.py`) on the machine's Java.
For development and tests; production has a cluster.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from chassis.embedded_host import free_port
from chassis.kafka.jars import cache_dir, fetch_jars
from chassis.kafka.local_host import (
    LocalKafkaError,
    answers,
    end_leftover,
    end_with_parent,
    find_java,
    refuse_taken_port,
)
from chassis.kafka.local_settings import (
    Sasl,
    admin_properties,
    log4j2_properties,
    scram_argument,
    server_properties,
)

__all__ = ["LocalKafka", "LocalKafkaError", "Sasl"]

_START_SECONDS = 90
_STOP_SECONDS = 30
_TOOL_SECONDS = 60
_POLL_SECONDS = 0.02
_LOG_LIMIT = 20_000_000  # bytes; a larger log makes way at the next start
# The quick compiler only: the thorough one costs more than it saves in the first minutes of a small broker
# (measured over 120,000 records: 9-36 us of processor time a record instead of 31-69) and delays the start.
_QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class LocalKafka:
    """One Kafka broker with its data in `data_dir`, owned by this process from `start()` to `stop()`.

    port, controller_port: TCP ports on 127.0.0.1; None takes a free one at the first start and keeps it
    for the life of this object.
    sasl: log-in by SCRAM-SHA-512 and access control; None serves everybody on this machine. Fixed, like its
    password, by the first start in `data_dir`.
    settings: server settings that replace or extend the defaults.
    heap_mb: the most that the Java heap may take, MiB. java_options: options of the JVM, after ours.
    jars: where Kafka's jars are kept; default the cache that all checkouts share.
    The log goes to `<data_dir>.log`, a lock against a second owner to `<data_dir>.lock`.
    What is acknowledged survives kill -9 of the broker, not a power cut: Kafka leaves flushing to the
    operating system.
    start() and stop() block; call them from the main thread, for the broker is killed when the thread that
    started it ends (so a killed owner leaves no broker behind).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        sasl: Sasl | None = None,
        settings: Mapping[str, str] | None = None,
        heap_mb: int = 512,
        java_options: Sequence[str] = (),
        jars: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self.jars = (jars or cache_dir()).absolute()
        self._port = port
        self._controller_port = controller_port
        self._sasl = sasl
        self._settings = dict(settings or {})
        self._options = (f"-Xmx{heap_mb}m", *_QUICK, *java_options)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    def start(self) -> None:
        """Fetch and format if need be, start, and return when requests are answered.

        Raises LocalKafkaError when Java or Maven is missing, another process owns the directory, a port is
        taken, or the broker does not come up (with the end of its log).
        """
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        try:
            java = find_java()
            fetch_jars(self.jars, java)
            end_leftover(self._pid_file, self.data_dir)
            for port in self._ports():
                refuse_taken_port(port)
            if not self._data.exists():
                self._format()
            self._launch(java)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop in order; kill a broker that has not ended after 30 s. A paused one goes on, to stop."""
        if self._process is not None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._ended()

    def kill(self) -> None:
        """Kill -9: the broker ends at once, with its connections; start() begins it again on its data."""
        if self._process is not None:
            self._process.kill()
        self._ended()

    def pause(self) -> None:
        """Stop the broker's clock (SIGSTOP): it keeps its connections, and answers nothing once this returns."""
        running = self._running()
        running.send_signal(signal.SIGSTOP)
        # All its threads stand still only some time after the signal; an end is told too, and left to wait().
        os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a paused broker go on."""
        self._running().send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Block until the broker ends, by whomever; its exit status (0 when it was not running)."""
        return 0 if self._process is None else self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """The address for clients, `127.0.0.1:port`."""
        return f"127.0.0.1:{self._ports()[0]}"

    @property
    def pid(self) -> int | None:
        """The broker's process, None when it is not running."""
        return None if self._process is None else self._process.pid

    def run_tool(self, class_name: str, *arguments: str, input_text: str = "") -> str:
        """Run one of Kafka's command line tools against this broker, as the super user; its output.

        class_name: such as `org.apache.kafka.tools.TopicCommand`, `org.apache.kafka.tools.AclCommand`,
        `kafka.admin.ConfigCommand`, `org.apache.kafka.tools.consumer.ConsoleConsumer`. The address and the
        log-in are added. Raises LocalKafkaError with what the tool said when it fails or takes over 60 s.
        """
        words = ["--bootstrap-server", self.bootstrap]
        words += ["--command-config", str(self.data_dir / "admin.properties")] if self._sasl else []
        return self._run_class(class_name, *words, *arguments, input_text=input_text)

    def _run_class(self, class_name: str, *arguments: str, input_text: str = "") -> str:
        command = [str(find_java()), "-Xmx128m", *_QUICK, "-cp", f"{self.jars}/*", class_name, *arguments]
        try:
            done = subprocess.run(  # noqa: S603
                command, input=input_text, capture_output=True, text=True, check=False, timeout=_TOOL_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise LocalKafkaError(f"{class_name} did not end within {_TOOL_SECONDS} s") from None
        if done.returncode != 0:
            raise LocalKafkaError(f"{class_name} failed:\n{(done.stdout + done.stderr).strip()}")
        return done.stdout

    @property
    def _data(self) -> Path:
        return self.data_dir / "data"

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "kafka.pid"

    def _ports(self) -> tuple[int, int]:
        self._port = self._port or free_port()
        while not self._controller_port or self._controller_port == self._port:
            self._controller_port = free_port()
        return self._port, self._controller_port

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise LocalKafkaError("Kafka is not running")
        return self._process

    def _ended(self) -> None:
        self.wait()
        self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> None:
        path = self.data_dir.with_name(self.data_dir.name + ".lock")
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise LocalKafkaError(f"another process is using the Kafka in {self.data_dir}") from None
        self._lock = lock

    def _format(self) -> None:
        # Made beside its place and then renamed: an interrupted run leaves nothing that looks finished.
        fresh = self.data_dir / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        properties = self._write("format.properties", self._server_properties(fresh))
        words = ["format", f"--cluster-id={secrets.token_urlsafe(16)}", "--config", str(properties)]
        words += ["--add-scram", scram_argument(self._sasl)] if self._sasl else []
        # In a file, for other users could read a command line, and the password is on it.
        arguments = self._write("format.arguments", "\n".join(words))
        try:
            self._run_class("kafka.tools.StorageTool", f"@{arguments}")
        finally:
            arguments.unlink()
            properties.unlink()
        fresh.rename(self._data)

    def _launch(self, java: Path) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT:
            self.log_path.rename(self.log_path.with_name(self.log_path.name + ".1"))
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._process = self._spawn(java)
        self._pid_file.write_text(str(self._process.pid))
        if not self._wait_ready():
            raise LocalKafkaError(
                f"Kafka did not start; {self.log_path} ends with:\n{self._log_since(log_start)}"
            )

    def _spawn(self, java: Path) -> subprocess.Popen[bytes]:
        properties = self._write("server.properties", self._server_properties(self._data))
        logging = self._write("log4j2.properties", log4j2_properties())
        if self._sasl:
            self._write("admin.properties", admin_properties(self._sasl))
        command = [*end_with_parent(), str(java), *self._options, f"-Dlog4j2.configurationFile={logging}"]
        command += ["-cp", f"{self.jars}/*", "kafka.Kafka", str(properties)]
        with os.fdopen(os.open(self.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as log:
            # A session of its own: Ctrl-C must reach the owner only. The directory is what it is known by.
            return subprocess.Popen(  # noqa: S603
                command,
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _server_properties(self, data: Path) -> str:
        return server_properties(data, *self._ports(), self._sasl, self._settings)

    def _wait_ready(self) -> bool:
        """True once requests are answered, False if the broker ended or is late."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                self._running().wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if answers(self.bootstrap):
                    return True
                continue
            return False
        return False

    def _write(self, name: str, text: str) -> Path:
        path = self.data_dir / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(text)
        return path

    def _log_since(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-20:])
