"""`parked`: the events that a service could not apply, and what to do about them, through the service's own API.

The service itself must do it, with its rules of now: so it has to be running. Who did it is the user of this
machine.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click

from chassis.calendar import SHANGHAI
from services.cli.client import Client, print_table
from services.cli.local import PORT_OFFSETS, LocalRun, local_options

_CASES: Final = ("service", "case", "events", "since", "first", "reason")
_STORY: Final = ("event", "type", "since", "waits", "reason")


@click.group()
def parked() -> None:
    """Events that a service could not apply: show them, apply them again in order, or give one up."""


def _service(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    shown = "Whose parked events." + ("" if required else "  [default: all services']")
    return click.option("--service", required=required, type=click.Choice(list(PORT_OFFSETS)), help=shown)


@parked.command("list")
@_service(required=False)
@local_options
def list_cases(service: str | None, run_dir: Path, port_base: int) -> None:
    """List the cases with parked events, the longest waiting first, each with the event that blocks it."""
    rows: list[Sequence[str]] = []
    for name in [service] if service else PORT_OFFSETS:
        with _Desk(LocalRun(run_dir, port_base), name) as desk:
            rows += [_case(name, item) for item in desk.cases()]
    print_table(_CASES, rows, "Nothing is parked.")


@parked.command()
@click.argument("case", type=click.UUID)
@_service(required=True)
@click.option("--data", is_flag=True, help="The events themselves, too: a resident's words may be in them.")
@local_options
def show(case: UUID, service: str, data: bool, run_dir: Path, port_base: int) -> None:
    """Show the parked events of a case in the order in which they must be applied."""
    with _Desk(LocalRun(run_dir, port_base), service) as desk:
        story = desk.ask("GET", f"/{case}", params={"data": data})
    print_table(_STORY, [_event(event) for event in story["events"]], "")
    for event in story["events"] if data else ():
        click.echo(f"\n{event['event']}\n{event['data']}")


@parked.command()
@click.argument("case", type=click.UUID)
@_service(required=True)
@click.option("--reason", help="Why now; it is kept and told. No personal data.")
@local_options
def retry(case: UUID, service: str, reason: str | None, run_dir: Path, port_base: int) -> None:
    """Apply the parked events of a case again, in order. Exit status 1 where one fails: it and the rest wait on."""
    with _Desk(LocalRun(run_dir, port_base), service) as desk:
        _report(desk.ask("POST", f"/{case}/retry", json={"reason": reason}))


@parked.command()
@click.argument("case", type=click.UUID)
@click.argument("event", metavar="EVENT")
@_service(required=True)
@click.option("--reason", required=True, help="Why; it is kept and told. No personal data.")
@click.option("--all", "all_", is_flag=True, help="Give up all that is parked behind it, too.")
@local_options
def discard(
    case: UUID, event: str, service: str, reason: str, all_: bool, run_dir: Path, port_base: int
) -> None:
    """Give up the first parked event of a case for good, and apply those behind it.

    EVENT is its source and sequence as `show` prints them, such as intake/2. Exit status 1 where one behind it
    fails.
    """
    with _Desk(LocalRun(run_dir, port_base), service) as desk:
        body = {"event": event, "reason": reason, "all": all_}
        _report(desk.ask("POST", f"/{case}/discard", json=body))


class _Desk(Client):
    """The parked events of a running service."""

    def cases(self) -> Iterator[Mapping[str, Any]]:
        """All cases with parked events, page after page."""
        cursor: int | None = 0
        while cursor is not None:
            page = self.ask("GET", "", params={"cursor": cursor, "limit": 200})
            yield from page["items"]
            cursor = page["next"]

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Send one request below /v1/parked."""
        return super().ask(method, f"/v1/parked{path}", **more)


def _report(done: Mapping[str, Any]) -> None:
    """Say what became of the events; exit with 1 where one failed."""
    for event in done["settled"]:
        click.echo(f"{event['event']}  {event['type']}  {event['resolution']}")
    failed = done["failed"]
    if failed is None:
        click.echo("Nothing of this case is parked any more.")
        return
    raise click.ClickException(
        f"{failed['event']} ({failed['type']}) cannot be applied: {failed['reason']}. "
        f"Events still parked: {done['waiting']}."
    )


def _case(service: str, item: Mapping[str, Any]) -> Sequence[str]:
    first = item["first"]
    return (service, item["case_id"], str(item["events"]), _when(first), first["event"], first["reason"])


def _event(event: Mapping[str, Any]) -> Sequence[str]:
    return (
        event["event"],
        event["type"],
        _when(event),
        "behind" if event["behind"] else "itself",
        event["reason"],
    )


def _when(event: Mapping[str, Any]) -> str:
    return f"{datetime.fromisoformat(event['since']).astimezone(SHANGHAI):%m-%d %H:%M:%S}"
