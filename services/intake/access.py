"""Reading personal data: for a stated purpose, and never without a trace of who read it (R-PRIV-01, R-HOT-14)."""

import logging
from typing import Any, Final, Literal
from uuid import UUID

from chassis.database import Connection, Pool, Record
from chassis.masking import mask
from chassis.vault import Vault, VaultError, sealed_in
from schemas.values import Sealed
from services.intake.callers import Caller
from services.intake.persons import PersonalRecord, names_to_hide
from services.intake.views import PersonView

_log = logging.getLogger(__name__)
Outcome = Literal["read", "nothing"]
_READ: Final = (
    "SELECT r.record_id, k.key_id, k.wrapped_key, r.ciphertext FROM intake.personal_record r"
    " JOIN intake.record_key k USING (record_id) WHERE r.case_id = $1 ORDER BY r.record_id"
)
_SUBMITTED: Final = f"{_READ} LIMIT 1"
_LOG: Final = (
    "INSERT INTO intake.access_log (case_id, subject, role, unit, purpose, outcome)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
_OUTDATED: Final = (
    "SELECT k.case_id, k.record_id, k.key_id, k.wrapped_key FROM intake.record_key k"
    " WHERE k.key_id <> $1 LIMIT $2 FOR UPDATE SKIP LOCKED"
)


async def log_access(pool: Pool, case_id: UUID, who: Caller, purpose: str) -> None:
    """Record that somebody reads what may tell who the reporter is, before they do."""
    await pool.execute(_LOG, case_id, who.recorded_as, who.role.value, who.unit, mask(purpose), "read")


async def read_person(
    pool: Pool, vault: Vault, case_id: UUID, who: Caller, purpose: str
) -> PersonView | None:
    """Return the personal data of a case, None where there are none (any more). The access is logged first.

    Raises VaultError where a record was tampered with, or its master key is not there.
    """
    async with pool.acquire() as connection:
        rows = await connection.fetch(_READ, case_id)
        outcome: Outcome = "read" if rows else "nothing"
        await connection.execute(
            _LOG, case_id, who.recorded_as, who.role.value, who.unit, mask(purpose), outcome
        )
    if not rows:
        return None
    return _together([_opened(vault, case_id, row) for row in rows])


def _opened(vault: Vault, case_id: UUID, row: Record) -> PersonalRecord:
    """Decrypt a row of `_READ`. Raises VaultError."""
    return PersonalRecord.model_validate_json(vault.open(case_id, sealed_in(row)))


def _together(records: list[PersonalRecord]) -> PersonView:
    """Return the record of the submission, with the words of the supplements."""
    shown: dict[str, Any] = {}
    for record in records:
        shown |= record.model_dump(exclude_none=True, exclude={"supplement"})
    return PersonView(**shown, supplements=tuple(r.supplement for r in records if r.supplement is not None))


async def names_known(pool: Pool, vault: Vault, case_id: UUID) -> frozenset[str]:
    """Return the names that may stand in no further words about a report: its reporter's, and those that the report
    announced; none where it gave no personal data, or they were erased (R-PRIV-01).

    Only the record of the submission is opened, however many supplements there are. Nobody is shown anything, so
    the access log has no entry. A record that cannot be opened must keep nobody from saying more: then none, too.
    """
    async with pool.acquire() as connection:
        row = await connection.fetchrow(_SUBMITTED, case_id)
    if row is None:
        return frozenset()
    try:
        record = _opened(vault, case_id, row)
    except VaultError as error:
        _log.error("the names in further words are not masked: %s", error)
        return frozenset()
    return names_to_hide(record.name, *filter(None, (record.title, record.text, record.address)))


async def rewrap_keys(connection: Connection, vault: Vault, limit: int = 1000) -> int:
    """Wrap up to `limit` keys of older master keys by the current one; return how many there were.

    Joins the caller's transaction. Repeat until it returns 0; then the older master key can be withdrawn.
    """
    rows = await connection.fetch(_OUTDATED, vault.current, limit)
    renewed = [
        vault.rewrap(row[0], Sealed(record_id=row[1], key_id=row[2], wrapped_key=row[3], ciphertext=b""))
        for row in rows
    ]
    await connection.execute(
        "UPDATE intake.record_key k SET key_id = $3, wrapped_key = u.wrapped_key"
        " FROM unnest($1::uuid[], $2::bytea[]) AS u(record_id, wrapped_key)"
        " WHERE k.record_id = u.record_id",
        [sealed.record_id for sealed in renewed],
        [sealed.wrapped_key for sealed in renewed],
        vault.current,
    )
    return len(rows)
