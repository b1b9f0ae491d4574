"""Metrics: values, labels, and that two processes' worth of them do not mix."""

from typing import get_args

import pytest

from chassis.metrics import CounterName, GaugeName, HistogramName, Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"caseladder_{name}", labels)


def test_counting_setting_observing() -> None:
    metrics = Metrics()
    metrics.count("records_applied", 500)
    metrics.count("records_applied")
    metrics.set("lag_seconds", 0.5)
    metrics.observe("batch_records", 60)
    assert value(metrics, "records_applied_total") == 501
    assert value(metrics, "lag_seconds") == 0.5
    assert value(metrics, "batch_records_bucket", le="50.0") == 0
    assert value(metrics, "batch_records_bucket", le="100.0") == 1


def test_labels() -> None:
    metrics = Metrics()
    for outcome in ("accepted", "refused", "accepted"):
        metrics.count("commands", 1, outcome)
    metrics.observe("stage_seconds", 0.04, "router")
    assert value(metrics, "commands_total", outcome="accepted") == 2
    assert value(metrics, "commands_total", outcome="refused") == 1
    assert value(metrics, "stage_seconds_count", source="router") == 1


def test_counting_each() -> None:
    metrics = Metrics()
    metrics.count_each("events_emitted", {"router.CaseDispatched.v1": 2, "router.CaseClosed.v1": 1})
    metrics.count_each("events_emitted", {"router.CaseClosed.v1": 3})
    assert value(metrics, "events_emitted_total", type="router.CaseDispatched.v1") == 2
    assert value(metrics, "events_emitted_total", type="router.CaseClosed.v1") == 4


def test_a_missing_or_needless_label_is_a_fault() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="missing label"):
        metrics.count("commands")
    with pytest.raises(ValueError, match="label"):
        metrics.count("parked", 1, "why")


def test_each_registry_is_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.count("parked")
    assert value(one, "parked_total") == 1
    assert value(other, "parked_total") == 0


def test_the_text_names_every_metric_and_the_process() -> None:
    text = Metrics().text().decode()
    for name in (*get_args(CounterName), *get_args(GaugeName), *get_args(HistogramName)):
        assert f"# HELP caseladder_{name}" in text
    assert "process_resident_memory_bytes" in text
