"""One at work for each service, the others waiting: whoever holds an advisory lock of the service's database."""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chassis.database import Connection, connect

LOCK_SPACE: Final = 0x434C  # "CL": our own part of the advisory locks


@asynccontextmanager
async def leadership(database_url: str, work: str) -> AsyncIterator[Connection | None]:
    """Yield the connection that holds the lock of `work`, or None where another process has it.

    It is a connection of its own, on which the work is stored as well: lost together.
    """
    connection = await connect(database_url)
    try:
        number = zlib.crc32(work.encode()) - 2**31
        has_it = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, number)
        yield connection if has_it else None
    finally:
        connection.terminate()  # ends the session at once, and the lock with it
