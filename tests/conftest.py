"""Fixtures that all tests share: one PostgreSQL per test process, one fresh database per test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from chassis.embedded import EmbeddedPostgres

# For tests only: nobody misses these data after a power cut, and starting is faster.
FAST_AND_LOSSY = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL of this test process (each xdist worker has its own: no lock, no shared state)."""
    place = Path(tempfile.mkdtemp(prefix="caseladder-"))
    try:
        with EmbeddedPostgres(place / "postgres", uuid4().hex, settings=FAST_AND_LOSSY) as server:
            yield server
    finally:
        shutil.rmtree(place)


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of an empty database of this test alone; dropped afterwards, connections and all."""
    name = f"test_{uuid4().hex}"
    yield await postgres.create_database(name)
    await _drop(postgres, name)


async def _drop(postgres: EmbeddedPostgres, name: str) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()
