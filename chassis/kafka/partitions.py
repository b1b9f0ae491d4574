"""What one consumer holds: its partitions, where it stands in each, and the records that wait. No I/O."""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

from chassis.kafka.positions import Position, mark_of
from chassis.kafka.records import UNREADABLE, decode, type_and_edition
from chassis.transport import Move, Place, StreamBatch
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS


class Found:
    """A record that came, read no further than it takes to know whether it is wanted: most are not."""

    __slots__ = ("_event", "_record", "edition", "end", "type")

    def __init__(self, record: Any) -> None:
        self.type, self.edition = type_and_edition(record)
        self.end: int = record.offset + 1
        """The offset after it."""
        self._record = record
        self._event: Envelope | None = None

    @property
    def event(self) -> Envelope:
        """Return the event, which is an `UNREADABLE` one where the record is none of ours."""
        if self._event is None:
            self._event = decode(self._record, CASE_EVENTS)
        return self._event

    @property
    def mark(self) -> str:
        """Return the record's mark in a position."""
        return mark_of(self.event.id, self.edition)

    @property
    def position(self) -> str:
        """Return the position after it."""
        return str(Position(self.end, self.mark))


class Partitions:
    """What is assigned to us, where we stand in each, and the records that wait."""

    def __init__(self, types: Collection[str]) -> None:
        self._types = types
        self.all: set[int] = set()
        self.unplaced: set[int] = set()
        self.stored: dict[int, str] = {}
        self.reached: dict[int, int] = {}
        """The offset after the last record handed out or passed over."""
        self.fetched: dict[int, int] = {}
        """The offset that is to come next from the broker."""
        self._expected: dict[int, str] = {}
        self._editions: dict[int, set[str]] = {}
        """The editions of which nothing can have been missed: met where reading began, or gone back for."""
        self._begun: set[int] = set()
        """Partitions that are read on from their beginning, of which nothing came yet."""
        self._waiting: dict[int, deque[Found]] = {}
        self._turn: deque[int] = deque()

    def assign(self, numbers: Collection[int]) -> None:
        """Take partitions over; they are of no use before they are placed."""
        self.all.update(numbers)
        self.unplace(numbers)

    def revoke(self, numbers: Collection[int]) -> None:
        """Give partitions away with everything that waits in them."""
        self._forget(numbers)
        self.all.difference_update(numbers)
        self.unplaced.difference_update(numbers)
        for number in numbers:
            self._editions.pop(number, None)

    def unplace(self, numbers: Collection[int]) -> None:
        """Forget where we stand in partitions."""
        self.unplaced.update(numbers)
        self._forget(numbers)

    def _forget(self, numbers: Collection[int]) -> None:
        for number in numbers:
            self._waiting.pop(number, None)
            self._expected.pop(number, None)
            self.stored.pop(number, None)
            self.reached.pop(number, None)
            self.fetched.pop(number, None)
            self._begun.discard(number)

    def place(self, number: int, stored: str, offset: int, expected: str | None) -> None:
        """Note where a partition is read from, and the mark of the record that must stand there."""
        self.unplaced.discard(number)
        self.stored[number] = stored
        self.fetched[number] = offset
        self.reached[number] = offset + (expected is not None)
        if expected is None:
            self._begun.add(number)
        else:
            self._expected[number] = expected

    def receive(self, number: int, found: Sequence[Found]) -> bool:
        """Let the records of a partition wait; False where it must be read from its beginning instead.

        That is so where the first is not the one that must stand there, or one is of an edition whose beginning we
        have not read: it was made anew behind our back. We go back once for each.
        """
        self.fetched[number] = found[-1].end
        expected = self._expected.pop(number, None)
        if expected is not None:
            if found[0].mark != expected:
                return False
            self._editions.setdefault(number, set()).add(found[0].edition)
            found = found[1:]
        if self._is_new(number, found):
            return False
        waiting = self._waiting.setdefault(number, deque())
        waiting.extend(found)
        while waiting and waiting[0].type not in self._types:
            self.reached[number] = waiting.popleft().end
        if waiting and number not in self._turn:
            self._turn.append(number)
        return True

    def _is_new(self, number: int, found: Sequence[Found]) -> bool:
        known = self._editions.setdefault(number, set())
        for record in found:
            begins = number in self._begun
            if record.edition in known and not begins:
                continue
            # A record that is none of ours names no edition: it tells nothing of the log in which it stands.
            if record.event.type == UNREADABLE:
                continue
            self._begun.discard(number)
            if record.edition not in known:
                known.add(record.edition)
                if not begins:
                    return True
        return False

    def next_event(self) -> Envelope | None:
        """Return the oldest event that waits."""
        heads = [waiting[0].event for waiting in self._waiting.values() if waiting]
        return min(heads, key=lambda event: event.time, default=None)

    def take(self, most: int) -> StreamBatch | None:
        """Hand out up to `most` records, of as many partitions as it takes; those with more wait for the next turn.

        Together, since a transaction costs the same for one partition as for all.
        """
        moves: dict[int, Move] = {}
        records: list[Envelope] = []
        places: list[Place] = []
        while self._turn and len(records) < most:
            number = self._turn.popleft()
            if waiting := self._waiting.get(number):
                taken, end = self._taken(number, waiting, most - len(records))
                records += [found.event for found in taken]
                places += [Place(number, found.position, found.end - 1) for found in taken]
                moves[number] = Move(self.stored[number], end)
                if waiting:
                    self._turn.append(number)
        return StreamBatch(moves, records, places, more=bool(self._turn)) if records else None

    def _taken(self, number: int, waiting: deque[Found], most: int) -> tuple[list[Found], str]:
        """Return the next records of a partition, of which the first is wanted, and the position they bring it to.

        What is not wanted is passed over and counts for that only.
        """
        taken: list[Found] = []
        while waiting and (len(taken) < most or waiting[0].type not in self._types):
            found = waiting.popleft()
            if found.type in self._types:
                taken.append(found)
        self.reached[number] = found.end
        return taken, found.position
