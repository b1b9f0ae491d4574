"""Who was promised what: the outside view of a system that is killed. It notes answers and counts in the tables."""

import asyncio
from uuid import UUID, uuid4

import httpx

from tests.e2e.system import System

CASES = 200
SENDERS = 20


class Ledger:
    """The cases that an answer named, by the key under which each was sent."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, UUID] = {}
        self.halfway = asyncio.Event()

    def note(self, key: str, case_id: UUID) -> None:
        """Note an acknowledged case; the same key must never name two cases."""
        assert self.acknowledged.setdefault(key, case_id) == case_id
        if len(self.acknowledged) >= CASES // 3:
            self.halfway.set()


async def send(client: httpx.AsyncClient, key: str, ledger: Ledger) -> None:
    """Submit until it is acknowledged, with one key, as a client on a bad line does."""
    body = {"title": "路灯不亮", "text": f"小区门口的路灯坏了三天，编号{key}", "place": {"grid": "GL010101"}}
    while True:
        try:
            response = await client.post("/v1/cases", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            await asyncio.sleep(0.05)  # nobody is there to wait for: the service is being started again
            continue
        if response.status_code == 201:
            ledger.note(key, UUID(response.json()["case_id"]))
            return
        assert response.status_code == 503, response.text
        await asyncio.sleep(0.05)


async def load(system: System, ledger: Ledger) -> None:
    """Send all cases over a few connections."""
    keys = iter([uuid4().hex for _ in range(CASES)])

    async with system.client("intake", "operator") as client:

        async def sender() -> None:
            for key in keys:
                await send(client, key, ledger)

        await asyncio.gather(*(sender() for _ in range(SENDERS)))


async def settle(system: System, expected: int) -> None:
    """Wait until the router has placed as many cases as were acknowledged."""
    connection = await system.database()
    try:
        async with asyncio.timeout(90):
            while await connection.fetchval("SELECT count(*) FROM router.aggregate") < expected:
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def check(system: System, *ledgers: Ledger) -> None:
    """Every acknowledged case once: one submission, one first disposition, one responsible unit."""
    intake, connection = await system.database("intake"), await system.database()
    try:
        submitted = await intake.fetch(
            "SELECT case_id, count(*) FROM chassis.event_log WHERE type = 'intake.CaseSubmitted.v1' GROUP BY 1"
        )
        dispatched = await connection.fetch(
            "SELECT case_id, count(*) FROM chassis.event_log WHERE type = 'router.CaseDispatched.v1' GROUP BY 1"
        )
        told = await connection.fetch(
            "SELECT case_id, count(*) FROM chassis.event_log"
            " WHERE type = 'router.DepartmentAssigned.v1' AND data->>'role' = 'lead' GROUP BY 1"
        )
        parked = await connection.fetchval("SELECT count(*) FROM router.parked")
    finally:
        await intake.close()
        await connection.close()
    expected = {case: 1 for ledger in ledgers for case in ledger.acknowledged.values()}
    assert {row[0]: row[1] for row in submitted} == expected
    assert {row[0]: row[1] for row in dispatched} == expected
    assert {row[0]: row[1] for row in told} == expected
    assert parked == 0
