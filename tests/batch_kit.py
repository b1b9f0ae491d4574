"""A service's tables do not depend on how its changes were cut into batches: what the tests of that share."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TypeVar

from chassis.database import Connection, session
from chassis.migrate import CHASSIS
from chassis.service import Change, Project
from tests.databases import Databases

S = TypeVar("S")


@asynccontextmanager
async def empty_tables(databases: Databases, service: str) -> AsyncIterator[Connection]:
    """Connect to a database with the tables of a service."""
    async with databases.lent(CHASSIS, service) as url, session(url) as connection:
        yield connection


async def same(
    connection: Connection,
    project: Project[S],
    kept: Mapping[str, str],
    changes: Sequence[Change[S]],
    *cuts: int,
) -> None:
    """One batch, and batches that end at `cuts`, leave what one batch for each change leaves.

    kept: the tables that are compared, with the columns of each.
    """
    async with connection.transaction():  # of which `now()` is one and the same
        each = await _rows(connection, project, kept, [[change] for change in changes])
        assert await _rows(connection, project, kept, [changes]) == each
        if cuts:
            edges = [0, *sorted(cuts), len(changes)]
            parts = [changes[a:b] for a, b in pairwise(edges) if a < b]
            assert await _rows(connection, project, kept, parts) == each


async def _rows(
    connection: Connection,
    project: Project[S],
    kept: Mapping[str, str],
    batches: Sequence[Sequence[Change[S]]],
) -> dict[str, list[str]]:
    """The rows of the tables after those batches, which are undone again."""
    undone = connection.transaction()
    await undone.start()
    for batch in batches:
        await project(connection, batch)
    found = {}
    for name, columns in kept.items():
        rows = await connection.fetch(f"SELECT t::text FROM (SELECT {columns} FROM {name}) t ORDER BY 1")
        found[name] = [row[0] for row in rows]
    await undone.rollback()
    return found
