"""Kill -9 of a service, and of the database, in the middle of the work: nothing is lost, nothing applied twice."""

import asyncio

from tests.e2e.ledger import CASES, Ledger, check, load, settle
from tests.e2e.system import System


async def test_services_and_the_database_killed_in_the_middle_of_a_batch(own_system: System) -> None:
    """Invariants 1 and 2: one after the other, each under a load of its own, and each started again by `up`, the
    database also where it ends again at once.
    """
    ledgers: list[Ledger] = []
    for victim in ("intake", "router", "postgres", "postgres"):
        ledgers.append(ledger := Ledger())
        loading = asyncio.create_task(load(own_system, ledger))
        await asyncio.wait_for(ledger.halfway.wait(), 60)
        own_system.kill(victim)
        promised = len(ledger.acknowledged)
        await asyncio.wait_for(loading, 120)
        assert promised < len(ledger.acknowledged) == CASES
        if victim != "postgres":
            await own_system.ready(victim)
        await settle(own_system, CASES * len(ledgers))
        await check(own_system, *ledgers)
