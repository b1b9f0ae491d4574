"""A small run of `python -m tests.deliveries`, which is the same with 100,000."""

from collections.abc import AsyncIterator

import pytest

from tests.databases import Databases
from tests.deliveries.run import run


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent("notify") as address:
        yield address


def test_none_is_lost_none_renamed_and_each_recipient_gets_them_in_order(url: str) -> None:
    """R-LEDGER-01: though a third of the requests fail, some stall or are answered twice, and senders die."""
    figures = run(url, deliveries=300, seed=7, kills=2)
    assert (figures.lost, figures.unrecorded, figures.renamed, figures.disordered) == (0, 0, 0, 0), str(
        figures
    )
    assert (figures.deliveries, figures.kills) == (300, 2)
    assert figures.failed > 50
    assert figures.repeated > 20
    assert figures.receipts > 0
