"""`migrate`: the tables of every service, brought up to date. To be run before the services of a new version."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from chassis.migrate import CHASSIS, RELAY, upgrade
from services.cli.local import PORT_OFFSETS, LocalRun, local_options


@click.command()
@click.option(
    "--service", type=click.Choice(list(PORT_OFFSETS)), help="Only this one's, in its own database."
)
@click.option(
    "--transport",
    type=click.Choice(["embedded", "kafka"]),
    envvar="CASELADDER_TRANSPORT",
    help="On kafka, with what the relay needs.  [default: as `up` ran last]",
)
@local_options
def migrate(service: str | None, transport: str | None, run_dir: Path, port_base: int) -> None:
    """Bring the tables of all services up to date, in the database that CASELADDER_DATABASE_URL names.

    Safe to repeat and to run from several machines at once: one waits for the other.
    """
    local = LocalRun(run_dir, port_base)
    run = local.last_run()
    relayed = transport == "kafka" if transport else bool(run and run.kafka)
    wanted = {name: url for name, url in local.databases().items() if service in {None, name}}
    try:
        asyncio.run(upgrade_all(wanted, relayed=relayed, say=click.echo))
    except OSError as error:
        raise click.ClickException(f"the database does not answer: {error}") from None


async def upgrade_all(
    databases: Mapping[str, str], *, relayed: bool, say: Callable[[str], None] = lambda _: None
) -> None:
    """Bring each service's tables up to date in its database, the event log's and the relay's first."""
    common = (CHASSIS, RELAY) if relayed else (CHASSIS,)
    for url in dict.fromkeys(databases.values()):
        for component in (*common, *(name for name, its in databases.items() if its == url)):
            await upgrade(url, component)
            say(f"{component}: up to date")
