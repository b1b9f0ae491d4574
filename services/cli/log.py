"""`log`: the events of all services in commit order, one line each, as `tail` shows a file.

By default no word that a resident or an official wrote is shown: only codes, numbers, instants and yes or no.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import ClassVar, Final
from uuid import UUID

import click
import orjson

from chassis.calendar import SHANGHAI
from chassis.cloudevents import structured
from chassis.database import Connection, Pool, open_pool
from chassis.log import Position
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS
from services.cli import LazyGroup
from services.cli.event_types import EventType
from services.cli.local import LocalRun, local_options

TAIL: Final = 20
_PAGE: Final = 1000
_IDLE_S: Final = 0.2
_LAST_POSITION: Final = 2**63 - 1

# Fields that hold codes, numbers or yes and no, in the order shown; every other field may hold free text.
_SHOWN: Final = (
    "channel",
    "kind",
    "unit",
    "procedure",
    "stage",
    "entered",
    "lead",
    "role",
    "street",
    "rung",
    "number",
    "assignment",
    "mode",
    "matter",
    "track",
    "urgency",
    "grid",
    "place",
    "taken_from",
    "line",
    "exit",
    "judged",
    "ground",
    "outcome",
    "term",
    "breaches",
    "attempt",
    "days",
    "to",
    "upheld",
    "granted",
    "solved",
    "contacted",
    "resolved",
    "satisfied",
    "locked",
    "sealed",
    "confidential",
    "deemed",
    "lapsed",
    "late",
    "done",
    "service",
    "source",
    "sequence",
    "event_type",
    "behind",
    "resolution",
    "origin",
    "party",
    "agrees",
    "committee",
    "mediator",
    "written",
    "partial",
    "breached",
    "confirmed",
    "due",
    "sign_by",
    "handle_by",
)
# `reason` is a code in these types and free text in the others.
_CODED_REASONS: Final = (
    "router.TriageQueued.",
    "router.CallbackOpened.",
    "router.DepartmentAssignmentEnded.",
    "mediation.MediationTerminated.",
)
_COLOURS: Final = {
    "intake": "cyan",
    "router": "green",
    "mediation": "magenta",
    "petition": "yellow",
    "notify": "blue",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to show; None shows all."""

    topic: str | None
    case: UUID | None
    type: str | None


_FILTER: Final = (
    "($1::text IS NULL OR topic = $1) AND ($2::uuid IS NULL OR case_id = $2)"
    " AND ($3::text IS NULL OR type = $3 OR split_part(type, '.', 2) = $3)"
)
_ROWS: Final = (
    "SELECT source, case_id, sequence, type, time, topic, traceparent, data::text, xid::text, position"
    f" FROM chassis.event_log WHERE {_FILTER} AND xid < $4::text::xid8"
)
_TAIL: Final = f"{_ROWS} ORDER BY event_log.xid DESC, position DESC LIMIT $5"
_AFTER: Final = (
    f"{_ROWS} AND (xid, position) > ($6::text::xid8, $7::bigint) ORDER BY event_log.xid, position LIMIT $5"
)


class _LogGroup(LazyGroup):
    """`log` alone reads; these do more."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "republish": ("services.cli.republish:command", "Make lost topics anew from the event logs."),
        "compare": ("services.cli.compare:command", "Check that what stands in the logs was applied."),
    }


@click.group(cls=_LogGroup, invoke_without_command=True)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--case", type=click.UUID, help="Only this case, from all topics unless --topic names one.")
@click.option("--type", "type_", type=EventType(), help="Only CaseDispatched, or router.CaseDispatched.v1.")
@click.option("--topic", help=f"Only this topic, such as dept.GL0101.assigned.  [default: {CASE_EVENTS}]")
@click.option(
    "--limit", "-n", type=click.IntRange(0), help=f"Show the last N.  [default: {TAIL}; a case: all]"
)
@click.option(
    "--json", "as_json", is_flag=True, help="The whole CloudEvent as a line of JSON, free text too."
)
@local_options
@click.pass_context
def log(
    context: click.Context,
    follow: bool,
    case: UUID | None,
    type_: str | None,
    topic: str | None,
    limit: int | None,
    as_json: bool,
    run_dir: Path,
    port_base: int,
) -> None:
    """Read events as they happen, or as they happened, in the order in which they were committed."""
    if context.invoked_subcommand is not None:
        return
    wanted = Wanted(topic or (None if case else CASE_EVENTS), case, type_)
    count = limit if limit is not None else (_LAST_POSITION if case else TAIL)
    urls = list(dict.fromkeys(LocalRun(run_dir, port_base).databases().values()))
    show = whole if as_json else line
    try:
        asyncio.run(_print(urls, wanted, count, follow, show))
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        raise  # whoever read what is printed has seen enough: click ends quietly
    except OSError as error:
        raise click.ClickException(f"the database does not answer ({error}): is `make up` running?") from None


async def _print(
    urls: Sequence[str], wanted: Wanted, count: int, follow: bool, show: Callable[[Envelope], str]
) -> None:
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(_open(url)) for url in urls]
        async for event in _events([_Log(pool, wanted) for pool in pools], count, follow):
            click.echo(show(event))  # click leaves the colours out where the output is no terminal


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url, size=1)
    try:
        yield pool
    finally:
        await pool.close()


async def _events(logs: Sequence["_Log"], count: int, follow: bool) -> AsyncIterator[Envelope]:
    """The last `count` events and then, if following, each as it is committed.

    On Kafka each service has a log of its own; those are merged by the events' times.
    """
    tails = [await log.tail(count) for log in logs]
    merged = list(merge(*tails, key=attrgetter("time")))
    for event in merged[len(merged) - min(count, len(merged)) :]:
        yield event
    while follow:
        found = [await log.more() for log in logs]
        for event in merge(*found, key=attrgetter("time")):
            yield event
        if not any(found):
            await asyncio.sleep(_IDLE_S)


class _Log:
    """One event log, read on from where it was read last."""

    def __init__(self, pool: Pool, wanted: Wanted) -> None:
        self._pool = pool
        self._wanted = (wanted.topic, wanted.case, wanted.type)
        self._after = _before("1")

    async def tail(self, count: int) -> list[Envelope]:
        """Return the last events, oldest first."""
        async with self._pool.acquire() as connection:
            settled = await _settled(connection)
            rows = await connection.fetch(_TAIL, *self._wanted, settled, count)
        self._after = _before(settled)
        return [Envelope(*row[:8]) for row in reversed(rows)]

    async def more(self) -> list[Envelope]:
        """Return the next page of what was committed since."""
        async with self._pool.acquire() as connection:
            settled = await _settled(connection)
            rows = await connection.fetch(
                _AFTER, *self._wanted, settled, _PAGE, self._after.xid, self._after.position
            )
        self._after = Position(rows[-1][8], rows[-1][9]) if len(rows) == _PAGE else _before(settled)
        return [Envelope(*row[:8]) for row in rows]


async def _settled(connection: Connection) -> str:
    """The transaction id below which nothing can appear any more: commit order is fixed up to there."""
    return str(await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))


def _before(settled: str) -> Position:
    return Position(str(int(settled) - 1), _LAST_POSITION)


def whole(event: Envelope) -> str:
    """The CloudEvent in its JSON format, on one line; `data` holds free text."""
    return structured(event).decode()


def line(event: Envelope) -> str:
    """One event for people: time in Asia/Shanghai, type, case, sequence, and its codes.

    The id stands there whole: it begins with the time, so that all cases of a minute begin alike.
    """
    service, _, name = event.type.partition(".")
    kind = click.style(f"{service}.{name.split('.')[0]}".ljust(34), fg=_COLOURS.get(service))
    head = f"{event.time.astimezone(SHANGHAI):%m-%d %H:%M:%S.%f}"[:-3]
    case = click.style(str(event.case_id), dim=True)
    return f"{head}  {kind} {case} {event.sequence:>3}  {summary(event)}".rstrip()


def summary(event: Envelope) -> str:
    """The fields of an event that cannot hold free text, as `name=value`."""
    data = orjson.loads(event.data)
    coded = event.type.startswith(_CODED_REASONS)
    names = (*_SHOWN, "reason") if coded else _SHOWN
    shown = [f"{name}={_short(data[name])}" for name in names if data.get(name) is not None]
    by = data.get("by")
    return " ".join([*shown, f"by={by['role']}@{by.get('unit', '-')}"] if isinstance(by, dict) else shown)


def _short(value: object) -> str:
    """A value in a few characters: an object by its code, an instant in local time."""
    if isinstance(value, dict):
        value = value.get("code") or value.get("grid") or value.get("source") or "…"
    if isinstance(value, str) and len(value) > 18 and value[4:5] == "-" and "T" in value:
        return f"{datetime.fromisoformat(value).astimezone(SHANGHAI):%m-%dT%H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
