"""What a broker lets us do with topics, asked before anything is done; aiokafka has no request that tells.

A broker without access control lets everybody do everything, and says so.
"""

import asyncio
from collections.abc import Collection
from typing import Any, Final

from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from chassis.kafka.connection import ANSWER_S

_WRITE: Final = 1 << 4
"""Kafka numbers the operations; this is the bit of number 4."""
_NOT_SEEN: Final[int] = TopicAuthorizationFailedError.errno
_TEXT: Final = String("utf-8")


class _TopicsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _TopicsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3  # Metadata
    API_VERSION = 8
    RESPONSE_TYPE = _TopicsResponse
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("makes_topics", Boolean),
        ("with_cluster_operations", Boolean),
        ("with_topic_operations", Boolean),
    )


class _Topics(Request[_TopicsStruct]):  # type: ignore[misc]
    API_KEY = _TopicsStruct.API_KEY

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = sorted(topics)

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._topics, False, False, True)


async def hidden(client: Any, names: Collection[str]) -> list[str]:
    """Return those of the topics, by full name, that we may not see, whether they are there or not."""
    return [name for name, code, _ in await _ask(client, names) if code == _NOT_SEEN]


async def unwritable(client: Any, names: Collection[str]) -> list[str]:
    """Return those of the topics, by full name, to which we may not write; one that is not there is none."""
    return [
        name
        for name, code, operations in await _ask(client, names)
        if code == _NOT_SEEN or (code == 0 and not operations & _WRITE)
    ]


async def _ask(client: Any, names: Collection[str]) -> list[tuple[str, int, int]]:
    """Return of each topic its name, the broker's error code, and what we may do with it. Raises one of
    UNREACHABLE; `client` is one of aiokafka that has started."""
    if not names:
        return []
    answer = await asyncio.wait_for(client.send(client.get_random_node(), _Topics(names)), ANSWER_S)
    return [(topic[1], topic[0], topic[4]) for topic in answer.topics]
