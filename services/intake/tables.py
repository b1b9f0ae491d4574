"""Intake's own tables as SQLModel classes: what Alembic compares with. The hot path never uses them."""

from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Text, func, text
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


class LeftCase(SQLModel, table=True):
    """R-PET-18: a first case whose own reporter has withdrawn, while linked reports keep it open."""

    __tablename__: ClassVar[Any] = "left_case"
    __table_args__ = (_SCHEMA,)

    case_id: UUID = Field(primary_key=True)


class Helper(SQLModel, table=True):
    """R-HOT-06: a unit that helps with a case since `at`; a dispatch after that released it."""

    __tablename__: ClassVar[Any] = "helper"
    __table_args__ = (_SCHEMA,)

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=Column(Text, primary_key=True))
    at: datetime = Field(sa_column=timestamp(nullable=False))


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
    """What the resident was told, step by step; `unit` was told of the same step (R-LEDGER-01)."""

    __tablename__: ClassVar[Any] = "timeline"
    __table_args__ = (
        Index("timeline_turns", "at", "entry", postgresql_where=text("status IS NOT NULL")),
        _SCHEMA,
    )

    case_id: UUID = Field(primary_key=True)
    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=timestamp(nullable=False))
    status: str | None = Field(sa_column=Column(Text, nullable=True))
    words: str = Field(sa_column=Column(Text, nullable=False))
    unit: str | None = Field(sa_column=Column(Text, nullable=True))


class Ledger(SQLModel, table=True):
    """R-LEDGER-01: what came of a case; no row while nothing has. `ledger.Result` says what the columns mean."""

    __tablename__: ClassVar[Any] = "ledger"
    __table_args__ = (_SCHEMA,)

    case_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_column=Column(Text, nullable=False))
    unit: str | None = Field(sa_column=Column(Text, nullable=True))
    solved: bool | None
    explanation: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=timestamp(nullable=False))


class WechatMessage(SQLModel, table=True):
    """A message of a follower until it is worked, then the answer to it; kept for two days to know it again."""

    __tablename__: ClassVar[Any] = "wechat_message"
    __table_args__ = (
        Index("wechat_message_digest", "digest", unique=True),
        Index("wechat_message_open", "sender", "entry", postgresql_where=text("answered_at IS NULL")),
        Index("wechat_message_received", "received_at"),
        _SCHEMA,
    )

    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    digest: bytes
    sender: bytes
    received_at: datetime = Field(sa_column=timestamp(nullable=False))
    due_at: datetime = Field(sa_column=timestamp(nullable=False))
    """When it may be worked on, or its answer sent, next."""
    tries: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    worked_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    answered_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    record_id: UUID
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    wrapped_key: bytes
    ciphertext: bytes


class WechatTalk(SQLModel, table=True):
    """What a follower has told so far of a matter that is not taken in yet."""

    __tablename__: ClassVar[Any] = "wechat_talk"
    __table_args__ = (_SCHEMA,)

    sender: bytes = Field(primary_key=True)
    ends_at: datetime = Field(sa_column=timestamp(nullable=False))
    record_id: UUID
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    wrapped_key: bytes
    ciphertext: bytes


class WechatPicture(SQLModel, table=True):
    """Pictures of followers that wait to be fetched from the platform, by its numbers; nothing else of them."""

    __tablename__: ClassVar[Any] = "wechat_picture"
    __table_args__ = (Index("wechat_picture_due", "due_at"), _SCHEMA)

    entry: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    case_id: UUID
    sender: bytes
    media_id: str = Field(sa_column=Column(Text, nullable=False))
    received_at: datetime = Field(sa_column=timestamp(nullable=False))
    due_at: datetime = Field(sa_column=timestamp(nullable=False))
    tries: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))


class EmailTaken(SQLModel, table=True):
    """Keyed digests of the mails that were taken in, kept for a year to know them again."""

    __tablename__: ClassVar[Any] = "email_taken"
    __table_args__ = (Index("email_taken_at", "taken_at"), _SCHEMA)

    digest: bytes = Field(primary_key=True)
    taken_at: datetime = Field(sa_column=timestamp(nullable=False))


class PublicCase(SQLModel, table=True):
    """What anybody may know of a case: matter, grid, the hour it came in, and whether it has ended."""

    __tablename__: ClassVar[Any] = "public_case"
    __table_args__ = (
        Index("public_case_number", "number", unique=True),
        Index("public_case_newest", "closed", text("requested_at DESC"), text("case_id DESC")),
        Index("public_case_matter", "matter", "closed", text("requested_at DESC"), text("case_id DESC")),
        _SCHEMA,
    )

    case_id: UUID = Field(primary_key=True)
    number: UUID
    """Under which the public knows it."""
    matter: str = Field(sa_column=Column(Text, nullable=False))
    place: str = Field(sa_column=Column(Text, nullable=False))
    """Code of the grid, or of the district where only that is known."""
    handler: str | None = Field(sa_column=Column(Text, nullable=True))
    """Code of the unit that handles it."""
    requested_at: datetime = Field(sa_column=timestamp(nullable=False))
    closed: bool


class Attachment(SQLModel, table=True):
    """One file that came with a case; its key is in `record_key` under its id. `stored`: a supplement names it."""

    __tablename__: ClassVar[Any] = "attachment"
    __table_args__ = (
        Index("attachment_case", "case_id"),
        Index("attachment_unfinished", "received_at", postgresql_where=text("NOT stored")),
        _SCHEMA,
    )

    attachment_id: UUID = Field(primary_key=True)
    case_id: UUID
    media_type: str = Field(sa_column=Column(Text, nullable=False))
    cleaned: bool
    """Whether what a camera notes beside the picture, the place above all, was removed."""
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    pieces: int
    received_at: datetime = Field(sa_column=timestamp(nullable=False))
    stored: bool


class AttachmentPiece(SQLModel, table=True):
    """An encrypted part of a file."""

    __tablename__: ClassVar[Any] = "attachment_piece"
    __table_args__ = (_SCHEMA,)

    attachment_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    ciphertext: bytes


TABLES: Final[tuple[type[SQLModel], ...]] = (
    CaseFile,
    PersonalRecord,
    RecordKey,
    PersonIndex,
    LinkedReport,
    LeftCase,
    Helper,
    KnowledgeEntry,
    Call,
    CallCase,
    AccessLog,
    Timeline,
    WechatMessage,
    WechatTalk,
    WechatPicture,
    EmailTaken,
    PublicCase,
    Attachment,
    AttachmentPiece,
    Ledger,
)
