"""webhook: a notice to a department's endpoint, as a CloudEvent in structured mode, signed.

The signature is that of the Standard Webhooks specification: `webhook-signature: v1,<base64>` of HMAC-SHA256 over
`<webhook-id>.<webhook-timestamp>.<body>`. `webhook-id`, and the event's `id`, are our message id: the same at every
attempt, so that a receiver knows a repeat. An endpoint that is gone for good says so with 410.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import orjson

from services.notify.senders.base import Later, Message, Outcome, Sent, Undeliverable
from services.notify.settings import Endpoint

TYPE: Final = "notify.UnitNotice.v1"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_REFUSED: Final = frozenset({400, 410, 413, 415, 422})
"""Answers to the message itself; a wrong address or credential (401, 403, 404) is mended by people meanwhile."""


class WebhookSender:
    """`Sender` to the endpoints of departments, by unit code."""

    disturbs = True

    def __init__(
        self, client: httpx.AsyncClient, endpoints: Mapping[str, Endpoint], clock: Callable[[], datetime]
    ) -> None:
        self._client, self._clock = client, clock
        self._endpoints = {unit: (one.url, one.key()) for unit, one in endpoints.items()}

    async def send(self, message: Message) -> Outcome:
        """Hand one notice to the unit's endpoint; any 2xx says that it is there."""
        endpoint = self._endpoints.get(message.to.value)
        if endpoint is None:
            return Undeliverable("no_endpoint")
        url, key = endpoint
        body = document(message)
        stamp = str(int(self._clock().timestamp()))
        headers = {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": str(message.message_id),
            "webhook-timestamp": stamp,
            "webhook-signature": signature(key, str(message.message_id), stamp, body),
        }
        response = await self._client.post(url, content=body, headers=headers)
        if response.is_success:
            return Sent(delivered=True)
        code = f"http_{response.status_code}"
        return Undeliverable(code) if response.status_code in _REFUSED else Later(code)

    async def close(self) -> None:
        """The client is the caller's."""


def document(message: Message) -> bytes:
    """The notice as a CloudEvent 1.0 in JSON; `subject` is the case."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(message.message_id),
        "source": "notify",
        "type": TYPE,
        "subject": str(message.case_id),
        "datacontenttype": "application/json",
        "data": {
            "unit": message.to.value,
            "case_id": str(message.case_id),
            "event": message.event_id,
            "notice": message.name,
            "facts": message.params,
            "subject": message.subject,
            "text": message.text,
        },
    }
    if message.at is not None:
        event["time"] = message.at.astimezone(UTC)
    return orjson.dumps(event, option=orjson.OPT_UTC_Z)


def signature(key: bytes, name: str, stamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    mac = hmac.digest(key, f"{name}.{stamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"
