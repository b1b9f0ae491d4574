"""Sends spans to a collector, as OTLP over HTTP, in the thread of the SDK's processor."""

import logging
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Final

import httpx
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from chassis.otlp import encode

LIMIT_S: Final = 10.0
"""What is not sent within so many seconds, with all attempts, is dropped."""
PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
"""The pauses before the first and each further attempt, in seconds."""
TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
"""The answers after which OTLP has a client try again."""

_log = logging.getLogger(__name__)


class HttpSpanExporter(SpanExporter):
    """Posts spans to `url`. What the collector does not take is dropped, and that is told once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(headers={"Content-Type": "application/x-protobuf"})
        self._stop = threading.Event()
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans of one service; returns when they are taken, or given up."""
        body, deadline = encode(spans), monotonic() + LIMIT_S
        reason = "the service ends"
        for pause in PAUSES_S:
            if monotonic() + pause >= deadline or self._stop.wait(pause):
                break
            try:
                answer = self._client.post(self._url, content=body, timeout=deadline - monotonic())
            except httpx.TransportError as error:
                reason = type(error).__name__
                continue
            if answer.is_success:
                self._is_away = False
                return SpanExportResult.SUCCESS
            reason = f"status {answer.status_code}"
            if answer.status_code not in TRY_AGAIN:
                break
        if not self._is_away:
            _log.warning("traces are dropped: the collector does not take them (%s)", reason)
        self._is_away = True
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Try nothing again, and let the connection go."""
        self._stop.set()
        self._client.close()
