"""Serves the table of actions over HTTP: sends the command through the bus, answers with the new view."""

from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chassis.commands import Unavailable
from chassis.decider import Refused
from chassis.http import (
    HotRoute,
    Principal,
    add_hot_route,
    expected_versions,
    read_json,
)
from chassis.http.access import Protected
from chassis.http.actions import ACTION_PARAMETERS, asked_once, case_of_path, respond
from chassis.http.replies import settled, unavailable
from chassis.idempotency import Answer
from services.router.api.access import Access
from services.router.api.actions import ACTIONS, Action
from services.router.api.deeds import Deed, prepare, refusal
from services.router.api.office import Case, Office
from services.router.api.views import CaseView, case_view

_CHANGED_HANDS: Final = 204


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
            parameters=ACTION_PARAMETERS,
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
        commands = action.samples(case.state, principal.actor(role))
        decisions = (office.decider.decide(case.state, command, at) for command in commands)
        if any(not isinstance(decision, Refused) or decision.field is not None for decision in decisions):
            found.append(action.path)
    return found


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = case_of_path(request)
        raw = await request.body()
        body = read_json(action.body, raw or b"{}")
        expected = expected_versions(request.headers.get("if-match"))
        asked = asked_once(request, principal, raw)
        traceparent = request.headers.get("traceparent")
        deed = Deed(principal, action, case_id, body, expected, asked, traceparent)

        def answer(case: Case) -> Answer:
            return _answer(office, access, principal, case)

        found = await prepare(office, access, deed, answer)
        if isinstance(found, Answer):
            return respond(found)
        try:
            reply = await office.host.bus.execute(found.request)
        except Unavailable as error:
            raise unavailable(error) from None
        return respond(settled(office.host.metrics, reply, found.answer, refusal))

    return act


def _answer(office: Office, access: Access, principal: Principal, case: Case) -> Answer:
    """The new view, or nothing where the command took the case out of the caller's sight."""
    if not access.sees(principal, case):
        return Answer(_CHANGED_HANDS, b"", case.version)
    actions = allowed_actions(office, access, principal, case)
    view = case_view(office, case, office.host.clock(), actions, words=None)
    return Answer(200, view.model_dump_json().encode(), case.version)
