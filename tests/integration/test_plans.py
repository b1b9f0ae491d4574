"""A statement's plan follows its table, also before PostgreSQL has looked at the table again."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Final
from uuid import UUID, uuid4

import pytest

from chassis.database import Connection, open_pool
from chassis.decider import Refused
from chassis.embedded import EmbeddedPostgres
from chassis.service import Change
from chassis.store import Row, Store
from schemas.envelope import Envelope
from schemas.router import SignAssignment
from services.intake.listing import NEWEST, OF_MATTERS, TURNS
from services.intake.repeats import EARLIER
from services.router.domain import WorkOrder
from services.router.projection import project
from tests.databases import Databases
from tests.integration.conftest import Bench
from tests.unit.router_kit import COMMUNITY, MONDAY, actor, router, submitted

_SMALL = 200
_ROWS = 20_000
_OFTEN = 8
"""More than the five executions after which PostgreSQL may keep a plan."""


@pytest.fixture
def databases(postgres: EmbeddedPostgres) -> Databases:
    """Databases that no other test has had: PostgreSQL plans for the rows that one has left, deleted or not."""
    return Databases(postgres)


async def _rows_read(connection: Connection, *schemas: str) -> int:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    return int(
        await connection.fetchval(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_all_tables"
            " WHERE schemaname = ANY($1)",
            schemas,
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
        before = await _rows_read(connection, "counter")
        await _use(connection, case_ids)
        assert await _rows_read(connection, "counter") - before <= 4 * _OFTEN * _SMALL


_FILED: Final = (
    "WITH filed AS (SELECT gen_random_uuid() id, sha256(n::text::bytea) digest FROM generate_series(1, $1) n),"
    " aggregates AS (INSERT INTO intake.aggregate (case_id, version, seen, state, traceparent)"
    " SELECT id, 1, '{}', '{}', '' FROM filed),"
    " files AS (INSERT INTO intake.case_file (case_id, unit, code_digest, received_at)"
    " SELECT id, 'GL', digest, now() FROM filed),"
    " events AS (INSERT INTO chassis.event_log (case_id, source, sequence, topic, type, time, traceparent, data)"
    " SELECT id, 'intake', 1, 'case.events', 'intake.CaseSubmitted.v1', now(), '', '{}' FROM filed)"
    " INSERT INTO intake.person_index (case_id, digest, received_at) SELECT id, digest, now() FROM filed"
)


async def test_earlier_cases_are_found_by_index_before_anything_was_analysed(intake_url: str) -> None:
    """In the first minutes of a system, a batch of 256 callers does not read the tables whole (R-PET-18)."""
    callers = [number.to_bytes(32) for number in range(256)]
    since = [datetime(2026, 1, 1, tzinfo=UTC)] * len(callers)
    pool = await open_pool(intake_url)
    async with pool.acquire() as connection:
        await connection.execute(_FILED, _ROWS)
        before = await _rows_read(connection, "intake", "chassis")
        await connection.fetch(EARLIER, list(range(len(callers))), callers, since)
        read = await _rows_read(connection, "intake", "chassis") - before
    await pool.close()
    assert read <= len(callers)


_LISTED: Final = (
    "WITH filed AS (SELECT gen_random_uuid() id, sha256(n::text::bytea) digest, n FROM generate_series(1, $1) n),"
    " files AS (INSERT INTO intake.case_file (case_id, unit, code_digest, received_at)"
    " SELECT id, 'GL', digest, now() FROM filed),"
    " told AS (INSERT INTO intake.timeline (case_id, at, status, words)"
    " SELECT id, now() - n * interval '1 minute', 'dispatched', '' FROM filed)"
    " INSERT INTO intake.public_case (case_id, number, matter, place, requested_at, closed)"
    " SELECT id, id, 'm' || n % 20, 'GL', now() - n * interval '1 minute', n % 100 > 0 FROM filed"
)


async def test_a_page_of_the_public_list_reads_its_own_rows_before_anything_was_analysed(
    intake_url: str,
) -> None:
    """Open311: also of the few open ones, of one matter, and of what changed lately (R-PRIV-01)."""
    until = datetime.now(UTC) + timedelta(hours=1)
    since, size = until - timedelta(days=90), 50
    asked: list[tuple[str, list[object]]] = [
        (NEWEST, [since, until, [False, True], 0, size]),
        (NEWEST, [since, until, [False], 0, size]),
        (OF_MATTERS, [since, until, [False, True], 0, size, ["m1", "m2"]]),
        (TURNS, [until - timedelta(days=2), until, size, [f"m{n}" for n in range(20)], 0]),
    ]
    pool = await open_pool(intake_url)
    async with pool.acquire() as connection:
        await connection.execute(_LISTED, _ROWS)
        for statement, values in asked:
            before = await _rows_read(connection, "intake")
            assert len(await connection.fetch(statement, *values)) == size
            read = await _rows_read(connection, "intake") - before
            assert read <= 8 * size, (statement, read)
    await pool.close()


_ASSIGNED: Final = (
    "INSERT INTO router.assignment (case_id, number, unit, role, track, urgency, mode, access, locked, sealed,"
    " confidential, dispatched_at, status, overdue, watched, coordinated, subjects)"
    " SELECT gen_random_uuid(), 1, 'GL0101', 'lead', 'S', 3, 'transfer', 'api', false, false, false, now(),"
    " 'DISPATCHED', false, false, false, '{}' FROM generate_series(1, $1)"
)


async def test_a_step_of_a_few_cases_reads_their_assignments_alone_before_anything_was_analysed(
    router_url: str,
) -> None:
    """R-HOT-02: not all that are open."""
    decider, fresh, signed = router(), list[Change[WorkOrder]](), list[Change[WorkOrder]]()
    for given, changes in ((submitted(), fresh), (SignAssignment(actor=actor(COMMUNITY)), signed)):
        for state in [change.state for change in fresh] or [decider.initial(uuid4()) for _ in range(24)]:
            events = decider.decide(state, given, MONDAY)
            assert not isinstance(events, Refused)
            after = reduce(decider.evolve, events, state)
            envelopes = [
                Envelope("router", state.case_id, 1, e.type, MONDAY, e.topic(), "", "") for e in events
            ]
            changes.append(Change(state.case_id, given, after, 1, events, envelopes, MONDAY))
    pool = await open_pool(router_url)
    async with pool.acquire() as connection:
        await connection.execute(_ASSIGNED, _ROWS)
        await project(connection, fresh)
        before = await _rows_read(connection, "router")
        await project(connection, signed)
        read = await _rows_read(connection, "router") - before
        kept = await connection.fetchval("SELECT count(*) FROM router.assignment WHERE status = 'SIGNED'")
    await pool.close()
    assert kept == sum(len(change.state.seats()) for change in signed) >= len(signed)
    assert read <= 2 * kept
