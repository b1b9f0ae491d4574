"""`token`: a bearer token of the embedded run's own issuer. In production an OIDC provider issues them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from services.cli.local import LocalRun, local_options

ROLES = (
    "operator",
    "handler",
    "grid_worker",
    "mediator",
    "petition_officer",
    "supervisor",
    "ops",
    "resident",
    "notifier",
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[timedelta]):
    """A positive number with its unit: 90s, 30m, 12h, 7d."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the text; a value without a unit is refused."""
        found = re.fullmatch(r"([1-9]\d{0,6})([smhd])", str(value))
        if not found:
            self.fail(f"{value!r} is not a duration: write 90s, 30m, 12h or 7d", param, ctx)
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


@click.command()
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="Repeatable.")
@click.option("--unit", help="Code of the unit in whose jurisdiction the bearer acts, such as GL.")
@click.option("--subject", help="Who the bearer is; by default the first role with -1.")
@click.option("--ttl", default="12h", show_default=True, type=Duration(), help="How long it is valid.")
@local_options
def token(
    roles: tuple[str, ...],
    unit: str | None,
    subject: str | None,
    ttl: timedelta,
    run_dir: Path,
    port_base: int,
) -> None:
    """Print a bearer token that the services of this run directory accept."""
    local = LocalRun(run_dir, port_base)
    if unit is not None and not _is_known(unit, local.reference):
        said = f"Warning: {unit} is no unit of this jurisdiction; the services will refuse it. See units.csv."
        click.echo(said, err=True)
    issuer = local.issuer()
    click.echo(issuer.issue(subject or f"{roles[0]}-1", roles, datetime.now(UTC), unit=unit, lifetime=ttl))


def _is_known(unit: str, reference: Path) -> bool:
    """Whether the jurisdiction has the unit; one that cannot be read says so elsewhere."""
    from reference.load import ReferenceInvalid, load  # noqa: PLC0415  a token without a unit needs none of it

    try:
        return unit in load(reference).units
    except ReferenceInvalid:
        return True
