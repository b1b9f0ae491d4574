"""On Kafka a case goes its whole way, and every figure that a watcher is told of is there and moves with it."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.e2e import test_call_to_close
from tests.e2e.system import System
from tests.e2e.town import Case, Town, until, visiting

Figures = dict[str, float]
MOVED = {
    "intake": (
        "cases_accepted_total",
        'events_emitted_total{type="intake.CaseSubmitted.v1"}',
        "events_published_total",
        "published_batch_events_count",
        "group_commit_commands_count",
        "records_applied_total",
        'stage_seconds_count{source="router"}',
    ),
    "router": (
        'events_emitted_total{type="router.CaseDispatched.v1"}',
        'events_emitted_total{type="router.CaseClosed.v1"}',
        "events_published_total",
        "group_commit_commands_count",
        "batch_records_count",
        "batches_total",
        'stage_seconds_count{source="intake"}',
    ),
}
AT_REST = ("lag_events", "oldest_unread_seconds", "unpublished_events", "oldest_unpublished_seconds")
QUIET = ("overdue_timers", "parked_open", "parked_share", "topics_missing")


@pytest.fixture
async def town(kafka_system: System) -> AsyncIterator[Town]:
    """The people who use the system on Kafka."""
    async with visiting(kafka_system) as people:
        yield people


async def figures(town: Town, service: str) -> Figures:
    """Read the service's /metrics; names without their common beginning."""
    answer = await town.client.get(f"{town.system.url(service)}/metrics")
    assert answer.status_code == 200
    lines = re.findall(r"^caseladder_(\S+) (\S+)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


async def closed(town: Town) -> Case:
    """Take a case from its submission to its end."""
    case = await town.submit()
    await town.begin(case, "GL0101")
    await town.do(case, "reply", "handler", "GL0101", {"result": "已上门探访并安排照料。"})
    answers = {"contacted": True, "resolved": True, "satisfied": True}
    assert (await town.do(case, "callback", "operator", "GL", answers))["status"] == "CLOSED"
    await town.told(case, "closed")
    return case


async def test_every_figure_moves(town: Town) -> None:
    """R-HOT-07: the case's way shows in both services, and at rest nothing waits anywhere."""
    before = {service: await figures(town, service) for service in MOVED}
    await closed(town)
    for service, names in MOVED.items():
        after = await figures(town, service)
        still = [name for name in names if not after[name] > before[service].get(name, 0.0)]
        assert still == [], service
        assert after["relay_leads"] == 1
        assert [after[name] for name in QUIET] == [0.0] * len(QUIET)

    for service in MOVED:

        async def rests(of: str = service) -> bool | None:
            """Nothing waits; the figures are measured every five seconds."""
            return all(value == 0 for value in [(await figures(town, of))[name] for name in AT_REST]) or None

        await until(rests)


async def test_what_the_services_emit_is_published(town: Town) -> None:
    """All that intake emits has a topic, so what was emitted and what was published grow alike."""
    before = await figures(town, "intake")
    await closed(town)

    async def published() -> bool | None:
        after = await figures(town, "intake")
        emitted = [name for name in after if name.startswith("events_emitted_total")]
        grown = sum(after[name] - before.get(name, 0.0) for name in emitted)
        return (after["events_published_total"] - before["events_published_total"] == grown > 0) or None

    await until(published)


async def test_a_case_goes_the_whole_way(town: Town) -> None:
    """R-HOT-02, R-HOT-08, R-PET-13: from call to close, every event over the broker; word for word as embedded."""
    await test_call_to_close.test_a_call_goes_to_its_unit_and_is_closed(town)
