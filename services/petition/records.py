"""Encrypted records: sealed on the way in, opened for documents, and every reading noted (R-PRIV-01)."""

import unicodedata
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, field_validator

from chassis.database import Connection, Pool
from chassis.http import Principal
from chassis.vault import Vault, sealed_in
from schemas.values import Sealed
from schemas.written import seen

_READ: Final = (
    "SELECT r.record_id, k.key_id, k.wrapped_key, r.ciphertext FROM petition.record r"
    " JOIN petition.record_key k USING (record_id) WHERE r.case_id = $1 AND r.kind = $2"
    " ORDER BY r.record_id = $3 DESC LIMIT 1"
)
_LOG: Final = "INSERT INTO petition.access_log (case_id, subject, unit, what) VALUES ($1, $2, $3, $4)"
_Text = Annotated[str, Field(min_length=2, max_length=10000)]
M = TypeVar("M", bound=BaseModel)


class Kind(StrEnum):
    """What a record holds."""

    PETITIONER = "petitioner"
    OPINION = "opinion"
    REVIEW = "review"
    RECHECK = "recheck"


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _what_shows_nothing_is_blank(cls, value: Any) -> Any:
        return seen(value)


class Petitioner(_Words):
    """Who petitions (XF19), to address the documents."""

    name: str = Field(min_length=1, max_length=200)
    address: str = Field(min_length=2, max_length=500)

    def is_same_as(self, other: "Petitioner") -> bool:
        """Whether both name one person at one address, however they are spaced and in whichever width."""
        return _plain(self.name) == _plain(other.name) and _plain(self.address) == _plain(other.address)


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


class OpinionWords(_Words):
    """R-PET-08: what an opinion says, beside its outcome and legal basis."""

    claim: _Text
    facts: _Text
    reasons: _Text
    decision: _Text


def seal(vault: Vault, case_id: UUID, words: BaseModel) -> Sealed:
    """Encrypt words as a fresh record."""
    return vault.seal(case_id, uuid4(), words.model_dump_json().encode())


async def opened(
    connection: Connection, vault: Vault, case_id: UUID, kind: Kind, model: type[M], record: UUID | None
) -> M | None:
    """The record of that kind, `record` itself where there are several; None where there is none (any more).

    Raises VaultError where it was tampered with, or its master key is not there.
    """
    row = await connection.fetchrow(_READ, case_id, kind.value, record)
    if row is None:
        return None
    return model.model_validate_json(vault.open(case_id, sealed_in(row)))


async def note_reading(pool: Pool, case_id: UUID, who: Principal, what: str) -> None:
    """Write down who reads what, before they do."""
    async with pool.acquire() as connection:
        await connection.execute(_LOG, case_id, who.recorded_as, who.unit, what)
