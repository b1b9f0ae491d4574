"""What a browser's form sends, read as it arrives: fields first, then files, each passed on without being kept."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from chassis.http import Problem

MOST_FIELD_BYTES: Final = 256 * 1024
"""Of all fields together."""
MOST_PARTS: Final = 60


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form. Its name is not kept: it may name people, and says nothing that its content does not."""

    chunks: AsyncIterator[bytes]


class FormReader:
    """Reads one request's form. Raises Problem 400 for what is no form, 413 for too many fields."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._stream = request.stream()
        self._events: deque[tuple[str, bytes]] = deque()
        self._parser: Any = None
        self._in_part = False
        self._ended = False

    async def parts(self) -> AsyncIterator[Field | FilePart]:
        """Yield field by field and file by file, in the order of the form."""
        media, options = parse_options_header(self._request.headers.get("content-type", ""))
        if media == b"application/x-www-form-urlencoded":
            async for field in self._plain():
                yield field
            return
        if media != b"multipart/form-data" or not 1 <= len(options.get(b"boundary", b"")) <= 70:
            raise _no_form()
        self._parser = MultipartParser(options[b"boundary"], self._callbacks())
        left, count = MOST_FIELD_BYTES, 0
        while (event := await self._next()) is not None:
            kind, data = event
            if kind != "headers":
                continue
            count += 1
            if count > MOST_PARTS:
                raise _too_much()
            name, filename = _named(data)
            if filename is None:
                value = b""
                async for chunk in self._chunks():
                    value += chunk
                    if len(value) > left:
                        raise _too_much()
                left -= len(value)
                yield Field(name, _text(value))
            elif filename:
                yield FilePart(self._chunks())
            async for _ in self._chunks():  # what nobody wanted of it
                pass

    async def drain(self) -> None:
        """Read the rest and keep nothing: a browser that still sends would not see the answer."""
        async for _ in self._stream:
            pass

    async def _plain(self) -> AsyncIterator[Field]:
        raw = b""
        async for chunk in self._stream:
            raw += chunk
            if len(raw) > MOST_FIELD_BYTES:
                raise _too_much()
        try:
            pairs = parse_qsl(
                raw.decode(), keep_blank_values=True, max_num_fields=MOST_PARTS, errors="strict"
            )
        except ValueError:
            raise _no_form() from None
        for name, value in pairs:
            yield Field(name, value)

    async def _chunks(self) -> AsyncIterator[bytes]:
        """Yield what is left of the part at hand."""
        while self._in_part:
            event = await self._next()
            if event is None or event[0] == "end":
                self._in_part = False
                return
            if event[0] == "data":
                yield event[1]

    async def _next(self) -> tuple[str, bytes] | None:
        while not self._events:
            if self._ended:
                return None
            chunk = await anext(self._stream, b"")
            try:
                if chunk:
                    self._parser.write(chunk)
                else:
                    self._ended = True
                    self._parser.finalize()
            except FormParserError:
                raise _no_form() from None
        event = self._events.popleft()
        self._in_part = event[0] != "end"
        return event

    def _callbacks(self) -> Any:
        """Return what the parser calls: it queues, of each part's headers only the disposition. The parser
        itself bounds the headers."""
        name, value, said = bytearray(), bytearray(), bytearray()

        def to(target: bytearray) -> Callable[[bytes, int, int], None]:
            return lambda data, start, end: target.extend(data[start:end])

        def header() -> None:
            if bytes(name).strip().lower() == b"content-disposition":
                said[:] = value
            name.clear()
            value.clear()

        return {
            "on_part_begin": said.clear,
            "on_header_field": to(name),
            "on_header_value": to(value),
            "on_header_end": header,
            "on_headers_finished": lambda: self._events.append(("headers", bytes(said))),
            "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
            "on_part_end": lambda: self._events.append(("end", b"")),
        }


def _named(disposition: bytes) -> tuple[str, str | None]:
    """Return a part's name, and its file's name where it is a file; the empty one where none was chosen."""
    _, options = parse_options_header(disposition)
    filename = options.get(b"filename")
    return _text(options.get(b"name", b"")), None if filename is None else filename.decode("utf-8", "replace")


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise _no_form() from None


def _no_form() -> Problem:
    return Problem(400, "not_a_form", "The body is no form", "Send the page's own form, in UTF-8.")


def _too_much() -> Problem:
    detail = f"A form may have {MOST_PARTS} parts and {MOST_FIELD_BYTES // 1024} KiB beside its files."
    return Problem(413, "body_too_large", "The form is too large", detail)
