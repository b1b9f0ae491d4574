"""Puts the router together and runs it. Nothing connects before `run`."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI

from chassis.calendar import WorkingCalendar
from chassis.host import Host, Worker
from chassis.http import serve
from chassis.service import Service
from chassis.settings import Settings
from reference.load import load
from reference.matcher import Matcher
from services.departments import topics_to, units_with_topics
from services.router.api import Office, add_routes, reply_desk
from services.router.api.reply_records import reply_topic
from services.router.domain import CONSUMED, Router, WorkOrder
from services.router.policy.loader import load_policy
from services.router.projection import project

POLICY: Final = "policy"
"""The folder of the decision tables within a jurisdiction's."""
_DESCRIPTION: Final = (
    "Sends each case to the lowest unit that can lawfully settle it, keeps its deadlines, and lifts it a rung only "
    "for a stated ground with evidence."
)


def run(settings: Settings) -> None:
    """Serve until SIGTERM; requests in flight and the batch in hand are finished first."""
    _, app = build(settings)
    serve(app, settings)


def build(settings: Settings) -> tuple[Host[WorkOrder], FastAPI]:
    """Make the service and its app from the settings.

    Raises ReferenceInvalid for a jurisdiction or a policy with faults.
    """
    jurisdiction = load(settings.reference)
    policy = load_policy(settings.reference / POLICY, jurisdiction)
    decider = Router(jurisdiction, policy, Matcher(jurisdiction), WorkingCalendar(jurisdiction.calendar))
    consumed = {event.type: event for event in CONSUMED}
    units = units_with_topics(jurisdiction)
    host = Host(settings, Service(decider, consumed, project, topics=topics_to(units)))
    app = host.create_app("Caseladder router", _DESCRIPTION)
    office = Office(host, decider, jurisdiction, policy, decider.accused, decider.accuses_an_office)
    add_routes(app, office)
    if settings.transport == "kafka":
        host.add_worker(_inbox(settings, office, units))
    return host, app


def _inbox(settings: Settings, office: Office, units: Sequence[str]) -> Worker:
    """What reads the replies of departments."""
    # imported here: an embedded run has no use for a Kafka client's memory
    from chassis.kafka.connection import KafkaConnection  # noqa: PLC0415
    from chassis.kafka.inbox import Inbox  # noqa: PLC0415

    return Inbox(
        KafkaConnection.of(settings),
        settings.database_url.get_secret_value(),
        office.host.service.name,
        [reply_topic(unit) for unit in units],
        reply_desk(office).settle,
        office.host.metrics,
        office.host.telemetry,
    )
