"""Where files lie: encrypted piece by piece in the database, under a key that goes with the case's personal data.

A file is written as it arrives, each piece for itself: no transaction stays open for a slow phone. It counts once
the event that names it is committed; what never came to that is thrown away after a while.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from chassis.database import Connection, Pool
from chassis.http import Problem
from chassis.vault import Pieces, Vault
from schemas.values import Sealed
from services.intake.attachments.kinds import Kind
from services.intake.ids import new_id

PIECE_BYTES: Final = 256 * 1024
MOST_BYTES: Final = 20 * 1024 * 1024
"""Of one file (DES)."""
MOST_OF_A_CASE: Final = 100 * 1024 * 1024
MOST_FILES: Final = 20
"""Of one case (DES)."""
UNFINISHED: Final = timedelta(hours=1)
_REFERENCE: Final = re.compile(r"cases/[0-9a-f-]{36}/attachments/([0-9a-f-]{36})")
_COUNT: Final = "SELECT count(*), coalesce(sum(size), 0) FROM intake.attachment WHERE case_id = $1"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))"
_SWEEP: Final = (
    "WITH old AS (DELETE FROM intake.attachment WHERE attachment_id IN (SELECT attachment_id FROM intake.attachment"
    " WHERE NOT stored AND received_at < $1 LIMIT 20 FOR UPDATE SKIP LOCKED) RETURNING attachment_id),"
    " keys AS (DELETE FROM intake.record_key k USING old WHERE k.record_id = old.attachment_id)"
    " DELETE FROM intake.attachment_piece p USING old WHERE p.attachment_id = old.attachment_id"
)
_BEGIN: Final = (
    "INSERT INTO intake.attachment (attachment_id, case_id, media_type, cleaned, size, pieces, received_at, stored)"
    " VALUES ($1, $2, $3, $4, 0, 0, $5, false)"
)
_KEY: Final = (
    "INSERT INTO intake.record_key (record_id, case_id, key_id, wrapped_key) VALUES ($1, $2, $3, $4)"
)
_PIECE: Final = "INSERT INTO intake.attachment_piece (attachment_id, number, ciphertext) VALUES ($1, $2, $3)"
_FINISH: Final = "UPDATE intake.attachment SET size = $2, pieces = $3 WHERE attachment_id = $1"
_DISCARD: Final = (
    ("attachment_piece", "attachment_id"),
    ("record_key", "record_id"),
    ("attachment", "attachment_id"),
)
_FOUND: Final = (
    "SELECT a.attachment_id, a.case_id, a.media_type, a.cleaned, a.size, a.pieces, a.received_at,"
    " k.key_id, k.wrapped_key FROM intake.attachment a JOIN intake.record_key k ON k.record_id = a.attachment_id"
    " WHERE a.stored AND a.case_id ="
)
_REPORTS: Final = (
    "SELECT DISTINCT r.case_id FROM intake.linked_report r JOIN intake.aggregate g USING (case_id)"
    " JOIN intake.attachment a USING (case_id)"
    " WHERE r.first = $1 AND (g.state ->> 'linked_to')::uuid = $1 AND a.stored"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a case."""

    attachment_id: UUID
    case_id: UUID
    media_type: str
    cleaned: bool
    size: int
    pieces: int
    received_at: datetime
    sealed: Sealed

    @property
    def reference(self) -> str:
        """Return how events name it: no name, no digest, nothing of its content."""
        return f"cases/{self.case_id}/attachments/{self.attachment_id}"


class Upload:
    """One file on its way in. `finish` makes it whole; without that, `discard` it."""

    def __init__(
        self, pool: Pool, case_id: UUID, kind: Kind, at: datetime, sealed: Sealed, by: Pieces
    ) -> None:
        self._pool = pool
        self._by = by
        self._waiting = bytearray()
        self._number = 0
        self._size = 0
        self._of = (sealed.record_id, case_id, kind.media_type, kind.clean is not None)
        self._at = at
        self._sealed = sealed

    @classmethod
    async def begin(cls, pool: Pool, vault: Vault, case_id: UUID, kind: Kind, now: datetime) -> "Upload":
        """Open a file for a case. Raises Problem 413 where the case has all the files that it may."""
        sealed, pieces = vault.begin(case_id, new_id(now))
        upload = cls(pool, case_id, kind, now, sealed, pieces)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_SWEEP, now - UNFINISHED)
            await connection.execute(_LOCK, str(case_id))
            count, size = await connection.fetchrow(_COUNT, case_id) or (0, 0)
            if count >= MOST_FILES or size >= MOST_OF_A_CASE:
                raise _too_much()
            await connection.execute(_BEGIN, *upload._of, now)
            await connection.execute(_KEY, sealed.record_id, case_id, sealed.key_id, sealed.wrapped_key)
        return upload

    async def add(self, chunk: bytes) -> None:
        """Take the next bytes. Raises Problem 413 for a file that is too large."""
        self._size += len(chunk)
        if self._size > MOST_BYTES:
            raise file_too_large()
        self._waiting += chunk
        while len(self._waiting) > PIECE_BYTES:  # one at least stays for the last
            await self._write(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]

    async def finish(self) -> Stored:
        """Write the rest. Raises Problem: 413 where the case has too much by now, 409 where it was erased."""
        await self._write(bytes(self._waiting), last=True)
        attachment_id, case_id, media_type, cleaned = self._of
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, str(case_id))
            _, size = await connection.fetchrow(_COUNT, case_id) or (0, 0)
            if size + self._size > MOST_OF_A_CASE:
                raise _too_much()
            done = await connection.execute(_FINISH, attachment_id, self._size, self._number)
        if done != "UPDATE 1":
            raise Problem(409, "person_erased", "The case's data were erased", "Send the file again.")
        return Stored(
            attachment_id, case_id, media_type, cleaned, self._size, self._number, self._at, self._sealed
        )

    async def discard(self) -> None:
        """Throw away what was written."""
        await discard(self._pool, self._of[0])

    async def _write(self, plain: bytes, *, last: bool) -> None:
        ciphertext = self._by.seal(self._number, plain, last=last)
        await self._pool.execute(_PIECE, self._of[0], self._number, ciphertext)
        self._number += 1


async def discard(pool: Pool, attachment_id: UUID) -> None:
    """Throw a file away that no event names."""
    async with pool.acquire() as connection, connection.transaction():
        for table, key in _DISCARD:
            await connection.execute(f"DELETE FROM intake.{table} WHERE {key} = $1", attachment_id)


async def attachments_of(pool: Pool, case_ids: Sequence[UUID]) -> list[Stored]:
    """Return the files of some cases, the oldest first."""
    rows = await pool.fetch(f"{_FOUND} ANY($1::uuid[]) ORDER BY a.received_at, a.attachment_id", case_ids)
    return [_stored(*row) for row in rows]


async def reports_with_files(pool: Pool, first: UUID) -> list[UUID]:
    """Return the reports with files that are linked to a case."""
    return [row[0] for row in await pool.fetch(_REPORTS, first)]


async def attachment_of(pool: Pool, case_id: UUID, attachment_id: UUID) -> Stored | None:
    """Return one file of a case."""
    row = await pool.fetchrow(f"{_FOUND} $1 AND a.attachment_id = $2", case_id, attachment_id)
    return _stored(*row) if row is not None else None


async def content(pool: Pool, vault: Vault, stored: Stored) -> AsyncIterator[bytes]:
    """Read a file piece by piece. Raises VaultError where one was changed or is missing."""
    opening = vault.pieces(stored.case_id, stored.sealed)
    for number in range(stored.pieces):
        ciphertext = await pool.fetchval(
            "SELECT ciphertext FROM intake.attachment_piece WHERE attachment_id = $1 AND number = $2",
            stored.attachment_id,
            number,
        )
        yield opening.open(number, ciphertext or b"", last=number == stored.pieces - 1)


async def mark_stored(connection: Connection, references: Sequence[str]) -> None:
    """Let the files count that committed events name; joins the transaction and never commits."""
    found = [UUID(match[1]) for text in references if (match := _REFERENCE.fullmatch(text))]
    if found:
        await connection.execute(
            "UPDATE intake.attachment SET stored = true WHERE attachment_id = ANY($1::uuid[]) AND pieces > 0",
            found,
        )


async def erase_attachments(connection: Connection, case_ids: Sequence[UUID]) -> None:
    """Delete all files of some cases; their keys go with the other keys of the case."""
    await connection.execute(
        "WITH gone AS (DELETE FROM intake.attachment WHERE case_id = ANY($1::uuid[]) RETURNING attachment_id)"
        " DELETE FROM intake.attachment_piece p USING gone WHERE p.attachment_id = gone.attachment_id",
        case_ids,
    )


def _stored(
    attachment_id: UUID,
    case_id: UUID,
    media_type: str,
    cleaned: bool,
    size: int,
    pieces: int,
    received_at: datetime,
    key_id: str,
    wrapped_key: bytes,
) -> Stored:
    own, case = UUID(bytes=attachment_id.bytes), UUID(bytes=case_id.bytes)
    sealed = Sealed(record_id=own, key_id=key_id, wrapped_key=wrapped_key, ciphertext=b"")
    return Stored(own, case, media_type, cleaned, size, pieces, received_at, sealed)


def file_too_large() -> Problem:
    """413 for one file."""
    most = MOST_BYTES // 1024 // 1024
    return Problem(413, "attachment_too_large", "The file is too large", f"A file may have {most} MiB.")


def _too_much() -> Problem:
    most = MOST_OF_A_CASE // 1024 // 1024
    detail = f"A case may have {MOST_FILES} files and {most} MiB in all."
    return Problem(413, "too_many_attachments", "The case has too many files", detail)
