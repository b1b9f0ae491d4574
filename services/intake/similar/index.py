"""The index of recent cases, in memory: what a case is about, where and when. Pure: no database, no clock.

It holds no words, only pairs of characters, and nothing of a person; whatever may change about a case (who may see
it, how far it is) is read from the database when a case has been found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.intake.grams import Keys, keys_of, pairs

TEXT_CHARACTERS: Final = 100
"""How much of a case's text is indexed beside its title: residents say first what it is about."""
SEGMENT: Final = 4096
"""Cases in a finished segment. Larger ones are quicker to search, and need more memory while they are made."""
MOST_CASES: Final = 150_000
"""More than these are not kept: the oldest segment goes. About 0.4 KB each."""
HALF_LIFE_DAYS: Final = 14.0
"""After so many days a case counts half (DES)."""
_OLD: Final = 0.05
"""Less than this age never makes of a case."""
SCALE_M: Final = 400.0
"""At this distance in metres a case counts 1/e (DES)."""
SAME_GRID: Final = 0.7
NEIGHBOUR: Final = 0.4
UNPLACED: Final = 0.25
"""What a case counts at least in the same grid and in one that borders on it, and where its place is unknown."""
_NEAR_ENOUGH: Final = 0.05
_COVERED: Final = 0.34
"""The share of the words asked for, by weight, that a case must have …"""
_ENOUGH: Final = 14.0
"""… or so much weight of them, two rare pairs: of a long story no case has a third."""
_IN_TITLE: Final = 0.5
"""What words in the title count on top."""
_MOST_PAIRS: Final = 64
"""Of a longer text the rarest pairs are looked for."""
_TAIL_PARTS: Final = 16

Floats = NDArray[np.float32]


class Entry(NamedTuple):
    """A case to be indexed. Metres are those of `Spots`; None where the place is unknown."""

    case_id: UUID
    title: str
    text: str
    at: datetime
    unit: int
    """The number of its grid, or of the district."""
    metres: tuple[float, float] | None


class Around(NamedTuple):
    """Where a matter lies: the number of its grid, of those that border on it, and the point in metres."""

    unit: int
    neighbours: frozenset[int]
    metres: tuple[float, float]


class Wanted(NamedTuple):
    """What is looked for. Without `around` all places count alike; `units` says of each number whether its cases
    may be found, None: all may."""

    text: str
    now: datetime
    around: Around | None = None
    units: NDArray[np.bool_] | None = None
    most: int = 60


class Hit(NamedTuple):
    """A case that was found, and how well it fits: 0 to 1.5."""

    case_id: UUID
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Some cases. `cases[starts[n]:starts[n + 1]]` are those that have the pair `keys[n]`: each as its number times
    two, plus one for the title (words of the title stand there twice, once as words of the text)."""

    keys: Keys
    starts: NDArray[np.uint32]
    cases: NDArray[np.uint16]
    ids: NDArray[np.uint8]
    metres: Floats
    at: NDArray[np.float64]
    units: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    def found(self, keys: Keys) -> list[NDArray[np.uint16]]:
        """Return for each pair the cases that have it."""
        places = np.searchsorted(self.keys, keys)
        return [
            self.cases[self.starts[place] : self.starts[place + 1]]
            if place < len(self.keys) and self.keys[place] == key
            else self.cases[:0]
            for key, place in zip(keys, places, strict=True)
        ]


def _segment(entries: Sequence[Entry]) -> _Segment:
    both = [f"{entry.title} {entry.text[:TEXT_CHARACTERS]}" for entry in entries]
    parts = [(key, number << 1 | title) for title, texts in enumerate((both, [e.title for e in entries]))
             for key, number in [pairs(texts)]]  # fmt: skip
    keys = np.concatenate([part[0] for part in parts]).astype(np.uint64)
    numbers = np.concatenate([part[1] for part in parts])
    return _packed(
        keys << np.uint64(16) | numbers,
        np.frombuffer(b"".join([e.case_id.bytes for e in entries]), np.uint8).reshape(-1, 16),
        np.array([e.metres or (np.nan, np.nan) for e in entries], np.float32),
        np.array([e.at.timestamp() for e in entries], np.float64),
        np.array([e.unit for e in entries], np.int32),
    )


def _packed(
    postings: NDArray[np.uint64],
    ids: NDArray[np.uint8],
    metres: Floats,
    at: NDArray[np.float64],
    units: NDArray[np.int32],
) -> _Segment:
    """Sort the postings and drop those that stand there twice. (np.unique is ten times as slow.)"""
    postings.sort()
    postings = postings[_is_new(postings)]
    keys = (postings >> np.uint64(16)).astype(np.uint32)
    starts = np.flatnonzero(_is_new(keys))
    ends = np.append(starts, len(postings)).astype(np.uint32)
    cases = (postings & np.uint64(0xFFFF)).astype(np.uint16)
    return _Segment(keys[starts], ends, cases, ids, metres, at, units)


def _is_new(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each value whether the one before it is another."""
    return np.concatenate([np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1]])


def _merged(segments: Sequence[_Segment]) -> _Segment:
    postings, first = [], 0
    for segment in segments:
        keys = np.repeat(segment.keys, np.diff(segment.starts)).astype(np.uint64)
        postings.append(keys << np.uint64(16) | (segment.cases.astype(np.uint64) + np.uint64(2 * first)))
        first += len(segment)
    return _packed(
        np.concatenate(postings),
        np.concatenate([segment.ids for segment in segments]),
        np.concatenate([segment.metres for segment in segments]),
        np.concatenate([segment.at for segment in segments]),
        np.concatenate([segment.units for segment in segments]),
    )


class Index:
    """Recent cases. Newer ones are added in small parts, which are put together as they grow in number."""

    def __init__(self, most: int = MOST_CASES) -> None:
        self._most = most
        self._done: list[_Segment] = []
        self._tail: list[_Segment] = []

    def __len__(self) -> int:
        return sum(len(segment) for segment in (*self._done, *self._tail))

    def add(self, entries: Sequence[Entry]) -> None:
        """Add cases, at most `SEGMENT` at once. The same one twice is found twice."""
        if not entries:
            return
        if sum(len(part) for part in self._tail) + len(entries) > SEGMENT:
            self._done.append(_merged(self._tail))
            self._tail = []
            while len(self) + len(entries) > self._most and self._done:
                self._done.pop(min(range(len(self._done)), key=lambda n: float(self._done[n].at.max())))
        self._tail.append(_segment(entries))
        if len(self._tail) >= _TAIL_PARTS:
            self._tail = self._compacted(self._tail)

    @staticmethod
    def _compacted(parts: list[_Segment]) -> list[_Segment]:
        """Put the small ones together and leave the large one alone until they have grown to its size."""
        head, rest = parts[0], parts[1:]
        if sum(map(len, rest)) < len(head):
            return [head, _merged(rest)] if len(rest) > 1 else parts
        return [_merged(parts)]

    def search(self, wanted: Wanted) -> list[Hit]:
        """Return the cases that fit best, best first; nothing for a text without two neighbouring characters."""
        keys = keys_of(wanted.text)
        segments = [*self._done, *self._tail]
        found = [segment.found(keys) for segment in segments]
        weights = self._weights([sum(len(cases[n]) for cases in found) for n in range(len(keys))])
        known = np.flatnonzero(weights)
        if not len(known):
            return []
        rarest = known[np.argsort(-weights[known], kind="stable")][:_MOST_PAIRS]
        total = float(weights[rarest].sum())
        hits: list[Hit] = []
        for segment, cases in zip(segments, found, strict=True):
            hits += _best(segment, [(cases[n], float(weights[n])) for n in rarest], total, wanted)
        hits.sort(key=lambda hit: -hit.score)
        return hits[: wanted.most]

    def _weights(self, counts: Sequence[int]) -> Floats:
        """BM25's weight of each pair; a count has words of titles twice, which does not matter for a logarithm.

        Of a pair that no case has it is 0: how a caller begins to speak says nothing about which case it is.
        """
        known, have = len(self), np.minimum(np.array(counts, np.float32), len(self))
        weights = np.log1p((known - have + 0.5) / (have + 0.5))
        return np.where(have > 0, weights, 0.0).astype(np.float32)


def _best(
    segment: _Segment, found: Sequence[tuple[NDArray[np.uint16], float]], total: float, wanted: Wanted
) -> list[Hit]:
    """Return the best of one segment: the share of the words, times nearness, times age."""
    sums = np.zeros(2 * len(segment), np.float32)
    for cases, weight in found:
        sums[cases] += weight
    in_all, in_title = sums[0::2], sums[1::2]
    there = np.flatnonzero(in_all >= min(_COVERED * total, _ENOUGH))
    if wanted.units is not None:
        there = there[wanted.units[segment.units[there]]]
    near = np.ones(len(there), np.float32)
    if wanted.around is not None:
        near = _nearness(segment, there, wanted.around)
        is_near = near >= _NEAR_ENOUGH
        there, near = there[is_near], near[is_near]
    days = np.maximum(wanted.now.timestamp() - segment.at[there], 0.0) / 86_400
    fresh = np.maximum(np.exp2(-days / HALF_LIFE_DAYS), _OLD)
    scores = (in_all[there] + _IN_TITLE * in_title[there]) / total * near * fresh
    best = np.arange(len(scores))
    if len(scores) > wanted.most:
        best = np.argpartition(-scores, wanted.most)[: wanted.most]
    return [Hit(UUID(bytes=segment.ids[there[n]].tobytes()), float(scores[n])) for n in best]


def _nearness(segment: _Segment, there: NDArray[np.intp], around: Around) -> Floats:
    """1 at the very place, less with the distance; grids count as such, for few callers know coordinates."""
    away = segment.metres[there] - np.array(around.metres, np.float32)
    near: Floats = np.exp(-np.hypot(away[:, 0], away[:, 1]) / SCALE_M).astype(np.float32)
    near = np.where(np.isnan(near), np.float32(UNPLACED), near)
    unit = segment.units[there]
    borders = np.isin(unit, np.fromiter(around.neighbours, np.int32, len(around.neighbours)))
    near = np.where(borders, np.maximum(near, NEIGHBOUR), near)
    return np.where(unit == around.unit, np.maximum(near, SAME_GRID), near).astype(np.float32)
