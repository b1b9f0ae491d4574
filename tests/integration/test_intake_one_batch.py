"""What intake's tables say of a case does not depend on how its changes are cut into batches."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import pytest

from chassis.database import Connection
from chassis.decider import Input, Refused
from chassis.service import Change
from schemas import router as r
from schemas.department import HandlingMode
from schemas.envelope import Envelope
from schemas.intake import CaseSubmitted, ErasePerson, Filing, SubmitCase, SupplementCase, WithdrawCase
from schemas.values import Channel, Place, PlaceSource, Sealed
from services.intake.domain import Intake, IntakeState
from services.intake.listing import PublicList
from services.intake.storage import Projection
from tests.batch_kit import empty_tables, same
from tests.databases import Databases
from tests.intake_kit import GRID, TRACE

AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROUTE: Final = r.Route(policy="p", jurisdiction="GL")
LAMP, QUARREL = "municipal.streetlight", "neighbour.quarrel"
UNITS: Final = ("GL0101", "GL01", "GL-URBAN", "GL-CIVIL")
KEPT: Final = {
    "intake.case_file": "case_id, unit, subjects, recipient",
    "intake.helper": "*",
    "intake.timeline": "case_id, at, status, words, unit",
    "intake.ledger": "*",
    "intake.public_case": "*",
    "intake.personal_record": "*",
    "intake.record_key": "*",
    "intake.person_index": "*",
}
PROJECTION: Final = Projection(lambda unit: unit, PublicList(frozenset({LAMP}), lambda case_id: case_id))


@pytest.fixture
async def connection(databases: Databases) -> AsyncIterator[Connection]:
    async with empty_tables(databases, "intake") as one:
        yield one


def sealed(number: int) -> Sealed:
    return Sealed(record_id=UUID(int=number), key_id="k", wrapped_key=b"w", ciphertext=b"c")


def submit(case_id: UUID, matter: str | None) -> SubmitCase:
    case = CaseSubmitted(
        channel=Channel.WEB,
        received_at=AT,
        title="路灯坏了",
        text="不亮",
        place=Place(source=PlaceSource.UNIT, grid=GRID),
        matter=matter,
    )
    filing = Filing(
        unit=GRID, code_digest=case_id.bytes, sealed=sealed(case_id.int), persons=(b"p",), listed=True
    )
    return SubmitCase(case=case, filing=filing)


def told(case_id: UUID, inputs: Sequence[Input]) -> list[Change[IntakeState]]:
    """The changes that the inputs make, each a minute after the other; what is refused is passed over."""
    decider, changes, version = Intake(), list[Change[IntakeState]](), 0
    state = decider.initial(case_id)
    for minute, given in enumerate(inputs):
        at = AT + timedelta(minutes=minute)
        events = decider.decide(state, given, at)
        if isinstance(events, Refused):
            continue
        envelopes = []
        for event in events:
            state, version = decider.evolve(state, event), version + 1
            data = event.model_dump_json(exclude_none=True)
            envelopes.append(Envelope("intake", case_id, version, event.type, at, event.topic(), TRACE, data))
        changes.append(Change(case_id, given, state, version, events, envelopes, at))
    return changes


def registration(chance: Random) -> r.Registration:
    return r.Registration(
        judgement=r.Judgement(
            by=chance.choice([r.TriagedBy.ENGINE, r.TriagedBy.HUMAN]),
            matter=chance.choice([None, LAMP, LAMP, QUARREL]),
            track="S",
            urgency=3,
        ),
        place=chance.choice([None, GRID]),
        subjects=chance.choice([(), (), ("GL0101",), ("GL-CIVIL",)]),
        sealed=chance.random() < 0.15,
    )


def inputs(case_id: UUID, chance: Random) -> list[Input]:
    """A submission, and what may be heard and asked for after it, in a chance order."""
    found: list[Input] = [submit(case_id, chance.choice([None, LAMP]))]
    row = r.Fired(table="escalations", row="subject-skipped", source="R-LAD-04")
    for number in range(chance.randrange(2, 14)):
        one, other = chance.sample(UNITS, 2)
        first = registration(chance) if chance.random() < 0.6 else None
        helpers = (r.SeatGiven(unit=other, number=2),)
        left = r.HelpersRecused(unit=one, helpers=helpers, subjects=(other,), evidence=(), row=row)
        exit_ = r.NamedExit(code="court", name="诉讼", source="MS", authority=chance.choice([None, one]))
        sent = r.CaseDispatched(
            unit=one,
            number=1,
            rung=3,
            mode=HandlingMode.JOINT,
            matter=chance.choice([LAMP, LAMP, QUARREL]),
            track="S",
            urgency=3,
            helpers=chance.choice([(), helpers]),
            route=ROUTE,
            registered=first,
        )
        found_out, taken = registration(chance), chance.choice([None, one])
        names = (
            found_out.subjects or number == 0
        )  # an office without its name is looked for in the first text alone
        reason = r.QueueReason.POLICY if names else r.QueueReason.LOW_CONFIDENCE
        queued = r.TriageQueued(
            unit="GL-HOTLINE", reason=reason, taken_from=taken, route=ROUTE, registered=found_out
        )
        supplement = SupplementCase(text="补充", sealed=sealed(case_id.int + number + 1))
        may_come: list[Input] = [
            *(sent, sent, queued, queued, left, left, supplement, supplement),
            r.PoliceJoined(police=helpers[0]),
            r.CaseRedirected(exit=exit_, route=ROUTE, registered=first),
            r.EmergencyTransferred(line="110", words="", unit=one, route=ROUTE),
            r.CaseReplied(unit=one, result="已修好", solved=True),
            r.CaseClosed(outcome=chance.choice(list(r.Outcome)), unit=one),
            r.CaseReopened(unit=one, times=1),
            ErasePerson(reason="本人要求"),
            WithdrawCase(reason="撤回"),
        ]
        found.append(chance.choice(may_come))
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_any_changes_of_cases_in_one_batch(connection: Connection, seed: int) -> None:
    """R-LAD-04, R-HOT-14, R-PET-10, R-PRIV-01: who may read a file, who helps, what is listed and what erased."""
    chance = Random(seed)
    for turn in range(30):
        cases = [UUID(int=1000 * turn + 100 * (number + 1)) for number in range(2)]
        left = [told(case_id, inputs(case_id, chance)) for case_id in cases]
        changes = []
        while any(left):
            changes.append(chance.choice([one for one in left if one]).pop(0))
        await same(connection, PROJECTION.project, KEPT, changes, chance.randrange(len(changes)))
