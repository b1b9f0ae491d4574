"""Puts notify together and runs it. Nothing connects before `run`."""

from typing import Final

import httpx
from fastapi import FastAPI

from chassis.host import Host
from chassis.http import serve
from chassis.runner import UNHURRIED, RunnerPolicy
from chassis.service import Service
from reference.load import load
from services.notify.api import Office, add_routes
from services.notify.composing import Composer
from services.notify.contacts import ASK_S, IntakeContacts
from services.notify.dispatcher import Dispatcher
from services.notify.domain import Channel, NoState, NotifyDecider, Planner
from services.notify.projection import catalogue, may_begin, projecting
from services.notify.settings import NotifySettings
from services.notify.table import load_notices
from services.notify.wiring import providers_client, senders, tokens

SETTINGS = NotifySettings
_DESCRIPTION: Final = (
    "Tells residents and units what becomes of a case: who is told what, when and by which way is data "
    "(notices.yaml); each message goes out at least once, under one id, and in order."
)


def run(settings: NotifySettings) -> None:
    """Serve until SIGTERM; requests in flight, the batch and the messages in hand are finished first."""
    _, app = build(settings)
    serve(app, settings)


def build(
    settings: NotifySettings,
    policy: RunnerPolicy | None = None,
    to_intake: httpx.AsyncClient | None = None,
) -> tuple[Host[NoState], FastAPI]:
    """Make the service and its app from the settings; `policy` tunes the runner, `to_intake` asks intake.

    Raises SettingsError for a provider named by halves and ReferenceInvalid for a jurisdiction with faults.
    """
    settings.demand()
    jurisdiction = load(settings.reference)
    settings.demand_units(jurisdiction.units)
    table = load_notices(settings.reference, jurisdiction)
    composer = Composer(table, jurisdiction, settings.public_url)
    events = catalogue(table.notices)
    # The senders are made before the host has its pool, and by then the host knows which channels there are.
    outside, inside = providers_client(), to_intake or httpx.AsyncClient(timeout=ASK_S)
    named = senders(settings, outside, lambda: host.pool, lambda: host.clock())  # noqa: PLW0108  no host yet
    planner = Planner(table.notices, {*named, Channel.INBOX}, settings.webhooks)
    service = Service(NotifyDecider(events), events, projecting(planner, jurisdiction), may_begin=may_begin)
    host = Host(settings, service, policy=policy or UNHURRIED)
    contacts = IntakeContacts(inside, settings.intake_url, tokens(settings, inside, host.clock))
    host.add_worker(
        Dispatcher(
            table.notices,
            composer,
            named,
            contacts,
            lambda: host.pool,
            host.clock,
            metrics=host.metrics,
            telemetry=host.telemetry,
        )
    )
    app = host.create_app("Caseladder notify", _DESCRIPTION)
    add_routes(app, Office(host, settings, jurisdiction, composer, contacts))
    return host, app
