"""Sends each case to the lowest unit that can lawfully settle it, and runs the work order to its close."""
