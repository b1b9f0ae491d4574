"""Pictures rewritten without what the camera noted beside them: where, when and by which phone (R-PRIV-01).

Only the parts that make the picture are copied, each checked to lie within the file; whatever else a file carries,
in notes or behind the picture's end, is left out. Nothing is decoded. How the phone was held is kept: without it a
picture lies on its side. ValueError: the file is no such picture, or larger than can be shown.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

MOST_PIXELS: Final = 100_000_000
"""A few kilobytes can claim more pixels than a reader's memory holds."""
_SOI, _EOI, _SOS, _APP1, _APP2, _COM = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xFE
_KEPT_APPS: Final = frozenset({0xE0, 0xEE})
"""JFIF and Adobe: how the colours are meant."""
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER: Final = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)
_WEBP_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_EXIF_AND_XMP: Final = 0x08 | 0x04


def clean_jpeg(data: bytes) -> bytes:
    """Return the picture with its colours and its orientation, up to its end."""
    kept: list[bytes] = []
    turned, has_frame, at = 1, False, 2
    while True:
        at, marker = _marker(data, at)
        if marker == _EOI:
            break
        if marker in _BARE:
            continue
        size = _unpack(">H", data, at)
        segment = _part(data, at, size)
        at += size
        if marker == _APP1 and segment[2:8] == b"Exif\0\0":
            turned = _orientation(segment[8:]) or turned
        if marker in _FRAMES:
            _demand_size(_unpack(">H", segment, 5), _unpack(">H", segment, 3))
            has_frame = True
        if _is_kept(marker, segment):
            kept.append(bytes([0xFF, marker]) + segment)
        if marker == _SOS:
            end = _NEXT_MARKER.search(data, at)
            stop = end.start() if end else len(data)
            kept.append(data[at:stop])
            at = stop
            if end is None:
                break  # cut off on the way; what there is can be seen
    if not has_frame:
        raise ValueError("a JPEG without a picture")
    return b"".join((b"\xff\xd8", _exif(turned), *kept, b"\xff\xd9"))


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the place behind the next marker, and the marker."""
    if _unpack(">B", data, at) != 0xFF:
        raise ValueError("no marker where one must be")
    while (marker := _unpack(">B", data, at)) == 0xFF:
        at += 1
    return at + 1, marker


def _is_kept(marker: int, segment: bytes) -> bool:
    if marker == _APP2:
        return segment[2:14] == b"ICC_PROFILE\0"
    return marker in _KEPT_APPS or not (0xE0 <= marker <= 0xEF or marker == _COM)


def _orientation(tiff: bytes) -> int | None:
    """Return how the phone was held, 1 to 8; None where the notes do not say or cannot be read."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    try:
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(min(count, 64)):
            tag, kind, number, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * entry)
            if (tag, kind, number) == (0x0112, 3, 1) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return None
    return None


def _exif(turned: int) -> bytes:
    """Return notes that say nothing but how the phone was held; nothing where it was held upright."""
    if turned == 1:
        return b""
    tiff = b"MM\x00\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, turned, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff


def clean_png(data: bytes) -> bytes:
    """Return the picture and its colours, up to its end."""
    kept, at = [_PNG_START], len(_PNG_START)
    kinds: list[bytes] = []
    while not kinds or kinds[-1] != b"IEND":
        size = _unpack(">I", data, at)
        chunk = _part(data, at, 12 + size)
        kind = chunk[4:8]
        if zlib.crc32(chunk[4:-4]) != _unpack(">I", chunk, 8 + size):
            raise ValueError("a damaged part")
        if kind == b"IHDR":
            _demand_size(_unpack(">I", chunk, 8), _unpack(">I", chunk, 12))
        if kind in _PNG_KEPT:
            kept.append(chunk)
        kinds.append(kind)
        at += 12 + size
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:
        raise ValueError("a PNG without a picture")
    return b"".join(kept)


def clean_webp(data: bytes) -> bytes:
    """Return the picture and its colours, as long as its header says."""
    kept, seen = [], False
    for kind, content in _webp_parts(data):
        if kind not in _WEBP_KEPT:
            continue
        part = content
        if kind == b"VP8X":
            _demand_size(_three(content, 4) + 1, _three(content, 7) + 1)
            part = bytes([content[0] & ~_EXIF_AND_XMP]) + content[1:]
        elif kind == b"VP8 ":
            _demand_size(_unpack("<H", content, 6) & 0x3FFF, _unpack("<H", content, 8) & 0x3FFF)
        elif kind == b"VP8L":
            bits = _unpack("<I", content, 1)
            _demand_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        seen |= kind in (b"VP8 ", b"VP8L", b"ANMF")
        kept.append(kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2))
    if not seen:
        raise ValueError("a WebP without a picture")
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + _unpack("<I", data, 4)
    at = 12
    while at < end:
        size = _unpack("<I", data, at + 4)
        if at + 8 + size > end:
            raise ValueError("a part that reaches beyond the end")
        yield data[at : at + 4], _part(data, at + 8, size)
        at += 8 + size + size % 2


def _three(content: bytes, at: int) -> int:
    return int.from_bytes(_part(content, at, 3), "little")


def _demand_size(width: int, height: int) -> None:
    if not 1 <= width * height <= MOST_PIXELS:
        raise ValueError("no picture that can be shown")


def _part(data: bytes, at: int, size: int) -> bytes:
    if size < 0 or at + size > len(data):
        raise ValueError("a part that reaches beyond the end")
    return data[at : at + size]


def _unpack(form: str, data: bytes, at: int) -> int:
    return int(struct.unpack(form, _part(data, at, struct.calcsize(form)))[0])
