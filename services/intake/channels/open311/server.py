"""The routes of GeoReport v2 below /open311/v2, strict to the specification, errors included."""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from fastapi import FastAPI, Request, Response

from chassis.batch import describe
from chassis.database import is_passing
from chassis.host import Host
from chassis.http import Problem, idempotency_key, public
from chassis.http.clients import address_of
from reference.open311 import Attribute, Offer, Offers, load_open311
from schemas.values import Channel
from services.intake.buckets import Buckets
from services.intake.channels.open311 import forms, wire
from services.intake.channels.open311.keys import Clients
from services.intake.channels.open311.public import ids, one, request_id, row, update, updates_wanted, wanted
from services.intake.channels.open311.wire import Refused
from services.intake.channels.reception import Message, Received, Reception
from services.intake.check import Check
from services.intake.domain import IntakeState
from services.intake.emergency import call
from services.intake.guessing import Guesses
from services.intake.listing import by_numbers, newest, turns
from services.intake.storage import file_by_code

log = logging.getLogger(__name__)
BASE: Final = "/open311/v2"
CHANGESET: Final = "2026-11-01T00:00:00Z"
"""When what the server can do last changed."""
_SPECIFICATION: Final = "http://wiki.open311.org/GeoReport_v2"
_FORM: Final = "application/x-www-form-urlencoded"
_READS_AT_ONCE, _READ_SECONDS = 120, 0.5
"""How often one address may read: so many times at once, then one every so many seconds (DES)."""
Handler = Callable[[Request, str], Awaitable[Response]]


class Open311:
    """The channel. `clients` may send reports; anybody may read what is public."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @property
    def body_limits(self) -> Mapping[str, int]:
        """None is larger than the usual 1 MiB."""
        return {}

    def add_to(self, app: FastAPI, host: Host[IntakeState], reception: Reception) -> None:
        """Add the routes."""
        offers = load_open311(host.settings.reference, reception.desk.jurisdiction)
        _Server(host, reception, self._clients, offers).add_to(app)


class _Server:
    def __init__(
        self, host: Host[IntakeState], reception: Reception, clients: Clients, offers: Offers
    ) -> None:
        self._host = host
        self._reception = reception
        self._clients = clients
        self._offers = offers
        self._address = address_of(host.settings)
        self._wrong_keys = Guesses(of="api_keys")
        self._reads = Buckets(_READS_AT_ONCE, _READ_SECONDS)

    def add_to(self, app: FastAPI) -> None:
        for method, path, handler, summary in (
            ("GET", "/discovery.{form}", self._discovery, "Where the service is and what it speaks"),
            ("GET", "/services.{form}", self._services, "What can be reported"),
            ("GET", "/services/{code}.{form}", self._definition, "What a service asks"),
            ("POST", "/requests.{form}", self._report, "Report (form fields, with api_key)"),
            ("GET", "/tokens/{token}.{form}", self._token, "The request of a token"),
            ("GET", "/requests.{form}", self._requests, "The public list"),
            ("GET", "/requests/{request_id}.{form}", self._request, "One request of the public list"),
            ("GET", "/servicerequestupdates.{form}", self._updates, "What changed, the oldest first"),
        ):
            self._add(app, method, path, handler, summary)

        @app.api_route(
            BASE + "/{rest:path}",
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            include_in_schema=False,
        )
        @public
        async def nothing(rest: str) -> Response:
            form = wire.form_of(rest.rpartition(".")[2])
            return wire.errors(form, Refused((404, "There is no such resource, or not by this method.")))

    def _add(self, app: FastAPI, method: str, path: str, handler: Handler, summary: str) -> None:
        async def endpoint(request: Request, form: str) -> Response:
            try:
                if form not in wire.MEDIA_TYPES:
                    raise Refused((404, "The formats are .xml and .json."))
                return await handler(request, form)
            except Refused as refused:
                return wire.errors(wire.form_of(form), refused)
            except Problem as problem:
                return wire.errors(wire.form_of(form), wire.from_problem(problem))
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("an Open311 request could not be served: %s", describe(error))
                told = (503, "The database did not answer. Send the request again in a moment.")
                return wire.errors(wire.form_of(form), Refused(told, headers={"Retry-After": "1"}))

        route = app.api_route(BASE + path, methods=[method], tags=["open311"], summary=summary)
        route(public(endpoint))

    def _asked(self, request: Request) -> dict[str, list[str]]:
        """Return the parameters of a reading request. Raises Refused for who reads too often, or another town."""
        if (wait := self._reads.take(self._address(request))) > 0:
            raise _too_many(wait)
        given = forms.parse(request.url.query.encode())
        self._demand_jurisdiction(given)
        return given

    def _demand_jurisdiction(self, given: forms.Fields) -> None:
        named = one(given, "jurisdiction_id")
        if named is not None and named.casefold() != self._reception.desk.jurisdiction.code.casefold():
            own = self._reception.desk.jurisdiction.code
            raise Refused((404, f"jurisdiction_id was not found. It is {own}, or is left out."))

    async def _discovery(self, request: Request, form: str) -> Response:
        self._asked(request)
        endpoint = {
            "specification": _SPECIFICATION,
            "url": self._host.settings.own_url + BASE,  # never what a Host header claims
            "changeset": CHANGESET,
            "type": "production",
            "formats": ["text/xml", "application/json"],
        }
        told = {
            "changeset": CHANGESET,
            "contact": self._offers.contact,
            "key_service": self._offers.key_service,
            "endpoints": [endpoint],
        }
        return wire.answer(form, "discovery", told)

    async def _services(self, request: Request, form: str) -> Response:
        self._asked(request)
        return wire.answer(form, "services", [_service(offer) for offer in self._offers.services.values()])

    async def _definition(self, request: Request, form: str) -> Response:
        self._asked(request)
        offer = self._offers.services.get(request.path_params["code"])
        if offer is None:
            raise Refused((404, "service_code was not found. It is one of GET /services."))
        asked = [_attribute(offer, order, each) for order, each in enumerate(offer.attributes, start=1)]
        told = {"service_code": offer.matter.code, "attributes": asked}
        return wire.answer(form, "service_definition", told)

    async def _report(self, request: Request, form: str) -> Response:
        raw = await request.body()
        media = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
        if media != _FORM:
            raise Refused((400, f"Send the parameters as {_FORM}."))
        given = forms.parse(request.url.query.encode()) | forms.parse(raw)
        desk = self._reception.desk
        danger = desk.alarm(forms.description_of(given))
        try:
            client = self._client(request, given)
            self._demand_jurisdiction(given)
            offer, body = forms.read_report(given, self._offers, Check(desk.around, self._host.clock()))
        except Refused as refused:  # R-LAD-05: whoever reports a danger hears whom to call, also now
            told = [(refused.errors[0][0], call(danger.line))] if danger is not None else []
            raise Refused(*refused.errors, *told, headers=refused.headers) from None
        wait = self._clients.wait(client)
        if wait > 0 and danger is None and not offer.matter.emergency:
            raise _too_many(wait)
        message = _message(client, given, request.headers.get("idempotency-key"))
        received = await self._reception.take_in(message, body)
        return wire.answer(form, "service_requests", [self._accepted(offer, received, given)])

    def _accepted(self, offer: Offer, received: Received, given: forms.Fields) -> dict[str, Any]:
        """Return a number or a token, never both; the notice tells the resident's tracking code."""
        code, own = received.tracking_code, self._host.settings.own_url
        notice = f"查询码：{code}。凭此码可在 {own}/track 查看进展、补充情况、撤回或评价；请妥善保管。"
        danger = f"{received.danger} " if received.danger else ""
        number = str(self._reception.desk.numbers.of(received.case_id))
        named = {"service_request_id": number} if offer.published else {"token": code}
        return {**named, "service_notice": danger + notice, "account_id": one(given, "account_id")}

    def _client(self, request: Request, given: forms.Fields) -> str:
        """Return the name of who sends. Raises Refused: 403, and 429 for who guesses. A right key always opens."""
        api_key = one(given, "api_key")
        if api_key is None:
            raise Refused((403, "api_key was not given."))
        client = self._clients.named(api_key)
        if client is None:
            self._wrong_keys.wrong(self._address(request))
            raise Refused((403, "api_key is not valid."))
        return client

    async def _token(self, request: Request, form: str) -> Response:
        self._asked(request)
        token = request.path_params["token"]
        file = await file_by_code(self._host.pool, self._reception.desk.codes.digest(token))
        if file is None:
            self._reception.desk.guesses.wrong(self._address(request))
            raise Refused((404, "token was not found."))
        told = [{"service_request_id": str(self._reception.desk.numbers.of(file.case_id)), "token": token}]
        response = wire.answer(form, "service_requests", told)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _requests(self, request: Request, form: str) -> Response:
        given = self._asked(request)
        named = ids(given)
        if named is None:
            found = await newest(self._host.pool, wanted(given, self._offers, self._host.clock()))
        else:
            found = await by_numbers(self._host.pool, named)
        return self._rows(form, given, found)

    async def _request(self, request: Request, form: str) -> Response:
        given = self._asked(request)
        number = request_id(request.path_params["request_id"])
        found = await by_numbers(self._host.pool, [number]) if number is not None else []
        if not found:
            raise Refused((404, "service_request_id was not found, or is not public."))
        return self._rows(form, given, found)

    def _rows(self, form: str, given: forms.Fields, found: list[Any]) -> Response:
        extended = (one(given, "extensions") or "").lower() == "true"
        around = self._reception.desk.around
        shown = [
            row(case, self._offers, around, extended=extended)
            for case in found
            if case.matter in self._offers.published
        ]
        return wire.answer(form, "service_requests", shown)

    async def _updates(self, request: Request, form: str) -> Response:
        given = self._asked(request)
        asked = updates_wanted(given, self._host.clock())
        found = await turns(self._host.pool, asked, self._offers.published)
        numbers = self._reception.desk.numbers
        return wire.answer(form, "service_request_updates", [update(turn, numbers) for turn in found])


def _too_many(wait: float) -> Refused:
    seconds = str(math.ceil(wait))
    return Refused((429, f"Too many requests; try again in {seconds} s."), headers={"Retry-After": seconds})


def _service(offer: Offer) -> dict[str, Any]:
    return {
        "service_code": offer.matter.code,
        "service_name": offer.matter.name,
        "description": f"{offer.group}：{offer.matter.name}",
        "metadata": bool(offer.attributes),
        "type": "realtime" if offer.published else "batch",
        "keywords": ",".join(offer.keywords),
        "group": offer.group,
    }


def _attribute(offer: Offer, order: int, asked: Attribute) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "variable": True,
        "code": asked.code,
        "datatype": asked.datatype.value,
        "required": asked.code in offer.required,
        "datatype_description": asked.hint or None,
        "order": order,
        "description": asked.description,
    }
    if asked.values:
        shown["values"] = [{"key": key, "name": name} for key, name in asked.values.items()]
    return shown


def _message(client: str, given: forms.Fields, key: str | None) -> Message:
    """Who reports is whom the client says; of a report without an account nobody else's is a repeat (R-PET-18)."""
    message_id = idempotency_key(key) or str(uuid4())
    account, device = one(given, "account_id"), one(given, "device_id")
    sender = f"account {account}" if account else f"device {device}" if device else f"message {message_id}"
    return Message(Channel.OPEN311, message_id, f"{client}:{sender}", system=f"open311:{client}")
