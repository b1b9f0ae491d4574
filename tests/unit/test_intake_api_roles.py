"""The role matrix of intake's API."""

from pathlib import Path
from typing import Final

from fastapi.routing import iter_route_contexts

from chassis.http import Role
from chassis.http.access import declared_roles
from services.intake.channels import configured
from services.intake.main import build
from tests.intake_kit import make_settings

OPERATOR: Final = {Role.OPERATOR}
SUPERVISOR: Final = {Role.SUPERVISOR}
GRID_WORKER: Final = {Role.GRID_WORKER}
OPS: Final = {Role.OPS}
HANDLING: Final = {Role.HANDLER, Role.MEDIATOR, Role.PETITION_OFFICER}
STAFF: Final = {*Role} - {Role.RESIDENT, Role.NOTIFIER}
WITH_THE_CODE: Final[set[Role]] = set()
"""No role: whoever holds the tracking code."""

ANYBODY: Final[set[Role]] = set()

MATRIX: Final[dict[str, set[Role]]] = {
    "POST /v1/cases": OPERATOR | GRID_WORKER | OPS | {Role.RESIDENT},
    "POST /v1/cases/batch": OPERATOR | GRID_WORKER | OPS,
    "GET /v1/cases/{case_id}": OPERATOR | SUPERVISOR | GRID_WORKER | OPS,
    "POST /v1/cases/{case_id}/supplements": OPERATOR | SUPERVISOR | GRID_WORKER,
    "POST /v1/cases/{case_id}/withdrawal": OPERATOR | GRID_WORKER,
    "POST /v1/cases/{case_id}/feedback": OPERATOR,
    "POST /v1/cases/{case_id}/reopening": OPERATOR,
    "POST /v1/cases/{case_id}/callback-link": OPERATOR | {Role.NOTIFIER},
    "GET /v1/cases/{case_id}/person": OPERATOR | SUPERVISOR,
    "POST /v1/cases/{case_id}/person/erasure": SUPERVISOR,
    "POST /v1/contacts": {Role.NOTIFIER},
    "GET /v1/cases/{case_id}/attachments": OPERATOR | SUPERVISOR | GRID_WORKER | HANDLING,
    "POST /v1/cases/{case_id}/attachments": OPERATOR | SUPERVISOR | GRID_WORKER,
    "GET /v1/cases/{case_id}/attachments/{attachment_id}": OPERATOR | SUPERVISOR | GRID_WORKER | HANDLING,
    "GET /v1/similar": OPERATOR | SUPERVISOR | OPS,
    "POST /v1/cases/{case_id}/co-reporters": OPERATOR,
    "GET /v1/callbacks/co-reporters": {Role.OPERATOR},
    "GET /v1/cases/{case_id}/co-reporters": OPERATOR,
    "POST /v1/calls": OPERATOR,
    "GET /v1/calls/{call_id}": OPERATOR | SUPERVISOR,
    "POST /v1/calls/{call_id}/closing": OPERATOR,
    "GET /v1/knowledge": STAFF,
    "GET /v1/knowledge-reviews": STAFF,
    "GET /v1/knowledge/{entry}": STAFF,
    "PUT /v1/knowledge/{entry}": SUPERVISOR | {Role.HANDLER},
    "POST /v1/knowledge/{entry}/publication": SUPERVISOR,
    "GET /v1/track/{tracking_code}": WITH_THE_CODE,
    "POST /v1/track/{tracking_code}/attachments": WITH_THE_CODE,
    "GET /v1/public/form": ANYBODY,
    "POST /v1/public/cases": ANYBODY,
    "POST /v1/track/{tracking_code}/supplements": WITH_THE_CODE,
    "POST /v1/track/{tracking_code}/withdrawal": WITH_THE_CODE,
    "POST /v1/track/{tracking_code}/feedback": WITH_THE_CODE,
    "POST /v1/track/{tracking_code}/reopening": WITH_THE_CODE,
    "GET /v1/ledger": OPERATOR | SUPERVISOR | OPS,
    "GET /v1/parked": OPS,
    "GET /v1/parked/{case_id}": OPS,
    "POST /v1/parked/{case_id}/retry": OPS,
    "POST /v1/parked/{case_id}/discard": OPS,
}


def test_each_route_is_open_to_the_roles_of_the_matrix_only(tmp_path: Path) -> None:
    """R-PRIV-01, R-HOT-09, R-HOT-10: a case is the resident's; who is judged by it, or runs the system, does not
    take it back or rate it, and personal data are for the hotline and its supervisors."""
    found = {}
    for route in iter_route_contexts(build(make_settings(tmp_path), channels=configured({}))[1].routes):
        path = route.path or ""
        if path.startswith("/v1/"):
            for method in (route.methods or set()) - {"HEAD"}:
                found[f"{method} {path}"] = set(declared_roles(route) or ())
    assert found == MATRIX
