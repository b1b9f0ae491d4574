"""An event that cannot be applied is set aside with its reason; its case waits behind it, all others go on.

Whoever runs the system sees it with `parked`, has it tried again in order once the fault is mended, or gives it up.
"""

import asyncio
import re
import subprocess
from uuid import UUID

import orjson

from tests.e2e.town import Case, Town, until

BROKEN = 1_000_000
"""A sequence that intake itself does not reach here."""


async def break_story(town: Town, case: Case) -> None:
    """Put an event of intake into the log that breaks its contract: a supplement without text.

    What intake says of the case later comes behind it.
    """
    connection = await town.system.database()
    try:
        await connection.execute(
            "WITH aside AS (UPDATE intake.aggregate SET version = $2 WHERE case_id = $1)"
            " INSERT INTO chassis.event_log (case_id, source, sequence, topic, type, time, traceparent, data)"
            " SELECT case_id, source, $2, topic, 'intake.CaseSupplemented.v1', now(), traceparent, $3::jsonb"
            " FROM chassis.event_log WHERE case_id = $1 AND source = 'intake' AND sequence = 1",
            UUID(case.id),
            BROKEN,
            '{"text": 17}',
        )
    finally:
        await connection.close()


async def add(town: Town, case: Case, *texts: str) -> None:
    """Let intake take supplements in."""
    for text in texts:
        added = await town.ask(
            "intake", f"POST {case.path}/supplements", "operator", "GL", body={"text": text}
        )
        assert added.status == 200, added.body


async def parked(town: Town, case: Case, count: int) -> list[tuple[int, bool, str]]:
    """Wait until that many events of the case wait at the router; return sequence, `behind` and reason."""
    connection = await town.system.database()

    async def look() -> list[tuple[int, bool, str]] | None:
        rows = await connection.fetch(
            "SELECT sequence, behind, reason FROM router.parked WHERE case_id = $1 AND resolved_at IS NULL"
            " ORDER BY id",
            UUID(case.id),
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

    await add(town, case, "补充第一点", "补充第二点")
    story = await parked(town, case, 3)
    assert [(entry[0], entry[1]) for entry in story] == [
        (BROKEN, False),
        (BROKEN + 1, True),
        (BROKEN + 2, True),
    ]
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


async def command(town: Town, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `parked …` as whoever runs the system would."""
    return await asyncio.to_thread(town.system.command, "parked", *words)


async def supplements(town: Town, case: Case) -> list[str]:
    """Return what the router has of the case's supplements, in its order."""
    connection = await town.system.database()
    try:
        text = await connection.fetchval(
            "SELECT supplements::text FROM router.case_text WHERE case_id = $1", UUID(case.id)
        )
    finally:
        await connection.close()
    return [one["text"] for one in orjson.loads(text)]


async def mend(town: Town, case: Case) -> None:
    """Do what a new release would: what could not be read can be read now."""
    connection = await town.system.database()
    try:
        await connection.execute(
            "UPDATE router.parked SET data = $2 WHERE case_id = $1 AND sequence = $3",
            UUID(case.id),
            '{"text": "补充第零点", "at": "2026-03-02T01:30:00Z"}',
            BROKEN,
        )
    finally:
        await connection.close()


async def test_parked_events_are_taken_up_again_by_command(town: Town) -> None:
    """Invariant 2: list, show, a retry that fails and says why, one after the fault is mended, in order."""
    case = await town.submit()
    await town.placed(case)
    await break_story(town, case)
    await add(town, case, "补充第一点", "补充第二点")
    await parked(town, case, 3)

    listed = await command(town, "list")
    [line] = [line for line in listed.stdout.splitlines() if case.id in line]
    assert line.split()[:3] == ["router", case.id, "3"]
    assert line.endswith(f"intake/{BROKEN}  text: Input should be a valid string")

    shown = await command(town, "show", case.id, "--service", "router")
    assert [row.split()[0] for row in shown.stdout.splitlines()] == [
        "event",
        *(f"intake/{BROKEN + number}" for number in range(3)),
    ]
    assert "补充第一点" not in shown.stdout
    shown = await command(town, "show", case.id, "--service", "router", "--data")
    assert "补充第一点" in shown.stdout

    failed = await command(town, "retry", case.id, "--service", "router")
    assert failed.returncode == 1
    assert f"intake/{BROKEN} (intake.CaseSupplemented.v1) cannot be applied: text: Input" in failed.stderr
    assert await supplements(town, case) == []

    await mend(town, case)
    retried = await command(town, "retry", case.id, "--service", "router", "--reason", "released 1.4.2")
    assert retried.returncode == 0, retried.stderr
    assert [row.split()[2] for row in retried.stdout.splitlines()[:3]] == ["retried"] * 3
    assert await supplements(town, case) == ["补充第零点", "补充第一点", "补充第二点"]
    await add(town, case, "补充第三点")

    async def followed() -> bool | None:
        return len(await supplements(town, case)) == 4 or None

    assert await until(followed)
    log = await asyncio.to_thread(town.system.command, "log", "--topic", "case.parked", "--case", case.id)
    assert [row.split()[2] for row in log.stdout.splitlines()] == [
        *["chassis.EventParked"] * 4,  # three from the stream, and the retry that failed
        *["chassis.EventUnparked"] * 3,
    ]
    again = await command(town, "retry", case.id, "--service", "router")
    assert (again.returncode, again.stderr) == (1, "Error: At router, nothing of this case is parked here.\n")


async def test_an_event_is_given_up_by_command(town: Town) -> None:
    """With a reason, and only the one that blocks; what waited behind it is applied."""
    case = await town.submit()
    await town.placed(case)
    await break_story(town, case)
    await add(town, case, "补充第一点")
    await parked(town, case, 2)
    to_router = ("--service", "router")

    silent = await command(town, "discard", case.id, f"intake/{BROKEN}", *to_router)
    assert (silent.returncode, "Missing option '--reason'" in silent.stderr) == (2, True)
    wrong = await command(town, "discard", case.id, f"intake/{BROKEN + 1}", *to_router, "--reason", "?")
    assert wrong.returncode == 1
    assert f"the event that keeps the others waiting is intake/{BROKEN}." in wrong.stderr
    assert len(await parked(town, case, 2)) == 2

    done = await command(town, "discard", case.id, f"intake/{BROKEN}", *to_router, "--reason", "录入有误")
    assert done.returncode == 0, done.stderr
    assert [row.split()[-1] for row in done.stdout.splitlines()[:2]] == ["discarded", "retried"]
    assert await supplements(town, case) == ["补充第一点"]
