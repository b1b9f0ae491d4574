"""When all reports of an incident are withdrawn, in whatever order, the case ends (R-PET-18)."""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.batch import Applied
from chassis.commands import Request
from schemas.intake import WithdrawCase
from schemas.router import CaseClosed, CaseReopened, CaseUnlinked, EmergencyTransferred, Outcome
from tests.intake_kit import Intake, body, make_settings, running
from tests.integration.test_intake_persons import ROUTE, dispatched, registration

Case = dict[str, Any]
ORDERS = list(permutations(range(3)))


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def reported(intake: Intake, others: int, phone: str = "13800138000") -> list[Case]:
    """Return a case and the reports of further callers, all linked to it."""
    cases = [await intake.accepted(body(reporter={"phone": phone}))]
    for number in range(others):
        path = f"/v1/cases/{cases[0]['case_id']}/co-reporters"
        content = {"reporter": {"phone": f"1390013900{number}"}}
        joined = await intake.client.post(path, json=content, headers=intake.operator)
        assert joined.status_code == 201, joined.text
        cases.append(joined.json())
    await intake.say(cases[0]["case_id"], dispatched("GL0101"))
    return cases


async def withdraw(intake: Intake, case: Case) -> None:
    answer = await intake.client.post(f"/v1/track/{case['tracking_code']}/withdrawal", json={})
    assert answer.status_code == 200, answer.text


async def has_ended(intake: Intake, case: Case) -> list[bool]:
    """Wait until a case is withdrawn for good; return of each word about it whether it keeps the case open."""
    async with asyncio.timeout(20):
        while True:
            said = [event["stands"] for event in await intake.events(case["case_id"], "CaseWithdrawn")]
            if False in said:
                return said
            await asyncio.sleep(0.01)  # polled: another connection's commit gives no signal


async def words(intake: Intake, case: Case) -> list[str]:
    shown = (await intake.client.get(f"/v1/track/{case['tracking_code']}")).json()
    return [entry["words"] for entry in shown["timeline"]]


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_it_ends_with_the_last_report_in_whatever_order(intake: Intake, order: tuple[int, ...]) -> None:
    """R-PET-18: each hears of their own withdrawal once."""
    cases = await reported(intake, 2)
    *before, last = (cases[number] for number in order)
    for case in before:
        await withdraw(intake, case)
    assert all(event["stands"] for event in await intake.events(cases[0]["case_id"], "CaseWithdrawn"))
    await withdraw(intake, last)
    assert await has_ended(intake, cases[0]) == ([False] if order[-1] == 0 else [True, False])
    for case in cases:
        assert (await words(intake, case)).count("已收到您的撤回申请。") == 1
    assert await intake.count("left_case") == 0
    again = await intake.client.post(f"/v1/track/{cases[0]['tracking_code']}/withdrawal", json={})
    assert again.json()["code"] == "case_withdrawn"


@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[-1]], ids=str)
async def test_it_ends_where_all_withdraw_in_one_batch(intake: Intake, order: tuple[int, ...]) -> None:
    """R-PET-18: none of them knows of the others then."""
    cases = await reported(intake, 2)
    together = [
        intake.host.bus.enqueue(Request(UUID(cases[number]["case_id"]), WithdrawCase(), None))
        for number in order
    ]
    assert all(isinstance(reply, Applied) for reply in await asyncio.gather(*together))
    assert await has_ended(intake, cases[0]) == [True, False]


@pytest.mark.parametrize("staying", [(0, 1), (1, 2)], ids=["first and second", "second and third"])
async def test_it_ends_where_two_processes_take_the_last_withdrawals_at_once(
    intake_url: str, tmp_path: Path, staying: tuple[int, int]
) -> None:
    """R-PET-18: each of them has seen the other's report stand, perhaps; the case ends once, all the same."""
    settings = make_settings(tmp_path, intake_url)
    async with (
        running(intake_url, tmp_path, settings=settings) as one,
        running(intake_url, tmp_path, settings=settings) as two,
    ):
        cases = await reported(one, 2)
        await withdraw(one, next(case for n, case in enumerate(cases) if n not in staying))
        left = [cases[number] for number in staying]
        async with one.pool.acquire() as connection, connection.transaction():
            ids = [UUID(case["case_id"]) for case in left]
            query = "SELECT FROM intake.aggregate WHERE case_id = ANY($1::uuid[]) FOR UPDATE"
            await connection.execute(query, ids)
            at_once = [
                asyncio.create_task(withdraw(service, case))
                for service, case in zip((one, two), left, strict=True)
            ]
            await _two_wait(one)
        await asyncio.gather(*at_once)
        assert (await has_ended(one, cases[0])).count(False) == 1


async def _two_wait(intake: Intake) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(20):
        while await intake.pool.fetchval(query) < 2:
            await asyncio.sleep(0.01)  # polled: a connection that waits gives no signal


async def test_it_ends_after_a_restart(intake_url: str, tmp_path: Path) -> None:
    """R-PET-18: what was left when a process died is ended by the next one."""
    settings = make_settings(tmp_path, intake_url)
    async with running(intake_url, tmp_path, settings=settings) as intake:
        first, second = await reported(intake, 1)
        await withdraw(intake, first)
        for worker in intake.host._workers:  # as if it died before it could look
            worker.stop()
        await withdraw(intake, second)
    async with running(intake_url, tmp_path, settings=settings) as intake:
        assert await has_ended(intake, first) == [True, False]


async def test_it_ends_where_the_last_report_was_linked_wrongly(intake: Intake) -> None:
    """R-PET-18: what was unlinked speaks for itself."""
    first, second = await reported(intake, 1)
    await withdraw(intake, first)
    await intake.say(second["case_id"], CaseUnlinked(was=UUID(first["case_id"]), reason="不是同一盏灯"))
    assert await has_ended(intake, first) == [True, False]
    assert await intake.events(second["case_id"], "CaseWithdrawn") == []


async def test_what_the_line_has_does_not_end(intake: Intake) -> None:
    """R-PET-18, R-HOT-13, R-LAD-05: a danger is not theirs to withdraw; once it is back, nobody asks for it."""
    first, second = await reported(intake, 1)
    await withdraw(intake, first)
    burning = EmergencyTransferred(
        route=ROUTE, registered=registration(), line="119", words="着火", unit="GL-HOTLINE"
    )
    await intake.say(first["case_id"], burning)
    await withdraw(intake, second)
    other = await reported(intake, 1, phone="13700137000")
    for case in other:
        await withdraw(intake, case)
    await has_ended(intake, other[0])  # by then the worker has looked at the first, too
    assert [event["stands"] for event in await intake.events(first["case_id"], "CaseWithdrawn")] == [True]
    await intake.say(first["case_id"], dispatched("GL0101"))
    assert await has_ended(intake, first) == [True, False]


async def test_what_was_closed_is_not_withdrawn(intake: Intake) -> None:
    """R-PET-18, R-HOT-08: nothing is left to end; where it was reopened, it is."""
    first, second = await reported(intake, 1)
    await withdraw(intake, first)
    await intake.say(first["case_id"], CaseClosed(outcome=Outcome.RESOLVED))
    assert await intake.count("left_case") == 0
    await intake.say(first["case_id"], CaseReopened(unit="GL0101", times=1))
    assert await intake.count("left_case") == 1
    await withdraw(intake, second)
    assert await has_ended(intake, first) == [True, False]
