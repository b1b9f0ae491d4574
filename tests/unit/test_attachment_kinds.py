"""What files are by their content, and pictures without what the camera noted."""

import struct
from uuid import uuid4

import pytest

from chassis.http import Problem
from chassis.vault import Vault, VaultError
from services.intake.attachments.images import clean_jpeg, clean_png, clean_webp
from services.intake.attachments.kinds import kind_of
from tests.picture_kit import GPS, jpeg, png, png_chunk, webp


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (jpeg(), "image/jpeg"),
        (png(), "image/png"),
        (webp(), "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"%PDF-1.7\n%", "application/pdf"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video/mp4"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "audio/mp4"),
        (b"#!AMR\n\x3c", "audio/amr"),
    ],
)
def test_a_file_is_what_it_contains(head: bytes, media_type: str) -> None:
    assert kind_of(head).media_type == media_type


@pytest.mark.parametrize(
    "head",
    [
        b"<html><script>alert(1)</script>", b"<svg xmlns='http://www.w3.org' onload='x()'/>", b"PK\x03\x04",
        b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh\n", b" %PDF-1.7", b"GIF89a", b"RIFF\0\0\0\0AVI LIST", b"%PDF-9",
        b"\0\0\0\x18ftypqt  ", b"\xff\xd8", b"{",
    ],
)  # fmt: skip
def test_nothing_else_is_taken(head: bytes) -> None:
    with pytest.raises(Problem) as caught:
        kind_of(head)
    assert (caught.value.status_code, caught.value.code) == (415, "unsupported_attachment")


def test_a_photo_loses_place_and_notes_but_not_how_it_was_held() -> None:
    """R-PRIV-01: the place of the matter is asked; that of the phone is nobody's business."""
    cleaned = clean_jpeg(jpeg(orientation=6, comment=b"13800138000") + b"PK\x03\x04<script>")
    assert GPS not in cleaned
    assert b"13800138000" not in cleaned
    assert cleaned.endswith(b"\xff\xd9")
    assert b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in cleaned
    assert clean_jpeg(cleaned) == cleaned
    assert b"Exif" not in clean_jpeg(jpeg(orientation=1))
    assert GPS not in clean_png(png(GPS) + b"<?php")
    assert clean_png(png(GPS) + b"<?php") == png()
    assert clean_webp(webp(GPS) + b"<script>") == webp()


@pytest.mark.parametrize("cut", range(2, 60, 3))
def test_a_broken_picture_is_refused_or_cut_never_an_accident(cut: int) -> None:
    for make, clean in ((jpeg(), clean_jpeg), (png(), clean_png), (webp(), clean_webp)):
        try:
            assert clean(make[:cut])
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("clean", "bomb"),
    [
        (clean_jpeg, jpeg(width=65_535, height=65_535)),
        (clean_png, png(width=1_000_000, height=1_000_000)),
        (clean_png, png(width=0)),
        (clean_webp, webp(width=16_000, height=16_000)),
        (clean_png, b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0xFFFFFFFF) + b"IDAT"),
        (clean_webp, b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\x7f"),
        (clean_jpeg, b"\xff\xd8\xff\xe1\x00\x00"),
        (clean_png, png()[:8] + png_chunk(b"IEND", b"")),
    ],
)  # fmt: skip
def test_a_few_bytes_that_claim_a_million_pixels_are_refused(clean: object, bomb: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(a|no) "):
        clean(bomb)  # type: ignore[operator]


def test_a_large_record_is_sealed_piece_by_piece() -> None:
    """R-PRIV-01: none can be moved, left out, or read with another case's key."""
    vault, case, record = Vault([bytes(32)]), uuid4(), uuid4()
    sealed, sealing = vault.begin(case, record)
    first, last = sealing.seal(0, b"one", last=False), sealing.seal(1, b"two", last=True)
    opening = vault.pieces(case, sealed)
    assert opening.open(0, first, last=False) + opening.open(1, last, last=True) == b"onetwo"
    for number, piece, is_last in ((1, first, False), (0, first, True), (0, last, True), (0, b"", True)):
        with pytest.raises(VaultError):
            opening.open(number, piece, last=is_last)
    with pytest.raises(VaultError):
        vault.pieces(uuid4(), sealed)
