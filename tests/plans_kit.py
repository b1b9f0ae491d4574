"""How many rows PostgreSQL read for a request: what tells an index from a walk through a table, at any speed."""

from asyncpg import Pool


async def rows_read(pool: Pool, schema: str) -> int:
    """The rows that the pool's connections have read of the schema's tables so far.

    A connection counts what it read in its own memory at first, and hands it over when told. So all of the pool are
    taken, also those that a task in the background is using just now: with the idle ones alone, a request's own
    connection can be out of sight, and its rows with it.
    """
    connections = [await pool.acquire() for _ in range(pool.get_max_size())]
    for connection in connections:
        await connection.execute("SELECT pg_stat_force_next_flush()")
    for connection in connections:
        await pool.release(connection)
    return int(
        await pool.fetchval(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_all_tables WHERE schemaname = $1",
            schema,
        )
    )
