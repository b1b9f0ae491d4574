"""First-hit decision tables over finite fields, with an exact check of reach and cover. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.router import Fired

Box = tuple[frozenset[str], ...]
"""A set of combinations: for each field, in order, the values that it may take."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rule: when every field's value is in `when`, then `then`. `source` is the R-code or article it is from."""

    id: str
    when: Box
    then: Mapping[str, str]
    source: str
    fired: Fired
    """How the row is named in a route's explanation."""
    line: int = 0


@dataclass(frozen=True)
class Table:
    """Rows in order of precedence; the first whose `when` holds decides."""

    name: str
    fields: tuple[str, ...]
    domains: Box
    """All values that each field can take."""
    rows: tuple[Row, ...]
    _hits: dict[tuple[str, ...], Row] = field(default_factory=dict, repr=False, compare=False)

    def decide(self, *values: str) -> Row:
        """The row for one value per field, in the order of `fields`; each combination is searched for once.

        Raises `LookupError` for a combination that no row covers, which a loaded policy does not have.
        """
        hit = self._hits.get(values)
        if hit is None:
            hit = self._hits[values] = self._search(values)
        return hit

    def _search(self, values: tuple[str, ...]) -> Row:
        for row in self.rows:
            if all(value in allowed for value, allowed in zip(values, row.when, strict=True)):
                return row
        raise LookupError(f"table {self.name} has no row for {dict(zip(self.fields, values, strict=True))}")


@dataclass(frozen=True, slots=True)
class Cover:
    """What is wrong with a table's rows: which never fire, and which combinations none covers."""

    unreachable: tuple[Row, ...]
    uncovered: tuple[Box, ...]


def cover(domains: Box, rows: Sequence[Row]) -> Cover:
    """Take each row's box from what the rows before it left over: exact, without listing combinations."""
    left: list[Box] = [domains]
    unreachable = []
    for row in rows:
        cuts = [(box, cut) for box in left if (cut := _meet(box, row.when)) is not None]
        if not cuts:
            unreachable.append(row)
            continue
        touched = {id(box) for box, _ in cuts}
        left = [box for box in left if id(box) not in touched]
        for box, cut in cuts:
            left.extend(_minus(box, cut))
    return Cover(tuple(unreachable), tuple(left))


def first_hits(box: Box, rows: Sequence[Row]) -> list[Row]:
    """The rows that decide for some combination of the box."""
    left, found = [box], []
    for row in rows:
        hit = [part for part in left if _meet(part, row.when) is not None]
        if hit:
            found.append(row)
            left = [rest for part in left for rest in _without(part, row.when)]
    return found


def _without(box: Box, other: Box) -> list[Box]:
    cut = _meet(box, other)
    return [box] if cut is None else _minus(box, cut)


def example(fields: Iterable[str], box: Box) -> str:
    """One combination of a box in words, for an error message."""
    return ", ".join(f"{name}={min(values)}" for name, values in zip(fields, box, strict=True))


def _meet(box: Box, other: Box) -> Box | None:
    cut = tuple(a & b for a, b in zip(box, other, strict=True))
    return cut if all(cut) else None


def _minus(box: Box, cut: Box) -> list[Box]:
    """The box without `cut`, which lies inside it, as boxes that do not overlap."""
    rest, current = [], list(box)
    for i, values in enumerate(cut):
        outside = current[i] - values
        if outside:
            rest.append((*current[:i], outside, *current[i + 1 :]))
        current[i] = values
    return rest
