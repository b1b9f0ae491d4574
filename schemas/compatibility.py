"""Whether a changed contract still serves everybody who relies on the published one.

Events are kept for good and read by others, so both directions count: the new code reads every event ever stored,
and an old reader reads every new event. Commands only come in: the new code takes what old callers send.

A field is never removed and its default never changes. Enumerations are closed, for a reader refuses a value that
it does not know: in an event a value is neither removed nor added, in a command it may be added.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_STRUCTURE: Final = frozenset(
    {"anyOf", "oneOf", "type", "enum", "const", "items", "properties", "required", "additionalProperties"}
)
_SAYS_NOTHING: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "examples", "deprecated", "discriminator"}
)


def event_breaks(published: Schema, new: Schema) -> list[str]:
    """Return why the new version of an event breaks somebody, one line a reason; empty where it breaks nobody."""
    found = []
    if published.get("x-topic") != new.get("x-topic"):
        found.append(f"the topic was {published.get('x-topic')}, is {new.get('x-topic')}")
    found += _Comparison("stored events", reader=new, writer=published, keeps=True).reasons()
    return found + _Comparison("old readers", reader=published, writer=new, keeps=False).reasons()


def command_breaks(published: Schema, new: Schema) -> list[str]:
    """Return why the new version of a command breaks callers, one line a reason."""
    return _Comparison("old callers", reader=new, writer=published, keeps=True).reasons()


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Looks for what `writer` may write and `reader` refuses or, with `keeps`, understands differently."""

    who: str
    reader: Schema
    writer: Schema
    keeps: bool
    """The reader is the newer one and must keep every field and default."""

    def reasons(self) -> list[str]:
        return [f"{what} ({self.who})" for what in self._compare(self.reader, self.writer, "", frozenset())]

    def _compare(
        self, reader: Any, writer: Any, path: str, seen: frozenset[tuple[Any, Any]]
    ) -> Iterator[str]:
        pair = (_reference(reader), _reference(writer))
        if pair in seen:
            return
        if pair != (None, None):
            seen |= {pair}
        accepted, written = _variants(reader, self.reader), _variants(writer, self.writer)
        for one in written:
            attempts = [list(self._compare_one(other, one, path, seen)) for other in accepted]
            if all(attempts):
                same_type = [
                    reasons
                    for other, reasons in zip(accepted, attempts, strict=True)
                    if other.get("type") == one.get("type")
                ]
                yield from min(
                    same_type or [[self._change(path, "type", _kinds(accepted), _kinds(written))]], key=len
                )

    def _compare_one(
        self, reader: Schema, writer: Schema, path: str, seen: frozenset[tuple[Any, Any]]
    ) -> Iterator[str]:
        types = {"integer", "number"} if reader.get("type") == "number" else {reader.get("type")}
        if "type" in reader and writer.get("type") not in types:
            yield self._change(path, "type", reader["type"], writer.get("type"))
            return
        yield from self._values(reader, writer, path)
        yield from self._constraints(reader, writer, path)
        if "items" in reader:
            yield from self._compare(reader["items"], writer.get("items", {}), f"{path}[]", seen)
        yield from self._fields(reader, writer, path, seen)

    def _values(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        allowed, used = _enumerated(reader), _enumerated(writer)
        if allowed is None:
            return
        if used is None:
            yield self._change(path, "values", allowed, "any")
        elif extra := [value for value in used if value not in allowed]:
            verb = "removed" if self.keeps else "added"
            yield f"{path or 'the message'}: value {', '.join(map(repr, extra))} was {verb}"

    def _constraints(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        for key in reader.keys() - _STRUCTURE - _SAYS_NOTHING:
            limit, given = reader[key], writer.get(key)
            within = (key in _LOWER and given is not None and given >= limit) or (
                key in _UPPER and given is not None and given <= limit
            )
            if not key.startswith("x-") and limit != given and not within:
                yield self._change(path, key, limit, given)

    def _fields(
        self, reader: Schema, writer: Schema, path: str, seen: frozenset[tuple[Any, Any]]
    ) -> Iterator[str]:
        known, written = reader.get("properties", {}), writer.get("properties", {})
        always = writer.get("required", ())
        others = reader.get("additionalProperties", True)
        for name in sorted(reader.get("required", ())):
            if name not in always:
                yield f"{_join(path, name)}: " + self._missing(name in written)
        for name, field in written.items():
            where = _join(path, name)
            if name in known:
                yield from self._compare(known[name], field, where, seen)
                if self.keeps and name not in always and field.get("default") != known[name].get("default"):
                    yield self._change(where, "default", known[name].get("default"), field.get("default"))
            elif self.keeps:
                yield f"{where}: the field was removed"
            elif others is False:
                yield f"{where}: the field was added where unknown fields are refused"
        if isinstance(others, Mapping):
            yield from self._compare(others, writer.get("additionalProperties", {}), f"{path}{{}}", seen)

    def _missing(self, is_optional: bool) -> str:
        if not self.keeps:
            return "was required and may now be left out"
        return "became required" if is_optional else "a required field was added; give it a default"

    def _change(self, path: str, what: str, reader: Any, writer: Any) -> str:
        old, new = (writer, reader) if self.keeps else (reader, writer)
        return f"{path or 'the message'}: {what} was {old!r}, is {new!r}"


def _reference(schema: Schema) -> str | None:
    reference = schema.get("$ref")
    return str(reference) if reference is not None else None


def _variants(schema: Schema, root: Schema) -> list[Schema]:
    """The alternatives that a schema allows, its references followed; itself where it is plain."""
    if (reference := _reference(schema)) is not None:
        return _variants(root["$defs"][reference.removeprefix("#/$defs/")], root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [variant for part in schema[key] for variant in _variants(part, root)]
    return [schema]


def _enumerated(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _kinds(variants: list[Schema]) -> str:
    return " or ".join(str(variant.get("type", "any")) for variant in variants)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
