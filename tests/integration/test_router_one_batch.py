"""What the router's tables say of a case does not depend on how its changes are cut into batches."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import pytest

from chassis.database import Connection
from chassis.decider import Input, Refused, TimerDue
from chassis.service import Change
from schemas import router as r
from schemas.envelope import Envelope
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.values import Emergency
from services.router.domain import WorkOrder
from services.router.projection import project
from services.router.tables import TABLES
from tests.batch_kit import empty_tables, same
from tests.databases import Databases
from tests.router_api_kit import COMPONENT, PLAIN, SEALED, TRACE
from tests.unit.router_kit import (
    COMMUNITY,
    DISTRICT,
    GRID,
    MONDAY,
    OPERATOR,
    STREET,
    SUPERVISOR,
    Hit,
    Match,
    Oracle,
    actor,
    proof,
    router,
    submitted,
)

_KEPT: Final = {f"router.{table.__tablename__}": "*" for table in TABLES}
_ACCUSED: Final = ((), (), (COMMUNITY,), (STREET,), (GRID,), ("GL-URBAN",), ("GL-CIVIL", COMMUNITY))
_NOTHING: Final = Match((), 0.0)
_LAMP: Final = Match((Hit(COMPONENT),), 0.5)
_REPORT: Final = Match((Hit(SEALED),), 0.9)


@pytest.fixture
async def connection(databases: Databases) -> AsyncIterator[Connection]:
    async with empty_tables(databases, "router") as one:
        yield one


class Told:
    """A case and the changes that it went through."""

    def __init__(self, case_id: UUID) -> None:
        self.oracle = Oracle()
        self.router = router(self.oracle)
        self.state = self.router.initial(case_id)
        self.at: datetime = MONDAY
        self.changes: list[Change[WorkOrder]] = []
        self._version = 0

    def give(self, given: Input, blamed: tuple[str, ...] = (), found: Match = _NOTHING) -> bool:
        """Apply an input; `blamed`: whom its words accuse, `found`: what they are about. False: it is refused."""
        self.oracle.blamed, self.oracle.answer = blamed, found
        self.at += timedelta(minutes=1)
        events = self.router.decide(self.state, given, self.at)
        if isinstance(events, Refused):
            return False
        case, envelopes = self.state.case_id, []
        for event in events:
            self.state = self.router.evolve(self.state, event)
            self._version += 1
            told = (event.type, self.at, event.topic(), TRACE, event.model_dump_json(exclude_none=True))
            envelopes.append(Envelope("router", case, self._version, *told))
        self.changes.append(Change(case, given, self.state, self._version, events, envelopes, self.at))
        return True

    def wait(self) -> bool:
        """Let the next clock run out."""
        timer = min(self.router.due(self.state), key=lambda one: one.at, default=None)
        if timer is None:
            return False
        self.at = max(self.at, timer.at)
        return self.give(TimerDue(timer.name, timer.at))


async def test_several_supplements_of_a_case_that_waits(connection: Connection) -> None:
    """R-LAD-04, R-HOT-14: in one batch, the queue's row has the subjects of the last and the candidates that
    triage last found, as the state has; also where the case came in with the same batch."""
    case = Told(UUID(int=1))
    assert case.give(submitted(None))
    assert case.give(CaseSupplemented(text="补充"), found=_LAMP)
    for blamed in (COMMUNITY, "GL-URBAN", STREET):
        assert case.give(CaseSupplemented(text="补充"), (blamed,))
    await same(connection, project, _KEPT, case.changes, 1)
    await project(connection, case.changes[:1])
    await project(connection, case.changes[1:])
    [row] = await connection.fetch("SELECT subjects, reason, candidates::text FROM router.triage")
    assert (tuple(row[0]), row[1]) == (case.state.subjects, "POLICY")
    assert {COMMUNITY, "GL-URBAN", STREET} <= set(row[0])
    assert COMPONENT in row[2]


async def test_what_turns_out_to_be_sealed_in_the_second(connection: Connection) -> None:
    """R-PET-10: the queue's row is sealed, and has no candidates."""
    case = Told(UUID(int=2))
    assert case.give(submitted(None))
    assert case.give(CaseSupplemented(text="补充"), found=_LAMP)
    assert case.give(CaseSupplemented(text="补充"), found=_REPORT)
    assert case.state.sealed
    await same(connection, project, _KEPT, case.changes, 1)
    await project(connection, case.changes[:1])
    await project(connection, case.changes[1:])
    [row] = await connection.fetch("SELECT sealed, candidates::text FROM router.triage")
    assert tuple(row) == (True, "[]")


async def test_a_case_that_left_the_queue_and_came_back(connection: Connection) -> None:
    """R-HOT-02: what was added in its first turn says nothing of the second."""
    case = Told(UUID(int=3))
    assert case.give(submitted(None))
    assert case.give(CaseSupplemented(text="补充"), found=_LAMP)
    assert case.give(r.TriageCase(actor=OPERATOR, judged=r.Judged.DISPATCH, matter=PLAIN))
    assert case.give(CaseSupplemented(text="补充"), (COMMUNITY,))
    await same(connection, project, _KEPT, case.changes, 1)
    await project(connection, case.changes[:1])
    await project(connection, case.changes[1:])
    [row] = await connection.fetch("SELECT reason, candidates::text FROM router.triage")
    assert (row[0], PLAIN in row[1], COMPONENT in row[1]) == ("POLICY", True, False)


async def test_a_callback_that_is_late_with_its_own_batch(connection: Connection) -> None:
    """R-HOT-08: by when the call was due stays, though the clock is no longer in the state."""
    case = Told(UUID(int=4))
    owner = actor(COMMUNITY)
    assert case.give(submitted(PLAIN))
    for command in (
        r.SignAssignment(actor=owner),
        r.RecordContact(actor=owner),
        r.ReplyCase(actor=owner, result="已办"),
    ):
        assert case.give(command)
    due = case.state.term("callback")
    assert due is not None
    assert case.wait()
    assert case.state.term("callback") != due
    await same(connection, project, _KEPT, case.changes, 1)
    await project(connection, case.changes)
    assert await connection.fetchval("SELECT due_at FROM router.callback") == due.at


def commands(case: Told, chance: Random) -> Iterator[Input]:
    """What may be done with the case, in a chance order."""
    owner, units = actor(case.state.unit), (COMMUNITY, STREET, GRID, "GL-URBAN", DISTRICT)
    contacted, resolved = chance.random() < 0.7, chance.random() < 0.5
    named = chance.choice([None, (), (chance.choice(units),)])
    recused = (chance.choice([case.state.unit or DISTRICT, *(seat.unit for seat in case.state.helpers)]),)
    skipped, shown = r.Ground.SUBJECT_SKIPPED, proof("interest_declaration")
    matter = chance.choice([None, PLAIN, COMPONENT, "property.leak", SEALED])
    found: list[Input] = [
        r.TriageCase(actor=OPERATOR, judged=r.Judged.DISPATCH, matter=matter, subjects=named),
        r.TriageCase(actor=OPERATOR, judged=r.Judged.ANSWERED, answer="已答复", subjects=named),
        r.SignAssignment(actor=owner),
        r.ObjectAssignment(actor=owner, reason="不属职责"),
        r.AdjudicateObjection(actor=SUPERVISOR, upheld=True, reason="属实", unit="GL-CIVIL"),
        r.RecordContact(actor=owner),
        r.WhistleDepartments(actor=owner, units=("GL-CIVIL",), occasion="public_problem", reason="协同"),
        r.EscalateCase(actor=SUPERVISOR, ground=skipped, evidence=shown, subjects=recused),
        r.ReplyCase(actor=owner, result="已办"),
        r.RecordCallback(actor=OPERATOR, contacted=contacted, resolved=resolved, satisfied=True),
        r.ChooseTrack(actor=OPERATOR, track="L"),
        r.ConfirmEmergency(actor=OPERATOR, reference="1"),
        r.DispatchRemainder(actor=OPERATOR),
        CaseWithdrawn(reason="撤回"),
        CaseWithdrawn(reason="上门威胁", stands=True),
        FeedbackGiven(contacted=True, resolved=False, satisfied=False, note="仍未解决"),
        ReopeningAsked(reason="仍未解决"),
    ]
    chance.shuffle(found)
    yield from found


def walk(case: Told, chance: Random) -> None:
    """Up to fifteen steps: words that accuse, clocks, and what staff does."""
    danger = Emergency(line="119", ground="着火") if chance.random() < 0.05 else None
    matter = chance.choice([None, None, PLAIN, COMPONENT, "property.leak", "family.violence"])
    case.give(submitted(matter, emergency=danger), chance.choice(_ACCUSED))
    for _ in range(chance.randrange(2, 15)):
        done = False
        if chance.random() < 0.4:
            blamed, about = chance.choice(_ACCUSED), chance.choice([_NOTHING, _LAMP, _LAMP, _REPORT])
            done = case.give(CaseSupplemented(text="补充", emergency=None), blamed, about)
        elif chance.random() < 0.15:
            done = case.wait()
        if not done:
            blamed = chance.choice(_ACCUSED)
            any(case.give(given, blamed) for given in commands(case, chance))


@pytest.mark.parametrize("seed", range(4))
async def test_any_changes_of_cases_in_one_batch(connection: Connection, seed: int) -> None:
    """R-LAD-04, R-HOT-02, R-HOT-08: assignments, queue, callbacks and figures, also where several cases mingle."""
    chance = Random(seed)
    for turn in range(12):
        cases = [Told(UUID(int=100 * turn + number)) for number in range(3)]
        for case in cases:
            walk(case, chance)
        left = [list(case.changes) for case in cases]
        changes = []
        while any(left):
            changes.append(chance.choice([one for one in left if one]).pop(0))
        cuts = chance.sample(range(len(changes)), 3)
        await same(connection, project, _KEPT, changes, *cuts)
