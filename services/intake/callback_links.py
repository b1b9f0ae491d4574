"""Signed links: whoever is sent one answers a callback, without a log-in and without the tracking code.

A token says which case, which of its callbacks and until when; a MAC over that and the purpose makes it ours. It
holds no personal data and opens nothing else: neither the time line nor another callback (R-HOT-08, R-PRIV-01).
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

PATH: Final = "/c/"
_PURPOSE: Final = b"caseladder callback link 1"
_CASE, _NUMBER, _EXPIRY, _MAC = 16, 2, 4, 16
_PLAIN: Final = _CASE + _NUMBER + _EXPIRY


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says: the `callback`-th callback of the case, counted from 1; it opens before `expires_at`."""

    case_id: UUID
    callback: int
    expires_at: datetime
    """To the second."""


class CallbackLinks:
    """Makes and reads tokens under intake's own key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, link: Link) -> str:
        """Return the token of a link: 51 characters that may stand in an address as they are."""
        number = link.callback.to_bytes(_NUMBER)
        plain = link.case_id.bytes + number + int(link.expires_at.timestamp()).to_bytes(_EXPIRY)
        return base64.urlsafe_b64encode(plain + self._mac(plain)).decode().rstrip("=")

    def read(self, token: str) -> Link | None:
        """Return what a token says, also when it has expired; None for one that we did not make."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        plain = raw[:_PLAIN]
        if len(raw) != _PLAIN + _MAC or not hmac.compare_digest(raw[_PLAIN:], self._mac(plain)):
            return None
        case_id, number, expiry = plain[:_CASE], plain[_CASE:-_EXPIRY], plain[-_EXPIRY:]
        expires_at = datetime.fromtimestamp(int.from_bytes(expiry), UTC)
        return Link(UUID(bytes=case_id), int.from_bytes(number), expires_at)

    def _mac(self, plain: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + plain, "sha256")[:_MAC]
