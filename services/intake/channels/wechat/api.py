"""The platform's API: an access token, messages to followers who wrote within the last 48 hours, their pictures."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import orjson

from services.intake.channels import tls
from services.intake.channels.wechat.settings import WechatSettings

TIMEOUT_S: Final = 10.0
_TOKEN: Final = "/cgi-bin/stable_token"  # noqa: S105 -- a path: the token that does not end another process's
_MEDIA: Final = "/cgi-bin/media/get"
_SEND: Final = "/cgi-bin/message/custom/send"
_RENEW_BEFORE: Final = timedelta(minutes=5)
_BAD_TOKEN: Final = frozenset({40001, 40014, 42001})
_HOPELESS: Final = frozenset({40003, 43004, 45002, 45015, 45047, 48002})
"""The follower left, refuses messages, wrote too long ago, or got too many since: trying again changes nothing."""


_NO_MEDIA: Final = frozenset({40004, 40007})
"""There is no such picture, or no more: the platform keeps them for three days."""
FETCH_S: Final = 60.0
"""How long one picture may take."""
_CONTENT: Final = ("image/", "audio/", "video/", "application/octet-stream")


class Unsent(Exception):
    """A message was not taken; `code` is the platform's error code, or what kind of error it was."""

    safe_to_log = True

    def __init__(self, code: int | str, *, hopeless: bool = False) -> None:
        super().__init__(f"the platform did not take a message: {code}")
        self.code = code
        self.hopeless = hopeless


class Unfetched(Unsent):
    """A picture was not given; `code` as above."""

    def __init__(self, code: int | str, *, hopeless: bool = False) -> None:
        super().__init__(code, hopeless=hopeless)
        self.args = (f"the platform did not give a picture: {code}",)


class WechatApi:
    """Sends messages and fetches pictures. Addresses hold the token, so nothing here logs or raises one."""

    def __init__(
        self, settings: WechatSettings, clock: Callable[[], datetime], client: httpx.AsyncClient | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client
        self._token = ""
        self._valid_until: datetime | None = None
        self._renewing = asyncio.Lock()

    async def say(self, openid: str, words: str) -> None:
        """Send a text as customer service. Raises Unsent."""
        content = {"touser": openid, "msgtype": "text", "text": {"content": words}}
        token = await self._access_token(refused=None)
        code = await self._send(token, content)
        if code in _BAD_TOKEN:
            code = await self._send(await self._access_token(refused=token), content)
        if code != 0:
            raise Unsent(code, hopeless=code in _HOPELESS)

    async def media(self, media_id: str, most: int) -> bytes:
        """Return a picture that a follower sent, of at most so many bytes. Raises Unsent."""
        token = await self._access_token(refused=None)
        got = await self._get(token, media_id, most)
        if got in _BAD_TOKEN:
            got = await self._get(await self._access_token(refused=token), media_id, most)
        if isinstance(got, int):
            raise Unfetched(got, hopeless=got in _NO_MEDIA)
        return got

    async def close(self) -> None:
        """Close the HTTP client, if one was opened."""
        if self._client is not None:
            await self._client.aclose()

    @property
    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, verify=tls.context(self._settings.ca))
        return self._client

    async def _send(self, token: str, content: dict[str, Any]) -> int:
        answer = await self._post(_SEND, content, {"access_token": token})
        code = answer.get("errcode", 0)
        return code if isinstance(code, int) else -1

    async def _get(self, token: str, media_id: str, most: int) -> bytes | int:
        """Return what was fetched, or the platform's error code, which comes as JSON."""
        parameters = {"access_token": token, "media_id": media_id}
        content = bytearray()
        try:
            async with (
                asyncio.timeout(FETCH_S),
                self._http.stream("GET", self._settings.api + _MEDIA, params=parameters) as got,
            ):
                got.raise_for_status()
                async for chunk in got.aiter_bytes():
                    content += chunk
                    if len(content) > most:
                        raise Unfetched("too large", hopeless=True)
        except httpx.HTTPStatusError as error:
            raise Unfetched(f"HTTP {error.response.status_code}") from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unfetched(type(error).__name__) from None
        if got.headers.get("content-type", "").startswith(_CONTENT):
            return bytes(content)
        try:
            code = orjson.loads(content)["errcode"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Unfetched("neither a picture nor JSON") from None
        return code if isinstance(code, int) else -1

    async def _access_token(self, *, refused: str | None) -> str:
        """Return the token, a new one where there is none or the platform `refused` the one we have."""
        async with self._renewing:
            if self._valid_until is not None and self._clock() < self._valid_until and self._token != refused:
                return self._token
            fetched = await self._fetch(force=False)
            if fetched["access_token"] == refused:  # the platform keeps it, and yet does not take it
                fetched = await self._fetch(force=True)
            self._token = str(fetched["access_token"])
            lasts = timedelta(seconds=int(fetched.get("expires_in", 7200)))
            self._valid_until = self._clock() + max(lasts - _RENEW_BEFORE, lasts / 2)
            return self._token

    async def _fetch(self, *, force: bool) -> dict[str, Any]:
        asked = {
            "grant_type": "client_credential",
            "appid": self._settings.app_id,
            "secret": self._settings.secret.get_secret_value(),
            "force_refresh": force,
        }
        answer = await self._post(_TOKEN, asked, {})
        if not isinstance(answer.get("access_token"), str):
            raise Unsent(f"no access token ({answer.get('errcode', 'no code')})")
        return answer

    async def _post(self, path: str, content: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
        try:
            sent = await self._http.post(
                self._settings.api + path,
                params=parameters,
                content=orjson.dumps(content),
                headers={"Content-Type": "application/json; charset=utf-8"},
            )
            sent.raise_for_status()
            answer = orjson.loads(sent.content)
        except httpx.HTTPStatusError as error:
            raise Unsent(f"HTTP {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise Unsent(type(error).__name__) from None
        except orjson.JSONDecodeError:
            raise Unsent("no JSON") from None
        if not isinstance(answer, dict):
            raise Unsent("no JSON object")
        return answer
