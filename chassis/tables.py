"""The chassis's tables as SQLModel classes: what Alembic compares with. The hot path never uses them.

Each service has its own copy of the per-service tables in the schema of its name. Embedded, all services share
one `chassis.event_log`; on Kafka each has a database, and so an event log, of its own.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in DDL."""
        return "xid8"


def timestamp(**options: Any) -> Column[datetime]:
    """Build a `timestamptz` column."""
    return Column(DateTime(timezone=True), **options)


class EventLog(SQLModel, table=True):
    """Every event ever emitted: outbox, audit trail, and the source from which a topic can be rebuilt."""

    __tablename__: ClassVar[Any] = "event_log"
    __table_args__ = (
        Index("event_log_order", "topic", "xid", "position"),
        {"schema": "chassis"},
    )

    case_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=Column(Text, primary_key=True))
    sequence: int = Field(sa_column=Column(BigInteger, primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    xid: str = Field(sa_column=Column(Xid8, nullable=False, server_default=text("pg_current_xact_id()")))
    topic: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    time: datetime = Field(sa_column=timestamp(nullable=False))
    traceparent: str = Field(sa_column=Column(Text, nullable=False))
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class RelayPosition(SQLModel, table=True):
    """On Kafka: up to where the event log of a service is published."""

    __tablename__: ClassVar[Any] = "position"
    __table_args__ = ({"schema": "relay"},)

    service: str = Field(sa_column=Column(Text, primary_key=True))
    position: str = Field(sa_column=Column(Text, nullable=False))
    updated_at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))
    edition: str = Field(sa_column=Column(Text, nullable=False, server_default=""))
    rebuilding: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    rebuilding_topic: str | None = Field(sa_column=Column(Text, nullable=True))
    rebuilding_since: datetime | None = Field(sa_column=timestamp(nullable=True))
    partitions: int | None = Field(sa_column=Column(Integer, nullable=True))
    ends: dict[str, dict[str, str]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )


class HeldTopic(SQLModel, table=True):
    """On Kafka: a topic that the broker does not have whole, and behind which place of the log its events wait."""

    __tablename__: ClassVar[Any] = "held"
    __table_args__ = ({"schema": "relay"},)

    service: str = Field(sa_column=Column(Text, primary_key=True))
    topic: str = Field(sa_column=Column(Text, primary_key=True))
    position: str = Field(sa_column=Column(Text, nullable=False))


class InboxPosition(SQLModel, table=True):
    """On Kafka: how far a service has settled what others wrote to it, for each partition."""

    __tablename__: ClassVar[Any] = "inbox_position"
    __table_args__ = ({"schema": "relay"},)

    service: str = Field(sa_column=Column(Text, primary_key=True))
    topic: str = Field(sa_column=Column(Text, primary_key=True))
    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    position: str = Field(sa_column=Column(Text, nullable=False))
    updated_at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))


def service_tables(schema: str) -> MetaData:
    """Return the per-service tables of the chassis in the service's schema."""
    metadata = MetaData(schema=schema)
    for table in (Aggregate, StreamPosition, Parked, IdempotencyKey):
        table.__table__.to_metadata(metadata, schema=schema)  # type: ignore[union-attr]
    return metadata


class Aggregate(SQLModel, table=True):
    """The state of one case in one service. `next_due_at` is its earliest timer."""

    __tablename__: ClassVar[Any] = "aggregate"
    __table_args__ = (
        Index("aggregate_next_due_at", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
    )

    case_id: UUID = Field(primary_key=True)
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    seen: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    state: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    next_due_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    traceparent: str = Field(sa_column=Column(Text, nullable=False))


class StreamPosition(SQLModel, table=True):
    """How far the service has applied a partition of the stream; the fence of every batch."""

    __tablename__: ClassVar[Any] = "stream_position"

    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    position: str = Field(sa_column=Column(Text, nullable=False))
    updated_at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))


class Parked(SQLModel, table=True):
    """An event that could not be applied, or that waits behind one of the same case."""

    __tablename__: ClassVar[Any] = "parked"
    __table_args__ = (Index("parked_open", "case_id", postgresql_where=text("resolved_at IS NULL")),)

    case_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=Column(Text, primary_key=True))
    sequence: int = Field(sa_column=Column(BigInteger, primary_key=True))
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    topic: str = Field(sa_column=Column(Text, nullable=False))
    time: datetime = Field(sa_column=timestamp(nullable=False))
    traceparent: str = Field(sa_column=Column(Text, nullable=False))
    data: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    behind: bool
    parked_at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))
    resolved_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    resolution: str | None = Field(sa_column=Column(Text, nullable=True))


class IdempotencyKey(SQLModel, table=True):
    """The stored answer of a committed write."""

    __tablename__: ClassVar[Any] = "idempotency_key"
    __table_args__ = (Index("idempotency_key_created_at", "created_at"),)

    principal: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    request_hash: bytes
    status: int
    body: bytes
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(sa_column=timestamp(nullable=False, server_default=func.now()))
