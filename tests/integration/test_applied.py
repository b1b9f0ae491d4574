"""Whether a service has applied what it consumes, where it keeps no row of cases of which it says nothing."""

from datetime import UTC, datetime
from uuid import uuid4

from chassis.applied import account
from chassis.database import open_pool
from services.cli.compare import silent
from services.cli.local import GULOU
from tests.toy import Counter, install, publish, ticked
from tests.unit.router_kit import open_case


async def test_what_a_service_passes_over_is_not_missing(database_url: str) -> None:
    await install(database_url)
    passed_over, lost = ticked(uuid4(), 1, 0), ticked(uuid4(), 1, 5)
    pool = await open_pool(database_url)
    async with pool, pool.acquire() as database:
        await publish(pool, passed_over, lost)
        found = await account(
            "counter",
            Counter.consumes,
            database,
            [database],
            datetime.now(UTC),
            lambda _type, data: '"amount":0' in data.replace(" ", ""),
        )
    assert (found.counts["applied"], found.missing) == (1, [lost.id])


def test_procedures_pass_over_what_is_not_theirs() -> None:
    """R-LAD-09: a dispatch on another track is no mediation and no petition."""
    service, mediation, petition = (
        open_case(matter).events[0] for matter in ("order.garbage", "property.leak", "land.title")
    )
    for name, own in (("mediation", mediation), ("petition", petition)):
        is_silent = silent(name, GULOU)
        passed_over = [e for e in (service, mediation, petition) if is_silent(e.type, e.model_dump_json())]
        assert passed_over == [e for e in (service, mediation, petition) if e is not own]
