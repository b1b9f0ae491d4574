"""`ledger check`: which cases were not reported back to both sides, resident and unit (R-LEDGER-01)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from chassis.calendar import SHANGHAI
from services.cli.client import Client, print_table
from services.cli.local import LocalRun, local_options
from services.intake.ledger import MOST_DAYS, REASONS

_HEAD: Final = ("case", "received", "status", "what is missing")
_WINDOW: Final = timedelta(days=31)


@click.group()
def ledger() -> None:
    """Look after the concerns ledger."""


@ledger.command()
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help=f"Cases taken in from this day on.  [default: {MOST_DAYS} days ago]",
)
@click.option(
    "--grace",
    default=60,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Minutes to route a case in.",
)
@local_options
def check(since: datetime | None, grace: int, run_dir: Path, port_base: int) -> None:
    """List the cases of which resident or unit was not told, or not told why nothing was done; status 1 if any.

    Asks the running intake. Cases in which a unit is complained of, and sealed ones, are counted and not shown.
    """
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    first = since.date() if since else today - timedelta(days=MOST_DAYS)
    entries: list[Mapping[str, Any]] = []
    withheld = 0
    with Client(LocalRun(run_dir, port_base), "intake") as intake:
        for begin, end in _windows(first, today):
            found, hidden = _window(intake, begin, end, grace)
            entries += found
            withheld += hidden
    if not entries and not withheld:
        click.echo("Every case was reported back to both sides.")
        return
    print_table(_HEAD, [_row(entry) for entry in entries], "None that you may see.")
    if withheld:
        click.echo(f"{withheld} more are for the units that may see them: GET /v1/ledger?unreported=true")
    total = len(entries) + withheld
    raise click.ClickException(f"{total} cases since {first} were not reported back to both sides")


def _windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The period in parts that one request looks through quickly."""
    while first <= last:
        end = min(first + _WINDOW - timedelta(days=1), last)
        yield first, end
        first = end + timedelta(days=1)


def _window(intake: Client, first: date, last: date, grace: int) -> tuple[list[Mapping[str, Any]], int]:
    asked: dict[str, Any] = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "unreported": True,
        "grace": grace,
        "limit": 200,
    }
    page = intake.ask("GET", "/v1/ledger", params=asked)
    entries, withheld = list(page["items"]), int(page["withheld"])
    while page["next"] is not None:
        page = intake.ask("GET", "/v1/ledger", params={**asked, "cursor": page["next"]})
        entries += page["items"]
    return entries, withheld


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    at = datetime.fromisoformat(entry["received_at"]).astimezone(SHANGHAI)
    missing = "; ".join(REASONS[code] for code in entry["missing"])
    return entry["case_id"], f"{at:%Y-%m-%d %H:%M}", entry["status"], missing
