"""The role matrix of the router's API, and the table of actions behind it."""

from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from chassis.decider import Refused
from chassis.http import Role
from chassis.http.access import declared_roles
from schemas.message import Actor
from schemas.router import COMMANDS
from services.router.api.actions import ACTIONS, Action
from services.router.main import build
from tests.router_api_kit import make_settings

WORKERS: Final = {Role.HANDLER, Role.GRID_WORKER, Role.MEDIATOR, Role.PETITION_OFFICER}
OPERATOR: Final = {Role.OPERATOR}
SUPERVISOR: Final = {Role.SUPERVISOR}
READERS: Final = WORKERS | OPERATOR | SUPERVISOR | {Role.OPS}

MATRIX: Final[dict[str, set[Role]]] = {
    "POST sign": WORKERS,
    "POST objection": WORKERS,
    "POST contact": WORKERS,
    "POST progress": WORKERS,
    "POST extension": WORKERS,
    "POST suspension": WORKERS,
    "POST help": WORKERS,
    "POST reply": WORKERS,
    "POST resume": WORKERS | SUPERVISOR,
    "POST escalation": WORKERS | SUPERVISOR,
    "POST whistle": WORKERS | SUPERVISOR,
    "POST triage": OPERATOR | SUPERVISOR,
    "POST unlink": OPERATOR | SUPERVISOR,
    "POST emergency/remainder": OPERATOR | SUPERVISOR,
    "POST emergency/confirmation": OPERATOR,
    "POST callback": OPERATOR,
    "POST callback/claim": OPERATOR,
    "GET /v1/callbacks": OPERATOR,
    "GET /v1/rates": SUPERVISOR | {Role.OPS},
    "POST track": OPERATOR,
    "POST objection/adjudication": SUPERVISOR,
    "POST extension/decision": SUPERVISOR,
    "POST suspension/decision": SUPERVISOR,
    "POST instruction": SUPERVISOR,
    "POST supervision": SUPERVISOR,
    "POST deadlines/recomputation": SUPERVISOR,
    "GET /v1/cases/{case_id}": READERS,
    "GET /v1/cases/{case_id}/route": READERS,
    "POST /v1/cases/statuses": READERS,
    "GET /v1/assignments": READERS,
    "GET /v1/units/{code}": READERS,
    "GET /v1/register/suspended": READERS,
    "GET /v1/policy": READERS,
    "GET /v1/matters": READERS,
    "GET /v1/queue/triage": OPERATOR | SUPERVISOR | {Role.OPS},
    "GET /v1/units/{code}/feed": WORKERS,
    "GET /v1/parked": {Role.OPS},
    "GET /v1/parked/{case_id}": {Role.OPS},
    "POST /v1/parked/{case_id}/retry": {Role.OPS},
    "POST /v1/parked/{case_id}/discard": {Role.OPS},
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The router's app; nothing connects before its lifespan."""
    return build(make_settings(Path(tmp_path_factory.mktemp("run")), "postgresql://nobody@localhost/none"))[1]


def test_each_route_is_open_to_the_roles_of_the_matrix_only(app: FastAPI) -> None:
    """R-HOT-05, R-HOT-07, R-HOT-10: who handles, who decides, who only reads; residents change nothing, and ops
    only takes up or gives up what is parked."""
    found = {}
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if path.startswith("/v1/"):
            for method in (route.methods or set()) - {"HEAD"}:
                shown = path.removeprefix("/v1/cases/{case_id}/") if method == "POST" else path
                found[f"{method} {shown}"] = set(declared_roles(route) or ())
    assert found == MATRIX


def test_every_command_has_one_route() -> None:
    assert sorted(action.command.__name__ for action in ACTIONS) == sorted(c.__name__ for c in COMMANDS)
    assert len({action.path for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.path)
def test_an_action_is_documented_and_its_example_is_valid(app: FastAPI, action: Action) -> None:
    """The body has a schema of its own without the actor, who is the caller; its example is a Chinese one."""
    body = action.body.model_validate(action.example)
    command = action.build(body, Actor(subject="somebody", role="handler", unit="GL0101"))
    assert isinstance(command, action.command)
    operation = app.openapi()["paths"][f"/v1/cases/{{case_id}}/{action.path}"]["post"]
    name = f"{action.command.__name__}Body"
    content = operation["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": f"#/components/schemas/{name}"}
    schema = app.openapi()["components"]["schemas"][name]
    assert schema["examples"] == [action.example]
    assert "actor" not in schema["properties"]
    assert set(schema["properties"]) == set(action.command.model_fields) - {"actor", "kept_from"}


def test_an_unknown_case_is_refused_by_the_decider_too(tmp_path: Path) -> None:
    host, _ = build(make_settings(tmp_path, "postgresql://nobody@localhost/none"))
    decider = host.service.decider
    state = decider.initial(UUID(int=1))
    for action in ACTIONS:
        for command in action.samples(state, Actor(subject="s", role="supervisor")):
            assert isinstance(decider.decide(state, command, host.clock()), Refused)
