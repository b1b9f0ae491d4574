"""Deadline rules (configuration) and computed deadlines (stamped into events and state)."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

TimeUnit = Literal["hours", "days", "working_days"]
RuleUnit = Literal[TimeUnit, "years"]
"""What a rule can count by; a clock that carries a rule of its own never counts by years."""


class DeadlineRule(BaseModel):
    """How long something may take: exact hours, calendar days, working days or years (Asia/Shanghai)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    amount: int = Field(ge=1)
    unit: RuleUnit
    source: str = Field(min_length=1, description="the article it comes from, or DES / MEM / weak")


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
