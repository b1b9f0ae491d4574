"""The router's own tables: what units, operators and supervisors list. Written by `projection` only."""

from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


def _instant(*, nullable: bool = True) -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=nullable)


def _codes() -> Column[list[str]]:
    return Column(ARRAY(Text), nullable=False)


class CaseText(SQLModel, table=True):
    """What the resident said, with phone and id numbers masked; kept out of the state and of the case's events."""

    __tablename__: ClassVar[Any] = "case_text"

    case_id: UUID = Field(primary_key=True)
    title: str = Field(sa_column=_text())
    body: str = Field(sa_column=_text())
    address: str | None = Field(sa_column=_text(nullable=True))
    received_at: datetime = Field(sa_column=_instant(nullable=False))
    supplements: list[dict[str, Any]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    """Objects with `at`, `text`, `kept_from` and `told_instead` (unit codes) and `judged`, in order."""


class Assignment(SQLModel, table=True):
    """What a unit has, or had, to do with a case; `<case id>/<number>` names it. The columns from `status` to
    `subjects` are the case's and kept up to date while the assignment is open."""

    __tablename__: ClassVar[Any] = "assignment"
    __table_args__ = (
        Index(
            "assignment_open",
            "unit",
            "dispatched_at",
            "case_id",
            "number",
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "assignment_ended",
            "unit",
            "dispatched_at",
            "case_id",
            "number",
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "assignment_suspended",
            "dispatched_at",
            "case_id",
            postgresql_where=text("status = 'SUSPENDED' AND role = 'lead' AND ended_at IS NULL"),
        ),
    )

    case_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    unit: str = Field(sa_column=_text())
    role: str = Field(sa_column=_text())
    lead: str | None = Field(sa_column=_text(nullable=True))
    rung: int | None = Field(sa_column=Column(SmallInteger, nullable=True))
    matter: str | None = Field(sa_column=_text(nullable=True))
    track: str = Field(sa_column=_text())
    urgency: int = Field(sa_column=Column(SmallInteger, nullable=False))
    mode: str = Field(sa_column=_text())
    place: str | None = Field(sa_column=_text(nullable=True))
    access: str = Field(sa_column=_text())
    locked: bool
    sealed: bool
    confidential: bool
    dispatched_at: datetime = Field(sa_column=_instant(nullable=False))
    status: str = Field(sa_column=_text())
    sign_by: datetime | None = Field(sa_column=_instant())
    handle_by: datetime | None = Field(sa_column=_instant())
    late_at: datetime | None = Field(sa_column=_instant())
    yellow_at: datetime | None = Field(sa_column=_instant())
    overdue: bool
    watched: bool
    coordinated: bool
    subjects: list[str] = Field(sa_column=_codes())
    ended_at: datetime | None = Field(sa_column=_instant())
    end_reason: str | None = Field(sa_column=_text(nullable=True))


class Triage(SQLModel, table=True):
    """A case that waits for a human to decide where it goes."""

    __tablename__: ClassVar[Any] = "triage"

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    place: str | None = Field(sa_column=_text(nullable=True))
    urgency: int = Field(sa_column=Column(SmallInteger, nullable=False))
    confidence: float
    candidates: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    subjects: list[str] = Field(sa_column=_codes())
    sealed: bool
    confidential: bool
    queued_at: datetime = Field(sa_column=_instant(nullable=False))
    due_at: datetime | None = Field(sa_column=_instant())


class Callback(SQLModel, table=True):
    """A case that waits for its callback (R-HOT-08); `claimed_by` is the token subject of who is calling."""

    __tablename__: ClassVar[Any] = "callback"
    __table_args__ = (Index("callback_due", "due_at", "case_id"),)

    case_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=_text())
    place: str | None = Field(sa_column=_text(nullable=True))
    reason: str = Field(sa_column=_text())
    matter: str | None = Field(sa_column=_text(nullable=True))
    track: str = Field(sa_column=_text())
    urgency: int = Field(sa_column=Column(SmallInteger, nullable=False))
    opened_at: datetime = Field(sa_column=_instant(nullable=False))
    due_at: datetime = Field(sa_column=_instant(nullable=False))
    """By when to call; after an attempt, from when on the next one counts."""
    attempts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    tried_at: datetime | None = Field(sa_column=_instant())
    claimed_by: str | None = Field(sa_column=_text(nullable=True))
    claimed_until: datetime | None = Field(sa_column=_instant())
    subjects: list[str] = Field(sa_column=_codes())
    sealed: bool
    confidential: bool


class UnitDay(SQLModel, table=True):
    """R-HOT-09, R-KPI-01: a unit's figures of one day in Asia/Shanghai; `rates` says what is counted."""

    __tablename__: ClassVar[Any] = "unit_day"

    unit: str = Field(sa_column=Column(Text, primary_key=True))
    day: date = Field(primary_key=True)
    valid: int
    not_reached: int
    contacted: int
    resolved: int
    satisfied: int
    in_time: int
    late: int
    redone: int
    reopened: int
    objections: int
    upheld: int


TABLES: Final[tuple[type[SQLModel], ...]] = (CaseText, Assignment, Triage, Callback, UnitDay)
