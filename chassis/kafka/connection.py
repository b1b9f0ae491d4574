"""How this process reaches Kafka, and how long it waits for an answer."""

import asyncio
import ssl
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from aiokafka import AIOKafkaProducer
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from chassis.kafka.header_names import read_past_them
from chassis.settings import KafkaSettings
from chassis.telemetry import Attribute, Value
from schemas.message import CASE_EVENTS

Security = Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-512", "PLAIN"]

ANSWER_S: Final = 5.0
"""A request to the broker that takes longer than this is given up, in seconds."""
STOP_S: Final = 3.0
"""How long a client may take to leave in order before it is cut off, in seconds."""

UNREACHABLE: Final = (KafkaError, OSError, TimeoutError)
"""What a broker that is away, or a client that is stuck, shows itself as."""


read_past_them()  # here, for whoever has no connection makes no consumer


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """An address with its log-in. `prefix` stands before every topic and group, so that several installations
    can share one cluster.
    """

    bootstrap: str
    security: Security = "PLAINTEXT"
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    prefix: str = ""
    mechanism: Mechanism = "SCRAM-SHA-512"
    """How the user logs in; PLAIN is for one who is not kept by the broker, and makes those who are."""

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self:
        """Return how the settings reach Kafka. They were checked to be enough for it."""
        password = settings.kafka_password
        return cls(
            settings.kafka_bootstrap or "",
            settings.kafka_security,
            settings.kafka_username,
            password.get_secret_value() if password else None,
            settings.kafka_ca,
            settings.kafka_prefix,
            settings.kafka_mechanism,
        )

    def topic(self, name: str) -> str:
        """Return the name of a topic on the broker."""
        return f"{self.prefix}{name}"

    def group(self, name: str) -> str:
        """Return the name of a consumer group on the broker."""
        return f"{self.prefix}caseladder.{name}"

    def origin(self) -> dict[Attribute, Value]:
        """Return how spans name this broker."""
        host, _, port = self.bootstrap.split(",")[0].strip().rpartition(":")
        return {
            "messaging.system": "kafka",
            "server.address": host,
            "server.port": int(port),
        }

    def options(self) -> dict[str, Any]:
        """Return what every client is made with. Raises OSError where the CA file cannot be read."""
        made: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security,
            "retry_backoff_ms": 100,
        }
        if self.security != "PLAINTEXT":
            made |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.security == "SASL_SSL":
            made["ssl_context"] = ssl.create_default_context(cafile=self.ca)
        return made


class NotInOrder(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Somebody must put the topics in order first; the text says what would be right."""

    safe_to_log = True

    def __str__(self) -> str:
        """Return the text without the name of the class, for people."""
        return str(self.args[0])


class TopicMissing(NotInOrder):
    """A topic that must be there is not."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"there is no topic {topic}: if it is new, `python -m services topics apply` makes it; if the "
            "broker has lost it, `python -m services log republish --since begin` brings it back with its events"
        )


class TopicLost(NotInOrder):
    """A topic is empty to which events were published."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"the topic {topic} is empty although events were published to it, so the broker has lost it: "
            "`python -m services log republish --since begin` brings them back"
        )


class TailLost(NotInOrder):
    """A topic does not hold any more what the broker had taken for it last. `topic` is without the prefix."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        alone = "" if topic == CASE_EVENTS else f" --topic {topic}"
        super().__init__(
            f"the last events that were published to {connection.topic(topic)} are there no more, so the broker has"
            f" lost them: `python -m services log republish --since begin{alone}` brings them back"
        )


class TooFewPartitions(NotInOrder):
    """A topic has fewer partitions than are in use, so it is not the one that was used."""

    def __init__(self, topic: str, there: int, used: int) -> None:
        super().__init__(
            f"the topic {topic} has {there} partitions and {used} are in use, so it was made anew: "
            "`python -m services log republish --since begin` brings its events back"
        )


class LoginRefused(NotInOrder):
    """The broker is there, and does not let us in."""

    def __init__(self, connection: KafkaConnection, error: KafkaError) -> None:
        super().__init__(
            f"Kafka on {connection.bootstrap} refuses the log-in of {connection.username} by "
            f"{connection.mechanism} ({type(error).__name__}): no such user there, or another password"
        )


class MayNotWrite(NotInOrder):
    """The broker does not let us write to topics."""

    def __init__(self, connection: KafkaConnection, topics: Collection[str]) -> None:
        super().__init__(
            f"{connection.username} may not write to {len(topics)} topics, such as {min(topics)}: log in as the "
            "broker's administrator"
        )


class Rebuilding(NotInOrder):
    """The event logs are being published again, or were and that was broken off."""

    def __init__(self) -> None:
        super().__init__("`log republish` was begun and has not ended: if it runs no more, run it again")


async def refusal(connection: KafkaConnection) -> LoginRefused | None:
    """Ask once whether the broker refuses our log-in: a client that does not get in says only that it did not."""
    known = ("bootstrap_servers", "retry_backoff_ms")
    options = {name: value for name, value in connection.options().items() if name not in known}
    for host, port, _ in collect_hosts(connection.bootstrap):
        try:
            made = await create_conn(host, port, request_timeout_ms=int(ANSWER_S * 1000), **options)
        except (SaslAuthenticationFailed, AuthenticationFailedError, UnsupportedSaslMechanismError) as error:
            return LoginRefused(connection, error)
        except UNREACHABLE:
            continue
        made.close()
        break
    return None


def explain(error: BaseException) -> str:
    """Say what is wrong with the broker, in a few words; of most errors only the kind tells that it is not our own
    database that is away."""
    if isinstance(error, NotInOrder):
        return str(error)
    return f"Kafka or the database does not answer ({type(error).__name__})"


async def let_go(client: Any) -> None:
    """Stop a consumer or producer of aiokafka, in order if it can; one that will not end, or cannot, is cut off.

    A producer that is cut off delivers nothing later. In tasks of their own: where a fetch fails at that moment,
    `stop` lets the cancellation of its own parts out, and would end whoever waits for it, without a word.
    """
    if await _ends(client.stop()):
        return
    sender = getattr(client, "_sender", None)
    if sender is not None:
        await _ends(sender.close())
    network = client.client if isinstance(client, AIOKafkaProducer) else client._client
    await _ends(network.close())


async def _ends(work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work came to its end within `STOP_S`."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait({task}, timeout=STOP_S)
    task.cancel()
    return bool(done) and not task.cancelled() and task.exception() is None
