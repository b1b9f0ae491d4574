"""Serves the table of actions over HTTP: sends the command through the bus, answers with the new view."""

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
    Role,
    add_hot_route,
    expected_versions,
    read_json,
)
from chassis.http.access import Protected
from chassis.http.actions import (
    ACTION_PARAMETERS,
    answered_before,
    asked_once,
    case_of_path,
    refusal_of,
    respond,
)
from chassis.http.problems import unprocessable
from chassis.http.replies import settled, unavailable
from chassis.idempotency import Answer
from schemas.values import Sealed
from services.petition.api.access import Access
from services.petition.api.action import Action
from services.petition.api.actions import ACTIONS
from services.petition.api.office import Case, Office
from services.petition.api.views import PetitionView, petition_view
from services.petition.domain import Petition
from services.petition.papers import available
from services.petition.records import Kind, Petitioner, opened, seal


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
            parameters=ACTION_PARAMETERS,
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
        decision = office.decider.decide(case.state, action.sample(principal.actor(role)), at)
        if not isinstance(decision, Refused) or decision.field is not None:
            found.append(action.path)
    return found


def view_of(office: Office, principal: Principal, case: Case) -> PetitionView:
    """The petition as the caller sees it, with what they may do."""
    actions = allowed_actions(office, principal, case)
    return petition_view(office, case, office.host.clock(), actions, available(case.state))


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = case_of_path(request)
        raw = await request.body()
        body = read_json(action.body, raw or b"{}")
        asked = asked_once(request, principal, raw)
        host = office.host
        again = await answered_before(host.pool, host.metrics, host.service.name, asked)
        if again is not None and not again.body:
            # tells nothing; perhaps the command itself put the petition out of the caller's sight
            return respond(again)
        access.require_seen(principal, await office.case(case_id), case_id)
        if again is not None:
            return respond(again)
        same_person = await _is_repeat(office, access, principal, body)
        role = _role(principal, action)
        if role is None:
            raise AssertionError("the route lets nobody else in")

        def sealed(case: UUID, words: BaseModel) -> Sealed:
            return seal(office.vault, case, words)

        def answer(applied: Applied[Petition]) -> Answer:
            return _answer(office, access, principal, Case(applied.state, applied.version))

        command = action.build(body, principal.actor(role), case_id, sealed, same_person=same_person)
        expected = expected_versions(request.headers.get("if-match"))
        trace = office.host.telemetry.accept(request.headers.get("traceparent"))
        sent = commands.Request(case_id, command, trace, expected, asked, answer)
        try:
            reply = await office.host.bus.execute(sent)
        except Unavailable as error:
            raise unavailable(error) from None
        return respond(settled(office.host.metrics, reply, answer, refusal_of("petition")))

    return act


def _role(principal: Principal, action: Action) -> Role | None:
    """The role in which the caller acts. The head's signature is a supervisor's (R-PET-07)."""
    return next((role for role in action.roles if role in principal.roles), None)


async def _is_repeat(office: Office, access: Access, principal: Principal, body: BaseModel) -> bool:
    """R-PET-18: whether the earlier petition that is named was made by the same person; the caller may see it."""
    same_as: UUID | None = getattr(body, "same_as", None)
    if same_as is None:
        return False
    case = await office.case(same_as)
    if case is None or not access.sees(principal, case.state):
        message = f"There is no petition {same_as} that you may see."
        raise unprocessable(
            [FieldError(field="same_as", message=message, expected="the case id of an earlier petition")]
        )
    now: Petitioner | None = getattr(body, "petitioner", None)
    async with office.host.pool.acquire() as connection:
        before = await opened(connection, office.vault, same_as, Kind.PETITIONER, Petitioner, None)
    return now is not None and before is not None and now.is_same_as(before)


def _answer(office: Office, access: Access, principal: Principal, case: Case) -> Answer:
    """The new view, or nothing where the command took the petition out of the caller's sight."""
    if not access.sees(principal, case.state):
        return Answer(204, b"", case.version)
    return Answer(200, view_of(office, principal, case).model_dump_json().encode(), case.version)
