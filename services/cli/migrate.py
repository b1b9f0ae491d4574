"""`migrate`: the tables of the services, brought up to date. To be run before the services of a new version."""

import asyncio
from pathlib import Path

import click

from chassis.migrate import CHASSIS, upgrade
from services.cli.local import PORT_OFFSETS, LocalRun, local_options


@click.command()
@click.argument("services", nargs=-1, type=click.Choice(list(PORT_OFFSETS)), metavar="[SERVICE]...")
@local_options
def migrate(services: tuple[str, ...], run_dir: Path, port_base: int) -> None:
    """Bring the tables of each SERVICE (all by default) up to date, and those that they share.

    The database is the one that CASELADDER_DATABASE_URL names; where each service has a database of its own, name
    the one service that it belongs to. Safe to repeat and to run from several machines at once: one waits for the
    other.
    """
    url = LocalRun(run_dir, port_base).database_url()
    try:
        asyncio.run(_upgrade_all(url, services or tuple(PORT_OFFSETS)))
    except OSError as error:
        raise click.ClickException(f"the database does not answer: {error}") from None


async def _upgrade_all(url: str, services: tuple[str, ...]) -> None:
    for component in (CHASSIS, *services):
        await upgrade(url, component)
        click.echo(f"{component}: up to date")
