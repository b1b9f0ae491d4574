"""The benchmark's history: copies of real cases that differ where real cases would."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from bench.stored import store
from chassis.database import Connection
from chassis.migrate import CHASSIS
from tests.databases import Databases

_CASE = UUID(int=7)


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent(CHASSIS, "intake", "router", "mediation", "petition", "notify") as address:
        yield address


async def _one_case(connection: Connection) -> None:
    """A case as intake and router leave it, in some of their tables."""
    for service in ("intake", "router"):
        await connection.execute(
            f"INSERT INTO {service}.aggregate (case_id, version, seen, state, traceparent)"
            " VALUES ($1, 1, '{}', '{\"known\": true}', '')",
            _CASE,
        )
        await connection.execute(
            "INSERT INTO chassis.event_log (case_id, source, sequence, topic, type, time, traceparent, data)"
            f" VALUES ($1, '{service}', 1, 'case.events', '{service}.Done.v1', now(), '', '{{}}')",
            _CASE,
        )
    await connection.execute(
        "INSERT INTO intake.case_file (case_id, unit, code_digest, received_at)"
        " VALUES ($1, 'GL', decode(repeat('a7', 16), 'hex'), now())",
        _CASE,
    )


async def _told(connection: Connection, case_id: UUID, state: str) -> None:
    """A message about the case, as notify keeps it."""
    await connection.execute(
        "INSERT INTO notify.delivery (message_id, lane, step, event_id, case_id, recipient, channel, others,"
        " template, facts, statutory, urgent, created_at, expires_at, traceparent, state, attempts, changed_at)"
        " VALUES ($1, 'a lane', 1, 'intake/1', $1, 'reporter', 'sms', '{}', 'accepted',"
        " '{}', false, false, now(), now(), '', $2, 1, now())",
        case_id,
        state,
    )


async def test_copies_are_cases_of_their_own(url: str) -> None:
    """Each has its rows in every table, with identifiers of its own; its events lie behind every reader."""
    connection = await asyncpg.connect(url)
    try:
        await _one_case(connection)
        await _told(connection, _CASE, "sent")
        newest = await connection.fetchval("SELECT max(xid::text::bigint) FROM chassis.event_log")
        await store(url, 300)
        for table in ("intake.aggregate", "router.aggregate", "intake.case_file", "notify.delivery"):
            counts = await connection.fetchrow(f"SELECT count(*), count(DISTINCT case_id) FROM {table}")
            assert counts is not None
            assert tuple(counts) == (300, 300), table
        assert await connection.fetchval("SELECT count(*) FROM chassis.event_log") == 600
        assert await connection.fetchval("SELECT max(xid::text::bigint) FROM chassis.event_log") == newest
        assert await connection.fetchval("SELECT count(DISTINCT code_digest) FROM intake.case_file") == 300
        assert await connection.fetchval("SELECT count(DISTINCT state) FROM router.aggregate") == 1
        assert await connection.fetchval("SELECT count(DISTINCT unit) FROM intake.case_file") == 1
    finally:
        await connection.close()


async def test_without_a_case_there_is_nothing_to_copy(url: str) -> None:
    """Refused, not endless."""
    with pytest.raises(ValueError, match="no case is stored"):
        await store(url, 10)


async def test_a_case_of_which_somebody_is_still_to_be_told_is_not_copied(url: str) -> None:
    """Each copy would be a message to send."""
    connection = await asyncpg.connect(url)
    try:
        await _one_case(connection)
        await _told(connection, _CASE, "open")
        with pytest.raises(ValueError, match="no case is stored"):
            await store(url, 10)
    finally:
        await connection.close()
