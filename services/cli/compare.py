"""`log compare`: whether each service has applied what the others' event logs hold, and the topics hold it, too."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from chassis.applied import Account, Begins, Shortage, account, passed_over, shortage
from chassis.database import Connection, session
from schemas.catalogue import EVENTS
from services.cli.local import LocalRun, hush_client, local_options

# service -> its decider's class, which says what it consumes; imported when it is asked. notify keeps no state of a
# case that could be compared: its position in the stream is all that says what it has heard.
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
    """Compare the event logs with what was applied, from the databases alone. Status 1 if anything is missing.

    The logs themselves are counted, too: an event that is not there cannot be published again.
    """
    local = LocalRun(run_dir, port_base)
    hush_client()
    try:
        missing = asyncio.run(_compare(local, grace, topics))
    except BrokenPipeError:
        raise  # whoever read what is printed has seen enough: click ends quietly
    except OSError as error:
        raise click.ClickException(
            f"a database or Kafka does not answer ({error}): is the system running?"
        ) from None
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
        for service in (name for name in databases if name in _DECIDERS):
            late = datetime.now(UTC) - timedelta(seconds=grace)
            own = opened[databases[service]]
            logs = list(opened.values())
            found = await account(service, consumes(service), own, logs, late, begins(service))
            _show(found)
            missing += found.counts["missing"]
        for url, log in opened.items():
            names = [name for name in databases if databases[name] == url]
            short = await shortage(log, names, [name for name in names if name in _DECIDERS])
            _show_shortage(", ".join(names), short)
            behind, examples = await passed_over(log, names)
            if behind:
                click.echo(
                    f"{behind} events stand behind later ones of their case in the event log of {', '.join(names)}"
                )
            _name(examples)
            missing += short.events + behind
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
        older = f"; {found.older} older ones not looked at" if found.older else ""
        click.echo(
            f"{topic:32} {found.records:9} records, {found.expected} expected, {found.missing} missing{older}"
        )
        _name(found.examples)
        missing += found.missing
    return missing


def consumes(service: str) -> frozenset[str]:
    """Return the event types that a service consumes."""
    types: frozenset[str] = _decider(service).consumes
    return types


def begins(service: str) -> Begins | None:
    """Return what tells by which events a service takes up a case; None where it takes up all."""
    of_event = getattr(_decider(service), "begins", None)
    return (
        (lambda type_, data: of_event(EVENTS[type_].model_validate_json(data)))
        if of_event is not None
        else None
    )


def _decider(service: str) -> Any:
    module, _, name = _DECIDERS[service].partition(":")
    return getattr(import_module(module), name)


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


def _show_shortage(services: str, found: Shortage) -> None:
    if found.cases:
        click.echo(f"{found.events} events lack in the event log of {services}, in {found.cases} cases")
    for case, events in found.examples:
        click.echo(f"  lacks {events}: {case}")


def _name(events: list[str]) -> None:
    for event in events:
        click.echo(f"  missing: {event}")
