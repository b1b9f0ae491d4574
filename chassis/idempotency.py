"""Idempotency-Key: the stored answer of a write that was committed, given again to whoever repeats it.

The key, the request's hash and the answer are written in the transaction that applies the command, so there
is no moment in which one exists without the other. Only what took effect is stored: a refused request left
nothing behind and may be sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A key as its caller sent it. Keys of two callers never meet, for the caller is part of the key."""

    principal: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, ready to be sent."""

    status: int
    body: bytes
    version: int
    """The version of the case, for the ETag."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The same request was applied before: here is its answer again."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key belongs to another request of the same caller; nothing was done."""


Known = dict[tuple[str, str], tuple[bytes, Answer]]


def look_up(known: Known, asked: Idempotency) -> Replay | KeyReused | None:
    """Return what is known of a key: the answer, a clash, or None where the key is new."""
    found = known.get((asked.principal, asked.key))
    if found is None:
        return None
    return Replay(found[1]) if found[0] == asked.request_hash else KeyReused()


async def load_answers(connection: Connection, schema: str, asked: Sequence[Idempotency]) -> Known:
    """Return the stored answers of those keys that have one."""
    rows = await connection.fetch(
        "SELECT k.principal, k.key, k.request_hash, k.status, k.body, k.version"
        f" FROM {schema}.idempotency_key k JOIN unnest($1::text[], $2::text[]) AS a(principal, key)"
        " ON k.principal = a.principal AND k.key = a.key",
        [entry.principal for entry in asked],
        [entry.key for entry in asked],
    )
    return {(row[0], row[1]): (row[2], Answer(row[3], row[4], row[5])) for row in rows}


async def save_answers(
    connection: Connection, schema: str, answered: Sequence[tuple[Idempotency, Answer]]
) -> None:
    """Store answers. Raises asyncpg.UniqueViolationError where another process was first: redo the batch."""
    await connection.execute(
        f"INSERT INTO {schema}.idempotency_key (principal, key, request_hash, status, body, version)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::bytea[], $6::bigint[])",
        [entry.principal for entry, _ in answered],
        [entry.key for entry, _ in answered],
        [entry.request_hash for entry, _ in answered],
        [answer.status for _, answer in answered],
        [answer.body for _, answer in answered],
        [answer.version for _, answer in answered],
    )


async def forget_answers(connection: Connection, schema: str, older_than_hours: int) -> int:
    """Delete answers older than that; return how many."""
    status = await connection.execute(
        f"DELETE FROM {schema}.idempotency_key WHERE created_at < now() - make_interval(hours => $1)",
        older_than_hours,
    )
    return int(status.split()[-1])
