"""Counters, gauges and histograms of one process, in a registry that is passed explicitly.

    metrics = Metrics()
    metrics.count("records_applied", 500)
    metrics.count("commands", 1, "accepted")        # the label's value: bounded, never an id
    metrics.observe("batch_records", 500)
    metrics.set("lag_seconds", 0.02)

Prometheus sees each name as `caseladder_<name>` (counters with `_total`).
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CounterName = Literal[
    "cases_accepted",  # answered with 201, so durable
    "commands",  # HTTP commands, by outcome: accepted, refused, conflict, replayed
    "batches",  # committed batches of the runner
    "records_applied",  # events that took effect
    "records_skipped",  # duplicates that did not
    "events_emitted",  # events appended to the log, by type: router.CaseDispatched.v1, router.CaseClosed.v1
    "timers_fired",  # timers that came due and were decided
    "parked",  # records put aside with a reason, in total
    "letters",  # on Kafka: what others wrote to this service, by outcome: settled, rejected
    "unparked",  # records parked no longer, by resolution: retried, skipped, discarded
    "events_published",  # on Kafka: events that the relay of this process has brought to a topic
    "http_responses",  # HTTP answers, without those to probes, by status class: 2xx, 4xx, 5xx
    "notices",  # what became of notices, by outcome: sent, delivered, retried, failed, expired, …
]
HistogramName = Literal[
    "batch_records",  # records in one batch of the runner
    "batch_seconds",  # from the poll's answer to the commit
    "group_commit_commands",  # HTTP commands that shared one commit
    "published_batch_events",  # on Kafka: events that the relay published before it stored its position
    "stage_seconds",  # by source: from the time of a batch's oldest event to the commit of its effect here
]
GaugeName = Literal[
    "lag_events",  # events in the log that this consumer has not read
    "lag_seconds",  # age of the newest applied event when it was applied
    "oldest_unread_seconds",  # age of the oldest event that this consumer has not read
    "unpublished_events",  # on Kafka: events in the log that are on no topic yet
    "oldest_unpublished_seconds",  # on Kafka: age of the oldest of them
    "topics_missing",  # on Kafka: topics that the broker does not have whole; their events wait
    "inbox_waiting",  # on Kafka: what others wrote to this service and is not settled
    "inbox_topics_missing",  # on Kafka: topics on which others write to this service that the broker does not have
    "inbox_stalled",  # on Kafka: 1 where this process should read what others wrote to it, and cannot
    "relay_leads",  # on Kafka: 1 where this process's relay is the one at work, else 0
    "overdue_timers",  # timers that are due and not yet fired
    "parked_open",  # records parked now
    "notices_late",  # recipients to whom something should have gone out a minute ago or earlier
    "circuits_open",  # channels whose provider failed several times in a row
    "parked_share",  # share of the recent records that were parked, 0 to 1
]

_LABELS: Final[Mapping[str, str]] = {
    "commands": "outcome",
    "http_responses": "status",
    "letters": "outcome",
    "notices": "outcome",
    "events_emitted": "type",
    "unparked": "resolution",
    "stage_seconds": "source",
}
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Metrics:
    """The metrics of one process. A call costs about a microsecond; a label's value must come from a small set."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counters = {name: self._counter(name) for name in get_args(CounterName)}
        self._gauges = {name: self._gauge(name) for name in get_args(GaugeName)}
        self._histograms = {name: self._histogram(name) for name in get_args(HistogramName)}
        self._labelled_counters: dict[tuple[str, str], Counter] = {}
        self._labelled_histograms: dict[tuple[str, str], Histogram] = {}

    def count(self, name: CounterName, amount: float = 1, label: str = "") -> None:
        """Add to a counter; `label` is the label's value for those that have one."""
        if not label:
            self._counters[name].inc(amount)
            return
        child = self._labelled_counters.get((name, label))
        if child is None:
            child = self._labelled_counters[name, label] = self._counters[name].labels(label)
        child.inc(amount)

    def count_each(self, name: CounterName, amounts: Mapping[str, int]) -> None:
        """Add to a labelled counter, an amount for each of its label's values."""
        for label, amount in amounts.items():
            self.count(name, amount, label)

    def set(self, name: GaugeName, value: float) -> None:
        """Set a gauge."""
        self._gauges[name].set(value)

    def observe(self, name: HistogramName, value: float, label: str = "") -> None:
        """Add one observation to a histogram; `label` is the label's value for those that have one."""
        if not label:
            self._histograms[name].observe(value)
            return
        child = self._labelled_histograms.get((name, label))
        if child is None:
            child = self._labelled_histograms[name, label] = self._histograms[name].labels(label)
        child.observe(value)

    def text(self) -> bytes:
        """The Prometheus exposition."""
        return generate_latest(self.registry)

    def _counter(self, name: str) -> Counter:
        return Counter(f"caseladder_{name}", _help(name), _labels(name), registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        return Gauge(f"caseladder_{name}", _help(name), registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        buckets = _SECONDS if name.endswith("_seconds") else _SIZES
        return Histogram(
            f"caseladder_{name}", _help(name), _labels(name), registry=self.registry, buckets=buckets
        )


def _labels(name: str) -> tuple[str, ...]:
    return (_LABELS[name],) if name in _LABELS else ()


def _help(name: str) -> str:
    return name.replace("_", " ")
