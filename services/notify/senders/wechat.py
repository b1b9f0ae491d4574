"""wechat: an official account's messages: of an approved template, of a subscription, or of customer service.

The access token is the account's own, one for all, and is fetched anew when it ends or the API says that it has.
`client_msg_id` carries our message id: the API drops a template message that repeats one within ten minutes.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import orjson

from services.notify.senders.base import Later, Message, Outcome, Sent, Undeliverable

_TOKEN_OVER: Final = frozenset({40001, 40014, 42001})
_NEVER: Final = frozenset({40003, 43004, 43101, 43107, 45015, 45047, 47003, 40037, 40008, 47001, 48001})
"""Not a follower, not subscribed, not within the time of customer service; a template or data that it refuses."""
_PATHS: Final = {
    "template": "/cgi-bin/message/template/send",
    "subscribe": "/cgi-bin/message/subscribe/bizsend",
    "service": "/cgi-bin/message/custom/send",
}
_EARLY: Final = timedelta(minutes=5)
"""So long before its end a token is not used any more."""


class WechatSender:
    """`Sender` of an official account."""

    disturbs = True

    def __init__(
        self, client: httpx.AsyncClient, url: str, app_id: str, secret: str, clock: Callable[[], datetime]
    ) -> None:
        self._client, self._url = client, url
        self._app_id, self._secret, self._clock = app_id, secret, clock
        self._token: str | None = None
        self._until: datetime | None = None
        self._fetching = asyncio.Lock()

    async def send(self, message: Message) -> Outcome:
        """Hand one message to the API; with a token that has ended, once more with a new one."""
        way = message.template.wechat
        if way is None:
            return Undeliverable("no_template")
        body = _body(message, way.kind)
        answer = await self._post(_PATHS[way.kind], body)
        if answer.get("errcode") in _TOKEN_OVER:
            self._token = None
            answer = await self._post(_PATHS[way.kind], body)
        return _outcome(answer)

    async def close(self) -> None:
        """The client is the caller's."""

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        token = await self._access_token()
        if token is None:
            return {"errcode": "no_token"}
        response = await self._client.post(
            f"{self._url}{path}",
            params={"access_token": token},
            content=orjson.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        return _read(response)

    async def _access_token(self) -> str | None:
        async with self._fetching:
            now = self._clock()
            if self._token is None or self._until is None or now >= self._until:
                self._token = None
                query = {"grant_type": "client_credential", "appid": self._app_id, "secret": self._secret}
                answer = _read(await self._client.get(f"{self._url}/cgi-bin/token", params=query))
                token, seconds = answer.get("access_token"), answer.get("expires_in")
                if isinstance(token, str) and isinstance(seconds, int):
                    self._token, self._until = token, now + timedelta(seconds=seconds) - _EARLY
            return self._token


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except ValueError:
        answer = None
    if response.status_code != httpx.codes.OK or not isinstance(answer, dict):
        return {"errcode": f"http_{response.status_code}"}
    return answer


def _body(message: Message, kind: str) -> dict[str, Any]:
    if kind == "service":
        return {"touser": message.to.value, "msgtype": "text", "text": {"content": message.text}}
    way = message.template.wechat
    assert way is not None  # noqa: S101 - `send` has looked
    data = {name: {"value": value} for name, value in message.params.items()}
    body: dict[str, Any] = {
        "touser": message.to.value,
        "template_id": way.ids[message.language],
        "data": data,
    }
    if kind == "subscribe":
        return body | ({"page": message.link} if message.link else {})
    return body | {"client_msg_id": message.message_id.hex} | ({"url": message.link} if message.link else {})


def _outcome(answer: dict[str, Any]) -> Outcome:
    code = answer.get("errcode", 0)
    if code == 0:
        reference = answer.get("msgid")
        return Sent(reference=str(reference) if reference is not None else None)
    return Undeliverable(f"wechat_{code}") if code in _NEVER else Later(f"wechat_{code}")
