"""The command `parked`: what it asks, as whom, what it prints, and how it says no."""

import getpass
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result
from joserfc import jwt
from joserfc.jwk import KeySet

from services.cli import main
from services.cli.local import LocalRun

CASE = "0198f2a4-6c1e-7b3a-9d52-3f1c8a7e4b10"
EVENT = {
    "event": "intake/2",
    "type": "intake.CaseSupplemented.v1",
    "time": "2026-03-02T01:30:00Z",
    "since": "2026-03-02T01:30:01Z",
    "reason": "text: Input should be a valid string",
    "behind": False,
    "data": '{"text": 17}',
}


class Service:
    """Takes the place of the services; remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, body = self.answers.pop(0)
        return httpx.Response(status, json=body)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    asked = Service()
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(asked)))
    return asked


@pytest.fixture
def parked(tmp_path: Path) -> Callable[..., Result]:
    local = LocalRun(tmp_path, 8100)
    local.prepare()
    return lambda *words: CliRunner().invoke(main, ["parked", *words, "--run-dir", str(tmp_path)])


def test_the_list_is_of_all_services_and_pages(service: Service, parked: Callable[..., Result]) -> None:
    item = {"case_id": CASE, "events": 12, "first": EVENT}
    service.answers = [
        (200, {"items": [item], "next": 7}),
        (200, {"items": [], "next": None}),
        (200, {"items": [item], "next": None}),
        (200, {"items": [], "next": None}),
        (200, {"items": [], "next": None}),
        (200, {"items": [], "next": None}),
    ]
    result = parked("list")
    assert result.exit_code == 0, result.output
    assert [str(request.url) for request in service.asked] == [
        "http://127.0.0.1:8101/v1/parked?cursor=0&limit=200",
        "http://127.0.0.1:8101/v1/parked?cursor=7&limit=200",
        "http://127.0.0.1:8102/v1/parked?cursor=0&limit=200",
        "http://127.0.0.1:8103/v1/parked?cursor=0&limit=200",
        "http://127.0.0.1:8104/v1/parked?cursor=0&limit=200",
        "http://127.0.0.1:8105/v1/parked?cursor=0&limit=200",
    ]
    assert result.output.splitlines() == [
        f"service  {'case'.ljust(36)}  events  since           first     reason",
        f"intake   {CASE}  12      03-02 09:30:01  intake/2  text: Input should be a valid string",
        f"router   {CASE}  12      03-02 09:30:01  intake/2  text: Input should be a valid string",
    ]


def test_nothing_parked_is_said(service: Service, parked: Callable[..., Result]) -> None:
    service.answers = [(200, {"items": [], "next": None})]
    assert parked("list", "--service", "router").output == "Nothing is parked.\n"


def test_the_events_themselves_are_shown_only_when_asked(
    service: Service, parked: Callable[..., Result]
) -> None:
    story = (200, {"events": [EVENT | {"data": None}, EVENT | {"event": "intake/3", "behind": True}]})
    service.answers = [story, (200, {"events": [EVENT]})]
    plain = parked("show", CASE, "--service", "router")
    assert [line.split()[0] for line in plain.output.splitlines()] == ["event", "intake/2", "intake/3"]
    assert [line.split()[4] for line in plain.output.splitlines()[1:]] == ["itself", "behind"]
    assert "17" not in plain.output
    assert parked("show", CASE, "--service", "router", "--data").output.endswith('\nintake/2\n{"text": 17}\n')
    assert [request.url.params["data"] for request in service.asked] == ["false", "true"]


def test_a_retry_that_fails_says_which_and_why(
    service: Service, parked: Callable[..., Result], tmp_path: Path
) -> None:
    """Exit status 1, though what came before is settled; the user of this machine is who did it."""
    settled = {"event": "intake/2", "type": "intake.CaseSupplemented.v1", "resolution": "retried"}
    failed = {
        "event": "intake/3",
        "type": "intake.CaseWithdrawn.v1",
        "reason": "refused: final: it is closed",
    }
    service.answers = [
        (200, {"settled": [settled], "failed": failed, "waiting": 4}),
        (200, {"settled": [settled], "failed": None, "waiting": 0}),
    ]
    result = parked("retry", CASE, "--service", "router", "--reason", "released 1.4.2")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "intake/2  intake.CaseSupplemented.v1  retried",
        "Error: intake/3 (intake.CaseWithdrawn.v1) cannot be applied: refused: final: it is closed. "
        "Events still parked: 4.",
    ]
    [request] = service.asked
    assert (request.method, request.url.path) == ("POST", f"/v1/parked/{CASE}/retry")
    assert orjson.loads(request.content) == {"reason": "released 1.4.2"}
    keys = KeySet.import_key_set(orjson.loads((tmp_path / "jwks.json").read_bytes()))
    claims = jwt.decode(request.headers["authorization"].removeprefix("Bearer "), keys, ["ES256"]).claims
    assert (claims["sub"], claims["roles"]) == (getpass.getuser(), ["ops"])

    done = parked("retry", CASE, "--service", "router")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "Nothing of this case is parked any more.")


def test_a_refusal_is_told_in_its_own_words(service: Service, parked: Callable[..., Result]) -> None:
    faults = {"detail": "Check: event.", "errors": [{"field": "event", "message": "String should match …"}]}
    service.answers = [(409, {"detail": "The first is intake/2."}), (422, faults), (502, "?")]
    discard = ("discard", CASE, "intake/3", "--service", "router", "--reason", "entered twice")
    for told in ("The first is intake/2.", "event: String should match …", "the service answered 502"):
        result = parked(*discard)
        assert (result.exit_code, result.output) == (1, f"Error: {told}\n")
    assert orjson.loads(service.asked[0].content) == {
        "event": "intake/3",
        "reason": "entered twice",
        "all": False,
    }


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (("retry", CASE), "--service"),
        (("discard", CASE, "intake/2", "--service", "router"), "--reason"),
        (("discard", CASE, "--service", "router", "--reason", "?"), "EVENT"),
    ],
)
def test_what_must_be_said_is_asked_for(
    parked: Callable[..., Result], words: tuple[str, ...], missing: str
) -> None:
    result = parked(*words)
    assert result.exit_code == 2
    assert f"Missing {'argument' if missing.isupper() else 'option'} '{missing}'" in result.output


def test_a_service_that_is_away_is_named(parked: Callable[..., Result]) -> None:
    result = parked("list", "--service", "intake", "--port-base", "1")
    assert result.exit_code == 1
    assert "intake does not answer at http://127.0.0.1:2" in result.output
    assert "is `make up` running?" in result.output
