"""Units that a message accuses in words, though nobody named them as complained of (R-LAD-04, R-HOT-14)."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from ahocorasick_rs import AhoCorasick, MatchKind

from reference.complaints import Complaints, Said
from reference.rows import CONDUCT, ConductFile
from reference.source import Findings, parse, read_yaml
from reference.units import Places
from reference.vocabulary import normalise
from schemas.jurisdiction import Conduct, Jurisdiction, Unit, UnitKind

CONDUCT_FILE: Final = "conduct.yaml"
_COMMUNITY: Final = ("社区", "居委会", "居民委员会", "社区居委会", "居委", "社居委")
_PLACES: Final = frozenset({UnitKind.COMMUNITY, UnitKind.STREET})
_STREET: Final = ("街道", "街道办", "街办", "办事处")


class Accusations:
    """Finds who is accused; immutable after construction.

    The district is not looked for: all units are under it, and its name stands in most addresses. A grid is found
    as its community, whose name it bears.
    """

    def __init__(self, jurisdiction: Jurisdiction) -> None:
        conduct, units = jurisdiction.conduct, jurisdiction.units
        district = next(unit.name for unit in units.values() if unit.kind is UnitKind.DISTRICT)
        names = {name: unit for unit in units.values() for name in names_of(unit)}
        self._complaints = Complaints(conduct, names, district.removesuffix("区"))
        self._offices = re.compile("|".join(map(re.escape, conduct.offices)))
        self._units = list(names.values())
        self._are_places = [name == unit.name and unit.kind in _PLACES for name, unit in names.items()]
        self._names = AhoCorasick(list(names), matchkind=MatchKind.LeftmostLongest)
        # who judges a message asks several things of it, one after the other
        self._said = lru_cache(maxsize=1)(self._read)

    def accused(self, title: str, text: str) -> tuple[str, ...]:
        """The codes of the units that a message complains of; mostly none.

        A word about conduct anywhere accuses all that are named. Else it is whom a sentence complains of.
        """
        said = self._said(title, text)
        if not said.may_complain_of_a_unit:
            return ()
        if self._complaints.of_conduct(said):
            accused = [name for name, _, _ in self._names.find_matches_as_indexes(said.text)]
        else:
            accused = [name for sentence in said.of_units() for name in self._complained_of(sentence)]
        return tuple(dict.fromkeys(self._units[name].code for name in accused))

    def of_an_office(self, title: str, text: str) -> bool:
        """Whether a sentence complains of an office without saying which: by its matter the case could reach it."""
        said = self._said(title, text)
        if said.complains_of_an_office is None:
            said.complains_of_an_office = said.may_complain_of_an_office and any(
                map(self._complains_of_an_office, said.of_offices())
            )
        return said.complains_of_an_office

    def _read(self, title: str, text: str) -> Said:
        return self._complaints.said(f"{normalise(title)}\n{normalise(text)}")

    def _complained_of(self, sentence: Said) -> Iterator[int]:
        for name, start, end in self._names.find_matches_as_indexes(sentence.text):
            if self._complaints.of(sentence, start, end, is_place=self._are_places[name]):
                yield name

    def _complains_of_an_office(self, sentence: Said) -> bool:
        complaints = self._complaints
        if complaints.of_a_head(sentence):
            return True
        offices = list(self._offices.finditer(sentence.text))
        if offices and complaints.of_conduct(sentence):
            return True
        return any(complaints.of(sentence, *office.span(), is_place=False) for office in offices)


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
    return Conduct(**{name: tuple(words) for name, words in file.model_dump().items()})


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
