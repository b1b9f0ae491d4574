"""`policy check`: the validation that a service does at load, for whoever edits a jurisdiction's files."""

from pathlib import Path

import click

from reference.knowledge import check_knowledge
from reference.load import load
from reference.mediation import check_mediation
from reference.open311 import check_open311
from reference.source import Finding, ReferenceInvalid
from services.cli.local import GULOU
from services.notify.table import check_notices
from services.petition.settings import check_offices
from services.router.policy.loader import check_policy


def findings(path: Path) -> list[Finding]:
    """All that is wrong with a jurisdiction, its policy tables among it; empty when it can be used."""
    try:
        jurisdiction = load(path)
    except ReferenceInvalid as invalid:
        return invalid.errors
    return [
        *check_mediation(path, jurisdiction),
        *check_open311(path, jurisdiction),
        *check_knowledge(path, jurisdiction),
        *check_offices(path, jurisdiction),
        *check_notices(path, jurisdiction),
        *check_policy(path / "policy", jurisdiction),
    ]


@click.group()
def policy() -> None:
    """Work on a jurisdiction's files."""


@policy.command()
@click.argument(
    "path", default=GULOU, type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
def check(path: Path) -> None:
    """Validate the jurisdiction in PATH (Gulou by default); each problem is told with file and line."""
    problems = findings(path)
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        raise click.ClickException(f"{path}: {len(problems)} to mend")
    click.echo(f"{path}: in order")
