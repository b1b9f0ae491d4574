"""The routes of the web page, and of the public API for pages of others."""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from chassis.host import Host
from chassis.http import FieldError, Problem, public, validation_problem
from chassis.http.clients import address_of
from chassis.http.problems import unprocessable
from schemas.values import Channel, Emergency
from services.intake.attachments.receive import Receiver, Sending
from services.intake.attachments.storage import Stored
from services.intake.bodies import CaseBody, FeedbackBody, PublicBody, check_case
from services.intake.channels.reception import Message, Received, Reception
from services.intake.channels.web.guard import Guard
from services.intake.channels.web.html import Html
from services.intake.channels.web.pages import (
    KINDS,
    RATED,
    Around,
    code_page,
    form_page,
    received_page,
    status_page,
)
from services.intake.channels.web.reading import Field, FilePart, FormReader
from services.intake.channels.web.texts import Texts, texts
from services.intake.channels.web.tokens import LIFETIME, FormTokens, Shown
from services.intake.check import Check
from services.intake.domain import IntakeState
from services.intake.emergency import call
from services.intake.opening import Opening
from services.intake.storage import File
from services.intake.views import FormView, PublicAccepted

MOST_FILES: Final = 5
"""In one form."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_COOKIE: Final = "caseladder_form"
_BOUND: Final = re.compile(r"[0-9a-f]{32}")
_TITLE: Final = 40
_WRONG: Final = {
    "text": "text_wrong",
    "title": "text_wrong",
    "place.address": "address_wrong",
    "place.longitude": "place_wrong",
    "place.latitude": "place_wrong",
    "reporter.phone": "phone_wrong",
    "reporter.name": "name_wrong",
    "note": "note_wrong",
    "reason": "note_wrong",
    "answers": "answers_wrong",
    "sure": "sure_wrong",
}
"""What to say of a wrong field."""
_WRONG_CODE: Final = frozenset({"case_unknown", "too_many_wrong_codes"})
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_SAFELY: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none at all, browsers hide the Origin of our own forms, too
    "Permissions-Policy": "geolocation=(self)",
    "Cache-Control": "no-store",
}


class Web:
    """The channel."""

    @property
    def body_limits(self) -> Mapping[str, int]:
        """Forms with files."""
        return {"/report": _MOST_BYTES, "/track-add": _MOST_BYTES}

    def add_to(self, app: FastAPI, host: Host[IntakeState], reception: Reception) -> None:
        """Add the routes."""
        counter = Counter(host, reception)
        _Pages(host, reception, counter).add_to(app)
        _add_public_api(app, counter)


class Counter:
    """Where reports from the open come in, by the page or by the API."""

    def __init__(self, host: Host[IntakeState], reception: Reception) -> None:
        self._host = host
        self._reception = reception
        self._guard = Guard()
        self._tokens = FormTokens(host.settings.keys().index_key)
        self.address = address_of(host.settings)

    def token(self, bound: str) -> str:
        """Return a fresh form token."""
        return self._tokens.make(bound, self._host.clock())

    def shown(self, token: str, bound: str) -> Shown | None:
        """Return a token that holds."""
        return self._tokens.check(token, bound, self._host.clock())

    def expiry(self) -> datetime:
        """Return until when a token made now holds."""
        return self._host.clock() + LIFETIME

    def alarm(self, text: str) -> Emergency | None:
        """Return the danger that a text reports."""
        return self._reception.desk.alarm(text)

    async def take(
        self, request: Request, body: CaseBody, shown: Shown | None, trap: str
    ) -> tuple[Received, str]:
        """Take a report in; return it with the number of its form.

        Raises Problem: 403, 422 or 429 as `Guard` does, 503. A danger is taken whatever the guard says (R-LAD-05).
        """
        danger = self.alarm(body.text) is not None
        self._guard.admit(self.address(request), shown, trap, danger=danger)
        number = shown.number if shown is not None else secrets.token_hex(16)
        message = Message(Channel.WEB, number, f"form {number}")
        return await self._reception.take_in(message, body), number

    def checked(self, content: dict[str, Any]) -> CaseBody:
        """Return the body of a case. Raises Problem 422 with every fault."""
        check = Check(self._reception.desk.around, self._host.clock())
        try:
            body = CaseBody.model_validate(content)
        except ValidationError as error:
            raise validation_problem(error) from None
        check_case(body, check)
        if check.errors:
            raise unprocessable(check.errors)
        return body


def _add_public_api(app: FastAPI, counter: Counter) -> None:
    @app.get("/v1/public/form", tags=["public"], summary="A token for one report; it holds 12 hours")
    @public
    async def form() -> FormView:
        return FormView(form_token=counter.token(""), expires_at=counter.expiry())

    @app.post(
        "/v1/public/cases",
        tags=["public"],
        summary="Report without a log-in; the same token makes the same case",
        status_code=201,
    )
    @public
    async def take(request: Request, body: PublicBody) -> PublicAccepted:
        content = body.model_dump(exclude_none=True, exclude={"form_token", "website"})
        case = counter.checked({"title": _title(body.text), **content})
        shown = counter.shown(body.form_token, "")
        received, _ = await counter.take(request, case, shown, body.website)
        return PublicAccepted(tracking_code=received.tracking_code, advice=received.danger)


@dataclass(slots=True)
class _Begun:
    """A form whose fields were acted on; its files may still come."""

    code: str
    file: File
    number: str
    danger: str | None = None


@dataclass(slots=True)
class _Form:
    """One form on its way in."""

    given: dict[str, str] = field(default_factory=dict)
    begun: _Begun | None = None
    problem: Problem | None = None
    said: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """What came of the files."""
    stored: list[Stored] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)


Begin = Callable[[dict[str, str]], Awaitable[_Begun]]


class _Pages:
    def __init__(self, host: Host[IntakeState], reception: Reception, counter: Counter) -> None:
        self._host = host
        self._reception = reception
        self._counter = counter
        self._opening = Opening(host, reception.desk)
        self._receiver = Receiver(host, reception.desk)
        self._origin = _origin(host.settings.own_url)

    def add_to(self, app: FastAPI) -> None:
        for method, path, endpoint in (
            ("GET", "/", self.home),
            ("POST", "/report", self.report),
            ("GET", "/track", self.ask),
            ("POST", "/track", self.track),
            ("POST", "/track-add", self.add),
            ("POST", "/track-withdraw", self.withdraw),
            ("POST", "/track-rate", self.rate),
            ("POST", "/track-reopen", self.reopen),
        ):
            app.add_api_route(path, _opened(endpoint), methods=[method], include_in_schema=False)
        assets = str(files("services.intake.channels.web") / "static")
        app.mount("/web", public(StaticFiles(directory=assets)))

    async def home(self, request: Request) -> Response:
        around = self._around(request, request.query_params.get("lang"))
        return self._page(request, form_page(around, {}))

    async def ask(self, request: Request) -> Response:
        around = self._around(request, request.query_params.get("lang"))
        return self._page(request, code_page(around, code=request.query_params.get("code")))

    async def report(self, request: Request) -> Response:
        """Take the fields in as soon as the first file begins: a report is safe though its photos break off."""

        async def begin(given: dict[str, str]) -> _Begun:
            self._demand_same_site(request)
            shown = self._counter.shown(given.get("form_token", ""), _bound(request) or "-")
            received, number = await self._counter.take(
                request, self._case(given), shown, given.get("website", "")
            )
            file = await self._opening.by_code(received.tracking_code, request)
            return _Begun(received.tracking_code, file, number, received.danger)

        form = await self._through(request, begin)
        around = self._around(request, form.given.get("lang"))
        if form.begun is not None:
            page = received_page(around, form.begun.code, form.begun.danger, form.said, form.failed)
            return self._page(request, page, 201)
        danger = self._counter.alarm(form.given.get("text", ""))
        problem = form.problem
        told = call(danger.line) if danger is not None else None
        page = form_page(around, form.given, _words(around.texts, problem), told)
        return self._page(request, page, problem.status_code if problem else 400, problem)

    def _case(self, given: dict[str, str]) -> CaseBody:
        """Return the case of a form. Raises Problem 422; of a danger the words are enough (R-LAD-05)."""
        text = given.get("text", "").strip()
        plain = {"title": _title(text), "text": text}
        try:
            return self._counter.checked(plain | _details(given))
        except Problem:
            if self._counter.alarm(text) is None:
                raise
            return self._counter.checked(plain)

    async def track(self, request: Request) -> Response:
        async def begin(given: dict[str, str]) -> _Begun:
            return await self._begun(request, given)

        return await self._stand(request, await self._through(request, begin))

    async def add(self, request: Request) -> Response:
        async def begin(given: dict[str, str]) -> _Begun:
            begun = await self._begun(request, given, changes=True)
            if text := given.get("text", "").strip():
                if len(text) > 20_000 or "\x00" in text:
                    raise _wrong("text")
                begun.danger = await self._reception.add(_message(begun, given), begun.code, text)
            return begun

        form = await self._through(request, begin)
        if form.begun is not None and not (form.said or form.failed or form.given.get("text", "").strip()):
            form.problem = _wrong("text")
        return await self._stand(request, form, changed=True)

    async def withdraw(self, request: Request) -> Response:
        async def begin(given: dict[str, str]) -> _Begun:
            begun = await self._begun(request, given, changes=True)
            if given.get("sure") != "yes":
                raise _wrong("sure")
            begun.danger = await self._reception.withdraw(
                _message(begun, given), begun.code, _note(given, "reason")
            )
            return begun

        return await self._stand(request, await self._through(request, begin), changed=True)

    async def reopen(self, request: Request) -> Response:
        async def begin(given: dict[str, str]) -> _Begun:
            begun = await self._begun(request, given, changes=True)
            reason = _note(given, "reason")
            if reason is None:
                raise _wrong("reason")
            begun.danger = await self._reception.reopen(_message(begun, given), begun.code, reason)
            return begun

        return await self._stand(request, await self._through(request, begin), changed=True)

    async def rate(self, request: Request) -> Response:
        async def begin(given: dict[str, str]) -> _Begun:
            begun = await self._begun(request, given, changes=True)
            answers = {name: given.get(name) for name in RATED}
            if not set(answers.values()) <= {"yes", "no"}:
                raise _wrong("answers")
            said = {name: answer == "yes" for name, answer in answers.items()}
            feedback = FeedbackBody(**said, note=_note(given, "note"))
            begun.danger = await self._reception.rate(_message(begun, given), begun.code, feedback)
            return begun

        return await self._stand(request, await self._through(request, begin), changed=True)

    async def _begun(self, request: Request, given: dict[str, str], *, changes: bool = False) -> _Begun:
        """Open a case by its code. Raises Problem: 403 for another site or an old page, 404, 429."""
        shown = None
        if changes:
            self._demand_same_site(request)
            shown = self._counter.shown(given.get("form_token", ""), _bound(request) or "-")
        code = given.get("code", "")
        file = await self._opening.by_code(code, request)
        if changes and shown is None:
            raise Problem(403, "form_expired", "The form is too old", "Take a fresh one and send again.")
        own = self._reception.desk.codes.of(file.case_id)
        return _Begun(own, file, shown.number if shown else "")

    async def _stand(self, request: Request, form: _Form, *, changed: bool = False) -> Response:
        """Show how the matter stands, with what came of the form."""
        around = self._around(request, form.given.get("lang"))
        problem = form.problem
        told = _words(around.texts, problem) + form.failed
        if form.begun is None and (problem is None or problem.code not in _WRONG_CODE):
            with suppress(Problem):  # a wrong answer: the case is shown again where the code is right
                form.begun = await self._begun(request, form.given)
        if form.begun is None:
            return self._page(
                request, code_page(around, told), problem.status_code if problem else 400, problem
            )
        seen = await self._reception.look_up(form.begun.code)
        said = [around.texts["thanks"], *form.said] if changed and problem is None else form.said
        danger = form.begun.danger or _danger_of(problem)
        until = seen.reopen_until
        may_reopen = until is not None and self._host.clock() < until
        page = status_page(around, form.begun.code, seen, said, told, danger, may_reopen=may_reopen)
        return self._page(request, page, problem.status_code if problem else 200, problem)

    async def _through(self, request: Request, begin: Begin) -> _Form:
        """Read a form: act on its fields once, then take its files in one by one, and name them together."""
        form, reader = _Form(), FormReader(request)
        try:
            async for part in reader.parts():
                if isinstance(part, Field):
                    if form.begun is None:
                        form.given[part.name] = part.value
                    continue
                form.begun = form.begun or await begin(form.given)
                await self._keep(form, form.begun, part, self._counter.address(request))
            form.begun = form.begun or await begin(form.given)
            await self._name(form, form.begun)
        except Problem as problem:
            form.problem = problem
            with suppress(Problem):
                await reader.drain()
        return form

    async def _keep(self, form: _Form, begun: _Begun, part: FilePart, address: str) -> None:
        t = texts(form.given.get("lang"))
        number = len(form.said) + len(form.failed) + 1
        name = f"{t['file']} {number}"
        if number > MOST_FILES:
            form.failed.append(f"{name}: {t['too_many_attachments']}")
            return
        try:
            stored, digest = await self._receiver.receive(begun.file.case_id, part.chunks, address)
        except Problem as problem:
            form.failed.append(f"{name}: {t.problem(problem.code)}")
            return
        form.stored.append(stored)
        form.digests.append(digest)
        form.said.append(f"{name}: {t['attached']}")

    async def _name(self, form: _Form, begun: _Begun) -> None:
        if not form.stored:
            return
        sending = Sending(None, f"case {begun.file.case_id}", begun.number or None)
        try:
            await self._receiver.name(begun.file, form.stored, form.digests, sending)
        except Problem as problem:
            form.said = []
            form.failed.append(texts(form.given.get("lang")).problem(problem.code))

    def _demand_same_site(self, request: Request) -> None:
        """Raise Problem 403 for a form that another site's page sent. Browsers say where a form comes from."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site is not None:
            same = site in {"same-origin", "none"}
        else:
            own = {self._origin, request.headers.get("host", "").lower()}
            same = origin is None or _origin(origin) in own
        if not same:
            raise Problem(403, "cross_site", "This came from another site", "Send the page's own form.")

    def _around(self, request: Request, language: str | None) -> Around:
        bound = _bound(request) or secrets.token_hex(16)
        request.state.bound = bound
        return Around(texts(language), self._reception.desk.jurisdiction.name, self._counter.token(bound))

    def _page(
        self, request: Request, page: Html, status: int = 200, problem: Problem | None = None
    ) -> Response:
        response = HTMLResponse(page, status, headers={**_SAFELY, **((problem and problem.headers) or {})})
        if _bound(request) is None:
            is_secure = self._host.settings.own_url.startswith("https:")
            response.set_cookie(
                _COOKIE, request.state.bound, httponly=True, samesite="strict", secure=is_secure, path="/"
            )
        return response


def _opened(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    @public
    async def opened(request: Request) -> Response:
        return await endpoint(request)

    return opened


def _title(text: str) -> str:
    """Return the beginning of the words: residents are not asked for a title."""
    first = text.strip().split("\n", 1)[0]
    return first if len(first) <= _TITLE else first[:_TITLE] + "…"


def _details(given: dict[str, str]) -> dict[str, Any]:
    def of(name: str) -> str | None:
        return given.get(name, "").strip() or None

    kind = given.get("kind")
    place = {"address": of("address"), "longitude": of("longitude"), "latitude": of("latitude")}
    reporter = {"name": of("name"), "phone": of("phone"), "confidential": "confidential" in given}
    if given.get("lang") == "en":
        reporter["language"] = "en"
    return {"kind": kind if kind in KINDS else KINDS[0], "place": place, "reporter": reporter}


def _note(given: dict[str, str], name: str) -> str | None:
    words = given.get(name, "").strip()
    if not words:
        return None
    if not 2 <= len(words) <= 2000 or "\x00" in words:
        raise _wrong(name)
    return words


def _wrong(name: str) -> Problem:
    return unprocessable([FieldError(field=name, message="not usable", expected="see the page")])


def _words(t: Texts, problem: Problem | None) -> list[str]:
    """Return what is wrong, in the resident's words."""
    if problem is None:
        return []
    if not problem.errors:
        return [t.problem(problem.code)]
    return [
        t[name] for name in dict.fromkeys(_WRONG.get(error.field, "field_wrong") for error in problem.errors)
    ]


def _danger_of(problem: Problem | None) -> str | None:
    """Return whom to call, where a refusal says so (R-LAD-05)."""
    _, found, told = str(problem.detail).partition("如正发生危险") if problem is not None else ("", "", "")
    return found + told if found else None


def _message(begun: _Begun, given: Mapping[str, str]) -> Message:
    """The same form sent twice is one message; sent again with other words, it is another."""
    said = hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()
    return Message(Channel.WEB, f"{begun.number} {said}", f"case {begun.file.case_id}")


def _bound(request: Request) -> str | None:
    value = request.cookies.get(_COOKIE, "")
    return value if _BOUND.fullmatch(value) else None


def _origin(url: str) -> str:
    """Return host and port of an address, as a Host header has them."""
    return urlsplit(url).netloc.lower()
