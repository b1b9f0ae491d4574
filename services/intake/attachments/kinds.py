"""What a file is, by its content alone: a name or a stated type is only what somebody wrote."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chassis.http import Problem
from services.intake.attachments import images

HEAD_BYTES: Final = 32
"""How many first bytes tell what a file is."""
_PHOTOS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_VIDEOS: Final = frozenset({b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "})
_SOUNDS: Final = frozenset({b"M4A ", b"M4B "})


@dataclass(frozen=True, slots=True)
class Kind:
    """A type that is taken. `clean` rewrites a whole file of it without what a camera noted; None: it cannot."""

    media_type: str
    suffix: str
    words: str
    clean: Callable[[bytes], bytes] | None = None


JPEG: Final = Kind("image/jpeg", "jpg", "图片", images.clean_jpeg)
PNG: Final = Kind("image/png", "png", "图片", images.clean_png)
WEBP: Final = Kind("image/webp", "webp", "图片", images.clean_webp)
HEIC: Final = Kind("image/heic", "heic", "图片")
PDF: Final = Kind("application/pdf", "pdf", "文件")
MP4: Final = Kind("video/mp4", "mp4", "视频")
M4A: Final = Kind("audio/mp4", "m4a", "录音")
AMR: Final = Kind("audio/amr", "amr", "录音")
AMR_WB: Final = Kind("audio/amr-wb", "awb", "录音")
KINDS: Final = (JPEG, PNG, WEBP, HEIC, PDF, MP4, M4A, AMR, AMR_WB)
BY_MEDIA_TYPE: Final = {kind.media_type: kind for kind in KINDS}


def is_taken(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that is taken."""
    return _kind_of(head[:HEAD_BYTES]) is not None


def kind_of(head: bytes) -> Kind:
    """Return the kind of a file by its first bytes. Raises Problem 415 for any other than those that are taken."""
    found = _kind_of(head)
    if found is None:
        taken = "JPEG, PNG, WebP and HEIC pictures, PDF, MP4 videos, M4A and AMR recordings"
        raise Problem(415, "unsupported_attachment", "This kind of file is not taken", f"Taken are {taken}.")
    return found


def _kind_of(head: bytes) -> Kind | None:
    for start, kind in (
        (b"\xff\xd8\xff", JPEG),
        (b"\x89PNG\r\n\x1a\n", PNG),
        (b"%PDF-1.", PDF),
        (b"%PDF-2.", PDF),
        (b"#!AMR-WB\n", AMR_WB),
        (b"#!AMR\n", AMR),
    ):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    return HEIC if brand in _PHOTOS else MP4 if brand in _VIDEOS else M4A if brand in _SOUNDS else None


def broken() -> Problem:
    """422 for a picture that is none, or hides more behind its beginning than can be told."""
    detail = (
        "It cannot be read to its end, or has too many pixels. Save it anew as JPEG or PNG and send that."
    )
    return Problem(422, "attachment_broken", "The picture is damaged", detail)
