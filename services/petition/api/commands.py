"""Serves the table of actions over HTTP: sends the command through the bus, answers with the new view."""

from typing import Any, Final
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel
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
from chassis.http.problems import unprocessable
from chassis.http.replies import key_reused, settled, unavailable
from chassis.idempotency import Answer, Idempotency, KeyReused, Replay, load_answers, look_up
from schemas.message import Actor
from schemas.values import Sealed
from services.petition.api.access import Access
from services.petition.api.action import Action
from services.petition.api.actions import ACTIONS
from services.petition.api.office import Case, Office
from services.petition.api.views import PetitionView, petition_view
from services.petition.domain import Petition
from services.petition.papers import available
from services.petition.records import seal

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
            f"/v1/petitions/{{case_id}}/{action.path}",
            "POST",
            action.summary,
            roles=action.roles,
            request=action.body,
            response=PetitionView,
            tags=["actions"],
            parameters=_PARAMETERS,
        )
        add_hot_route(app, route, _endpoint(office, access, action))


def allowed_actions(office: Office, principal: Principal, case: Case) -> list[str]:
    """The paths of the actions that the caller may take now: those that the decider would not refuse outright.

    A refusal that names a field could be mended by the caller, so it counts as allowed.
    """
    at = office.host.clock()
    found = []
    for action in ACTIONS:
        role = _role(principal, action)
        if role is None:
            continue
        decision = office.decider.decide(case.state, action.sample(_actor(principal, role)), at)
        if not isinstance(decision, Refused) or decision.field is not None:
            found.append(action.path)
    return found


def view_of(office: Office, principal: Principal, case: Case) -> PetitionView:
    """The petition as the caller sees it, with what they may do."""
    actions = allowed_actions(office, principal, case)
    return petition_view(office, case, office.host.clock(), actions, available(case.state))


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = _case_id(request.path_params["case_id"])
        raw = await request.body()
        body = read_json(action.body, raw or b"{}")
        asked = _asked(request, principal, raw)
        if asked is not None and (again := await _answered(office, asked)) is not None:
            return _response(again)
        access.require_seen(principal, await office.case(case_id), case_id)
        await _check_earlier(office, access, principal, body)
        role = _role(principal, action)
        if role is None:
            raise AssertionError("the route lets nobody else in")

        def sealed(case: UUID, words: BaseModel) -> Sealed:
            return seal(office.vault, case, words)

        def answer(applied: Applied[Petition]) -> Answer:
            return _answer(office, access, principal, Case(applied.state, applied.version))

        command = action.build(body, _actor(principal, role), case_id, sealed)
        expected = expected_versions(request.headers.get("if-match"))
        trace = office.host.telemetry.accept(request.headers.get("traceparent"))
        sent = commands.Request(case_id, command, trace, expected, asked, answer)
        try:
            reply = await office.host.bus.execute(sent)
        except Unavailable as error:
            raise unavailable(error) from None
        return _response(settled(office.host.metrics, reply, answer, refusal))

    return act


def refusal(refused: Refused) -> Problem:
    """422 where a field is at fault, else 409: the petition does not allow it."""
    code = refused.code.lower()
    if refused.field is None:
        return Problem(409, code, "The petition does not allow this now", refused.reason)
    error = FieldError(field=refused.field, message=code, expected=refused.reason)
    return Problem(422, code, "A field is not right for this petition", refused.reason, [error])


def _role(principal: Principal, action: Action) -> Role | None:
    """The role in which the caller acts. The head's signature is a supervisor's (R-PET-07)."""
    return next((role for role in action.roles if role in principal.roles), None)


def _actor(principal: Principal, role: Role) -> Actor:
    return Actor(subject=principal.subject[:128], role=role.value, unit=principal.unit)


async def _check_earlier(office: Office, access: Access, principal: Principal, body: BaseModel) -> None:
    """R-PET-18: whoever names an earlier petition may see it."""
    same_as: UUID | None = getattr(body, "same_as", None)
    if same_as is None:
        return
    case = await office.case(same_as)
    if case is None or not access.sees(principal, case.state):
        message = f"There is no petition {same_as} that you may see."
        raise unprocessable(
            [FieldError(field="same_as", message=message, expected="the case id of an earlier petition")]
        )


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
        raise unprocessable(
            [FieldError(field="path.case_id", message=f"{text!r} is no case id", expected=expected)]
        ) from None


def _answer(office: Office, access: Access, principal: Principal, case: Case) -> Answer:
    """The new view, or nothing where the command took the petition out of the caller's sight."""
    if not access.sees(principal, case.state):
        return Answer(204, b"", case.version)
    return Answer(200, view_of(office, principal, case).model_dump_json().encode(), case.version)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {"ETag": etag(answer.version)}, _JSON)
