"""The one place that opens PostgreSQL connections, with the codecs that the hot path relies on."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Record = asyncpg.Record
else:
    Connection = Pool = Record = object

UniqueViolation = asyncpg.UniqueViolationError
LockNotAvailable = asyncpg.LockNotAvailableError


class Overtaken(Exception):
    """A transaction that began after ours has changed a case before we had its lock.

    The log is read in the order in which transactions began to write (`xid`): what we appended to the case would
    stand before what it appended, and be read before it. Begun anew, ours comes after it.
    """

    safe_to_log = True


_PASSING: tuple[type[Exception], ...] = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # how the driver meets a server that has left between two queries
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # we were frozen, and the server rolled it back meanwhile
    asyncpg.LockNotAvailableError,
    asyncpg.InternalServerError,
    Overtaken,
)


def is_passing(error: Exception) -> bool:
    """Whether an error says nothing about the input, so that the same may succeed if tried again.

    A lost connection, a deadlock, a full disk, a freeze of our own, another transaction that was first. A value
    that the driver cannot encode is the input's own fault, though asyncpg raises it as an InterfaceError, too (and
    as a ValueError).
    """
    return isinstance(error, _PASSING) and not isinstance(error, ValueError)


class _Stateless(asyncpg.Connection):
    """A connection that keeps nothing between its users.

    We set no session state (no SET, LISTEN, advisory lock or cursor outside a transaction), so there is nothing
    to reset at each release; a transaction left open is still rolled back.
    """

    def get_reset_query(self) -> str:
        """Return nothing: saves a round trip, and about 0.1 ms, at each release."""
        return ""


_PLANNING: Final = {"plan_cache_mode": "force_custom_plan", "random_page_cost": "1.1"}
"""A plan that reads a whole table is right while the table is small. Kept with its prepared statement, it would
stay until the next ANALYZE, when the table has long grown large: a busy system's first minutes would crawl.
"""
_SESSION: Final = {"application_name": "caseladder", "timezone": "UTC", **_PLANNING}
FROZEN_S: Final = 15.0
"""The server ends a session that leaves its open transaction alone, or does not take what it is sent, for so many
seconds. Its process is frozen, and what it holds keeps the stream, and the commit-ordered log of the whole cluster,
from all others. Nothing is lost: the transaction is rolled back whole, before anybody was told of its success, and
whoever wakes up meets an error that passes (`is_passing`) and does it again. Within a transaction nobody here waits
for anything but the database. The consumer group waits as long for a member that is silent.

Not covered is a freeze in the millisecond between a statement's first preparation and its execution: the server
does not call that idle.
"""
COMMAND_S: Final = 30
"""A statement that takes longer is given up, in seconds."""
STARTING_S: Final = 60.0
"""How long a server that says it is starting, or recovering, is waited for, in seconds."""
_AGAIN_S: Final = 0.25


async def open_pool(url: str, *, size: int = 8, settings: Mapping[str, str] | None = None) -> Pool:
    """Open a pool of `size` connections to the PostgreSQL at `url`, once it takes any.

    One that starts, or recovers from a crash, is given `STARTING_S`. Raises OSError or asyncpg.PostgresError where
    the database cannot be reached, or refuses us.
    """
    until = time.monotonic() + STARTING_S
    while True:
        try:
            return await asyncpg.create_pool(
                _plain(url),
                min_size=1,
                max_size=size,
                command_timeout=COMMAND_S,
                connection_class=_Stateless,
                server_settings=_session(settings or {}),
            )
        except asyncpg.CannotConnectNowError:
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(_AGAIN_S)


async def connect(
    url: str, settings: Mapping[str, str] | None = None
) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection, for whom a session must live and die with its work. Raises as `open_pool` does."""
    return await asyncpg.connect(
        _plain(url), command_timeout=COMMAND_S, server_settings=_session(settings or {})
    )


def _session(settings: Mapping[str, str]) -> dict[str, str]:
    frozen = milliseconds(FROZEN_S)
    return {
        **_SESSION,
        "idle_in_transaction_session_timeout": frozen,
        "tcp_user_timeout": frozen,  # in the midst of an answer a session is not idle; no effect on a Unix socket
        **settings,
    }


def milliseconds(seconds: float) -> str:
    """Return a time as the server's settings take it."""
    return f"{seconds * 1000:.0f}ms"


@asynccontextmanager
async def session(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Open one connection for the length of a block. Raises as `open_pool` does."""
    connection = await connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def _plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def insert(
    connection: Connection,
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> None:
    """Insert rows, their values in the order of `columns`, with one COPY; no rows cost nothing.

    An INSERT from arrays is dearer on both sides: the driver looks at each element whether it is an array, too, and
    the server builds each array whole before it writes the rows one by one. Errors are those of an INSERT.
    """
    if rows:
        await connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=rows)
