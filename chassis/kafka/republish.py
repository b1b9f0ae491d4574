"""Publishes the event logs of all services again, after the broker lost their topics.

While it works it holds the locks of all relays, and marks in each database that the topics are being made anew: a
relay publishes nothing before that is done, also where this process dies half-way. Then it is simply run again.
Readers skip by its sequence what they have applied, so that what comes twice has no effect.

The logs are merged by time, each in its own commit order. That is enough: readers keep the highest sequence for
each source, so the order within one source is the one on which the correctness stands, and a log holds one source's
events in order. Between sources the time says what came first as well as the clocks of the machines agree, which is
as well as an effect can be told from its cause; a relay that was behind has mixed them worse.
"""

import heapq
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final
from uuid import uuid4

import orjson

from chassis.database import Connection
from chassis.kafka.compare import SLACK
from chassis.kafka.connection import KafkaConnection, TailLost
from chassis.kafka.ends import Ends, furthest
from chassis.kafka.held import held_topics, release
from chassis.kafka.lock import relay_lock
from chassis.kafka.offsets import EVER, cut_places, kept_until
from chassis.kafka.publisher import Publisher
from chassis.kafka.relay import BATCH, stored_standing
from chassis.log import TOPICS, Position, read_all
from chassis.store import START
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS

SCAN_S: Final = 3600.0
"""The longest that a look through a whole log may take, in seconds."""


_order: Final = attrgetter("order")


class LockTaken(Exception):
    """The relay of a service did not let go of its lock in time."""

    safe_to_log = True


class Unfinished(Exception):
    """A republish that was broken off covers more than the one that is asked for."""

    safe_to_log = True


@dataclass(frozen=True, slots=True)
class Extent:
    """What is published anew."""

    topic: str | None
    """None: all topics, and the relays go on from the end."""
    since: datetime | None
    """An aware instant; None: the beginning."""

    @property
    def moves(self) -> bool:
        """Whether the relays go on from its end, not from where they stood."""
        return self.topic is None

    def covers(self, other: "Extent") -> bool:
        """Whether all of another one is part of it."""
        is_as_old = self.since is None or (other.since is not None and self.since <= other.since)
        return is_as_old and self.topic in {None, other.topic}

    def __str__(self) -> str:
        """Return the options of the command that publish it."""
        since = "begin" if self.since is None else self.since.isoformat()
        return f"--since {since}" + (f" --topic {self.topic}" if self.topic else "")


class TooLate(Exception):
    """The broker has lost events that are older than what is to be published: a gap would stay."""

    safe_to_log = True

    def __init__(self, topic: str, extent: Extent, until: datetime | None) -> None:
        """`until`: how late it may begin; None: no such time is known."""
        late = "begin" if until is None else f"{until.isoformat(timespec='seconds')} or earlier, or begin"
        super().__init__(
            f"the broker has lost events of {topic} that are older than {extent}: take {late}. "
            "Nothing was published"
        )


@dataclass(frozen=True, slots=True)
class Source:
    """One service's log, from behind `start` to `end`, on the session that holds the service's lock."""

    service: str
    connection: Connection
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Share:
    """What of one log is to be published to one topic: how many events, and the times of the oldest and newest."""

    service: str
    topic: str
    events: int
    oldest: datetime
    newest: datetime


@asynccontextmanager
async def all_locks(
    databases: Mapping[str, str], wait_s: float, say: Callable[[str], None]
) -> AsyncIterator[dict[str, Connection]]:
    """Hold the relays' locks of all services, taken in one order so that two who want them cannot block each other.

    Raises LockTaken where one is not let go of within `wait_s` seconds.
    """
    async with AsyncExitStack() as stack:
        held: dict[str, Connection] = {}
        for service in sorted(databases):
            say(f"{service}: waiting until its relay stands still (at most {wait_s:.0f} s)")
            connection = await stack.enter_async_context(
                relay_lock(databases[service], service, wait_s=wait_s)
            )
            if connection is None:
                raise LockTaken(
                    f"{service}: its relay, or another `log republish`, is still at work after {wait_s:.0f} s: "
                    "wait longer with --wait, or stop the service"
                )
            held[service] = connection
        yield held


async def open_source(service: str, connection: Connection, extent: Extent) -> Source:
    """Find the part of a log that is to be published: from the first event of `since` to the newest.

    Nothing is left out that the relay has not published yet: it would come to the topic after newer events.
    """
    since = extent.since
    settled = str(await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
    end = Position(str(int(settled) - 1), 2**63 - 1)
    start = Position.parse(START) if since is None else await _behind(connection, since, end)
    held = await held_topics(connection, service)
    start = min([start, *held.values()], key=_order)  # what waits for its topic is older than what follows
    relayed = (await stored_standing(connection, service)).position
    start = min(start, relayed, key=_order)
    if extent.moves:
        end = max(end, relayed, key=_order)
    return Source(service, connection, start, end)


async def _behind(connection: Connection, since: datetime, end: Position) -> Position:
    """Return the place before the first event of `since` or later in commit order; `end` where there is none."""
    row = await connection.fetchrow(
        "SELECT xid::text, position FROM chassis.event_log WHERE time >= $1"
        " ORDER BY event_log.xid, position LIMIT 1",
        since,
        timeout=SCAN_S,
    )
    return Position(row[0], row[1] - 1) if row else end


async def shares(source: Source, wanted: Callable[[str], bool]) -> list[Share]:
    """Count what of a log would be published, by topic."""
    rows = await source.connection.fetch(
        "SELECT topic, count(*), min(time), max(time) FROM chassis.event_log"
        " WHERE (xid, position) > ($1::text::xid8, $2::bigint) AND (xid, position) <= ($3::text::xid8, $4::bigint)"
        " GROUP BY topic ORDER BY topic",
        source.start.xid,
        source.start.position,
        source.end.xid,
        source.end.position,
        timeout=SCAN_S,
    )
    return [Share(source.service, *row) for row in rows if wanted(row[0])]


async def republish(
    sources: Sequence[Source],
    publisher: Publisher,
    wanted: Callable[[str], bool],
    extent: Extent,
    tell: Callable[[int], None],
) -> int:
    """Publish the wanted topics of all logs, and let the relays go on; return how many events.

    wanted: the topics of `extent`. tell: is called with how many more were published. Raises Unfinished, TooLate or
    MayNotWrite before anything is done, another of UNREACHABLE where the broker fails, and what the database
    raises; the relays stand still then until it is run again.
    """
    for source in sources:
        await _demand_all_that_was_begun(source, extent)
    topics = [set(filter(wanted, await _topics(source))) for source in sources]
    if any(topics):
        await publisher.demand_rights(set().union(*topics))
    publisher.ends = await _whole_ends(sources, publisher.connection, wanted, extent)
    edition = uuid4().hex[:12]
    partitions = await publisher.partitions(CASE_EVENTS) if extent.moves or wanted(CASE_EVENTS) else None
    for source in sources:
        await _begin(source, extent, edition, partitions)
    count = 0
    async for events in _batches(sources, wanted):
        sent = await publisher.send(events, edition)
        for topic in sent.lost:
            raise TailLost(publisher.connection, topic)
        count += len(events)
        tell(len(events))
    for source, own in zip(sources, topics, strict=True):
        held = await held_topics(source.connection, source.service)
        await release(source.connection, source.service, list(filter(wanted, held)))
        known = own | (await stored_standing(source.connection, source.service)).ends.keys()
        await _end(source, extent, {topic: ends for topic, ends in publisher.ends.items() if topic in known})
    return count


async def _whole_ends(
    sources: Sequence[Source], connection: KafkaConnection, wanted: Callable[[str], bool], extent: Extent
) -> Ends:
    """Return where the wanted topics end that the broker has whole: what it loses of those later is noticed.

    Raises TooLate where it has lost events that are older than what is to be published.
    """
    own_ends = []
    cut: set[tuple[str, int]] = set()
    was_begun = False
    for source in sources:
        standing = await stored_standing(source.connection, source.service)
        was_begun = was_begun or standing.rebuilding
        own_ends.append({topic: ends for topic, ends in standing.ends.items() if wanted(topic)})
        cut |= await cut_places(
            connection, own_ends[-1]
        )  # each by itself: behind one's gap another may have written
    topics = {topic for topic, _ in cut}
    if extent.since is not None and not was_begun:  # what was broken off was looked at before, as it was then
        for topic in sorted(topics):
            partitions = {partition for name, partition in cut if name == topic}
            until = await kept_until(connection, topic, partitions)
            if until == EVER:
                raise TooLate(topic, extent, None)
            if until is not None and extent.since > until - SLACK:
                raise TooLate(topic, extent, until - SLACK)
        if CASE_EVENTS in topics and not any([await _has_published(source) for source in sources]):
            raise TooLate(CASE_EVENTS, extent, None)
    return {topic: ends for topic, ends in furthest(own_ends).items() if topic not in topics}


async def _has_published(source: Source) -> bool:
    """Whether one of its events that are to be published was published to the stream before."""
    relayed = (await stored_standing(source.connection, source.service)).position
    found = await source.connection.fetchval(
        "SELECT EXISTS (SELECT FROM chassis.event_log WHERE topic = $1"
        " AND (xid, position) > ($2::text::xid8, $3::bigint) AND (xid, position) <= ($4::text::xid8, $5::bigint))",
        CASE_EVENTS,
        source.start.xid,
        source.start.position,
        relayed.xid,
        relayed.position,
        timeout=SCAN_S,
    )
    return bool(found)


async def _topics(source: Source) -> set[str]:
    """Return the topics of which events stand in a log."""
    return {row[0] for row in await source.connection.fetch(TOPICS)}


async def _demand_all_that_was_begun(source: Source, extent: Extent) -> None:
    """Raise Unfinished where the end of `extent` would let the relay go on although older events are missing."""
    row = await source.connection.fetchrow(
        "SELECT rebuilding_topic, rebuilding_since FROM relay.position WHERE service = $1 AND rebuilding",
        source.service,
    )
    begun = Extent(*row) if row else extent
    if not extent.covers(begun):
        raise Unfinished(
            f"{source.service}: a `log republish {begun}` was broken off, and this one covers less: "
            "run that to its end first"
        )


async def _begin(source: Source, extent: Extent, edition: str, partitions: int | None) -> None:
    """Let the relay stand still from now on, whatever becomes of us.

    It will go on in this edition and with so many partitions of the stream; None where that is not published anew.
    """
    await stored_standing(source.connection, source.service)
    await source.connection.execute(
        "UPDATE relay.position SET rebuilding = true, rebuilding_topic = $4, rebuilding_since = $5,"
        " edition = CASE WHEN $3::int IS NULL THEN edition ELSE $2 END,"
        " partitions = coalesce($3, partitions), updated_at = now() WHERE service = $1",
        source.service,
        edition,
        partitions,
        extent.topic,
        extent.since,
    )


async def _end(source: Source, extent: Extent, ends: Ends) -> None:
    """Let the relay go on, from where the topics end that were published anew."""
    await source.connection.execute(
        "UPDATE relay.position SET rebuilding = false, rebuilding_topic = NULL, rebuilding_since = NULL,"
        " position = coalesce($2, position), ends = coalesce(ends - $3::text, '{}') || $4, updated_at = now()"
        " WHERE service = $1",
        source.service,
        str(source.end) if extent.moves else None,
        extent.topic,
        orjson.dumps(ends).decode(),
    )


async def _batches(
    sources: Sequence[Source], wanted: Callable[[str], bool]
) -> AsyncIterator[Sequence[Envelope]]:
    batch: list[Envelope] = []
    async for event in merged([_events(source) for source in sources]):
        if wanted(event.topic):
            batch.append(event)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _events(source: Source) -> AsyncIterator[Envelope]:
    """The events of a log in commit order, a page in memory."""
    after = source.start
    while rows := await read_all(source.connection, after, BATCH):
        for position, event in rows:
            if position.order > source.end.order:
                return
            yield event
        after = rows[-1][0]


async def merged(streams: Sequence[AsyncIterator[Envelope]]) -> AsyncIterator[Envelope]:
    """Of the streams' next events always the oldest first; each stream keeps its own order, whatever its times."""
    heads: list[tuple[datetime, int, Envelope]] = []
    for number, stream in enumerate(streams):
        first = await anext(stream, None)
        if first is not None:
            heads.append((first.time, number, first))
    heapq.heapify(heads)
    while heads:
        _, number, event = heads[0]
        yield event
        following = await anext(streams[number], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following.time, number, following))
