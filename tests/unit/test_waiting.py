"""How long a batch waits for company."""

import asyncio

import pytest

from chassis.waiting import COMPANY, pace, wait_at_most


@pytest.mark.parametrize(
    ("taken", "share"), [(1, 0.25), (2, 0.5), (3, 0.75), (COMPANY, 1.0), (COMPANY + 1, 1.0), (500, 1.0)]
)
def test_the_fewer_were_taken_the_sooner_the_next_begin(taken: int, share: float) -> None:
    assert pace(0.2, taken) == pytest.approx(0.2 * share)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_with_no_time_left_nothing_is_waited_for(seconds: float) -> None:
    """The coroutine ends without giving the loop a turn: a stop that was asked for then is seen by the caller."""
    turns: list[None] = []
    asyncio.get_running_loop().call_soon(turns.append, None)
    await wait_at_most(asyncio.Event(), seconds)
    assert not turns


async def test_what_is_waited_for_ends_the_wait() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    await asyncio.wait_for(wait_at_most(event, 600.0), 20)
