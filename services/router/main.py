"""Puts the router together and runs it. Nothing connects before `run`."""

from typing import Final

from fastapi import FastAPI

from chassis.calendar import WorkingCalendar
from chassis.host import Host
from chassis.http import serve
from chassis.service import Service
from chassis.settings import Settings
from reference.load import load
from reference.matcher import Matcher
from schemas.intake import EVENTS
from services.departments import units_with_topics
from services.router.api import Office, add_routes
from services.router.domain import Router, WorkOrder
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
    consumed = {event.type: event for event in EVENTS if event.type in decider.consumes}
    topics = frozenset(f"dept.{code}.assigned" for code in units_with_topics(jurisdiction))
    host = Host(settings, Service(decider, consumed, project, topics=topics))
    app = host.create_app("Caseladder router", _DESCRIPTION)
    add_routes(app, Office(host, decider, jurisdiction, policy))
    return host, app
