"""Structured logs: one JSON object a line on stdout, built so that personal data has no way in.

    configure("intake", "INFO")
    log = logging.getLogger(__name__)
    log.info("batch committed", extra={"records": 500, "seconds": 0.04})

Three rules keep data out:
1. `extra` passes only the names in FIELDS, and short scalar values; the names of those dropped are listed.
2. An exception is logged as its type and the places it came through (module:function:line), for its causes
   too, and never with its message, since that may quote what a resident wrote. An exception class whose messages
   are our own fixed words says so with `safe_to_log = True` (settings or policy errors, say) and keeps them.
   PostgreSQL errors keep their SQLSTATE.
3. Of other libraries' messages only the first line is kept: asyncio and uvicorn put tracebacks into the rest.
Messages of our own code are constant words; what varies goes into `extra`.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import orjson

# The trace that the current task works for, as a W3C traceparent; chassis.telemetry sets it within a span.
current_traceparent: ContextVar[str | None] = ContextVar("current_traceparent", default=None)

FIELDS: Final = frozenset(
    {
        "attempt", "batches", "case_id", "code", "commands", "consumer", "error_type", "event_id", "event_type",
        "events", "host", "incident", "lag_events", "lag_seconds", "method", "migration", "outcome", "parked",
        "partition", "policy_version", "port", "position", "problem", "records", "route", "schema", "seconds",
        "sequence", "signal", "source", "stage", "status", "task", "timers", "topic", "trace_id", "transport",
        "unit", "version",
    }
)  # fmt: skip
_OWN: Final = ("chassis", "services", "reference", "schemas", "bench")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}
_LONGEST = 200
_DEEPEST = 12


_REPEATING: Final = frozenset({"aiokafka"})
_AGAIN_S: Final = 60.0


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON text without a line break; times are UTC."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": _message(record),
        }
        traceparent = current_traceparent.get()
        if traceparent is not None:
            line["trace_id"] = traceparent[3:35]
        line |= _fields(record)
        if record.exc_info and record.exc_info[1]:
            line["error"] = list(_errors(record.exc_info[1]))
        return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def configure(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (stdout when None) as JSON; replaces earlier handlers."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    handler.addFilter(SaidBefore())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in (
        "httpx",
        "httpcore",
        "uvicorn",
        "alembic",
        "opentelemetry",
    ):  # they log addresses, or each step
        logging.getLogger(noisy).setLevel(logging.WARNING)


class SaidBefore(logging.Filter):
    """Passes what a client library says over and over, such as Kafka's while the broker is away, once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record: always, but for a library's own words within a minute of the last time."""
        if record.name.split(".")[0] not in _REPEATING:
            return True
        said = str(record.msg)
        if record.created - self._said.get(said, 0.0) < _AGAIN_S:
            return False
        self._said[said] = record.created
        return True


def _message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, OSError) and record.msg.errno is not None:
        return f"{type(record.msg).__name__}: {os.strerror(record.msg.errno)}"
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    text = record.getMessage()
    return text if record.name.split(".")[0] in _OWN else text.partition("\n")[0]


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    passed = {name: _short(value) for name, value in extra.items() if name in FIELDS}
    dropped = sorted(extra.keys() - FIELDS)
    return {**passed, "dropped_fields": dropped} if dropped else passed


def _short(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST]


def _errors(error: BaseException) -> Iterator[dict[str, Any]]:
    """The exception and its causes, the outermost first, each as type and places."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield _described(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    described: dict[str, Any] = {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "at": _places(error.__traceback__),
    }
    if getattr(kind, "safe_to_log", False):
        described["message"] = str(error)
    if isinstance(state := getattr(error, "sqlstate", None), str):
        described["sqlstate"] = state
    if isinstance(error, OSError) and error.errno is not None:
        described["errno"] = error.errno
    if isinstance(error, BaseExceptionGroup):
        described["inner"] = [_described(inner) for inner in error.exceptions[:5]]
    return described


def _places(traceback: TracebackType | None) -> list[str]:
    places = []
    while traceback is not None:
        frame = traceback.tb_frame
        module = frame.f_globals.get("__name__", "?")
        places.append(f"{module}:{frame.f_code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return places[-_DEEPEST:]
