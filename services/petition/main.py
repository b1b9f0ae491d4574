"""Puts petition together and runs it. Nothing connects before `run`."""

from typing import Final

from fastapi import FastAPI

from chassis.calendar import WorkingCalendar
from chassis.host import Host
from chassis.http import serve
from chassis.runner import UNHURRIED
from chassis.service import Service
from chassis.settings import Settings
from chassis.vault import Vault
from reference.load import load
from services.petition.api import Office, add_routes
from services.petition.domain import CONSUMED, Petition, PetitionDecider, may_begin
from services.petition.earlier import enrich
from services.petition.projection import project
from services.petition.settings import load_offices

_DESCRIPTION: Final = (
    "Petitions (信访): registration, forwarding, acceptance, opinion, execution, review and re-review, each in its "
    "time, with the documents that the petitioner gets."
)


def run(settings: Settings) -> None:
    """Serve until SIGTERM; requests in flight and the batch in hand are finished first."""
    _, app = build(settings)
    serve(app, settings)


def build(settings: Settings) -> tuple[Host[Petition], FastAPI]:
    """Make the service and its app from the settings.

    Raises SettingsError for a missing key and ReferenceInvalid for a jurisdiction with faults.
    """
    vault = Vault([settings.vault_key()])
    jurisdiction = load(settings.reference)
    offices = load_offices(settings.reference, jurisdiction)
    decider = PetitionDecider(jurisdiction, offices, WorkingCalendar(jurisdiction.calendar))
    catalogue = {event.type: event for event in CONSUMED}
    service = Service(decider, catalogue, project, enrich, may_begin=may_begin)
    host = Host(settings, service, policy=UNHURRIED)
    app = host.create_app("Caseladder petition", _DESCRIPTION)
    add_routes(app, Office(host, decider, jurisdiction, offices, vault))
    return host, app
