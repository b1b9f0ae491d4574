"""Records as a consumer hands them out, made of events."""

from typing import Any

from chassis.kafka.partitions import Found
from chassis.kafka.records import headers
from schemas.envelope import Envelope


class Record:
    """A record at an offset of partition 0."""

    partition = 0

    def __init__(self, event: Envelope, edition: str = "", offset: int = 0) -> None:
        self.headers: list[tuple[str, Any]] = list(headers(event, edition))
        self.value = event.data.encode()
        self.offset = offset
        self.timestamp = 0

    def spoilt(self, name: str, value: bytes | None) -> "Record":
        """Return the record with another value of a header."""
        self.headers = [*[header for header in self.headers if header[0] != name], (name, value)]
        return self


def found(end: int, event: Envelope, edition: str = "") -> Found:
    """Return a record that ends at an offset, as a reader keeps it."""
    return Found(Record(event, edition, end - 1))
