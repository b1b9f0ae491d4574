"""The one place that opens PostgreSQL connections, with the codecs that the hot path relies on."""

import asyncio
from collections.abc import Mapping
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

_PASSING: tuple[type[Exception], ...] = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # how the driver meets a server that has left between two queries
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalServerError,
)


def is_passing(error: Exception) -> bool:
    """Whether an error says nothing about the input, so that the same may succeed if tried again.

    A lost connection, a deadlock, a full disk. A value that the driver cannot encode is the input's own fault,
    though asyncpg raises it as an InterfaceError, too (and as a ValueError).
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


async def open_pool(url: str, *, size: int = 8, settings: Mapping[str, str] | None = None) -> Pool:
    """Open a pool of `size` connections to the PostgreSQL at `url`.

    Raises OSError or asyncpg.PostgresError where the database does not answer within 30 seconds.
    """
    return await asyncpg.create_pool(
        url.replace("postgresql+asyncpg://", "postgresql://"),
        min_size=1,
        max_size=size,
        command_timeout=30,
        connection_class=_Stateless,
        server_settings={
            "application_name": "caseladder",
            "timezone": "UTC",
            **_PLANNING,
            **(settings or {}),
        },
    )
