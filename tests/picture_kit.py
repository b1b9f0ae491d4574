"""Small pictures made by hand, with what a phone writes beside them."""

import struct
import zlib

GPS = b"GPSLatitude 34.2610 GPSLongitude 117.1850"


def jpeg(
    *,
    orientation: int = 1,
    comment: bytes = b"",
    width: int = 8,
    height: int = 8,
    scan: bytes = b"\x12\xff\0\x34",
) -> bytes:
    """Return a JPEG with an Exif segment that holds GPS. Its picture is noise, which nobody decodes here."""
    tiff = b"II\x2a\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0) + GPS
    parts = [
        _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        _segment(0xE1, b"Exif\0\0" + tiff),
        _segment(0xFE, comment),
        _segment(0xC0, b"\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\0"),
        _segment(0xDA, b"\x01\x01\0\0\x3f\0"),
        scan,
    ]
    return b"".join((b"\xff\xd8", *parts, b"\xff\xd9"))


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def png(note: bytes = b"", *, width: int = 1, height: int = 1) -> bytes:
    """Return a PNG of one white pixel, whatever it claims; with a note where one is given."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    notes = png_chunk(b"tEXt", b"Comment\0" + note) + png_chunk(b"eXIf", note) if note else b""
    body = png_chunk(b"IHDR", head) + notes + png_chunk(b"IDAT", zlib.compress(b"\0\xff\xff\xff"))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return one part of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def webp(note: bytes = b"", *, width: int = 2, height: int = 2) -> bytes:
    """Return a WebP with an extended header, and with notes where some are given."""
    flags = 0x0C if note else 0
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    lossless = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\x07\x10\x11"
    notes = _chunk(b"EXIF", note) + _chunk(b"XMP ", note) if note else b""
    body = b"WEBP" + _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size) + _chunk(b"VP8L", lossless) + notes
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
