"""Cases as they come: real texts where the machine has them, places everywhere, callers of our own making."""

import csv
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

import orjson

from reference.areas import GRIDS_FILE, read_areas
from reference.source import Findings

ROOT: Final = Path(__file__).parents[1]
MESSAGES: Final = (ROOT.parent / "shared/data/citizen-messages.csv", ROOT / "reference/gulou/messages.csv")
"""Where the texts come from: the first that exists. They are read at run time, never copied."""
LEAST_TEXTS: Final = 1000
_TITLE = 200
_TEXT = 20_000
_SAME_CALLER_EVERY = 25
_PLACE, _PHONE = "@place@", "@phone@"


def messages_file() -> Path:
    """The messages to use. Raises FileNotFoundError naming the places looked at."""
    for path in MESSAGES:
        if path.is_file():
            return path
    raise FileNotFoundError(f"no messages to send: none of {', '.join(map(str, MESSAGES))} exists")


def read_texts(path: Path) -> list[tuple[str, str]]:
    """Titles and texts of a messages file; of a short one, with varied house numbers, LEAST_TEXTS."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["title"].strip(), row["body"].strip()) for row in csv.DictReader(file)]
    texts = [(title[:_TITLE], text[:_TEXT]) for title, text in rows if title and text]
    if not texts:
        raise ValueError(f"{path} holds no message with title and body")
    varied = list(texts)
    for round_ in count(1):
        if len(varied) >= LEAST_TEXTS:
            return varied
        varied += [(title, f"{text}（{round_}号楼）") for title, text in texts]
    raise AssertionError("unreachable")


def read_places(reference: Path) -> list[bytes]:
    """A place in every grid as JSON, padded to one length: by turns its code and a point inside it."""
    findings = Findings()
    areas = read_areas(reference, GRIDS_FILE, findings)
    findings.raise_if_any()
    places: list[bytes] = []
    for area in areas:
        point = area.outline.representative_point()
        places.append(orjson.dumps({"grid": area.code}))
        places.append(orjson.dumps({"longitude": round(point.x, 6), "latitude": round(point.y, 6)}))
    width = max(map(len, places))
    return [place.ljust(width) for place in places]


class Requests:
    """Makes the n-th request in about a microsecond: all but place and phone number is encoded beforehand."""

    def __init__(
        self, texts: Sequence[tuple[str, str]], places: Sequence[bytes], host: str, path: str, token: str
    ) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: "
        self._places = places
        self._parts = [_parts(head.encode(), *text, len(places[0])) for text in texts]

    def make(self, number: int) -> bytes:
        """The request of case `number`; one in 25 comes from somebody who called before."""
        before, between, after = self._parts[number % len(self._parts)]
        caller = number if number % _SAME_CALLER_EVERY else number // 2
        place = self._places[number % len(self._places)]
        return b"%b%b%b1%010d%b" % (before, place, between, 3_000_000_000 + caller, after)


def _parts(head: bytes, title: str, text: str, place_length: int) -> tuple[bytes, bytes, bytes]:
    body = orjson.dumps(
        {"place": _PLACE, "reporter": {"name": "市民", "phone": _PHONE}, "title": title, "text": text}
    )
    before, _, rest = body.partition(f'"{_PLACE}"'.encode())
    between, _, after = rest.partition(_PHONE.encode())
    length = len(before) + place_length + len(between) + 11 + len(after)
    return head + b"%d\r\n\r\n" % length + before, between, after
