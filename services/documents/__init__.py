"""Printable documents in Chinese: what a service wants on paper, laid out as a PDF with its font embedded.

Nothing a person wrote is read as markup: the texts reach the layout as data (`official.typ`).
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

import orjson

MEDIA_TYPE: Final = "application/pdf"
_LAYOUT: Final = Path(__file__).with_name("official.typ")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document: an optional heading, labelled values, then paragraphs."""

    heading: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    """Pairs of label and value, printed as a table."""
    paragraphs: tuple[str, ...] = ()
    numbered: bool = False
    """Whether the paragraphs are numbered 1, 2, 3 …"""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of one of our offices."""

    title: str
    number: str
    """文号: how the document is cited."""
    sections: tuple[Section, ...]
    signatures: tuple[str, ...] = ()
    """Who signs, each beside an empty line."""
    seal: str = ""
    """The office whose seal it bears, over the date; empty for a document of the parties alone."""
    date: str = ""
    """As printed: 2026年3月2日."""


async def printed(document: Document) -> bytes:
    """Return the same as `render`, made in a process of its own: what the layout takes of memory is given back.

    Raises RuntimeError where that process fails; nothing of what it says is repeated, for it may cite the document.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    pdf, _ = await child.communicate(orjson.dumps(asdict(document)))
    if child.returncode != 0:
        raise RuntimeError(f"printing a document ended with status {child.returncode}")
    return pdf


def render(document: Document) -> bytes:
    """Return the document as a PDF of A4 pages."""
    return lay_out(orjson.dumps(asdict(document)).decode())


def lay_out(data: str) -> bytes:
    """Return a PDF of the document that `data` is as JSON."""
    # imported here: a service that prints nothing needs no memory for it
    import typst  # noqa: PLC0415

    return typst.compile(
        _LAYOUT, font_paths=[_fonts()], ignore_system_fonts=True, sys_inputs={"document": data}
    )


@cache
def _fonts() -> Path:
    import pylopdf_fonts_zh_cn  # noqa: PLC0415

    return pylopdf_fonts_zh_cn.serif_path().parent
