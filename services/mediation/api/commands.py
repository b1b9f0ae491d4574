"""Serves the table of actions over HTTP: sends the command through the bus, answers with the new view."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chassis import commands
from chassis.batch import Applied
from chassis.commands import Unavailable
from chassis.decider import Refused
from chassis.http import (
    HotRoute,
    Principal,
    Problem,
    add_hot_route,
    expected_versions,
    read_json,
)
from chassis.http.access import Protected
from chassis.http.actions import ACTION_PARAMETERS, asked_once, case_of_path, refusal_of, respond
from chassis.http.replies import settled, unavailable
from chassis.idempotency import Answer
from services.mediation.api.access import ACTORS, Access
from services.mediation.api.actions import ACTIONS, Action
from services.mediation.api.office import Case, Office
from services.mediation.api.views import MediationView, mediation_view
from services.mediation.domain import Mediation


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
            parameters=ACTION_PARAMETERS,
        )
        add_hot_route(app, route, _endpoint(office, access, action))


def allowed_actions(office: Office, access: Access, principal: Principal, case: Case) -> list[str]:
    """The paths of the actions that the caller may take now: those that the decider would not refuse outright.

    A refusal that names a field could be mended by the caller, so it counts as allowed.
    """
    role = access.acts_as(principal, case)
    if role is None:
        return []
    at, who = office.host.clock(), principal.actor(role)
    decisions = {action.path: office.decider.decide(case.state, action.sample(who), at) for action in ACTIONS}
    return [
        path
        for path, decision in decisions.items()
        if not isinstance(decision, Refused) or decision.field is not None
    ]


def _endpoint(office: Office, access: Access, action: Action) -> Protected:
    async def act(request: Request, principal: Principal) -> Response:
        case_id = case_of_path(request)
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
            action.build(body, principal.actor(role), office.vault, case_id),
            office.host.telemetry.accept(request.headers.get("traceparent")),
            expected_versions(request.headers.get("if-match")),
            asked_once(request, principal, raw),
            answer,
        )
        try:
            reply = await office.host.bus.execute(asked)
        except Unavailable as error:
            raise unavailable(error) from None
        return respond(settled(office.host.metrics, reply, answer, refusal_of("mediation")))

    return act
