"""Serves the table of actions over HTTP: sends the command through the bus, answers with the new view."""

from typing import Any, Final
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chassis import commands
from chassis.batch import Applied
from chassis.commands import Unavailable
from chassis.decider import Refused
from chassis.http import (
    FieldError,
    HotRoute,
    Principal,
    Problem,
    Role,
    add_hot_route,
    etag,
    expected_versions,
    idempotency_key,
    read_json,
    request_hash,
)
from chassis.http.access import Protected
from chassis.http.replies import settled, unavailable
from chassis.idempotency import Answer, Idempotency
from schemas.message import Actor
from services.mediation.api.access import ACTORS, Access
from services.mediation.api.actions import ACTIONS, Action
from services.mediation.api.office import Case, Office
from services.mediation.api.views import MediationView, mediation_view
from services.mediation.domain import Mediation

_JSON: Final = "application/json"
_PARAMETERS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "case_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
    {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": 'The ETag that you read, such as "7"; 412 with the current one if it has changed since.',
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": 255},
        "description": "Sent again with the same key, the same request takes effect once.",
    },
)


def add_action_routes(app: FastAPI, office: Office, access: Access) -> None:
    """Add one POST for each action of the table."""
    for action in ACTIONS:
        route = HotRoute(
            f"/v1/mediations/{{case_id}}/{action.path}",
            "POST",
            action.summary,
            roles=ACTORS,
            request=action.body,
            response=MediationView,
            tags=["actions"],
            parameters=_PARAMETERS,
        )
        add_hot_route(app, route, _endpoint(office, access, action))


def allowed_actions(office: Office, access: Access, principal: Principal, case: Case) -> list[str]:
    """The paths of the actions that the caller may take now: those that the decider would not refuse outright.

    A refusal that names a field could be mended by the caller, so it counts as allowed.
    """
    role = access.acts_as(principal, case)
    if role is None:
        return []
    at, who = office.host.clock(), actor(principal, role)
    decisions = {action.path: office.decider.decide(case.state, action.sample(who), at) for action in ACTIONS}
    return [
        path
        for path, decision in decisions.items()
        if not isinstance(decision, Refused) or decision.field is not None
    ]


def actor(principal: Principal, role: Role) -> Actor:
    """The sender in the role in which they act."""
    return Actor(subject=principal.subject[:128], role=role.value, unit=principal.unit)


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = _case_id(request.path_params["case_id"])
        raw = await request.body()
        body = read_json(action.body, raw or b"{}")
        case = access.require_seen(principal, await office.case(case_id), case_id)
        role = access.acts_as(principal, case)
        if role is None:
            detail = f"The mediation is not in the hands of {principal.unit}, nor of a unit under it."
            raise Problem(403, "outside_jurisdiction", "This mediation is not yours to act on", detail)

        def answer(applied: Applied[Mediation]) -> Answer:
            after = Case(applied.state, applied.version)
            view = mediation_view(office, after, allowed_actions(office, access, principal, after))
            return Answer(200, view.model_dump_json().encode(), applied.version)

        asked = commands.Request(
            case_id,
            action.build(body, actor(principal, role), office.vault, case_id),
            office.host.telemetry.accept(request.headers.get("traceparent")),
            expected_versions(request.headers.get("if-match")),
            _asked(request, principal, raw),
            answer,
        )
        try:
            reply = await office.host.bus.execute(asked)
        except Unavailable as error:
            raise unavailable(error) from None
        found = settled(office.host.metrics, reply, answer, refusal)
        return Response(found.body, found.status, {"ETag": etag(found.version)}, _JSON)

    return act


def refusal(refused: Refused) -> Problem:
    """422 where a field is at fault, else 409: the mediation does not allow it."""
    code = refused.code.lower()
    if refused.field is None:
        return Problem(409, code, "The mediation does not allow this now", refused.reason)
    error = FieldError(field=refused.field, message=code, expected=refused.reason)
    return Problem(422, code, "A field is not right for this mediation", refused.reason, [error])


def _asked(request: Request, principal: Principal, raw: bytes) -> Idempotency | None:
    key = idempotency_key(request.headers.get("idempotency-key"))
    if key is None:
        return None
    return Idempotency(principal.subject, key, request_hash(request.method, request.url.path, raw))


def _case_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        expected = "a UUID such as 0198a7c2-0000-7000-8000-000000000001"
        error = FieldError(field="path.case_id", message=f"{text!r} is no case id", expected=expected)
        raise Problem(
            422, "validation_failed", "Some fields are not right", "Check: path.case_id.", [error]
        ) from None
