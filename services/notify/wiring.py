"""Which senders there are: a provider that the settings name, else the catch-all where it is switched on."""

import ssl
from collections.abc import Callable, Mapping
from datetime import datetime

import certifi
import httpx

from chassis.database import Pool
from services.notify.contacts import ClientTokens, GivenToken, Tokens
from services.notify.domain import Channel
from services.notify.senders import Sender
from services.notify.senders.base import SEND_S
from services.notify.senders.catch_all import CatchAll
from services.notify.senders.email import EmailSender
from services.notify.senders.sms import SmsSender
from services.notify.senders.webhook import WebhookSender
from services.notify.senders.wechat import WechatSender
from services.notify.settings import NotifySettings

Clock = Callable[[], datetime]


def providers_client() -> httpx.AsyncClient:
    """A client for the world outside: it trusts the public authorities, whichever our own services trust.

    Each request has a connection of its own. Of a provider, or a proxy before it, that answers twice, the second
    answer would else be taken for that to the next message, which would count as sent and be lost.
    """
    public = ssl.create_default_context(cafile=certifi.where())
    return httpx.AsyncClient(
        timeout=SEND_S,
        verify=public,
        limits=httpx.Limits(max_keepalive_connections=0),
        follow_redirects=False,
    )


def senders(
    settings: NotifySettings, client: httpx.AsyncClient, pool: Callable[[], Pool], clock: Clock
) -> dict[Channel, Sender]:
    """Return the senders by channel; a channel without one is not used. The inbox needs none."""
    found: dict[Channel, Sender] = {}
    if settings.catch_all:
        caught = CatchAll(pool, clock)
        found |= dict.fromkeys((Channel.WECHAT, Channel.SMS, Channel.EMAIL), caught)
    found |= _providers(settings, client, clock)
    return found


def _providers(settings: NotifySettings, client: httpx.AsyncClient, clock: Clock) -> Mapping[Channel, Sender]:
    found: dict[Channel, Sender] = {}
    if settings.sms_url and settings.sms_key_id and settings.sms_key_secret and settings.sms_sign_name:
        secret = settings.sms_key_secret.get_secret_value()
        found[Channel.SMS] = SmsSender(
            client, settings.sms_url, settings.sms_key_id, secret, settings.sms_sign_name, clock
        )
    if settings.wechat_url and settings.wechat_app_id and settings.wechat_app_secret:
        secret = settings.wechat_app_secret.get_secret_value()
        found[Channel.WECHAT] = WechatSender(
            client, settings.wechat_url, settings.wechat_app_id, secret, clock
        )
    if settings.smtp_host and settings.email_from:
        password = settings.smtp_password
        found[Channel.EMAIL] = EmailSender(
            settings.smtp_host,
            settings.smtp_port,
            settings.email_from,
            settings.smtp_security,
            settings.smtp_username,
            password.get_secret_value() if password else None,
        )
    if settings.webhooks:
        found[Channel.WEBHOOK] = WebhookSender(client, settings.webhooks, clock)
    return found


def tokens(settings: NotifySettings, client: httpx.AsyncClient, clock: Clock) -> Tokens:
    """Return where our own tokens come from."""
    if settings.token_url and settings.client_id and settings.client_secret:
        secret = settings.client_secret.get_secret_value()
        return ClientTokens(client, settings.token_url, settings.client_id, secret, clock)
    given = settings.notifier_token
    assert given is not None  # noqa: S101 - `demand` has looked
    return GivenToken(given.get_secret_value())
