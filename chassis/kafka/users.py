"""Users and rights on a broker: all passwords in one request, all ACLs in another.

aiokafka has no request for passwords, and one for a single ACL only, so both are described here as Kafka's protocol
has them. No password leaves this process: the broker is sent its salted hash, from which it is known again.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from chassis.kafka.connection import UNREACHABLE, KafkaConnection, refusal

Operation = Literal["Read", "Write", "Create", "Alter", "Describe", "DescribeConfigs", "AlterConfigs"]

_OPERATIONS: Final[Mapping[Operation, int]] = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}
_KINDS: Final = {"topic": 2, "group": 3}
_PATTERNS: Final = {"literal": 3, "prefixed": 4}
_ALLOW: Final = 3
_ANY_HOST: Final = "*"
_SCRAM_SHA_512: Final = 2
_ITERATIONS: Final = 4096
"""As Kafka's own tool takes them: the passwords are random and long, so that none can be guessed."""
_SALT_BYTES: Final = 32
_PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What one user may do with some resources. `resources`: `topic:NAME` or `group:NAME`; `topic:*` is any."""

    user: str
    pattern: Literal["literal", "prefixed"]
    operations: tuple[Operation, ...]
    resources: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as one line for people."""
        return f"{self.user} may {', '.join(self.operations)} {self.pattern} {' '.join(self.resources)}"


class _PasswordsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _PasswordsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 51  # AlterUserScramCredentials
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _PasswordsResponse
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Passwords(Request[_PasswordsStruct]):  # type: ignore[misc]
    API_KEY = _PasswordsStruct.API_KEY

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._upsertions = [_hashed(user, password) for user, password in passwords.items()]

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class([], self._upsertions, {})


class _Acls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]
    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, acls: Sequence["_Acl"]) -> None:
        self._acls = acls

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._acls)


_Acl = tuple[int, str, int, str, str, int, int]
"""Kind and name of the resource, pattern, principal, host, operation, permission."""


class Users:
    """The users of a broker, for one who may alter them. A context: `async with Users(connection) as users`."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._client = AIOKafkaClient(**connection.options())

    async def __aenter__(self) -> "Users":
        """Connect. Raises LoginRefused, or another of UNREACHABLE where the broker does not answer."""
        try:
            await asyncio.wait_for(self._client.bootstrap(), _PATIENCE_S)
        except BaseException as error:
            await self._client.close()
            if isinstance(error, UNREACHABLE) and (refused := await refusal(self._connection)):
                raise refused from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Make the users that are new, and set everybody's password. RuntimeError names the first refused."""
        answer = await self._ask(_Passwords(passwords))
        for user, code, _, _ in answer.results:
            if code:
                raise RuntimeError(f"the broker refused the password of {user}: {for_code(code).__name__}")

    async def allow(self, grants: Sequence[Grant]) -> None:
        """Add what is not allowed yet; nothing is taken away. RuntimeError names the first grant refused."""
        asked = [(grant, acl) for grant in grants for acl in _acls(grant)]
        answer = await self._ask(_Acls([acl for _, acl in asked]))
        for (grant, _), (code, _) in zip(asked, answer.creation_responses, strict=True):
            if code:
                raise RuntimeError(f"the broker refused “{grant}”: {for_code(code).__name__}")

    async def _ask(self, request: Request[Any]) -> Any:
        node = self._client.get_random_node()  # which hands it on to the controller
        return await asyncio.wait_for(self._client.send(node, request), _PATIENCE_S)


def _acls(grant: Grant) -> Iterator[_Acl]:
    for resource in grant.resources:
        kind, _, name = resource.partition(":")
        for operation in grant.operations:
            yield (
                _KINDS[kind],
                name,
                _PATTERNS[grant.pattern],
                f"User:{grant.user}",
                _ANY_HOST,
                _OPERATIONS[operation],
                _ALLOW,
            )


def _hashed(user: str, password: str) -> tuple[str, int, int, bytes, bytes, dict[int, bytes]]:
    """Return a password as the broker keeps it (RFC 5802's SaltedPassword, with SHA-512)."""
    salt = secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return user, _SCRAM_SHA_512, _ITERATIONS, salt, salted, {}
