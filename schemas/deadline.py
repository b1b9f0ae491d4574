"""Deadline rules (configuration) and computed deadlines (stamped into events and state)."""

from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

TimeUnit = Literal["hours", "days", "working_days"]
RuleUnit = Literal[TimeUnit, "years"]
"""What a rule can count by; a clock that carries a rule of its own never counts by years."""
MOST: Final[Mapping[RuleUnit, int]] = {"hours": 87_600, "days": 3_650, "working_days": 2_500, "years": 100}
"""A rule counts no more than this: ten years, or a hundred years. What is longer is mistyped, and would lie beyond
the calendar."""


class DeadlineRule(BaseModel):
    """How long something may take: exact hours, calendar days, working days or years (Asia/Shanghai)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    amount: int = Field(ge=1)
    unit: RuleUnit
    source: str = Field(min_length=1, description="the article it comes from, or DES / MEM / weak")

    @model_validator(mode="after")
    def _within_reason(self) -> Self:
        if self.amount > MOST[self.unit]:
            raise ValueError(f"amount must be at most {MOST[self.unit]} {self.unit}, got {self.amount}")
        return self


class Deadline(BaseModel):
    """The instant (UTC) from which something is overdue: overdue when `now >= at`.

    `calendar_version` names the published schedules it was counted with ("exact" for hours). `provisional` is
    true when a counted day lies in a year without a published schedule: recompute it when one arrives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    rule: str
    calendar_version: str
    provisional: bool
