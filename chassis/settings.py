"""The settings of one service process, read once at start from a mapping of environment variables.

    settings = Settings.from_environment("intake", os.environ)

A missing or wrong variable is refused in plain words that name the variable and say what would be right.
There is no default for anything secret, and nothing here prints a secret: they are SecretStr.
"""

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

_KEY_BYTES = 32
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

Variables = Mapping[str, tuple[str, str]]
"""field -> (environment variable, what would be right); a field that is not here is not read from it"""
_VARIABLES: Final[Variables] = {
    "host": ("CASELADDER_HOST", "an address to listen on, such as 127.0.0.1"),
    "port": ("CASELADDER_PORT", "a port number from 1 to 65535"),
    "database_url": (
        "CASELADDER_DATABASE_URL",
        "a PostgreSQL address: postgresql://user:password@host:port/name",
    ),
    "reference": ("CASELADDER_REFERENCE", "the directory of a jurisdiction that exists"),
    "run_dir": ("CASELADDER_RUN_DIR", "a directory for this installation's files"),
    "jwks": ("CASELADDER_JWKS", "the path of a JWKS file, or its https address (http only on this machine)"),
    "issuer": ("CASELADDER_ISSUER", "the exact `iss` of the tokens to accept"),
    "audience": ("CASELADDER_AUDIENCE", "the `aud` that accepted tokens must name"),
    "otlp_endpoint": ("OTEL_EXPORTER_OTLP_ENDPOINT", "the http(s) address of an OTLP collector, or nothing"),
    "trace_ratio": ("OTEL_TRACES_SAMPLER_ARG", "the share of cases to trace, from 0 to 1"),
    "log_level": ("CASELADDER_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR"),
    "transport": ("CASELADDER_TRANSPORT", "embedded or kafka"),
    "kafka_bootstrap": ("CASELADDER_KAFKA_BOOTSTRAP", "one or more broker addresses: host:port,host:port"),
    "kafka_security": ("CASELADDER_KAFKA_SECURITY", "PLAINTEXT, SASL_PLAINTEXT or SASL_SSL"),
    "kafka_mechanism": ("CASELADDER_KAFKA_MECHANISM", "SCRAM-SHA-512 or PLAIN"),
    "kafka_username": ("CASELADDER_KAFKA_USERNAME", "the SCRAM user of this service"),
    "kafka_password": ("CASELADDER_KAFKA_PASSWORD", "the SCRAM password of this service"),
    "kafka_ca": ("CASELADDER_KAFKA_CA", "the path of the CA that signed the broker's certificate"),
    "kafka_prefix": ("CASELADDER_KAFKA_PREFIX", "letters, digits, dots and hyphens, or nothing"),
    "kafka_instance": (
        "CASELADDER_KAFKA_INSTANCE",
        "a name that this process keeps when it is started again",
    ),
    "shutdown_grace_seconds": ("CASELADDER_SHUTDOWN_GRACE_SECONDS", "whole seconds from 1 to 600"),
    "master_key": ("CASELADDER_MASTER_KEY", "32 random bytes in base64"),
    "index_key": ("CASELADDER_INDEX_KEY", "32 random bytes in base64"),
    "public_url": ("CASELADDER_PUBLIC_URL", "the http(s) address at which residents reach this service"),
    "trusted_proxies": (
        "CASELADDER_TRUSTED_PROXIES",
        "the addresses or networks of your own proxies: 10.0.0.7,10.1.0.0/16",
    ),
}


class SettingsError(Exception):
    """The environment does not describe a service that can run; one line for each variable to mend."""

    safe_to_log = True  # built from variable names and fixed words only

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Keys(NamedTuple):
    """The secrets that protect personal data: one wraps each record's key, one blinds look-ups."""

    master_key: bytes
    index_key: bytes


def _postgres(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in {"postgresql", "postgres"}:
        raise ValueError("not a PostgreSQL address")
    return value


def _http_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http address")
    return value.rstrip("/")


def _networks(value: str) -> str:
    for network in value.split(","):
        ipaddress.ip_network(network.strip())
    return value


def _jwks_place(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme in {"http", "https"} and not parts.hostname:
        raise ValueError("an address without a host")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("keys fetched without TLS can be replaced on the way")
    if "://" in value and parts.scheme not in {"http", "https"}:
        raise ValueError("neither a file nor an https address")
    return value


def _existing_directory(value: Path) -> Path:
    if not value.is_dir():
        raise ValueError("no such directory")
    return value


def _existing_file(value: str) -> str:
    if not Path(value).is_file():
        raise ValueError("no such file")
    return value


def _key(value: SecretStr) -> SecretStr:
    _decoded(value)
    return value


def _decoded(value: SecretStr) -> bytes:
    try:
        raw = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(raw) != _KEY_BYTES:
        raise ValueError("not 32 bytes")
    return raw


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _bootstrap(value: str) -> str:
    for address in value.split(","):
        host, colon, port = address.strip().rpartition(":")
        if not (host and colon and port.isdigit()):
            raise ValueError("not host:port")
    return value


Model = TypeVar("Model", bound=BaseModel)
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
ExistingFile = Annotated[str, AfterValidator(_existing_file)]


class KafkaSettings(BaseModel):
    """How a process reaches Kafka. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    own_variables: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """What a service reads beside the variables of all: field -> (environment variable, what would be right)."""

    kafka_bootstrap: Annotated[str, AfterValidator(_bootstrap)] | None = None
    kafka_security: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_mechanism: Literal["SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    kafka_username: Text | None = None
    kafka_password: SecretStr | None = None
    kafka_ca: ExistingFile | None = None
    kafka_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-]*$")] = ""

    def _needed_for_kafka(self) -> tuple[str, ...]:
        log_in = () if self.kafka_security == "PLAINTEXT" else ("kafka_username", "kafka_password")
        return ("kafka_bootstrap", *log_in)

    @classmethod
    def _variables(cls) -> Variables:
        return {**_VARIABLES, **cls.own_variables}

    def _require(self, *names: str) -> None:
        absent = [name for name in names if getattr(self, name) is None]
        if absent:
            raise SettingsError([_plain(name, "missing", self._variables()) for name in absent])


class Settings(KafkaSettings):
    """What one service process needs to know. Frozen. `shutdown_grace_seconds` are seconds."""

    service: Text
    host: Text = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    database_url: Annotated[SecretStr, AfterValidator(_postgres)]
    reference: Annotated[Path, AfterValidator(_existing_directory)]
    run_dir: Path = Path(".run")
    jwks: Annotated[Text, AfterValidator(_jwks_place)]
    issuer: Text
    audience: Text = "caseladder"
    otlp_endpoint: Annotated[str, AfterValidator(_http_address)] | None = None
    trace_ratio: float = Field(default=0.05, ge=0, le=1)
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = "INFO"
    transport: Literal["embedded", "kafka"] = "embedded"
    kafka_instance: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._\-]{1,200}$")] | None = None
    shutdown_grace_seconds: int = Field(default=10, ge=1, le=600)
    master_key: Annotated[SecretStr, AfterValidator(_key)] | None = None
    index_key: Annotated[SecretStr, AfterValidator(_key)] | None = None
    public_url: Annotated[str, AfterValidator(_http_address)] | None = None
    trusted_proxies: Annotated[str, AfterValidator(_networks)] | None = None

    @property
    def own_url(self) -> str:
        """Return the address under which others reach this service, without a slash at its end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @classmethod
    def from_environment(cls, service: str, env: Mapping[str, str]) -> Self:
        """Read the settings of `service`; an empty variable counts as absent.

        Raises SettingsError with one line for each variable that is missing or wrong.
        """
        made = read(cls, env, cls._variables(), service=service)
        if made.transport == "kafka":
            made._require(*made._needed_for_kafka())
        return made

    def keys(self) -> Keys:
        """The secrets of a service that holds personal data; SettingsError where one is missing."""
        self._require("master_key", "index_key")
        assert self.master_key is not None and self.index_key is not None  # noqa: S101, PT018
        return Keys(_decoded(self.master_key), _decoded(self.index_key))

    def vault_key(self) -> bytes:
        """The key of a service that keeps papers but looks nobody up; SettingsError where it is missing."""
        self._require("master_key")
        assert self.master_key is not None  # noqa: S101
        return _decoded(self.master_key)


def kafka_settings(env: Mapping[str, str]) -> KafkaSettings:
    """Read the CASELADDER_KAFKA_* variables alone, for a command that is no service. Raises SettingsError."""
    made = read(KafkaSettings, env, _VARIABLES)
    made._require(*made._needed_for_kafka())
    return made


def read(model: type[Model], env: Mapping[str, str], variables: Variables, **more: str) -> Model:
    """Read the fields of `model` from their variables, an empty one counting as absent; `more` is given as it is.

    Raises SettingsError with one line for each variable that is missing or wrong.
    """
    known = {field: variables[field][0] for field in model.model_fields if field in variables}
    given = {field: env[name] for field, name in known.items() if env.get(name, "").strip()}
    if broken := [field for field, value in given.items() if not _is_utf8(value)]:
        raise SettingsError([_plain(field, "not_utf8", variables) for field in broken])
    try:
        return model.model_validate({**given, **more})
    except ValidationError as error:
        lines = [_plain(str(e["loc"][0]), e["type"], variables) for e in error.errors()]
        raise SettingsError(lines) from None


def _is_utf8(value: str) -> bool:
    """Python reads the bytes of a variable that are no UTF-8 as surrogates, which nothing can send on."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _plain(field: str, kind: str, variables: Variables) -> str:
    if field not in variables:
        return f"{field} must not be empty"
    variable, right = variables[field]
    return f"{variable} is {'missing' if kind == 'missing' else 'not usable'}: set it to {right}"
