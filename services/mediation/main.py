"""Puts mediation together and runs it. Nothing connects before `run`."""

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
from reference.mediation import load_mediation
from services.mediation.api import Office, add_routes
from services.mediation.domain import CONSUMED, Mediation, MediationDecider, may_begin
from services.mediation.projection import projecting

_DESCRIPTION: Final = (
    "调解: a dispute from the application to the performed agreement, or to the notice of other ways. "
    "Free of charge, voluntary at each step, and never in the way of court, arbitration or petition."
)


def run(settings: Settings) -> None:
    """Serve until SIGTERM; requests in flight and the batch in hand are finished first."""
    _, app = build(settings)
    serve(app, settings)


def build(settings: Settings) -> tuple[Host[Mediation], FastAPI]:
    """Make the service and its app from the settings.

    Raises SettingsError for a missing key and ReferenceInvalid for a jurisdiction with faults.
    """
    vault = Vault([settings.vault_key()])
    jurisdiction = load(settings.reference)
    mediators = load_mediation(settings.reference, jurisdiction)
    decider = MediationDecider(jurisdiction, mediators, WorkingCalendar(jurisdiction.calendar))
    consumed = {event.type: event for event in CONSUMED}
    service = Service(decider, consumed, projecting(decider.desk), may_begin=may_begin)
    host = Host(settings, service, policy=UNHURRIED)
    app = host.create_app("Caseladder mediation", _DESCRIPTION)
    add_routes(app, Office(host, decider, jurisdiction, mediators, vault))
    return host, app
