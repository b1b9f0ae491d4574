"""The signs of dangers, each with the emergency line that it is for (R-LAD-05, R-HOT-13).

A sign is what a caller says; whether it happens now, and is real, `alarm` reads from the words around it. Of
several in a sentence the first of this table counts: what burns or crashes comes before the wound that it made.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import AhoCorasick, Implementation

from reference import harm, harm_calls, hazard_calls, hazards, violence


@dataclass(frozen=True, slots=True)
class Danger:
    line: str
    sign: re.Pattern[str]
    words: tuple[str, ...]
    """Every hit of the sign holds one of these."""
    lasting: bool = False
    """Whether it goes on where it happens again and again, as violence at home does."""
    fresh: bool = False
    """Whether it is a danger only while it is new: a hole of last month waits for its repair."""
    call: bool = False
    """Whether it counts in a call only: a letter cries for help over much that is no danger."""
    bare: bool = False
    """Whether it does not tell what the danger is: whatever else of the text does comes first."""
    smoke: bool = False
    """Whether a kitchen, a chimney or a smoker may be all that there is."""


Table = Iterable[tuple[str, str]]
"""Patterns, each with the words of which every hit holds one, as `a|b`."""


def _all(
    line: str,
    table: Table,
    *,
    lasting: bool = False,
    fresh: bool = False,
    call: bool = False,
    bare: bool = False,
    smoke: bool = False,
) -> Iterator[Danger]:
    for sign, words in table:
        yield Danger(line, re.compile(sign), tuple(words.split("|")), lasting, fresh, call, bare, smoke)


DANGERS: Final = (
    *_all("119", hazards.FIRE),
    *_all("119", hazard_calls.FIRE, call=True),
    *_all("119", hazard_calls.BLAST, call=True),
    *_all("119", hazards.SMOKE, smoke=True),
    *_all("119", hazard_calls.SMOKE, smoke=True, call=True),
    *_all("119", hazards.GAS),
    *_all("119", hazard_calls.GAS, call=True),
    *_all("119", hazards.CURRENT),
    *_all("119", hazard_calls.CHARGED, fresh=True, call=True),
    *_all("119", hazards.LIFT),
    *_all("122", hazards.TRAFFIC),
    *_all("122", hazard_calls.ROAD, fresh=True, call=True),
    *_all("110", hazard_calls.RAILS, call=True),
    *_all("110", harm.VIOLENCE),
    *_all("110", ((sign, "|".join(violence.HINTS)) for sign in violence.SIGNS), lasting=True),
    *_all("110", harm_calls.ASSAULT, call=True),
    *_all("110", harm_calls.CRIME, fresh=True, call=True),
    *_all("110", harm_calls.HELD, call=True),
    *_all("110", harm.SUICIDE),
    *_all("110", harm_calls.SUICIDE, call=True),
    *_all("120", hazards.FALLEN_IN, fresh=True),
    *_all("110", hazards.COLLAPSE, fresh=True),
    *_all("110", hazards.FALLING, fresh=True),
    *_all("119", hazards.TRAPPED),
    *_all("119", hazard_calls.TRAPPED, fresh=True, call=True),
    *_all("119", hazards.TOTTERING, fresh=True, call=True),
    *_all("119", hazard_calls.CREAKING, fresh=True, call=True),
    *_all("120", harm.ILL),
    *_all("110", hazard_calls.FALLEN, fresh=True, call=True),
    *_all("120", harm_calls.DOCTOR, fresh=True, call=True),
    *_all("120", harm_calls.BIRTH, call=True),
    *_all("110", harm.CRY, call=True, bare=True),
)


class Hints:
    """Finds the dangers of which a text may hold a sign; most texts hold none, and cost one look."""

    def __init__(self, dangers: tuple[Danger, ...]) -> None:
        places: dict[str, list[int]] = {}
        for place, danger in enumerate(dangers):
            for word in danger.words:
                places.setdefault(word, []).append(place)
        self._dangers = dangers
        self._places = tuple(map(tuple, places.values()))
        self._automaton = AhoCorasick(list(places), implementation=Implementation.DFA)

    def of(self, text: str, *, call: bool) -> list[Danger]:
        """Return them in the order of the table; those that count in a call only where it is one."""
        hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
        if not hits:
            return []
        found = [self._dangers[place] for place in sorted({p for hit in hits for p in self._places[hit[0]]})]
        return found if call else [danger for danger in found if not danger.call]
