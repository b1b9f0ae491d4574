"""Kafka: the production transport, and a local broker for development and tests."""
