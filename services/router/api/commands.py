"""Serves the table of actions: checks the caller, sends the command through the bus, answers with the new view."""

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
from chassis.http.replies import key_reused, settled, unavailable
from chassis.idempotency import Answer, Idempotency, KeyReused, Replay, load_answers, look_up
from schemas.message import Actor
from services.router.api.access import Access
from services.router.api.actions import ACTIONS, Action
from services.router.api.office import Case, Office
from services.router.api.views import CaseView, case_view
from services.router.domain.workorder import WorkOrder

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


def actor(principal: Principal, role: Role) -> Actor:
    """The caller in the role in which they act."""
    return Actor(subject=principal.subject[:128], role=role.value, unit=principal.unit)


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = _case_id(request.path_params["case_id"])
        raw = await request.body()
        body = read_json(action.body, raw or b"{}")
        expected = expected_versions(request.headers.get("if-match"))
        asked = _asked(request, principal, raw)
        if asked is not None and (again := await _answered(office, asked)) is not None:
            return _response(again)  # even where the command has put the case out of the caller's reach
        case = access.require_seen(principal, await office.case(case_id), case_id)
        role = _role(access, principal, action, case)

        def answer(applied: Applied[WorkOrder]) -> Answer:
            return _answer(office, access, principal, office.case_after(case, applied.state, applied.version))

        command = action.build(body, actor(principal, role))
        traceparent = office.host.telemetry.accept(request.headers.get("traceparent"))
        try:
            reply = await office.host.bus.execute(
                commands.Request(case_id, command, traceparent, expected, asked, answer)
            )
        except Unavailable as error:
            raise unavailable(error) from None
        return _response(settled(office.host.metrics, reply, answer, _refusal))

    return act


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {"ETag": etag(answer.version)}, _JSON)


def _asked(request: Request, principal: Principal, raw: bytes) -> Idempotency | None:
    key = idempotency_key(request.headers.get("idempotency-key"))
    if key is None:
        return None
    return Idempotency(principal.subject, key, request_hash(request.method, request.url.path, raw))


async def _answered(office: Office, asked: Idempotency) -> Answer | None:
    """The answer that the same request got before. Raises Problem 422 where the key was another request's."""
    async with office.host.pool.acquire() as connection:
        known = await load_answers(connection, office.host.service.name, [asked])
    match look_up(known, asked):
        case Replay(answer=answer):
            office.host.metrics.count("commands", 1, "replayed")
            return answer
        case KeyReused():
            office.host.metrics.count("commands", 1, "conflict")
            raise key_reused()
    return None


def _case_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        expected = "a UUID such as 0198a7c2-0000-7000-8000-000000000001"
        error = FieldError(field="path.case_id", message=f"{text!r} is no case id", expected=expected)
        raise Problem(
            422, "validation_failed", "Some fields are not right", "Check: path.case_id.", [error]
        ) from None


def _role(access: Access, principal: Principal, action: Action, case: Case) -> Role:
    """The role in which the caller may do this to the case. Raises Problem 403."""
    role = access.acts_as(principal, action.roles, case, independent=action.independent)
    if role is not None:
        return role
    if action.independent and access.acts_as(principal, action.roles, case, independent=False) is not None:
        detail = f"{principal.unit} has the case itself; a unit above it or the hotline centre decides."
        raise Problem(403, "own_case", "Nobody decides on their own unit's case", detail)
    detail = (
        f"The case is not in the hands of {principal.unit}, nor, for those who oversee, in its area; "
        "mediators act on track M, petition officers on track P."
    )
    raise Problem(403, "outside_jurisdiction", "This case is not yours to act on", detail)


def _answer(office: Office, access: Access, principal: Principal, case: Case) -> Answer:
    """The new view, or nothing where the command took the case out of the caller's sight."""
    if not access.sees(principal, case):
        return Answer(_CHANGED_HANDS, b"", case.version)
    actions = allowed_actions(office, access, principal, case)
    view = case_view(office, case, office.host.clock(), actions, with_text=False)
    return Answer(200, view.model_dump_json().encode(), case.version)


def _refusal(refused: Refused) -> Problem:
    """422 where a field is at fault, else 409: the case does not allow it."""
    code = refused.code.lower()
    if refused.field is None:
        return Problem(409, code, "The case does not allow this now", refused.reason)
    error = FieldError(field=refused.field, message=code, expected=refused.reason)
    return Problem(422, code, "A field is not right for this case", refused.reason, [error])
