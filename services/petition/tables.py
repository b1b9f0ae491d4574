"""Petition's own tables: the docket that staff list, encrypted records with their keys apart, and who read them."""

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Identity, Index, Text, func, text
from sqlmodel import Field, SQLModel

_SCHEMA: Final = {"schema": "petition"}


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


def _instant(*, nullable: bool = True) -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=nullable)


def _codes() -> Column[list[str]]:
    return Column(ARRAY(Text), nullable=False)


class Docket(SQLModel, table=True):
    """Where a petition stands, for lists. `unit` is null once it is over; a sealed one is listed nowhere."""

    __tablename__: ClassVar[Any] = "docket"
    __table_args__ = (
        Index("docket_open", "unit", "received_at", "case_id", postgresql_where=text("unit IS NOT NULL")),
        Index("docket_holders", "holders", postgresql_using="gin"),
        _SCHEMA,
    )

    case_id: UUID = Field(primary_key=True)
    status: str = Field(sa_column=_text())
    unit: str | None = Field(sa_column=_text(nullable=True))
    holders: list[str] = Field(sa_column=_codes())
    subjects: list[str] = Field(sa_column=_codes())
    place: str | None = Field(sa_column=_text(nullable=True))
    matter: str | None = Field(sa_column=_text(nullable=True))
    sealed: bool
    terminated: bool
    urgent: bool
    watched: bool
    coordinated: bool
    due_at: datetime | None = Field(sa_column=_instant())
    yellow_at: datetime | None = Field(sa_column=_instant())
    received_at: datetime = Field(sa_column=_instant(nullable=False))


class Record(SQLModel, table=True):
    """An encrypted record: who petitions, or the words of an opinion."""

    __tablename__: ClassVar[Any] = "record"
    __table_args__ = (Index("record_case", "case_id"), _SCHEMA)

    record_id: UUID = Field(primary_key=True)
    case_id: UUID
    kind: str = Field(sa_column=_text())
    ciphertext: bytes


class RecordKey(SQLModel, table=True):
    """A record's own key, wrapped by the master key. Deleting it erases the record everywhere (R-PRIV-01)."""

    __tablename__: ClassVar[Any] = "record_key"
    __table_args__ = (Index("record_key_case", "case_id"), _SCHEMA)

    record_id: UUID = Field(primary_key=True)
    case_id: UUID
    key_id: str = Field(sa_column=_text())
    wrapped_key: bytes


class AccessLog(SQLModel, table=True):
    """Who read a document or a record, and which; without what it said."""

    __tablename__: ClassVar[Any] = "access_log"
    __table_args__ = (Index("access_log_case", "case_id"), _SCHEMA)

    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    case_id: UUID
    subject: str = Field(sa_column=_text())
    unit: str | None = Field(sa_column=_text(nullable=True))
    what: str = Field(sa_column=_text())


TABLES: Final[tuple[type[SQLModel], ...]] = (Docket, Record, RecordKey, AccessLog)
