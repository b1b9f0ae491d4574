"""The lock of a service's relay: who holds it may publish the service's log. Others ask for it and wait.

It is an advisory lock of the database session that also reads the log and stores the position: lost together. A
process that is frozen would keep both for as long as it is, so the server ends a session that is left `alone_s`
seconds without a statement. To be ended without being frozen harms nobody: it is one more lost session.
"""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chassis.database import Connection, connect, milliseconds

LOCK_SPACE: Final = 0x434C  # "CL": our own part of the advisory locks


@asynccontextmanager
async def relay_lock(
    url: str, service: str, *, wait_s: float = 0.0, alone_s: float = 0.0
) -> AsyncIterator[Connection | None]:
    """Hold a service's lock on a connection of its own; None where another has it still after `wait_s`.

    alone_s: how long the holder may leave the session alone; 0 is without end. A relay at work sees that somebody
    waits, and lets go. Raises OSError or asyncpg.PostgresError where the database does not answer.
    """
    connection = await connect(url, {"idle_session_timeout": milliseconds(alone_s)})
    try:
        yield connection if await _take(connection, service, wait_s) else None
    finally:
        connection.terminate()  # ends the session at once, and the lock with it


async def is_wanted(connection: Connection, service: str) -> bool:
    """Whether another session waits for the lock of a service."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = $1"
            " AND objid = $2 AND objsubid = 2"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            LOCK_SPACE,
            _number(service) % 2**32,  # shown there without a sign
        )
    )


async def _take(connection: Connection, service: str, wait_s: float) -> bool:
    number = _number(service)
    if await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, number):
        return True
    if not wait_s:
        return False
    try:
        await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCK_SPACE, number, timeout=wait_s)
    except TimeoutError:
        return False
    return True


def _number(service: str) -> int:
    return zlib.crc32(service.encode()) - 2**31
