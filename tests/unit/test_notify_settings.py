"""What notify wants of its environment, in plain words, and which senders come of it."""

import json
from pathlib import Path
from typing import Final

import httpx
import pytest

from chassis.settings import SettingsError
from reference.load import load
from services.notify.domain import Channel
from services.notify.main import build
from services.notify.senders.catch_all import CatchAll
from services.notify.senders.sms import SmsSender
from services.notify.settings import NotifySettings
from services.notify.wiring import senders
from tests.intake_kit import GULOU
from tests.notify_kit import make_settings
from tests.unit.test_notify_senders import AT

BASE: Final = {
    "CASELADDER_PORT": "8105",
    "CASELADDER_DATABASE_URL": "postgresql://nobody@localhost/none",
    "CASELADDER_REFERENCE": str(GULOU),
    "CASELADDER_JWKS": "/jwks.json",
    "CASELADDER_ISSUER": "urn:test",
    "CASELADDER_INTAKE_URL": "http://intake:8101/",
    "CASELADDER_PUBLIC_URL": "https://12345.example/t",
    "CASELADDER_NOTIFIER_TOKEN": "token",
}
SECRET: Final = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SMS: Final = {
    "CASELADDER_SMS_URL": "https://sms.example",
    "CASELADDER_SMS_KEY_ID": "key",
    "CASELADDER_SMS_KEY_SECRET": "secret",
    "CASELADDER_SMS_SIGN_NAME": "鼓楼12345",
}


def read(**more: str) -> NotifySettings:
    settings = NotifySettings.from_environment("notify", BASE | more)
    settings.demand()
    return settings


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"CASELADDER_INTAKE_URL": ""}, "CASELADDER_INTAKE_URL is missing"),
        ({"CASELADDER_NOTIFIER_TOKEN": ""}, "CASELADDER_TOKEN_URL is missing"),
        ({"CASELADDER_SMS_URL": "https://sms.example"}, "CASELADDER_SMS_KEY_ID is missing"),
        ({"CASELADDER_SMTP_HOST": "mail.example"}, "CASELADDER_EMAIL_FROM is missing"),
        ({"CASELADDER_WECHAT_URL": "wx.example"}, "CASELADDER_WECHAT_URL is not usable"),
        ({"CASELADDER_RECEIPT_SECRET": "c2hvcnQ="}, "CASELADDER_RECEIPT_SECRET is not usable"),
        ({"CASELADDER_WEBHOOKS": "{"}, "CASELADDER_WEBHOOKS is not usable"),
        (
            {"CASELADDER_WEBHOOKS": '{"GL": {"url": "ftp://x", "secret": "c"}}'},
            "CASELADDER_WEBHOOKS is not usable",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(more: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**more)
    assert said in str(refused.value)
    assert "secret" not in repr(refused.value.__cause__)


def test_an_endpoint_of_a_unit_that_there_is_not_is_refused() -> None:
    endpoint = {"url": "https://city.example/hook", "secret": SECRET}
    settings = read(CASELADDER_WEBHOOKS=json.dumps({"GL-CITY": endpoint, "GL-MOON": endpoint}))
    with pytest.raises(SettingsError, match="GL-MOON"):
        settings.demand_units(load(GULOU).units)
    assert SECRET not in repr(settings)


def test_a_provider_that_is_named_is_used_and_the_catch_all_stands_in_for_the_others() -> None:
    client = httpx.AsyncClient()

    def made(settings: NotifySettings) -> dict[Channel, type]:
        found = senders(settings, client, lambda: pytest.fail("no pool yet"), lambda: AT)
        return {channel: type(sender) for channel, sender in found.items()}

    assert made(read()) == {}
    assert made(read(**SMS)) == {Channel.SMS: SmsSender}
    assert made(read(**SMS, CASELADDER_NOTIFY_CATCH_ALL="true")) == {
        Channel.WECHAT: CatchAll,
        Channel.SMS: SmsSender,
        Channel.EMAIL: CatchAll,
    }


def test_the_pages_of_the_catch_all_and_the_receipts_are_there_only_where_they_are_meant_to_be(
    tmp_path: Path,
) -> None:
    """R-PRIV-01: caught messages hold tracking codes."""

    def paths(**changes: object) -> set[str]:
        _, app = build(make_settings(tmp_path, "postgresql://nobody@localhost/none", **changes))
        return set(app.openapi()["paths"])

    assert {"/v1/caught", "/caught"} <= paths()
    assert {"/v1/caught", "/caught", "/v1/receipts/sms"}.isdisjoint(paths(catch_all=False))
