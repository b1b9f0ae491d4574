"""Keyset pages: a cursor is the sort key of the last row, so that no page shifts while rows come and go."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import orjson

from chassis.http import FieldError, Problem

Key = str | int | datetime | UUID


def encode(key: Sequence[Key]) -> str:
    """The cursor of a sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key), default=str)).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type[Key]]) -> list[Key]:
    """The sort key of a cursor, its parts of the given types. Raises Problem 422."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(parts, list):
            raise ValueError("not a list")
        return [_part(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error):
        error = FieldError(
            field="query.cursor",
            message="not a cursor",
            expected="`next` of the page before, as it was given",
        )
        raise Problem(
            422, "validation_failed", "Some fields are not right", "Check: query.cursor.", [error]
        ) from None


def _part(part: object, kind: type[Key]) -> Key:
    if kind is int and isinstance(part, int):
        if not -(2**31) <= part < 2**31:
            raise ValueError("out of range")
        return part
    if not isinstance(part, str):
        raise TypeError(f"expected {kind.__name__}")
    if kind is datetime:
        at = datetime.fromisoformat(part)
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return at.astimezone(UTC)
    return UUID(part) if kind is UUID else part


class Query:
    """A statement under construction; every value becomes a parameter."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._conditions: list[str] = []

    def value(self, value: object, kind: str) -> str:
        """Add a parameter of a PostgreSQL type and return its place, such as `$3::text`."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"

    def where(self, condition: str) -> None:
        """Add a condition; all must hold."""
        self._conditions.append(condition)

    @property
    def conditions(self) -> str:
        """The conditions, joined."""
        return " AND ".join(self._conditions)
