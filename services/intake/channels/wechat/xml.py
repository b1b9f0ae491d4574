"""The protocol's XML: read without ever following a definition or an entity, written by hand."""

from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

_DEEPEST: Final = 8
_MOST_ELEMENTS: Final = 200


class Malformed(Exception):
    """The body is not XML of the protocol."""

    safe_to_log = True


class _Reader:
    """Collects the texts of the root's children."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._depth = 0
        self._elements = 0
        self._text: list[str] = []

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS:
            raise Malformed("the XML has more elements than any message")
        if self._depth == 1 and name != "xml":
            raise Malformed("the root element is not <xml>")
        if self._depth == 2:
            if name in self.found:
                raise Malformed("an element comes twice")
            self._text = []

    def end(self, name: str) -> None:
        if self._depth == 2:
            self.found[name] = "".join(self._text)
        self._depth -= 1

    def text(self, text: str) -> None:
        if self._depth == 2:
            self._text.append(text)


def read_xml(raw: bytes) -> dict[str, str]:
    """Return the texts of the elements below <xml> by name; what lies deeper (picture lists) is left out.

    Raises Malformed. A document type definition is refused unread: without one there are no entities to expand and
    nothing to fetch.
    """
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, UnicodeError):
        raise Malformed("not well-formed XML in UTF-8") from None
    return reader.found


def _refuse(*_declared: object) -> None:
    raise Malformed("a message has no document type definition")


def write_xml(elements: Mapping[str, str | int]) -> str:
    """Return an <xml> element with these children: numbers as they are, texts in CDATA."""
    inner = "".join(f"<{name}>{_value(value)}</{name}>" for name, value in elements.items())
    return f"<xml>{inner}</xml>"


def _value(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"
