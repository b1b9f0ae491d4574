"""The queue of deliveries: lanes with a lease, in each the deliveries of one recipient in order.

enqueue    joins the transaction of the events
claim      takes lanes whose moment has come, for as long as a lease
settle     records what became of the deliveries and lets the lane go, where the claim still holds (its fence)

A process that dies between sending and settling leaves its lease to run out: the same messages are then sent again
under the same ids, in the same order. `next_at` of a lane is its timer.

Rows are locked in one order, so that nobody waits in a circle: first lanes by name, then deliveries by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import orjson

from chassis.database import Connection, insert
from services.notify.domain import Channel, Planned, message_id
from services.notify.domain.notices import Plain

State = Literal["open", "sent", "delivered", "failed", "expired", "opted_out", "cancelled"]
MOST_OF_A_LANE: Final = 20
"""Deliveries of a lane that are claimed at once."""

_QUEUED: Final = (
    *(
        "message_id",
        "lane",
        "step",
        "event_id",
        "case_id",
        "recipient",
        "channel",
        "others",
        "template",
        "facts",
    ),
    *("statutory", "urgent", "created_at", "expires_at", "traceparent", "state", "attempts", "changed_at"),
)
# A lane that is there is locked, so that whoever is about to find it empty waits for us, and then does not.
_OPEN_LANES: Final = (
    "INSERT INTO notify.lane (lane, channel, urgent, next_at)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::timestamptz[])"
    " ON CONFLICT (lane) DO UPDATE SET lane = excluded.lane"
)
_CLAIM: Final = (
    "WITH picked AS (SELECT l.lane FROM unnest($1::text[], $2::boolean[], $3::int[], $4::timestamptz[])"
    " AS w(channel, urgent, most, due)"
    " CROSS JOIN LATERAL (SELECT lane FROM notify.lane WHERE lane.channel = w.channel AND lane.urgent = w.urgent"
    " AND next_at <= w.due ORDER BY next_at LIMIT w.most FOR UPDATE SKIP LOCKED) AS l)"
    " UPDATE notify.lane SET next_at = $5, owner = $6 FROM picked WHERE lane.lane = picked.lane"
    " RETURNING lane.lane"
)
_COLUMNS: Final = (
    "message_id, lane, place, step, event_id, case_id, recipient, channel, others, template, facts::text,"
    " statutory, urgent, created_at, expires_at, traceparent, attempts"
)
_DELIVERIES: Final = (
    f"SELECT d.* FROM unnest($1::text[]) AS u(lane) CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM notify.delivery"
    " WHERE delivery.lane = u.lane AND state = 'open' ORDER BY place, step"
    f" LIMIT {MOST_OF_A_LANE}) AS d ORDER BY d.lane, d.place, d.step"
)
_LOCK_LANES: Final = "SELECT FROM notify.lane WHERE lane = ANY($1::text[]) ORDER BY lane FOR UPDATE"
_LOCK: Final = "SELECT FROM notify.delivery WHERE message_id = ANY($1::uuid[]) ORDER BY message_id FOR UPDATE"
_LANES_OF: Final = "SELECT DISTINCT lane FROM notify.delivery WHERE message_id = ANY($1::uuid[])"
_OPEN_OF: Final = "SELECT message_id FROM notify.delivery WHERE state = 'open' AND lane = ANY($1::text[])"
_HELD: Final = (
    "SELECT l.lane FROM notify.lane l JOIN unnest($1::text[], $2::uuid[]) AS u(lane, owner)"
    " ON u.lane = l.lane AND u.owner = l.owner ORDER BY l.lane FOR UPDATE OF l"
)
_RECORD: Final = (
    "UPDATE notify.delivery d SET state = u.state, attempts = u.attempts, reason = u.reason,"
    " reference = u.reference, changed_at = $6"
    " FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[])"
    " AS u(message_id, state, attempts, reason, reference)"
    " WHERE d.message_id = u.message_id AND d.state = 'open'"
)
_FALL_BACK: Final = (
    "INSERT INTO notify.delivery (message_id, lane, place, step, event_id, case_id, recipient, channel, others,"
    " template, facts, statutory, urgent, created_at, expires_at, traceparent, state, attempts, changed_at)"
    " SELECT u.message_id, d.lane, d.place, d.step + 1, d.event_id, d.case_id, d.recipient, d.others[1],"
    " d.others[2:], d.template, d.facts, d.statutory, d.urgent, $3, d.expires_at, d.traceparent, 'open', 0, $3"
    " FROM unnest($1::uuid[], $2::uuid[]) AS u(former, message_id)"
    " JOIN notify.delivery d ON d.message_id = u.former ON CONFLICT DO NOTHING"
)
# After the lock, so that this statement's snapshot shows what was queued meanwhile.
_HEADS: Final = (
    "SELECT DISTINCT ON (lane) lane, channel FROM notify.delivery"
    " WHERE lane = ANY($1::text[]) AND state = 'open' ORDER BY lane, place, step"
)
_DROP_LANES: Final = "DELETE FROM notify.lane WHERE lane = ANY($1::text[])"
_KEEP_LANES: Final = (
    "UPDATE notify.lane l SET next_at = u.next_at, channel = u.channel, owner = NULL"
    " FROM unnest($1::text[], $2::timestamptz[], $3::text[]) AS u(lane, next_at, channel) WHERE l.lane = u.lane"
)
_ARRIVED: Final = (
    "UPDATE notify.delivery SET state = 'delivered', changed_at = $2"
    " WHERE message_id = ANY($1::uuid[]) AND state IN ('open', 'sent') RETURNING message_id"
)
_LOST: Final = (
    "UPDATE notify.delivery d SET state = 'failed', reason = u.reason, changed_at = $3"
    " FROM unnest($1::uuid[], $2::text[]) AS u(message_id, reason)"
    " WHERE d.message_id = u.message_id AND d.state = 'sent'"
    " RETURNING d.message_id, d.event_id, d.recipient, d.others[1], d.lane, d.urgent"
)
_CANCEL: Final = (
    "UPDATE notify.delivery SET state = 'cancelled', reason = 'erased', changed_at = now()"
    " WHERE state = 'open' AND message_id = ANY($1::uuid[])"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that is to be sent."""

    message_id: UUID
    lane: str
    place: int
    step: int
    event_id: str
    case_id: UUID
    recipient: str
    channel: Channel
    others: tuple[Channel, ...]
    template: str
    facts: Mapping[str, Plain]
    statutory: bool
    urgent: bool
    created_at: datetime
    expires_at: datetime
    traceparent: str
    attempts: int

    @property
    def sequence(self) -> int:
        """The number of the event among those of its source of the case."""
        return int(self.event_id.rpartition("/")[2])

    @property
    def report(self) -> UUID | None:
        """The report whose reporter is the recipient; None for a unit."""
        kind, _, name = self.recipient.partition("/")
        return UUID(name) if kind == "report" else None

    @property
    def unit(self) -> str | None:
        """The unit that is the recipient; None for a resident."""
        kind, _, name = self.recipient.partition("/")
        return name if kind == "unit" else None


@dataclass(frozen=True, slots=True)
class Claim:
    """Lanes to take: of which channel, urgent ones or the others, how many at most, and due since when."""

    channel: Channel
    urgent: bool
    most: int
    due: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lane that is ours until the lease ends, and the first of its open deliveries."""

    lane: str
    owner: UUID
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a delivery. `fallback` is the message id of the next channel's delivery, where one is made."""

    message_id: UUID
    state: State
    attempts: int
    reason: str | None = None
    reference: str | None = None
    fallback: UUID | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says became of a message that it took. `reason` is its code where it did not arrive."""

    message_id: UUID
    arrived: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process did on a lane. `next_at`: when to look at it again; None: at once, if there is more.

    With `keeps` it only records what was done so far, and goes on.
    """

    lane: str
    owner: UUID
    results: tuple[Result, ...]
    next_at: datetime | None = None
    keeps: bool = False


async def enqueue(connection: Connection, planned: Sequence[tuple[Planned, datetime]]) -> None:
    """Queue deliveries, each with the time of its event. Joins the transaction.

    Raises UniqueViolation for one that is there already.
    """
    if not planned:
        return
    rows = [
        (
            one.message_id,
            one.lane,
            0,
            one.event_id,
            one.case_id,
            one.recipient,
            one.channel.value,
            one.others,
            one.template,
            orjson.dumps(one.facts).decode(),
            one.statutory,
            one.urgent,
            at,
            one.expires_at,
            one.traceparent,
            "open",
            0,
            at,
        )
        for one, at in planned
    ]
    await insert(connection, "notify", "delivery", _QUEUED, rows)
    await _open_lanes(connection, [(one.lane, one.channel.value, one.urgent, at) for one, at in planned])


async def _open_lanes(connection: Connection, lanes: Sequence[tuple[str, str, bool, datetime]]) -> None:
    """Make the lanes that there are not, each as it is first named, and lock all in the order of their names."""
    first = {lane[0]: lane for lane in reversed(lanes)}
    await connection.execute(_OPEN_LANES, *_columns([first[name] for name in sorted(first)]))


async def claim(connection: Connection, wanted: Sequence[Claim], until: datetime) -> list[Claimed]:
    """Take lanes whose moment has come, until `until`. A transaction of its own."""
    if not wanted:
        return []
    owner = uuid4()
    columns = _columns([(one.channel.value, one.urgent, one.most, one.due) for one in wanted])
    async with connection.transaction():
        lanes = [row[0] for row in await connection.fetch(_CLAIM, *columns, until, owner)]
        found: dict[str, list[Delivery]] = {lane: [] for lane in lanes}
        for row in await connection.fetch(_DELIVERIES, lanes) if lanes else ():
            found[row[1]].append(_delivery(row))
    return [Claimed(lane, owner, tuple(deliveries)) for lane, deliveries in found.items()]


def _delivery(row: Any) -> Delivery:
    fields = list(row)
    fields[7] = Channel(fields[7])
    fields[8] = tuple(Channel(name) for name in fields[8])
    fields[10] = orjson.loads(fields[10])
    return Delivery(*fields)


async def settle(connection: Connection, finished: Sequence[Finished], now: datetime) -> set[str]:
    """Record results and let lanes go, in one transaction; return the lanes that were still ours.

    Of a lane that was not, nothing is recorded: somebody else sends its messages, under the same ids.
    """
    async with connection.transaction():
        claims = [(one.lane, one.owner) for one in finished]
        held: set[str] = {row[0] for row in await connection.fetch(_HELD, *_columns(claims))}
        ours = [one for one in finished if one.lane in held]
        results = [result for one in ours for result in one.results]
        if results:
            await connection.execute(_LOCK, [result.message_id for result in results])
            rows = [(r.message_id, r.state, r.attempts, r.reason, r.reference) for r in results]
            await connection.execute(_RECORD, *_columns(rows), now)
        fallbacks = [(r.message_id, r.fallback) for r in results if r.fallback is not None]
        if fallbacks:
            await connection.execute(_FALL_BACK, *_columns(fallbacks), now)
        await _let_go(connection, [one for one in ours if not one.keeps], now)
    return held


async def _let_go(connection: Connection, ours: Sequence[Finished], now: datetime) -> None:
    if not ours:
        return
    lanes = [one.lane for one in ours]
    heads = {row[0]: row[1] for row in await connection.fetch(_HEADS, lanes)}
    empty = [lane for lane in lanes if lane not in heads]
    if empty:
        await connection.execute(_DROP_LANES, empty)
    kept = [(one.lane, one.next_at or now, heads[one.lane]) for one in ours if one.lane in heads]
    if kept:
        await connection.execute(_KEEP_LANES, *_columns(kept))


async def receive(connection: Connection, receipts: Sequence[Receipt], now: datetime) -> int:
    """Record what a provider says became of messages; return how many were news. Joins the transaction.

    A message that did not arrive goes on by the next channel, in its own place. A receipt may come before we have
    recorded that the message was sent, and more than once.
    """
    told = [one.message_id for one in receipts]
    lanes = [row[0] for row in await connection.fetch(_LANES_OF, told)]
    await connection.execute(_LOCK_LANES, lanes)
    await connection.execute(_LOCK, told)
    arrived = [one.message_id for one in receipts if one.arrived]
    news = len(await connection.fetch(_ARRIVED, arrived, now)) if arrived else 0
    lost = {one.message_id: one.reason for one in receipts if not one.arrived}
    rows = await connection.fetch(_LOST, list(lost), list(lost.values()), now) if lost else []
    fallbacks = [(row[0], message_id(row[1], row[2], row[3])) for row in rows if row[3] is not None]
    if fallbacks:
        await connection.execute(_FALL_BACK, *_columns(fallbacks), now)
        await _open_lanes(connection, [(row[4], row[3], row[5], now) for row in rows if row[3] is not None])
    return news + len(rows)


async def cancel(connection: Connection, recipients: Sequence[str]) -> None:
    """Give up what is queued for recipients who were erased (R-PRIV-01). Joins the transaction."""
    lanes = [lane for name in recipients for lane in (name, f"{name}!")]
    await connection.execute(_LOCK_LANES, lanes)
    waiting = [row[0] for row in await connection.fetch(_OPEN_OF, lanes)]
    await connection.execute(_LOCK, waiting)
    await connection.execute(_CANCEL, waiting)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
