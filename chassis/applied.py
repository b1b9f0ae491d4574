"""Whether a service has applied what it consumes: its aggregates beside the event logs, from the databases alone.

An event is applied when its sequence is not above `seen[source]` of its case: those of one source are applied in
order. A parked one is accounted for; so is one to which a service that does not know its case has nothing to say,
for then it keeps no row. The log is read first and the aggregates after it: what is missing then was not applied at
that moment.

A gap in what was applied does not show in `seen`. One in a log does: as many events must stand there of a case and
source as the highest sequence says, and the aggregate that emitted them knows that number, too.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from chassis.database import Connection, Record
from chassis.kafka.records import UNREADABLE
from chassis.log import Position
from chassis.store import START
from schemas.envelope import event_id
from schemas.message import CASE_EVENTS

State = Literal["applied", "waiting", "parked", "missing"]

PAGE: Final = 20_000
"""Events compared at once; some megabytes."""
EXAMPLES: Final = 10
"""How many missing events are named."""
SCAN_S: Final = 600.0
"""The longest that one page may take, in seconds."""

_PAGE: Final = (
    "SELECT xid::text, position, case_id, source, sequence, time FROM chassis.event_log WHERE topic = $1"
    " AND (xid, position) > ($2::text::xid8, $3::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())"
    " AND type = ANY($4::text[]) ORDER BY event_log.xid, position LIMIT $5"
)
_DATA: Final = (
    "SELECT e.number, l.type, l.data::text FROM"
    " unnest($1::uuid[], $2::text[], $3::bigint[]) WITH ORDINALITY AS e(case_id, source, sequence, number)"
    " JOIN chassis.event_log l USING (case_id, source, sequence)"
)
_TAKEN_UP: Final = (
    "SELECT case_id, time FROM chassis.event_log"
    " WHERE source = $1 AND sequence = 1 AND case_id = ANY($2::uuid[])"
)
_SHORT: Final = (
    "SELECT case_id, source, lacks, count(*) OVER (), sum(lacks) OVER ()::bigint FROM ({}) AS s"
    " WHERE lacks > 0 ORDER BY case_id, source LIMIT $1"
)
_GAPS: Final = _SHORT.format(
    "SELECT case_id, source, max(sequence) - count(*) AS lacks FROM chassis.event_log"
    " WHERE source = ANY($2::text[]) GROUP BY case_id, source"
)
_TAIL: Final = _SHORT.format(
    "SELECT a.case_id, '{service}' AS source, a.version - coalesce((SELECT max(sequence) FROM chassis.event_log l"
    " WHERE l.case_id = a.case_id AND l.source = '{service}'), 0) AS lacks FROM {service}.aggregate AS a"
)
_PASSED_OVER: Final = (
    "SELECT case_id, source, sequence, count(*) OVER () FROM (SELECT case_id, source, sequence, max(sequence) OVER"
    " (PARTITION BY case_id, source ORDER BY xid, position) AS highest FROM chassis.event_log"
    " WHERE source = ANY($2::text[])) AS s WHERE sequence < highest ORDER BY case_id, source, sequence LIMIT $1"
)
Begins = Callable[[str, str], bool]
"""Whether an event, by type and data, makes a service take up a case that it knows nothing of."""
_EVENTS: Final = (
    "unnest($1::uuid[], $2::text[], $3::bigint[]) WITH ORDINALITY AS e(case_id, source, sequence, number)"
)


@dataclass(slots=True)
class Account:
    """What a service has made of the events of the others."""

    consumer: str
    counts: Counter[State] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    """The ids of the first missing events."""
    foreign: int = 0
    """How many parked records are no events of ours; they stand in no log."""


@dataclass(slots=True)
class Shortage:
    """What a log lacks of the events of its cases."""

    cases: int = 0
    """How many stories, each of one case and one source, are not whole."""
    events: int = 0
    examples: list[tuple[str, int]] = field(default_factory=list)
    """The first of them, `<source>/<case>`, with how many events each lacks."""


async def passed_over(log: Connection, services: Collection[str]) -> tuple[int, list[str]]:
    """Count the events of services that stand in a log behind a later one of their case, which readers pass over;
    return the ids of the first, too. Nothing writes so any more (`Overtaken`), but a log may be older than that.
    """
    rows = await log.fetch(_PASSED_OVER, EXAMPLES, list(services), timeout=SCAN_S)
    return (rows[0][3] if rows else 0), [event_id(row[1], row[0], row[2]) for row in rows]


async def shortage(log: Connection, services: Collection[str], keepers: Collection[str]) -> Shortage:
    """Count what is missing in a log itself: a service numbers its events of a case, and what it tells of those
    that it parked, from 1 on, without a gap. Others, such as departments, number by the clock.

    services: whose log it is. keepers: those of them that keep their cases beside it, and know the number of the
    last event of each. The server counts; a list of the first comes back.
    """
    found = Shortage()
    sources = [name for service in services for name in (service, f"{service}.parked")]
    queries = [(_GAPS, [sources]), *((_TAIL.format(service=service), []) for service in keepers)]
    for query, given in queries:
        rows = await log.fetch(query, EXAMPLES, *given, timeout=SCAN_S)
        if rows:
            found.cases += rows[0][3]
            found.events += rows[0][4]
        found.examples += [(f"{row[1]}/{row[0]}", row[2]) for row in rows[: EXAMPLES - len(found.examples)]]
    return found


async def account(
    consumer: str,
    types: Collection[str],
    own: Connection,
    logs: Sequence[Connection],
    late: datetime,
    begins: Begins | None = None,
) -> Account:
    """Compare the events of `types` in the logs with what `consumer` has in its database, `own`.

    late: an unapplied event from before this instant is missing; a newer one waits.
    begins: for a service that takes up few cases; None: it keeps a row of every case.
    """
    found = Account(consumer)
    for log in logs:
        after = Position.parse(START)
        while rows := await log.fetch(
            _PAGE, CASE_EVENTS, after.xid, after.position, list(types), PAGE, timeout=SCAN_S
        ):
            await _compare(found, own, log, rows, late, begins)
            after = Position(rows[-1][0], rows[-1][1])
    found.foreign = await own.fetchval(
        f"SELECT count(*) FROM {consumer}.parked WHERE type = $1 AND resolved_at IS NULL", UNREADABLE
    )
    return found


async def _compare(
    found: Account,
    own: Connection,
    log: Connection,
    rows: Sequence[Record],
    late: datetime,
    begins: Begins | None,
) -> None:
    unapplied = await _which(
        own,
        rows,
        f"SELECT e.number FROM {_EVENTS} LEFT JOIN {found.consumer}.aggregate AS a USING (case_id)"
        " WHERE coalesce((a.seen->>e.source)::bigint, 0) < e.sequence",
    )
    if begins is not None:
        unapplied = await _owed(found.consumer, own, log, unapplied, begins)
    parked = await _which(
        own,
        unapplied,
        f"SELECT e.number FROM {_EVENTS} JOIN {found.consumer}.parked AS p USING (case_id, source, sequence)",
    )
    aside = {_name(row) for row in parked}
    rest = [row for row in unapplied if _name(row) not in aside]
    missing = [row for row in rest if row["time"] < late]
    found.counts["applied"] += len(rows) - len(unapplied)
    found.counts["parked"] += len(parked)
    found.counts["missing"] += len(missing)
    found.counts["waiting"] += len(rest) - len(missing)
    found.missing += [_name(row) for row in missing[: EXAMPLES - len(found.missing)]]


async def _owed(
    consumer: str, own: Connection, log: Connection, rows: Sequence[Record], begins: Begins
) -> list[Record]:
    """Of unapplied events, those by which the service takes a case up, and those that came after it had done so."""
    known = await own.fetch(_TAKEN_UP, consumer, [row["case_id"] for row in rows], timeout=SCAN_S)
    since = {row[0]: row[1] for row in known}
    strange = [row for row in rows if row["case_id"] not in since or row["time"] < since[row["case_id"]]]
    columns = [[row[name] for row in strange] for name in ("case_id", "source", "sequence")]
    read = await log.fetch(_DATA, *columns, timeout=SCAN_S)
    idle = {_name(strange[row[0] - 1]) for row in read if not begins(row[1], row[2])}
    return [row for row in rows if _name(row) not in idle]


async def _which(own: Connection, rows: Sequence[Record], query: str) -> list[Record]:
    """Return the rows that a query finds; it knows them by their case, source and sequence."""
    if not rows:
        return []
    found = await own.fetch(
        query,
        [row["case_id"] for row in rows],
        [row["source"] for row in rows],
        [row["sequence"] for row in rows],
        timeout=SCAN_S,
    )
    return [rows[row[0] - 1] for row in found]


def _name(row: Record) -> str:
    return event_id(row["source"], row["case_id"], row["sequence"])
