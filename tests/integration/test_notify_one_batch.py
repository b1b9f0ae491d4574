"""What notify knows of reporters, subjects and sealed cases does not depend on how events are cut into batches."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Final
from uuid import UUID

import pytest

from chassis.database import Connection
from chassis.service import Change
from reference.load import load
from schemas import router as r
from schemas.intake import CaseSubmitted, CaseWithdrawn, PersonErased
from schemas.message import Event
from schemas.petition import PetitionSubjectsNamed
from schemas.values import Channel, Place, PlaceSource, Reach
from services.notify.domain import NoState, Planner
from services.notify.projection import projecting
from services.notify.table import load_notices
from tests.batch_kit import empty_tables, same
from tests.databases import Databases
from tests.intake_kit import GULOU
from tests.notify_kit import dispatched

AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CASES: Final = tuple(UUID(int=number) for number in range(1, 4))
UNITS: Final = ("GL0101", "GL01", "GL-URBAN", "GL-PETITION")
ROUTE: Final = r.Route(policy="p", jurisdiction="j")
KEPT: Final = {f"notify.{name}": "*" for name in ("reporter", "subject", "recipient")}
PROJECT: Final = projecting(Planner(load_notices(GULOU, load(GULOU)).notices, ()), load(GULOU))


@pytest.fixture
async def connection(databases: Databases) -> AsyncIterator[Connection]:
    async with empty_tables(databases, "notify") as one:
        yield one


def submitted(chance: Random) -> CaseSubmitted:
    return CaseSubmitted(
        channel=Channel.WEB,
        received_at=AT,
        title="路灯坏了",
        text="不亮",
        place=Place(source=PlaceSource.UNKNOWN),
        reachable_by=(Reach.PHONE,),
        subjects=chance.choice([(), ("GL0101",)]),
    )


def event(chance: Random) -> Event:
    """Anything of which notify keeps something."""
    one, other = chance.sample(UNITS, 2)
    row = r.Fired(table="escalations", row="subject-skipped", source="R-LAD-04")
    judged = r.Judgement(by=chance.choice([r.TriagedBy.ENGINE, r.TriagedBy.HUMAN]), track="S", urgency=3)
    subjects = chance.choice([(), (one,), (one, other)])
    found = r.Registration(judgement=judged, subjects=subjects, sealed=chance.random() < 0.3)
    queued = found.model_copy(update={"judgement": judged.model_copy(update={"by": r.TriagedBy.ENGINE})})
    waits = {"unit": "GL-HOTLINE", "reason": r.QueueReason.POLICY, "route": ROUTE, "registered": queued}
    exit_ = r.NamedExit(code="court", name="诉讼", source="MS", authority=chance.choice([None, other]))
    may_come: list[Event] = [
        dispatched(one, registered=chance.choice([None, found]), subjects=chance.choice([None, (other,)])),
        dispatched(one, registered=found),
        r.TriageQueued.model_validate(waits),
        r.CaseRedirected(exit=exit_, route=ROUTE, registered=chance.choice([None, found])),
        r.HelpersRecused(unit=one, helpers=(), subjects=(other,), evidence=(), row=row),
        PetitionSubjectsNamed(subjects=(one,)),
        r.CaseLinked(to=chance.choice(CASES), unit="GL-HOTLINE", route=ROUTE),
        r.CaseUnlinked(was=CASES[0], unit="GL-HOTLINE", reason="不同事项"),
        CaseWithdrawn(reason="撤回"),
        PersonErased(reason="本人要求"),
    ]
    return chance.choice(may_come)


@pytest.mark.parametrize("seed", range(4))
async def test_any_events_of_cases_in_one_batch(connection: Connection, seed: int) -> None:
    """R-LAD-04, R-HOT-14, R-PET-10, R-PET-18."""
    chance = Random(seed)
    for _ in range(60):
        heard: list[tuple[UUID, Event]] = [
            (case_id, submitted(chance)) for case_id in CASES if chance.random() < 0.8
        ]
        heard += [(chance.choice(CASES), event(chance)) for _ in range(chance.randrange(2, 12))]
        changes = [Change(case_id, given, NoState(), 0, [], [], AT) for case_id, given in heard]
        await same(connection, PROJECT, KEPT, changes, chance.randrange(len(changes)))
