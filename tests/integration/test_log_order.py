"""The event log is read in commit order, whatever the number of digits of a transaction's id."""

from uuid import UUID

from chassis.database import Connection
from chassis.log import Position, read
from schemas.message import CASE_EVENTS
from tests.integration.conftest import Bench

_INSERT = (
    "INSERT INTO chassis.event_log (case_id, source, sequence, xid, topic, type, time, traceparent, data)"
    " VALUES ($1, 'outside', 1, $2::text::xid8, $3, 'outside.Ticked.v1', now(), '', '{}')"
)


async def _read_one_by_one(connection: Connection) -> list[str]:
    found: list[str] = []
    after = Position("0", 0)
    while rows := await read(connection, CASE_EVENTS, after, 1):
        after = rows[0][0]
        found.append(after.xid)
    return found


async def test_a_batch_ends_before_a_longer_transaction_id(bench: Bench) -> None:
    """As text 100 comes before 99: a reader that took 100 first would pass over 99 for good."""
    async with bench.pool.acquire() as connection:
        for number, xid in enumerate(("100", "99", "9", "10")):
            await connection.execute(_INSERT, UUID(int=number), xid, CASE_EVENTS)
        assert await _read_one_by_one(connection) == ["9", "10", "99", "100"]
