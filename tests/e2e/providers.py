"""The providers of a district on 127.0.0.1: what arrives there is what residents and departments get to read."""

import base64
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import orjson
from aiosmtpd.controller import Controller

from chassis.embedded import free_port
from services.notify.senders.sms import signed
from services.notify.senders.webhook import signature
from tests import wechat_kit
from tests.imap_kit import ImapServer, environment, imap_server
from tests.wechat_kit import Platform, platform

KEY_ID, KEY_SECRET = "planted-key-id", "planted-key-secret"
HOOK_KEY = bytes(range(32))
FROM = "12345@gl.example.cn"


@dataclass(frozen=True)
class Seen:
    """A notice as its provider got it. `link`: where it leads, put together as an approved text does."""

    id: UUID
    to: str
    template: str
    """The provider's own name of the text; of an e-mail its subject."""
    link: str
    text: str


@dataclass
class Providers:
    """All of them, and what came, by channel and in the order of arrival."""

    wechat: Platform
    imap: ImapServer
    smtp_port: int = 0
    url: str = ""
    letters: list[EmailMessage] = field(default_factory=list)
    texts: list[dict[str, str]] = field(default_factory=list)
    hooked: list[dict[str, Any]] = field(default_factory=list)

    def environment(self, *units: str) -> dict[str, str]:
        """Return the variables that lead intake and notify here; the units have an endpoint."""
        secret = base64.b64encode(HOOK_KEY).decode()
        hook = {unit: {"url": f"{self.url}/hook", "secret": secret} for unit in units}
        return {
            **wechat_kit.ENV,
            "CASELADDER_WECHAT_URL": self.wechat.url,
            **environment(self.imap.port, INTERVAL_SECONDS="5"),
            "CASELADDER_SMTP_HOST": "127.0.0.1",
            "CASELADDER_SMTP_PORT": str(self.smtp_port),
            "CASELADDER_SMTP_SECURITY": "none",
            "CASELADDER_EMAIL_FROM": FROM,
            "CASELADDER_SMS_URL": self.url,
            "CASELADDER_SMS_KEY_ID": KEY_ID,
            "CASELADDER_SMS_KEY_SECRET": KEY_SECRET,
            "CASELADDER_SMS_SIGN_NAME": "鼓楼12345",
            "CASELADDER_WEBHOOKS": orjson.dumps(hook).decode(),
        }

    def seen(self, to: str) -> list[Seen]:
        """Return what came for an openid, an e-mail address or a phone number, in order."""
        all_of_them = [
            *map(_of_wechat, [body for body in list(self.wechat.sent) if "template_id" in body]),
            *map(_of_email, list(self.letters)),
            *map(_of_sms, list(self.texts)),
        ]
        return [one for one in all_of_them if one.to == to]

    def take_letter(self, letter: EmailMessage) -> None:
        """The mail server's."""
        self.letters.append(letter)

    def take_text(self, path: str, headers: Any) -> bytes:
        """The gateway's: whoever does not sign as published is refused."""
        query = dict(parse_qsl(urlsplit(path).query, strict_parsing=True))
        at = datetime.fromisoformat(headers["x-acs-date"])
        nonce = headers["x-acs-signature-nonce"]
        right = signed(headers["Host"], "SendSms", "2017-05-25", query, KEY_ID, KEY_SECRET, at, nonce)
        if headers["Authorization"] != right["Authorization"]:
            return b'{"Code":"SignatureDoesNotMatch"}'
        self.texts.append(query)
        return b'{"Code":"OK","BizId":"biz"}'

    def take_hook(self, body: bytes, headers: Any) -> bool:
        """The department's."""
        right = signature(HOOK_KEY, headers["webhook-id"], headers["webhook-timestamp"], body)
        is_right = right == str(headers["webhook-signature"])
        if is_right:
            self.hooked.append(orjson.loads(body))
        return is_right


def _of_wechat(body: dict[str, Any]) -> Seen:
    words = " ".join(str(one["value"]) for one in body["data"].values())
    return Seen(UUID(body["client_msg_id"]), body["touser"], body["template_id"], body["url"], words)


def _of_email(letter: EmailMessage) -> Seen:
    number = UUID(letter["Message-ID"].strip("<>").partition("@")[0])
    text = letter.get_content()
    link = "http" + text.partition("http")[2].split()[0]
    return Seen(number, letter["To"], letter["Subject"], link, text)


def _of_sms(query: dict[str, str]) -> Seen:
    params = orjson.loads(query["TemplateParam"])
    first = "answer" if "answer" in params else "link"
    link = "".join(params.get(f"{first}{number}", "") for number in ("", 2, 3, 4))
    words = " ".join(map(str, params.values()))
    return Seen(UUID(query["OutId"]), query["PhoneNumbers"], query["TemplateCode"], link, words)


class _Mail:
    """aiosmtpd's handler."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self._providers.take_letter(letter)
        return "250 OK"


@contextmanager
def providing() -> Iterator[Providers]:
    """Run all of them in threads of this process."""
    with ExitStack() as stack:
        spoken_to = stack.enter_context(platform())
        providers = Providers(spoken_to, stack.enter_context(imap_server(ImapServer())))
        providers.smtp_port = free_port()
        mail = Controller(_Mail(providers), hostname="127.0.0.1", port=providers.smtp_port)
        mail.start()
        stack.callback(mail.stop)
        stack.enter_context(_gateway(providers))
        yield providers


@contextmanager
def _gateway(providers: Providers) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/hook":
                status, told = (200 if providers.take_hook(body, self.headers) else 401), b""
            else:
                status, told = 200, providers.take_text(self.path, self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        providers.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
