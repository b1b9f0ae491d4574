"""Where the topics end for who publishes them: the position behind the last record that the broker acknowledged.

A broker that loses the end of its log, by a power cut, gives the offsets of what it lost to what comes next. Who
had read further notices by its own position; where nobody had, only who wrote it can. So a relay keeps its ends
beside its position, and looks whether its last record is still there before it publishes anything. That others have
written behind it harms nothing, nor does a delivery whose acknowledgement was lost: both only raise what is next.
"""

from collections.abc import Iterable, Mapping

from chassis.kafka.positions import Position

Ends = Mapping[str, Mapping[str, str]]
"""By topic and the number of its partition, the position behind the last record; JSON has text for the number."""


def end_after(stored: str | None, acknowledged: Iterable[tuple[int, int]], mark: str) -> str | None:
    """Return the end of a partition after batches, each given as its first offset and how many records it holds.

    mark: of the last record. A first offset below 0 is not known: the broker had the batch already. None: it is the
    last that is not. Raises ValueError where a batch lies below the end of before: what lay there is lost.
    """
    end = Position.parse(stored).offset if stored else 0
    last: int | None = None
    for first, count in acknowledged:
        last = first + count if first >= 0 else None
        if last is None:
            continue
        if first < end:
            raise ValueError(f"a batch came to lie at {first}, and the log had gone up to {end}")
        end = last
    return str(Position(last, mark)) if last is not None else stored


def is_cut_short(stored: str, begin: int, end: int) -> bool | None:
    """Whether a partition that holds the offsets from `begin` up to, not including, `end` has lost our last record.

    None: the record before the stored end must tell. One that retention has deleted is not lost.
    """
    ours = Position.parse(stored).offset
    if ours > end:
        return True
    return False if ours <= begin else None


def furthest(several: Iterable[Ends]) -> dict[str, dict[str, str]]:
    """Return for each topic and partition the end that lies furthest, of those that several writers have."""
    found: dict[str, dict[str, str]] = {}
    for ends in several:
        for topic, places in ends.items():
            own = found.setdefault(topic, {})
            for partition, end in places.items():
                before = own.get(partition)
                if before is None or Position.parse(end).offset > Position.parse(before).offset:
                    own[partition] = end
    return found
