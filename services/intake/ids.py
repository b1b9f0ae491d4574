"""Identifiers made at the edge: case ids that sort by time, and the tracking codes that residents keep."""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no I, L, O or U to be misheard or misread."""
_HEARD_AS: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS: Final = range(0, 60, 10)
"""A code has 12 characters of 5 bits, taken two by two: 60 bits cannot be guessed over the network."""
_DIGEST_BYTES: Final = 16
_CHANCE_BYTES: Final = 10
_DRAWN_AT_ONCE: Final = 256


def _chances() -> Iterator[int]:
    """80 bits of chance at a time; the kernel is asked for many at once, for each time costs more than the rest."""
    while True:
        drawn = os.urandom(_CHANCE_BYTES * _DRAWN_AT_ONCE)
        for start in range(0, len(drawn), _CHANCE_BYTES):
            yield int.from_bytes(drawn[start : start + _CHANCE_BYTES])


_CHANCES: Final = _chances()


def new_id(at: datetime) -> UUID:
    """Make a UUIDv7 (RFC 9562): 48 bits of milliseconds, then chance, so that new rows stand together."""
    chance = next(_CHANCES)
    number = (int(at.timestamp() * 1000) & (1 << 48) - 1) << 80 | chance
    number = number & ~(0xF << 76) | 0x7 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def first_id(at: datetime) -> UUID:
    """Return the least id that `new_id` can make from the instant `at` on."""
    return UUID(int=(int(at.timestamp() * 1000) & (1 << 48) - 1) << 80)


class PublicNumbers:
    """The numbers under which cases stand in the public list, derived from the case id with a secret key.

    A case id itself tells to the millisecond when somebody reported, and is what staff use (R-PRIV-01).
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, case_id: UUID) -> UUID:
        """Return the number of a case, in the form of a random UUID."""
        mac = hashlib.blake2b(case_id.bytes, digest_size=16, key=self._key, person=b"public number")
        return UUID(bytes=mac.digest(), version=4)


class TrackingCodes:
    """Tracking codes, derived from the case id with a secret key.

    Whoever lacks the key cannot tell a code from a random one. We store digests only, so a copy of the database
    opens no case, and yet can say a code again: to a repeated request, or to a resident who lost it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, case_id: UUID) -> str:
        """Return the code of a case: 12 characters."""
        mac = hashlib.blake2b(case_id.bytes, digest_size=8, key=self._key, person=b"tracking code")
        bits = int.from_bytes(mac.digest(), "big")
        return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])

    def digest(self, code: str) -> bytes:
        """Return what is stored of a code as somebody typed it: case, spaces, hyphens, O and 0 do not matter."""
        plain = code.upper().translate(_HEARD_AS)
        return hashlib.sha256(plain.encode("utf-8", "replace")).digest()[:_DIGEST_BYTES]
