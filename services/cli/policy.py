"""`policy check`: the validation that a service does at load, for whoever edits a jurisdiction's files."""

from pathlib import Path

import click
from reference.load import check as check_jurisdiction

from services.cli.local import GULOU


@click.group()
def policy() -> None:
    """Work on a jurisdiction's files."""


@policy.command()
@click.argument(
    "path", default=GULOU, type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
def check(path: Path) -> None:
    """Validate the jurisdiction in PATH (Gulou by default); each problem is told with file and line."""
    problems = check_jurisdiction(path)
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        raise click.ClickException(f"{path}: {len(problems)} to mend")
    click.echo(f"{path}: in order")
