"""Parked events on a real PostgreSQL: taken up again in order, given up with a reason, and told of."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from chassis.database import Connection
from chassis.decider import Refused
from chassis.parked import Attempt
from chassis.runner import RunnerPolicy, TooManyParked
from chassis.service import Change
from schemas.message import Actor
from schemas.parked import EventParked, EventUnparked
from tests.integration.conftest import Bench
from tests.parked_kit import (
    WHO,
    Applied,
    mended,
    open_events,
    read_again,
    resolutions,
    settled,
    told,
)
from tests.toy import Counted, CounterState, publish, ticked

BEHIND = "an earlier event of this case is parked"


async def park_story(bench: Bench, *amounts: int) -> UUID:
    """Publish ticks of those amounts, with sequences from 1, and let the unmended counter meet them."""
    case = uuid4()
    await publish(bench.pool, *(ticked(case, number, amount) for number, amount in enumerate(amounts, 1)))
    await bench.drain()
    return case


async def test_a_retry_applies_in_order_what_was_parked(bench: Bench) -> None:
    """Invariant 2: after the fault is mended, in the order of the stream, and once."""
    case = await park_story(bench, 1, 13, 5, 6)
    writes = Applied()
    done = await bench.parked(mended(writes.project)).retry(case, WHO)
    assert settled(done) == [(2, "retried"), (3, "retried"), (4, "retried")]
    assert isinstance(done, Attempt)
    assert (done.failed, done.waiting) == (None, 0)
    assert writes.amounts == [13, 5, 6]
    assert await bench.ledger.totals() == {case: 25}
    assert await bench.ledger.emitted(case) == [(number, Counted.type) for number in (1, 2, 3, 4)]
    assert await open_events(bench.pool, case) == []
    assert await resolutions(bench.pool, case) == {2: "retried", 3: "retried", 4: "retried"}

    await read_again(bench.pool)
    await publish(bench.pool, ticked(case, 5, 2))
    await bench.drain()
    assert await bench.ledger.totals() == {case: 27}  # what was retried is not applied again


async def test_what_fails_again_keeps_its_place_and_says_why(bench: Bench) -> None:
    """Those before it stay applied; it and what is behind it are parked still, and new events park behind."""
    case = await park_story(bench, 13, 5, 14, 15, 7)
    done = await bench.parked(mended()).retry(case, WHO, "released 1.4.2")
    assert settled(done) == [(1, "retried"), (2, "retried")]
    assert isinstance(done, Attempt)
    assert done.failed is not None
    assert (done.failed.envelope.sequence, done.failed.reason) == (
        3,
        "refused: unlucky: 14 cannot be counted",
    )
    assert done.waiting == 3
    assert await bench.ledger.totals() == {case: 18}

    await publish(bench.pool, ticked(case, 6, 8))
    await bench.drain(bench.runner(mended()))
    assert await open_events(bench.pool, case) == [
        (3, False, "refused: unlucky: 14 cannot be counted"),
        (4, True, BEHIND),
        (5, True, BEHIND),
        (6, True, BEHIND),
    ]
    assert await bench.ledger.totals() == {case: 18}


async def test_what_only_the_database_refuses_spoils_nothing_before_it(bench: Bench) -> None:
    case = await park_story(bench, 13, 5, 6)

    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        for change in changes:
            await connection.execute("SELECT 1 / $1::int", 0 if change.version == 2 else 1)

    done = await bench.parked(mended(project)).retry(case, WHO)
    assert settled(done) == [(1, "retried")]
    assert await bench.ledger.totals() == {case: 13}
    assert await bench.ledger.emitted(case) == [(1, Counted.type)]
    [(sequence, behind, reason), last] = await open_events(bench.pool, case)
    assert (sequence, behind, reason.split(" ")[0]) == (2, False, "DivisionByZeroError")
    assert last == (3, True, BEHIND)


async def test_a_discarded_event_is_never_applied_and_the_rest_is(bench: Bench) -> None:
    """Its sequence counts as seen, so that no redelivery brings it back, not even to a mended decider."""
    case = await park_story(bench, 1, 13, 5)
    done = await bench.parked().discard(case, ("outside", 2), WHO, "entered twice, 13800138000 called")
    assert settled(done) == [(2, "discarded"), (3, "retried")]
    assert await bench.ledger.totals() == {case: 6}
    kept = await resolutions(bench.pool, case)
    assert kept[3] == "retried"
    assert kept[2].startswith("discarded: entered twice, ")
    assert "13800138000" not in kept[2]  # R-PRIV-01

    await read_again(bench.pool)
    await bench.drain(bench.runner(mended()))
    assert await bench.ledger.totals() == {case: 6}
    assert await bench.ledger.emitted(case) == [(1, Counted.type), (2, Counted.type)]


async def test_a_discard_also_of_the_first_event_of_a_case(bench: Bench) -> None:
    """The service knows the case only by what it must not apply."""
    case = await park_story(bench, 13)
    assert settled(await bench.parked().discard(case, ("outside", 1), WHO, "no case")) == [(1, "discarded")]
    await read_again(bench.pool)
    await publish(bench.pool, ticked(case, 2, 4))
    await bench.drain(bench.runner(mended()))
    assert await bench.ledger.totals() == {case: 4}


async def test_after_a_discard_the_next_may_fail_in_its_turn(bench: Bench) -> None:
    case = await park_story(bench, 13, 14, 5)
    done = await bench.parked().discard(case, ("outside", 1), WHO, "entered twice")
    assert settled(done) == [(1, "discarded")]
    assert await open_events(bench.pool, case) == [
        (2, False, "refused: unlucky: 14 cannot be counted"),
        (3, True, BEHIND),
    ]


async def test_all_that_waits_can_be_given_up(bench: Bench) -> None:
    case = await park_story(bench, 13, 5, 6)
    done = await bench.parked().discard(case, ("outside", 1), WHO, "a trial", all_behind=True)
    assert settled(done) == [(1, "discarded"), (2, "discarded"), (3, "discarded")]
    await read_again(bench.pool)
    await bench.drain(bench.runner(mended()))
    assert await bench.ledger.totals() == {case: 0}


async def test_only_the_first_can_be_discarded_and_only_once(bench: Bench) -> None:
    """Whoever asks twice, or has seen an older list, gives up nothing that they did not name."""
    case = await park_story(bench, 13, 14)
    parked = bench.parked()
    wrong = await parked.discard(case, ("outside", 2), WHO, "?")
    assert wrong == Refused("not_first", "the event that keeps the others waiting is outside/1")
    assert len(await open_events(bench.pool, case)) == 2
    for _ in range(2):
        done = await parked.discard(case, ("outside", 1), WHO, "entered twice", all_behind=False)
    assert isinstance(done, Refused)
    assert done.code == "not_first"
    assert [sequence for sequence, *_ in await open_events(bench.pool, case)] == [2]
    await parked.discard(case, ("outside", 2), WHO, "entered twice")
    for again in (
        await parked.retry(case, WHO),
        await parked.discard(case, ("outside", 2), WHO, "entered twice"),
    ):
        assert again == Refused("nothing_parked", "nothing of this case is parked here")


async def test_a_case_whose_state_cannot_be_read_says_so(bench: Bench) -> None:
    case = await park_story(bench, 1)
    async with bench.pool.acquire() as connection:
        await connection.execute('UPDATE counter.aggregate SET state = \'{"total": "x"}\'')
    await publish(bench.pool, ticked(case, 2))
    await bench.drain()
    done = await bench.parked().retry(case, WHO)
    assert isinstance(done, Attempt)
    assert done.failed is not None
    assert done.failed.reason.startswith("ValidationError at ")
    refused = await bench.parked().discard(case, ("outside", 2), WHO, "?")
    assert isinstance(refused, Refused)
    assert refused.code == "case_unreadable"
    assert [sequence for sequence, *_ in await open_events(bench.pool, case)] == [2]


async def test_what_took_effect_before_is_skipped(bench: Bench) -> None:
    case = await park_story(bench, 13, 5)
    parked = bench.parked(mended())
    await parked.retry(case, WHO)
    async with bench.pool.acquire() as connection:  # as somebody's work by hand could leave it
        await connection.execute("UPDATE counter.parked SET resolved_at = NULL, resolution = NULL")
    assert settled(await parked.retry(case, WHO)) == [(1, "skipped"), (2, "skipped")]
    assert await bench.ledger.totals() == {case: 18}


async def test_a_retry_needs_no_runner(bench: Bench) -> None:
    """Also where the service has stopped reading, for too much could not be applied."""
    case = await park_story(bench, 13, 5)
    policy = RunnerPolicy(poll_timeout_s=0.0, parked_least=3, parked_share=0.5, parked_window=10)
    runner = bench.runner(policy=policy)
    await publish(bench.pool, *(ticked(uuid4(), 1, 13) for _ in range(3)))
    with pytest.raises(TooManyParked):
        await runner.stream_once()
    await runner.run()
    assert runner.halted is not None
    assert settled(await bench.parked(mended()).retry(case, WHO)) == [(1, "retried"), (2, "retried")]


async def test_cases_are_listed_by_how_long_they_wait(bench: Bench) -> None:
    first, second, third = [await park_story(bench, *amounts) for amounts in ((13, 1), (14,), (1, 13, 5))]
    parked = bench.parked()
    [one, two] = await parked.cases(0, 2)
    assert [(found.first.event.envelope.case_id, found.events) for found in (one, two)] == [
        (first, 2),
        (second, 1),
    ]
    assert one.first.event.reason.startswith("ValueError at ")
    assert two.first.event.reason == "refused: unlucky: 14 cannot be counted"
    [three] = await parked.cases(two.place, 2)
    assert (three.first.event.envelope.case_id, three.first.event.envelope.sequence) == (third, 2)
    assert await parked.cases(three.place, 2) == []
    await parked.discard(first, ("outside", 1), WHO, "a trial")
    assert [found.place for found in await parked.cases(0, 9)] == [two.place, three.place]


async def test_all_is_told_on_the_topic_with_who_and_why(bench: Bench) -> None:
    """The audit trail, and what the console follows: one story a case, its sequence without gaps."""
    case = await park_story(bench, 13, 14, 5)
    await read_again(bench.pool)
    await bench.drain()  # what is parked already is not told again
    await bench.parked(mended()).retry(case, WHO, "released 1.4.2")
    await bench.parked().discard(case, ("outside", 2), Actor(subject="wu", role="ops"), "entered twice")
    story = await told(bench.pool, case)
    assert [(sequence, name, data["sequence"]) for sequence, name, data in story] == [
        (1, "EventParked", 1),
        (2, "EventParked", 2),
        (3, "EventParked", 3),
        (4, "EventUnparked", 1),
        (5, "EventParked", 2),
        (6, "EventUnparked", 2),
        (7, "EventUnparked", 3),
    ]
    assert [data.get("behind") for _, _, data in story] == [False, True, True, None, False, None, None]
    assert "by" not in story[0][2]
    retried = EventUnparked.model_validate(story[3][2])
    assert (retried.by, retried.reason, retried.resolution) == (WHO, "released 1.4.2", "retried")
    failed = EventParked.model_validate(story[4][2])
    assert (failed.by, failed.reason) == (WHO, "refused: unlucky: 14 cannot be counted")
    given_up = EventUnparked.model_validate(story[5][2])
    assert (given_up.by.subject, given_up.reason, given_up.resolution) == ("wu", "entered twice", "discarded")
    assert (given_up.service, given_up.source, given_up.event_type) == (
        "counter",
        "outside",
        "outside.Ticked.v1",
    )


async def test_what_the_database_refused_in_the_stream_is_told_too(bench: Bench) -> None:
    async def project(connection: Connection, changes: Sequence[Change[CounterState]]) -> None:
        await connection.execute("SELECT 1 / 0")

    case = uuid4()
    await publish(bench.pool, ticked(case, 1))
    await bench.drain(bench.runner(mended(project)))
    [(sequence, name, data)] = await told(bench.pool, case)
    assert (sequence, name, data["behind"]) == (1, "EventParked", False)
    assert data["reason"].startswith("DivisionByZeroError")


async def test_what_was_done_is_counted(bench: Bench) -> None:
    case = await park_story(bench, 13, 14, 5)
    await bench.parked(mended()).retry(case, WHO)
    await bench.parked(mended()).discard(case, ("outside", 2), WHO, "entered twice")
    value = bench.metrics.registry.get_sample_value
    assert value("caseladder_unparked_total", {"resolution": "retried"}) == 2
    assert value("caseladder_unparked_total", {"resolution": "discarded"}) == 1
    assert value("caseladder_events_emitted_total", {"type": Counted.type}) == 2
