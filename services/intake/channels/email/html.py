"""An HTML mail as plain text: what a reader would see, without style, and without what it quotes.

In one pass, whatever is in it: what is opened and never closed ends the text, so nothing is looked at twice. (The
standard library's parser takes minutes for a few hundred kilobytes of such pages.)
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

_UNSEEN: Final = frozenset({"script", "style", "title", "template"})
_LINES: Final = frozenset(
    {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr", "blockquote", "section"}
)
_QUOTE: Final = "blockquote"
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_SPACE: Final = re.compile(r"[ \t\r\f\v\u00a0\u200b]+")
_GAPS: Final = re.compile(r"\n{3,}")
_LONGEST: Final = 300_000


def text_of(html: str, *, with_quotes: bool) -> str:
    """Return the text of an HTML page, of its first 300,000 characters; quoted mail only where it is wanted."""
    pieces: list[str] = []
    quoted = 0
    for piece, closes, tag in _pieces(html[:_LONGEST]):
        if with_quotes or not quoted:
            pieces.append(unescape(piece).replace("\n", " "))
        if tag == _QUOTE:
            quoted = max(0, quoted + (-1 if closes else 1))
        if tag in _LINES:
            pieces.append("\n")
    lines = [_SPACE.sub(" ", line).strip() for line in "".join(pieces).split("\n")]
    return _GAPS.sub("\n\n", "\n".join(lines)).strip()


def _pieces(html: str) -> Iterator[tuple[str, bool, str]]:
    """Yield each piece of text with the tag that follows it: whether it closes, and its name (empty: none)."""
    place = begin = 0
    while (place := html.find("<", place)) >= 0:
        tag = _TAG.match(html, place)
        if tag is None and html[place + 1 : place + 2] not in {"!", "?"}:
            place += 1  # a mere sign in the text
            continue
        name = tag.group(2).lower() if tag is not None else ""
        yield html[begin:place], bool(tag and tag.group(1)), name
        begin = place = _end(html, place, name)
    yield html[begin:], False, ""


def _end(html: str, place: int, name: str) -> int:
    """Return where the text goes on behind a tag or comment, and behind what is never shown."""
    closing = "-->" if html.startswith("<!--", place) else ">"
    end = html.find(closing, place)
    if end < 0:
        return len(html)
    end += len(closing)
    if name not in _UNSEEN or html.startswith("</", place):
        return end
    shut = re.compile(f"</{name}\\s*>", re.IGNORECASE).search(html, end)
    return shut.end() if shut is not None else len(html)
