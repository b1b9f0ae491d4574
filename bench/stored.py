"""A database with a history: real cases of this run, cloned until as many are stored as asked for.

Every row of every table that belongs to a case is copied under a new case id, so shapes and sizes are those
of the real thing. Indexed identifiers beside the case id (record ids, digests of tracking codes and of
callers) get values of their own, for otherwise all copies would be the same caller. The copied events keep
the transaction id of their originals: they lie behind every reader, as history does.
"""

import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from chassis.database import Connection

SAMPLE: Final = 20_000
"""How many cases are cloned at most; the others are copies of these."""
_STEP: Final = 100_000
_SCHEMAS: Final = ("chassis", "intake", "router", "mediation", "petition", "notify")


async def store(url: str, cases: int) -> float:
    """Clone until `cases` cases are stored; return the seconds it took. Raises ValueError without any."""
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    try:
        statements = await _statements(connection)
        missing = cases - await connection.fetchval("SELECT count(*) FROM intake.aggregate")
        while missing > 0:
            step = min(missing, _STEP)
            await _clone(connection, statements, step)
            missing -= step
        await connection.execute("VACUUM (ANALYZE)", timeout=1800)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()
    return time.monotonic() - began


async def _clone(connection: Connection, statements: Sequence[str], cases: int) -> None:
    """Copy the newest cases of this run of which everybody was told, each as often as it takes, in one transaction.

    What notify owes for a case it would send for every copy, as work that no case of the next phase made.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # parents come with children
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute("CREATE TEMP TABLE clone (old uuid, new uuid) ON COMMIT DROP")
        await connection.execute(
            "WITH sample AS MATERIALIZED (SELECT case_id, row_number() OVER () - 1 AS number FROM ("
            "   SELECT i.case_id FROM intake.aggregate i JOIN router.aggregate r USING (case_id)"
            "   WHERE EXISTS (SELECT FROM notify.delivery d WHERE d.case_id = i.case_id)"
            "   AND NOT EXISTS (SELECT FROM notify.delivery d WHERE d.case_id = i.case_id AND d.state = 'open')"
            "   ORDER BY i.case_id DESC LIMIT $2) AS newest)"
            " INSERT INTO clone SELECT case_id, uuidv7(interval '-1 day') FROM generate_series(0, $1::bigint - 1) n"
            " JOIN sample ON number = n % (SELECT count(*) FROM sample) ORDER BY n",
            cases,
            SAMPLE,
        )
        if not await connection.fetchval("SELECT count(*) FROM clone"):
            raise ValueError("no case is stored that could be cloned")
        for statement in statements:
            await connection.execute(statement, timeout=900)


async def _statements(connection: Connection) -> list[str]:
    """One INSERT ... SELECT for each table that has a case id."""
    rows = await connection.fetch(
        "SELECT c.oid::regclass::text AS name, array_agg(ROW(a.attname, t.typname, indexed.is_indexed)"
        "   ORDER BY a.attnum) AS columns"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        "   AND a.attidentity = '' AND a.attgenerated = ''"
        " JOIN pg_type t ON t.oid = a.atttypid"
        " CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_index x"
        "   WHERE x.indrelid = c.oid AND a.attnum = ANY(x.indkey)) AS is_indexed) AS indexed"
        " WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " GROUP BY c.oid HAVING bool_or(a.attname = 'case_id')",
        list(_SCHEMAS),
    )
    return [_statement(row[0], row[1]) for row in rows]


def _statement(table: str, columns: Sequence[tuple[str, str, bool]]) -> str:
    names = ", ".join(f'"{name}"' for name, _, _ in columns)
    values = ", ".join(_value(*column) for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM clone m JOIN {table} t ON t.case_id = m.old"


def _value(name: str, kind: str, is_indexed: bool) -> str:
    """What a column of a copy holds: its own identifiers are derived from the new case id, the rest is copied."""
    if name == "case_id":
        return "m.new"
    if is_indexed and kind == "uuid":
        return f'md5(m.new::text || t."{name}"::text)::uuid'
    if is_indexed and kind == "bytea":
        return f'substr(sha256(uuid_send(m.new) || t."{name}"), 1, length(t."{name}"))'
    return f't."{name}"'
