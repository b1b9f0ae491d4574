"""What a batch costs in statements, and what it writes, without a database."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from chassis.database import Connection
from chassis.decider import Input, Refused, TimerDue
from chassis.service import Change
from schemas.envelope import Envelope
from schemas.intake import CaseSubmitted, CaseSupplemented, CaseWithdrawn
from schemas.message import Actor
from schemas.router import Judged, ObjectAssignment, SignAssignment, TriageCase
from schemas.values import Emergency
from services.router.domain import Router, WorkOrder
from services.router.projection import project
from tests.router_api_kit import COMMUNITY, COMPONENT, HOTLINE, TEXT, TRACE, submission
from tests.unit.router_kit import MONDAY, Oracle, gulou, policy

HANDLER = Actor(subject="h", role="handler", unit=COMMUNITY)
CENTRE = Actor(subject="o", role="operator", unit=HOTLINE)


class Recorder:
    """A connection that notes what it is asked to execute."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    async def execute(self, statement: str, *columns: Any) -> str:
        self.statements.append((statement, columns))
        return "INSERT"

    async def copy_records_to_table(self, table: str, *, records: list[tuple[Any, ...]], **_: Any) -> str:
        self.statements.append((f"COPY {table}", tuple(records)))
        return "COPY"

    def on(self, table: str) -> list[tuple[Any, ...]]:
        """The rows written to a table."""
        return [row for statement, rows in self.statements if statement == f"COPY {table}" for row in rows]


@pytest.fixture(scope="module")
def decider() -> Router:
    from chassis.calendar import WorkingCalendar

    return Router(gulou(), policy(), Oracle(), WorkingCalendar(gulou().calendar))


def step(decider: Router, state: WorkOrder, given: Input, version: int = 0) -> Change[WorkOrder]:
    """One input applied as the chassis applies it."""
    events = decider.decide(state, given, MONDAY)
    assert not isinstance(events, Refused), events
    envelopes = []
    for number, event in enumerate(events, version + 1):
        state = decider.evolve(state, event)
        data = event.model_dump_json(exclude_none=True)
        envelopes.append(
            Envelope("router", state.case_id, number, event.type, MONDAY, event.topic(), TRACE, data)
        )
    return Change(state.case_id, given, state, version + len(events), events, envelopes, MONDAY)


async def written(*changes: Change[WorkOrder]) -> Recorder:
    recorder = Recorder()
    await project(cast(Connection, recorder), changes)
    return recorder


def fresh(decider: Router, count: int, **changes: Any) -> Sequence[Change[WorkOrder]]:
    made: list[CaseSubmitted] = [submission(**changes) for _ in range(count)]
    return [step(decider, decider.initial(uuid4()), given) for given in made]


async def test_a_fresh_batch_costs_three_statements_at_most(decider: Router) -> None:
    """R-HOT-02: whatever the batch's size; one for texts, one for assignments, one for the queue."""
    batch = [
        *fresh(decider, 300),
        *fresh(decider, 100, matter=COMPONENT),
        *fresh(decider, 100, matter=None),
    ]
    recorder = await written(*batch)
    assert len(recorder.statements) == 3
    assert len(recorder.on("case_text")) == 500
    assert len(recorder.on("triage")) == 100
    units = {(row[0], row[1]): row[2] for row in recorder.on("assignment")}
    assert sum(1 for unit in units.values() if unit == COMMUNITY) == 400  # 300 leads and 100 helpers


async def test_two_inputs_of_a_case_in_one_batch(decider: Router) -> None:
    """R-HOT-05: what a unit got and gave back within one batch is written once, in its last state."""
    submitted = step(decider, decider.initial(UUID(int=5)), submission())
    signed = step(decider, submitted.state, SignAssignment(actor=HANDLER), submitted.version)
    recorder = await written(submitted, signed)
    [row] = recorder.on("assignment")
    assert {"SIGNED", COMMUNITY} <= {str(value) for value in row}
    assert len(recorder.statements) == 2


async def test_a_known_case_is_updated_and_its_text_left_alone(decider: Router) -> None:
    """R-PRIV-01: the text is written once, at the submission."""
    submitted = step(decider, decider.initial(UUID(int=6)), submission())
    command = ObjectAssignment(actor=HANDLER, reason="不属本社区职责")
    recorder = await written(step(decider, submitted.state, command, submitted.version))
    assert not recorder.on("case_text")
    assert [statement.split()[0] for statement, _ in recorder.statements] == ["UPDATE"]
    assert TEXT not in str(recorder.statements)


async def test_what_is_added_to_a_case_costs_one_statement(decider: Router) -> None:
    """R-HOT-06: its readers are told, the text is kept, and nothing else of the case has changed."""
    submitted = step(decider, decider.initial(UUID(int=7)), submission())
    recorder = await written(step(decider, submitted.state, CaseSupplemented(text=TEXT), submitted.version))
    [(statement, _)] = recorder.statements
    assert statement.startswith("UPDATE router.case_text")


@pytest.mark.parametrize("given", [CaseSupplemented(text=TEXT), TimerDue("triage", MONDAY)])
async def test_a_case_in_the_queue_stays_there_when_it_is_added_to_or_late(
    decider: Router, given: Input
) -> None:
    """R-HOT-02: until a human has decided."""
    queued = step(decider, decider.initial(UUID(int=8)), submission(matter=None))
    recorder = await written(step(decider, queued.state, given, queued.version))
    assert not [statement for statement, _ in recorder.statements if "router.triage" in statement]


@pytest.mark.parametrize(
    "given",
    [
        TriageCase(actor=CENTRE, judged=Judged.DISPATCH, matter="livelihood.elderly"),
        CaseWithdrawn(reason="已经解决"),
        CaseSupplemented(text=TEXT, emergency=Emergency(line="119", ground="着火")),
    ],
)
async def test_a_case_leaves_the_queue(decider: Router, given: Input) -> None:
    """R-HOT-02, R-LAD-05: when it is decided on, withdrawn, or goes to an emergency line."""
    queued = step(decider, decider.initial(UUID(int=9)), submission(matter=None))
    left = step(decider, queued.state, given, queued.version)
    recorder = await written(left)
    assert left.state.queue is None
    [rows] = [rows for statement, rows in recorder.statements if "DELETE FROM router.triage" in statement]
    assert rows == ([UUID(int=9)],)
