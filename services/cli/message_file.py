"""Reads a file of messages row by row; a broken row is named by its line and spoils no other."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

COLUMNS: Final = ("message_id", "sender", "received_at", "title", "body")
"""The columns that a file must have; others (`agree`, `disagree`) are passed over."""
_LOCAL_TIME: Final = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Message:
    """One row of the file. `line` is the line it starts on, from 1."""

    line: int
    message_id: str
    sender: str
    received_at: datetime
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not sent, or not accepted."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


def read_messages(path: Path) -> Iterator[Message | Fault]:
    """Read a messages file row by row; a broken row, and one whose id stood before, becomes a Fault with its line.

    Raises click.ClickException where the file has not the columns of a messages file.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        absent = [column for column in COLUMNS if column not in header]
        if absent:
            raise click.ClickException(
                f"{path}, line 1: the column{'s' if len(absent) > 1 else ''} {', '.join(absent)} "
                f"must stand in the header; it has: {_legible(', '.join(header)) or 'nothing'}"
            )
        twice = next((column for column in COLUMNS if header.count(column) > 1), None)
        if twice is not None:
            raise click.ClickException(
                f"{path}, line 1: the column {twice} stands in the header more than once"
            )
        line = rows.line_num + 1
        lines: dict[str, int] = {}
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Fault(line, f"not a row of CSV: {error}{_extent(line, rows.line_num)}")
                line = rows.line_num + 1
                continue
            if row:
                yield _once(_message(header, row, line, rows.line_num), lines)
            line = rows.line_num + 1


def _legible(text: str) -> str:
    """The beginning of a text, without what a terminal cannot show."""
    return "".join(each if each.isprintable() else "?" for each in text[:200])


def _once(row: Message | Fault, lines: dict[str, int]) -> Message | Fault:
    """The row, unless a message with its id stood on one of `lines` before."""
    if isinstance(row, Fault):
        return row
    first = lines.setdefault(row.message_id.strip(), row.line)
    if first == row.line:
        return row
    return Fault(row.line, f"message_id {row.message_id!r} stands on line {first} already; that one is taken")


def _extent(line: int, last: int) -> str:
    """Say how many lines a faulty row took with it: with a quotation mark too few, all up to the next one."""
    return f" (lines {line} to {last} were read as this one row)" if last > line else ""


def _message(header: Sequence[str], row: Sequence[str], line: int, last: int) -> Message | Fault:
    if len(row) != len(header):
        wrong = f"{len(row)} fields, the header has {len(header)}: is a quotation mark missing?"
        return Fault(line, wrong + _extent(line, last))
    cells = dict(zip(header, row, strict=True))
    if any("\udc80" <= character <= "\udcff" for cell in row for character in cell):
        return Fault(line, "not valid UTF-8; save the file as UTF-8 and import it again")
    try:
        received_at = datetime.fromisoformat(cells["received_at"])
    except ValueError:
        return Fault(
            line, f"received_at {cells['received_at']!r} is not a time like 2026-03-02T09:30:00+08:00"
        )
    if received_at.tzinfo is None:
        received_at = received_at.replace(tzinfo=_LOCAL_TIME)
    if not cells["message_id"].strip():
        return Fault(line, "message_id is empty; every message needs one")
    return Message(line, cells["message_id"], cells["sender"], received_at, cells["title"], cells["body"])
