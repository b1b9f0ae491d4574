"""Kill -9 of a service in the middle of the work. What was acknowledged is never lost, nothing is applied twice."""

import asyncio

import pytest

from tests.e2e.ledger import CASES, Ledger, check, load, settle
from tests.e2e.system import System


@pytest.mark.parametrize("victim", ["intake", "router"])
async def test_a_service_killed_in_the_middle_of_a_batch(own_system: System, victim: str) -> None:
    """Invariants 1 and 2: killed under load and started again by `up`, nothing is lost or doubled."""
    ledger = Ledger()
    loading = asyncio.create_task(load(own_system, ledger))
    await asyncio.wait_for(ledger.halfway.wait(), 60)
    own_system.kill(victim)
    await asyncio.wait_for(loading, 120)
    await own_system.ready(victim)
    await settle(own_system, CASES)
    await check(own_system, ledger)
