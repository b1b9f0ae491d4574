"""What is said of a case after its personal data were erased stays, also within the batch of the erasure."""

from uuid import UUID

from chassis.database import session
from chassis.service import Change
from schemas import mediation as m
from schemas import petition as p
from schemas.envelope import Envelope
from schemas.intake import PersonErased
from schemas.values import Channel, Sealed
from services.mediation.projection import projecting
from services.petition.projection import project
from tests import petition_kit
from tests.unit import mediation_kit

ERASED = PersonErased(reason="本人要求")
BEFORE, AFTER = (Sealed(record_id=UUID(int=n), key_id="k", wrapped_key=b"w", ciphertext=b"c") for n in (1, 2))


async def test_a_petitions_record(petition_url: str) -> None:
    """R-PRIV-01."""
    play, case_id, at = petition_kit.Play(), petition_kit.CASE, petition_kit.MONDAY
    play.give(petition_kit.dispatched())
    officer = petition_kit.actor(petition_kit.OFFICE)
    first = p.RegisterPetition(actor=officer, channel=Channel.HOTLINE, sealed=BEFORE)
    events = play.give(first)
    envelopes = [Envelope("petition", case_id, 1, e.type, at, e.topic(), "", "") for e in events]
    later = first.model_copy(update={"sealed": AFTER})
    changes = [
        Change(case_id, first, play.state, 2, events, envelopes, at),
        Change(case_id, ERASED, play.state, 2, [], [], at),
        Change(case_id, later, play.state, 3, events, envelopes, at),
    ]
    async with session(petition_url) as connection:
        await project(connection, changes)
        for table in ("record", "record_key"):
            rows = await connection.fetch(f"SELECT record_id FROM petition.{table}")
            assert [row[0].int for row in rows] == [2]


async def test_a_mediations_paper(mediation_url: str) -> None:
    """R-PRIV-01."""
    play, case_id, at = mediation_kit.Play(), mediation_kit.CASE, mediation_kit.MONDAY
    play.give(mediation_kit.dispatched())
    mediator, parties = mediation_kit.MEDIATOR, mediation_kit.PARTIES
    first = m.RegisterParties(actor=mediator, parties=parties, sealed=BEFORE)
    events = play.give(first)
    later = first.model_copy(update={"sealed": AFTER})
    changes = [
        Change(case_id, first, play.state, 2, events, [], at),
        Change(case_id, ERASED, play.state, 2, [], [], at),
        Change(case_id, later, play.state, 3, events, [], at),
    ]
    async with session(mediation_url) as connection:
        await projecting(play.decider.desk)(connection, changes)
        for table in ("paper", "paper_key"):
            rows = await connection.fetch(f"SELECT record_id FROM mediation.{table}")
            assert [row[0].int for row in rows] == [2]
