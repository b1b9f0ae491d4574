"""What every transport promises to the runner (design §2–4)."""

from dataclasses import replace
from uuid import uuid4

import pytest

from chassis.store import START, FenceLost
from tests.contract.conftest import Transport
from tests.toy import ticked


async def test_delivers_every_attribute_of_an_event_unchanged(transport: Transport) -> None:
    sent = ticked(uuid4(), 1, 42)
    await transport.publish(sent)
    [got] = await transport.read(transport.new_reader(), 1)
    assert replace(got, data="") == replace(sent, data="")
    assert got.data.replace(" ", "") == sent.data.replace(" ", "")
    assert got.id == f"outside/{sent.case_id}/1"


async def test_keeps_the_order_of_each_case(transport: Transport) -> None:
    cases = [uuid4() for _ in range(4)]
    for sequence in range(1, 6):
        await transport.publish(*(ticked(case, sequence) for case in cases))
    records = await transport.read(transport.new_reader(), 20)
    for case in cases:
        assert [record.sequence for record in records if record.case_id == case] == [1, 2, 3, 4, 5]


async def test_passes_over_what_the_consumer_does_not_want(transport: Transport) -> None:
    wanted, other = ticked(uuid4(), 1), replace(ticked(uuid4(), 1), type="outside.Else.v1")
    elsewhere = replace(ticked(uuid4(), 1), topic="dept.X.assigned")
    await transport.publish(other, elsewhere, *(replace(other, sequence=n) for n in range(2, 9)), wanted)
    assert [record.case_id for record in await transport.read(transport.new_reader(), 1)] == [wanted.case_id]


async def test_answers_none_when_nothing_comes(transport: Transport) -> None:
    assert await transport.new_reader().poll(10, 0.05) is None


async def test_a_new_reader_starts_at_the_stored_position(transport: Transport) -> None:
    case = uuid4()
    await transport.publish(ticked(case, 1), ticked(case, 2), ticked(case, 3))
    reader = transport.new_reader()
    batch = await reader.poll(2, 10.0)
    assert batch is not None
    assert [move.start for move in batch.moves.values()] == [START]
    await transport.commit(reader, batch)
    await reader.close()
    assert [record.sequence for record in await transport.read(transport.new_reader(), 1)] == [3]


async def test_a_batch_says_whether_more_waits_already(transport: Transport) -> None:
    """Whoever catches up must not pause between full batches, also where most of the records are not wanted."""
    case = uuid4()
    unwanted = replace(ticked(case, 2), type="outside.Else.v1")
    await transport.publish(ticked(case, 1), unwanted, ticked(case, 3), ticked(case, 4), ticked(case, 5))
    reader = transport.new_reader()
    found: list[tuple[list[int], bool]] = []
    while not found or found[-1][1]:
        batch = await reader.poll(2, 10.0)
        assert batch is not None
        found.append(([record.sequence for record in batch.records], batch.more))
        await transport.commit(reader, batch)
    assert [sequence for records, _ in found for sequence in records] == [1, 3, 4, 5]
    assert len(found) > 1


async def test_what_was_not_committed_comes_again_after_a_rewind(transport: Transport) -> None:
    case = uuid4()
    await transport.publish(ticked(case, 1), ticked(case, 2))
    reader = transport.new_reader()
    assert len(await transport.read(reader, 2, commit=False)) == 2
    reader.rewind()
    assert [record.sequence for record in await transport.read(reader, 2)] == [1, 2]


async def test_a_part_of_a_batch_can_be_committed(transport: Transport) -> None:
    case = uuid4()
    await transport.publish(*(ticked(case, sequence) for sequence in (1, 2, 3)))
    reader = transport.new_reader()
    batch = await reader.poll(3, 10.0)
    assert batch is not None
    part, _ = batch.halves()
    assert [record.sequence for record in part.records] == [1]
    await transport.commit(reader, part)
    reader.rewind()
    assert [record.sequence for record in await transport.read(reader, 2)] == [2, 3]


async def test_the_fence_lets_one_of_two_owners_commit(transport: Transport) -> None:
    await transport.publish(ticked(uuid4(), 1))
    first, second = transport.new_reader(), transport.new_reader()
    batch = await first.poll(1, 10.0)
    assert batch is not None
    await transport.commit(first, batch)
    with pytest.raises(FenceLost):
        await transport.commit(second, batch)


async def test_measures_how_far_behind_a_reader_is(transport: Transport) -> None:
    case = uuid4()
    oldest = ticked(case, 1)
    await transport.publish(oldest, *(ticked(case, sequence) for sequence in (2, 3, 4)))
    reader = transport.new_reader()
    before = await reader.lag()
    assert (before.events, before.oldest) == (4, oldest.time)
    await transport.read(reader, 4)
    after = await reader.lag()
    assert (after.events, after.oldest) == (0, None)
    assert (await transport.new_reader().lag()).events == 0, (
        "a restart is behind by what was not committed only"
    )
