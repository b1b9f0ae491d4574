"""`log compare`: whether each service has applied what the others' event logs hold, and the topics hold it, too."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click

from chassis.applied import Account, Silence, account
from chassis.calendar import WorkingCalendar
from chassis.database import Connection, session
from chassis.decider import Decider
from schemas.message import Event
from services.cli.local import LocalRun, hush_client, local_options

# service -> its decider's class, which says what it consumes; imported when it is asked
_DECIDERS: Final = {
    "intake": "services.intake.domain:Intake",
    "router": "services.router.domain.router:Router",
    "mediation": "services.mediation.domain:MediationDecider",
    "petition": "services.petition.domain:PetitionDecider",
}


@click.command("compare")
@click.option(
    "--grace",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that an event may wait to be applied before it counts as missing.",
)
@click.option("--topics", is_flag=True, help="Also read the topics on Kafka and compare them with the logs.")
@local_options
def command(grace: float, topics: bool, run_dir: Path, port_base: int) -> None:
    """Compare the event logs with what was applied, from the databases alone. Status 1 if anything is missing."""
    local = LocalRun(run_dir, port_base)
    hush_client()
    try:
        missing = asyncio.run(_compare(local, grace, topics))
    except OSError as error:
        raise click.ClickException(f"a database or Kafka does not answer ({error})") from None
    if missing:
        raise click.ClickException(
            f"{missing} events are missing (docs/how-to/recover-from-a-lost-broker.md)"
        )


async def _compare(local: LocalRun, grace: float, topics: bool) -> int:
    databases = local.databases()
    async with AsyncExitStack() as stack:
        opened = {
            url: await stack.enter_async_context(session(url)) for url in sorted(set(databases.values()))
        }
        missing = 0
        for service in databases:
            late = datetime.now(UTC) - timedelta(seconds=grace)
            own = opened[databases[service]]
            silence = silent(service, local.reference)
            found = await account(service, consumes(service), own, list(opened.values()), late, silence)
            _show(found)
            missing += found.counts["missing"]
        if topics:
            missing += await _compare_topics(local, {name: opened[url] for name, url in databases.items()})
    return missing


async def _compare_topics(local: LocalRun, logs: Mapping[str, Connection]) -> int:
    # imported here: without --topics there is no use for a Kafka client
    from chassis.kafka.compare import compare, published_topics  # noqa: PLC0415
    from chassis.kafka.connection import UNREACHABLE, KafkaConnection, explain  # noqa: PLC0415
    from services.cli.topics import TOPICS, wanted_topics  # noqa: PLC0415

    connection = KafkaConnection.of(local.kafka())
    wanted = {topic.name for topic in wanted_topics(local, TOPICS)}
    there = {topic for service, log in logs.items() for topic in await published_topics(service, log)}
    missing = 0
    for topic in sorted(wanted & there):
        try:
            found = await compare(connection, topic, list(logs.items()))
        except UNREACHABLE as error:
            raise click.ClickException(f"{topic}: {explain(error)}") from None
        click.echo(
            f"{topic:32} {found.records:9} records, {found.expected} expected, {found.missing} missing"
        )
        _name(found.examples)
        missing += found.missing
    return missing


def consumes(service: str) -> frozenset[str]:
    """Return the event types that a service consumes."""
    module, _, name = _DECIDERS[service].partition(":")
    types: frozenset[str] = getattr(import_module(module), name).consumes
    return types


def silent(service: str, reference: Path) -> Silence:
    """Return which events a service passes over without a row: none, unless it says nothing of most cases."""
    if service not in _QUIET:
        return lambda _type, _data: False
    decider, consumed = _QUIET[service](reference)
    unknown, at = decider.initial(UUID(int=0)), datetime.now(UTC)

    def is_silent(type_: str, data: str) -> bool:
        return not decider.decide(unknown, consumed[type_].model_validate_json(data), at)

    return is_silent


Quiet = tuple[Decider[Any], dict[str, type[Event]]]


def _mediation(reference: Path) -> Quiet:
    from reference.load import load  # noqa: PLC0415  slow to import
    from reference.mediation import load_mediation  # noqa: PLC0415
    from services.mediation.domain import CONSUMED, MediationDecider  # noqa: PLC0415

    jurisdiction = load(reference)
    calendar = WorkingCalendar(jurisdiction.calendar)
    decider = MediationDecider(jurisdiction, load_mediation(reference, jurisdiction), calendar)
    return decider, {event.type: event for event in CONSUMED}


def _petition(reference: Path) -> Quiet:
    from reference.load import load  # noqa: PLC0415  slow to import
    from services.petition.domain import CONSUMED, PetitionDecider  # noqa: PLC0415
    from services.petition.settings import load_offices  # noqa: PLC0415

    jurisdiction = load(reference)
    calendar = WorkingCalendar(jurisdiction.calendar)
    decider = PetitionDecider(jurisdiction, load_offices(reference, jurisdiction), calendar)
    return decider, {event.type: event for event in CONSUMED}


_QUIET: Final[Mapping[str, Callable[[Path], Quiet]]] = {"mediation": _mediation, "petition": _petition}


def _show(found: Account) -> None:
    counts = found.counts
    click.echo(
        f"{found.consumer:10} {counts['applied']:9} applied, {counts['waiting']} waiting, "
        f"{counts['parked']} parked, {counts['missing']} missing"
    )
    if found.foreign:
        click.echo(
            f"{'':10} {found.foreign:9} parked records are no events of ours (`parked list` names their places)"
        )
    _name(found.missing)


def _name(events: list[str]) -> None:
    for event in events:
        click.echo(f"  missing: {event}")
