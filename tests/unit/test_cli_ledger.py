"""The command `ledger check`: what it asks, what it prints, and when it says no (R-LEDGER-01)."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from chassis.calendar import SHANGHAI
from services.cli import main
from services.cli.local import LocalRun

CASE = "0198f2a4-6c1e-7b3a-9d52-3f1c8a7e4b10"
ENTRY = {
    "case_id": CASE,
    "received_at": "2026-03-02T01:30:00Z",
    "status": "replied",
    "missing": ["unexplained"],
}
NONE: dict[str, Any] = {"items": [], "next": None, "withheld": 0}


def checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *pages: dict[str, Any]
) -> tuple[Result, list[httpx.Request]]:
    """Run the command against an intake that gives these answers and then empty ones."""
    asked: list[httpx.Request] = []
    answers = list(pages)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=answers.pop(0) if answers else NONE)

    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(answer)))
    LocalRun(tmp_path, 8100).prepare()
    since = f"{datetime.now(UTC).astimezone(SHANGHAI):%Y-%m-%d}"
    words = ["ledger", "check", "--since", since, "--grace", "5", "--run-dir", str(tmp_path)]
    return CliRunner().invoke(main, words), asked


def test_nothing_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """R-LEDGER-01: one request for a period that one request looks through; exit status 0."""
    result, asked = checked(monkeypatch, tmp_path)
    assert (result.exit_code, result.output) == (0, "Every case was reported back to both sides.\n")
    [request] = asked
    assert request.url.host == "127.0.0.1"
    query = dict(request.url.params)
    assert (query["unreported"], query["grace"], query["from"]) == ("true", "5", query["to"])


def test_what_is_missing_is_listed_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """R-LEDGER-01: page after page, each with its reason; exit status 1."""
    first = {"items": [ENTRY], "next": CASE, "withheld": 2}
    result, asked = checked(monkeypatch, tmp_path, first, {"items": [ENTRY], "next": None, "withheld": 9})
    assert result.exit_code == 1
    assert result.output.count("unsolved, and the resident was not told why") == 2
    assert "2026-03-02 09:30  replied" in result.output
    assert "2 more are for the units that may see them" in result.output
    assert "4 cases since" in result.output
    assert dict(asked[1].url.params)["cursor"] == CASE


def test_what_nobody_here_may_see_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """R-LEDGER-01, R-LAD-04: exit status 1, and no word of whose cases they are."""
    result, _ = checked(monkeypatch, tmp_path, NONE | {"withheld": 1})
    assert result.exit_code == 1
    assert "None that you may see." in result.output
