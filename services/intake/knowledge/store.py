"""The knowledge base in the database: every version is kept, the newest published one is current."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from chassis.database import Connection, Pool, UniqueViolation
from reference.knowledge import KnowledgeRow
from services.intake.knowledge.shelf import Entry, Shelf

_COLUMNS: Final = (
    "entry, version, unit, question, answer, matters, keywords, valid_from, valid_to, review_by,"
    " published_at IS NOT NULL"
)
_CURRENT: Final = (
    f"SELECT DISTINCT ON (entry) {_COLUMNS} FROM intake.knowledge_entry WHERE published_at IS NOT NULL"
    " ORDER BY entry, version DESC"
)
_STAMP: Final = "SELECT count(published_at), max(published_at) FROM intake.knowledge_entry"
_INSERT: Final = (
    "INSERT INTO intake.knowledge_entry (entry, version, unit, question, answer, matters, keywords, valid_from,"
    " valid_to, review_by, edited_at, edited_by, published_at, published_by)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
)
_CITED: Final = (
    f"SELECT {_COLUMNS}, EXISTS (SELECT FROM intake.knowledge_entry n WHERE n.entry = k.entry"
    " AND n.version > k.version AND n.published_at < $3)"
    " FROM intake.knowledge_entry k WHERE entry = $1 AND version = $2"
)
SEED: Final = "knowledge.yaml"
"""Who edited and published what came with the jurisdiction."""


class KnowledgeStore:
    """Reads and writes entries. The shelf in memory is made again when any process has published something."""

    def __init__(self) -> None:
        self._stamp: Any = None
        self._shelf = Shelf(())

    async def shelf(self, pool: Pool) -> Shelf:
        """Return the current entries, to be searched."""
        async with pool.acquire() as connection:
            stamp = await connection.fetchrow(_STAMP)
            if stamp != self._stamp:
                self._shelf = Shelf(await current(connection))
                self._stamp = stamp
        return self._shelf


async def current(connection: Connection) -> list[Entry]:
    """Return the newest published version of each entry, whatever its validity."""
    return [_entry(row) for row in await connection.fetch(_CURRENT)]


async def versions(pool: Pool, entry: str) -> list[Entry]:
    """Return all versions of an entry, the newest first; nothing for one that never was."""
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM intake.knowledge_entry WHERE entry = $1 ORDER BY version DESC", entry
    )
    return [_entry(row) for row in rows]


async def cited(
    connection: Connection, entry: str, version: int, day_began: datetime
) -> tuple[Entry, bool] | None:
    """Return a version, and whether a newer one had been published when that day began; None: there is none."""
    row = await connection.fetchrow(_CITED, entry, version, day_began)
    return (_entry(row), row[11]) if row is not None else None


async def save(pool: Pool, entry: Entry, at: datetime, by: str) -> bool:
    """Keep a new version as a draft; return False where somebody else made that version meanwhile."""
    try:
        await pool.execute(_INSERT, *_values(entry), at, by, None, None)
    except UniqueViolation:
        return False
    return True


async def publish(pool: Pool, entry: str, version: int, at: datetime, by: str) -> None:
    """Let a version be told from now on; one that was published before stays as it is."""
    await pool.execute(
        "UPDATE intake.knowledge_entry SET published_at = $3, published_by = $4"
        " WHERE entry = $1 AND version = $2 AND published_at IS NULL",
        entry,
        version,
        at,
        by,
    )


async def bring_in(pool: Pool, rows: Sequence[KnowledgeRow], at: datetime) -> None:
    """Add what came with the jurisdiction, published; versions that are there already stay as they are."""
    async with pool.acquire() as connection:
        await connection.executemany(
            f"{_INSERT} ON CONFLICT (entry, version) DO NOTHING",
            [(*_values(of_row(row)), at, SEED, at, SEED) for row in rows],
        )


def of_row(row: KnowledgeRow) -> Entry:
    """Return the entry that a row of the jurisdiction's file stands for."""
    values = row.model_dump() | {"matters": tuple(row.matters), "keywords": tuple(row.keywords)}
    return Entry(**values, is_published=True)


def _entry(row: Any) -> Entry:
    entry, version, unit, question, answer, matters, keywords, since, until, review_by, is_published = row[
        :11
    ]
    return Entry(
        entry,
        version,
        unit,
        question,
        answer,
        tuple(matters),
        tuple(keywords),
        since,
        until,
        review_by,
        is_published,
    )


def _values(entry: Entry) -> tuple[str | int | date | tuple[str, ...] | None, ...]:
    return (
        entry.entry,
        entry.version,
        entry.unit,
        entry.question,
        entry.answer,
        entry.matters,
        entry.keywords,
        entry.valid_from,
        entry.valid_to,
        entry.review_by,
    )
