"""`import`: a file of messages becomes cases, each with a place; twice the same file makes nothing new."""

import asyncio
from pathlib import Path

from tests.e2e.system import ROOT, System

OWN_MESSAGES = ROOT / "reference" / "gulou" / "messages.csv"


async def count(system: System, statement: str) -> int:
    """Ask the database."""
    connection = await system.database()
    try:
        return int(await connection.fetchval(statement))
    finally:
        await connection.close()


CASES = "SELECT count(*) FROM router.aggregate"


async def test_every_row_is_a_case_once_though_intake_is_restarted(
    own_system: System, tmp_path: Path
) -> None:
    """Our own messages, twice, miss none; then intake is killed while more go in, and started again by `up`."""
    first = own_system.command("import", str(OWN_MESSAGES))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "30 rows read, 0 refused, 30 cases accepted" in " ".join(first.stdout.split())
    assert "Nothing is missing." in first.stdout
    assert await count(own_system, CASES) == 30
    again = own_system.command("import", str(OWN_MESSAGES))
    assert again.returncode == 0, again.stdout + again.stderr
    assert await count(own_system, CASES) == 30

    header, *rows = OWN_MESSAGES.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "messages.csv"
    many = [f"{time}-{row}" for time in range(50) for row in rows]  # each a message of its own
    path.write_text("\n".join([header, *many, ""]), encoding="utf-8")
    importing = asyncio.create_task(asyncio.to_thread(own_system.command, "import", str(path)))
    while await count(own_system, "SELECT count(*) FROM intake.case_file") == 30:
        assert not importing.done()
        await asyncio.sleep(0.05)
    own_system.kill("intake")
    done = await importing
    assert done.returncode == 0, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "the service is away; trying again" in told
    assert f"{50 * len(rows)} cases accepted" in told
    assert await count(own_system, CASES) == 30 + 50 * len(rows)


def test_names_the_broken_lines_and_sends_the_others(system: System, tmp_path: Path) -> None:
    lines = OWN_MESSAGES.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "messages.csv"
    path.write_text("\n".join([*lines[:3], "9,A9,not a time,题,文,0,0", "8,A8", ""]), encoding="utf-8")
    done = system.command("import", str(path))
    told = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert "line 4: received_at 'not a time' is not a time like" in told
    assert "line 5: 2 fields, the header has 7" in told
    assert "2 refused, 2 cases accepted" in told


def test_says_in_plain_words_that_nothing_runs(tmp_path: Path) -> None:
    absent = System(tmp_path / "run")
    absent.local.prepare()
    done = absent.command("import", str(OWN_MESSAGES))
    assert done.returncode == 1
    assert "start it with `make up`" in done.stderr
