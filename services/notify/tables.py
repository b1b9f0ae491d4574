"""Notify's own tables as SQLModel classes: what Alembic compares with. No phone, address or name is in any."""

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlmodel import Field, SQLModel

from chassis.tables import timestamp

_SCHEMA: Final = {"schema": "notify"}


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


def _key() -> Column[str]:
    return Column(Text, primary_key=True)


def _texts() -> Column[list[str]]:
    return Column(ARRAY(Text), nullable=False)


class Reporter(SQLModel, table=True):
    """Whom a case's residents' notices go to: the report, as which case it is handled, and by which ways."""

    __tablename__: ClassVar[Any] = "reporter"
    __table_args__ = (Index("reporter_case", "case_id"), _SCHEMA)

    report: UUID = Field(primary_key=True)
    case_id: UUID
    ways: list[str] = Field(sa_column=_texts())


class Subject(SQLModel, table=True):
    """R-LAD-04, R-HOT-14: a unit complained of in a case; it, and all under it, are told nothing of the case."""

    __tablename__: ClassVar[Any] = "subject"
    __table_args__ = (_SCHEMA,)

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=_key())
    suspected: bool = Field(default=False)
    """Until a human at the queue says whom the case complains of; false: found by a petition, which stands."""


class Recipient(SQLModel, table=True):
    """R-PET-10: the one unit that may know of a sealed case; empty where nobody has it."""

    __tablename__: ClassVar[Any] = "recipient"
    __table_args__ = (_SCHEMA,)

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=_text())


class Delivery(SQLModel, table=True):
    """One notice to one recipient by one channel. `open` until it is sent, or never will be."""

    __tablename__: ClassVar[Any] = "delivery"
    __table_args__ = (
        Index("delivery_open", "lane", "place", "step", postgresql_where=text("state = 'open'")),
        Index("delivery_case", "case_id"),
        _SCHEMA,
    )

    message_id: UUID = Field(primary_key=True)
    lane: str = Field(sa_column=_text())
    place: int = Field(sa_column=Column(BigInteger, Identity(always=False), nullable=False))
    step: int = Field(sa_column=Column(SmallInteger, nullable=False))
    """Which of the notice's channels it is, from 0; a fallback keeps the place of what it stands for."""
    event_id: str = Field(sa_column=_text())
    case_id: UUID
    recipient: str = Field(sa_column=_text())
    channel: str = Field(sa_column=_text())
    others: list[str] = Field(sa_column=_texts())
    template: str = Field(sa_column=_text())
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    statutory: bool
    urgent: bool
    created_at: datetime = Field(sa_column=timestamp(nullable=False))
    expires_at: datetime = Field(sa_column=timestamp(nullable=False))
    traceparent: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    reason: str | None = Field(sa_column=_text(nullable=True))
    reference: str | None = Field(sa_column=_text(nullable=True))
    """The provider's own name for the message."""
    changed_at: datetime = Field(sa_column=timestamp(nullable=False))


class Lane(SQLModel, table=True):
    """A recipient who has something coming: when to look again, and which process is at it."""

    __tablename__: ClassVar[Any] = "lane"
    __table_args__ = (Index("lane_next", "channel", "urgent", "next_at"), _SCHEMA)

    lane: str = Field(sa_column=_key())
    channel: str = Field(sa_column=_text())
    """Of the first open delivery."""
    urgent: bool
    next_at: datetime = Field(sa_column=timestamp(nullable=False))
    """While a process is at it: when its claim runs out."""
    owner: UUID | None = Field(nullable=True)


class InboxItem(SQLModel, table=True):
    """A notice in a unit's list; it is delivered by being there."""

    __tablename__: ClassVar[Any] = "inbox_item"
    __table_args__ = (
        Index("inbox_item_order", "unit", "item"),
        Index("inbox_item_unread", "unit", "item", postgresql_where=text("read_at IS NULL")),
        Index("inbox_item_case", "case_id"),
        _SCHEMA,
    )

    message_id: UUID = Field(primary_key=True)
    item: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    unit: str = Field(sa_column=_text())
    case_id: UUID
    event_id: str = Field(sa_column=_text())
    template: str = Field(sa_column=_text())
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_column=timestamp(nullable=False))
    read_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    read_by: str | None = Field(sa_column=_text(nullable=True))


class Told(SQLModel, table=True):
    """Of which reports an address was told lately, by the digest that only intake can make of it."""

    __tablename__: ClassVar[Any] = "told"
    __table_args__ = (Index("told_at", "at"), _SCHEMA)

    ref: str = Field(sa_column=_key())
    channel: str = Field(sa_column=_key())
    report: UUID = Field(primary_key=True)
    at: datetime = Field(sa_column=timestamp(nullable=False))


class OptOut(SQLModel, table=True):
    """Who wants no notices by a channel, by a digest that only intake can make of an address."""

    __tablename__: ClassVar[Any] = "opt_out"
    __table_args__ = (_SCHEMA,)

    ref: str = Field(sa_column=_key())
    channel: str = Field(sa_column=_key())
    at: datetime = Field(sa_column=timestamp(nullable=False))
    by: str = Field(sa_column=_text())


class Caught(SQLModel, table=True):
    """A message that stayed here, in place of a provider (the embedded run)."""

    __tablename__: ClassVar[Any] = "caught"
    __table_args__ = (Index("caught_order", "item"), Index("caught_case", "case_id"), _SCHEMA)

    message_id: UUID = Field(primary_key=True)
    item: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    at: datetime = Field(sa_column=timestamp(nullable=False))
    channel: str = Field(sa_column=_text())
    case_id: UUID
    recipient: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    text: str = Field(sa_column=_text())


TABLES: Final[tuple[type[SQLModel], ...]] = (
    Reporter,
    Subject,
    Recipient,
    Delivery,
    Lane,
    InboxItem,
    Told,
    OptOut,
    Caught,
)
