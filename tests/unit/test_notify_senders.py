"""Senders against providers that speak the published protocols: what goes out, and what an answer means."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import orjson
import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from chassis.embedded import free_port
from chassis.http import Problem
from reference.load import load
from services.notify.api.receipts import TOLERANCE_S, check_signature
from services.notify.composing import Composer
from services.notify.contacts import ClientTokens, Unreachable
from services.notify.domain import Channel
from services.notify.queue import Delivery
from services.notify.senders import Later, Message, Outcome, Sent, Undeliverable
from services.notify.senders.email import EmailSender
from services.notify.senders.sms import SmsSender, signed
from services.notify.senders.webhook import WebhookSender, signature
from services.notify.senders.wechat import WechatSender
from services.notify.settings import Endpoint
from services.notify.table import load_notices
from tests.intake_kit import GULOU
from tests.notify_kit import SOMEBODY

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MESSAGE = UUID(int=42)
ANSWER = "/c/" + "Aa0_-" * 10
KEY = bytes(range(32))
ENDPOINT = Endpoint(url="https://city.example/hook", secret=SecretStr(base64.b64encode(KEY).decode()))


@pytest.fixture(scope="module")
def composer() -> Composer:
    jurisdiction = load(GULOU)
    return Composer(load_notices(GULOU, jurisdiction), jurisdiction, "https://12345.example/t")


def message(composer: Composer, channel: Channel, template: str = "dispatched", **facts: Any) -> Message:
    recipient = "unit/GL-CITY" if channel is Channel.WEBHOOK else f"report/{UUID(int=1)}"
    delivery = Delivery(
        message_id=MESSAGE,
        lane=recipient,
        place=1,
        step=0,
        event_id="router/x/3",
        case_id=UUID(int=1),
        recipient=recipient,
        channel=channel,
        others=(),
        template=template,
        facts=facts or {"unit": "GL0101"},
        statutory=False,
        urgent=False,
        created_at=AT,
        expires_at=AT,
        traceparent="",
        attempts=0,
    )
    if delivery.unit:
        return composer.for_unit(delivery)
    return composer.for_resident(delivery, SOMEBODY, ANSWER if composer.asks(delivery) else None)


class Provider:
    """Answers requests from a list; keeps them."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answers.pop(0)


def answer(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


# -- sms -----------------------------------------------------------------------------------------------


def test_the_signature_is_the_published_one() -> None:
    """The worked example of the provider's documentation of ACS3-HMAC-SHA256."""
    headers = signed(
        "ecs.cn-shanghai.aliyuncs.com",
        "RunInstances",
        "2014-05-26",
        {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"},
        "YourAccessKeyId",
        "YourAccessKeySecret",
        datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        "3156853299f313e23d1673dc12e1703d",
    )
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;"
        "x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def sms(provider: Provider) -> SmsSender:
    return SmsSender(provider.client, "https://sms.example", "key", "secret", "鼓楼12345", lambda: AT)


async def test_a_text_message_names_the_approved_text_and_carries_our_id(composer: Composer) -> None:
    provider = Provider(answer(Code="OK", Message="OK", BizId="biz-1"))
    assert await sms(provider).send(message(composer, Channel.SMS)) == Sent(reference="biz-1")
    (request,) = provider.requests
    query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
    params = orjson.loads(query.pop("TemplateParam"))
    assert query == {
        "OutId": MESSAGE.hex,
        "PhoneNumbers": "13800138000",
        "SignName": "鼓楼12345",
        "TemplateCode": "SMS_500100007",
    }
    assert params["unit"].endswith("社区")
    assert params["code"] == "0123456789AB"
    assert request.headers["x-acs-action"] == "SendSms"
    again = signed(
        "sms.example", "SendSms", "2017-05-25", query | {"TemplateParam": orjson.dumps(params).decode()},
        "key", "secret", AT, request.headers["x-acs-signature-nonce"],
    )  # fmt: skip
    assert request.headers["authorization"] == again["Authorization"]
    assert params["link"] + params["link2"] == "https://12345.example/t/track?code=0123456789AB"


async def test_a_link_that_is_too_long_for_one_variable_goes_on_in_the_next(composer: Composer) -> None:
    """R-HOT-08: the signed link arrives whole; the gateway takes 35 characters of a variable."""
    provider = Provider(answer(Code="OK"))
    await sms(provider).send(message(composer, Channel.SMS, "callback"))
    params = orjson.loads(parse_qs(provider.requests[0].url.query.decode())["TemplateParam"][0])
    pieces = [params[name] for name in ("answer", "answer2", "answer3")]
    assert [len(piece) for piece in pieces] == [35, 35, 6]
    assert "".join(pieces) == f"https://12345.example/t{ANSWER}"
    assert "answer4" not in params


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (answer(Code="isv.MOBILE_NUMBER_ILLEGAL"), Undeliverable("isv.MOBILE_NUMBER_ILLEGAL")),
        (answer(Code="isv.BUSINESS_LIMIT_CONTROL"), Later("isv.BUSINESS_LIMIT_CONTROL")),
        (httpx.Response(400, json={"Code": "SignatureDoesNotMatch"}), Later("SignatureDoesNotMatch")),
        (httpx.Response(503, text="busy"), Later("http_503")),
        (httpx.Response(200, text="[]"), Later("http_200")),
    ],
)
async def test_what_the_gateway_says_of_the_number_is_final_and_the_rest_passes(
    composer: Composer, given: httpx.Response, outcome: Outcome
) -> None:
    assert await sms(Provider(given)).send(message(composer, Channel.SMS)) == outcome


# -- wechat --------------------------------------------------------------------------------------------


def wechat(provider: Provider, clock: Callable[[], datetime] = lambda: AT) -> WechatSender:
    return WechatSender(provider.client, "https://wx.example", "app", "secret", clock)


async def test_the_access_token_is_fetched_once_and_anew_where_it_has_ended(composer: Composer) -> None:
    now = AT
    provider = Provider(
        answer(access_token="t1", expires_in=7200),
        answer(errcode=0, errmsg="ok", msgid=99),
        answer(errcode=0, msgid=100),
        answer(errcode=42001, errmsg="access_token expired"),
        answer(access_token="t2", expires_in=7200),
        answer(errcode=0, msgid=101),
        answer(access_token="t3", expires_in=7200),
        answer(errcode=0, msgid=102),
    )
    sender = wechat(provider, lambda: now)
    wanted = message(composer, Channel.WECHAT)
    assert [await sender.send(wanted) for _ in range(3)] == [Sent("99"), Sent("100"), Sent("101")]
    now += timedelta(minutes=116)
    assert await sender.send(wanted) == Sent("102")
    paths = [request.url.path.rpartition("/")[2] for request in provider.requests]
    assert paths == ["token", "send", "send", "send", "token", "send", "token", "send"]
    sent = provider.requests[1]
    assert sent.url.params["access_token"] == "t1"
    body = orjson.loads(sent.content)
    assert (body["touser"], body["template_id"], body["client_msg_id"]) == (
        "oAbc_123",
        "WX-DISPATCHED",
        MESSAGE.hex,
    )
    assert body["data"]["code"] == {"value": "0123456789AB"}
    assert body["url"] == "https://12345.example/t/track?code=0123456789AB"


async def test_a_message_that_asks_for_an_answer_leads_to_the_signed_link(composer: Composer) -> None:
    """R-HOT-08: a touch of the template message opens the callback, not the time line."""
    provider = Provider(answer(access_token="t", expires_in=7200), answer(errcode=0))
    asking = message(composer, Channel.WECHAT, "callback")
    assert await wechat(provider).send(asking) == Sent()
    body = orjson.loads(provider.requests[1].content)
    assert body["url"] == body["data"]["answer"]["value"] == f"https://12345.example/t{ANSWER}"
    assert ANSWER in asking.text
    assert ANSWER not in repr(asking)


async def test_a_service_message_is_plain_text(composer: Composer) -> None:
    """R-HOT-13: an emergency notice goes out as a customer-service message."""
    provider = Provider(answer(access_token="t", expires_in=7200), answer(errcode=0))
    urgent = message(composer, Channel.WECHAT, "emergency", line="119")
    assert await wechat(provider).send(urgent) == Sent()
    request = provider.requests[1]
    assert request.url.path == "/cgi-bin/message/custom/send"
    body = orjson.loads(request.content)
    assert (body["touser"], body["msgtype"]) == ("oAbc_123", "text")
    assert "119" in body["text"]["content"]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (answer(errcode=43004), Undeliverable("wechat_43004")),
        (answer(errcode=43101), Undeliverable("wechat_43101")),
        (answer(errcode=-1), Later("wechat_-1")),
        (answer(errcode=45009), Later("wechat_45009")),
        (httpx.Response(502, text=""), Later("wechat_http_502")),
    ],
)
async def test_who_does_not_follow_is_not_reached_and_a_busy_system_is_tried_again(
    composer: Composer, given: httpx.Response, outcome: Outcome
) -> None:
    provider = Provider(answer(access_token="t", expires_in=7200), given)
    assert await wechat(provider).send(message(composer, Channel.WECHAT)) == outcome


async def test_without_a_token_nothing_is_sent(composer: Composer) -> None:
    provider = Provider(answer(errcode=40164, errmsg="invalid ip"))
    assert await wechat(provider).send(message(composer, Channel.WECHAT)) == Later("wechat_no_token")


# -- webhook -------------------------------------------------------------------------------------------


async def test_a_webhook_is_a_signed_cloudevent_with_the_same_id_each_time(composer: Composer) -> None:
    provider = Provider(httpx.Response(500), httpx.Response(202))
    sender = WebhookSender(provider.client, {"GL-CITY": ENDPOINT}, lambda: AT)
    wanted = message(composer, Channel.WEBHOOK, "order", matter=None, urgency=3)
    assert await sender.send(wanted) == Later("http_500")
    assert await sender.send(wanted) == Sent(delivered=True)
    first, second = provider.requests
    assert first.content == second.content
    event = orjson.loads(second.content)
    assert (event["specversion"], event["id"], event["source"], event["time"]) == (
        "1.0", str(MESSAGE), "notify", "2026-11-24T02:00:00Z",
    )  # fmt: skip
    assert event["data"]["facts"] == {"matter": "", "urgency": "3", "case": "00000001"}
    assert second.headers["content-type"].startswith("application/cloudevents+json")
    given = dict(second.headers)
    check_signature(KEY, given, second.content, AT.timestamp())
    for wrong in (
        given | {"webhook-timestamp": str(int(AT.timestamp()) + 1)},
        given | {"webhook-id": "other"},
        given | {"webhook-signature": "v1,AAAA"},
        {},
    ):
        with pytest.raises(Problem, match="401"):
            check_signature(KEY, wrong, second.content, AT.timestamp())
    with pytest.raises(Problem, match="401"):
        check_signature(KEY, given, second.content, AT.timestamp() + TOLERANCE_S + 1)


def test_the_signature_is_that_of_the_standard() -> None:
    """The worked example of the Standard Webhooks specification's own libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed_by_them = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    body = b'{"test": 2432232314}'
    assert signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body) == signed_by_them


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (410, Undeliverable("http_410")),
        (400, Undeliverable("http_400")),
        (401, Later("http_401")),
        (429, Later("http_429")),
        (302, Later("http_302")),
    ],
)
async def test_an_endpoint_refuses_a_message_or_is_mended(
    composer: Composer, status: int, outcome: Outcome
) -> None:
    provider = Provider(httpx.Response(status, headers={"Location": "https://elsewhere.example/"}))
    sender = WebhookSender(provider.client, {"GL-CITY": ENDPOINT}, lambda: AT)
    assert await sender.send(message(composer, Channel.WEBHOOK, "order-sealed")) == outcome
    assert len(provider.requests) == 1


async def test_a_unit_without_an_endpoint_is_not_reached_so(composer: Composer) -> None:
    sender = WebhookSender(Provider().client, {}, lambda: AT)
    outcome = await sender.send(message(composer, Channel.WEBHOOK, "order-sealed"))
    assert outcome == Undeliverable("no_endpoint")


# -- email ---------------------------------------------------------------------------------------------


class Postman:
    """A mail server's handler that answers as told, and keeps what it took."""

    def __init__(self) -> None:
        self.to_rcpt = "250 OK"
        self.to_data = "250 OK"
        self.letters: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802  the library's own name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.to_rcpt

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.to_data


@contextmanager
def mail_server(postman: Postman) -> Iterator[int]:
    port = free_port()
    server = Controller(postman, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield port
    finally:
        server.stop()


async def test_a_letter_carries_our_id_and_a_server_says_no_for_good_or_for_now(composer: Composer) -> None:
    postman = Postman()
    wanted = message(composer, Channel.EMAIL)
    with mail_server(postman) as port:
        sender = EmailSender("127.0.0.1", port, "鼓楼12345 <notice@gulou.example>", "none")
        assert await sender.send(wanted) == Sent()
        (letter,) = postman.letters
        assert letter["Message-ID"] == f"<{MESSAGE}@gulou.example>"
        assert letter["To"] == "wang@example.cn"
        assert letter["Subject"] == "诉求已派单"
        assert "查询码0123456789AB" in letter.get_content()
        postman.to_rcpt = "550 no such user"
        assert await sender.send(wanted) == Undeliverable("smtp_550")
        postman.to_rcpt = "451 try later"
        assert await sender.send(wanted) == Later("smtp_451")
        postman.to_rcpt, postman.to_data = "250 OK", "554 spam"
        assert await sender.send(wanted) == Undeliverable("smtp_554")
    assert isinstance(await sender.send(wanted), Later)


# -- who we are ----------------------------------------------------------------------------------------


async def test_a_client_token_is_kept_until_shortly_before_its_end() -> None:
    now = AT
    provider = Provider(
        answer(access_token="one", expires_in=300),
        answer(access_token="two", expires_in=300),
        httpx.Response(401, json={"error": "invalid_client"}),
    )
    tokens = ClientTokens(provider.client, "https://id.example/token", "notify", "s", lambda: now)
    assert [await tokens.token(), await tokens.token()] == ["one", "one"]
    now += timedelta(seconds=271)
    assert await tokens.token() == "two"
    now += timedelta(seconds=271)
    with pytest.raises(Unreachable, match="gives no token"):
        await tokens.token()
    (first, *_) = provider.requests
    assert parse_qs(first.content.decode()) == {"grant_type": ["client_credentials"]}
    assert first.headers["authorization"].startswith("Basic ")
    await asyncio.gather(provider.client.aclose())
