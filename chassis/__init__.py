"""The runtime: deciders, streams, transactions, telemetry and HTTP. It knows no case."""
