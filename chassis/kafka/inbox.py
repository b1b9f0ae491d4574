"""The inbox: reads the topics on which others write to a service, each in its order. One is at work for a service.

A letter is settled for good before the position behind it is stored, so a crash between the two brings it again:
whoever settles letters makes the second time harmless. As in `reader`, nothing trusts the consumer: it is placed by
our stored positions, no call of it is awaited without a limit, and one that fails or stands still is thrown away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.batch import describe
from chassis.commands import Unavailable
from chassis.database import Connection, is_passing
from chassis.kafka.connection import (
    ANSWER_S,
    UNREACHABLE,
    KafkaConnection,
    TopicMissing,
    explain,
    let_go,
)
from chassis.kafka.letter_spans import LetterSpans
from chassis.kafka.letters import Letter
from chassis.kafka.lock import relay_lock
from chassis.kafka.positions import Position, resume
from chassis.metrics import Metrics
from chassis.store import START, FenceLost
from chassis.telemetry import Telemetry
from chassis.waiting import is_cancelled, wait_at_most

AT_ONCE: Final = 500
"""Letters settled together at most."""
FETCH_BYTES: Final = 2 * 1024 * 1024
"""More than the largest batch that the broker takes, so that none can get stuck."""
POLL_S: Final = 0.2
"""How long a look for letters waits, and so the end of the service, in seconds."""
LOOK_S: Final = 5.0
"""How often the ends of the topics are looked at, in seconds."""
TOPICS_S: Final = 30.0
"""How often it is looked whether a topic was made or has gone, in seconds."""
RETRY_S: Final = 1.0
"""The pause before leadership, an unreachable broker or a database is tried again, in seconds."""
ALONE_S: Final = 30.0
"""An inbox that leaves its session alone for so many seconds is taken for frozen, and loses the lock. One at work
uses it every `LOOK_S`; where settling takes longer than this, the letters come again, and those that were settled
are passed over."""
ASK_AGAIN: Final = (
    "they are in no log of ours; ask the department to send them again (a repeat has no effect)"
)
"""What to do about letters that were deleted before they were read."""

Settle = Callable[[Sequence[Letter]], Awaitable[None]]
"""Deals with letters for good, in their order for each topic: what they ask is committed, or why not.

Raises Unavailable, or what passes by itself, where some were not dealt with; then all of them come again.
"""

_log = logging.getLogger(__name__)


class Inbox:
    """Reads `topics` for `service`. Run one in each process of it: those without the lock wait for it."""

    def __init__(
        self,
        connection: KafkaConnection,
        database_url: str,
        service: str,
        topics: Collection[str],
        settle: Settle,
        metrics: Metrics,
        telemetry: Telemetry,
    ) -> None:
        self._connection = connection
        self._url = database_url
        self._service = service
        self._topics = {connection.topic(topic): topic for topic in topics}
        self._settle = settle
        self._metrics = metrics
        self._spans = LetterSpans(telemetry, connection.origin())
        self._stop = asyncio.Event()
        self._consumer: Any = None
        self._places: frozenset[TopicPartition] = frozenset()
        self._stored: dict[TopicPartition, str] = {}
        self._expected: dict[TopicPartition, str] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._looked_into: dict[TopicPartition, int] = {}
        self._looked_at = self._topics_at = 0.0
        self._missing: Sequence[str] = ()
        self._has_moved = False
        self._is_away = False
        self.trouble: str | None = None
        """Why letters are not read now."""

    def stop(self) -> None:
        """Settle the letters in hand and end."""
        self._stop.set()

    async def run(self) -> None:
        """Read until stopped, through every outage of the broker and of the database."""
        try:
            await self._run()
        finally:
            if not self._stop.is_set():
                self._note_trouble("the inbox has ended")

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                async with relay_lock(self._url, f"{self._service}.inbox", alone_s=ALONE_S) as connection:
                    if connection is not None:
                        await self._read_all(connection)
                    else:  # another process reads them; what kept this one from it is its matter no more
                        self._is_away = False
                        self._note_trouble(None)
                        self._metrics.set("inbox_topics_missing", 0)
            except FenceLost as error:
                _log.warning("%s", error)
            except UNREACHABLE as error:
                self._note_away(explain(error))
            except Unavailable as error:
                self._note_away(str(error))
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                self._note_away("the client cancelled a part of itself")
            except Exception as error:
                if not is_passing(error):  # a defect of ours: it must not end the letters of everybody
                    _log.error("%s: letters were not settled: %s", self._service, describe(error))
                self._note_away(describe(error))
            finally:
                await self._drop_consumer()
            await wait_at_most(self._stop, RETRY_S)

    def _note_away(self, reason: str) -> None:
        if not self._is_away:
            _log.warning("%s: letters wait (%s); trying again", self._service, reason)
        self._is_away = True
        self._note_trouble(reason)

    def _note_trouble(self, reason: str | None) -> None:
        self.trouble = reason and f"letters of departments wait: {reason}"
        self._metrics.set("inbox_stalled", reason is not None)

    async def _read_all(self, connection: Connection) -> None:
        await self._start(connection)
        while not self._stop.is_set():
            got = await asyncio.wait_for(
                self._consumer.getmany(timeout_ms=int(POLL_S * 1000), max_records=AT_ONCE), POLL_S + ANSWER_S
            )
            await self._receive(connection, got)
            await self._look_around(connection)

    async def _receive(self, connection: Connection, got: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Settle the letters of one poll together, and store that it was done."""
        found = {place: await self._letters(place, records) for place, records in got.items()}
        letters = {place: own for place, own in found.items() if own}
        if not letters:
            return
        with ExitStack() as spans:
            traced = [
                spans.enter_context(self._spans.settling(place.topic, own)) for place, own in letters.items()
            ]
            await self._settle(list(chain.from_iterable(traced)))
        ends = {place: Position(own[-1].offset + 1, own[-1].mark) for place, own in letters.items()}
        async with connection.transaction():
            for place in sorted(ends):
                await self._store(connection, place, str(ends[place]))
        self._stored |= {place: str(end) for place, end in ends.items()}
        self._reached |= {place: end.offset for place, end in ends.items()}
        self._has_moved = True
        if self._is_away:
            _log.info("%s: reading letters again", self._service)
        self._is_away = False

    async def _letters(self, place: TopicPartition, records: Sequence[Any]) -> Sequence[Letter]:
        """Return what is new of the records of a partition; nothing of another log, which is then begun."""
        letters = [Letter.of(record, self._topics[place.topic]) for record in records]
        expected = self._expected.pop(place, None)
        if expected is None:
            return letters
        if letters[0].mark == expected:
            return letters[1:]
        _log.error("%s is not the log that was read until %s: reading it anew", *self._standing(place))
        self._place(place, (await self._offsets("beginning_offsets", [place]))[place], None)
        return []

    def _standing(self, place: TopicPartition) -> tuple[str, str]:
        return f"{place.topic}/{place.partition}", self._stored[place]

    # -- positions ---------------------------------------------------------------------------------------

    async def _store(self, connection: Connection, place: TopicPartition, end: str) -> None:
        """Move the stored position. Raises FenceLost where it is not where we started."""
        done = await connection.execute(
            "UPDATE relay.inbox_position SET position = $5, updated_at = now()"
            " WHERE service = $1 AND topic = $2 AND partition = $3 AND position = $4",
            self._service,
            self._topics[place.topic],
            place.partition,
            self._stored[place],
            end,
        )
        if done != "UPDATE 1":
            raise FenceLost(f"{self._service}: %s is no longer at position %s" % self._standing(place))

    async def _load(self, connection: Connection) -> dict[TopicPartition, str]:
        """Return the stored positions of our partitions."""
        asked = sorted(self._places)
        columns = ([self._topics[place.topic] for place in asked], [place.partition for place in asked])
        await connection.execute(
            "INSERT INTO relay.inbox_position (service, topic, partition, position)"
            " SELECT $1, topic, partition, $4 FROM unnest($2::text[], $3::int[]) AS a(topic, partition)"
            " ON CONFLICT DO NOTHING",
            self._service,
            *columns,
            START,
        )
        rows = await connection.fetch(
            "SELECT topic, partition, position FROM relay.inbox_position WHERE service = $1", self._service
        )
        known = {TopicPartition(self._connection.topic(row[0]), row[1]): str(row[2]) for row in rows}
        return {place: known[place] for place in asked}

    # -- the consumer ------------------------------------------------------------------------------------

    async def _start(self, connection: Connection) -> None:
        self._consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",  # what its sender has taken back was never sent
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=FETCH_BYTES,
            request_timeout_ms=int(ANSWER_S * 1000),
            **self._connection.options(),
        )
        await asyncio.wait_for(self._consumer.start(), ANSWER_S)
        self._places = await self._there()
        self._note_missing(sorted(self._topics.keys() - {place.topic for place in self._places}))
        self._consumer.assign(sorted(self._places))
        self._stored = await self._load(connection)
        self._expected, self._reached = {}, {}
        begins = await self._offsets("beginning_offsets", self._places)
        ends = await self._offsets("end_offsets", self._places)
        for place in sorted(self._places):
            found = resume(self._stored[place], begins[place], ends[place], ASK_AGAIN)
            if found.finding:
                _log.error("%s/%d: %s", place.topic, place.partition, found.finding)
            self._place(place, found.offset, found.expected)
        self._looked_at = self._topics_at = asyncio.get_running_loop().time()
        self._has_moved = True

    def _note_missing(self, topics: Sequence[str]) -> None:
        """Say once what is missing; it stalls only itself. Raises TopicMissing where there is nothing else."""
        if topics and topics != self._missing:
            _log.warning("%s: %s; %d are missing", self._service, TopicMissing(topics[0]), len(topics))
        self._missing = topics
        self._metrics.set("inbox_topics_missing", len(topics))
        if not self._places:
            raise TopicMissing(topics[0])

    def _place(self, place: TopicPartition, offset: int, expected: str | None) -> None:
        self._consumer.seek(place, offset)
        self._reached[place] = offset + (expected is not None)
        if expected is not None:
            self._expected[place] = expected

    async def _there(self) -> frozenset[TopicPartition]:
        """Return the partitions of those of our topics that exist."""
        cluster = await asyncio.wait_for(self._consumer._client.fetch_all_metadata(), ANSWER_S)
        return frozenset(
            TopicPartition(topic, number)
            for topic in self._topics
            for number in cluster.partitions_for_topic(topic) or ()
        )

    async def _offsets(self, which: str, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        found = await asyncio.wait_for(getattr(self._consumer, which)(list(places)), ANSWER_S)
        return dict(found)

    async def _look_around(self, connection: Connection) -> None:
        """Measure what waits; begin anew where the consumer stands still, or other topics are there."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        await connection.fetchval("SELECT 1")  # a session that has gone holds no lock
        ends = await self._offsets("end_offsets", self._places)
        waiting = sum(max(0, ends[place] - self._reached[place]) for place in self._places)
        self._metrics.set("inbox_waiting", waiting)
        if waiting == 0 or self._has_moved:  # what is refused again and again is still in trouble
            self._note_trouble(None)
        # The end of a sender's transaction is no letter, and looked into once is enough.
        stands_still = waiting > 0 and not self._has_moved and ends != self._looked_into
        self._has_moved = False
        has_others = False
        if now - self._topics_at >= TOPICS_S:
            self._topics_at = now
            has_others = await self._there() != self._places
        if stands_still:
            self._looked_into = ends
            _log.warning("%s: the consumer of letters stands still; making a new one", self._service)
        if stands_still or has_others:
            await self._drop_consumer()
            await self._start(connection)

    async def _drop_consumer(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await let_go(consumer)
