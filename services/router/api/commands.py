"""Serves the table of actions over HTTP: sends the command through the bus, answers with the new view."""

from typing import Any, Final
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chassis.commands import Unavailable
from chassis.decider import Refused
from chassis.http import (
    FieldError,
    HotRoute,
    Principal,
    Problem,
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
from services.router.api.access import Access
from services.router.api.actions import ACTIONS, Action
from services.router.api.deeds import Deed, actor, prepare, refusal
from services.router.api.office import Case, Office
from services.router.api.views import CaseView, case_view

_JSON: Final = "application/json"
_CHANGED_HANDS: Final = 204

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
            f"/v1/cases/{{case_id}}/{action.path}",
            "POST",
            action.summary,
            roles=action.roles,
            request=action.body,
            response=CaseView,
            tags=["actions"],
            parameters=_PARAMETERS,
        )
        add_hot_route(app, route, _endpoint(office, access, action))


def allowed_actions(office: Office, access: Access, principal: Principal, case: Case) -> list[str]:
    """The paths of the actions that the caller may take now: those that the decider would not refuse outright.

    A refusal that names a field could be mended by the caller, so it counts as allowed.
    """
    at = office.host.clock()
    found = []
    for action in ACTIONS:
        role = access.acts_as(principal, action.roles, case, independent=action.independent)
        if role is None:
            continue
        decision = office.decider.decide(case.state, action.sample(actor(principal, role)), at)
        if not isinstance(decision, Refused) or decision.field is not None:
            found.append(action.path)
    return found


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = _case_id(request.path_params["case_id"])
        raw = await request.body()
        body = read_json(action.body, raw or b"{}")
        expected = expected_versions(request.headers.get("if-match"))
        asked = _asked(request, principal, raw)
        traceparent = request.headers.get("traceparent")
        deed = Deed(principal, action, case_id, body, expected, asked, traceparent)

        def answer(case: Case) -> Answer:
            return _answer(office, access, principal, case)

        found = await prepare(office, access, deed, answer)
        if isinstance(found, Answer):
            return _response(found)
        try:
            reply = await office.host.bus.execute(found.request)
        except Unavailable as error:
            raise unavailable(error) from None
        return _response(settled(office.host.metrics, reply, found.answer, refusal))

    return act


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {"ETag": etag(answer.version)}, _JSON)


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


def _answer(office: Office, access: Access, principal: Principal, case: Case) -> Answer:
    """The new view, or nothing where the command took the case out of the caller's sight."""
    if not access.sees(principal, case):
        return Answer(_CHANGED_HANDS, b"", case.version)
    actions = allowed_actions(office, access, principal, case)
    view = case_view(office, case, office.host.clock(), actions, words=None)
    return Answer(200, view.model_dump_json().encode(), case.version)
