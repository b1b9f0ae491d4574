"""The token of a form: it shows that the form came from us, to this browser, and not long ago.

A token makes one case at most: its number is the message's, so that sending twice is sending once.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LIFETIME: Final = timedelta(hours=12)
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A token that holds: the number of its form."""

    number: str


class FormTokens:
    """Makes and checks tokens. `bound` ties one to a browser's cookie; empty for programs, which have none."""

    def __init__(self, index_key: bytes) -> None:
        self._key = hmac.digest(index_key, b"form token", "sha256")

    def make(self, bound: str, now: datetime) -> str:
        """Return a fresh token."""
        issued, number = f"{int(now.timestamp()):x}", secrets.token_hex(16)
        return f"{issued}.{number}.{self._mac(bound, issued, number)}"

    def check(self, token: str, bound: str, now: datetime) -> Shown | None:
        """Return the token's number; None where it is forged, another browser's, or too old."""
        parts = token.split(".")
        if len(parts) != _PARTS:
            return None
        issued, number, mac = parts
        if not hmac.compare_digest(mac.encode(), self._mac(bound, issued, number).encode()):
            return None
        age = now.timestamp() - int(issued, 16)
        return Shown(number) if 0 <= age + 1 <= LIFETIME.total_seconds() else None

    def _mac(self, bound: str, issued: str, number: str) -> str:
        return hmac.digest(self._key, f"{bound}|{issued}|{number}".encode(), "sha256").hex()
