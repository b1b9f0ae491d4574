"""Structured logs: what is in a line, and that personal data finds no way in."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from chassis.logs import JsonFormatter, configure, current_traceparent
from chassis.settings import SettingsError

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Lines:
    """Loggers whose lines the test reads back."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(JsonFormatter("sample"))
        self.touched: list[logging.Logger] = []

    def logger(self, name: str) -> logging.Logger:
        logger = logging.getLogger(name)
        logger.addHandler(self.handler)
        logger.setLevel(logging.INFO)
        self.touched.append(logger)
        return logger

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    made = Lines()
    yield made
    for logger in made.touched:
        logger.removeHandler(made.handler)
        logger.setLevel(logging.NOTSET)


def test_a_line(lines: Lines) -> None:
    token = current_traceparent.set(f"00-{TRACE}-b7ad6b7169203331-01")
    try:
        lines.logger("services.sample").info("batch committed", extra={"records": 500, "seconds": 0.25})
    finally:
        current_traceparent.reset(token)
    (line,) = lines.read()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "service": "sample",
        "logger": "services.sample",
        "message": "batch committed",
        "trace_id": TRACE,
        "records": 500,
        "seconds": 0.25,
    }


def test_only_listed_fields_pass(lines: Lines) -> None:
    extra = {"phone": "13800138000", "name_of_resident": "张三", "outcome": "accepted", "unit": {"a": "b"}}
    lines.logger("services.sample").info("accepted", extra=extra)
    (line,) = lines.read()
    assert line["outcome"] == "accepted"
    assert line["dropped_fields"] == ["name_of_resident", "phone"]
    assert "13800138000" not in lines.stream.getvalue()
    assert "张三" not in lines.stream.getvalue()


def test_a_long_value_is_cut(lines: Lines) -> None:
    lines.logger("services.sample").info("accepted", extra={"unit": "x" * 10_000})
    assert lines.read()[0]["unit"] == "x" * 200


def fail() -> None:
    try:
        raise KeyError("13800138000")
    except KeyError as error:
        raise ValueError("张三 lives at …") from error


def test_exceptions_by_type_and_place_without_their_message(lines: Lines) -> None:
    logger = lines.logger("services.sample")
    try:
        fail()
    except ValueError:
        logger.exception("parked")
    (line,) = lines.read()
    outer, cause = line["error"]
    assert (outer["type"], cause["type"]) == ("builtins.ValueError", "builtins.KeyError")
    assert outer["at"][-1].startswith(f"{__name__}:fail:")
    for data in ("13800138000", "张三"):
        assert data not in lines.stream.getvalue()


def test_a_group_names_its_members(lines: Lines) -> None:
    logger = lines.logger("services.sample")
    try:
        raise ExceptionGroup("张三", [ValueError("张三"), OSError(2, "张三")])
    except ExceptionGroup:
        logger.exception("stopped")
    error = lines.read()[0]["error"][0]
    assert [inner["type"] for inner in error["inner"]] == [
        "builtins.ValueError",
        "builtins.FileNotFoundError",
    ]
    assert error["inner"][1]["errno"] == 2
    assert "张三" not in lines.stream.getvalue()


def test_messages_made_of_our_own_words_are_kept(lines: Lines) -> None:
    logger = lines.logger("services.sample")
    try:
        raise SettingsError(["CASELADDER_PORT is missing: set it to a port number"])
    except SettingsError:
        logger.exception("cannot start")
    assert lines.read()[0]["error"][0]["message"] == "CASELADDER_PORT is missing: set it to a port number"


def test_a_database_error_keeps_its_sqlstate_only(lines: Lines) -> None:
    logger = lines.logger("services.sample")
    try:
        raise asyncpg.UniqueViolationError("Key (phone)=(13800138000) already exists.")
    except asyncpg.UniqueViolationError:
        logger.exception("refused")
    assert lines.read()[0]["error"][0]["sqlstate"] == "23505"
    assert "13800138000" not in lines.stream.getvalue()


def test_of_other_libraries_only_the_first_line_is_kept(lines: Lines) -> None:
    lines.logger("asyncio").error(
        "Task exception was never retrieved\nfuture: <Task exception=KeyError('张三')>"
    )
    lines.logger("uvicorn.error").error(ValueError("张三"))
    lines.logger("uvicorn.error").error(OSError(98, "张三"))
    messages = [line["message"] for line in lines.read()]
    assert messages == ["Task exception was never retrieved", "ValueError", "OSError: Address already in use"]


def test_a_message_stays_on_one_line(lines: Lines) -> None:
    lines.logger("services.sample").info("one\ntwo")
    assert [line["message"] for line in lines.read()] == ["one\ntwo"]


def test_configure_sends_everything_to_one_stream() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        configure("sample", "WARNING", stream)
        configure("sample", "WARNING", stream)
        logging.getLogger("services.sample.configured").warning("seen")
        logging.getLogger("services.sample.configured").info("not seen")
        logging.getLogger("httpx").info("HTTP Request: GET https://host/path")
    finally:
        root.handlers[:], root.level = before, level
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["seen"]


def test_the_stream_is_stdout_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    try:
        configure("sample")
        logging.getLogger("services.sample.stdout").info("seen")
    finally:
        root.handlers[:], root.level = before, level
    assert json.loads(stream.getvalue())["message"] == "seen"


def test_a_library_that_repeats_itself_is_heard_once_a_minute() -> None:
    """A broker that is away must not bury all else in the log."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    client, own = logging.getLogger("aiokafka.conn"), logging.getLogger("chassis.runner")
    try:
        configure("router", stream=stream)
        for number in range(5):
            client.error("Unable connect to node with id %s", number)
            own.error("still away")
        client.error("another thing")
    finally:
        root.handlers[:], root.level = before, level
    said = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert said.count("still away") == 5
    others = [text for text in said if text != "still away"]
    assert others == ["Unable connect to node with id 0", "another thing"]
