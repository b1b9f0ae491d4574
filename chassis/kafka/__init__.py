"""Kafka as the transport: the relay out of the event log, the reader of the stream, topics, a local broker."""
