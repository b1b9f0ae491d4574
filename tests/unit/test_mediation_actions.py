"""The role matrix of mediation's API, and the table of actions behind it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError

from chassis.http import Role
from chassis.http.access import declared_roles
from chassis.http.problems import Problem
from chassis.vault import Vault
from schemas import mediation as m
from schemas.envelope import Envelope
from schemas.message import Actor
from services.cli.log import line
from services.mediation.api.actions import ACTIONS, BY_PATH, Action
from services.mediation.main import build
from services.petition.api.actions import ACTIONS as PETITION_ACTIONS
from tests.mediation_api_kit import make_settings

VAULT: Final = Vault([bytes(32)])
CASE: Final = UUID(int=5)
ACTOR: Final = Actor(subject="m-1", role="mediator", unit="GL0101")
ACTORS: Final = {Role.MEDIATOR, Role.HANDLER, Role.GRID_WORKER, Role.SUPERVISOR}
READERS: Final = ACTORS | {Role.OPERATOR, Role.OPS}
PAPERS: Final = {Role.MEDIATOR, Role.HANDLER}
OPS: Final = {Role.OPS}
READS: Final[dict[str, set[Role]]] = {
    "GET /v1/mediations": READERS,
    "GET /v1/mediations/{case_id}": READERS,
    "GET /v1/mediations/{case_id}/story": READERS,
    "GET /v1/committees": READERS,
    "GET /v1/mediations/{case_id}/papers": PAPERS,
    "GET /v1/mediations/{case_id}/agreement.pdf": PAPERS,
    "GET /v1/mediations/{case_id}/confirmation.pdf": PAPERS,
    "GET /v1/parked": OPS,
    "GET /v1/parked/{case_id}": OPS,
    "POST /v1/parked/{case_id}/retry": OPS,
    "POST /v1/parked/{case_id}/discard": OPS,
}


def test_each_route_is_open_to_the_roles_of_the_matrix_only(tmp_path: Path) -> None:
    """R-PRIV-01: who the parties are is for those who mediate; who runs the system changes nothing."""
    found = {}
    for route in iter_route_contexts(build(make_settings(tmp_path))[1].routes):
        path = route.path or ""
        if path.startswith("/v1/"):
            for method in (route.methods or set()) - {"HEAD"}:
                found[f"{method} {path}"] = set(declared_roles(route) or ())
    written = {f"POST /v1/mediations/{{case_id}}/{action.path}": ACTORS for action in ACTIONS}
    assert found == READS | written


def test_every_command_has_one_action() -> None:
    """Whatever the service can do, it can be asked for."""
    assert sorted(action.command.__name__ for action in ACTIONS) == sorted(c.__name__ for c in m.COMMANDS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.path)
def test_the_example_is_a_body_and_a_command(action: Action) -> None:
    """What /docs shows can be sent as it stands; the paper it comes with is sealed."""
    body = action.body.model_validate(action.example)
    command = action.build(body, ACTOR, VAULT, CASE)
    assert type(action.sample(ACTOR)) is type(command) is action.command
    if isinstance(command, m.SealedCommand):
        assert VAULT.open(CASE, command.sealed)
    assert "张三" not in command.model_dump_json(exclude={"sealed"})


def test_numbers_in_prose_are_masked() -> None:
    """R-PRIV-01: notes and reasons stand in events that are kept for good."""
    action = BY_PATH["police"]
    body = action.body.model_validate(action.example | {"note": "来电13800000000，身份证320302198003021234"})
    command = action.build(body, ACTOR, VAULT, CASE)
    assert isinstance(command, m.ReportToPolice)
    assert "13800000000" not in command.note
    assert "320302198003021234" not in command.note


@pytest.mark.parametrize(
    ("path", "changes", "field"),
    [
        (
            "parties",
            {"parties": [{"label": "A", "side": "applicant"}, {"label": "C", "side": "respondent"}]},
            "persons",
        ),
        (
            "agreement/draft",
            {"obligations": [{"number": n, "by": "B", "due": "2026-07-01"} for n in (1, 2)]},
            "terms",
        ),
    ],
)
def test_a_paper_that_does_not_go_with_the_rest_is_refused(
    path: str, changes: dict[str, Any], field: str
) -> None:
    """R-MED-07: every party is described, and every obligation has its words."""
    action = BY_PATH[path]
    body = action.body.model_validate(action.example | changes)
    with pytest.raises(Problem) as caught:
        action.build(body, ACTOR, VAULT, CASE)
    assert [error.field for error in caught.value.errors] == [f"paper.{field}"]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("agreement/draft", {"paper": {"facts": "  "}}),
        ("agreement/draft", {"paper": {"terms": ["　　"]}}),
        ("parties", {"paper": {"dispute": " \n "}}),
        ("termination", {"note": "  "}),
        ("mediators/recusal", {"reason": "\t\t"}),
        ("confirmation/acceptance", {"reference": "   "}),
    ],
)
def test_blanks_are_no_words(path: str, changes: dict[str, Any]) -> None:
    """R-MED-07, R-MED-10: an agreement, a reason, a number of the court says something."""
    action = BY_PATH[path]
    paper = {"paper": action.example["paper"] | changes["paper"]} if "paper" in changes else changes
    with pytest.raises(ValidationError, match="at least 2 characters"):
        action.body.model_validate(action.example | paper)


_SAID: Final[list[tuple[Any, str]]] = [
    (action, name)
    for action in tuple[Any, ...]((*ACTIONS, *PETITION_ACTIONS))
    for name, info in action.body.model_fields.items()
    if info.annotation in {bool, bool | None}
]


def test_there_are_yes_and_no_to_say() -> None:
    """The test below has something to look at, of both services."""
    assert {type(action).__module__ for action, _ in _SAID} == {
        "services.mediation.api.actions",
        "services.petition.api.action",
    }


@pytest.mark.parametrize("said", ["yes", "off", "true", 1, 0])
def test_only_true_and_false_say_yes_and_no(said: object) -> None:
    """R-MED-03, R-PET-16: "off" ends no mediation, and "yes" is nobody's consent."""
    for action, name in _SAID:
        with pytest.raises(ValidationError, match="Input should be true or false"):
            action.body.model_validate(action.example | {name: said})


def test_the_log_shows_codes_and_no_words() -> None:
    """R-PRIV-01: what a mediator wrote about why it ended is not for the screen of whoever runs the system."""
    event = m.MediationTerminated(reason=m.TerminationReason.FAILED, note="甲方情绪激动")
    data = event.model_dump_json(exclude_none=True)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    shown = line(Envelope("mediation", CASE, 1, event.type, at, event.topic(), "", data))
    assert shown.count("reason=failed") == 1
    assert "甲方" not in shown
    opened = m.MediationOpened(origin="REFERRED", unit="GL01", procedure="peoples", opened_at=at)
    said = opened.model_dump_json(exclude_none=True)
    told = line(Envelope("mediation", CASE, 1, opened.type, at, opened.topic(), "", said)).split()
    assert {"unit=GL01", "origin=REFERRED", "procedure=peoples"} <= set(told)
    assert len(set(told)) == len(told)
