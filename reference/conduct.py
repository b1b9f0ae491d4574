"""Units that a message accuses in words, though nobody named them as complained of (R-LAD-04, R-HOT-14)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ahocorasick_rs import AhoCorasick, MatchKind

from reference.rows import CONDUCT, ConductFile
from reference.source import Findings, parse, read_yaml
from reference.units import Places
from reference.vocabulary import normalise
from schemas.jurisdiction import Conduct, Jurisdiction, Unit, UnitKind

CONDUCT_FILE: Final = "conduct.yaml"
_COMMUNITY: Final = ("社区", "居委会", "居民委员会", "社区居委会")
_SENTENCE_END: Final = re.compile(r"[。！？!?；;\n]+")
_STREET: Final = ("街道", "街道办", "街办", "办事处")


class Accusations:
    """Finds who is accused; immutable after construction.

    The district is not looked for: all units are under it, and its name stands in most addresses. A grid is found
    as its community, whose name it bears.
    """

    def __init__(self, jurisdiction: Jurisdiction) -> None:
        conduct = jurisdiction.conduct
        self._conduct = re.compile("|".join(map(re.escape, conduct.words)))
        self._others = conduct.unless_after
        self._offices = re.compile("|".join(map(re.escape, conduct.offices)))
        names = {name: unit.code for unit in jurisdiction.units.values() for name in names_of(unit)}
        self._units = list(names.values())
        self._names = AhoCorasick(list(names), matchkind=MatchKind.LeftmostLongest)

    def accused(self, title: str, text: str) -> tuple[str, ...]:
        """The codes of all units named in a message that complains of conduct anywhere; mostly none."""
        if not self._has_word(title, text):
            return ()
        if not self._complains(title) and not self._complains(text):
            return ()
        both = f"{normalise(title)}\n{normalise(text)}"
        return tuple(
            dict.fromkeys(self._units[name] for name, _, _ in self._names.find_matches_as_indexes(both))
        )

    def of_an_office(self, title: str, text: str) -> bool:
        """Whether a sentence complains of an office without saying which: by its matter the case could reach it."""
        if not self._has_word(title, text):
            return False
        return any(
            self._offices.search(sentence) is not None and self._complains(sentence)
            for sentence in (title, *_SENTENCE_END.split(text))
        )

    def _has_word(self, title: str, text: str) -> bool:
        """The quickest answer, no for most messages."""
        return self._conduct.search(text) is not None or self._conduct.search(title) is not None

    def _complains(self, text: str) -> bool:
        return any(
            not text.endswith(self._others, 0, found.start()) for found in self._conduct.finditer(text)
        )


def names_of(unit: Unit) -> tuple[str, ...]:
    """How residents write a unit's name; nothing for those that are not looked for."""
    match unit.kind:
        case UnitKind.COMMUNITY:
            return _with_endings(unit.name, _COMMUNITY)
        case UnitKind.STREET:
            return _with_endings(unit.name, _STREET)
        case UnitKind.DEPARTMENT | UnitKind.PUBLIC_BODY:
            return (unit.name, unit.name.removeprefix("区"), *unit.aliases)
        case _:
            return ()


def _with_endings(name: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    stem = name.removesuffix(endings[0])
    return (name, *(stem + ending for ending in endings))


def read_conduct(root: Path, findings: Findings) -> Conduct | None:
    """The words of conduct.yaml; each is needed and long enough to mean something."""
    source = read_yaml(root, CONDUCT_FILE, findings)
    file = parse(CONDUCT, source, findings) if source else None
    if source is None or file is None:
        return None
    for index, message in _problems(file):
        findings.add(source.file, source.line("words", index), message)
    return Conduct(tuple(file.words), tuple(file.unless_after), tuple(file.offices))


def _problems(file: ConductFile) -> Iterator[tuple[int, str]]:
    for index, word in enumerate(file.words):
        if word in file.words[:index]:
            yield index, f"word {word} is given twice; keep one"
        for other in file.words:
            if other != word and other in word:
                yield index, f"word {word} is never needed: {other} is found in it; keep {other}"


def check_aliases(units: Mapping[str, Unit], places: Places, findings: Findings) -> None:
    """No name stands for two units: an alias is refused that another unit has, too."""
    owners: dict[str, str] = {}
    for unit in sorted(units.values(), key=lambda unit: len(unit.aliases)):  # a name proper goes first
        for name in dict.fromkeys(names_of(unit)):
            owner = owners.setdefault(name, unit.code)
            if owner != unit.code and name in unit.aliases:
                findings.add(*places[unit.code], f"alias {name} of {unit.code} is a name of {owner}, too")
