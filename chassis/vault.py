"""Encryption of personal data: a key for each record, wrapped by the master key (R-PRIV-01, R-HOT-14).

Deleting the wrapped keys of a case erases its personal data everywhere, backups included. AES-256-GCM with random
nonces throughout; the case and the record are authenticated with it, so no ciphertext can be moved to another case.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.values import Sealed

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class VaultError(Exception):
    """A record cannot be read: tampered with, moved, or wrapped by a master key that we do not have."""

    safe_to_log = True


class Vault:
    """Seals and opens records. The first master key wraps; the others only unwrap what was wrapped before.

    One master key may wrap about four thousand million records (random nonces); rotate long before.
    """

    def __init__(self, masters: Sequence[bytes]) -> None:
        self._masters = {key_id(master): AESGCM(master) for master in masters}
        self.current = key_id(masters[0])

    def seal(self, case_id: UUID, record_id: UUID, plain: bytes) -> Sealed:
        """Encrypt a record under a fresh key."""
        chance = os.urandom(_KEY_BYTES + 2 * _NONCE_BYTES)
        key, nonce, wrapping = chance[:32], chance[32:44], chance[44:]
        bound = case_id.bytes + record_id.bytes
        return Sealed(
            record_id=record_id,
            key_id=self.current,
            wrapped_key=wrapping + self._masters[self.current].encrypt(wrapping, key, bound),
            ciphertext=nonce + AESGCM(key).encrypt(nonce, plain, bound),
        )

    def open(self, case_id: UUID, sealed: Sealed) -> bytes:
        """Decrypt a record. Raises VaultError."""
        bound = case_id.bytes + sealed.record_id.bytes
        key = self._unwrap(sealed, bound)
        return _decrypt(AESGCM(key), sealed.ciphertext, bound)

    def begin(self, case_id: UUID, record_id: UUID) -> tuple[Sealed, "Pieces"]:
        """Make a fresh key for what is too large for one piece: the record without a ciphertext, and its sealer."""
        sealed = self.seal(case_id, record_id, b"").model_copy(update={"ciphertext": b""})
        return sealed, self.pieces(case_id, sealed)

    def pieces(self, case_id: UUID, sealed: Sealed) -> "Pieces":
        """Return who seals and opens the pieces of a record. Raises VaultError."""
        bound = case_id.bytes + sealed.record_id.bytes
        return Pieces(self._unwrap(sealed, bound), bound)

    def rewrap(self, case_id: UUID, sealed: Sealed) -> Sealed:
        """Wrap a record's key by the current master key; the ciphertext stays. Raises VaultError."""
        bound = case_id.bytes + sealed.record_id.bytes
        wrapping = os.urandom(_NONCE_BYTES)
        wrapped = wrapping + self._masters[self.current].encrypt(wrapping, self._unwrap(sealed, bound), bound)
        return sealed.model_copy(update={"key_id": self.current, "wrapped_key": wrapped})

    def _unwrap(self, sealed: Sealed, bound: bytes) -> bytes:
        master = self._masters.get(sealed.key_id)
        if master is None:
            known = ", ".join(self._masters)
            raise VaultError(f"the record is wrapped by master key {sealed.key_id}; we have: {known}")
        return _decrypt(master, sealed.wrapped_key, bound)


class Pieces:
    """Seals and opens a large record piece by piece, numbered from 0.

    Each is authenticated with its number and with whether it is the last: none can be left out, moved or added.
    """

    def __init__(self, key: bytes, bound: bytes) -> None:
        self._cipher = AESGCM(key)
        self._bound = bound

    def seal(self, number: int, plain: bytes, *, last: bool) -> bytes:
        """Encrypt a piece."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, self._of(number, last=last))

    def open(self, number: int, ciphertext: bytes, *, last: bool) -> bytes:
        """Decrypt a piece. Raises VaultError."""
        return _decrypt(self._cipher, ciphertext, self._of(number, last=last))

    def _of(self, number: int, *, last: bool) -> bytes:
        return self._bound + number.to_bytes(4) + bytes([last])


def sealed_in(columns: Iterable[Any]) -> Sealed:
    """Return the record of a row's columns record_id, key_id, wrapped_key and ciphertext, in this order."""
    record_id, wrapped_by, wrapped_key, ciphertext = columns
    return Sealed(record_id=record_id, key_id=wrapped_by, wrapped_key=wrapped_key, ciphertext=ciphertext)


def key_id(master: bytes) -> str:
    """Return the name of a master key: derived from it, so that no two keys share a name by mistake."""
    return hashlib.sha256(b"caseladder master key" + master).hexdigest()[:12]


def _decrypt(cipher: AESGCM, data: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise VaultError("the record was changed, or belongs to another case") from None
