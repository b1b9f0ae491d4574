"""Whether a log is whole: a story that ends with its highest sequence may lack events before it, or its end."""

from dataclasses import replace
from uuid import uuid4

from chassis.applied import passed_over, shortage
from tests.integration.conftest import Bench
from tests.toy import publish, ticked


async def test_a_whole_log_lacks_nothing(bench: Bench) -> None:
    """A department's letters are numbered by the clock."""
    case = uuid4()
    letter = replace(ticked(case, 1_796_042_420_327_000_000), source="dept.GL-GAS.replies")
    await publish(bench.pool, ticked(case, 1), ticked(case, 2), letter)
    await bench.drain()
    async with bench.pool.acquire() as connection:
        found = await shortage(connection, ["counter", "outside"], ["counter"])
    assert (found.cases, found.events, found.examples) == (0, 0, [])


async def test_gaps_before_the_highest_sequence_and_an_end_that_has_gone_are_counted(bench: Bench) -> None:
    """The counter has told of three events, and its log has lost the last of them; of outside two are missing."""
    case, other = uuid4(), uuid4()
    await publish(bench.pool, *(ticked(case, sequence) for sequence in (1, 2, 3)))
    await publish(bench.pool, ticked(other, 1), ticked(other, 4))
    await bench.drain()
    async with bench.pool.acquire() as connection:
        await connection.execute(
            "DELETE FROM chassis.event_log WHERE source = 'counter' AND case_id = $1 AND sequence = 3", case
        )
        found = await shortage(connection, ["counter", "outside"], ["counter"])
    assert (found.cases, found.events) == (2, 3)
    assert found.examples == [(f"outside/{other}", 2), (f"counter/{case}", 1)]


async def test_what_stands_behind_a_later_event_of_its_case_is_told(bench: Bench) -> None:
    """A reader has passed it over; the letters of departments, numbered by the clock, may stand in any order."""
    case, other = uuid4(), uuid4()
    letters = [replace(ticked(case, number), source="dept.GL-GAS.replies") for number in (9, 8)]
    await publish(bench.pool, *(ticked(case, sequence) for sequence in (1, 4, 2, 3, 5)), *letters)
    await publish(bench.pool, *(ticked(other, sequence) for sequence in (1, 2)))
    async with bench.pool.acquire() as connection:
        assert await passed_over(connection, ["outside"]) == (2, [f"outside/{case}/2", f"outside/{case}/3"])
        assert await passed_over(connection, ["counter"]) == (0, [])
