"""Databases with tables, lent to one test after the other: to make one takes longer than most tests do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from chassis.database import session
from chassis.embedded import EmbeddedPostgres
from chassis.migrate import upgrade
from tests.toy import make_tables

COUNTER: Final = "counter"
"""The toy's component; all others are those of chassis.migrate."""

_ALONE: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_EMPTY: Final = """
    DO $$ DECLARE one record; BEGIN
        FOR one IN SELECT schemaname, tablename FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'
        LOOP EXECUTE format('DELETE FROM %I.%I', one.schemaname, one.tablename); END LOOP;
        PERFORM setval(seqrelid::regclass, seqstart, false) FROM pg_sequence;
    END $$
"""
# A definition's row bears the transaction that wrote it. An ANALYZE leaves rows in pg_statistic, and what has grown
# to a megabyte would be slow to read even when it is empty.
_SHAPE: Final = """
    SELECT md5(string_agg(one, ' ' ORDER BY one)) FROM (
        SELECT oid || '/' || xmin || '/' || (pg_relation_size(oid) > 1024 * 1024) FROM pg_class WHERE oid >= 16384
        UNION ALL SELECT attrelid || '/' || attnum || '/' || xmin FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT oid || '/' || xmin FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT oid || '/' || xmin FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT oid || '/' || xmin FROM pg_trigger
        UNION ALL SELECT oid || '/' || xmin FROM pg_namespace WHERE oid >= 16384
        UNION ALL SELECT starelid || '/' || staattnum FROM pg_statistic WHERE starelid >= 16384
    ) AS found (one)
"""


class Databases:
    """The databases of one test process, on its server."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._idle: dict[tuple[str, ...], list[tuple[str, str]]] = {}

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """The address of a database without tables; dropped afterwards, connections and all."""
        name = await self._create()
        yield self._server.url(name)
        await self._drop(name)

    @asynccontextmanager
    async def lent(self, *components: str) -> AsyncIterator[str]:
        """The address of a database with the tables of some components, all empty, for one alone.

        Afterwards whoever is still connected is cut off, and the next one gets it, emptied; or nobody, where its
        tables are not what they were.
        """
        idle = self._idle.setdefault(components, [])
        name, shape = idle.pop() if idle else await self._make(components)
        yield self._server.url(name)
        if await self._emptied(name) == shape:
            idle.append((name, shape))
        else:
            await self._drop(name)

    async def _make(self, components: tuple[str, ...]) -> tuple[str, str]:
        name = await self._create()
        url = self._server.url(name)
        for component in components:
            await (make_tables(url) if component == COUNTER else upgrade(url, component))
        return name, await self._emptied(name)

    async def _emptied(self, name: str) -> str:
        """Empty all tables but those that say how far they are migrated; return what they are like."""
        async with session(self._server.url(name)) as connection:
            await connection.execute(_ALONE)
            await connection.execute(_EMPTY)
            return str(await connection.fetchval(_SHAPE))

    async def _create(self) -> str:
        name = f"test_{uuid4().hex}"
        # Files copied, not pages logged: an eighth of the processor time where nothing is flushed to disk.
        await self._execute(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        return name

    async def _drop(self, name: str) -> None:
        await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        async with session(self._server.url("postgres")) as connection:
            await connection.execute(statement)
