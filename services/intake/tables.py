"""Intake's own tables as SQLModel classes: what Alembic compares with. The hot path never uses them."""

from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from chassis.tables import timestamp

_SCHEMA: Final = {"schema": "intake"}


class CaseFile(SQLModel, table=True):
    """One row for each case: who of the staff may see it, and the digest of its tracking code."""

    __tablename__: ClassVar[Any] = "case_file"
    __table_args__ = (Index("case_file_code_digest", "code_digest", unique=True), _SCHEMA)

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=Column(Text, nullable=False))
    subjects: list[str] | None = Field(sa_column=Column(ARRAY(Text), nullable=True))
    recipient: str | None = Field(sa_column=Column(Text, nullable=True))
    """R-PET-10: of sealed matter the one unit that may see it, empty where none of ours may; else null."""
    code_digest: bytes
    received_at: datetime = Field(sa_column=timestamp(nullable=False))


class PersonalRecord(SQLModel, table=True):
    """Encrypted personal data; unreadable once its key is gone."""

    __tablename__: ClassVar[Any] = "personal_record"
    __table_args__ = (Index("personal_record_case", "case_id"), _SCHEMA)

    record_id: UUID = Field(primary_key=True)
    case_id: UUID
    ciphertext: bytes


class RecordKey(SQLModel, table=True):
    """The wrapped key of one record, and the master key that wraps it."""

    __tablename__: ClassVar[Any] = "record_key"
    __table_args__ = (Index("record_key_case", "case_id"), _SCHEMA)

    record_id: UUID = Field(primary_key=True)
    case_id: UUID
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    wrapped_key: bytes


class PersonIndex(SQLModel, table=True):
    """R-PET-18: finds the earlier cases of the same person by a keyed digest."""

    __tablename__: ClassVar[Any] = "person_index"
    __table_args__ = (
        Index("person_index_newest", "digest", text("received_at DESC")),
        _SCHEMA,
    )

    case_id: UUID = Field(primary_key=True)
    digest: bytes = Field(primary_key=True)
    received_at: datetime = Field(sa_column=timestamp(nullable=False))


class LinkedReport(SQLModel, table=True):
    """R-PET-18: a report and the first case, under which its matter is handled."""

    __tablename__: ClassVar[Any] = "linked_report"
    __table_args__ = (Index("linked_report_first", "first"), _SCHEMA)

    case_id: UUID = Field(primary_key=True)
    first: UUID


class Call(SQLModel, table=True):
    """A call in which several matters may be told, and the one answer that closes it. `closing` is the request that
    closed it, masked, so that it may be repeated."""

    __tablename__: ClassVar[Any] = "call"
    __table_args__ = (_SCHEMA,)

    call_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=Column(Text, nullable=False))
    opened_at: datetime = Field(sa_column=timestamp(nullable=False))
    opened_by: str = Field(sa_column=Column(Text, nullable=False))
    closing: str | None = Field(sa_column=Column(Text, nullable=True))
    closed_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    closed_by: str | None = Field(sa_column=Column(Text, nullable=True))


class CallCase(SQLModel, table=True):
    """A case that was told in a call."""

    __tablename__: ClassVar[Any] = "call_case"
    __table_args__ = (_SCHEMA,)

    call_id: UUID = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)


class KnowledgeEntry(SQLModel, table=True):
    """R-HOT-15: every version of every entry of the knowledge base; the newest published one is current."""

    __tablename__: ClassVar[Any] = "knowledge_entry"
    __table_args__ = (_SCHEMA,)

    entry: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(primary_key=True)
    unit: str = Field(sa_column=Column(Text, nullable=False))
    question: str = Field(sa_column=Column(Text, nullable=False))
    answer: str = Field(sa_column=Column(Text, nullable=False))
    matters: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    keywords: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    valid_from: date
    valid_to: date | None
    review_by: date
    edited_at: datetime = Field(sa_column=timestamp(nullable=False))
    edited_by: str = Field(sa_column=Column(Text, nullable=False))
    published_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    published_by: str | None = Field(sa_column=Column(Text, nullable=True))


class AccessLog(SQLModel, table=True):
    """R-PRIV-01: who read whose personal data, when and why. Kept for good."""

    __tablename__: ClassVar[Any] = "access_log"
    __table_args__ = (Index("access_log_case", "case_id"), _SCHEMA)

    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))
    case_id: UUID
    subject: str = Field(sa_column=Column(Text, nullable=False))
    role: str = Field(sa_column=Column(Text, nullable=False))
    unit: str | None = Field(sa_column=Column(Text, nullable=True))
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False))


class Timeline(SQLModel, table=True):
    """What the resident was told, step by step."""

    __tablename__: ClassVar[Any] = "timeline"
    __table_args__ = (_SCHEMA,)

    case_id: UUID = Field(primary_key=True)
    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=timestamp(nullable=False))
    status: str | None = Field(sa_column=Column(Text, nullable=True))
    words: str = Field(sa_column=Column(Text, nullable=False))


TABLES: Final[tuple[type[SQLModel], ...]] = (
    CaseFile,
    PersonalRecord,
    RecordKey,
    PersonIndex,
    LinkedReport,
    KnowledgeEntry,
    Call,
    CallCase,
    AccessLog,
    Timeline,
)
