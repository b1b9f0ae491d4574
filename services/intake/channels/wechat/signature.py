"""The protocol's signature: the SHA-1 of the sorted parts, one of which only the two sides know."""

import hashlib
import hmac


def sign(*parts: str) -> str:
    """Return the signature of some parts, in hexadecimal digits."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def is_signed(signature: str, *parts: str) -> bool:
    """Whether the signature is that of the parts; how long it takes tells nothing about the right one."""
    return hmac.compare_digest(sign(*parts).encode(), signature.encode("utf-8", "replace"))
