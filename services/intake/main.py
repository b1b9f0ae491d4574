"""Puts intake together and runs it. Nothing connects before `run`."""

import os
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI

from chassis.host import Host
from chassis.http import serve
from chassis.runner import UNHURRIED, RunnerPolicy
from chassis.service import Service
from chassis.settings import Settings
from chassis.vault import Vault
from reference.areas import GridIndex
from reference.gazetteer import Gazetteer
from reference.knowledge import load_knowledge
from reference.load import load
from reference.matcher import Matcher, Triage
from reference.open311 import load_open311
from schemas.jurisdiction import Jurisdiction
from services.intake import batch
from services.intake.abandoned import Abandoned
from services.intake.api import add_routes
from services.intake.attachments import routes as attachments
from services.intake.channels import configured
from services.intake.channels.channel import ChannelAdapter
from services.intake.channels.reception import Reception
from services.intake.check import Surroundings
from services.intake.desk import Desk
from services.intake.domain import PROGRESS, Intake, IntakeState
from services.intake.knowledge.api import add_knowledge_routes
from services.intake.knowledge.seeding import Seeding
from services.intake.listing import PublicList
from services.intake.repeats import Repeats
from services.intake.similar.api import add_similar_routes
from services.intake.similar.spots import Spots
from services.intake.storage import Projection

_DESCRIPTION: Final = (
    "Takes residents' cases in by any channel, protects who they are, and tells them every step."
)


def run(settings: Settings) -> None:
    """Serve until SIGTERM; requests in flight and the batch in hand are finished first."""
    _, app = build(settings, channels=configured(os.environ))
    serve(app, settings)


def build(
    settings: Settings, policy: RunnerPolicy | None = None, channels: Sequence[ChannelAdapter] = ()
) -> tuple[Host[IntakeState], FastAPI]:
    """Make the service and its app from the settings; `policy` tunes the runner.

    Raises SettingsError for a missing key and ReferenceInvalid for a jurisdiction with faults.
    """
    keys = settings.keys()
    jurisdiction = load(settings.reference)
    matcher = Matcher(jurisdiction)
    published = load_open311(settings.reference, jurisdiction).published
    around = Surroundings.of(jurisdiction, GridIndex.load(settings.reference))
    gazetteer = Gazetteer.load(settings.reference)
    desk = Desk(
        around,
        gazetteer,
        matcher,
        Vault([keys.master_key]),
        keys.index_key,
        published,
    )
    host = Host(
        settings,
        service(jurisdiction, matcher, PublicList(published, desk.numbers.of)),
        policy=policy or UNHURRIED,
    )
    limits = {batch.PATH: batch.MAX_BODY_BYTES, **attachments.BODY_LIMITS}
    for channel in channels:
        limits |= channel.body_limits
    app = host.create_app("Caseladder intake", _DESCRIPTION, limits)
    add_routes(app, host, desk)
    add_similar_routes(app, host, Spots(around, gazetteer))
    add_knowledge_routes(app, host, jurisdiction)
    host.add_worker(Seeding(lambda: host.pool, host.clock, load_knowledge(settings.reference, jurisdiction)))
    host.add_worker(Abandoned(host))
    reception = Reception(host, desk)
    for channel in channels:
        channel.add_to(app, host, reception)
    return host, app


def service(
    jurisdiction: Jurisdiction, triage: Triage, public: PublicList | None = None
) -> Service[IntakeState]:
    """Return intake as the chassis runs it; without `public` it keeps no public list."""

    def name(code: str) -> str:
        unit = jurisdiction.units.get(code)
        return unit.name if unit is not None else code

    return Service(
        decider=Intake(),
        catalogue={event.type: event for event in PROGRESS},
        project=Projection(name, public).project,
        enrich=Repeats(triage, jurisdiction).enrich,
    )
