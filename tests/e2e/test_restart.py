"""The system goes down as a whole and comes up again: the data are there and time has passed."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson

from chassis.embedded import EmbeddedPostgres
from tests.e2e.ledger import CASES, Ledger, check, load, settle
from tests.e2e.system import System
from tests.e2e.town import Case, until, visiting


async def test_everything_stopped_and_started_in_the_middle_of_the_work(own_system: System) -> None:
    """R-HOT-07, R-LAD-08, invariant 3: Ctrl-C under load ends in order; the next start goes on where it stopped,
    and a deadline that passed while nothing ran brings its reminder.
    """
    async with visiting(own_system) as town:
        waiting = await town.submit()
        await town.placed(waiting)
    ledger = Ledger()
    ledger.acknowledged["waiting"] = UUID(waiting.id)
    loading = asyncio.create_task(load(own_system, ledger))
    await asyncio.wait_for(ledger.halfway.wait(), 60)
    await asyncio.to_thread(own_system.stop)
    await let_sign_lapse(own_system, waiting)
    await asyncio.to_thread(own_system.start)
    await asyncio.wait_for(loading, 120)
    await settle(own_system, CASES + 1)
    await check(own_system, ledger)
    assert await reminders(own_system, waiting) == ["sign"]


async def let_sign_lapse(system: System, case: Case) -> None:
    """Put the case's clock `sign` into the past, as if the system had been down for a week."""
    with EmbeddedPostgres(system.local.run_dir / "postgres", system.local.password()) as server:
        connection = await asyncpg.connect(server.url("caseladder"))
        try:
            text = await connection.fetchval(
                "SELECT state::text FROM router.aggregate WHERE case_id = $1", UUID(case.id)
            )
            state = orjson.loads(text)
            past = datetime.now(UTC) - timedelta(hours=1)
            [sign] = [term for term in state["terms"] if term["name"] == "sign"]
            sign["at"] = past.isoformat()
            done = await connection.execute(
                "UPDATE router.aggregate SET state = $2::text::jsonb, next_due_at = $3 WHERE case_id = $1",
                UUID(case.id),
                orjson.dumps(state).decode(),
                past,
            )
            assert done == "UPDATE 1"
        finally:
            await connection.close()


async def reminders(system: System, case: Case) -> list[str]:
    """Wait for reminders of the case, and return which clocks they are about."""
    connection = await system.database()

    async def look() -> list[str] | None:
        rows = await connection.fetch(
            "SELECT data->>'term' FROM chassis.event_log WHERE case_id = $1 AND type = $2 ORDER BY sequence",
            UUID(case.id),
            "router.DeadlineReminded.v1",
        )
        return [row[0] for row in rows] or None

    try:
        return await until(look)
    finally:
        await connection.close()


def test_a_second_start_in_the_same_directory_is_refused(system: System) -> None:
    """One run directory has one owner; the running one is not disturbed."""
    second = system.command("up")
    assert second.returncode == 1
    assert f"already running in {system.local.run_dir} (process " in second.stderr
    assert "use another --run-dir together with another --port-base" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_refused_by_name(tmp_path: Path) -> None:
    """The port, the service that wants it and the way out are said; nothing was made or started."""
    refused = System(tmp_path / "run")
    port = refused.local.port("router")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = refused.command("up")
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1, wanted for router, is not free" in done.stderr
    assert "--port-base" in done.stderr
    assert not (tmp_path / "run" / "postgres").exists()
