"""Stored positions on Kafka: the next offset, and the mark of the record before it.

An offset alone says nothing once the broker was lost and its topics were made anew: it points into another log.
The mark tells: if the record before the offset is another one, the log is new, and it is read from its beginning.
What was applied before is skipped by its sequence.

The mark is the event's id and the edition of the log. The id alone would not do: a log that was published again
holds nearly the same events in nearly the same order, so the same event may stand at the same offset, and before it
one that stood behind it in the log that was lost. Who went on from there would never read that one.
"""

from dataclasses import dataclass
from typing import Final

from chassis.store import START

REPUBLISH: Final = "republish the event logs"
"""What brings back records that we wrote."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a partition. Its text form is `<next offset>@<mark of the record before it>`."""

    offset: int
    mark: str

    def __str__(self) -> str:
        return f"{self.offset}@{self.mark}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read the text form. Raises ValueError naming what would be right."""
        offset, at, mark = text.partition("@")
        if not (at and offset.isascii() and offset.isdigit() and int(offset) > 0):
            raise ValueError(
                f"not a position in a Kafka partition: {text!r}; it looks like 12@intake/<case id>/1. "
                "A database that has run on the embedded transport does not go on with Kafka"
            )
        return cls(int(offset), mark)


def mark_of(event: str, edition: str) -> str:
    """Return the mark of a record: the id of its event, with the edition of its log where it is not the first."""
    return f"{edition}:{event}" if edition else event


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where to go on reading."""

    offset: int
    expected: str | None = None
    """The mark that the record at `offset` must have, which was applied already; None: it is the next to apply."""
    finding: str | None = None
    """What is wrong with the log, in plain words."""


def resume(stored: str, begin: int, end: int, remedy: str = REPUBLISH) -> Resumption:
    """Say where to go on in a partition that holds the offsets from `begin` up to, not including, `end`.

    remedy: what to do where records were deleted before they were read.
    """
    if stored == START:
        return Resumption(begin)
    position = Position.parse(stored)
    if position.offset > end:
        return Resumption(
            begin, finding=f"the log ends at {end}, before {position.offset} where we stood: it is a new one"
        )
    if position.offset > begin:
        return Resumption(position.offset - 1, position.mark)
    if position.offset == begin:
        return Resumption(begin)
    return Resumption(
        begin,
        finding=too_late(begin - position.offset, remedy),
    )


def too_late(records: int, remedy: str = REPUBLISH) -> str:
    """Say that so many records were deleted before we came, and what to do."""
    return f"{records} records were deleted by retention before they were read: {remedy}"
