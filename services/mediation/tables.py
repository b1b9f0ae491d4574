"""Mediation's own tables: what units list, and the papers, encrypted. Written by `projection` only."""

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, Identity, Index, Text, func, text
from sqlmodel import Field, SQLModel

from chassis.tables import timestamp


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


class Docket(SQLModel, table=True):
    """One row for each case that was ever mediated, as it stands."""

    __tablename__: ClassVar[Any] = "docket"
    __table_args__ = (
        Index("docket_open", "units", postgresql_using="gin", postgresql_where=text("NOT ended")),
        Index("docket_ended", "units", postgresql_using="gin", postgresql_where=text("ended")),
    )

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=_text())
    units: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    """Whose list it is on: the unit that has it, its committee's, who follows up, the police that were told, and by
    staff code who has a seat in its panel. Once it is sealed, the discipline body alone (R-PET-10)."""
    matter: str | None = Field(sa_column=_text(nullable=True))
    procedure: str = Field(sa_column=_text())
    stage: str = Field(sa_column=_text())
    confirmation: str = Field(sa_column=_text())
    subjects: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    barred: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    """Staff who were recused or refused: to them it is not shown (R-MED-04)."""
    sealed: bool = False
    opened_at: datetime = Field(sa_column=timestamp(nullable=False))
    due_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    ended: bool


class Paper(SQLModel, table=True):
    """What the parties are and said, encrypted; unreadable once its key is gone (R-PRIV-01)."""

    __tablename__: ClassVar[Any] = "paper"
    __table_args__ = (Index("paper_case", "case_id"),)

    record_id: UUID = Field(primary_key=True)
    case_id: UUID
    round: int
    kind: str = Field(sa_column=_text())
    """`parties`, `session/<number>` or `agreement/<number>`; a newer one of a kind takes the place of the older."""
    at: datetime = Field(sa_column=timestamp(nullable=False))
    ciphertext: bytes


class PaperKey(SQLModel, table=True):
    """The wrapped key of one paper."""

    __tablename__: ClassVar[Any] = "paper_key"
    __table_args__ = (Index("paper_key_case", "case_id"),)

    record_id: UUID = Field(primary_key=True)
    case_id: UUID
    key_id: str = Field(sa_column=_text())
    wrapped_key: bytes


class AccessLog(SQLModel, table=True):
    """R-PRIV-01: who read whose papers, when and why. Kept for good."""

    __tablename__: ClassVar[Any] = "access_log"
    __table_args__ = (Index("access_log_case", "case_id"),)

    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))
    case_id: UUID
    subject: str = Field(sa_column=_text())
    role: str = Field(sa_column=_text())
    unit: str | None = Field(sa_column=_text(nullable=True))
    what: str = Field(sa_column=_text())
    purpose: str = Field(sa_column=_text())


TABLES: Final[tuple[type[SQLModel], ...]] = (Docket, Paper, PaperKey, AccessLog)
"""Mediation's tables."""
