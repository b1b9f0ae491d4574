"""`migrate`: the tables of every service, brought up to date. To be run before the services of a new version."""

import asyncio
from pathlib import Path

import click

from chassis.migrate import CHASSIS, upgrade
from services.cli.local import PORT_OFFSETS, LocalRun, local_options


@click.command()
@local_options
def migrate(run_dir: Path, port_base: int) -> None:
    """Bring the tables of all services up to date, in the database that CASELADDER_DATABASE_URL names.

    Safe to repeat and to run from several machines at once: one waits for the other.
    """
    url = LocalRun(run_dir, port_base).database_url()
    try:
        asyncio.run(_upgrade_all(url))
    except OSError as error:
        raise click.ClickException(f"the database does not answer: {error}") from None


async def _upgrade_all(url: str) -> None:
    for component in (CHASSIS, *PORT_OFFSETS):
        await upgrade(url, component)
        click.echo(f"{component}: up to date")
