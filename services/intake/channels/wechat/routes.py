"""The platform's two requests: the verification of our address, and each message of a follower.

A message is checked, written down, and worked on; what it comes to within four seconds is the answer. After
that the platform hears `success`, and the answer follows by itself (`courier`). Nobody learns which check failed.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request, Response

from chassis.database import is_passing
from chassis.host import Host
from chassis.http import Problem, public
from schemas.values import Channel, Emergency
from services.intake.channels.reception import Message, Reception
from services.intake.channels.wechat import words
from services.intake.channels.wechat.clerk import Clerk
from services.intake.channels.wechat.crypto import Envelope, NotOurs
from services.intake.channels.wechat.messages import Said
from services.intake.channels.wechat.settings import WechatSettings
from services.intake.channels.wechat.signature import is_signed, sign
from services.intake.channels.wechat.storage import Book, digest_of
from services.intake.channels.wechat.xml import Malformed, read_xml, write_xml
from services.intake.domain import IntakeState
from services.intake.emergency import advice, not_heard

PATH: Final = "/v1/channels/wechat"
MAX_BODY_BYTES: Final = 64 * 1024
PATIENCE_S: Final = 4.0
"""The platform waits 5 s, and then sends the message again."""
DANGER_PATIENCE_S: Final = 1.0
"""Whoever is in danger is told whom to call, whatever else takes long (R-LAD-05)."""
_LONGEST_ECHO: Final = 256
_DONE: Final = "success"
_XML: Final = "application/xml; charset=utf-8"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that passed all checks."""

    said: Said
    encrypted: bool
    timestamp: str
    nonce: str


class Door:
    """Checks what the platform sends, and writes what it is answered."""

    def __init__(self, settings: WechatSettings, host: Host[IntakeState]) -> None:
        self._settings = settings
        self._host = host
        self._token = settings.token.get_secret_value()
        key = settings.aes_key
        self._envelope = Envelope(key.get_secret_value(), settings.app_id) if key is not None else None

    def signed(self, request: Request) -> tuple[str, str]:
        """Return timestamp and nonce of a request that the platform signed just now. Raises Problem 403."""
        given = request.query_params
        timestamp, nonce = given.get("timestamp", ""), given.get("nonce", "")
        if not is_signed(given.get("signature", ""), self._token, timestamp, nonce):
            raise _refused()
        now = self._host.clock().timestamp()
        if not (timestamp.isdecimal() and len(timestamp) < 12):
            raise _refused()
        if abs(now - int(timestamp)) > self._settings.replay_seconds:
            raise _refused()
        return timestamp, nonce

    def read(self, request: Request, body: bytes) -> Arrived:
        """Return the message of a request. Raises Problem 403."""
        timestamp, nonce = self.signed(request)
        try:
            elements = read_xml(body)
            sealed = elements.get("Encrypt")
            if sealed is None or self._envelope is None:
                if self._settings.mode != "plain":
                    raise _refused()
                return Arrived(Said.of(elements), encrypted=False, timestamp=timestamp, nonce=nonce)
            signature = request.query_params.get("msg_signature", "")
            if not is_signed(signature, self._token, timestamp, nonce, sealed):
                raise _refused()
            inner = read_xml(self._envelope.open(sealed))
            return Arrived(Said.of(inner), encrypted=True, timestamp=timestamp, nonce=nonce)
        except (Malformed, NotOurs):
            raise _refused() from None

    def answer(self, arrived: Arrived, text: str) -> Response:
        """Return the answer in the form in which the message came."""
        if not text:
            return Response(_DONE, media_type="text/plain")
        said = arrived.said
        now = int(self._host.clock().timestamp())
        plain = write_xml(
            {
                "ToUserName": said.openid,
                "FromUserName": said.account,
                "CreateTime": now,
                "MsgType": "text",
                "Content": text,
            }
        )
        if not arrived.encrypted or self._envelope is None:
            return Response(plain, media_type=_XML)
        sealed = self._envelope.seal(plain)
        signature = sign(self._token, str(now), arrived.nonce, sealed)
        whole = write_xml(
            {"Encrypt": sealed, "MsgSignature": signature, "TimeStamp": now, "Nonce": arrived.nonce}
        )
        return Response(whole, media_type=_XML)


def add_routes(
    app: FastAPI, host: Host[IntakeState], reception: Reception, door: Door, book: Book, clerk: Clerk
) -> None:
    """Add the channel's one path."""

    @app.get(
        PATH, tags=["channels"], summary="The WeChat platform verifies our address", response_class=Response
    )
    @public
    async def verify(request: Request) -> Response:
        door.signed(request)
        echo = request.query_params.get("echostr", "")[:_LONGEST_ECHO]
        return Response(echo, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    @app.post(PATH, tags=["channels"], summary="A message of a WeChat follower", response_class=Response)
    @public
    async def take(request: Request) -> Response:
        arrived = door.read(request, await request.body())
        said = arrived.said
        if said.kind == "nothing":
            return door.answer(arrived, "")
        danger = reception.desk.alarm(said.words) if said.words else None
        try:
            return door.answer(arrived, await _heard(said, danger))
        except Exception as error:
            if danger is None or not is_passing(error):
                raise
            _log.warning("a danger was answered without being written down: the database does not answer")
            return door.answer(arrived, not_heard(danger))

    async def _heard(said: Said, danger: Emergency | None) -> str:
        now = host.clock()
        sender = bytes.fromhex(
            reception.desk.principal(Message(Channel.WECHAT, said.message_id, said.openid).caller)
        )
        digest = digest_of(said.message_id, sender)
        waiting = clerk.expect(digest)
        try:
            is_new = await book.keep(digest, sender, said, now)
            reply = None if is_new else await book.take(digest, host.clock())
            if reply is None:
                clerk.wake()
                await asyncio.wait([waiting], timeout=PATIENCE_S if danger is None else DANGER_PATIENCE_S)
                reply = await book.take(digest, host.clock())
        finally:
            clerk.expect_no_more(digest)
        if reply is not None:
            return reply.words
        return "" if danger is None else words.joined([advice(danger, to_resident=True)["advice"]])


def _refused() -> Problem:
    detail = "The request is not one that the platform signed for this account just now."
    return Problem(403, "not_signed", "This is not from the platform", detail)
