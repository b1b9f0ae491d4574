"""How sessions begin and end: with a server that starts, and one that loses patience with a frozen process."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from chassis import database as database_module
from chassis.database import connect, is_passing, open_pool
from chassis.embedded import EmbeddedPostgres, free_port
from tests.conftest import FAST_AND_LOSSY


async def test_the_limits_of_a_session_are_those_that_are_documented(database_url: str) -> None:
    pool = await open_pool(database_url)
    alone = await connect(database_url)
    for session in (pool, alone):
        assert await session.fetchval("SHOW idle_in_transaction_session_timeout") == "15s"
        assert await session.fetchval("SHOW idle_session_timeout") == "0", "the pool's may be idle for good"
    await alone.close()
    await pool.close()


def test_what_the_server_tells_who_was_frozen_passes() -> None:
    """asyncpg mostly shows it as a lost connection; taken for the input's fault, it would park an event."""
    assert is_passing(asyncpg.IdleInTransactionSessionTimeoutError())
    assert is_passing(asyncpg.IdleSessionTimeoutError())


async def test_a_session_that_does_not_take_its_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen in the midst of a large answer it is not idle: only TCP tells."""
    monkeypatch.setattr(database_module, "FROZEN_S", 1.0)
    with EmbeddedPostgres(
        tmp_path / "postgres", uuid4().hex, port=free_port(), settings=FAST_AND_LOSSY
    ) as server:
        frozen: Any = await connect(server.url("postgres"))
        other = await asyncpg.connect(server.url("postgres"))
        await frozen.execute("BEGIN; SELECT pg_current_xact_id()")
        large = await frozen.prepare("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
        asking = asyncio.ensure_future(large.fetch())
        await asyncio.sleep(0)  # it is sent
        frozen._transport.pause_reading()
        async with asyncio.timeout(30):
            while await other.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", frozen.get_server_pid()
            ):
                await asyncio.sleep(0.05)  # polled: the server ends it in its own time
        frozen._transport.resume_reading()
        with pytest.raises((asyncpg.PostgresError, OSError)) as met:
            await asyncio.wait_for(asking, 30)
        assert is_passing(met.value)
        await other.close()


async def test_a_server_that_starts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that comes up while PostgreSQL recovers from a crash must not give up."""
    monkeypatch.setattr(database_module, "_AGAIN_S", 0.0)
    answers = iter(["57P03", "57P03", "3D000"])  # starting, starting, and then: no such database

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        fields = f"SFATAL\0C{next(answers)}\0Mtold by the test\0\0".encode()
        writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await open_pool(f"postgresql://somebody:{uuid4().hex}@127.0.0.1:{port}/none?sslmode=disable")
    assert next(answers, None) is None
