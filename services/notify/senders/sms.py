"""sms: a gateway that speaks Alibaba Cloud's SendSms (2017-05-25) with the signature ACS3-HMAC-SHA256.

The text is the gateway's own: it is named by its code, and gets the variables. `OutId` carries our message id, and
comes back in the receipt.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import orjson

from services.notify.senders.base import Later, Message, Outcome, Sent, Undeliverable
from services.notify.templates import ANSWER

ALGORITHM: Final = "ACS3-HMAC-SHA256"
VERSION: Final = "2017-05-25"
ACTION: Final = "SendSms"
NEVER: Final = frozenset(
    {
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.MOBILE_COUNT_OVER_LIMIT",
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.PARAM_LENGTH_LIMIT",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.INVALID_PARAMETERS",
        "PHONE_NUMBER_BLACK_LIST",
        "isv.EXTEND_CODE_ERROR",
    }
)
"""Answers to the message itself: the same would be said of it again. All others may pass, or be mended by us."""
_LONGEST_PARAM: Final = 35
"""Characters of a variable that the gateway takes."""
_LINKS: Final = frozenset({"link", ANSWER})
"""Variables of which nothing may be cut off: what is too long for one goes on in `link2`, `link3` …"""


class SmsSender:
    """`Sender` of text messages."""

    disturbs = True

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        key_id: str,
        secret: str,
        sign_name: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._client, self._url = client, url
        self._key_id, self._secret, self._sign_name = key_id, secret, sign_name
        self._clock = clock

    async def send(self, message: Message) -> Outcome:
        """Hand one text message to the gateway."""
        codes = message.template.sms
        if codes is None:
            return Undeliverable("no_approved_text")
        params = dict(piece for name, value in message.params.items() for piece in _pieces(name, value))
        query = {
            "OutId": message.message_id.hex,
            "PhoneNumbers": message.to.value,
            "SignName": self._sign_name,
            "TemplateCode": codes[message.language],
            "TemplateParam": orjson.dumps(params).decode(),
        }
        at = self._clock()
        target = f"{self._url}/?{canonical_query(query)}"
        headers = signed(
            urlsplit(self._url).netloc, ACTION, VERSION, query, self._key_id, self._secret, at, uuid4().hex
        )
        response = await self._client.post(target, headers=headers)
        return _outcome(response)

    async def close(self) -> None:
        """The client is the caller's."""


def _pieces(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A variable as the gateway takes it."""
    yield name, value[:_LONGEST_PARAM]
    if name in _LINKS:
        for number, start in enumerate(range(_LONGEST_PARAM, len(value), _LONGEST_PARAM), 2):
            yield f"{name}{number}", value[start : start + _LONGEST_PARAM]


def _outcome(response: httpx.Response) -> Outcome:
    try:
        answer = orjson.loads(response.content)
        code = str(answer["Code"])
    except (ValueError, KeyError, TypeError):
        return Later(f"http_{response.status_code}")
    if code == "OK":
        return Sent(reference=answer.get("BizId"))
    return Undeliverable(code[:64]) if code in NEVER else Later(code[:64])


def canonical_query(query: Mapping[str, str]) -> str:
    """The parameters in order, each percent-encoded as RFC 3986 has it."""
    return "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())
    )


def signed(
    host: str,
    action: str,
    version: str,
    query: Mapping[str, str],
    key_id: str,
    secret: str,
    at: datetime,
    nonce: str,
    body: bytes = b"",
) -> dict[str, str]:
    """The headers of a signed request: `POST /` with its parameters in the query."""
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": digest,
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = "\n".join(("POST", "/", canonical_query(query), lines, names, digest))
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()
    authorization = f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"
    return {**headers, "Authorization": authorization}
