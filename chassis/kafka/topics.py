"""The topics as configuration: read from a file, compared with the broker, made and kept.

topics:
  case.events: {partitions: 6, retention_days: 30}
  "dept.{code}.assigned": {partitions: 1, retention_days: 30}      # one for each unit with topics of its own
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chassis.kafka.connection import UNREACHABLE, KafkaConnection, refusal
from chassis.kafka.rights import hidden

PER_UNIT: Final = "{code}"
_DAY_MS: Final = 24 * 60 * 60 * 1000
_PATIENCE_S: Final = 30.0


class TopicsInvalid(Exception):
    """The file of topics cannot be used; the text names the file and the topic, and says what would be right."""

    safe_to_log = True


class _Entry(BaseModel):
    """One topic, or one for each unit, as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: Annotated[int, Field(ge=1, le=1000)]
    retention_days: Annotated[int, Field(ge=1)] | None = None
    """None keeps everything."""
    compact: bool = False
    """Keep the newest record of each key, whatever its age."""
    settings: Mapping[str, str] = {}


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replication: Annotated[int, Field(ge=1, le=9)] = 1
    min_insync_replicas: Annotated[int, Field(ge=1, le=9)] = 1
    topics: Mapping[str, _Entry]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is meant to be; `settings` are Kafka's own topic settings."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """What of a topic is not as it is meant to be."""

    topic: Topic
    partitions: int | None
    """How many there are; None where there is no such topic."""
    settings: Mapping[str, str | None] = field(default_factory=dict)
    """The settings that differ, as they are on the broker."""

    @property
    def is_missing(self) -> bool:
        """Whether there is no such topic."""
        return self.partitions is None


def load_topics(path: Path, units: Iterable[str]) -> list[Topic]:
    """Read a file of topics, one per unit where the name has `{code}`. Raises TopicsInvalid."""
    try:
        read = _File.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise TopicsInvalid(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise TopicsInvalid(f"{path}: no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise TopicsInvalid(
            f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        ) from None
    if read.min_insync_replicas > read.replication:
        raise TopicsInvalid(f"{path}: min_insync_replicas must not exceed replication, {read.replication}")
    codes = list(units)
    return [
        Topic(name.replace(PER_UNIT, code), entry.partitions, read.replication, _settings(read, entry))
        for name, entry in read.topics.items()
        for code in (codes if PER_UNIT in name else [""])
    ]


def _settings(file: _File, entry: _Entry) -> dict[str, str]:
    kept = -1 if entry.retention_days is None else entry.retention_days * _DAY_MS
    policies = [name for name, is_on in (("compact", entry.compact), ("delete", kept >= 0)) if is_on]
    return {
        "cleanup.policy": ",".join(policies) or "delete",
        "retention.ms": str(kept),
        "min.insync.replicas": str(file.min_insync_replicas),
        **entry.settings,
    }


class Topics:
    """The topics on a broker. Use as a context: `async with Topics(connection) as topics`."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._admin: Any = None

    async def __aenter__(self) -> "Topics":
        """Connect. Raises LoginRefused, or another of UNREACHABLE where the broker does not answer."""
        self._admin = AIOKafkaAdminClient(**self._connection.options())
        try:
            await asyncio.wait_for(self._admin.start(), _PATIENCE_S)
        except UNREACHABLE:
            if refused := await refusal(self._connection):
                raise refused from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def differences(self, wanted: Sequence[Topic]) -> list[Difference]:
        """Compare; topics that are as they are meant to be are left out. RuntimeError names what we may not see."""
        names = set(await self._admin.list_topics())
        absent = {self._connection.topic(topic.name) for topic in wanted} - names
        if unseen := await hidden(self._admin._client, absent):
            raise RuntimeError(
                f"{self._connection.username} may not see {len(unseen)} topics, such as {min(unseen)}: "
                "whether they are there is not known"
            )
        present = [topic for topic in wanted if self._connection.topic(topic.name) in names]
        described = await self._admin.describe_topics(
            [self._connection.topic(topic.name) for topic in present]
        )
        counts = {entry["topic"]: len(entry["partitions"]) for entry in described} if present else {}
        settings = await self._settings([self._connection.topic(topic.name) for topic in present])
        found = []
        for topic in wanted:
            name = self._connection.topic(topic.name)
            if name not in names:
                found.append(Difference(topic, None))
                continue
            others = {key: settings[name].get(key) for key in topic.settings}
            others = {key: value for key, value in others.items() if value != topic.settings[key]}
            if others or counts[name] != topic.partitions:
                found.append(Difference(topic, counts[name], others))
        return found

    async def _settings(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for answer in await self._admin.describe_configs(asked):
            for resource in answer.resources:
                if resource[0]:
                    raise RuntimeError(f"{resource[3]}: {for_code(resource[0]).__name__} for its settings")
                found[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
        return found

    async def create(self, missing: Sequence[Topic]) -> None:
        """Make topics. Raises RuntimeError naming the first that the broker refused."""
        if not missing:
            return
        made = await self._admin.create_topics(
            [
                NewTopic(
                    self._connection.topic(topic.name),
                    topic.partitions,
                    topic.replication,
                    topic_configs=dict(topic.settings),
                )
                for topic in missing
            ],
            timeout_ms=int(_PATIENCE_S * 1000),
        )
        for name, code, message in (entry[:3] for entry in made.topic_errors):
            if code not in (0, 36):  # 36: somebody else was first
                raise RuntimeError(f"the broker refused to make {name}: {message or code}")

    async def adjust(self, topics: Sequence[Topic]) -> None:
        """Set the settings of topics that exist. Raises RuntimeError naming the first that was refused."""
        if not topics:
            return
        asked = [
            ConfigResource(
                ConfigResourceType.TOPIC, self._connection.topic(topic.name), configs=dict(topic.settings)
            )
            for topic in topics
        ]
        for answer in await self._admin.alter_configs(asked):
            for code, message, _, name in (resource[:4] for resource in answer.resources):
                if code:
                    raise RuntimeError(f"the broker refused the settings of {name}: {message or code}")

    async def names(self) -> list[str]:
        """Return the full names of the topics under the connection's prefix."""
        return [name for name in await self._admin.list_topics() if name.startswith(self._connection.prefix)]

    async def delete(self, names: Sequence[str]) -> None:
        """Delete topics with all they hold; for tests and for rehearsing the loss of a broker."""
        await self._admin.delete_topics(list(names), timeout_ms=int(_PATIENCE_S * 1000))
