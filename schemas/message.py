"""The bases of everything that is published: events, past tense, and commands, imperative; both frozen."""

from typing import ClassVar, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

CASE_EVENTS: Final = "case.events"
"""The one stream of all cases, keyed by case id."""
CASE_PARKED: Final = "case.parked"
"""What services could not apply and set aside, and what became of it; keyed by case id."""


class Value(BaseModel):
    """A frozen part of a message or a state."""

    model_config = ConfigDict(frozen=True)


class Event(BaseModel):
    """Something that has happened to a case.

    A reader ignores fields it does not know, so that a newer writer may add some; a field is never removed
    and its meaning never changes within a version (`tests/contract` holds the gate).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    """CloudEvents `type`: `<service>.<Name>.v<version>`."""

    def topic(self) -> str:
        """Return the topic that carries this event."""
        return CASE_EVENTS


class Actor(Value):
    """Who acts: a member of staff by the subject of their token, never a resident's identity."""

    subject: str = Field(max_length=128)
    role: str
    unit: str | None = None


class Command(BaseModel):
    """A request to change one case; refused or turned into events by the decider that owns the case."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Instant = AwareDatetime
"""A point in time; a value without a time zone is refused."""
