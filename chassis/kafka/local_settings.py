"""The files that the local Kafka reads: server.properties, log4j2.properties, the administrator's log-in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Sasl", "admin_properties", "log4j2_properties", "scram_argument", "server_properties"]

_MECHANISM = "SCRAM-SHA-512"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

# One node, on a machine that does other things too.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",  # bytes of the heap; the default is a quarter of all of it
    # After kill -9 the node is refused until the session of its former self has run out (default 9 s).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",  # no waiting for more members: there are few
}

_LOG4J2 = """\
# To standard output, which the owner of the process writes to the log file.
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
# Lists each setting, passwords hidden, four times at each start.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = warn
# One line a partition at each start.
logger.state.name = state.change.logger
logger.state.level = warn
"""


@dataclass(frozen=True, slots=True)
class Sasl:
    """Log-in and access control: every client says who it is, and may do what an ACL allows, nothing else.

    password: that of the super user `user`, who is in no ACL and may do everything.
    Raises ValueError for a name or password that would need quoting in one of Kafka's files.
    """

    password: str = field(repr=False)
    user: str = "admin"

    def __post_init__(self) -> None:
        """Refuse what Kafka's three ways of quoting would not all survive."""
        for what in ("user", "password"):
            if not re.fullmatch(r"[A-Za-z0-9_-]+", getattr(self, what)):
                raise ValueError(f"the {what} may have letters, digits, - and _ only, at least one of them")


def server_properties(
    data: Path, port: int, controller_port: int, sasl: Sasl | None, settings: Mapping[str, str]
) -> str:
    """The text of server.properties. It holds the password where `sasl` is given."""
    protocol = "SASL_PLAINTEXT" if sasl else "PLAINTEXT"
    properties = {
        **_SETTINGS,
        "log.dirs": str(data),
        "listeners": f"CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
        "listener.security.protocol.map": f"CLIENT:{protocol},CONTROLLER:{protocol}",
        # Static: the one voter is looked up here at each start, so that its port may change.
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        **(_sasl_settings(sasl) if sasl else {}),
        **settings,
    }
    return _lines(properties)


def _sasl_settings(sasl: Sasl) -> dict[str, str]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{sasl.user}",
        "sasl.enabled.mechanisms": _MECHANISM,
        "sasl.mechanism.inter.broker.protocol": _MECHANISM,
        "listener.name.client.scram-sha-512.sasl.jaas.config": _login(_SCRAM, sasl),
        # The controller listener serves the broker in the same process, and nobody else has this password.
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": _login(
            _PLAIN, sasl, f'user_{sasl.user}="{sasl.password}"'
        ),
    }


def admin_properties(sasl: Sasl) -> str:
    """The client settings with which Kafka's own tools log in as the super user."""
    return _lines(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": _MECHANISM,
            "sasl.jaas.config": _login(_SCRAM, sasl),
        }
    )


def scram_argument(sasl: Sasl) -> str:
    """The value of the storage tool's --add-scram that makes the super user."""
    return f"{_MECHANISM}=[name={sasl.user},password={sasl.password}]"


def log4j2_properties() -> str:
    """The text of log4j2.properties."""
    return _LOG4J2


def _login(module: str, sasl: Sasl, *more: str) -> str:
    return (
        " ".join([module, "required", f'username="{sasl.user}"', f'password="{sasl.password}"', *more]) + ";"
    )


def _lines(properties: Mapping[str, str]) -> str:
    # A backslash begins an escape in this format.
    return "".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in properties.items())
