"""How residents are reached: asked of intake for the moment of sending, and kept nowhere (R-PRIV-01)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import httpx
import orjson

from services.notify.domain import REACHED_BY, Channel, Language

PURPOSE: Final = "to tell the reporter of the case"
ASK_S: Final = 10.0
MOST: Final = 500
_EARLY: Final = timedelta(seconds=30)
Who = tuple[UUID, UUID]
"""A case, and the report whose reporter is told of it."""


class Unreachable(Exception):
    """Intake, or who gives us tokens, does not answer as it should; `str` says which and how."""

    safe_to_log = True


class TooEarly(Exception):
    """Intake has not heard yet of what we ask about; it will in a moment."""

    safe_to_log = True


@dataclass(frozen=True, slots=True)
class Contact:
    """How one reporter is told. Lives as long as the sending; never printed."""

    language: Language
    addresses: Mapping[Channel, str] = field(repr=False)
    refs: Mapping[Channel, str] = field(repr=False)
    code: str | None = field(default=None, repr=False)


class Contacts(Protocol):
    """Who knows how reporters are reached."""

    async def read(self, whom: Collection[Who]) -> Mapping[Who, Contact]:
        """Return the contacts of those that can be told. Raises Unreachable."""
        ...

    async def callback_path(self, report: UUID, opened: int) -> str | None:
        """Return the path, at intake, of the signed link to the callback that the router's event number `opened`
        of the report's case opened, or to a later one; None where there is nothing to answer any more (R-HOT-08).

        Whoever has it may answer for the reporter: it is for one message. Raises Unreachable and TooEarly.
        """
        ...


class Tokens(Protocol):
    """Gives the bearer token that intake accepts of us."""

    async def token(self) -> str:
        """Return one that is valid now. Raises Unreachable."""
        ...


class GivenToken:
    """`Tokens`: one that was issued to this installation."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """Return it."""
        return self._token


class ClientTokens:
    """`Tokens` of an OpenID Connect provider, by its client-credentials grant; kept while it is valid."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, name: str, secret: str, clock: Callable[[], datetime]
    ) -> None:
        self._client, self._url, self._name, self._secret = client, url, name, secret
        self._clock = clock
        self._token: str | None = None
        self._until: datetime | None = None

    async def token(self) -> str:
        """Return the token that there is, or a new one."""
        now = self._clock()
        if self._token is None or self._until is None or now >= self._until:
            form = {"grant_type": "client_credentials"}
            try:
                response = await self._client.post(self._url, data=form, auth=(self._name, self._secret))
                answer = orjson.loads(response.content) if response.is_success else {}
                self._token = str(answer["access_token"])
                self._until = now + timedelta(seconds=int(answer["expires_in"])) - _EARLY
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                raise Unreachable(f"the identity provider gives no token ({type(error).__name__})") from None
        return self._token


class IntakeContacts:
    """`Contacts` of intake's `POST /v1/contacts` and `POST /v1/cases/{id}/callback-link`."""

    def __init__(self, client: httpx.AsyncClient, url: str, tokens: Tokens) -> None:
        self._client, self._url, self._tokens = client, url, tokens

    async def read(self, whom: Collection[Who]) -> Mapping[Who, Contact]:
        """Ask for all of them, up to 500 at a time."""
        asked = list(dict.fromkeys(whom))
        found: dict[Who, Contact] = {}
        for start in range(0, len(asked), MOST):
            found |= await self._ask(asked[start : start + MOST])
        return found

    async def _ask(self, asked: Sequence[Who]) -> dict[Who, Contact]:
        body = {
            "purpose": PURPOSE,
            "contacts": [{"case_id": str(case_id), "report": str(report)} for case_id, report in asked],
        }
        response = await self._post("/v1/contacts", orjson.dumps(body))
        if response.status_code != httpx.codes.OK:
            raise Unreachable(f"intake answers {response.status_code} when asked how reporters are reached")
        shown = orjson.loads(response.content)["contacts"]
        return {
            who: contact for who, one in zip(asked, shown, strict=True) if one and (contact := _contact(one))
        }

    async def callback_path(self, report: UUID, opened: int) -> str | None:
        """Ask for one; intake makes it anew each time."""
        response = await self._post(f"/v1/cases/{report}/callback-link?heard={opened}")
        if response.status_code == httpx.codes.OK:
            return str(orjson.loads(response.content)["path"])
        match _code(response):
            case "not_heard_yet":
                raise TooEarly
            case "no_callback":
                return None
        raise Unreachable(f"intake answers {response.status_code} when asked for the link to a callback")

    async def _post(self, path: str, content: bytes = b"") -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {await self._tokens.token()}",
            "Content-Type": "application/json",
        }
        try:
            return await self._client.post(f"{self._url}{path}", content=content, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"intake does not answer ({type(error).__name__})") from None


def _code(response: httpx.Response) -> str | None:
    """The code of a problem, where the answer is one."""
    try:
        return str(orjson.loads(response.content)["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _contact(one: Mapping[str, Any]) -> Contact | None:
    ways = {channel: way.value for channel, way in REACHED_BY.items()}
    addresses = {channel: one[way] for channel, way in ways.items() if one.get(way)}
    if not addresses:
        return None
    refs = {channel: one["refs"][way] for channel, way in ways.items() if way in one["refs"]}
    language: Language = "en" if one.get("language") == "en" else "zh"
    return Contact(language, addresses, refs, one.get("tracking_code"))
