"""A statement's plan follows its table, also before PostgreSQL has looked at the table again."""

from uuid import UUID, uuid4

from chassis.database import Connection
from chassis.store import Row, Store
from tests.integration.conftest import Bench

_SMALL = 200
_ROWS = 20_000
_OFTEN = 8
"""More than the five executions after which PostgreSQL may keep a plan."""


async def _rows_read(connection: Connection) -> int:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    return int(
        await connection.fetchval(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_all_tables"
            " WHERE schemaname = 'counter' AND relname = 'aggregate'"
        )
    )


async def _use(connection: Connection, case_ids: list[UUID]) -> None:
    store = Store("counter")
    for version in range(2, 2 + _OFTEN):
        await store.load(connection, case_ids)
        await store.save(
            connection, [Row(case_id, False, version, {}, "{}", None, "") for case_id in case_ids]
        )


async def test_a_small_tables_plan_does_not_outlive_its_smallness(bench: Bench) -> None:
    """The same statements, used while the table was small, read only their own rows once it is large."""
    case_ids = [uuid4() for _ in range(_SMALL)]
    async with bench.pool.acquire() as connection:
        await connection.execute("ANALYZE counter.aggregate")
        await Store("counter").save(connection, [Row(case, True, 1, {}, "{}", None, "") for case in case_ids])
        await _use(connection, case_ids)
        await connection.execute(
            "INSERT INTO counter.aggregate (case_id, version, seen, state, traceparent)"
            " SELECT gen_random_uuid(), 1, '{}', '{}', '' FROM generate_series(1, $1)",
            _ROWS,
        )
        before = await _rows_read(connection)
        await _use(connection, case_ids)
        assert await _rows_read(connection) - before <= 4 * _OFTEN * _SMALL
