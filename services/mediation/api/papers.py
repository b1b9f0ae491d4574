"""What is written about the parties: the shapes of the papers, kept encrypted and read with a trace (R-PRIV-01)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.database import Pool
from chassis.http import Principal, Role
from chassis.masking import mask
from chassis.vault import Vault, sealed_in
from schemas import mediation as m
from schemas.mediation import Label
from schemas.values import Sealed
from schemas.written import Name, Storable

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=5000), Storable]
Detail = Annotated[str, StringConstraints(strip_whitespace=True), Storable]
PARTIES: Final = "parties"
"""The kind of the paper that says who the parties are."""


class PaperModel(BaseModel):
    """Frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(PaperModel):
    """当事人的基本情况 (R-MED-07): a person, or an organisation by its representative."""

    label: Label
    name: Name
    identity: Detail = Field(default="", max_length=40, description="identity number or credit code")
    address: Detail = Field(default="", max_length=300)
    phone: Detail = Field(default="", max_length=40)


class PartiesPaper(PaperModel):
    """Who the parties are, and what it is about."""

    persons: tuple[Person, ...] = Field(min_length=2, max_length=20)
    dispute: Words


class SessionPaper(PaperModel):
    """调解笔录: what was said."""

    record: Words


class AgreementPaper(PaperModel):
    """R-MED-07: what a written agreement says beside who the parties are; `terms` are those of the obligations."""

    facts: Words
    issues: Words
    responsibility: Words
    terms: tuple[Words, ...] = Field(min_length=1, max_length=50)
    manner: Words = Field(description="履行方式")


class StoredAgreement(AgreementPaper):
    """A written agreement as it is kept: with who owes what until when, by the same number."""

    obligations: tuple[m.Obligation, ...]


class OralPaper(PaperModel):
    """R-MED-07: what the mediator records of an oral agreement."""

    terms: tuple[Words, ...] = Field(min_length=1, max_length=50)


PAPERS: Final[Mapping[type[m.MediationCommand], type[PaperModel]]] = {
    m.RegisterParties: PartiesPaper,
    m.HoldSession: SessionPaper,
    m.DraftAgreement: AgreementPaper,
    m.RecordOralAgreement: OralPaper,
}
"""The paper that a command comes with."""
_READ: Final = (
    "SELECT DISTINCT ON (p.round, p.kind) p.round, p.kind, p.at, p.record_id, k.key_id, k.wrapped_key, p.ciphertext"
    " FROM mediation.paper p JOIN mediation.paper_key k USING (record_id)"
    " WHERE p.case_id = $1 ORDER BY p.round, p.kind, p.at DESC, p.record_id DESC"
)
_LOG: Final = (
    "INSERT INTO mediation.access_log (case_id, subject, role, unit, what, purpose)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)


def seal(
    vault: Vault, case_id: UUID, paper: PaperModel, obligations: tuple[m.Obligation, ...] = ()
) -> Sealed:
    """Encrypt a paper under a key of its own; a written agreement with its obligations, so that it is whole."""
    if isinstance(paper, AgreementPaper):
        paper = StoredAgreement(**dict(paper), obligations=obligations)
    return vault.seal(case_id, uuid4(), paper.model_dump_json().encode())


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads what, and what for."""

    principal: Principal
    role: Role
    what: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as it was written, as JSON: the newest of its kind in a round."""

    round: int
    kind: str
    at: datetime
    text: bytes


async def read_papers(pool: Pool, vault: Vault, case_id: UUID, reader: Reader) -> list[Paper]:
    """Return the newest paper of each kind of each round, by round and kind. The access is logged first.

    Raises VaultError where a record was tampered with, or its master key is not there.
    """
    who = reader.principal
    async with pool.acquire() as connection:
        await connection.execute(
            _LOG, case_id, who.recorded_as, reader.role, who.unit, reader.what, mask(reader.purpose)
        )
        rows = await connection.fetch(_READ, case_id)
    return [Paper(row[0], row[1], row[2], vault.open(case_id, sealed_in(row[3:]))) for row in rows]
