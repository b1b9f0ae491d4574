"""The search in the knowledge base, in memory. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.intake.grams import keys_of

_LEAST: Final = 0.15
"""The share of the words asked for, by weight, that an entry must have."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an entry. Both days of its validity count; without `valid_to` it has no end."""

    entry: str
    version: int
    unit: str
    question: str
    answer: str
    matters: tuple[str, ...]
    keywords: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    review_by: date
    is_published: bool

    def is_valid(self, day: date) -> bool:
        """Whether it may be told on that day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Shelf:
    """The current versions, with the weight of each pair of characters: 3 in a keyword, 2 in the question, or 1."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = [(entry, _weights(entry)) for entry in entries]
        have = Counter(key for _, weights in self._entries for key in weights)
        known = len(self._entries)
        self._rarity = {key: math.log1p((known - n + 0.5) / (n + 0.5)) for key, n in have.items()}

    def find(self, text: str, day: date, matter: str | None, most: int) -> list[Entry]:
        """Return the entries valid on that day that fit best, best first; without text all, by name."""
        valid = [
            (entry, weights)
            for entry, weights in self._entries
            if entry.is_valid(day) and matter in {None, *entry.matters}
        ]
        if not text.strip():
            return sorted((entry for entry, _ in valid), key=lambda entry: entry.entry)[:most]
        asked = [key for key in keys_of(text).tolist() if key in self._rarity]
        total = sum(self._rarity[key] for key in asked)
        scored = [
            (sum(self._rarity[key] * weights.get(key, 0) for key in asked), entry) for entry, weights in valid
        ]
        fit = [(score, entry) for score, entry in scored if score > 0 and score >= _LEAST * total]
        fit.sort(key=lambda pair: (-pair[0], pair[1].entry))
        return [entry for _, entry in fit[:most]]


def _weights(entry: Entry) -> Mapping[int, int]:
    weights: dict[int, int] = {}
    for weight, text in ((1, entry.answer), (2, entry.question), (3, "\n".join(entry.keywords))):
        for key in keys_of(text.replace("\n", " ")).tolist():
            weights[key] = weight
    return weights
