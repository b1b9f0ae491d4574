"""The databases that tests are lent: what one test leaves behind, no other one meets."""

import asyncpg
import pytest

from chassis.database import connect, session
from chassis.embedded import EmbeddedPostgres
from chassis.migrate import CHASSIS
from tests.databases import COUNTER, Databases

_APPEND = (
    "INSERT INTO chassis.event_log (case_id, source, sequence, topic, type, time, traceparent, data)"
    " VALUES (gen_random_uuid(), 'outside', 1, 'case.events', 'outside.Ticked.v1', now(), '', '{}')"
    " RETURNING position"
)


@pytest.fixture
def own(postgres: EmbeddedPostgres) -> Databases:
    """Databases that no other test has had."""
    return Databases(postgres)


async def test_the_next_one_gets_it_empty_with_its_numbers_from_the_start_and_alone(own: Databases) -> None:
    async with own.lent(CHASSIS, COUNTER) as first:
        left = await connect(first)
        assert await left.fetchval(_APPEND) == 1
        await left.transaction().start()
        await left.execute("LOCK TABLE chassis.event_log")
    async with own.lent(CHASSIS, COUNTER) as second, session(second) as connection:
        assert second == first
        assert await connection.fetchval("SELECT count(*) FROM chassis.event_log") == 0
        assert await connection.fetchval(_APPEND) == 1
        with pytest.raises(asyncpg.InterfaceError):
            await left.execute("SELECT 1")


async def test_two_at_a_time_have_one_each(own: Databases) -> None:
    async with own.lent(COUNTER) as one, own.lent(COUNTER) as other:
        assert one != other


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX added ON counter.aggregate (version)",
        "ALTER TABLE counter.aggregate ALTER version SET DEFAULT 1",
        "ALTER TABLE counter.aggregate ADD CHECK (version > 0)",
        "ANALYZE",
        "INSERT INTO counter.aggregate (case_id, version, seen, state, traceparent)"
        " SELECT gen_random_uuid(), 1, '{}', '{}', '' FROM generate_series(1, 20000)",
    ],
)
async def test_nobody_gets_one_whose_tables_are_not_what_they_were(own: Databases, change: str) -> None:
    async with own.lent(COUNTER) as changed, session(changed) as connection:
        await connection.execute(
            "INSERT INTO counter.aggregate (case_id, version, seen, state, traceparent)"
            " VALUES (gen_random_uuid(), 1, '{}', '{}', '')"
        )
        await connection.execute(change)
    async with own.lent(COUNTER) as fresh:
        assert fresh != changed
