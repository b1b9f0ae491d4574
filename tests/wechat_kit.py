"""What the WeChat tests share: a follower, whose messages the platform forwards, and the platform's own API."""

import base64
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson

from services.intake.channels.wechat.crypto import Envelope
from services.intake.channels.wechat.routes import PATH
from services.intake.channels.wechat.signature import sign
from services.intake.channels.wechat.xml import read_xml, write_xml

TOKEN = "hush1token"
APP_ID = "wx5823bf96d3bd56c7"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=").replace("/", "a").replace("+", "b")
ACCOUNT = "gh_caseladder"
ENV = {
    "CASELADDER_WECHAT_TOKEN": TOKEN,
    "CASELADDER_WECHAT_APP_ID": APP_ID,
    "CASELADDER_WECHAT_APP_SECRET": "planted-app-secret",
    "CASELADDER_WECHAT_AES_KEY": AES_KEY,
    "CASELADDER_WECHAT_URL": "http://127.0.0.1:9",  # nobody listens
}


@dataclass
class Follower:
    """Sends messages as the platform would forward them, encrypted unless `plain`."""

    client: httpx.AsyncClient
    openid: str = "oPlantedOpenid_0001"
    plain: bool = False
    _number: int = 7_000_000_000

    async def says(self, text: str, **more: str | int) -> str:
        """Send a text; return the answer's words, empty for `success`."""
        return await self.sends(MsgType="text", Content=text, **more)

    async def sends(self, **elements: str | int) -> str:
        """Send a message with a number of its own, unless one is given; return the answer's words."""
        self._number += 1
        given = {} if elements.get("MsgType") == "event" else {"MsgId": self._number}
        return self.words(await self.posts(self.body(given | elements)))

    def body(self, elements: dict[str, Any]) -> str:
        """Return the inner XML of a message."""
        now = int(datetime.now(UTC).timestamp())
        head: dict[str, Any] = {"ToUserName": ACCOUNT, "FromUserName": self.openid, "CreateTime": now}
        return write_xml(head | elements)

    async def posts(self, inner: str, *, at: datetime | None = None, **parameters: str) -> httpx.Response:
        """Post a message, signed at a moment; `parameters` replace those of the address."""
        timestamp, nonce = str(int((at or datetime.now(UTC)).timestamp())), "n0nce"
        query = {"signature": sign(TOKEN, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        content = inner
        if not self.plain:
            sealed = Envelope(AES_KEY, APP_ID).seal(inner)
            query |= {"encrypt_type": "aes", "msg_signature": sign(TOKEN, timestamp, nonce, sealed)}
            content = write_xml({"ToUserName": ACCOUNT, "Encrypt": sealed})
        return await self.client.post(PATH, params=query | parameters, content=content.encode())

    def words(self, answer: httpx.Response) -> str:
        """Return what an answer tells the follower; its signature is checked."""
        assert answer.status_code == 200, answer.text
        if answer.text == "success":
            return ""
        shown = read_xml(answer.content)
        if not self.plain:
            sealed = shown["Encrypt"]
            assert shown["MsgSignature"] == sign(TOKEN, shown["TimeStamp"], shown["Nonce"], sealed)
            shown = read_xml(Envelope(AES_KEY, APP_ID).open(sealed))
        assert (shown["ToUserName"], shown["FromUserName"], shown["MsgType"]) == (
            self.openid,
            ACCOUNT,
            "text",
        )
        return shown["Content"]


@dataclass
class Platform:
    """The platform's API on 127.0.0.1: gives tokens out, takes messages, and fails as it is told."""

    url: str = ""
    tokens: list[bool] = field(default_factory=list)
    """For each token that was fetched whether it was forced."""
    codes: deque[int] = field(default_factory=deque)
    """Error codes with which the next messages are refused; 0 takes one."""
    sent: list[dict[str, Any]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """The media type and bytes of each picture that can be fetched."""
    keeps_token: bool = True
    """Whether a token that is asked for again stays the same, as the stable token does."""

    def give(self, path: str) -> tuple[str, bytes]:
        """Return media type and bytes of what was asked for."""
        code = self.codes.popleft() if self.codes else 40007
        refusal = "text/plain", orjson.dumps({"errcode": code, "errmsg": "told to"})
        return self.media.get(parse_qs(urlsplit(path).query)["media_id"][0], refusal)

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        parts = urlsplit(path)
        if parts.path == "/cgi-bin/token":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            secret = ENV["CASELADDER_WECHAT_APP_SECRET"]
            assert asked == {"grant_type": "client_credential", "appid": APP_ID, "secret": secret}
            return {"access_token": "token-of-notices", "expires_in": 7200}
        if parts.path == "/cgi-bin/stable_token":
            if body["appid"] != APP_ID or body["secret"] != ENV["CASELADDER_WECHAT_APP_SECRET"]:
                return {"errcode": 40125, "errmsg": "invalid appsecret"}
            self.tokens.append(body["force_refresh"])
            number = sum(self.tokens) if self.keeps_token else len(self.tokens)
            return {"access_token": f"token-{number}", "expires_in": 7200}
        token = parse_qs(parts.query)["access_token"][0]
        code = self.codes.popleft() if self.codes else 0
        if code == 0:
            self.sent.append(body | {"token": token})
            self.arrived.release()
        return {"errcode": code, "errmsg": "told to"}


@contextmanager
def platform() -> Iterator[Platform]:
    """Run a platform in a thread of its own."""
    spoken_to = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            told = orjson.dumps(spoken_to.answer(self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def do_GET(self) -> None:
            if "/media/get" not in self.path:
                self._answer({})
                return
            kind, told = spoken_to.give(self.path)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    spoken_to.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield spoken_to
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
