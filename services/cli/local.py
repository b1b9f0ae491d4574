"""The files and addresses of an embedded run: what `up` makes and the other commands read."""

import base64
import fcntl
import hmac
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import orjson

from chassis.settings import KafkaSettings, SettingsError, kafka_settings
from chassis.tokens import PRIVATE_FILE, LocalIssuer

PORT_OFFSETS = {
    "intake": 1,
    "router": 2,
    "mediation": 3,
    "petition": 4,
    "notify": 5,
}  # the console will have 0
ISSUER = "urn:caseladder:local"
AUDIENCE = "caseladder"
GULOU = Path(__file__).parents[2] / "reference" / "gulou"
_NOTIFIER_LIFETIME = timedelta(days=400)
"""Issued at each start; no run lasts longer."""
_PASSWORD = "CASELADDER_DATABASE_PASSWORD"  # noqa: S105 - the variable's name
_MASTER, _INDEX = "CASELADDER_MASTER_KEY", "CASELADDER_INDEX_KEY"
_PROCEDURES = {
    "mediation",
    "petition",
}  # keep papers of their own, each under a key that opens no other service's


def local_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --run-dir and --port-base, which say where the embedded run lives."""
    command = click.option(
        "--port-base",
        default=8100,
        show_default=True,
        type=click.IntRange(1, 65535 - 5),
        envvar="CASELADDER_PORT_BASE",
        help="First of the six ports on 127.0.0.1.",
    )(command)
    return run_dir_option(command)


def run_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --run-dir alone."""
    return click.option(
        "--run-dir",
        default=Path(".run"),
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        envvar="CASELADDER_RUN_DIR",
        help="Where data, secrets and logs are kept.",
    )(command)


@dataclass(frozen=True, slots=True)
class Run:
    """How `up` runs the services: one database for all, or on Kafka one for each."""

    databases: dict[str, str]
    """Addresses by service, with the password."""
    kafka: str | None = None
    """The broker's address; None on the embedded transport."""


@dataclass(frozen=True, slots=True)
class LocalRun:
    """One embedded run: a directory and six ports on 127.0.0.1."""

    run_dir: Path
    port_base: int

    def port(self, service: str) -> int:
        """The TCP port of a service."""
        return self.port_base + PORT_OFFSETS[service]

    def base_url(self, service: str) -> str:
        """The address of a service, without a final slash."""
        return f"http://127.0.0.1:{self.port(service)}"

    @property
    def reference(self) -> Path:
        """The jurisdiction: CASELADDER_REFERENCE, else Gulou."""
        return Path(os.environ.get("CASELADDER_REFERENCE") or GULOU)

    @property
    def log_dir(self) -> Path:
        """Where the logs of the services are."""
        return self.run_dir / "logs"

    def prepare(self) -> None:
        """Make the directory (closed to others) and, once, its secrets and the issuer's keys."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self.run_dir.chmod(0o700)
        if not self._secrets_file.exists():
            _write_private(self._secrets_file, _new_secrets())
        LocalIssuer.open(self.run_dir, ISSUER, AUDIENCE)

    def issuer(self) -> LocalIssuer:
        """The local issuer of tokens: of a run directory, or of the compose stack (deploy/secrets).

        Raises click.ClickException where there is no key: a token of a new one would open nothing.
        """
        if not (self.run_dir / PRIVATE_FILE).exists():
            raise click.ClickException(
                f"there is no system in {self.run_dir}: start one with `make up`, or name its --run-dir"
            )
        return LocalIssuer.open(self.run_dir, ISSUER, AUDIENCE)

    def password(self) -> str:
        """The secret of the database."""
        return self._secrets()[_PASSWORD]

    def remember(self, run: Run) -> None:
        """Write down for the other commands how `up` runs."""
        _write_private(self._run_file, orjson.dumps(asdict(run)).decode() + "\n")

    def last_run(self) -> Run | None:
        """How `up` ran here last; None where it never did."""
        try:
            return Run(**orjson.loads(self._run_file.read_bytes()))
        except FileNotFoundError:
            return None

    def check_transport(self, wanted: str) -> None:
        """Refuse another transport, `embedded` or `kafka`, than that of the last `up`: the cases taken in there are
        in other databases, and would seem lost.
        """
        run = self.last_run()
        last = None if run is None else "kafka" if run.kafka else "embedded"
        if last not in {None, wanted}:
            raise click.ClickException(
                f"the cases in {self.run_dir} were taken in with the transport {last}, and {wanted} would not find "
                f"them: start it with --transport {last} (make up TRANSPORT={last}), or use another --run-dir "
                f"(make up TRANSPORT={wanted} RUN_DIR={self.run_dir}-{wanted})"
            )

    def databases(self) -> dict[str, str]:
        """The address of each service's database: CASELADDER_<SERVICE>_DATABASE_URL for all of them, or one
        CASELADDER_DATABASE_URL, else those of the last `up`.

        Raises click.ClickException where there is none of these.
        """
        names = {service: f"CASELADDER_{service.upper()}_DATABASE_URL" for service in PORT_OFFSETS}
        if all(os.environ.get(name) for name in names.values()):
            return {service: os.environ[name] for service, name in names.items()}
        given = os.environ.get("CASELADDER_DATABASE_URL")
        if given:
            return dict.fromkeys(PORT_OFFSETS, given)
        run = self.last_run()
        if run is None:
            raise click.ClickException(
                f"nothing has run in {self.run_dir} yet: start it with `make up`, name its --run-dir, "
                f"or set CASELADDER_DATABASE_URL"
            )
        return run.databases

    def kafka(self, run: Run | None = None) -> KafkaSettings:
        """What the CASELADDER_KAFKA_* variables say; without an address, that of `run`, else of the last `up`.

        Raises click.ClickException where no broker is named, or a variable is wrong.
        """
        run = run or self.last_run()
        given = {"CASELADDER_KAFKA_BOOTSTRAP": run.kafka} if run and run.kafka else {}
        given |= {name: value for name, value in os.environ.items() if name.startswith("CASELADDER_KAFKA_")}
        if not given.get("CASELADDER_KAFKA_BOOTSTRAP"):
            raise click.ClickException(
                f"nothing has run on Kafka in {self.run_dir} yet: start it with `make up TRANSPORT=kafka`, "
                "or set CASELADDER_KAFKA_BOOTSTRAP"
            )
        try:
            return kafka_settings(given)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None

    def variables(self, service: str) -> dict[str, str]:
        """The environment variables of a service; none before the first `up` (as in a production container)."""
        run = self.last_run()
        if run is None:
            return {}
        return {
            "CASELADDER_DATABASE_URL": run.databases[service],
            **(
                {"CASELADDER_TRANSPORT": "kafka", "CASELADDER_KAFKA_BOOTSTRAP": run.kafka}
                if run.kafka
                else {}
            ),
            "CASELADDER_REFERENCE": str(self.reference.absolute()),
            "CASELADDER_RUN_DIR": str(self.run_dir.absolute()),
            "CASELADDER_JWKS": str((self.run_dir / "jwks.json").absolute()),
            "CASELADDER_ISSUER": ISSUER,
            "CASELADDER_AUDIENCE": AUDIENCE,
            "CASELADDER_PORT": str(self.port(service)),
            **self._keys(service),
            **(self._notifying() if service == "notify" else {}),
        }

    def _notifying(self) -> dict[str, str]:
        """What notify needs to ask intake, and that its messages stay here where no provider is named."""
        token = self.issuer().issue("notify", ["notifier"], datetime.now(UTC), lifetime=_NOTIFIER_LIFETIME)
        intake = self.base_url("intake")
        return {
            "CASELADDER_INTAKE_URL": intake,
            "CASELADDER_PUBLIC_URL": intake,
            "CASELADDER_NOTIFIER_TOKEN": token,
            "CASELADDER_NOTIFY_CATCH_ALL": "true",
        }

    def _keys(self, service: str) -> dict[str, str]:
        """R-PRIV-01: intake has the keys of the residents' data; a procedure its own, derived of them."""
        secret = self._secrets()
        if service == "intake":
            return {name: secret[name] for name in (_MASTER, _INDEX)}
        if service not in _PROCEDURES:
            return {}
        own = hmac.digest(base64.b64decode(secret[_MASTER]), f"caseladder {service}".encode(), "sha256")
        return {_MASTER: base64.b64encode(own).decode()}

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Own the run directory for a while; click.ClickException when another process does."""
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.run_dir / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise click.ClickException(
                    f"already running in {self.run_dir} (process {lock.read().strip()}): stop that one first, "
                    f"or use another --run-dir together with another --port-base"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def check_ports(self) -> None:
        """Refuse, naming the port, when one is taken."""
        for service in PORT_OFFSETS:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", self.port(service)))
                except OSError as error:
                    raise click.ClickException(
                        f"port {self.port(service)} of 127.0.0.1, wanted for {service}, is not free "
                        f"({error.strerror}): end the program that uses it, or move all ports with "
                        f"--port-base (make up PORT_BASE=9100)"
                    ) from None

    @property
    def _secrets_file(self) -> Path:
        return self.run_dir / "secrets.env"

    @property
    def _run_file(self) -> Path:
        return self.run_dir / "run.json"

    def _secrets(self) -> Mapping[str, str]:
        lines = self._secrets_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _new_secrets() -> str:
    def key() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return (
        "# Made once. Without these keys the personal data in the database cannot be read again.\n"
        f"{_MASTER}={key()}\n"
        f"{_INDEX}={key()}\n"
        f"{_PASSWORD}={secrets.token_urlsafe(32)}\n"
    )


def _write_private(path: Path, text: str) -> None:
    """Write the file so that nobody else can read it at any moment and no half of it is ever seen."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def hush_client() -> None:
    """Keep the Kafka client's own lines off the terminal: what they mean is said in our words."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
