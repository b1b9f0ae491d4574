"""What is linked to a first case is kept from whom that is kept from, whenever it was found out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from tests.router_api_kit import (
    COMMUNITY,
    COMPONENT,
    DISTRICT,
    GRID,
    STREET,
    URBAN,
    RouterUnderTest,
    running,
)

ANOTHERS = {"not_a_superior", "not_responsible", "not_the_hotline", "not_the_street"}
BARRED = ((Role.OPERATOR, COMMUNITY), (Role.SUPERVISOR, COMMUNITY), (Role.OPERATOR, GRID))
RECUSAL: dict[str, Any] = {
    "ground": "SUBJECT_SKIPPED",
    "subjects": [COMMUNITY],
    "evidence": [{"kind": "interest_declaration", "reference": "回避申请1"}],
}


@pytest.fixture
async def router(router_url: str, tmp_path: Path) -> AsyncIterator[RouterUnderTest]:
    async with running(router_url, tmp_path) as service:
        yield service


def case_id(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])


async def linked(router: RouterUnderTest, first: str) -> str:
    """Submit a repeat without new facts, as intake links it."""
    report = await router.submit(repeat_of=case_id(first), new_facts=False)
    assert (await router.get(report, Role.OPERATOR, DISTRICT)).body["status"] == "LINKED_DUP"
    return report


async def recuse(router: RouterUnderTest, path: str) -> None:
    left = await router.post(f"{path}/escalation", Role.SUPERVISOR, DISTRICT, RECUSAL)
    assert left.status == 200, left.body


async def test_who_recuses_from_the_first_case_loses_sight_of_its_repeats(router: RouterUnderTest) -> None:
    """R-LAD-04, R-HOT-14: the case, its route and the statuses, as if there were no such report."""
    first = await router.submit()
    report = await linked(router, first)
    for role, unit in BARRED:
        assert (await router.get(report, role, unit)).status == 200
    await recuse(router, first)
    question = {"case_ids": [str(case_id(report))]}
    for role, unit in BARRED:
        for path in (report, f"{report}/route"):
            assert (await router.get(path, role, unit)).code == "case_unknown"
        listed = await router.post("/v1/cases/statuses", role, unit, question)
        assert listed.body == {"cases": [], "withheld": 0}
    assert (await router.get(report, Role.OPERATOR, STREET)).status == 200


async def test_a_repeat_linked_after_the_recusal_is_kept_as_well(router: RouterUnderTest) -> None:
    """R-LAD-04."""
    first = await router.submit()
    await recuse(router, first)
    report = await linked(router, first)
    for role, unit in BARRED:
        assert (await router.get(report, role, unit)).code == "case_unknown"


async def test_a_repeat_that_took_another_track_stays_kept(router: RouterUnderTest) -> None:
    """R-LAD-04, R-LAD-09: it has an assignment of its own then, and no list or figure shows it."""
    first = await router.submit()
    report = await linked(router, first)
    moved = await router.post(f"{report}/track", Role.OPERATOR, DISTRICT, {"track": "M"})
    assert (moved.status, moved.body["unit"]["code"]) == (200, COMMUNITY), moved.body
    assert len((await router.get("/v1/assignments", Role.HANDLER, COMMUNITY)).body["items"]) == 2
    await recuse(router, first)
    assert (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY)).body["items"] == []
    assert (await router.get(f"/v1/units/{COMMUNITY}", Role.HANDLER, COMMUNITY)).body["open"] == 0
    assert (await router.post(f"{report}/sign", Role.HANDLER, COMMUNITY)).code == "case_unknown"


async def test_a_repeat_that_takes_another_track_passes_over_who_has_recused(router: RouterUnderTest) -> None:
    """R-LAD-04, R-LAD-09: the community would mediate, but has recused itself from the first case."""
    first = await router.submit()
    report = await linked(router, first)
    await recuse(router, first)
    moved = await router.post(f"{report}/track", Role.OPERATOR, DISTRICT, {"track": "M"})
    assert (moved.status, moved.body["unit"]["code"]) == (200, STREET), moved.body
    assert (await router.get("/v1/assignments", Role.HANDLER, COMMUNITY)).body["items"] == []


async def test_a_stored_answer_is_not_for_who_has_recused(router: RouterUnderTest) -> None:
    """R-LAD-04: a key that was used before opens nothing that a fresh request would not."""
    path = await router.submit()
    sent: tuple[Any, ...] = (f"{path}/sign", Role.HANDLER, COMMUNITY)
    for _ in range(2):
        again = await router.post(*sent, Idempotency_Key="k-1")
        assert (again.status, again.body["status"]) == (200, "SIGNED")
    recusal = [
        await router.post(f"{path}/escalation", Role.HANDLER, COMMUNITY, RECUSAL, Idempotency_Key="k-2")
        for _ in range(2)
    ]
    assert [(answer.status, answer.body) for answer in recusal] == [(204, None)] * 2
    refused = await router.post(*sent, Idempotency_Key="k-1")
    assert (refused.status, refused.code) == (404, "case_unknown")


async def test_only_ops_without_a_unit_hears_of_what_is_not_shown(router: RouterUnderTest) -> None:
    """R-LAD-04, R-PET-10: for a unit, ops or not, a case that is kept from it is like one that never was."""
    path = await router.submit(subjects=(STREET,))
    question = {"case_ids": [str(case_id(path))]}
    for role in (Role.OPS, Role.SUPERVISOR, (Role.OPS, Role.OPERATOR)):
        answer = await router.post("/v1/cases/statuses", role, COMMUNITY, question)
        assert answer.body == {"cases": [], "withheld": 0}
    counted = await router.post("/v1/cases/statuses", Role.OPS, None, question)
    assert counted.body == {"cases": [], "withheld": 1}


@pytest.mark.parametrize(
    ("action", "role", "body"),
    [
        ("supervision", Role.SUPERVISOR, {"reason": "请加快办理"}),
        ("escalation", Role.SUPERVISOR, RECUSAL | {"subjects": [URBAN]}),
        ("whistle", Role.SUPERVISOR, {"units": ["GL-POLICE"], "occasion": "emergency", "reason": "联合处置"}),
        ("deadlines/recomputation", Role.SUPERVISOR, {}),
        ("track", Role.OPERATOR, {"track": "P"}),
        ("callback", Role.OPERATOR, {"contacted": True, "resolved": True, "satisfied": True}),
    ],
    ids=lambda value: value if isinstance(value, str) and value.islower() else "",
)
async def test_what_lies_in_somebodys_area_is_not_theirs_to_oversee(
    router: RouterUnderTest, action: str, role: Role, body: dict[str, Any]
) -> None:
    """R-HOT-08, R-HOT-10: a department's case is overseen from above it, and called back by the centre."""
    path = await router.submit(matter=COMPONENT)
    for unit in (COMMUNITY, GRID):
        shown = (await router.get(path, role, unit)).body
        leaves = action == "escalation" and unit == COMMUNITY  # it helps, and may take itself off
        assert (shown["unit"]["code"], action in shown["actions"]) == (URBAN, leaves)
        refused = await router.post(f"{path}/{action}", role, unit, body)
        assert refused.code in ANOTHERS, refused.body
