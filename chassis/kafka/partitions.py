"""What one consumer holds: its partitions, where it stands in each, and the records that wait. No I/O."""

from collections import deque
from collections.abc import Collection, Sequence

from chassis.kafka.positions import Position
from chassis.transport import StreamBatch
from schemas.envelope import Envelope

Found = tuple[int, Envelope]
"""An event and the offset after it."""


class Partitions:
    """What is assigned to us, where we stand in each, and the records that wait."""

    def __init__(self, types: Collection[str]) -> None:
        self._types = types
        self.all: set[int] = set()
        self.unplaced: set[int] = set()
        self.stored: dict[int, str] = {}
        self.reached: dict[int, int] = {}
        """The offset after the last record handed out or passed over."""
        self._expected: dict[int, str] = {}
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

    def place(self, number: int, stored: str, offset: int, expected: str | None) -> None:
        """Note where a partition is read from, and which record must stand there."""
        self.unplaced.discard(number)
        self.stored[number] = stored
        self.reached[number] = offset + (expected is not None)
        if expected is not None:
            self._expected[number] = expected

    def receive(self, number: int, events: Sequence[Found]) -> bool:
        """Let the records of a partition wait; False where the first is not the one that must stand there."""
        expected = self._expected.pop(number, None)
        if expected is not None:
            if events[0][1].id != expected:
                return False
            events = events[1:]
        waiting = self._waiting.setdefault(number, deque())
        waiting.extend(events)
        while waiting and waiting[0][1].type not in self._types:
            self.reached[number] = waiting.popleft()[0]
        if waiting and number not in self._turn:
            self._turn.append(number)
        return True

    def next_event(self) -> Envelope | None:
        """Return the oldest event that waits."""
        heads = [waiting[0][1] for waiting in self._waiting.values() if waiting]
        return min(heads, key=lambda event: event.time, default=None)

    def take(self, most: int) -> StreamBatch | None:
        """Hand out the records of the partition whose turn it is."""
        while self._turn:
            number = self._turn.popleft()
            waiting = self._waiting.get(number)
            if not waiting:
                continue
            batch = self._batch(number, waiting, most)
            if waiting:
                self._turn.append(number)
            return batch
        return None

    def _batch(self, number: int, waiting: deque[Found], most: int) -> StreamBatch:
        """The first of `waiting` is wanted; what is not wanted is passed over and counts for the end only."""
        records: list[Envelope] = []
        positions: list[str] = []
        offsets: list[int] = []
        end = ""
        while waiting and (len(records) < most or waiting[0][1].type not in self._types):
            offset, event = waiting.popleft()
            end = str(Position(offset, event.id))
            self.reached[number] = offset
            if event.type in self._types:
                records.append(event)
                positions.append(end)
                offsets.append(offset - 1)
        return StreamBatch(number, self.stored[number], end, records, positions, offsets)
