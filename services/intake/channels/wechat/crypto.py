"""The protocol's encryption ("safe mode"): AES-256-CBC over 16 random bytes, length, message and AppID.

CBC protects nothing against changes: what was not signed must never come here.
"""

import base64
import binascii
import os
import struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

_BLOCK: Final = 32
"""The padding fills up to this many bytes, though AES needs only 16."""
_CHANCE: Final = 16
_HEAD: Final = _CHANCE + 4


class NotOurs(Exception):
    """The text is not encrypted with our key for our account."""

    safe_to_log = True


class Envelope:
    """Encrypts and decrypts messages with an EncodingAESKey (43 characters) for the account `app_id`."""

    def __init__(self, aes_key: str, app_id: str) -> None:
        key = base64.b64decode(aes_key + "=")
        self._cipher = Cipher(AES256(key), CBC(key[:16]))
        self._app_id = app_id.encode()

    def seal(self, text: str) -> str:
        """Return the message encrypted, in base64."""
        plain = text.encode()
        whole = os.urandom(_CHANCE) + struct.pack(">I", len(plain)) + plain + self._app_id
        missing = _BLOCK - len(whole) % _BLOCK
        encryptor = self._cipher.encryptor()
        sealed = encryptor.update(whole + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str) -> bytes:
        """Return the message of an encrypted text. Raises NotOurs, always in the same words."""
        try:
            raw = base64.b64decode(sealed, validate=True)
        except (binascii.Error, ValueError):
            raise NotOurs("not a message for us") from None
        if not raw or len(raw) % 16:
            raise NotOurs("not a message for us")
        decryptor = self._cipher.decryptor()
        message = self._message(decryptor.update(raw) + decryptor.finalize())
        if message is None:
            raise NotOurs("not a message for us")
        return message

    def _message(self, padded: bytes) -> bytes | None:
        missing = padded[-1]
        if not 1 <= missing <= min(_BLOCK, len(padded)) or padded[-missing:] != bytes([missing]) * missing:
            return None
        whole = padded[:-missing]
        if len(whole) < _HEAD:
            return None
        end = _HEAD + int.from_bytes(whole[_CHANCE:_HEAD], "big")
        return whole[_HEAD:end] if end <= len(whole) and whole[end:] == self._app_id else None
