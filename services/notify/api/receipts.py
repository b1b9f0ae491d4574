"""Receipts: the gateway says which messages arrived. Open to whoever signs with the shared secret.

The body is the gateway's list of reports (SmsReport); the signature is that of the Standard Webhooks specification,
as we sign ourselves: over `<webhook-id>.<webhook-timestamp>.<body>`. A gateway that cannot sign is put behind
a relay that can.
"""

import base64
import hmac
import logging
from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chassis.http import Problem, public
from services.notify.api.office import Office
from services.notify.queue import Receipt, receive
from services.notify.senders.webhook import signature

_log = logging.getLogger(__name__)
TOLERANCE_S: Final = 300
"""How far the sender's clock, or the way here, may differ, in seconds."""


class SmsReport(BaseModel):
    """What the gateway reports of one message; the phone number in it is not even read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    out_id: UUID
    success: bool
    err_code: Annotated[str, Field(max_length=64)] = ""


_REPORTS: Final = TypeAdapter(Annotated[tuple[SmsReport, ...], Field(min_length=1, max_length=1000)])


class Taken(BaseModel):
    """What the gateway expects to hear."""

    code: int = 0
    msg: str = "成功"


def add_receipt_route(app: FastAPI, office: Office) -> None:
    """Add `POST /v1/receipts/sms`."""
    secret = office.settings.receipt_secret
    assert secret is not None  # noqa: S101 - the caller has looked
    key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"))

    @app.post("/v1/receipts/sms", tags=["receipts"], summary="What became of text messages; signed")
    @public
    async def receipts(request: Request) -> Taken:
        body = await request.body()
        now = office.host.clock()
        check_signature(key, request.headers, body, now.timestamp())
        try:
            reports = _REPORTS.validate_json(body)
        except ValidationError:
            detail = "Send a list of 1 to 1,000 reports with out_id, success and err_code."
            raise Problem(422, "receipts_unreadable", "The receipts cannot be read", detail) from None
        told = [Receipt(one.out_id, one.success, one.err_code or "not_arrived") for one in reports]
        async with office.host.pool.acquire() as connection, connection.transaction():
            news = await receive(connection, told, now)
        _log.info("receipts", extra={"records": news})
        return Taken()


def check_signature(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Raise Problem 401 where the signature is missing, wrong or too old. `now` is in seconds since 1970."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()
    right = signature(key, name, stamp, body)
    is_right = any(hmac.compare_digest(right.encode(), one.encode()) for one in given)
    is_fresh = stamp.isascii() and stamp.isdigit() and abs(now - int(stamp)) <= TOLERANCE_S
    if not (is_right and is_fresh):
        detail = (
            "webhook-id, webhook-timestamp and webhook-signature must be right and of the last 5 minutes."
        )
        raise Problem(401, "signature_invalid", "The signature is not right", detail)
