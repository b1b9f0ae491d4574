"""Conditional and repeatable writes: ETag / If-Match from an aggregate's version, and Idempotency-Key."""

import hashlib
import re

from chassis.http.problems import Problem

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION = re.compile(r"[0-9]{1,18}")


def etag(version: int) -> str:
    """The strong entity tag of a version: 7 -> `"7"`."""
    return f'"{version}"'


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that an If-Match header accepts; None (header absent, or `*`): any.

    Raises Problem 400 for a header that is no list of entity tags, 412 for a weak tag (it can never match).
    A tag that is not one of ours matches nothing, so the set may be empty.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    versions: set[int] = set()
    position = 0
    while position < len(if_match) or not position:
        found = _TAG.match(if_match, position)
        if found is None:
            raise _malformed()
        if found[1]:
            detail = 'A weak entity tag never matches here; send the ETag as you got it, such as "7".'
            raise Problem(412, "weak_entity_tag", "A weak entity tag cannot be used", detail)
        if _VERSION.fullmatch(found[2]):
            versions.add(int(found[2]))
        position = found.end()
    return frozenset(versions)


def check_version(expected: frozenset[int] | None, current: int) -> None:
    """Raise Problem 412, with the current ETag, unless `current` is expected."""
    if expected is not None and current not in expected:
        detail = f"It has changed since you read it: now {etag(current)}. Read it again, then decide again."
        headers = {"ETag": etag(current)}
        raise Problem(412, "version_mismatch", "It has changed meanwhile", detail, headers=headers)


def idempotency_key(header: str | None) -> str | None:
    """The Idempotency-Key as sent; Problem 400 unless it is 1 to 255 visible ASCII characters.

    A key belongs to the caller: store it together with the subject, never alone.
    """
    if header is None or _KEY.fullmatch(header):
        return header
    detail = "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces, such as a UUID."
    raise Problem(400, "invalid_idempotency_key", "The Idempotency-Key cannot be used", detail)


def request_hash(method: str, path: str, body: bytes) -> bytes:
    """SHA-256 (32 bytes) over method, path and raw body: the same key with another hash is another request."""
    return hashlib.sha256(f"{method}\n{path}\n".encode() + body).digest()


def _malformed() -> Problem:
    detail = 'If-Match must be `*` or entity tags in double quotes, separated by commas: "7", "8".'
    return Problem(400, "invalid_if_match", "If-Match cannot be read", detail)
