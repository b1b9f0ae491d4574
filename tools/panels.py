"""What Grafana shows, as tables: pages of rows of graphs. tools/dashboards.py makes Grafana's files of them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph. `queries`: (PromQL, legend). `alarm`: a line is drawn there, in the panel's unit."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    says: str
    alarm: float | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows of panels; the file is `<uid>.json`."""

    uid: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


def _events(kind: str) -> str:
    return f'sum(rate(caseladder_events_emitted_total{{type="{kind}"}}[$__rate_interval])) * 60'


def _per_hour(kind: str) -> str:
    return f'sum(increase(caseladder_events_emitted_total{{type="{kind}"}}[1h]))'


def _quantile(share: float, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))"


def _each(metric: str) -> tuple[tuple[str, str], ...]:
    return ((f"sum by (service) ({metric})", "{{service}}"),)


CASE_FLOW: Final = Dashboard(
    "case-flow",
    "Caseladder: case flow and deadlines",
    (
        (
            "Case flow",
            (
                Panel(
                    "Cases a minute",
                    "short",
                    (
                        ("sum(rate(caseladder_cases_accepted_total[$__rate_interval])) * 60", "accepted"),
                        (_events("router.CaseDispatched.v1"), "assigned"),
                        (_events("router.CaseReplied.v1"), "replied"),
                        (_events("router.CaseClosed.v1"), "closed"),
                    ),
                    "Accepted: answered with 201. Assigned follows within a second, or something is wrong.",
                ),
                Panel(
                    "Where people decide, a minute",
                    "short",
                    (
                        (_events("router.TriageQueued.v1"), "queued for triage"),
                        (_events("router.AssignmentObjected.v1"), "objected"),
                        (_events("router.CaseEscalated.v1"), "escalated"),
                        (_events("router.RedoOrdered.v1"), "redo ordered"),
                    ),
                    "Cases that no rule could settle, that a unit refused, that climbed, or that came back.",
                ),
                Panel(
                    "Closed for each case accepted, last day",
                    "percentunit",
                    (
                        (
                            'sum(increase(caseladder_events_emitted_total{type="router.CaseClosed.v1"}[1d]))'
                            " / sum(increase(caseladder_cases_accepted_total[1d]))",
                            "closed / accepted",
                        ),
                    ),
                    "Below 1 for days: work piles up at the units.",
                ),
            ),
        ),
        (
            "Deadlines at risk",
            (
                Panel(
                    "Deadlines, last hour",
                    "short",
                    (
                        (_per_hour("router.DeadlineReminded.v1"), "reminded"),
                        (_per_hour("router.DeadlineAtRisk.v1"), "at risk (75 % gone)"),
                        (_per_hour("router.DeadlineBreached.v1"), "breached"),
                        (_per_hour("router.CaseSupervised.v1"), "supervised"),
                    ),
                    "At risk: the yellow plate. Supervised: the red one.",
                ),
                Panel(
                    "Timers that are due and not fired",
                    "short",
                    _each("caseladder_overdue_timers"),
                    "Above 0 for minutes: reminders and lapses do not happen.",
                    alarm=1,
                ),
                Panel(
                    "Extensions and suspensions, last hour",
                    "short",
                    (
                        (_per_hour("router.ExtensionRequested.v1"), "extension asked"),
                        (_per_hour("router.SuspensionRequested.v1"), "suspension asked"),
                    ),
                    "Units that ask for more time.",
                ),
            ),
        ),
    ),
)

PIPELINE: Final = Dashboard(
    "pipeline",
    "Caseladder: pipeline",
    (
        (
            "Streams",
            (
                Panel(
                    "Consumer lag",
                    "short",
                    _each("caseladder_lag_events"),
                    "Events in the log that the service has not read.",
                ),
                Panel(
                    "Oldest unread event",
                    "s",
                    _each("caseladder_oldest_unread_seconds"),
                    "Age of the oldest event that the service has not read.",
                    alarm=60,
                ),
                Panel(
                    "Oldest unpublished event",
                    "s",
                    _each("caseladder_oldest_unpublished_seconds"),
                    "Age of the oldest event in the service's log that is not in Kafka.",
                    alarm=60,
                ),
                Panel(
                    "Unpublished events",
                    "short",
                    _each("caseladder_unpublished_events"),
                    "How many those are: they are safe, and go out in order.",
                ),
            ),
        ),
        (
            "Parked cases",
            (
                Panel(
                    "Events set aside now",
                    "short",
                    _each("caseladder_parked_open"),
                    "Their cases stand still; all others go on.",
                    alarm=1,
                ),
                Panel(
                    "Share of the recent events that parked",
                    "percentunit",
                    _each("caseladder_parked_share"),
                    "Above 5 % the service stops reading, for the fault is ours.",
                    alarm=0.05,
                ),
                Panel(
                    "Events a second",
                    "short",
                    (
                        (
                            "sum by (service) (rate(caseladder_records_applied_total[$__rate_interval]))",
                            "{{service}} applied",
                        ),
                        (
                            "sum by (service) (rate(caseladder_records_skipped_total[$__rate_interval]))",
                            "{{service}} skipped",
                        ),
                    ),
                    "Skipped: duplicates without effect, after restarts.",
                ),
            ),
        ),
        (
            "Latency of each stage",
            (
                Panel(
                    "From an event to its effect",
                    "s",
                    (
                        (
                            _quantile(0.5, "caseladder_stage_seconds", "service, source"),
                            "p50 {{source}} to {{service}}",
                        ),
                        (
                            _quantile(0.99, "caseladder_stage_seconds", "service, source"),
                            "p99 {{source}} to {{service}}",
                        ),
                    ),
                    "From the time of a batch's oldest event to the commit of its effect in the next service.",
                    alarm=1,
                ),
                Panel(
                    "One batch, to its commit",
                    "s",
                    ((_quantile(0.99, "caseladder_batch_seconds", "service"), "p99 {{service}}"),),
                    "The database's part of it.",
                ),
                Panel(
                    "Commands that share a commit",
                    "short",
                    ((_quantile(0.5, "caseladder_group_commit_commands", "service"), "median {{service}}"),),
                    "Grows with the load, at most 400.",
                ),
            ),
        ),
        (
            "HTTP",
            (
                Panel(
                    "Answers a second",
                    "short",
                    (
                        (
                            "sum by (service, status) (rate(caseladder_http_responses_total[$__rate_interval]))",
                            "{{service}} {{status}}",
                        ),
                    ),
                    "5xx: 503 is the database or a full queue, 500 a defect.",
                ),
                Panel(
                    "Commands a second",
                    "short",
                    (
                        (
                            "sum by (service, outcome) (rate(caseladder_commands_total[$__rate_interval]))",
                            "{{service}} {{outcome}}",
                        ),
                    ),
                    "Failed: a defect.",
                ),
                Panel(
                    "Processor and memory",
                    "short",
                    (
                        (
                            'rate(process_cpu_seconds_total{job="caseladder"}[$__rate_interval])',
                            "{{service}} cores",
                        ),
                        (
                            'process_resident_memory_bytes{job="caseladder"} / 1024 / 1024 / 1024',
                            "{{service}} GiB",
                        ),
                    ),
                    "A service uses one core at most.",
                ),
            ),
        ),
    ),
)
DASHBOARDS: Final = (CASE_FLOW, PIPELINE)
