"""What notify reads from the environment beside the variables of every service: providers, endpoints, secrets.

A provider that is not named is not used: its channel then has no sender, and notices take the next one.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from chassis.settings import Settings, SettingsError

_LEAST_SECRET = 24
"""Bytes of a webhook's secret at least, as the Standard Webhooks specification asks."""


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http address")
    return value.rstrip("/")


def _secret(value: SecretStr) -> SecretStr:
    try:
        raw = base64.b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(raw) < _LEAST_SECRET:
        raise ValueError("too short")
    return value


def _json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]


class Endpoint(BaseModel):
    """A department's endpoint: where to, and the secret that it checks signatures with."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Address
    secret: Annotated[SecretStr, AfterValidator(_secret)]

    def key(self) -> bytes:
        """The secret's bytes."""
        return base64.b64decode(self.secret.get_secret_value().removeprefix("whsec_"))


class NotifySettings(Settings):
    """The settings of the notify service. Frozen."""

    own_variables: ClassVar[Mapping[str, tuple[str, str]]] = {
        "intake_url": ("CASELADDER_INTAKE_URL", "the http(s) address of intake"),
        "public_url": (
            "CASELADDER_PUBLIC_URL",
            "the http(s) address at which residents reach intake",
        ),
        "notifier_token": (
            "CASELADDER_NOTIFIER_TOKEN",
            "a bearer token of the role notifier, or nothing with CASELADDER_TOKEN_URL",
        ),
        "token_url": (
            "CASELADDER_TOKEN_URL",
            "the http(s) address at which the identity provider gives tokens to clients",
        ),
        "client_id": ("CASELADDER_CLIENT_ID", "the name by which the identity provider knows this service"),
        "client_secret": ("CASELADDER_CLIENT_SECRET", "the secret that goes with it"),
        "catch_all": (
            "CASELADDER_NOTIFY_CATCH_ALL",
            "true to keep messages here in place of every provider that is not named, or false",
        ),
        "sms_url": ("CASELADDER_SMS_URL", "the http(s) address of the SMS gateway"),
        "sms_key_id": ("CASELADDER_SMS_KEY_ID", "the access key's id at the SMS gateway"),
        "sms_key_secret": ("CASELADDER_SMS_KEY_SECRET", "the access key's secret at the SMS gateway"),
        "sms_sign_name": ("CASELADDER_SMS_SIGN_NAME", "the approved signature under which messages go out"),
        "receipt_secret": (
            "CASELADDER_RECEIPT_SECRET",
            "at least 24 random bytes in base64, with which the gateway signs its receipts",
        ),
        "wechat_url": ("CASELADDER_WECHAT_URL", "the http(s) address of the official account's API"),
        "wechat_app_id": ("CASELADDER_WECHAT_APP_ID", "the official account's AppID"),
        "wechat_app_secret": ("CASELADDER_WECHAT_APP_SECRET", "the official account's AppSecret"),
        "smtp_host": ("CASELADDER_SMTP_HOST", "the mail server's name"),
        "smtp_port": ("CASELADDER_SMTP_PORT", "a port number from 1 to 65535"),
        "smtp_security": ("CASELADDER_SMTP_SECURITY", "starttls, tls or none"),
        "smtp_username": ("CASELADDER_SMTP_USERNAME", "the user at the mail server, or nothing"),
        "smtp_password": ("CASELADDER_SMTP_PASSWORD", "the password at the mail server, or nothing"),
        "email_from": ("CASELADDER_EMAIL_FROM", "the address that messages come from"),
        "webhooks": (
            "CASELADDER_WEBHOOKS",
            'JSON by unit code: {"GL-URBAN": {"url": "https://…", "secret": "24 or more bytes in base64"}}',
        ),
    }

    intake_url: Address
    public_url: Address
    notifier_token: SecretStr | None = None
    token_url: Address | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    catch_all: bool = False
    sms_url: Address | None = None
    sms_key_id: str | None = None
    sms_key_secret: SecretStr | None = None
    sms_sign_name: str | None = None
    receipt_secret: Annotated[SecretStr, AfterValidator(_secret)] | None = None
    wechat_url: Address | None = None
    wechat_app_id: str | None = None
    wechat_app_secret: SecretStr | None = None
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    email_from: str | None = None
    webhooks: Annotated[Mapping[str, Endpoint], BeforeValidator(_json)] = {}

    def demand(self) -> None:
        """Raise SettingsError where a provider is named by halves, or nothing says who we are to intake."""
        if self.notifier_token is None:
            self._require("token_url", "client_id", "client_secret")
        if self.sms_url is not None:
            self._require("sms_key_id", "sms_key_secret", "sms_sign_name")
        if self.wechat_url is not None:
            self._require("wechat_app_id", "wechat_app_secret")
        if self.smtp_host is not None:
            self._require("email_from")

    def demand_units(self, known: Mapping[str, Any]) -> None:
        """Raise SettingsError for a webhook of a unit that there is not."""
        strangers = sorted(set(self.webhooks) - set(known))
        if strangers:
            named = ", ".join(strangers)
            raise SettingsError([f"CASELADDER_WEBHOOKS names {named}: no unit of the jurisdiction"])
