"""Whether a service has applied what it consumes: its aggregates beside the event logs, from the databases alone.

An event is applied when its sequence is not above `seen[source]` of its case, for events of one source are applied
in order. A parked one is accounted for, and so is one that a service answers with nothing: it keeps no row of a
case of which it has nothing to say. The log is read first and the aggregates after it: what is missing then was not
applied at that moment.
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
Silence = Callable[[str, str], bool]
"""Whether a service answers an event, given its type and data, with nothing where it has no row of the case."""

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


async def account(
    consumer: str,
    types: Collection[str],
    own: Connection,
    logs: Sequence[Connection],
    late: datetime,
    is_silent: Silence,
) -> Account:
    """Compare the events of `types` in the logs with what `consumer` has in its database, `own`.

    late: an unapplied event from before this instant is missing; a newer one waits.
    """
    found = Account(consumer)
    for log in logs:
        after = Position.parse(START)
        while rows := await log.fetch(
            _PAGE, CASE_EVENTS, after.xid, after.position, list(types), PAGE, timeout=SCAN_S
        ):
            await _compare(found, own, log, rows, late, is_silent)
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
    is_silent: Silence,
) -> None:
    unapplied = await _which(
        own,
        rows,
        f"SELECT e.number FROM {_EVENTS} LEFT JOIN {found.consumer}.aggregate AS a USING (case_id)"
        " WHERE coalesce((a.seen->>e.source)::bigint, 0) < e.sequence",
    )
    parked = await _which(
        own,
        unapplied,
        f"SELECT e.number FROM {_EVENTS} JOIN {found.consumer}.parked AS p USING (case_id, source, sequence)",
    )
    aside = {_name(row) for row in parked}
    unsettled = [row for row in unapplied if _name(row) not in aside]
    rest = await _answered(found.consumer, own, log, unsettled, is_silent)
    missing = [row for row in rest if row["time"] < late]
    found.counts["applied"] += len(rows) - len(unapplied) + len(unsettled) - len(rest)
    found.counts["parked"] += len(parked)
    found.counts["missing"] += len(missing)
    found.counts["waiting"] += len(rest) - len(missing)
    found.missing += [_name(row) for row in missing[: EXAMPLES - len(found.missing)]]


async def _answered(
    consumer: str, own: Connection, log: Connection, rows: Sequence[Record], is_silent: Silence
) -> list[Record]:
    """Return those of the rows that the service must have answered."""
    bare = await _which(
        own,
        rows,
        f"SELECT e.number FROM {_EVENTS} LEFT JOIN {consumer}.aggregate AS a USING (case_id)"
        " WHERE a.case_id IS NULL",
    )
    told = await log.fetch(
        f"SELECT e.number, type, data::text FROM {_EVENTS}"
        " JOIN chassis.event_log USING (case_id, source, sequence)",
        [row["case_id"] for row in bare],
        [row["source"] for row in bare],
        [row["sequence"] for row in bare],
        timeout=SCAN_S,
    )
    silent = {_name(bare[number - 1]) for number, type_, data in told if is_silent(type_, data)}
    return [row for row in rows if _name(row) not in silent]


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
