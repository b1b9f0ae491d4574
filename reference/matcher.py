"""Triage of a text by keyword and catalogue: which matter it is about, and how surely.

A trained model can take the same seat: whatever satisfies `Triage` will do.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from ahocorasick_rs import AhoCorasick, MatchKind

from reference.alarm import find_alarm
from reference.conduct import Accusations
from reference.dangers import DANGERS, Danger, Hints
from reference.vocabulary import OUTSIDE, closed_up, normalise
from schemas.jurisdiction import Jurisdiction
from schemas.values import Emergency

WEAK: Final = "~"
"""Ends a keyword that supports a matter but hardly carries it alone, such as `物业~`."""
MOST_CANDIDATES: Final = 5
_EVENT: Final = 4
"""A word of so many characters says what happened to what (路面下沉); a shorter one does not (漏气)."""

_ELSEWHERE: Final = ""  # stands for every topic outside the catalogue
_TITLE_FACTOR, _REPEAT, _MOST_REPEATS = 3.0, 0.25, 3
_STRONG_WORD, _WEAK_WORD, _LONGER_WORD = 1.0, 0.35, 0.15
_BODY_ONLY, _REST = 0.5, 0.3
_UNKNOWN: Final = 1.0  # weight of all that the words do not tell; the less evidence, the more it counts
_NEAR: Final = (
    "旁",
    "附近",
    "对面",
    "门口",
    "周边",
    "后面",
    "前面",
    "后门",
    "前门",
    "隔壁",
    "入口处",
    "门前",
    "楼上",
)
_NEAR_STARTS: Final = frozenset(word[0] for word in _NEAR)


class Candidate(NamedTuple):
    """A matter code and its score; scores compare only within one `Match`."""

    matter: str
    score: float


class Match(NamedTuple):
    """What a text seems to be about: candidates best first, confidence 0..1 in the first, words that fired."""

    candidates: tuple[Candidate, ...]
    confidence: float
    words: tuple[str, ...]


class Triage(Protocol):
    """Anything that finds the matter of a text, and whom it accuses."""

    def match(self, title: str, text: str) -> Match:
        """Return the likely matters of a message; pure, and safe to call from several threads."""
        ...

    def accused(self, title: str, text: str) -> tuple[str, ...]:
        """Return the codes of the units that a message complains of; as pure and safe."""
        ...

    def accuses_an_office(self, title: str, text: str) -> bool:
        """Whether a message complains of an office without its name; as pure and safe."""
        ...


class Matcher:
    """`Triage` by the keywords of a jurisdiction's matters; immutable after construction, hence thread-safe."""

    def __init__(self, jurisdiction: Jurisdiction) -> None:
        self._dangers = frozenset(code for code, matter in jurisdiction.matters.items() if matter.emergency)
        self._sealed = frozenset(code for code, matter in jurisdiction.matters.items() if matter.sealed)
        self._petitions = frozenset(
            code for code, matter in jurisdiction.matters.items() if matter.track == "P"
        )
        pairs = [(word, code) for code, matter in jurisdiction.matters.items() for word in matter.keywords]
        pairs += [(word, _ELSEWHERE) for word in OUTSIDE]
        self._words = [normalise(word.removesuffix(WEAK)) for word, _ in pairs]
        self._matters = [code for _, code in pairs]
        self._weights = [_weight(word) for word, _ in pairs]
        # no DFA: between the cases of a batch its megabytes leave the processor's cache, and it is the slower one
        self._automaton = AhoCorasick(self._words, matchkind=MatchKind.LeftmostLongest)
        self._accusations = Accusations(jurisdiction)
        self._hints = Hints((*DANGERS, *_dangers_of(jurisdiction)))

    def match(self, title: str, text: str) -> Match:
        """Score the matters whose keywords stand in the text; a hit in the title weighs more than one below.

        Of overlapping keywords the longest counts. Confidence grows with the evidence for the best matter and
        shrinks with that for the others; 0 when nothing, or a topic outside the catalogue, comes first.
        It is halved where a mistake would harm, so that a human decides.
        """
        hits, more = self._count(normalise(title)), self._count(normalise(text))
        titled, told = self._scores(hits), self._scores(more)
        scores = {code: _TITLE_FACTOR * score for code, score in titled.items()}
        for code, score in told.items():
            scores[code] = scores.get(code, 0.0) + score
        ranked = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
        listed = [Candidate(*entry) for entry in ranked[: MOST_CANDIDATES + 1] if entry[0] != _ELSEWHERE]
        confidence = _confidence(ranked, titled)
        if self._wants_a_human(listed, title, text):
            confidence /= 2
        return Match(
            tuple(listed[:MOST_CANDIDATES]),
            round(confidence, 3),
            tuple([self._words[word] for word in {**hits, **more} if self._matters[word] != _ELSEWHERE]),
        )

    def emergency(
        self, title: str, text: str, *, settled: bool = False, added: bool = False
    ) -> Emergency | None:
        """Return the danger that a text reports as happening now, if any (R-LAD-05, R-HOT-13).

        `settled`: the text is about what was dealt with on the spot (R-GRD-01); the danger counts all the same.
        `added`: the text was added to a case.
        """
        return find_alarm(
            closed_up(normalise(title)),
            closed_up(normalise(text)),
            self._hints,
            settled=settled,
            added=added,
        )

    def accused(self, title: str, text: str) -> tuple[str, ...]:
        """Return the units that a complaint about conduct names, if it is one (R-LAD-04, R-HOT-14)."""
        return self._accusations.accused(title, text)

    def accuses_an_office(self, title: str, text: str) -> bool:
        """Whether a sentence complains of an office or its staff without their name (R-LAD-04, R-HOT-14)."""
        return self._accusations.of_an_office(title, text)

    def is_accusation(self, title: str, text: str) -> bool:
        """Whether words of a sealed matter stand in the text, whatever else it is about (R-PET-10).

        A weak one, as 腐败 also is of food, counts where the text complains of a unit or an office as well.
        """
        scores = self._scores(self._count(normalise(f"{title}\n{text}")))
        most = max((scores.get(code, 0.0) for code in self._sealed), default=0.0)
        if most >= _STRONG_WORD:
            return True
        return most > 0 and (bool(self.accused(title, text)) or self.accuses_an_office(title, text))

    def _wants_a_human(self, listed: list[Candidate], title: str, text: str) -> bool:
        """An emergency matter whose danger is not happening now (R-LAD-05), or a complaint beside another matter.

        The latter, sent on as that other matter, could reach the accused (R-PET-10), or the office of which it
        complains (R-LAD-04, R-HOT-14); a petition goes to the petition office in any case.
        """
        if not listed:
            return False
        if any(other.matter in self._sealed and other.score >= _STRONG_WORD for other in listed[1:]):
            return True
        best = listed[0].matter
        if best in self._dangers:
            return self.emergency(title, text) is None
        return (
            best not in self._petitions and best not in self._sealed and self.accuses_an_office(title, text)
        )

    def _count(self, text: str) -> dict[int, int]:
        """How often each keyword, by its index, occurs in a text; not as a landmark (`公交站旁边`)."""
        counts: dict[int, int] = {}
        for word, _, end in self._automaton.find_matches_as_indexes(text):
            if text[end : end + 1] not in _NEAR_STARTS or not text.startswith(_NEAR, end):
                counts[word] = counts.get(word, 0) + 1
        return counts

    def _scores(self, counts: dict[int, int]) -> dict[str, float]:
        """Evidence per matter; saying a weak word again adds nothing."""
        scores: dict[str, float] = {}
        for word, times in counts.items():
            weight = self._weights[word]
            if times > 1 and weight >= _STRONG_WORD:
                weight *= 1 + _REPEAT * (min(times, _MOST_REPEATS) - 1)
            scores[self._matters[word]] = scores.get(self._matters[word], 0.0) + weight
        return scores


def _dangers_of(jurisdiction: Jurisdiction) -> Iterator[Danger]:
    """The strong words of its emergency matters (`!`) that are no sign of a danger anyway: what triage takes for
    such a matter goes to its line, unless the words around put it in the past or in the mind (R-LAD-05)."""
    known = Hints(DANGERS)
    for matter in jurisdiction.matters.values():
        for word in matter.keywords if matter.emergency_line is not None else ():
            if not word.endswith(WEAK) and len(word) >= _EVENT and find_alarm(word, "", known) is None:
                sign = re.compile(re.escape(word))
                yield Danger(matter.emergency_line or "", sign, (word,), fresh=True)


def _weight(word: str) -> float:
    """Longer words are more specific; characters beyond the fourth add nothing."""
    base = _WEAK_WORD if word.endswith(WEAK) else _STRONG_WORD
    return base + _LONGER_WORD * (min(len(word.removesuffix(WEAK)), 4) - 2)


def _confidence(ranked: list[tuple[str, float]], titled: dict[str, float]) -> float:
    """The best matter's share of all evidence: the runner-up counts in full, the rest in part.

    Where the title names the best matter, those that only the body mentions count half: long letters mention a lot.
    """
    if not ranked or ranked[0][0] == _ELSEWHERE:
        return 0.0
    (first, best), *others = ranked
    aside = _BODY_ONLY if first in titled else 1.0
    rivals = sorted([score if code in titled else score * aside for code, score in others], reverse=True)
    return best / (best + sum(rivals[:1]) + _REST * sum(rivals[1:]) + _UNKNOWN)
