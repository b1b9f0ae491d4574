"""The relay: publishes one service's event log to the topics in commit order. One is at work for each service.

The log is the outbox: what a transaction appended is published some milliseconds later, or when the broker is back.
The position is stored after the broker has everything (acks=all), so a crash between the two publishes some events
twice; readers skip them by their sequence. After any failure the producer is thrown away, and a new one goes on
from the stored position.

A topic that the broker does not have holds back its own events only (`held`), unless it is the stream.

Readers take the highest sequence as what they have seen, so no event may come to a topic before an older one of its
case. Where the broker lost the stream, or its end (`ends`), or it is being published anew, nothing is published
until that is done; another topic that was cut short holds back its own events only.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from chassis.batch import describe
from chassis.database import Connection, is_passing
from chassis.kafka.connection import (
    UNREACHABLE,
    KafkaConnection,
    NotInOrder,
    Rebuilding,
    TailLost,
    TopicLost,
    TopicMissing,
    explain,
)
from chassis.kafka.ends import Ends
from chassis.kafka.held import AT_ONCE, held_topics, hold, move_held, next_held, release
from chassis.kafka.lock import is_wanted, relay_lock
from chassis.kafka.offsets import cut_short, is_untouched, partitions_in_use
from chassis.kafka.publisher import Publisher, Sent
from chassis.log import Position, read_all
from chassis.metrics import Metrics
from chassis.store import START, FenceLost
from chassis.telemetry import Telemetry
from chassis.transport import Lag
from chassis.waiting import wait_at_most
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS

BATCH: Final = 1000
"""Events published before the position is stored."""
BUSY_S: Final = 0.005
IDLE_S: Final = 0.05
"""The pauses after the first empty look at the log, and at most, in seconds."""
PACE_S: Final = 0.02
"""At least this long from one batch to the next, unless it was full, in seconds: many small ones cost more, here,
on the broker and in every reader."""
RETRY_S: Final = 1.0
"""The pause before leadership or an unreachable broker is tried again, in seconds."""
LOOK_S: Final = 1.0
"""How often a relay at work looks whether somebody else waits for its lock, and whether a topic that was missing is
there, in seconds."""
CHECK_S: Final = 60.0
"""How long a relay with nothing to publish trusts that the broker has what it had taken, in seconds: what it lost
while all is quiet nobody else would miss."""
ALONE_S: Final = 30.0
"""A relay that leaves its session alone for so many seconds is taken for frozen, and loses the lock. One at work
does it for a delivery at most (`DELIVERY_S`), with the connecting before it (`ANSWER_S`)."""

_log = logging.getLogger(__name__)


class Relay:
    """Publishes what is in the log of `service`. `publishes` says of a topic whether it exists on Kafka.

    Run one in each process of a service: the one that holds the advisory lock works, the others wait for it.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        database_url: str,
        service: str,
        publishes: Callable[[str], bool],
        *,
        metrics: Metrics | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._connection = connection
        self._url = database_url
        self._service = service
        self._publishes = publishes
        self._stop = asyncio.Event()
        self._metrics = metrics or Metrics()
        self._publisher = Publisher(connection, telemetry)
        self._held: dict[str, Position] = {}
        """The topics that the broker does not have whole, and behind which place of the log their events wait."""
        self._lost: dict[str, str] = {}
        """Those of them that are there and were cut short, and what is to be said of it."""
        self._checked_at: float | None = None
        """When it was last seen, since we lead, that the broker has what it had taken; by the loop's clock."""
        self._idle_until = 0.0
        """Before then it is not looked at while nothing is to be published; by the loop's clock."""
        self._away: str | None = None
        self.leads = False
        """Whether this one is at work."""

    @property
    def trouble(self) -> str | None:
        """Why events wait that could be published."""
        lost = "; ".join(self._lost.values())
        return self._away or (f"events wait to be published: {lost}" if lost else None)

    def stop(self) -> None:
        """Finish the events in hand and end."""
        self._stop.set()

    async def run(self) -> None:
        """Publish until stopped, through every outage of the broker and of the database."""
        while not self._stop.is_set():
            try:
                async with relay_lock(self._url, self._service, alone_s=ALONE_S) as connection:
                    self._lead(connection is not None)
                    if connection is not None:
                        await self._publish_all(connection)
                    else:  # another process publishes them; what kept this one from it is its matter no more
                        self._away = None
            except FenceLost as error:
                _log.warning("%s", error)
            except UNREACHABLE as error:
                self._note_away(error)
            except Exception as error:  # whatever it is, what was acknowledged must be published: try again
                is_defect = not is_passing(error)
                _log.log(
                    logging.ERROR if is_defect else logging.WARNING,
                    "%s: the relay broke off (%s); trying again",
                    self._service,
                    describe(error),
                    exc_info=error if is_defect else None,
                )
            finally:
                self._lead(False)
                await self._publisher.drop()
            await wait_at_most(self._stop, RETRY_S)

    def _lead(self, has_it: bool) -> None:
        self.leads = has_it
        self._metrics.set("relay_leads", has_it)
        if not has_it:
            self._note_held({})
            self._lost, self._checked_at, self._idle_until = {}, None, 0.0

    def _note_held(self, held: dict[str, Position]) -> None:
        self._held = held
        self._metrics.set("topics_missing", len(held))

    def _note_away(self, error: BaseException) -> None:
        trouble = f"events wait to be published: {explain(error)}"
        if trouble != self._away:
            _log.warning("%s: %s; trying again", self._service, trouble)
        self._away = trouble

    def _note_well(self) -> None:
        if self._away is not None:
            _log.info("%s: publishing again", self._service)
        self._away = None

    async def _publish_all(self, connection: Connection) -> None:
        """Publish until stopped, or until another session waits for the lock. Raises as the broker fails."""
        standing = await stored_standing(connection, self._service)
        if standing.rebuilding:
            raise Rebuilding
        self._publisher.used = {CASE_EVENTS: standing.partitions} if standing.partitions else {}
        self._publisher.ends = {
            topic: ends for topic, ends in standing.ends.items() if self._publishes(topic)
        }
        # No flush is waited for: what a crash of the database takes back of our position is published twice.
        await connection.execute("SET synchronous_commit = off")
        found = await held_topics(connection, self._service)
        self._note_held({topic: place for topic, place in found.items() if self._publishes(topic)})
        position, pause = standing.position, BUSY_S
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while not self._stop.is_set():
            if loop.time() - looked_at > LOOK_S:
                looked_at = loop.time()
                if await is_wanted(connection, self._service):
                    return
                await self._catch_up(connection, position, standing.edition)
            started = loop.time()
            rows = await read_all(connection, position, BATCH)
            if not rows:
                await self._check_while_idle(connection, position)
                self._note_well()
                await wait_at_most(self._stop, pause)
                pause = min(pause * 2, IDLE_S)
                continue
            pause = BUSY_S
            ends = await self._send(connection, position, [event for _, event in rows], standing.edition)
            partitions = self._publisher.known_partitions(CASE_EVENTS)
            position = await store_position(
                connection, self._service, position, rows[-1][0], partitions, ends
            )
            if len(rows) < BATCH:
                await wait_at_most(self._stop, PACE_S - (loop.time() - started))

    async def _send(
        self, connection: Connection, position: Position, events: Sequence[Envelope], edition: str
    ) -> Ends:
        """Publish the events behind `position` but for those whose topics are held, or have to be from now on.

        Returns where their topics end now.
        """
        if any(self._is_due(event) for event in events):
            await self._check(connection, position)
        wanted = [event for event in events if self._is_due(event)]
        if not wanted:
            return {}
        try:
            if CASE_EVENTS not in self._publisher.used and any(
                event.topic == CASE_EVENTS for event in wanted
            ):
                # The first that this service publishes: its events of a case belong where those of the others are.
                self._publisher.used = {CASE_EVENTS: await partitions_in_use(self._connection, CASE_EVENTS)}
            sent = await self._publish(wanted, edition)
        except TopicMissing:
            await self._hold(connection, position, {event.topic for event in wanted})
            return await self._send(connection, position, wanted, edition)
        await self._hold_lost(connection, position, sent.lost)
        return sent.ends

    def _is_due(self, event: Envelope) -> bool:
        return self._publishes(event.topic) and event.topic not in self._held

    async def _publish(self, events: Sequence[Envelope], edition: str) -> Sent:
        before = self._trusted_ends()
        sent = await self._publisher.send(events, edition)
        if not self._publisher.is_in_touch:
            sent = replace(sent, lost=sent.lost | await cut_short(self._connection, before))
        self._publisher.touch()
        self._metrics.count("events_published", len(events))
        self._metrics.observe("published_batch_events", len(events))
        self._note_well()
        return sent

    def _trusted_ends(self) -> Ends:
        """Return where the topics end that are not known to be cut short."""
        return {topic: ends for topic, ends in self._publisher.ends.items() if topic not in self._lost}

    async def _hold(self, connection: Connection, position: Position, topics: Collection[str]) -> None:
        """Hold those of the topics that are missing. Raises TopicMissing where the stream is among them."""
        missing = sorted(await self._publisher.missing(topics))
        if CASE_EVENTS in missing:
            raise TopicMissing(self._connection.topic(CASE_EVENTS))
        await hold(connection, self._service, missing, position)
        for topic in missing:
            _log.warning(
                "%s: %s. Its events wait, those of all other topics go on",
                self._service,
                TopicMissing(self._connection.topic(topic)),
            )
        self._note_held(self._held | dict.fromkeys(missing, position))

    async def _hold_lost(self, connection: Connection, position: Position, topics: Collection[str]) -> None:
        """Hold topics of which the broker has lost events. Raises TailLost where the stream is among them."""
        if not topics:
            return
        if CASE_EVENTS in topics:
            raise TailLost(self._connection, CASE_EVENTS)
        await hold(connection, self._service, topics, position)
        for topic in sorted(topics):
            self._lost[topic] = str(TailLost(self._connection, topic))
            _log.error(
                "%s: %s. Its events wait, those of all other topics go on", self._service, self._lost[topic]
            )
        self._note_held(dict.fromkeys(topics, position) | self._held)

    async def _catch_up(self, connection: Connection, end: Position, edition: str) -> None:
        """Publish some of what waits for topics that are there by now; `end` is where the relay stands."""
        waiting = self._held.keys() - self._lost.keys()
        if not waiting:
            return
        there = waiting - await self._publisher.missing(waiting)
        known = {topic: ends for topic, ends in self._publisher.ends.items() if topic in there}
        await self._hold_lost(connection, end, await cut_short(self._connection, known))
        for topic in sorted(there):
            if topic in self._lost:
                continue
            rows = await next_held(connection, topic, self._held[topic], end)
            if rows:
                sent = await self._publish([event for _, event in rows], edition)
                await self._hold_lost(connection, end, sent.lost)
                if topic in sent.lost:
                    continue
                self._held[topic] = rows[-1][0]
                async with connection.transaction():
                    await move_held(connection, self._service, topic, rows[-1][0])
                    await store_position(connection, self._service, end, end, ends=sent.ends)
            if len(rows) < AT_ONCE:
                await release(connection, self._service, [topic])
                self._note_held({other: place for other, place in self._held.items() if other != topic})
                _log.info("%s: all that waited for the topic %s is published", self._service, topic)

    async def _check(self, connection: Connection, position: Position) -> None:
        """Look whether the broker still has what it had taken, and hold the topics that were cut short; again where
        it was away. Raises TopicLost, TooFewPartitions or TailLost where that is the stream.
        """
        if self._checked_at is not None and self._publisher.is_in_touch:
            return
        self._checked_at = None
        await self._check_stream(connection, position)
        if CASE_EVENTS in self._publisher.ends:
            await self._publisher.partitions(CASE_EVENTS)
        self._publisher.touch()  # what breaks from here on is looked at again
        await self._hold_lost(connection, position, await cut_short(self._connection, self._trusted_ends()))
        self._checked_at = asyncio.get_running_loop().time()

    async def _check_while_idle(self, connection: Connection, position: Position) -> None:
        """Look at it every `CHECK_S`, too, or where a connection broke: then every `LOOK_S`, until it was seen.

        A broker that is away is no trouble of who has nothing to publish.
        """
        now = asyncio.get_running_loop().time()
        if now < self._idle_until or not self._publisher.ends:
            return
        self._idle_until = now + LOOK_S
        if self._checked_at is not None:
            if now - self._checked_at <= CHECK_S and not self._publisher.has_lost_touch:
                return
            self._checked_at = None
        try:
            await self._check(connection, position)
        except UNREACHABLE as error:
            if isinstance(error, NotInOrder):
                raise

    async def _check_stream(self, connection: Connection, position: Position) -> None:
        """Raise TopicLost where we have published to the stream and nothing was ever written to it."""
        has_published = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM chassis.event_log WHERE topic = $1"
            " AND (xid, position) <= ($2::text::xid8, $3::bigint))",
            CASE_EVENTS,
            position.xid,
            position.position,
        )
        if has_published and await is_untouched(self._connection, CASE_EVENTS):
            raise TopicLost(self._connection.topic(CASE_EVENTS))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a service's log is published."""

    position: Position
    edition: str
    """The edition of the topics to which it is published."""
    rebuilding: bool
    """Whether the topics are being published anew: the relay waits for the end of that."""
    partitions: int | None
    """To how many partitions of the stream its events go; None where there were none in this edition."""
    ends: Ends
    """Where the topics ended after what was published last."""


async def stored_standing(connection: Connection, service: str) -> Standing:
    """Return up to where the log of a service is published, and in which edition."""
    await connection.execute(
        "INSERT INTO relay.position (service, position) VALUES ($1, $2) ON CONFLICT (service) DO NOTHING",
        service,
        str(Position.parse(START)),
    )
    row = await connection.fetchrow(
        "SELECT position, edition, rebuilding, partitions, ends FROM relay.position WHERE service = $1",
        service,
    )
    if row is None:
        raise FenceLost(f"{service}: somebody has removed the relay's position")
    return Standing(Position.parse(row[0]), row[1], row[2], row[3], orjson.loads(row[4]))


async def store_position(
    connection: Connection,
    service: str,
    start: Position,
    end: Position,
    partitions: int | None = None,
    ends: Ends | None = None,
) -> Position:
    """Move the position from `start` to `end` and return it. Raises FenceLost where it is not at `start`.

    partitions: how many of the stream there are; the first number that is given stays. ends: of the topics to which
    events were published.
    """
    done = await connection.execute(
        "UPDATE relay.position SET position = $3, partitions = coalesce(partitions, $4), ends = ends || $5,"
        " updated_at = now() WHERE service = $1 AND position = $2",
        service,
        str(start),
        str(end),
        partitions,
        orjson.dumps(ends or {}).decode(),
    )
    if done != "UPDATE 1":
        raise FenceLost(f"{service}: the relay is no longer at position {start}")
    return end


async def unpublished(connection: Connection, service: str) -> Lag:
    """Count the events after the stored position (to 100,000) and date the oldest."""
    position = (await stored_standing(connection, service)).position
    row = await connection.fetchrow(
        "SELECT count(*), min(time) FROM (SELECT time FROM chassis.event_log"
        " WHERE (xid, position) > ($1::text::xid8, $2::bigint) ORDER BY event_log.xid, position LIMIT 100000) AS u",
        position.xid,
        position.position,
    )
    return Lag(row[0], row[1]) if row else Lag(0, None)
