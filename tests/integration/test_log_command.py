"""`python -m services log` on a real event log, in a process of its own, as a user runs it."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.database import Pool, open_pool
from chassis.migrate import CHASSIS
from chassis.store import Store
from schemas.envelope import Envelope
from tests.databases import Databases

CASE = UUID("0198a7c2-0000-7000-8000-000000000001")
OTHER = UUID("0198a7c2-0000-7000-8000-000000000002")
AT = datetime(2026, 3, 5, 17, 30, 15, 250_000, UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "楼上噪声太大，请打电话给我"
LIMIT_S = 30


def event(
    case: UUID, sequence: int, kind: str, data: dict[str, object], topic: str = "case.events"
) -> Envelope:
    return Envelope(kind.partition(".")[0], case, sequence, kind, AT, topic, TRACE, json.dumps(data))


SUBMITTED = event(CASE, 1, "intake.CaseSubmitted.v1", {"channel": "hotline", "title": SECRET, "text": SECRET})
DISPATCHED = event(
    CASE,
    1,
    "router.CaseDispatched.v1",
    {"unit": "GL0101", "number": 1, "rung": 2, "matter": "neighbour.noise", "locked": False},
)
ASSIGNED = event(
    CASE,
    2,
    "router.DepartmentAssigned.v1",
    {"unit": "GL0101", "assignment": f"{CASE}/1", "handle_by": "2026-03-12T16:00:00Z"},
    topic="dept.GL0101.assigned",
)
OBJECTED = event(OTHER, 1, "router.AssignmentObjected.v1", {"unit": "GL02", "reason": SECRET})
QUEUED = event(OTHER, 2, "router.TriageQueued.v1", {"unit": "GL-HOTLINE", "reason": "LOW_CONFIDENCE"})
PARKED = event(
    CASE,
    1,
    "chassis.EventParked.v1",
    {
        "service": "router",
        "source": "intake",
        "sequence": 2,
        "event_type": "intake.CaseSupplemented.v1",
        "reason": SECRET,
        "behind": False,
        "by": {"subject": "li", "role": "ops"},
    },
    topic="case.parked",
)


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent(CHASSIS) as address:
        yield address


@pytest.fixture
async def pool(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url, size=4)
    yield pool
    await pool.close()


async def append(pool: Pool, *events: Envelope) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await Store("any").append(connection, events)


async def spawn(url: str, *arguments: str) -> Process:
    environment = os.environ | {"CASELADDER_DATABASE_URL": url}
    command = (sys.executable, "-m", "services", "log", *arguments)
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)


async def run(url: str, *arguments: str) -> list[str]:
    process = await spawn(url, *arguments)
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert (process.returncode, err) == (0, b"")
    return out.decode().splitlines()


@asynccontextmanager
async def following(url: str, *arguments: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    process = await spawn(url, "--follow", *arguments)
    stdout = process.stdout
    assert stdout is not None

    async def line() -> str:
        return (await asyncio.wait_for(stdout.readline(), LIMIT_S)).decode().rstrip("\n")

    try:
        yield line
    finally:
        process.kill()
        await process.communicate()


async def test_one_line_an_event_in_local_time_without_free_text(url: str, pool: Pool) -> None:
    """R-PRIV-01: codes and numbers are shown, words of a resident or an official are not."""
    await append(pool, SUBMITTED, DISPATCHED, ASSIGNED, OBJECTED, QUEUED)
    assert await run(url) == [
        f"03-06 01:30:15.250  intake.CaseSubmitted               {CASE}   1  channel=hotline",
        f"03-06 01:30:15.250  router.CaseDispatched              {CASE}   1  "
        "unit=GL0101 rung=2 number=1 matter=neighbour.noise locked=no",
        f"03-06 01:30:15.250  router.AssignmentObjected          {OTHER}   1  unit=GL02",
        f"03-06 01:30:15.250  router.TriageQueued                {OTHER}   2  "
        "unit=GL-HOTLINE reason=LOW_CONFIDENCE",
    ]


async def test_case_topic_type_and_limit_choose(url: str, pool: Pool) -> None:
    """A case is shown with all its topics; a limit counts from the end, as with tail."""
    await append(pool, SUBMITTED, DISPATCHED, ASSIGNED, OBJECTED, QUEUED)
    of_case = await run(url, "--case", str(CASE))
    assert [line.split()[2] for line in of_case] == [
        "intake.CaseSubmitted",
        "router.CaseDispatched",
        "router.DepartmentAssigned",
    ]
    assert of_case[2].endswith("handle_by=03-13T00:00")
    for chosen in (["--topic", ASSIGNED.topic], ["--case", str(CASE), "--limit", "1"]):
        assert await run(url, *chosen) == [of_case[2]]
    for kind in ("CaseDispatched", "router.CaseDispatched.v1"):
        assert await run(url, "--type", kind) == [of_case[1]]


async def test_a_case_shows_what_was_parked_and_who_looked_after_it(url: str, pool: Pool) -> None:
    await append(pool, SUBMITTED, PARKED)
    [_, shown] = await run(url, "--case", str(CASE))
    assert shown.endswith(
        "  service=router source=intake sequence=2 event_type=intake.CaseSupplemented.v1 behind=no by=ops@-"
    )
    assert len(await run(url)) == 1  # the story of all cases is told without it


async def test_json_is_the_whole_cloud_event(url: str, pool: Pool) -> None:
    await append(pool, SUBMITTED)
    [line] = await run(url, "--json")
    assert json.loads(line) == {
        "specversion": "1.0",
        "id": f"intake/{CASE}/1",
        "source": "intake",
        "type": "intake.CaseSubmitted.v1",
        "subject": str(CASE),
        "time": "2026-03-05T17:30:15.250000Z",
        "datacontenttype": "application/json",
        "sequence": "1",
        "traceparent": TRACE,
        "topic": "case.events",
        "data": {"channel": "hotline", "title": SECRET, "text": SECRET},
    }


async def test_follow_skips_nothing_that_commits_late(url: str, pool: Pool) -> None:
    """An event that took its position first and commits last is shown in commit order, and once."""
    await append(pool, SUBMITTED)
    async with following(url, "--limit", "1") as line, pool.acquire() as slow:
        assert "intake.CaseSubmitted" in await line()
        transaction = slow.transaction()
        await transaction.start()
        await Store("any").append(slow, [DISPATCHED])
        await append(pool, OBJECTED)
        await transaction.commit()
        await append(pool, QUEUED)
        shown = [(await line()).split()[2] for _ in range(3)]
    assert shown == ["router.CaseDispatched", "router.AssignmentObjected", "router.TriageQueued"]


async def test_without_a_database_it_says_what_to_do(tmp_path: os.PathLike[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CASELADDER_")}
    command = (sys.executable, "-m", "services", "log", "--run-dir", str(tmp_path))
    process = await asyncio.create_subprocess_exec(*command, stderr=PIPE, env=environment)
    _, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 1
    assert "make up" in err.decode()
