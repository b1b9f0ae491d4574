"""Policy as data: decision tables in YAML, checked at load, read by the pure domain through `Policy`."""
