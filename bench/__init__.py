"""Measures the embedded system: throughput, latency, cost and memory, beside the same chassis without logic."""
