"""The callback by a signed link: one plain page that works without a script, and the same as JSON (R-HOT-08)."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chassis import commands
from chassis.host import Host
from chassis.http import Principal, Problem, Role, allow, public, validation_problem
from schemas.intake import GiveFeedback, ReopenCase
from schemas.values import Emergency
from services.intake.answers import carry_out, not_found
from services.intake.bodies import AnswerBody, ReopeningBody
from services.intake.callback_links import PATH, Link
from services.intake.callback_page import HEADERS, chosen, page, problem_page
from services.intake.callers import CALLING, NOTIFYING, caller, demand_centre, demand_scope, is_kept_from
from services.intake.co_callbacks import called_for, placed
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.emergency import call_now
from services.intake.guessing import Guesses
from services.intake.storage import Called, File, file_by_id
from services.intake.views import CallbackView, LinkView
from services.intake.writes import feedback, heard, reopening, with_advice

_TAG: Final = "resident"
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_HEARD: Final = (
    "the number of the router's event that opened the callback: without it known, 409 `not_heard_yet`"
)
State = Literal["open", "answered", "over"]


def add_callback_routes(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add the page behind the signed link, and what makes the link."""
    _add_link_route(app, host, desk)
    guesses = Guesses()

    async def opened(token: str, request: Request) -> tuple[Link, File, Called]:
        """Raise Problem 404 for a token that is not ours, 410 for one that has expired."""
        link = desk.links.read(token)
        if link is None:
            guesses.wrong(request.client.host if request.client is not None else "")
            raise not_found()
        if link.expires_at <= host.clock():
            detail = "The link was valid for some days only. Use the tracking code, or call the hotline."
            raise Problem(410, "link_expired", "The link has expired", detail)
        file = await file_by_id(host.pool, link.case_id)
        found = await called_for(host.pool, file) if file is not None else None
        if file is None or found is None:
            raise not_found()
        return link, file, found

    @app.get(
        PATH + "{token}", tags=[_TAG], summary="Answer a callback: a page, or JSON to who accepts that only"
    )
    @public
    async def show(token: str, request: Request) -> Response:
        as_json = _JSON in request.headers.get("accept", "") and "html" not in request.headers["accept"]
        try:
            link, _, found = await opened(token, request)
        except Problem as problem:
            return _refused(problem, as_json=as_json)
        return _shown(_view(link, found, host.clock()), as_json=as_json)

    @app.post(
        PATH + "{token}", tags=[_TAG], summary="The answers, or the wish to have a closed case reopened"
    )
    @public
    async def answer(token: str, request: Request) -> Response:
        as_json = request.headers.get("content-type", "").partition(";")[0].strip() != _FORM
        command: GiveFeedback | ReopenCase | None = None
        try:
            link, file, found = await opened(token, request)
            command = await _command(await request.body(), host, desk, link, file, as_json=as_json)
            there = file.handled_as
            if isinstance(command, GiveFeedback):
                _demand_open(link, found)
                there, command = await placed(host.pool, file, command)
            trace = host.telemetry.accept(request.headers.get("traceparent"))
            told = heard(command, file, to_resident=True)
            done = await carry_out(host, commands.Request(there, command, trace, answer=told))
        except Problem as problem:
            danger = command.emergency if command is not None else None
            if as_json and command is not None:
                raise with_advice(problem, command) from None
            return _refused(problem, as_json=as_json, danger=danger)
        advice = (orjson.loads(done.body).get("emergency") or {}).get("advice")
        after = await called_for(host.pool, file)
        assert after is not None  # noqa: S101 - it was there, and nothing deletes it
        return _shown(_view(link, after, host.clock(), advice), as_json=as_json)


def _add_link_route(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    @app.post(
        "/v1/cases/{case_id}/callback-link",
        tags=["cases"],
        summary="The signed link by which the resident answers the callback that waits, or asks to reopen",
    )
    async def make(
        case_id: UUID,
        principal: Annotated[Principal, allow(*CALLING)],
        response: Response,
        heard: Annotated[int, Query(ge=0, description=_HEARD)] = 0,
    ) -> LinkView:
        who = caller(principal, desk.jurisdiction, CALLING)
        file = await file_by_id(host.pool, case_id)
        found = await called_for(host.pool, file) if file is not None else None
        is_hidden = file is None or (
            who.role not in NOTIFYING and is_kept_from(who, file.subjects, file.recipient, desk.jurisdiction)
        )
        if file is None or found is None or is_hidden:
            raise not_found()
        if who.role is Role.OPERATOR:
            demand_centre(who, desk.jurisdiction)
        demand_scope(who, file.unit, desk.jurisdiction)
        if found.heard < heard:
            detail = (
                f"Intake has heard the router up to number {found.heard} of this case. Ask again in a second."
            )
            raise Problem(409, "not_heard_yet", "Intake does not know of that yet", detail)
        now = host.clock()
        if file.has_left or not (found.is_waiting or found.may_reopen(now)):
            detail = "Neither does the reporter's case wait for a callback, nor can they have it reopened."
            raise Problem(409, "no_callback", "There is nothing to answer", detail)
        response.headers["Cache-Control"] = "no-store"
        return link_view(desk, case_id, found, now)


def link_view(desk: Desk, case_id: UUID, found: Called, now: datetime) -> LinkView:
    """Make the link to the latest callback of a case."""
    days = desk.jurisdiction.thresholds.callback_link_days
    expires_at = (now + timedelta(days=days)).replace(microsecond=0)
    link = Link(case_id, found.callbacks, expires_at)
    return LinkView(path=PATH + desk.links.token(link), callback=link.callback, expires_at=expires_at)


async def _command(
    raw: bytes, host: Host[IntakeState], desk: Desk, link: Link, file: File, *, as_json: bool
) -> GiveFeedback | ReopenCase:
    """Read what was sent. Raises Problem 400 and 422."""
    given = _given(raw, as_json=as_json)
    model = ReopeningBody if "reason" in given else AnswerBody
    try:
        body: ReopeningBody | AnswerBody = model.model_validate(given)
    except ValidationError as error:
        raise validation_problem(error, raw) from None
    if isinstance(body, ReopeningBody):
        return await reopening(desk, host, file, body, None)
    return await feedback(desk, host, link.case_id, body, None, callback=link.callback)


def _demand_open(link: Link, found: Called) -> None:
    """Raise Problem 409 where the callback is answered, or over in another way."""
    state = _state(link, found)
    if state == "open":
        return
    code = "callback_answered" if state == "answered" else "callback_over"
    detail = "It was answered by this link, by telephone, or is over. You can follow the case by its code."
    raise Problem(409, code, "This callback needs no answer any more", detail)


def _given(raw: bytes, *, as_json: bool) -> dict[str, Any]:
    """The fields that were sent; of a form, those that were filled in, its radio buttons as true and false."""
    try:
        if not as_json:
            pairs = parse_qsl(raw.decode(), max_num_fields=20)
            return {name: chosen(name, value) for name, value in pairs if value.strip()}
        given = from_json(raw)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Problem(400, "invalid_json", "The body cannot be read", "Send a form, or one JSON object: {…}.")
    return given


def _state(link: Link, found: Called) -> State:
    if found.answered >= link.callback:
        return "answered"
    return "open" if found.is_waiting and found.callbacks == link.callback else "over"


def _view(link: Link, found: Called, now: datetime, advice: str | None = None) -> CallbackView:
    return CallbackView(
        state=_state(link, found),
        status=found.status,
        words=found.words,
        reply=found.reply,
        reopen_until=found.reopen_until if found.may_reopen(now) else None,
        reopening=found.reopening,
        advice=advice,
    )


def _shown(view: CallbackView, *, as_json: bool) -> Response:
    if as_json:
        return _json(view)
    return Response(page(view), headers=dict(HEADERS), media_type="text/html")


def _json(view: BaseModel) -> Response:
    return Response(view.model_dump_json(), headers={"Cache-Control": "no-store"}, media_type=_JSON)


def _refused(problem: Problem, *, as_json: bool, danger: Emergency | None = None) -> Response:
    """R-LAD-05: whoever reports a danger hears whom to call, also where the case takes nothing more."""
    if as_json:
        raise problem
    headers = {**HEADERS, **(problem.headers or {})}
    told = problem_page(problem.code, call_now(danger) if danger else None)
    return Response(told, problem.status_code, headers, "text/html")
