"""Reads a printed document back: its words, its fonts, and what the page looks like."""

import io
from typing import Any

import pypdf
import pypdfium2


def words(pdf: bytes) -> str:
    """All the text of a PDF, without line breaks, nor the marks where a word may be broken."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return "".join(page.extract_text() for page in pages).replace("\n", "").replace("\u200b", "")


def embedded_fonts(pdf: bytes) -> set[str]:
    """The names of the fonts whose glyphs the PDF carries itself."""
    found = set()
    for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            descriptor = inner["/FontDescriptor"].get_object()
            if {"/FontFile2", "/FontFile3"} & set(descriptor):
                found.add(str(descriptor["/FontName"]).rpartition("+")[2])
    return found


def ink(pdf: bytes) -> float:
    """The share of the first page's points that are dark once it is rendered."""
    with pypdfium2.PdfDocument(pdf) as document:
        image = document[0].render(scale=1, grayscale=True).to_pil()
        points: bytes = image.tobytes()
    return sum(point < 128 for point in points) / len(points)


def right_margin(pdf: bytes) -> float:
    """The share of the first page's width that is white at its right edge once it is rendered."""
    with pypdfium2.PdfDocument(pdf) as document:
        image = document[0].render(scale=1, grayscale=True).to_pil()
        _, _, right, _ = image.point(lambda point: 255 if point < 128 else 0).getbbox()
        width: int = image.width
    return 1 - float(right) / width
