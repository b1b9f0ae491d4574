"""The published language: envelope, events, commands and the value types that they share."""
