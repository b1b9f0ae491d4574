"""What is decided without touching anything: who is told what, when, and what a failure leads to. Pure."""

from services.notify.domain.decider import NoState, NotifyDecider
from services.notify.domain.notices import (
    CHANNELS,
    REACHED_BY,
    Channel,
    ChannelPolicy,
    Fact,
    FactKind,
    Language,
    Notice,
    Notices,
    QuietHours,
    RetryPolicy,
    Role,
    value_at,
)
from services.notify.domain.planning import Planned, Planner, Reporter, lane_of, message_id

__all__ = [
    "CHANNELS",
    "REACHED_BY",
    "Channel",
    "ChannelPolicy",
    "Fact",
    "FactKind",
    "Language",
    "NoState",
    "Notice",
    "Notices",
    "NotifyDecider",
    "Planned",
    "Planner",
    "QuietHours",
    "Reporter",
    "RetryPolicy",
    "Role",
    "lane_of",
    "message_id",
    "value_at",
]
