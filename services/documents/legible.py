"""What can be printed of a text: a character that the fonts do not have is marked, an endless word can be broken.

A name that the paper cannot show must be seen to be missing: a box in its place might pass for a stamp's edge.
"""

import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any, Final

MISSING_HEADING: Final = "【请手工补写】"
MISSING_WORDS: Final = "文中标有〔U+编码〕处为字库所缺的字，请在签署前对照身份证件手工补写：{marks}。"
_SEGMENTS: Final = 12
"""The format of the table that maps all of Unicode to glyphs, in runs of characters."""
_ENDLESS: Final = re.compile(r"[^\s\-\u2e80-\uffef]{25,}")
"""Letters and digits of which no line would take more; Chinese breaks anywhere, and so do hyphens."""
_PIECE: Final = 10
_BREAK: Final = "\u200b"


def drawable(fonts: Iterable[Path]) -> frozenset[int]:
    """The characters for which every one of these OpenType fonts has a glyph."""
    return reduce(frozenset.intersection, (frozenset(_characters(font.read_bytes())) for font in fonts))


def legible(document: dict[str, Any], known: frozenset[int]) -> dict[str, Any]:
    """The document with its texts as they can be printed, and a last section that names what is missing."""
    missing: dict[str, None] = {}

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return _text(value, known, missing)
        if isinstance(value, list):
            return [read(one) for one in value]
        return {name: read(one) for name, one in value.items()} if isinstance(value, dict) else value

    printed: dict[str, Any] = read(document)
    if missing:
        words = MISSING_WORDS.format(marks="、".join(missing))
        note = {"heading": MISSING_HEADING, "fields": [], "paragraphs": [words], "numbered": False}
        printed["sections"] = [*printed["sections"], note]
    return printed


def _text(text: str, known: frozenset[int], missing: dict[str, None]) -> str:
    shown = []
    for character in text:
        if character == "\n" or ord(character) in known:
            shown.append(character)
        elif unicodedata.category(character) not in {"Cc", "Cf"}:
            mark = f"〔U+{ord(character):04X}〕"
            missing[mark] = None
            shown.append(mark)
    return _ENDLESS.sub(lambda found: _broken(found[0]), "".join(shown))


def _broken(word: str) -> str:
    return _BREAK.join(word[at : at + _PIECE] for at in range(0, len(word), _PIECE))


def _characters(font: bytes) -> Iterator[int]:
    """The characters of a font's `cmap` table: the segments of its one subtable for all of Unicode."""
    (tables,) = struct.unpack_from(">H", font, 4)
    for table in range(tables):
        tag, _, start, _ = struct.unpack_from(">4sIII", font, 12 + 16 * table)
        if tag != b"cmap":
            continue
        (subtables,) = struct.unpack_from(">H", font, start + 2)
        for subtable in range(subtables):
            (offset,) = struct.unpack_from(">I", font, start + 8 + 8 * subtable)
            (kind,) = struct.unpack_from(">H", font, start + offset)
            if kind == _SEGMENTS:
                yield from _segments(font, start + offset)
                return


def _segments(font: bytes, at: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">I", font, at + 12)
    for segment in range(count):
        first, last, _ = struct.unpack_from(">III", font, at + 16 + 12 * segment)
        yield from range(first, last + 1)
