"""An event that cannot be applied is set aside with its reason; its case waits behind it, all others go on."""

import re
from uuid import UUID

from tests.e2e.town import Case, Town, until

BROKEN = 1_000_000
"""A sequence that intake itself does not reach here."""


async def break_story(town: Town, case: Case) -> None:
    """Put an event of intake into the log that breaks its contract: a supplement without text."""
    connection = await town.system.database()
    try:
        await connection.execute(
            "INSERT INTO chassis.event_log (case_id, source, sequence, topic, type, time, traceparent, data)"
            " SELECT case_id, source, $2, topic, 'intake.CaseSupplemented.v1', now(), traceparent, $3::jsonb"
            " FROM chassis.event_log WHERE case_id = $1 AND source = 'intake' AND sequence = 1",
            UUID(case.id),
            BROKEN,
            '{"text": 17}',
        )
    finally:
        await connection.close()


async def parked(town: Town, case: Case, count: int) -> list[tuple[int, bool, str]]:
    """Wait until that many events of the case are parked at the router; return sequence, `behind` and reason."""
    connection = await town.system.database()

    async def look() -> list[tuple[int, bool, str]] | None:
        rows = await connection.fetch(
            "SELECT sequence, behind, reason FROM router.parked WHERE case_id = $1 ORDER BY id", UUID(case.id)
        )
        return [(row[0], row[1], row[2]) for row in rows] if len(rows) == count else None

    try:
        return await until(look)
    finally:
        await connection.close()


async def test_a_broken_event_is_parked_and_others_go_on(town: Town) -> None:
    """R-HOT-02, invariant 2: parked with its reason, the case's later events behind it in order; no other waits."""
    case = await town.submit()
    await town.placed(case)
    await break_story(town, case)
    [(sequence, behind, reason)] = await parked(town, case, 1)
    assert (sequence, behind) == (BROKEN, False)
    assert reason == "text: Input should be a valid string"

    for text in ("补充第一点", "补充第二点"):
        added = await town.ask(
            "intake", f"POST {case.path}/supplements", "operator", "GL", body={"text": text}
        )
        assert added.status == 200, added.body
    story = await parked(town, case, 3)
    assert [(entry[0], entry[1]) for entry in story] == [(BROKEN, False), (2, True), (3, True)]
    assert {entry[2] for entry in story[1:]} == {"an earlier event of this case is parked"}

    other = await town.submit()
    assert (await town.placed(other))["status"] == "DISPATCHED"
    signed = await town.do(case, "sign", "handler", "GL0101")
    assert signed["status"] == "SIGNED"  # people go on with the case as it stood

    async def measured() -> float | None:
        metrics = (await town.client.get(f"{town.system.url('router')}/metrics")).text
        found = re.search(r"^caseladder_parked_open (\S+)$", metrics, re.MULTILINE)
        return float(found[1]) if found and float(found[1]) >= 3 else None

    assert await until(measured) == 3
    ready = await town.client.get(f"{town.system.url('router')}/readyz")
    assert ready.status_code == 200
