"""Printable documents in Chinese: what a service wants on paper, laid out as a PDF with its font embedded.

Nothing a person wrote is read as markup: the texts reach the layout as data (`official.typ`).
"""

import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import orjson

MEDIA_TYPE: Final = "application/pdf"
_ROOT: Final = Path(__file__).parents[2]
_LIMIT_S: Final = 30
_ONE_AT_A_TIME: Final = Lock()


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


class PrintingFailed(Exception):
    """The layout could not be made into a PDF: a fault of ours. The message repeats nothing of the document."""

    safe_to_log = True


def render(document: Document) -> bytes:
    """Return the document as a PDF of A4 pages; takes some 0.2 s, so call it off the event loop.

    A process of its own does it, one at a time: it needs 90 MB, which no service is to keep. Raises PrintingFailed.
    """
    with _ONE_AT_A_TIME:
        done = subprocess.run(
            [sys.executable, "-m", "services.documents"],
            input=orjson.dumps(asdict(document)),
            cwd=_ROOT,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    if done.returncode != 0:
        raise PrintingFailed(f"the printing process ended with status {done.returncode}")
    return done.stdout
