"""How reporters are reached: read by the notifying service alone, for the moment of sending (R-PRIV-01).

The service keeps nothing of it. Each reading is recorded: who, when, which report, for what purpose.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Response

from chassis.database import Pool
from chassis.host import Host
from chassis.http import Principal, allow
from chassis.masking import mask
from chassis.vault import sealed_in
from schemas.values import Sealed
from services.intake.bodies import ContactsBody, WhoseContact
from services.intake.callers import NOTIFYING, Caller, caller
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.persons import PersonalRecord, dialled
from services.intake.views import ContactsView, ContactView

_log = logging.getLogger(__name__)
_ALLOWED: Final = (
    "SELECT u.case_id, u.report, f.unit FROM unnest($1::uuid[], $2::uuid[]) AS u(case_id, report)"
    " JOIN intake.case_file f ON f.case_id = u.report JOIN intake.aggregate a ON a.case_id = u.report"
    " WHERE u.report = u.case_id"
    " OR (a.state ->> 'linked_to' = u.case_id::text AND a.state ->> 'withdrawn' IS NULL)"
)
_RECORDS: Final = (
    "SELECT r.case_id, r.record_id, k.key_id, k.wrapped_key, r.ciphertext FROM intake.personal_record r"
    " JOIN intake.record_key k USING (record_id) WHERE r.case_id = ANY($1::uuid[]) ORDER BY r.record_id"
)
_LOG: Final = (
    "INSERT INTO intake.access_log (case_id, subject, role, unit, purpose, outcome)"
    " SELECT u.case_id, $3, $4, $5, $6, u.outcome FROM unnest($1::uuid[], $2::text[]) AS u(case_id, outcome)"
)
Notifier = Annotated[Principal, allow(*NOTIFYING)]


def add_contact_route(app: FastAPI, host: Host[IntakeState], desk: Desk) -> None:
    """Add `POST /v1/contacts`."""

    @app.post(
        "/v1/contacts",
        tags=["personal data"],
        summary="How to reach the reporters of up to 500 reports; the access is recorded",
    )
    async def contacts(body: ContactsBody, principal: Notifier, response: Response) -> ContactsView:
        who = caller(principal, desk.jurisdiction, NOTIFYING)
        response.headers["Cache-Control"] = "no-store"
        return ContactsView(contacts=tuple(await read_contacts(host.pool, desk, body, who)))


async def read_contacts(
    pool: Pool, desk: Desk, body: ContactsBody, who: Caller
) -> Sequence[ContactView | None]:
    """Return the contacts in the order in which they were asked for. The access is logged first.

    Raises VaultError where a record was tampered with, or its master key is not there.
    """
    cases, reports = [one.case_id for one in body.contacts], [one.report for one in body.contacts]
    sealed: dict[UUID, list[Sealed]] = defaultdict(list)
    async with pool.acquire() as connection, connection.transaction():
        found = await connection.fetch(_ALLOWED, cases, reports)
        allowed = {(row[0], row[1]) for row in found if _is_near(desk, who, row[2])}
        wanted = list({report for _, report in allowed})
        for row in await connection.fetch(_RECORDS, wanted):
            sealed[row[0]].append(sealed_in(row[1:]))
        outcomes = ["read" if report in sealed else "nothing" for report in wanted]
        purpose = mask(body.purpose)
        logged = (who.recorded_as, who.role.value, who.unit, purpose)
        await connection.execute(_LOG, wanted, outcomes, *logged)
    _log.info(
        "how to reach reporters was read; the access log says of whom and why", extra={"records": len(wanted)}
    )
    shown = {report: _shown(desk, report, sealed[report]) for report in wanted}
    return [_of(one, shown) if (one.case_id, one.report) in allowed else None for one in body.contacts]


def _is_near(desk: Desk, who: Caller, unit: str) -> bool:
    return who.unit is None or desk.jurisdiction.in_scope(who.unit, unit)


def _of(one: WhoseContact, shown: dict[UUID, ContactView]) -> ContactView:
    return shown[one.report].model_copy(update={"case_id": one.case_id})


def _shown(desk: Desk, report: UUID, records: Sequence[Sealed]) -> ContactView:
    """Open the records of a report; only the reporter's own among them says how to reach them."""
    for record in records:
        person = PersonalRecord.model_validate_json(desk.vault.open(report, record))
        if refs := desk.address_refs(person):
            return ContactView(
                case_id=report,
                report=report,
                language="en" if person.language == "en" else "zh",
                phone=dialled(person.phone) if person.phone else None,
                email=person.email,
                wechat=person.wechat,
                tracking_code=desk.codes.of(report),
                refs=refs,
            )
    return ContactView(case_id=report, report=report)
